"""A dataset's features from its images, cached by content."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data import extractors
from alviz.data.cache import cached, cached_rows, kept, look_up
from alviz.data.dataset import Dataset
from alviz.data.extractors.base import Extractor, Features, Images
from alviz.data.hashing import hash_arrays, hash_text, row_hashes
from alviz.progress import Progress, silent


def with_features(dataset: Dataset, extractor: "str | Extractor | Callable[..., Any]", progress: Progress = silent) -> Dataset:
    """`dataset` with the features that `extractor` (a name, an Extractor, any callable on images) gives for pool and test set.

    What an extractor learns (PCA's directions) it learns from the pool. Features are cached on disk under a hash of the images, the extractor's
    name, version, settings and weights (`alviz.data.cache`); work that was cancelled goes on where it stopped, and of a pool that has grown only the new
    pictures are looked at, unless the extractor learns from the pool. `spec` then names the extractor; it
    is None for one that no name makes again, and for a pool that was thinned before. Raises ValueError when there are no images.
    """
    if dataset.images is None:
        raise ValueError(f"dataset {dataset.name!r} has no images to take features from")
    found = extractors.resolve(extractor)
    test = dataset.test
    test_images = None if test is None else test.images
    share = 1.0 if test_images is None else len(dataset) / (len(dataset) + len(test_images))
    fit = _Fitted(found, dataset.images)
    features = fit.features(dataset.images, lambda f: progress(share * f))
    if test is not None and test_images is not None:
        test_features = fit.features(test_images, lambda f: progress(share + (1.0 - share) * f))
        test = replace(test, features=test_features, extractor=found.label)
    return replace(dataset, features=features, test=test, extractor=found.label, spec=_spec(dataset.spec, found))


LATEST = 8
"""Sets of pictures whose features are looked through for pictures of a new one."""


class _Fitted:
    """An extractor and the pool it is fitted on; fitted only when something is not in the cache."""

    def __init__(self, extractor: Extractor, pool: Images):
        self.extractor = extractor
        self.pool = pool
        self.fitted: Extractor | None = None
        key = extractor.key
        self.named = None if key is None or not extractor.name else [extractor.name, extractor.version, key]
        if self.named is not None:
            self.pool_hash = hash_arrays(pool)
            # What learns nothing from the pool gives the same features beside any other one.
            self.named.append(self.pool_hash if type(extractor).fitted is not Extractor.fitted else None)

    def features(self, images: Images, progress: Progress) -> Features:
        """The features of `images`, the pool's or others."""
        if self.named is None:
            return self._compute(images, progress)
        n = len(images)
        own = self.pool_hash if images is self.pool else hash_arrays(images)
        key, pictures = hash_text([*self.named, own]), f"pictures/{hash_text(self.named)}"
        known = _Known(images, pictures)

        def part(start: int, stop: int) -> Features:
            rest, found = known.among(start, stop)
            if len(rest) == stop - start:
                return self._compute(images[start:stop], lambda f: progress((start + f * (stop - start)) / n))
            if len(rest):
                found[rest - start] = self._compute(images[rest], lambda f: progress((start + f * (stop - start)) / n))
            return found

        features: Features = cached_rows("features", key, n, part)
        if isinstance(features, np.memmap):  # they were kept
            cached(pictures, key, lambda: known.hashes, n)
        progress(1.0)
        return features

    def _compute(self, images: Images, progress: Progress) -> Features:
        if self.fitted is None:
            self.fitted = self.extractor.fitted(self.pool, lambda f: progress(0.5 * f))
            return self.fitted.extract(images, lambda f: progress(0.5 + 0.5 * f))
        return self.fitted.extract(images, progress)


class _Known:
    """Features that other sets of pictures have in the cache for some of `images`. pictures: the kind under which the hashes of their pictures are kept."""

    def __init__(self, images: Images, pictures: str):
        self.images = images
        self.pictures = pictures

    @cached_property
    def hashes(self) -> NDArray[np.uint8]:
        """(n, 16) of the images."""
        return row_hashes(self.images)

    @cached_property
    def places(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64], Features]]:
        """For each of the last sets: the images that are in it, their rows there, its features."""
        found = []
        mine = self.hashes.view("V16").ravel()
        for key, theirs in kept(self.pictures, LATEST).items():
            features = look_up("features", key, len(theirs))
            if features is not None:
                row = {name: k for k, name in enumerate(np.ascontiguousarray(theirs).view("V16").ravel().tolist())}
                at = np.array([row.get(name, -1) for name in mine.tolist()], dtype=np.int64)
                found.append((np.flatnonzero(at >= 0), at[at >= 0], features))
        return found

    def among(self, start: int, stop: int) -> tuple[NDArray[np.int64], Features]:
        """(the images of this part that are in no other set, the features of the part with those of the others filled in)."""
        out, rest = np.empty((0, 0), np.float32), np.ones(stop - start, dtype=bool)
        for here, there, features in self.places:
            inside = (here >= start) & (here < stop)
            if inside.any():
                out = out if out.size else np.empty((stop - start, features.shape[1]), np.float32)
                out[here[inside] - start] = features[there[inside]]
                rest[here[inside] - start] = False
        return start + np.flatnonzero(rest), out


def _spec(spec: dict[str, Any] | None, extractor: Extractor) -> dict[str, Any] | None:
    made = getattr(extractor, "_spec", None)
    if spec is None or made is None or made["params"] or "imbalance" in spec["params"]:
        return None
    return {**spec, "params": {**spec["params"], "extractor": made["name"]}}
