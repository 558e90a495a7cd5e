"""What all 2D pools share: their four settings, class sizes, label noise, scale and ids.

The settings mean the same everywhere:

- class_ratio: size of the rarest class as a share of the largest, in the pool; classes between them follow geometrically, the last class is
  the rarest. The test set stays balanced, whatever the pool looks like.
- overlap: how far the classes are pushed into one another, 0 = apart, 1 = lying on one another. For pools made of Gaussian classes it is the
  probability mass that the two nearest classes share (exact at spread 1); each other pool's docstring says what moves.
- spread: factor on the width of the clouds (for the checkerboard, of its squares); 1 = as drawn on the card.
- label_noise: share of the pool's labels replaced by another class, exactly that many (rounded); positions and test set stay as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.checks import number, whole
from alviz.data.dataset import Dataset

Points = NDArray[np.float64]
Labels = NDArray[np.int64]
NAMES = "ABCDEFGHIJ"
"""What the classes of 2D pools are called, unless they say otherwise."""

Draw = Callable[[Labels, np.random.Generator], Points]
"""(m,) classes, generator -> (m, 2) positions drawn for them."""
Change = Callable[[Points, Labels, np.random.Generator], tuple[Points, Labels]]
"""Positions and classes of a pool -> the same after a rework."""

LIMITS: dict[str, tuple[float, float]] = {
    "n": (20, 200_000),
    "n_test": (20, 200_000),
    "class_ratio": (0.01, 1.0),
    "overlap": (0.0, 1.0),
    "spread": (0.05, 5.0),
    "label_noise": (0.0, 1.0),
    "seed": (0, 2**32 - 1),
}
"""Smallest and largest value of each setting (sliders read them here)."""


@dataclass(frozen=True)
class Settings:
    """The settings of a 2D pool, checked. Raises ValueError naming the setting, what came and what was wanted."""

    n: int
    n_test: int
    class_ratio: float
    overlap: float
    spread: float
    label_noise: float
    seed: int

    def __post_init__(self) -> None:
        for name in ("n", "n_test", "seed"):
            low, high = LIMITS[name]
            object.__setattr__(self, name, whole(name, getattr(self, name), int(low), int(high)))
        for name in ("class_ratio", "overlap", "spread", "label_noise"):
            object.__setattr__(self, name, number(name, getattr(self, name), *LIMITS[name]))

    def rng(self, purpose: int) -> np.random.Generator:
        """One independent stream per purpose, so that a change of one setting leaves the other draws alone."""
        return np.random.default_rng([self.seed, purpose])


POOL, TEST, NOISE, EXTRA = range(4)


def class_sizes(n: int, n_classes: int, class_ratio: float) -> Labels:
    """(K,) sizes that sum to n, geometric from the first class to the last, the last `class_ratio` times the first; at least one each."""
    sizes = shared_out(n, falling(n_classes, class_ratio))
    empty = sizes == 0
    sizes[0] -= empty.sum()
    sizes[empty] = 1
    return sizes


def falling(n_classes: int, class_ratio: float) -> Points:
    """(K,) weights, geometric from 1 to `class_ratio`."""
    return np.asarray(class_ratio ** (np.arange(n_classes) / max(n_classes - 1, 1)))


def shared_out(n: int, weights: Points) -> Labels:
    """Whole numbers that sum to n, as nearly in proportion to `weights` as can be (largest remainders)."""
    exact = n * weights / weights.sum()
    sizes = np.floor(exact).astype(np.int64)
    sizes[np.argsort(sizes - exact, kind="stable")[: n - int(sizes.sum())]] += 1
    return sizes


def shuffled_classes(sizes: Labels, rng: np.random.Generator) -> Labels:
    """Class numbers in random order, `sizes[k]` of class k."""
    return rng.permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int64)


def positions(values: Any) -> Points:
    """(k, 2) what may be given as points (x, y); (0, 2) for anything else."""
    try:
        points = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    return points if points.ndim == 2 and points.shape[1] == 2 and np.isfinite(points).all() else np.empty((0, 2))


def clouds(centers: Points, widths: Points, of: Labels, rng: np.random.Generator) -> Points:
    """(m, 2) positions around centers (g, 2) of round Gaussians with standard deviations widths (g,), of: (m,) which of them each is drawn from."""
    return np.asarray(centers[of] + widths[of, None] * rng.standard_normal((len(of), 2)))


def separation(overlap: float) -> float:
    """Distance δ between two unit-variance Gaussians that share the probability mass ∫ min(p, q) = overlap = 2Φ(−δ/2).

    An overlap of 0 would need an infinite distance and counts as 10⁻⁶ (δ ≈ 9.8).
    """
    return -2.0 * NormalDist().inv_cdf(max(overlap, 1e-6) / 2.0)


def two_gaussians_accuracy(overlap: float, spread: float) -> float:
    """Bayes accuracy Φ(δ / (2·spread)) on balanced data of two Gaussian classes at distance `separation(overlap)`; 1 − overlap/2 at spread 1."""
    return NormalDist().cdf(separation(overlap) / (2.0 * spread))


def on_axis(overlap: float) -> Points:
    """(2, 2) centres of two classes on the first axis, `separation(overlap)` apart, around the origin."""
    half = separation(overlap) / 2.0
    return np.array([[-half, 0.0], [half, 0.0]])


def build(
    name: str,
    draw: Draw,
    settings: Settings,
    *,
    n_classes: int = 2,
    change: Change | None = None,
    bayes_accuracy: float | None = None,
) -> Dataset:
    """A 2D pool and its balanced test set.

    Both are shifted and scaled together so that the pool as drawn has mean 0 and a mean variance of 1 over its two axes (one factor for both
    axes: shapes stay as they are). `change` then may rework the pool (outliers, copies) before the label noise.
    """
    y = shuffled_classes(class_sizes(settings.n, n_classes, settings.class_ratio), rng := settings.rng(POOL))
    x = draw(y, rng)
    test_y = shuffled_classes(class_sizes(settings.n_test, n_classes, 1.0), rng := settings.rng(TEST))
    test_x = draw(test_y, rng)
    mean, scale = x.mean(axis=0), np.sqrt(x.var(axis=0).mean())
    x, test_x = (x - mean) / scale, (test_x - mean) / scale
    if change is not None:
        x, y = change(x, y, settings.rng(EXTRA))
    y = with_label_noise(y, n_classes, settings.label_noise, settings.rng(NOISE))
    return pool_of(name, x, y, test_x, test_y, tuple(NAMES[:n_classes]), bayes_accuracy)


def pool_of(
    name: str, x: Points, y: Labels, test_x: Points, test_y: Labels, class_names: tuple[str, ...], bayes_accuracy: float | None = None
) -> Dataset:
    """A pool and its test set as a dataset, numbered."""
    test = Dataset(
        name=f"{name} (test)",
        ids=[f"test/{i:06d}" for i in range(len(test_y))],
        images=None,
        features=test_x.astype(np.float32),
        targets=test_y,
        class_names=class_names,
    )
    return Dataset(
        name=name,
        ids=[f"{i:06d}" for i in range(len(y))],
        images=None,
        features=x.astype(np.float32),
        targets=y,
        class_names=class_names,
        test=test,
        bayes_accuracy=bayes_accuracy,
    )


def with_label_noise(y: Labels, n_classes: int, share: float, rng: np.random.Generator) -> Labels:
    """`y` with round(share · n) labels replaced by another class, drawn uniformly; a larger share keeps those of a smaller one."""
    y = y.copy()
    chosen = rng.permutation(len(y))[: round(share * len(y))]
    y[chosen] = (y[chosen] + rng.integers(1, n_classes, size=len(y))[chosen]) % n_classes
    return y
