"""Evaluation of a round's model: on the test set, or cross-validated on the labelled set where there is none."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.learners.base import Array, Learner, Model
from alviz.loop.labels import LabelState
from alviz.loop.metrics import Context, Metric, confusion, measure, minority_class, recall
from alviz.loop.round import Round
from alviz.loop.signals import inputs, predicted
from alviz.progress import Progress
from alviz.strategies.base import Selection
from alviz.strategies.device import Indices

FOLDS = 5


def evaluate(
    dataset: Dataset,
    learner: Learner,
    model: Model,
    state: LabelState,
    *,
    index: int,
    strategy: str,
    selection: Selection,
    answers: Indices,
    metrics: Sequence[Metric],
    rng: np.random.Generator,
    progress: Progress,
) -> Round:
    """The record of round `index`: `model` has seen the labels in `state`; `selection` was answered with `answers` (b,)."""
    labelled = state.labelled
    counts = np.bincount(state.labels[labelled], minlength=dataset.n_classes).astype(np.int64)
    probabilities = predicted(model, inputs(dataset, learner), lambda fraction: progress(0.8 * fraction)).astype(np.float32)
    if dataset.test is not None:
        targets, tested = (
            dataset.test.targets,
            predicted(model, inputs(dataset.test, learner), lambda fraction: progress(0.8 + 0.2 * fraction)),
        )
    else:
        targets, tested = held_out(dataset, learner, labelled, state.labels[labelled], state.candidates, rng, progress)
    given = np.where(answers >= 0, answers, -1)
    before = counts - np.bincount(given[given >= 0], minlength=dataset.n_classes)
    context = Context(dataset.n_classes, counts, before, given, minority_class(dataset.targets, counts))
    table = confusion(targets, tested.argmax(axis=1), dataset.n_classes)
    return Round(
        index=index,
        strategy=strategy,
        queried=np.asarray(selection.indices, dtype=np.int64),
        labels=given,
        n_labelled=len(labelled),
        class_counts=counts,
        probabilities=probabilities,
        metrics=measure(targets, tested, context, metrics),
        recall=recall(table),
        confusion=table,
        scores=None if np.isnan(selection.scores).all() else selection.scores,
        gains=selection.gains,
        synthetic=selection.synthetic,
        note=" ".join(filter(None, (selection.note, getattr(model, "note", "")))),
        cross_validated=dataset.test is None,
    )


def held_out(
    dataset: Dataset,
    learner: Learner,
    labelled: Indices,
    labels: Indices,
    candidates: Indices,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[NDArray[np.int64], Array]:
    """(targets (l,), probabilities (l, K)) of the labelled samples, each predicted by a model that has not seen it; empty with fewer than 2 labels."""
    x = inputs(dataset, learner)
    proba = np.full((len(labelled), dataset.n_classes), 1.0 / dataset.n_classes)
    if len(labelled) < 2:
        return labels[:0], proba[:0]
    unlabelled = x[candidates] if learner.trains_on_pool else None
    for train, held in folds(labels, rng):
        fold = learner.fit(
            x[labelled[train]], labels[train], n_classes=dataset.n_classes, unlabelled=unlabelled, rng=rng, progress=progress
        )
        proba[held] = fold.predict_proba(x[labelled[held]])
    return labels, proba


def folds(labels: Indices, rng: np.random.Generator) -> Iterator[tuple[Indices, Indices]]:
    """(train, held out) positions of stratified folds: each class is dealt out in random order, one class after the other."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(len(labels), dtype=np.int64)
    fold[order] = np.arange(len(labels)) % min(FOLDS, len(labels))
    for k in range(min(FOLDS, len(labels))):
        yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)
