"""2D pools whose classes have shapes: moons, circles, XOR, a checkerboard, spirals. Settings as in `alviz.data.plane`."""

import numpy as np

from alviz.checks import number, whole
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.plane import Labels, Points, Settings, build
from alviz.registry import Card


def moons(
    n: int = 2000,
    n_test: int = 500,
    class_ratio: float = 1.0,
    overlap: float = 0.0,
    spread: float = 1.0,
    label_noise: float = 0.0,
    seed: int = 0,
) -> Dataset:
    """Two half circles of radius 1 that reach into one another, blurred by Gaussian noise of 0.15 · spread.

    overlap moves the lower moon towards the upper one until, at 1, both have the same centre of mass and cross.
    """
    settings = Settings(n, n_test, class_ratio, overlap, spread, label_noise, seed)
    # The centre of mass of a half circle lies 2/π from its middle.
    apart = np.array([1.0, 0.5 - 4.0 / np.pi])

    def draw(y: Labels, rng: np.random.Generator) -> Points:
        angle = np.pi * rng.random(len(y))
        upper = np.column_stack([np.cos(angle), np.sin(angle)])
        lower = np.array([1.0, 0.5]) - upper - settings.overlap * apart
        return np.where(y[:, None] == 0, upper, lower) + _noise(0.15, settings, len(y), rng)

    return build("moons", draw, settings)


def circles(
    n: int = 2000,
    n_test: int = 500,
    class_ratio: float = 1.0,
    overlap: float = 0.0,
    spread: float = 1.0,
    label_noise: float = 0.0,
    seed: int = 0,
) -> Dataset:
    """A ring of radius 1 around a ring of radius 0.5, blurred by Gaussian noise of 0.1 · spread.

    overlap widens the inner ring until, at 1, it lies on the outer one.
    """
    settings = Settings(n, n_test, class_ratio, overlap, spread, label_noise, seed)

    def draw(y: Labels, rng: np.random.Generator) -> Points:
        angle = 2.0 * np.pi * rng.random(len(y))
        radius = np.where(y == 0, 1.0, 0.5 + 0.5 * settings.overlap)
        return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]) + _noise(0.1, settings, len(y), rng)

    return build("circles", draw, settings)


def xor(
    n: int = 2000,
    n_test: int = 500,
    class_ratio: float = 1.0,
    overlap: float = 0.0,
    spread: float = 1.0,
    label_noise: float = 0.0,
    seed: int = 0,
) -> Dataset:
    """Four round clouds at the corners (±1, ±1), opposite corners of one class, standard deviation 0.35 · spread.

    overlap turns the second class's corners around the middle until, at 1, they lie on the first class's.
    """
    settings = Settings(n, n_test, class_ratio, overlap, spread, label_noise, seed)

    def draw(y: Labels, rng: np.random.Generator) -> Points:
        corner = rng.integers(2, size=len(y))
        angle = np.pi * (0.25 + corner) + np.where(y == 0, 0.0, 0.5 * np.pi * (1.0 - settings.overlap))
        return np.sqrt(2.0) * np.column_stack([np.cos(angle), np.sin(angle)]) + _noise(0.35, settings, len(y), rng)

    return build("xor", draw, settings)


def checkerboard(
    n: int = 2000,
    n_test: int = 500,
    class_ratio: float = 1.0,
    overlap: float = 0.0,
    spread: float = 1.0,
    label_noise: float = 0.0,
    seed: int = 0,
    squares: int = 4,
) -> Dataset:
    """A board of squares × squares fields in two colours, each filled evenly.

    spread is the side of the filled part of a field (1 = up to its edges, less leaves gaps, more laps into the neighbours). overlap slides the
    second class sideways, round the board, until, at 1, its fields lie on the first class's. squares: an even number from 2 to 20.
    """
    settings = Settings(n, n_test, class_ratio, overlap, spread, label_noise, seed)
    squares = whole("squares", squares, 2, 20)
    if squares % 2:
        raise ValueError(f"squares must be even, or the two classes would not have the same number of fields, got {squares}")

    def draw(y: Labels, rng: np.random.Generator) -> Points:
        row = rng.integers(squares, size=len(y))
        column = 2 * rng.integers(squares // 2, size=len(y)) + (row + y) % 2
        slid = (column + settings.overlap * y) % squares
        inside = settings.spread * (rng.random((len(y), 2)) - 0.5)
        return np.column_stack([slid, row]) + inside

    return build("checkerboard", draw, settings)


def spirals(
    n: int = 2000,
    n_test: int = 500,
    class_ratio: float = 1.0,
    overlap: float = 0.0,
    spread: float = 1.0,
    label_noise: float = 0.0,
    seed: int = 0,
    turns: float = 1.5,
) -> Dataset:
    """Two arms wound around one another, radius 0.1 to 1, blurred by Gaussian noise of 0.04 · spread; points lie evenly along the radius.

    overlap turns the second arm until, at 1, it lies on the first. turns: how often each arm goes round, 0.5 to 5.
    """
    settings = Settings(n, n_test, class_ratio, overlap, spread, label_noise, seed)
    turns = number("turns", turns, 0.5, 5.0)

    def draw(y: Labels, rng: np.random.Generator) -> Points:
        along = rng.random(len(y))
        angle = 2.0 * np.pi * turns * along + np.pi * (1.0 - settings.overlap) * y
        return (0.1 + 0.9 * along)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]) + _noise(0.04, settings, len(y), rng)

    return build("spirals", draw, settings)


def _noise(width: float, settings: Settings, n: int, rng: np.random.Generator) -> Points:
    return width * settings.spread * rng.standard_normal((n, 2))


registry.add(
    "moons",
    moons,
    Card(
        title="Two moons",
        idea="Two half moons that reach into one another: the boundary is a curve, and the tips of the moons lie behind it.",
        shines="k-center first, then margin, with a learner that can bend (rbf-svm, mlp, knn).",
        fails="Any strategy with a linear learner: it cannot bend, so better labels hardly help (all end near 86 %).",
    ),
)
registry.add(
    "circles",
    circles,
    Card(
        title="Two circles",
        idea="A ring around a ring: both classes have the same mean.",
        shines="k-center early on: it goes all the way round the rings before there is a useful model; margin after that.",
        fails="kmeans: a cluster takes in a piece of both rings, so its middle, and its pick, keep to one side. And any strategy with a linear learner: no line tells the rings apart.",
    ),
)
registry.add(
    "xor",
    xor,
    Card(
        title="XOR",
        idea="Four clouds, opposite ones of one class: any two labels of a class may hide a third cloud between them.",
        shines="kmeans and other covering strategies: one label per cloud is enough.",
        fails="margin and entropy from a start that missed a cloud: the model is sure, and wrong, about it, so it is never asked about.",
    ),
)
registry.add(
    "checkerboard",
    checkerboard,
    Card(
        title="Checkerboard",
        idea="Many fields in two colours: there is boundary everywhere, and each field must be found.",
        shines="k-center and random: they spread over the board.",
        fails="margin and other uncertainty: it refines the few edges that the model knows and leaves whole fields unseen; far below random at 50 labels.",
    ),
)
registry.add(
    "spirals",
    spirals,
    Card(
        title="Two spirals",
        idea="Two arms wound around one another: neighbours in the plane are often far apart along the arms.",
        shines="margin with a flexible learner, once each arm has some labels.",
        fails="kmeans and other clustering: a cluster is round, so it takes in both arms and its middle stands for neither.",
    ),
)
