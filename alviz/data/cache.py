"""A cache of arrays on disk, named by what they were computed from."""

import os
import secrets
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PART = 4096
"""Rows kept at a time by `cached_rows`: what is lost at most when the work is interrupted."""


def folder() -> Path:
    """Where cached arrays lie: $ALVIZ_CACHE, or else the user's cache folder. It can be deleted at any time."""
    chosen = os.environ.get("ALVIZ_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("alviz"))


def cached(kind: str, key: str, compute: Callable[[], NDArray[Any]], rows: int | None = None) -> NDArray[Any]:
    """The array `compute()` gives, computed once per (kind, key) on this machine; a memory map of the file where it could be kept.

    A file appears under its name only when it is whole (written beside it, then renamed), so any number of processes may compute and
    write at once, and one that was damaged since (not an array, not of the length it states, not `rows` long) is computed again. Where the
    folder cannot be written the array is computed every time, with a warning.
    """
    path = folder() / kind / f"{key}.npy"
    stored = _read(path, rows)
    return _kept(path, [np.ascontiguousarray(compute())]) if stored is None else stored


def cached_rows(kind: str, key: str, n: int, compute: Callable[[int, int], NDArray[Any]]) -> NDArray[Any]:
    """The n rows that compute(start, stop) gives, PART at a time, as `cached` keeps them.

    Every part is kept as soon as it is there, so that work that was cancelled, or killed, goes on where it stopped.
    """
    if n <= PART:
        return cached(kind, key, lambda: compute(0, n), n)
    path = folder() / kind / f"{key}.npy"
    stored = _read(path, n)
    if stored is not None:
        return stored
    parts = []
    for start in range(0, n, PART):
        stop = min(start + PART, n)
        parts.append(cached(f"{kind}/{key}", str(start), lambda a=start, b=stop: compute(a, b), stop - start))  # type: ignore[misc]
    whole = _kept(path, parts)
    with suppress(OSError):  # another process may still have files there; the last one tidies up
        for start in range(0, n, PART):
            (path.with_suffix("") / f"{start}.npy").unlink(missing_ok=True)
        path.with_suffix("").rmdir()
    return whole


def kept(kind: str, most: int) -> dict[str, NDArray[Any]]:
    """The arrays of a kind by their keys, newest first, `most` at most."""
    found = sorted((folder() / kind).glob("*.npy"), key=lambda path: -_time(path))
    arrays = ((path.stem, _read(path, None)) for path in found[:most])
    return {key: array for key, array in arrays if array is not None}


def look_up(kind: str, key: str, rows: int | None = None) -> NDArray[Any] | None:
    """The array of that name as a memory map, if it is kept, whole, and `rows` long."""
    return _read(folder() / kind / f"{key}.npy", rows)


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # another process has just deleted it
        return 0


def _read(path: Path, rows: int | None) -> NDArray[Any] | None:
    try:
        array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
        whole = path.stat().st_size == array.offset + array.nbytes
    except (OSError, ValueError, EOFError):
        return None
    return array if whole and rows in (None, len(array)) else None


def _kept(path: Path, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The parts, one below the other, as a memory map of their new file; in memory where they cannot be kept."""
    try:
        _write(path, parts)
    except OSError as error:
        warnings.warn(f"cannot keep {path.parent.name} in {path.parent} ({error}); they will be computed again next time")
    stored = _read(path, sum(map(len, parts)))
    if stored is not None:
        return stored
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _write(path: Path, parts: Sequence[NDArray[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{secrets.token_hex(6)}.part")
    first = parts[0]
    header = {"descr": np.lib.format.dtype_to_descr(first.dtype), "fortran_order": False, "shape": (sum(map(len, parts)), *first.shape[1:])}
    try:
        with part.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for array in parts:
                file.write(array.data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
