"""Principal components in plain numpy, in blocks, so that it can be cancelled and holds no second copy of the features."""

import numpy as np
from numpy.typing import NDArray

from alviz.progress import Progress, silent

BLOCK = 4096
WIDEST = 2048
"""Up to this many features the covariance is formed; beyond, the directions come from this many rows."""


def principal_components(
    x: NDArray[np.float32], count: int, *, seed: int = 0, progress: Progress = silent
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """(n, c) float32 scores and (c,) float64 shares of the variance, c = min(count, d) with zero columns where the rank is lower.

    x: (n, d). Signs are fixed: in each direction the weight of largest size is positive. Shares are 0 where x is constant.
    """
    n, d = x.shape
    mean = np.zeros(d)
    for start in range(0, n, BLOCK):
        mean += x[start : start + BLOCK].sum(axis=0, dtype=np.float64)
        progress(0.2 * start / n)
    mean /= n
    count = min(count, d)
    directions = _of_covariance(x, mean, count, progress) if d <= WIDEST else _of_rows(x, mean, count, np.random.default_rng(seed))
    largest = np.abs(directions).argmax(axis=0)
    directions *= np.where(directions[largest, np.arange(directions.shape[1])] < 0, -1.0, 1.0)
    scores = np.zeros((n, count), dtype=np.float32)
    total, along = 0.0, np.zeros(count)
    for start in range(0, n, BLOCK):
        progress(0.6 + 0.4 * start / n)
        centered = x[start : start + BLOCK] - mean
        part = centered @ directions
        total += float(np.einsum("ij,ij->", centered, centered))
        along[: part.shape[1]] += np.einsum("ij,ij->j", part, part)
        scores[start : start + BLOCK, : part.shape[1]] = part
    progress(1.0)
    return scores, along / total if total > 0 else np.zeros(count)


def _of_covariance(x: NDArray[np.float32], mean: NDArray[np.float64], count: int, progress: Progress) -> NDArray[np.float64]:
    """(d, count) leading eigenvectors of the covariance."""
    scatter = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), BLOCK):
        progress(0.2 + 0.4 * start / len(x))
        centered = x[start : start + BLOCK] - mean
        scatter += centered.T @ centered
    return np.linalg.eigh(scatter)[1][:, ::-1][:, :count].copy()


def _of_rows(x: NDArray[np.float32], mean: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(d, ≤ count) leading right singular vectors of at most WIDEST rows, by way of their small Gram matrix; those of no variance left out."""
    rows = np.sort(rng.choice(len(x), size=min(WIDEST, len(x)), replace=False))
    centered = x[rows] - mean
    squares, left = np.linalg.eigh(centered @ centered.T)
    squares, left = squares[::-1][:count], left[:, ::-1][:, :count]
    kept = squares > squares[0] * 1e-10
    return (centered.T @ left[:, kept]) / np.sqrt(squares[kept])
