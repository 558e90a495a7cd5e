"""Pictures of a pool in the plane: `project(dataset, method)`; `available(dataset)`, `label(method)`, `card(method)` for menus.

PCA is computed in place; UMAP and t-SNE in a process of their own. All are kept on disk by content.
"""

import time
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from alviz.data.cache import cached
from alviz.data.dataset import Dataset
from alviz.data.hashing import hash_arrays, hash_text
from alviz.progress import Progress, silent
from alviz.projections.base import REDUCED_TO, Projection, available, card, known, label
from alviz.projections.pca import principal_components
from alviz.projections.quality import trustworthiness

__all__ = ["Projection", "available", "card", "known", "label", "project", "trustworthiness"]

FEWEST = 5
RECIPE = 1
"""Part of the cache key: raise it when the computation changes, and no old picture is shown for a new one."""

_PACKAGES = {"umap": "umap-learn", "tsne": "openTSNE"}
_FIGURES = {"pca": ("axis_1", "axis_2"), "umap": ("components", "kept"), "tsne": ("components", "kept")}


def project(
    data: "Dataset | NDArray[np.float32]", method: str, *, seed: int = 0, progress: Progress = silent, keep: bool = True
) -> Projection:
    """The samples of `data` (a Dataset, or features (n, d)) in the plane.

    A Dataset without features is seen through its flattened pixels. method: "plane" (2 features as they are), "pca", "umap" or "tsne";
    the same seed gives the same picture on one machine. `progress` may raise `Cancelled`, which stops everything within a moment. keep: take the
    result from the disk cache (`alviz.data.cache`) where it is, and leave it there.
    Raises ValueError for an unknown or unsuitable method, features that are not finite, or fewer than 5 samples for UMAP and t-SNE;
    RuntimeError when UMAP or t-SNE fails.
    """
    x = _features(data)
    if method == "plane" and x.shape[1] != 2:
        raise ValueError(f"projection 'plane' needs exactly 2 features, these data have {x.shape[1]}")
    if known(method) in _PACKAGES and len(x) < FEWEST:
        raise ValueError(f"{label(method)} needs at least {FEWEST} samples, these data have {len(x)}")
    if method == "plane":
        progress(1.0)
        return Projection(x.astype(np.float32), method, 1.0, 0.0)
    computed = False

    def compute() -> NDArray[np.float64]:
        nonlocal computed
        computed = True
        return _computed(x, method, seed, progress)

    record = cached("projections", _key(x, method, seed), compute) if keep else compute()
    progress(1.0)
    figures = record[2 * len(x) :].tolist()
    extra = dict(zip(_FIGURES[method], figures[2:], strict=True))
    points = np.asarray(record[: 2 * len(x)], dtype=np.float32).reshape(-1, 2)
    return Projection(points, method, figures[0], figures[1], not computed, extra)


def _computed(x: NDArray[np.float32], method: str, seed: int, progress: Progress) -> NDArray[np.float64]:
    """A projection as one array for the cache: 2·n coordinates, trustworthiness, seconds, and the method's two figures."""
    start = time.perf_counter()
    count = 2 if method == "pca" else REDUCED_TO
    end_of_pca = 0.9 if method == "pca" else 0.05
    scores, shares = principal_components(x, count, seed=seed, progress=lambda f: progress(end_of_pca * f))
    points = np.zeros((len(x), 2), dtype=np.float32)
    if method == "pca":
        points[:, : scores.shape[1]] = scores
        extra = [*shares.tolist(), 0.0][:2]
    else:
        # Equal samples have no neighbourhood to show: they stay on one point.
        if scores.any():
            from alviz.projections.remote import embed

            points = embed(method, scores, seed, lambda f: progress(0.05 + 0.92 * f))
        extra = [float(len(shares)), float(shares.sum())]
    quality = trustworthiness(x, points, seed=seed)
    return np.concatenate([points.ravel(), [quality, time.perf_counter() - start, *extra]])


def _features(data: "Dataset | NDArray[np.float32]") -> NDArray[np.float32]:
    if isinstance(data, Dataset):
        if data.features is not None:
            return data.features
        assert data.images is not None
        return data.images.reshape(len(data), -1).astype(np.float32) / np.float32(255)
    x = np.asarray(data, dtype=np.float32)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"features to project must be an array (n, d) that is not empty, not {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"features to project hold {int((~np.isfinite(x)).sum())} values that are NaN or infinite")
    return x


def _key(x: NDArray[np.float32], method: str, seed: int) -> str:
    packages = [version(_PACKAGES[method])] if method in _PACKAGES else []
    return hash_text([hash_arrays(x), method, seed, RECIPE, *packages])
