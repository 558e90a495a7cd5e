"""Where arrays live: numpy arrays on the host or torch tensors on a device, handled by the same code."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Indices = NDArray[np.int64]
Floats = NDArray[np.float64]

BLOCK_BYTES = 64 * 2**20
"""Size of the largest temporary array of one step of a blocked computation."""


def host(x: Any) -> Array:
    """x as a numpy array; a torch tensor is brought to the host."""
    return x if isinstance(x, np.ndarray) else np.asarray(x.detach().cpu().numpy()) if hasattr(x, "detach") else np.asarray(x)


def namespace(x: Any) -> Any:
    """The functions that belong to x (numpy's or torch's), under the names of the Python array API standard."""
    from array_api_compat import array_namespace

    return array_namespace(x)


def beside(values: Array, x: Any) -> Any:
    """A numpy array as an array of x's kind, where x lives, in its own dtype."""
    return values if isinstance(x, np.ndarray) else namespace(x).asarray(values, device=x.device)


def block_rows(columns: int, itemsize: int = 4) -> int:
    """How many rows of `columns` numbers of `itemsize` bytes fit into BLOCK_BYTES (at least 1)."""
    return max(1, BLOCK_BYTES // max(1, columns * itemsize))
