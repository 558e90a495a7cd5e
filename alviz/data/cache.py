"""A cache of arrays on disk, named by what they were computed from."""

import os
import secrets
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def folder() -> Path:
    """Where cached arrays lie: $ALVIZ_CACHE, or else the user's cache folder. It can be deleted at any time."""
    chosen = os.environ.get("ALVIZ_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("alviz"))


def cached(kind: str, key: str, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """The array `compute()` gives, computed once per (kind, key) on this machine; a memory map when it comes from disk.

    A file appears under its name only when it is whole (written beside it, then renamed), and one that was damaged since is computed
    again. Where the folder cannot be written the array is computed every time, with a warning.
    """
    path = folder() / kind / f"{key}.npy"
    stored = _read(path)
    if stored is not None:
        return stored
    array = np.ascontiguousarray(compute())
    try:
        _write(path, array)
    except OSError as error:
        warnings.warn(f"cannot keep {kind} in {path.parent} ({error}); they will be computed again next time")
    return array


def _read(path: Path) -> NDArray[Any] | None:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array


def _write(path: Path, array: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{secrets.token_hex(6)}.part")
    try:
        with part.open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
