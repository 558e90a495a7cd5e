"""A dataset's features from its images, cached by content."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from alviz.data import extractors
from alviz.data.cache import cached_rows
from alviz.data.dataset import Dataset
from alviz.data.extractors.base import Extractor, Features, Images
from alviz.data.hashing import hash_arrays, hash_text
from alviz.progress import Progress, silent


def with_features(dataset: Dataset, extractor: "str | Extractor | Callable[..., Any]", progress: Progress = silent) -> Dataset:
    """`dataset` with the features that `extractor` (a name, an Extractor, any callable on images) gives for pool and test set.

    What an extractor learns (PCA's directions) it learns from the pool. Features are cached on disk under a hash of the images, the extractor's
    name, version, settings and weights (`alviz.data.cache`); work that was cancelled goes on where it stopped. `spec` then names the extractor; it
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

        def part(start: int, stop: int) -> Features:
            return self._compute(images[start:stop], lambda f: progress((start + f * (stop - start)) / n))

        own = self.pool_hash if images is self.pool else hash_arrays(images)
        features: Features = cached_rows("features", hash_text([*self.named, own]), n, part)
        progress(1.0)
        return features

    def _compute(self, images: Images, progress: Progress) -> Features:
        if self.fitted is None:
            self.fitted = self.extractor.fitted(self.pool, lambda f: progress(0.5 * f))
            return self.fitted.extract(images, lambda f: progress(0.5 + 0.5 * f))
        return self.fitted.extract(images, progress)


def _spec(spec: dict[str, Any] | None, extractor: Extractor) -> dict[str, Any] | None:
    made = getattr(extractor, "_spec", None)
    if spec is None or made is None or made["params"] or "imbalance" in spec["params"]:
        return None
    return {**spec, "params": {**spec["params"], "extractor": made["name"]}}
