"""Arrays that travel to other processes: what lies in a memory-mapped file goes there as the file's name, not as its contents."""

import mmap
from dataclasses import dataclass
from typing import Any

import numpy as np

from alviz.strategies.device import Array, host


@dataclass(frozen=True)
class Piece:
    """An array that is pickled as path, offset, dtype, shape and strides where it is (a view of) a memory map, else by its contents."""

    array: Any

    def __reduce__(self) -> Any:
        root = mapped(self.array)
        if root is None:
            return Piece, (np.ascontiguousarray(host(self.array)),)
        if root.mode != "r":
            root.flush()
        start = root.offset - root.offset % mmap.ALLOCATIONGRANULARITY  # where the operating system's mapping begins in the file
        offset = start + self.array.ctypes.data - np.frombuffer(root._mmap, dtype=np.uint8).ctypes.data  # type: ignore[attr-defined]
        return reopened, (str(root.filename), offset, self.array.dtype.str, self.array.shape, self.array.strides)


def mapped(array: Any) -> np.memmap | None:
    """The memory map of a file that `array` is a view of, if any (one with private changes, mode "c", does not count)."""
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array if array is not None and array.filename and array.mode != "c" else None


def reopened(path: str, offset: int, dtype: str, shape: tuple[int, ...], strides: tuple[int, ...]) -> Piece:
    """The piece of a file, mapped again."""
    array: Array = np.ndarray(shape, np.dtype(dtype), np.memmap(path, np.uint8, "r"), offset, strides)
    return Piece(array)
