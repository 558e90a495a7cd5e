"""2D pools with a trap for one family of strategies each: a rare blob, outliers, duplicates. Two Gaussian classes lie under all of them."""

import numpy as np

from alviz.checks import number, whole
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.plane import Change, Labels, Points, Settings, build, on_axis, separation, two_gaussians_accuracy
from alviz.registry import Card

SPARE_DISTANCE = 7.0


def rare_blob(
    n: int = 2000,
    n_test: int = 500,
    class_ratio: float = 1.0,
    overlap: float = 0.1,
    spread: float = 1.0,
    label_noise: float = 0.0,
    seed: int = 0,
    rare: float = 0.1,
) -> Dataset:
    """Two Gaussian classes that share `overlap`, and a small blob of the second class behind the first, where no model expects it.

    rare: share of the second class that lies in the blob, 0.01 to 0.5 (in the test set too). The blob is half as wide as a class, 7 standard deviations
    beyond the first class's middle.
    """
    settings = Settings(n, n_test, class_ratio, overlap, spread, label_noise, seed)
    rare = number("rare", rare, 0.01, 0.5)
    centers = np.vstack([on_axis(settings.overlap), [-separation(settings.overlap) / 2.0 - SPARE_DISTANCE, 0.0]])

    def draw(y: Labels, rng: np.random.Generator) -> Points:
        # Exactly the wanted share (at least one), so that no seed leaves the blob empty.
        second = np.flatnonzero(y == 1)
        blob = y.copy()
        blob[rng.choice(second, size=max(round(rare * len(second)), 1), replace=False)] = 2
        width = settings.spread * np.where(blob == 2, 0.5, 1.0)
        return centers[blob] + width[:, None] * rng.standard_normal((len(y), 2))

    return build("rare-blob", draw, settings)


def outliers(
    n: int = 2000,
    n_test: int = 500,
    class_ratio: float = 1.0,
    overlap: float = 0.28,
    spread: float = 1.0,
    label_noise: float = 0.0,
    seed: int = 0,
    share: float = 0.03,
) -> Dataset:
    """Two Gaussian classes that share `overlap`, and scattered far-off points whose labels mean nothing.

    share: outliers in the pool, 0.001 to 0.5; they replace ordinary points, keep those points' labels, and lie evenly between 4 and 8 standard deviations from the
    middle. The test set has none, so that `bayes_accuracy` is that of the two classes.
    """
    settings = Settings(n, n_test, class_ratio, overlap, spread, label_noise, seed)
    share = number("share", share, 0.001, 0.5)

    def scatter(x: Points, y: Labels, rng: np.random.Generator) -> tuple[Points, Labels]:
        chosen = rng.choice(len(x), size=max(round(share * len(x)), 1), replace=False)
        angle, radius = 2.0 * np.pi * rng.random(len(chosen)), rng.uniform(4.0, 8.0, len(chosen))
        x[chosen] = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        return x, y

    return _two_gaussians("outliers", settings, scatter)


def duplicates(
    n: int = 2000,
    n_test: int = 500,
    class_ratio: float = 1.0,
    overlap: float = 0.28,
    spread: float = 1.0,
    label_noise: float = 0.0,
    seed: int = 0,
    copies: int = 20,
) -> Dataset:
    """Two Gaussian classes that share `overlap`; every point of the pool lies there `copies` times, to the last bit (2 to 100).

    Copies have one label (before label noise); a remainder that fills no group has fewer. The test set has no copies.
    """
    settings = Settings(n, n_test, class_ratio, overlap, spread, label_noise, seed)
    copies = whole("copies", copies, 2, 100)

    def repeat(x: Points, y: Labels, rng: np.random.Generator) -> tuple[Points, Labels]:
        for k in np.unique(y):
            rows = np.flatnonzero(y == k)
            x[rows] = np.repeat(x[rows[: -(-len(rows) // copies)]], copies, axis=0)[: len(rows)]
        return x, y

    return _two_gaussians("duplicates", settings, repeat)


def _two_gaussians(name: str, settings: Settings, change: Change) -> Dataset:
    centers = on_axis(settings.overlap)

    def draw(y: Labels, rng: np.random.Generator) -> Points:
        return centers[y] + settings.spread * rng.standard_normal((len(y), 2))

    return build(name, draw, settings, change=change, bayes_accuracy=two_gaussians_accuracy(settings.overlap, settings.spread))


registry.add(
    "rare-blob",
    rare_blob,
    Card(
        title="A rare blob",
        idea="A small group of one class hides behind the other class, far from the boundary that the model knows.",
        shines="k-center and other covering strategies: the blob is far from everything labelled, so it is found at once.",
        fails="margin and all uncertainty with a learner that stays sure far from its labels (mlp): it is sure about the blob, and wrong, and does not ask. (rbf-svm is unsure out there and finds the blob, but late.)",
        reference="The missed-cluster effect: Schütze, Velipasaoglu and Pedersen, CIKM 2006.",
        cites=("schutze2006missed",),
    ),
)
registry.add(
    "outliers",
    outliers,
    Card(
        title="Outliers",
        idea="A few far-off points whose labels mean nothing lie around two ordinary classes.",
        shines="margin, kmeans and random: they look where the data are.",
        fails="k-center (coreset): the farthest point is an outlier every time, so the budget goes to noise.",
    ),
)
registry.add(
    "duplicates",
    duplicates,
    Card(
        title="Duplicates",
        idea="Every point is there twenty times, as in frames of a film or scraped pictures.",
        shines="k-center and other batch-aware strategies: a second copy is worth nothing to them.",
        fails="margin and all top-b scoring: copies have the same score, so one batch is the same point again and again.",
    ),
)
