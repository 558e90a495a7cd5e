"""How far a picture can be trusted."""

import numpy as np
from numpy.typing import NDArray

NEIGHBORS = 15
SAMPLE = 1000


def trustworthiness(x: NDArray[np.float32], points: NDArray[np.float32], *, seed: int = 0) -> float:
    """Trustworthiness T(k) with k = 15 (Venna and Kaski 2001): 1 − 2/(n·k·(2n − 3k − 1)) · Σᵢ Σⱼ max(0, r(i, j) − k).

    j runs over the k nearest neighbours of i in the picture, r(i, j) is the rank of j among i's neighbours in feature space. x: (n, d),
    points: (n, 2). Beyond 1,000 samples a seeded subsample of 1,000 stands for the pool and its neighbours are sought within it; k is less
    for fewer than 32 samples. NaN for fewer than 3 samples and where all samples are equal.
    """
    if len(x) > SAMPLE:
        chosen = np.sort(np.random.default_rng(seed).choice(len(x), size=SAMPLE, replace=False))
        x, points = x[chosen], points[chosen]
    n = len(x)
    k = min(NEIGHBORS, (n - 1) // 2)
    if k < 1 or (x == x[0]).all():
        return float("nan")
    ranks = np.empty((n, n), dtype=np.int64)
    np.put_along_axis(ranks, _order(x), np.arange(1, n + 1)[None, :], axis=1)
    shown = np.take_along_axis(ranks, _order(points)[:, :k], axis=1)
    return float(1.0 - 2.0 / (n * k * (2 * n - 3 * k - 1)) * np.maximum(0, shown - k).sum())


def _order(x: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n, n) the other rows from nearest to farthest, each row itself last; equally far ones by index."""
    x = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    squares = np.einsum("ij,ij->i", x, x)
    distances = np.maximum(squares[:, None] + squares[None, :] - 2.0 * (x @ x.T), 0.0)
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1, kind="stable")
