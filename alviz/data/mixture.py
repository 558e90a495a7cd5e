"""mixture: two to five Gaussians put where one likes, each of the class one likes. What the Toy page's "By hand" draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.checks import number, whole
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.gaussians import mixture_accuracy
from alviz.data.plane import (
    NAMES,
    NOISE,
    POOL,
    TEST,
    Labels,
    Points,
    Settings,
    clouds,
    falling,
    pool_of,
    positions,
    shared_out,
    shuffled_classes,
    with_label_noise,
)
from alviz.registry import Card

MOST = 5
"""Gaussians, and classes, at most."""

CENTERS = ((-1.5, 0.2), (1.3, 1.0), (0.6, -1.5))
WEIGHTS = (2.0, 1.0, 1.0)
CLASSES = (0, 1, 1)
SPREAD = 0.6
"""The mixture as it comes: one cloud of class A, two of class B, both classes alike large, all clouds alike wide."""

CELLS = 300
"""Per side of the grid on which the best possible accuracy is summed: within 0.001."""


@dataclass(frozen=True, eq=False)
class Gaussians:
    """The Gaussians as they are drawn from, once the settings of the whole pool have been applied.

    centers: (g, 2). widths: (g,) standard deviations. weights: (g,) shares of the pool, up to a common factor. classes: (g,).
    """

    centers: Points
    widths: Points
    weights: Points
    classes: Labels

    @property
    def n_classes(self) -> int:
        """K: at least two, so that there is something to tell apart also where one class has no Gaussian yet."""
        return max(int(self.classes.max()) + 1, 2)

    def parts(self, n: int, rng: np.random.Generator) -> Labels:
        """(n,) which Gaussian each sample is drawn from. With the same rng a sample keeps its Gaussian while none grows or shrinks."""
        totals = np.bincount(self.classes, self.weights, self.n_classes).astype(np.float64)
        per_class = shared_out(n, totals)
        missing = (per_class == 0) & (totals > 0)
        per_class[per_class.argmax()] -= missing.sum()
        per_class[missing] = 1
        sizes = np.zeros(len(self.classes), dtype=np.int64)
        for k in np.flatnonzero(totals):
            inside = self.classes == k
            sizes[inside] = shared_out(int(per_class[k]), self.weights[inside])
        return shuffled_classes(sizes, rng)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Points, Labels]:
        """((n, 2) positions, (n,) which Gaussian each is of): center + width · z, where n and rng alone decide about z."""
        parts = self.parts(n, rng)
        return clouds(self.centers, self.widths, parts, rng), parts

    def balanced(self) -> "Gaussians":
        """The same with weights that make all classes alike large."""
        totals = np.bincount(self.classes, self.weights, self.n_classes)
        return Gaussians(self.centers, self.widths, self.weights / totals[self.classes], self.classes)


def gaussians_of(
    *,
    class_ratio: float = 1.0,
    overlap: float = 0.0,
    spread: float = 1.0,
    centers: Sequence[Sequence[float]] | None = None,
    spreads: Sequence[float] | None = None,
    weights: Sequence[float] | None = None,
    classes: Sequence[int] | None = None,
    **_: Any,
) -> Gaussians:
    """The Gaussians that `mixture` draws from with these settings (those that change no Gaussian are left aside)."""
    if centers is None:
        centers, weights, classes = CENTERS, WEIGHTS if weights is None else weights, CLASSES if classes is None else classes
    middle = _points(centers)
    g = len(middle)
    widths = _numbers("spreads", [SPREAD] * g if spreads is None else spreads, g, 0.01, 100.0)
    shares = _numbers("weights", [1.0] * g if weights is None else weights, g, 0.001, 1000.0)
    given = _listed("classes", list(range(g)) if classes is None else classes, g, "whole numbers")
    y = np.array([whole("classes", k, 0, MOST - 1) for k in given], dtype=np.int64)
    common = middle.mean(axis=0)
    moved = common + (1.0 - overlap) * (middle - common)
    n_classes = max(int(y.max()) + 1, 2)
    return Gaussians(moved, spread * widths, shares * falling(n_classes, class_ratio)[y], y)


def mixture(
    n: int = 2000,
    n_test: int = 500,
    class_ratio: float = 1.0,
    overlap: float = 0.0,
    spread: float = 1.0,
    label_noise: float = 0.0,
    seed: int = 0,
    centers: Sequence[Sequence[float]] | None = None,
    spreads: Sequence[float] | None = None,
    weights: Sequence[float] | None = None,
    classes: Sequence[int] | None = None,
) -> Dataset:
    """Round Gaussians where one likes, several of a class if wanted. `dataset.bayes_accuracy` is the best accuracy possible on the test set.

    centers: one to five points (x, y), in the units of the plane: nothing is shifted or scaled afterwards. spreads: their standard deviations (default 0.6
    each). weights: their shares of the pool, up to a common factor (default 1 each). classes: their classes, 0 … 4 (default: each its own).
    overlap draws the centres together, 0 = as given, 1 = all on their common middle. class_ratio multiplies the weights, so that it is the pool's
    where the classes' weights are alike. A sample is center + spread · z, and z depends on n and seed alone: the pool follows a change smoothly.
    The other settings are those of every 2D pool (`alviz.data.plane`). Raises ValueError for settings out of range.
    """
    settings = Settings(n, n_test, class_ratio, overlap, spread, label_noise, seed)
    drawn = gaussians_of(
        class_ratio=settings.class_ratio,
        overlap=settings.overlap,
        spread=settings.spread,
        centers=centers,
        spreads=spreads,
        weights=weights,
        classes=classes,
    )
    x, parts = drawn.draw(settings.n, settings.rng(POOL))
    fair = drawn.balanced()
    test_x, test_parts = fair.draw(settings.n_test, settings.rng(TEST))
    y = with_label_noise(drawn.classes[parts], drawn.n_classes, settings.label_noise, settings.rng(NOISE))
    best = mixture_accuracy(fair.centers, fair.widths, CELLS, fair.weights, fair.classes)
    return pool_of("mixture", x, y, test_x, drawn.classes[test_parts], tuple(NAMES[: drawn.n_classes]), best)


def _points(centers: Any) -> Points:
    points = positions(centers)
    if not 1 <= len(points) <= MOST or not (np.abs(points) <= 1000).all():
        raise ValueError(f"centers must be one to {MOST} points (x, y) within ±1000, got {centers!r}")
    return points


def _numbers(name: str, values: Any, g: int, least: float, most: float) -> NDArray[np.float64]:
    return np.array([number(name, value, least, most) for value in _listed(name, values, g, "numbers")])


def _listed(name: str, values: Any, g: int, what: str) -> list[Any]:
    given = list(values) if isinstance(values, Sequence | np.ndarray) and not isinstance(values, str) else []
    if len(given) != g:
        raise ValueError(f"{name} must be {g} {what}, one per Gaussian, got {values!r}")
    return given


registry.add(
    "mixture",
    mixture,
    Card(
        title="Gaussians by hand",
        idea="Up to five round clouds, where you like and of the class you like; as it comes, one class is two clouds apart.",
        formula="x = center + spread · z, z ~ N(0, I)",
        needs="nothing",
        shines="kmeans at the start: one label per cloud shows where everything is.",
        fails="margin from a start that missed a cloud, like every strategy that asks its model where to look.",
    ),
)
