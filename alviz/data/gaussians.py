"""`gaussians`: two equal-variance Gaussian classes in the plane (paper 002, section 3.3), or K of them where you like."""

from collections.abc import Sequence

import numpy as np

from alviz.checks import whole
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.plane import Labels, Points, Settings, build, clouds, positions, separation, two_gaussians_accuracy
from alviz.registry import Card


def gaussians(
    n: int = 5000,
    n_test: int = 500,
    class_ratio: float = 1.0,
    overlap: float | None = 0.28,
    spread: float = 1.0,
    label_noise: float = 0.0,
    seed: int = 0,
    classes: int = 2,
    centers: Sequence[Sequence[float]] | None = None,
    spreads: Sequence[float] | None = None,
) -> Dataset:
    """Round Gaussian classes. `dataset.bayes_accuracy` is the best accuracy possible on the (balanced) test set.

    overlap: probability mass that the two nearest classes share at spread 1 and equal widths, so that two classes have a Bayes accuracy
    of exactly 1 − overlap/2 (the default gives 86 %). classes: how many; they stand on a ring, neighbours equally far apart. centers: K points
    (x, y) instead of the ring; they are blown up or shrunk so that the nearest two share `overlap`, or, with overlap=None, taken as they are.
    spreads: K relative widths (standard deviations before `spread` multiplies them), default 1 each. The other settings are those of
    every 2D pool (`alviz.data.plane`). Raises ValueError for settings out of range.
    """
    classes = whole("classes", classes if centers is None else len(centers), 2, 10)
    settings = Settings(n, n_test, class_ratio, 0.0 if overlap is None else overlap, spread, label_noise, seed)
    if overlap is None and centers is None:
        raise ValueError("overlap=None needs centers: it means that they are taken as they are")
    middle = _ring(classes) if centers is None else _points(centers)
    if overlap is not None:
        middle = middle * (separation(settings.overlap) / _nearest(middle))
    widths = settings.spread * _widths(spreads, classes)

    def draw(y: Labels, rng: np.random.Generator) -> Points:
        return clouds(middle, widths, y, rng)

    exact = classes == 2 and spreads is None and overlap is not None
    accuracy = two_gaussians_accuracy(settings.overlap, settings.spread) if exact else mixture_accuracy(middle, widths)
    return build("gaussians", draw, settings, n_classes=classes, bayes_accuracy=accuracy)


def mixture_accuracy(
    centers: Points, widths: Points, cells: int = 1000, weights: Points | None = None, classes: Labels | None = None
) -> float:
    """Bayes accuracy ∫ max_k p_k(x) dx, as a sum over a `cells` × `cells` grid reaching 6 σ out; p_k is what the round Gaussians of class k weigh.

    weights: of the g Gaussians (default: alike). classes: (g,) (default: each its own).
    """
    shares = np.ones(len(centers)) if weights is None else weights
    of = np.arange(len(centers)) if classes is None else classes
    low, high = (centers - 6.0 * widths[:, None]).min(axis=0), (centers + 6.0 * widths[:, None]).max(axis=0)
    step = (high - low) / cells
    axes = [low[a] + (np.arange(cells) + 0.5) * step[a] for a in range(2)]
    best = np.zeros((cells, cells))
    for k in np.unique(of):
        # The two coordinates are independent, so the mass of a cell is a product (density at the cell's middle times its area).
        across, along = (
            np.exp(-0.5 * ((axes[a][:, None] - centers[of == k, a]) / widths[of == k]) ** 2)
            * step[a]
            / (widths[of == k] * np.sqrt(2.0 * np.pi))
            for a in range(2)
        )
        np.maximum(best, (across * shares[of == k]) @ along.T, out=best)
    return float(best.sum() / shares.sum())


def _ring(classes: int) -> Points:
    if classes == 2:
        return np.array([[-0.5, 0.0], [0.5, 0.0]])
    angles = 2.0 * np.pi * np.arange(classes) / classes
    return np.column_stack([np.cos(angles), np.sin(angles)])


def _points(centers: Sequence[Sequence[float]]) -> Points:
    points = positions(centers)
    if not len(points) or _nearest(points) == 0.0:
        raise ValueError(f"centers must be different points (x, y), one per class, got {centers!r}")
    return points


def _nearest(points: Points) -> float:
    distances = np.linalg.norm(points[:, None] - points[None, :], axis=2)
    return float(distances[np.triu_indices(len(points), 1)].min())


def _widths(spreads: Sequence[float] | None, classes: int) -> Points:
    if spreads is None:
        return np.ones(classes)
    widths = np.asarray(spreads, dtype=np.float64)
    if widths.shape != (classes,) or not np.isfinite(widths).all() or (widths <= 0).any():
        raise ValueError(f"spreads must be {classes} positive numbers, one per class, got {spreads!r}")
    return widths


registry.add(
    "gaussians",
    gaussians,
    Card(
        title="Two Gaussians",
        idea="Two round clouds, one per class, that touch: the simplest task with a known best answer. Or K clouds where you like.",
        formula="overlap = ∫ min(p₀, p₁) dx = 2Φ(−δ/2); Bayes accuracy = Φ(δ/(2·spread)) = 1 − overlap/2 at spread 1",
        needs="nothing",
        reference="Muthakana, Uncertainty and diversity in deep active image classification (2019), section 3.3 (5,000 points, 500 for testing); the overlap is not stated there.",
        cites=("muthakana2019uncertainty",),
        shines="margin in the long run: its picks hug the one boundary that matters.",
        fails="k-center in the long run: ahead for the first 25 labels or so, it then goes on labelling the rim of the clouds, far from the boundary.",
    ),
)
