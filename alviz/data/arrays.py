"""`from_arrays`: your own arrays as a Dataset."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alviz.data.dataset import MOST_CLASSES, Dataset
from alviz.data.hashing import row_ids
from alviz.data.naming import class_list


def from_arrays(
    features: ArrayLike | None = None,
    images: ArrayLike | None = None,
    targets: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    test: "Dataset | tuple[ArrayLike, ArrayLike] | None" = None,
    name: str = "arrays",
) -> Dataset:
    """A dataset from arrays: features (n, d) numbers, images (n, H, W) or (n, H, W, C) uint8, or both.

    targets: (n,) whole numbers, −1 = unknown; None = all unknown. class_names: K names; needed when no target is known, else "0", "1", … up to the
    largest. ids: n different strings that stay with the samples; None makes them from each row's content. test: (x, targets) with x of the
    kind given for the pool, a Dataset where the pool has both features and images, or None (metrics are then cross-validated).
    Raises ValueError naming the argument, what came and what was wanted.
    """
    if features is None and images is None:
        raise ValueError("features and images are both missing; give at least one of them")
    x = None if features is None else _features("features", features)
    pictures = None if images is None else _images("images", images)
    rows = x if pictures is None else pictures
    assert rows is not None
    y = np.full(len(rows), -1, dtype=np.int64) if targets is None else _targets("targets", targets)
    test_x, test_y = _test(test, both=features is not None and images is not None)
    if class_names is None:
        largest = max(int(y.max(initial=-1)), -1 if test_y is None else int(test_y.max(initial=-1)))
        if largest < 0:
            raise ValueError("class_names is missing; it is needed when no target is known")
        if largest >= MOST_CLASSES:
            raise ValueError(
                f"targets must lie below {MOST_CLASSES:,} where class_names is missing, got {largest:,}: number the classes 0, 1, 2, …"
            )
        class_names = test.class_names if isinstance(test, Dataset) else [str(k) for k in range(largest + 1)]
    names = tuple(class_list(class_names))
    if test_x is not None and test_y is not None:
        kind = "test[0]"
        test_features = _features(kind, test_x) if pictures is None else None
        test_images = None if pictures is None else _images(kind, test_x)
        test_rows = test_features if test_images is None else test_images
        assert test_rows is not None
        test = Dataset(f"{name} (test)", row_ids(test_rows), test_images, test_features, test_y, names)
    assert test is None or isinstance(test, Dataset)
    return Dataset(name, row_ids(rows) if ids is None else [str(i) for i in ids], pictures, x, y, names, test=test)


def _features(argument: str, value: ArrayLike) -> NDArray[np.float32]:
    array = _array(argument, value)
    if array.ndim != 2 or array.dtype.kind not in "fiub" or 0 in array.shape:
        raise ValueError(f"{argument} must be an (n, d) array of numbers, got {array.dtype} {array.shape}")
    with np.errstate(over="ignore"):
        numbers = array.astype(np.float32, copy=False)
    bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
    if len(bad):
        row, column = int(bad[0]), int(np.flatnonzero(~np.isfinite(numbers[bad[0]]))[0])
        more = f" ({len(bad):,} rows like that)" if len(bad) > 1 else ""
        raise ValueError(f"{argument} must be finite float32 numbers, row {row}, column {column} holds {array[row, column]:g}{more}")
    return numbers


def _images(argument: str, value: ArrayLike) -> NDArray[np.uint8]:
    array = _array(argument, value)
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or 0 in array.shape:
        raise ValueError(f"{argument} must be a uint8 (n, H, W) or (n, H, W, C) array, got {array.dtype} {array.shape}")
    return array


def _targets(argument: str, value: ArrayLike) -> NDArray[np.int64]:
    array = _array(argument, value)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{argument} must be a one-dimensional array of whole numbers (−1 = unknown), got {array.dtype} {array.shape}")
    if array.min(initial=0) < -1:
        raise ValueError(f"{argument} must be −1 (unknown) or a class's number, got {array.min()}")
    return array.astype(np.int64)


def _array(argument: str, value: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except ValueError as error:  # numpy's own words name no argument
        raise ValueError(f"{argument} must be an array, got rows of different lengths") from error


def _test(test: Any, both: bool) -> tuple[ArrayLike | None, NDArray[np.int64] | None]:
    if test is None or isinstance(test, Dataset):
        return None, None
    if both:
        raise ValueError("test must be a Dataset (made by from_arrays) when features and images are both given")
    if not isinstance(test, tuple) or len(test) != 2:
        what = f"a tuple of {len(test)}" if isinstance(test, tuple) else type(test).__name__
        raise ValueError(f"test must be a tuple (x, targets) or a Dataset, got {what}")
    return test[0], _targets("test[1]", test[1])
