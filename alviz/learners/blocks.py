"""Products in blocks of fixed size, and the scale that goes with them: a row's result never depends on the rows asked with it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from alviz.learners.base import Array

ROWS = 1024
"""Rows per block. BLAS picks its kernels, and with them the order of its sums, by the shape of the product."""

LIMIT = 1e6
"""Largest standardised feature: a value this far out says nothing more, and float32 products of it stay finite."""


def by_blocks(compute: Callable[[NDArray[np.float32]], Array], x: Array) -> Array:
    """`compute` on every ROWS rows of x (n, d) as float32, the results joined along their first axis; the last block is filled up with zeros.

    compute: (ROWS, d) float32 -> (ROWS, …), row by row. Bit-identical for a row wherever it stands and whatever stands beside it.
    """
    x = np.asarray(x)
    parts = []
    for start in range(0, max(len(x), 1), ROWS):
        block = np.ascontiguousarray(x[start : start + ROWS], dtype=np.float32)
        size = len(block)
        if size < ROWS:
            block = np.concatenate([block, np.zeros((ROWS - size, x.shape[1]), np.float32)])
        parts.append(compute(block)[:size])
    return np.concatenate(parts)


class Standardiser:
    """Training mean and standard deviation per feature, kept in float32. Constant features keep their unit (and teach nothing)."""

    def __init__(self, x: Array):
        wide = np.asarray(x, dtype=np.float64)
        spread = wide.std(axis=0)
        self.mean = wide.mean(axis=0).astype(np.float32)
        # A column of equal float32 values can show a spread of rounding errors.
        constant = spread <= 1e-6 * np.abs(wide).max(axis=0)
        self.factor = (1.0 / np.where(constant, 1.0, spread)).astype(np.float32)

    def __call__(self, x: Array) -> NDArray[np.float32]:
        """x (n, d) standardised, float32, within ±LIMIT."""
        with np.errstate(over="ignore"):
            z = np.subtract(x, self.mean, dtype=np.float32)
            z *= self.factor
        return np.clip(z, -LIMIT, LIMIT, out=z)


def features(x: Array) -> NDArray[np.float32]:
    """x as float32 (n, d). Raises ValueError when it is something else or does not fit into float32."""
    if np.ndim(x) != 2:
        raise ValueError(f"x must be features (n, d), got an array of shape {np.shape(x)}")
    with np.errstate(over="ignore"):
        narrow = np.asarray(x, dtype=np.float32)
    if not np.isfinite(narrow).all():
        raise ValueError("x holds values that float32 cannot hold")
    return narrow
