"""painted: a 2D pool painted by hand, point by point; and its file, a table x, y, label."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alviz.checks import whole
from alviz.data.arrays import from_arrays
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.plane import NAMES, NOISE, TEST, with_label_noise
from alviz.registry import Card

MOST_POINTS = 2000
MOST_CLASSES = 5
FAR = 1e6
"""Coordinates lie within ± this."""

BLUR = 0.01
"""Standard deviation by which test points are moved, as a share of the picture's larger side."""


@dataclass(frozen=True, eq=False)
class Painting:
    """Painted points. points: float32 (n, 2). targets: int64 (n,), 0 … 4. class_names: what the classes are called, one more than the largest target at least."""

    points: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    targets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    class_names: tuple[str, ...] = tuple(NAMES[:MOST_CLASSES])

    def __len__(self) -> int:
        return len(self.targets)

    def names(self) -> tuple[str, ...]:
        """The names of the classes in use: up to the last one that has a point, two at least."""
        return self.class_names[: max(int(self.targets.max(initial=-1)) + 1, 2)]


def csv_of(points: NDArray[np.float32], targets: NDArray[np.int64], class_names: Sequence[str]) -> str:
    """The table as text, which `painting_of` reads: points (n, 2) to the last bit, targets (n,) by name."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["x", "y", "label"])
    writer.writerows((f"{x:.9g}", f"{y:.9g}", class_names[k]) for (x, y), k in zip(points, targets, strict=True))
    return out.getvalue()


def painting_of(content: bytes) -> Painting:
    """The points of a CSV file with the columns x, y and label, in any order; others are left aside.

    Classes that are called A … E keep their places, others are numbered as they come. Raises ValueError: which line, what is there, what was wanted.
    """
    try:
        lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
        missing = [name for name in ("x", "y", "label") if name not in (lines.fieldnames or ())]
        if missing:
            raise ValueError(f"the file needs the columns x, y and label, in its first line; {' and '.join(missing)} missing")
        points: list[list[float]] = []
        said: list[str] = []
        for line in lines:
            if len(said) == MOST_POINTS:
                raise ValueError(f"a painted pool has {MOST_POINTS:,} points at most, the file has more")
            points.append([_coordinate(lines.line_num, name, line[name]) for name in ("x", "y")])
            said.append((line["label"] or "").strip())
            if not said[-1]:
                raise ValueError(f"line {lines.line_num}: the label is missing")
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError("the file is no table of text: wanted CSV with the columns x, y and label") from error
    if not said:
        raise ValueError("the file has no points below its first line")
    found = list(dict.fromkeys(said))
    names = list(NAMES[:MOST_CLASSES]) if set(found) <= set(NAMES[:MOST_CLASSES]) else found
    if len(names) > MOST_CLASSES:
        raise ValueError(
            f"a painted pool has {MOST_CLASSES} classes at most, the file has {len(names)}: {', '.join(map(repr, names[:8]))} …"
        )
    spare = [name for name in NAMES if name not in names]
    return Painting(
        np.array(points, dtype=np.float32),
        np.array([names.index(name) for name in said], dtype=np.int64),
        (*names, *spare[: MOST_CLASSES - len(names)]),
    )


def _coordinate(line: int, name: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not abs(value) <= FAR:
        raise ValueError(f"line {line}: {name} must be a number within ±{FAR:,.0f}, got {str(text)[:40]!r}")
    return value


def painted(
    points: ArrayLike,
    targets: ArrayLike,
    class_names: Sequence[str] | None = None,
    label_noise: float = 0.0,
    n_test: int = 500,
    seed: int = 0,
) -> Dataset:
    """A 2D pool of the points (n, 2) given, of the classes targets (n,), 0 … 4.

    The test set takes what was painted for a sample of something larger: `n_test` of the points drawn again, all classes that there are alike often,
    each moved a little (a Gaussian of 0.01 times the picture's larger side). label_noise: as in every 2D pool (`alviz.data.plane`).
    Raises ValueError for arrays that do not fit together, naming the argument.
    """
    n_test, seed = whole("n_test", n_test, 20, 200_000), whole("seed", seed, 0, 2**32 - 1)
    classes = np.asarray(targets)
    top = int(classes.max(initial=-1)) + 1 if classes.dtype.kind in "iu" else 0
    names = list(NAMES[: max(top, 2)]) if class_names is None else list(class_names)
    pool = from_arrays(np.asarray(points), targets=classes, class_names=names, name="painted")
    assert pool.features is not None
    if pool.features.shape[1] != 2 or (pool.targets < 0).any():
        raise ValueError(f"points must be (n, 2) with a class each, got {pool.features.shape} and {(pool.targets < 0).sum()} without")
    rng = np.random.default_rng([seed, TEST])
    there = np.unique(pool.targets)
    again = np.concatenate([rng.choice(np.flatnonzero(pool.targets == k), -(-n_test // len(there))) for k in there])
    side = float(np.ptp(pool.features.astype(np.float64), axis=0).max())
    moved = pool.features[again] + BLUR * side * rng.standard_normal((len(again), 2))
    noisy = with_label_noise(pool.targets, len(names), label_noise, np.random.default_rng([seed, NOISE]))
    return from_arrays(pool.features, targets=noisy, class_names=names, test=(moved, pool.targets[again]), name="painted")


registry.add(
    "painted",
    painted,
    Card(
        title="Painted by hand",
        idea="Points painted on the plane, each of the class it was painted with.",
        needs="points and targets, painted on the Toy page under By hand",
        fails="whatever was painted to break.",
        options={
            "points": "The positions, one (x, y) a sample.",
            "targets": "Their classes, 0 … 4.",
            "class_names": "What the classes are called; A, B, … by default.",
            "label_noise": "Share of the labels that are wrong.",
            "n_test": "Points in the test set.",
            "seed": "Another seed draws another test set.",
        },
    ),
)
