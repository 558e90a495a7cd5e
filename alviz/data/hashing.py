"""Content hashes: the names of cached things, and how the store knows a dataset again."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset

CHUNK = 1 << 22
"""Bytes hashed at a time: threads share the chunks, and of an array on disk no more than a few are in memory."""


def hash_arrays(*arrays: NDArray[np.generic] | None) -> str:
    """32 hex digits over values, shapes and dtypes, in order. The same on every machine."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if array is None:
            digest.update(b"none;")
            continue
        little = array.dtype.newbyteorder("<")
        digest.update(f"{little.str}{array.shape};".encode())
        rows = max(1, CHUNK * len(array) // max(1, array.nbytes))

        def part(start: int, array: NDArray[np.generic] = array, little: np.dtype[np.generic] = little, rows: int = rows) -> bytes:
            block = np.ascontiguousarray(array[start : start + rows].astype(little, copy=False))
            return hashlib.blake2b(block.data, digest_size=16).digest()

        for hashed in _over_threads(part, range(0, len(array), rows)):
            digest.update(hashed)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """32 hex digits over the content of a file; read again only when its size or its time has changed."""
    state = path.stat()
    return _hash_file(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _hash_file(path: Path, size: int, time: int) -> str:
    def part(start: int) -> bytes:
        with path.open("rb") as file:
            file.seek(start)
            return hashlib.blake2b(file.read(CHUNK), digest_size=16).digest()

    return hashlib.blake2b(b"".join(_over_threads(part, range(0, size, CHUNK))), digest_size=16).hexdigest()


def hash_text(parts: Sequence[object]) -> str:
    """32 hex digits over JSON-able parts."""
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()


def content_hash(dataset: Dataset) -> str:
    """32 hex digits over a pool's ids, features, images and targets (not over its name, its spec or its test set)."""
    return hash_text([list(dataset.ids), hash_arrays(dataset.features, dataset.images, dataset.targets)])


def row_hashes(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    """(n, 16) uint8: a hash of every row's content."""
    digests = (hashlib.blake2b(np.ascontiguousarray(row).data, digest_size=16).digest() for row in array)
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(len(array), 16)


def row_ids(array: NDArray[np.generic]) -> list[str]:
    """One id per row from its content, so that rows added or moved change no other row's id; repeated rows get -2, -3, … in order."""
    seen: dict[str, int] = {}
    ids = []
    for row in array:
        key = hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=8).hexdigest()
        seen[key] = seen.get(key, 0) + 1
        ids.append(key if seen[key] == 1 else f"{key}-{seen[key]}")
    return ids


def _over_threads(part: Callable[[int], bytes], starts: Sequence[int]) -> Iterable[bytes]:
    """part(start) for every start, in order. Hashing and reading leave the interpreter's lock, so threads share the work."""
    if len(starts) < 2:
        return [part(start) for start in starts]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(part, starts))
