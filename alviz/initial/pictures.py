"""What the pools that learn from the pictures themselves share: their images, and results kept on disk."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.cache import cached
from alviz.data.dataset import Dataset
from alviz.data.hashing import hash_arrays, hash_text
from alviz.progress import Progress

RECIPE = 1
"""Part of the cache's key: raise it when a computation changes, and nothing old is taken for new."""

SIZE = 32
"""Side in pixels down to which larger pictures are scaled, unless told otherwise."""

SIZE_OPTION = "Larger pictures are scaled down to this many pixels a side before anything is learned from them."


def needs_images(dataset: Dataset) -> str:
    """ "images" where the dataset has none, else ""."""
    return "" if dataset.images is not None else "images"


def learned(
    dataset: Dataset,
    what: list[Any],
    rng: np.random.Generator,
    progress: Progress,
    compute: Callable[[NDArray[np.uint8], int], NDArray[Any]],
) -> NDArray[Any]:
    """compute(images, seed) with a seed from rng, kept under the content of the images, `what` (name and settings) and the seed."""
    assert dataset.images is not None
    images, seed = dataset.images, int(rng.integers(2**53))  # a number that JSON keeps exactly
    found = cached("self-supervised", hash_text([RECIPE, *what, seed, hash_arrays(images)]), lambda: compute(images, seed), len(images))
    progress(1.0)
    return found
