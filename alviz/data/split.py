"""Choosing rows class by class."""

import numpy as np
from numpy.typing import NDArray


def stratified(targets: NDArray[np.int64], per_class: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Sorted rows, `per_class` of every class, drawn at random."""
    chosen = [rng.choice(np.flatnonzero(targets == k), size=per_class, replace=False) for k in np.unique(targets)]
    return np.sort(np.concatenate(chosen)).astype(np.int64)
