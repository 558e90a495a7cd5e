"""Content hashes: the names of cached things, and how the store knows a dataset again."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset


def hash_arrays(*arrays: NDArray[np.generic] | None) -> str:
    """32 hex digits over values, shapes and dtypes, in order. The same on every machine."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if array is None:
            digest.update(b"none;")
            continue
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{little.dtype.str}{little.shape};".encode())
        for start in range(0, len(little), 4096):
            digest.update(np.ascontiguousarray(little[start : start + 4096]).data)
    return digest.hexdigest()


def hash_text(parts: Sequence[object]) -> str:
    """32 hex digits over JSON-able parts."""
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()


def content_hash(dataset: Dataset) -> str:
    """32 hex digits over a pool's ids, features, images and targets (not over its name, its spec or its test set)."""
    return hash_text([list(dataset.ids), hash_arrays(dataset.features, dataset.images, dataset.targets)])


def row_ids(array: NDArray[np.generic]) -> list[str]:
    """One id per row from its content, so that rows added or moved change no other row's id; repeated rows get -2, -3, … in order."""
    seen: dict[str, int] = {}
    ids = []
    for row in array:
        key = hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=8).hexdigest()
        seen[key] = seen.get(key, 0) + 1
        ids.append(key if seen[key] == 1 else f"{key}-{seen[key]}")
    return ids
