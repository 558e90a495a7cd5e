"""What methods share that ask the model about changed samples: its answers, block by block, and typical members of what stood out."""

from collections.abc import Iterator

import numpy as np

from alviz.progress import Progress
from alviz.strategies import lloyd
from alviz.strategies.device import Array, Indices
from alviz.strategies.pool import PoolView

NUMBERS = 2**20
"""In the features that are changed and asked about at once, at most."""


def blocks(rows: Indices, columns: int) -> Iterator[Indices]:
    """`rows` in parts with at most NUMBERS values in so many columns."""
    step = max(1, NUMBERS // columns)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def answers(pool: PoolView, x: Array) -> Indices:
    """(m,) the class that the model predicts for each row of x (m, d); ties: the lowest class."""
    return np.asarray(pool.predict(x)).argmax(axis=1).astype(np.int64)


def representatives(pool: PoolView, rows: Indices, n: int, rng: np.random.Generator, progress: Progress) -> Indices:
    """n of `rows` (positions among the candidates, at least n): the samples nearest to the centroids of n clusters of unit-length features."""
    if len(rows) == n:
        return rows
    view = pool.restrict(pool.candidates[rows])
    points = unit_length(view.features)
    centres = lloyd.centroids(points, n, rng, lambda share: progress(0.9 * share))
    return rows[lloyd.representatives(points, centres, lambda share: progress(0.9 + 0.1 * share))]


def unit_length(x: Array) -> Array:
    """The rows of x (m, d) divided by their Euclidean lengths, in their own dtype; a row of zeros stays as it is."""
    out = np.empty_like(x, order="C")
    for part in blocks(np.arange(len(x)), x.shape[1]):
        wide = np.array(x[part], dtype=np.float64, order="C")
        scale = np.abs(wide).max(axis=1, keepdims=True)
        wide /= np.where(scale > 0, scale, 1.0)  # so that no square overflows
        norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))[:, None]
        out[part] = wide / np.where(norms > 0, norms, 1.0)
    return out
