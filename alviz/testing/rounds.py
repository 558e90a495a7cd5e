"""A strategy in a real round of a real run: model, labels, data, learner and the strategy itself stay as they were."""

from collections.abc import Callable
from typing import Any

import numpy as np

from alviz import learners
from alviz.data.dataset import Dataset
from alviz.learners.base import Learner
from alviz.loop.run import Run
from alviz.loop.signals import unmet
from alviz.strategies.base import QueryStrategy
from alviz.testing.hashing import state_hash
from alviz.testing.selections import check_selection, random_state_untouched

LEARNERS = ("linear-svm", "mlp-dropout", "ensemble")
"""Tried first, in this order; then all others."""


def small_dataset(n: int = 40, n_test: int = 12, *, seed: int = 0) -> Dataset:
    """Three overlapping groups, as features (n, 4) and as images (n, 8, 8, 3), with a test set unless n_test is 0."""
    rng = np.random.default_rng(seed)
    targets = np.arange(n, dtype=np.int64) % 3
    return Dataset(
        name="three groups",
        ids=[f"sample {i}" for i in range(n)],
        images=(rng.integers(0, 128, size=(n, 8, 8, 3)) + 60 * targets[:, None, None, None]).astype(np.uint8),
        features=(rng.normal(size=(n, 4)) + 1.5 * np.eye(3, 4)[targets]).astype(np.float32),
        targets=targets,
        class_names=("a", "b", "c"),
        test=small_dataset(n_test, 0, seed=seed + 1) if n_test else None,
    )


def learner_for(strategy: QueryStrategy, dataset: Dataset) -> Learner:
    """A learner that gives what `strategy` needs, the quickest ones first. Raises AssertionError where there is none."""
    for name in (*LEARNERS, *learners.simple()):
        learner = learners.create(name)
        if not unmet(strategy, strategy.learner(learner), dataset):
            return learner
    raise AssertionError(f"no learner gives what {strategy.name!r} needs: {unmet(strategy, learner, dataset)}")


def check_round(factory: Callable[[], QueryStrategy], *, learner: Learner | None = None, seed: int = 0) -> None:
    """Raises AssertionError when selecting in a run's second round changes anything, by hash, or touches global random state.

    learner: one that gives what the strategy needs (default: the quickest of those that do).
    """
    strategy, dataset = factory(), small_dataset(seed=seed)
    trained = strategy.learner(learner or learner_for(strategy, dataset))
    run = Run(dataset, learner=trained, strategy="random", n_queries=3, n_initial=9, seed=seed)
    run.step()  # another strategy's: nothing that this one does may be done before it is looked at
    view = run.view()
    view.true_targets = dataset.targets if strategy.oracle else None
    watched = {
        "the model": run.model(),
        "the label state": (run.state, view.labelled, view.labels, view.candidates),
        "the record of rounds": run.rounds,
        "the dataset": dataset,
        "the learner": run.learner,
        "the strategy": (strategy, _class_state(strategy)),
    }
    before = {what: state_hash(thing) for what, thing in watched.items()}
    selection = strategy.select(view, 3, np.random.default_rng([seed, 5]))
    check_selection(selection, view, 3)
    watched["the strategy"] = (strategy, _class_state(strategy))
    for what, thing in watched.items():
        assert state_hash(thing) == before[what], f"{what} was changed by select; only pool.run_cache may keep something"
    with random_state_untouched():  # the second time, as in check_strategy
        again = strategy.select(view, 3, np.random.default_rng([seed, 5]))
    assert np.array_equal(again.indices, selection.indices), "the same seed gave other picks in the same round"


def _class_state(strategy: QueryStrategy) -> dict[str, Any]:
    """Values kept by the classes, methods and what Python adds left out."""
    kinds = [kind for kind in type(strategy).__mro__ if kind is not object]
    return {
        f"{kind.__qualname__}.{name}": value
        for kind in kinds
        for name, value in vars(kind).items()
        if not (name.startswith("__") or callable(value) or hasattr(value, "__get__"))
    }
