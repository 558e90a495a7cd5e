"""Conformance of query strategies: what a registered strategy, ours or a plug-in's, must hold to."""

from typing import Any

import numpy as np

from alviz.learners.base import Learner
from alviz.strategies.base import CappedStrategy
from alviz.strategies.device import Indices
from alviz.testing.cards import check_declaration
from alviz.testing.invariance import Factory, check_cancel, check_layouts, check_memory, check_symmetries
from alviz.testing.pools import random_arrays, random_scene
from alviz.testing.rounds import check_round
from alviz.testing.selections import picks, random_state_untouched, selected


def check_strategy(factory: Factory, *, learner: Learner | None = None, seed: int = 0, without_labels: bool = True) -> None:
    """Raises AssertionError, with a sentence that says what is wrong, when strategies made by `factory` break the contract.

    Checked: name, card, needs and parameters; dataset indices, distinct, unlabelled, as many as asked; scores, gains and note; the same
    seed gives the same picks; global random state (random, numpy, torch) and all that a strategy is given stay as they were; float32,
    float64, Fortran-ordered, strided and read-only arrays, torch tensors; the symmetries it declares; budget = pool, one candidate, one
    labelled class, one class at all, one label, duplicates, nothing labelled (unless without_labels is False); rounds asked in any order,
    cancelled ones among them; and a real round with `learner` (default: the quickest that gives what is needed), in which model, labels,
    dataset, learner and the strategy itself are compared by hash.
    """
    strategy = factory()
    check_declaration(strategy)
    arrays = random_arrays(seed=seed)

    def run(n_queries: int, n_labelled: int = 12, signals: Any = arrays, **options: Any) -> Indices:
        return picks(factory(), random_scene(signals, n_labelled, seed=seed, **options), n_queries, seed=seed)

    expected = run(10)  # and what is imported at first use: scikit-learn's clusterings draw a number then
    with random_state_untouched():
        again = run(10)
    assert np.array_equal(again, expected), "the same seed gave other picks"
    assert np.array_equal(np.sort(run(30)), np.arange(30, 60)), "a budget as large as the pool must take every candidate"
    assert run(1, n_candidates=1)[0] == 59, "a single candidate must be chosen"
    run(10, n_labelled=1)
    run(10, one_class=True)
    run(10, signals=random_arrays(n_classes=1, seed=seed), n_classes=1)
    copies = random_arrays(copies=True, seed=seed)
    run(30, signals=copies)
    if without_labels:
        run(10, n_labelled=0)
        run(60, n_labelled=0, signals=copies)
    check_layouts(factory, seed)
    check_symmetries(factory, seed)
    check_memory(factory, seed)
    check_cancel(factory, seed)
    if isinstance(strategy, CappedStrategy):
        _check_cap(factory, seed)
    check_round(factory, learner=learner, seed=seed)


def _check_cap(factory: Factory, seed: int) -> None:
    """Candidates that were not looked at are reported, and only then."""
    scene = random_scene(random_arrays(seed=seed), 12, seed=seed)
    for cap, capped in ((15, True), (30, False), (None, False)):
        strategy = factory()
        assert isinstance(strategy, CappedStrategy)
        strategy.cap = cap
        for n_queries in (10, 20):
            note = selected(strategy, scene, n_queries, seed=seed).note
            assert ("of 30 candidates" in note) == capped, f"with cap={cap} of 30 candidates the note is {note!r}"
