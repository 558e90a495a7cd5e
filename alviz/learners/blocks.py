"""Row-wise computation in blocks of fixed size: a row's result never depends on the rows that are asked with it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from alviz.learners.base import Array

ROWS = 1024
"""Rows per block. BLAS picks its kernels, and with them the order of its sums, by the shape of the product."""


def by_blocks(compute: Callable[[NDArray[np.float32]], Array], x: Array, axis: int = 0) -> Array:
    """`compute` on every ROWS rows of x (n, d), the results joined along `axis`; the last block is filled up with zeros.

    compute: (ROWS, d) float32 -> an array with ROWS entries along `axis`, row by row. A row's result is bit-identical wherever the row
    stands. Raises ValueError when x is not (n, d).
    """
    x = np.asarray(x)
    if x.ndim != 2:
        raise ValueError(f"x must be features (n, d), got an array of shape {x.shape}")
    parts = []
    for start in range(0, max(len(x), 1), ROWS):
        block = np.ascontiguousarray(x[start : start + ROWS], dtype=np.float32)
        size = len(block)
        if size < ROWS:
            block = np.concatenate([block, np.zeros((ROWS - size, x.shape[1]), np.float32)])
        part = compute(block)
        parts.append(part if size == ROWS else np.take(part, np.arange(size), axis=axis))
    return np.concatenate(parts, axis=axis)
