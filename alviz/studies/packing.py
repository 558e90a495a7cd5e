"""Arrays as bytes: safetensors, which holds numbers only and is quick."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays as bytes."""
    from safetensors.numpy import save

    return save({name: np.asarray(array, order="C") for name, array in arrays.items()})


def unpacked(blob: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of `packed`, each one's own to change."""
    from safetensors.numpy import load

    return {name: np.array(array) for name, array in load(bytes(blob)).items()}


def integers(blob: bytes, name: str) -> NDArray[np.int64]:
    """One array of integers of `packed`, without a look at the others."""
    from safetensors import deserialize

    [found] = [held for key, held in deserialize(bytes(blob)) if key == name]
    return np.frombuffer(found["data"], dtype=np.int64)
