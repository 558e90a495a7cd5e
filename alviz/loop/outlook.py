"""Outlook: what more labels are likely to bring, as far as the labels at hand can tell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alviz.loop.evaluate import folds
from alviz.loop.run import Run
from alviz.loop.signals import inputs
from alviz.progress import Progress, silent

WORTH = 0.01
"""Accuracy that as many labels again must bring to be worth the work: one point."""

FEWEST = 100
"""Fewer labels than this say too little about those to come: in simulated runs, expected gains from 40 and 80 labels were half of the real ones."""

SIZES = (0.125, 0.25, 0.5, 1.0)
"""Shares of the labels that are trained on, to see how accuracy rises with them."""

LEVEL = 0.9

GRID, PASSES = (48, 48, 24), 3


@dataclass(frozen=True)
class Gain:
    """Expected rise in accuracy by `labels` more labels, and the interval of 90 % around it: of the mean, for one training has luck of its own."""

    labels: int
    expected: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Outlook:
    """verdict: "pays", "hardly pays" or "cannot tell yet", about as many labels again. reading: the same in a sentence or two.

    sizes (s,), accuracy (s,): what was measured, on pictures that the models had not seen. next, doubled: the gain of the next round and of
    as many labels again as there are; None where there are too few to tell.
    """

    verdict: str
    reading: str
    sizes: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    next: Gain | None = None
    doubled: Gain | None = None


def outlook(run: Run, progress: Progress = silent) -> Outlook:
    """The outlook of a run after its last finished round.

    Accuracy over labels comes from the test set, one point a round; or, without one and in the first rounds, from models trained on an eighth, a
    quarter, half and all of the labels, cross-validated. The inverse power law accuracy(n) = a − b n^(−c) (Cortes et al. 1994; Figueroa et al.
    2012) is fitted to it by Bayes' rule on a grid, with binomial errors, widened where the law fits badly. Held against 12 simulated runs on
    Fashion, at 160, 320 and 640 labels, the interval for as many labels again had what really came 29 of 36 times. `progress` may raise Cancelled.
    """
    labelled = run.state.labelled
    n = len(labelled)
    classes = np.unique(run.state.labels[labelled])
    if n < FEWEST or len(classes) < 2:
        why = f"{n} labels of {len(classes)} classes" if len(classes) != 1 else f"{n} labels of one class"
        return Outlook("cannot tell yet", f"{why} are too few (wanted {FEWEST} of two classes at least).", *_nothing())
    tested = [finished for finished in run.rounds if not np.isnan(finished.metrics["accuracy"]) and finished.n_labelled > 0]
    if run.dataset.test is not None and len(tested) >= len(SIZES):
        sizes = np.array([finished.n_labelled for finished in tested])
        right = np.array([finished.metrics["accuracy"] for finished in tested])
        trials = np.full(len(sizes), len(run.dataset.test))
        where = "the test set"
    else:
        sizes, right, trials = _measured(run, progress)
        where = "labelled pictures it had not seen, which are often harder than the rest, because strategies pick hard ones"
    more = min(run.n_queries, len(run.state.candidates))
    again = min(n, len(run.state.candidates))
    following, doubled = gains(sizes, right, trials, n, (more, again))
    verdict = "pays" if doubled.low >= WORTH else "hardly pays" if doubled.high < WORTH else "cannot tell yet"
    words = {
        "pays": "going on pays",
        "hardly pays": "more labels of this kind hardly pay",
        "cannot tell yet": "whether that pays cannot be told yet",
    }
    reading = (
        f"With {n:,} labels the model gets {right[-1]:.0%} right on {where}. The next {following.labels:,} labels should add {100 * following.expected:.1f} points on average, "
        f"{doubled.labels:,} more {_points(doubled)}: {words[verdict]}."
    )
    return Outlook(verdict, reading, sizes, right, following, doubled)


def gains(
    sizes: NDArray[np.int64], accuracy: NDArray[np.float64], trials: NDArray[np.int64], n: int, more: tuple[int, ...]
) -> tuple[Gain, ...]:
    """What each of `more` labels beyond n bring, under the power law that fits `accuracy` at `sizes`, each measured on `trials` samples."""
    lows, highs = np.array([0.0005, 0.0005, np.log(0.05)]), np.array([0.9995, 0.9995, np.log(2.0)])
    for _ in range(PASSES):  # each on the part of the grid before where the law is likely at all
        a, y, log_c = (grid.ravel() for grid in np.meshgrid(*map(np.linspace, lows, highs, GRID), indexing="ij"))
        keep = y <= a
        points = np.stack([a, y, log_c], axis=1)[keep]
        weight = _weights(points, sizes, accuracy, trials)
        likely = points[weight > 1e-5 * weight.max()]
        margin = (highs - lows) / (np.array(GRID) - 1)
        lows, highs = np.maximum(likely.min(axis=0) - margin, lows), np.minimum(likely.max(axis=0) + margin, highs)
    now = _law(points, sizes[0], n)
    return tuple(_gain(_law(points, sizes[0], n + m) - now, weight, m) for m in more)


def _law(points: NDArray[np.float64], first: int, at: float) -> NDArray[np.float64]:
    """Accuracy at `at` labels: through y at the first size, towards a. points: (g, 3) of a, y and log c."""
    a, y, log_c = points.T
    return np.asarray(a - (a - y) * (at / first) ** -np.exp(log_c))


def _weights(
    points: NDArray[np.float64], sizes: NDArray[np.int64], accuracy: NDArray[np.float64], trials: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How well each law fits, the best with weight 1."""
    log_likelihood, chi = np.zeros(len(points)), np.zeros(len(points))
    for size, share, m in zip(sizes, accuracy, trials, strict=True):
        p = np.clip(_law(points, sizes[0], float(size)), 1e-4, 1 - 1e-4)
        log_likelihood += m * (share * np.log(p) + (1 - share) * np.log1p(-p))
        chi += m * (share - p) ** 2 / (p * (1 - p))
    spread = max(1.0, float(chi.min()) / max(len(sizes) - 3, 1))  # training has luck of its own, beyond that of the test
    return np.asarray(np.exp((log_likelihood - log_likelihood.max()) / spread))


def _gain(values: NDArray[np.float64], weight: NDArray[np.float64], labels: int) -> Gain:
    order = np.argsort(values)
    below = np.cumsum(weight[order])
    low, middle, high = (
        float(values[order][min(np.searchsorted(below, share * below[-1]), len(order) - 1)])
        for share in ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2)
    )
    return Gain(labels, middle, low, high)


def _measured(run: Run, progress: Progress) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """(sizes, accuracies, trials): every label predicted by models that were trained on parts of the other folds."""
    x, labelled = inputs(run.dataset, run.learner), run.state.labelled
    labels = run.state.labels[labelled]
    rng = np.random.default_rng([run.seed, run.position, 6])
    unlabelled = x[run.state.candidates] if run.learner.trains_on_pool else None
    right = np.zeros(len(SIZES))
    sizes = np.zeros(len(SIZES))
    parts = list(folds(labels, rng))
    total = len(parts) * len(SIZES)
    done = 0

    def within(_: float) -> None:  # a model's own progress is a small part of all
        progress(done / total)

    for train, held in parts:
        train = rng.permutation(train)
        for s, share in enumerate(SIZES):
            part = train[: max(round(share * len(train)), 1)]
            model = run.learner.fit(
                x[labelled[part]], labels[part], n_classes=run.dataset.n_classes, unlabelled=unlabelled, rng=rng, progress=within
            )
            right[s] += (model.predict_proba(x[labelled[held]]).argmax(axis=1) == labels[held]).sum()
            sizes[s] += len(part) / len(parts)
            done += 1
    return np.round(sizes).astype(np.int64), right / len(labels), np.full(len(SIZES), len(labels))


def _points(gain: Gain) -> str:
    return f"{100 * gain.expected:.1f} points ({100 * gain.low:.1f} to {100 * gain.high:.1f})"


def _nothing() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.zeros(0, dtype=np.int64), np.zeros(0)
