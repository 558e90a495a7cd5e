"""Second look: labels that the model, not having seen them, confidently contradicts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alviz.loop.evaluate import FOLDS, held_out
from alviz.loop.labels import standing
from alviz.loop.run import Run
from alviz.progress import Progress, silent

SURE = 10.0
"""How many times as probable as the given class another one must be."""


@dataclass(frozen=True)
class Doubt:
    """A label worth a second look: `sample` (dataset index) was called `given`; models that had not seen that say `predicted`, with `probability`."""

    sample: int
    given: int
    predicted: int
    probability: float


def doubts(run: Run, progress: Progress = silent) -> list[Doubt]:
    """The labels of a run's finished rounds that cross-validation contradicts, the clearest first.

    Confident learning (Northcutt, Jiang and Chuang 2021, section 3.1): class j's threshold is the mean probability of j among the samples that were
    called j; a label is doubted when, of the classes whose threshold a sample's probability reaches, another one is the most probable. Beyond the
    paper, it must be SURE times as probable as the label: query strategies pick samples that models are unsure of, and of those the thresholds
    alone let up to a third through. The clearest are those where it is most times as probable. Not doubted are labels that a person has confirmed
    or changed already, and classes of fewer labels than there are folds, which the models could hardly know. Trains five models; `progress` may
    raise Cancelled. Empty with fewer than two classes.
    """
    state, dataset = run.state, run.dataset
    labelled = state.labelled
    counts = np.bincount(state.labels[labelled], minlength=dataset.n_classes)
    if (counts > 0).sum() < 2:
        return []
    rng = np.random.default_rng([run.seed, run.position, 5])
    given, proba = held_out(dataset, run.learner, labelled, state.labels[labelled], state.candidates, rng, progress)
    predicted = contradicted(given, proba)
    seen_twice = {
        event.sample for event in standing([*state.events, *(() if run.pending is None else run.pending.events)]) if event.kind == "relabel"
    }
    rows = np.arange(len(given))
    times = proba[rows, predicted] / np.maximum(proba[rows, given], 1e-12)
    doubted = np.flatnonzero((predicted >= 0) & (times >= SURE) & (counts[given] >= FOLDS))
    order = doubted[np.argsort(-times[doubted], kind="stable")]
    return [
        Doubt(int(labelled[k]), int(given[k]), int(predicted[k]), float(proba[k, predicted[k]]))
        for k in order
        if int(labelled[k]) not in seen_twice
    ]


def contradicted(given: NDArray[np.int64], proba: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) the class that each held-out prediction confidently puts in the place of the label `given`, −1 where it puts none."""
    n_classes = proba.shape[1]
    threshold = np.full(n_classes, np.inf)
    for j in np.unique(given):
        threshold[j] = proba[given == j, j].mean()
    reached = np.where(proba >= threshold, proba, -1.0)
    best = reached.argmax(axis=1)
    confident = reached[np.arange(len(given)), best] >= 0
    return np.where(confident & (best != given), best, -1)
