"""The Dataset contract: what a pool of samples looks like to everything else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.report import Report

MOST_CLASSES = 10_000
"""More are a mistake: a column of names or measurements taken for classes. Predictions take n times as many numbers."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A pool of n samples, frozen. All indices that alviz hands out are positions in these arrays.

    name: shown to people. ids: n stable strings (what is stored is stored by id). images: uint8 (n, H, W) or (n, H, W, C), or None.
    features: float32 (n, d), or None. targets: int64 (n,), −1 = unknown. class_names: K strings. test: a Dataset of the same form that no
    strategy ever sees, or None (then metrics are cross-validated on the labelled set). spec: JSON-able {"name": …, "params": …} that makes
    the same dataset again, or None for arrays that were handed in. extractor: where the features came from. bayes_accuracy: the best
    accuracy that any classifier can reach on the test set, where the distribution is known, else None. files: where the n originals lie, or None where
    they are no files. report: what became of the files or rows it was made from, or None.
    Raises ValueError when the arrays do not fit together.
    """

    name: str
    ids: Sequence[str]
    images: NDArray[np.uint8] | None
    features: NDArray[np.float32] | None
    targets: NDArray[np.int64]
    class_names: tuple[str, ...]
    test: "Dataset | None" = None
    spec: dict[str, Any] | None = None
    extractor: str = "given"
    source_of: Callable[[int], Any] | None = field(default=None, repr=False)
    bayes_accuracy: float | None = None
    files: Sequence[str] | None = field(default=None, repr=False)
    report: Report | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        n = len(self.ids)
        if n == 0:
            raise ValueError(f"dataset {self.name!r} is empty")
        if len(set(self.ids)) != n:
            raise ValueError(f"dataset {self.name!r}: {n - len(set(self.ids))} of {n} ids occur more than once")
        if self.images is None and self.features is None:
            raise ValueError(f"dataset {self.name!r} has neither images nor features")
        for what, array in (("images", self.images), ("features", self.features), ("targets", self.targets)):
            if array is not None and len(array) != n:
                raise ValueError(f"dataset {self.name!r}: {what} has {len(array)} rows, ids has {n}")
        if self.images is not None and (self.images.dtype != np.uint8 or self.images.ndim not in (3, 4)):
            raise ValueError(
                f"dataset {self.name!r}: images must be uint8 (n, H, W) or (n, H, W, C), not {self.images.dtype} {self.images.shape}"
            )
        if self.features is not None:
            if self.features.dtype != np.float32 or self.features.ndim != 2:
                raise ValueError(f"dataset {self.name!r}: features must be float32 (n, d), not {self.features.dtype} {self.features.shape}")
            if not np.isfinite(self.features).all():
                raise ValueError(f"dataset {self.name!r}: features hold NaN or infinity")
        if self.targets.dtype != np.int64 or self.targets.ndim != 1:
            raise ValueError(f"dataset {self.name!r}: targets must be int64 (n,), not {self.targets.dtype} {self.targets.shape}")
        if len(self.class_names) > MOST_CLASSES:
            raise ValueError(f"dataset {self.name!r} has {len(self.class_names):,} classes: {MOST_CLASSES:,} at most")
        if self.targets.min() < -1 or self.targets.max() >= len(self.class_names):
            raise ValueError(f"dataset {self.name!r}: targets must lie in −1 … {len(self.class_names) - 1}")
        if self.test is not None:
            self._check_test(self.test)

    def _check_test(self, test: "Dataset") -> None:
        if test.class_names != self.class_names:
            raise ValueError(f"dataset {self.name!r}: the test set has other classes")
        for what, mine, its in (("images", self.images, test.images), ("features", self.features, test.features)):
            if mine is not None and (its is None or its.shape[1:] != mine.shape[1:]):
                got = "none" if its is None else its.shape
                raise ValueError(
                    f"dataset {self.name!r}: the test set's {what} must have the shape (m, {str(mine.shape[1:])[1:]}, got {got}"
                )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_classes(self) -> int:
        """K, the number of classes."""
        return len(self.class_names)

    def source(self, i: int) -> Any:
        """The original picture or row of sample i."""
        if self.source_of is not None:
            return self.source_of(i)
        if self.images is not None:
            return self.images[i]
        assert self.features is not None
        return self.features[i]

    def take(self, indices: NDArray[np.int64], **changes: Any) -> "Dataset":
        """The samples `indices` as a dataset of their own (test set kept); `changes` replace further fields."""
        source_of = self.source_of
        fields: dict[str, Any] = {
            "ids": [self.ids[i] for i in indices],
            "images": None if self.images is None else self.images[indices],
            "features": None if self.features is None else self.features[indices],
            "targets": self.targets[indices],
            "files": None if self.files is None else [self.files[i] for i in indices],
            "source_of": None if source_of is None else lambda i: source_of(int(indices[i])),
        }
        return replace(self, **{**fields, **changes})

    def with_classes(self, class_names: Sequence[str]) -> "Dataset":
        """The same samples, test set included, with the classes in this order; those of its own that are not named come after them."""
        names = (*class_names, *(name for name in self.class_names if name not in class_names))
        if names == self.class_names:
            return self
        number = np.array([names.index(name) for name in self.class_names] + [-1], dtype=np.int64)
        test = None if self.test is None else replace(self.test, class_names=names, targets=number[self.test.targets])
        return replace(self, class_names=names, targets=number[self.targets], test=test)
