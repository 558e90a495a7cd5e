"""A duel: the same start, all or none, picks together and apart, and random from the same start."""

import threading

import numpy as np
import pytest

from alviz import data, learners, strategies
from alviz.learners.linear_svm import LinearSVM
from alviz.loop import Run
from alviz.loop.round import Round
from alviz.loop.run import PoolExhausted
from alviz.progress import Cancelled
from alviz.studies.duels import (
    SameStart,
    expectation,
    only_one_saw,
    parting,
    picked_when,
    random_run,
    start_together,
    step_together,
    undo_together,
    unfinished,
)

NAMES = ["margin", "entropy", "k-center"]


@pytest.fixture(scope="module")
def pool():
    return data.create("gaussians", n=120, n_test=60)


def start(pool, names=NAMES, **more):
    return start_together(pool, [strategies.create(name) for name in names], n_queries=5, seed=3, **{"learner": "linear-svm", **more})


@pytest.fixture
def make_rounds():
    """Rounds of 9 samples and 3 classes that ask for these samples; the last one's model believes what it is told to."""

    def make(picks, labels=(0,) * 9, believed=None):
        labels, when = np.array(labels), np.concatenate(picks)
        made = []
        for r, queried in enumerate(picks):
            said = labels[np.concatenate(picks[: r + 1])]
            counts = np.bincount(said[said >= 0], minlength=3)
            fields = {"strategy": "x", "metrics": {}, "recall": np.zeros(3), "confusion": np.zeros((3, 3), dtype=np.int64)}
            probabilities = np.full((9, 3), 0.5) if believed is None else believed
            made.append(
                Round(
                    index=r,
                    queried=np.array(queried),
                    labels=labels[queried],
                    n_labelled=len(said),
                    class_counts=counts,
                    probabilities=probabilities,
                    **fields,
                )
            )
        assert len(set(when.tolist())) == len(when)
        return made

    return make


def same_rounds(one, other):
    assert one.position == other.position
    for a, b in zip(one.rounds, other.rounds, strict=True):
        assert np.array_equal(a.queried, b.queried) and np.array_equal(a.probabilities, b.probabilities)
        assert a.strategy == b.strategy and a.metrics.keys() == b.metrics.keys()
        np.testing.assert_array_equal(list(a.metrics.values()), list(b.metrics.values()))


@pytest.mark.parametrize("initial", ["random", "kmeans-equal"])
def test_every_run_is_the_one_it_would_be_alone(pool, initial):
    runs = start(pool, initial=initial)
    for _ in range(3):
        step_together(runs, 1000)
    for run, name in zip(runs, NAMES, strict=True):
        alone = Run(pool, learner="linear-svm", strategy=name, initial=initial, n_queries=5, seed=3)
        alone.goto(3)
        same_rounds(run, alone)
        assert run.config() == alone.config() and run.parent is None


def test_round_0_is_trained_once_and_anew_where_a_strategy_changes_training(pool, monkeypatch):
    fits = []
    whole = LinearSVM.fit
    monkeypatch.setattr(LinearSVM, "fit", lambda self, *args, **kwargs: fits.append(1) or whole(self, *args, **kwargs))
    start(pool, ["margin", "random", "entropy"])
    assert len(fits) == 1
    names = ["ceal", "margin", "entropy"]
    runs = start(pool, names, learner="linear-svm")
    assert [run.learner is run.base_learner for run in runs] == [False, True, True]
    step_together(runs, 1000)
    for run, name in zip(runs, names, strict=True):
        alone = Run(pool, learner="linear-svm", strategy=name, n_queries=5, seed=3)
        alone.step()
        same_rounds(run, alone)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_cancelled_step_takes_back_those_that_had_finished(pool, after):
    runs = start(pool)
    step_together(runs, 1000)
    before = [[r.queried.tolist() for r in run.rounds] for run in runs]
    cancel = threading.Event()

    def hooks(k, count):
        assert count == 3
        return {"cancel": cancel, "on_phase": lambda phase: cancel.set() if k == after and phase == "train" else None}

    with pytest.raises(Cancelled):
        step_together(runs, 1000, hooks)
    assert [[r.queried.tolist() for r in run.rounds] for run in runs] == before
    step_together(runs, 1000)  # and again: as if nothing had been
    fresh = start(pool)
    for _ in range(2):
        step_together(fresh, 1000)
    for run, other in zip(runs, fresh, strict=True):
        same_rounds(run, other)


def test_those_behind_go_first_and_undo_takes_those_ahead(pool):
    runs = start(pool)
    runs[1].step()
    step_together(runs, 1000)
    assert [run.position for run in runs] == [1, 1, 1]
    runs[0].step()
    undo_together(runs)
    assert [run.position for run in runs] == [1, 1, 1]
    undo_together(runs)
    with pytest.raises(ValueError, match="no round to undo"):
        undo_together(runs)


def test_the_last_batch_is_cut_to_the_budget_and_then_nothing_is_left(pool):
    runs = start(pool)
    step_together(runs, 8)
    assert [run.n_labelled for run in runs] == [8, 8, 8] and not unfinished(runs, 8)
    with pytest.raises(PoolExhausted):
        step_together(runs, 8)


def test_picks_together_and_apart_by_hand(make_rounds):
    a = make_rounds([[0, 1], [2, 3], [4, 5]])
    b = make_rounds([[0, 1], [3, 6], [2, 7]])
    when = picked_when([a, b], 9)
    assert when.tolist() == [[0, 0, 1, 1, 2, 2, -1, -1, -1], [0, 0, 2, 1, -1, -1, 1, 2, -1]]
    first, second = parting(when, 1), parting(when, 2)
    assert (first.shared, first.some, first.alone.tolist()) == (1, 0, [1, 1])
    assert first.overlap == pytest.approx(1 / 3)  # {2, 3} and {3, 6}
    assert (second.shared, second.some, second.alone.tolist()) == (2, 0, [2, 2])
    assert second.overlap == pytest.approx(2 / 6)  # {2, 3, 4, 5} and {2, 3, 6, 7}
    nobody = parting(when, 0)
    assert nobody.shared == 0 and np.isnan(nobody.overlap)
    c = make_rounds([[0, 1], [3, 8], [6, 4]])
    third = parting(picked_when([a, b, c], 9), 2)
    assert (third.shared, third.some, third.alone.tolist()) == (1, 3, [1, 1, 1])  # 3 by all; 2, 4, 6 by two; 5, 7 and 8 by one
    assert third.overlap == pytest.approx((2 / 6 + 2 / 6 + 2 / 6) / 3)


def test_what_only_one_saw_begins_with_classes_unknown_to_the_others(make_rounds):
    labels = [0, 1, 0, 0, 1, 2, 0, 1, -1]
    believed = np.full((9, 3), 0.5)
    believed[[2, 4], [0, 1]] = [0.9, 0.1]
    a = make_rounds([[0, 1], [2, 8], [4, 5]], labels)
    b = make_rounds([[0, 1], [3, 6], [7]], labels, believed)
    ours, theirs = only_one_saw([a, b], 9)
    assert ours.tolist() == [5, 4, 2, 8]  # class 2, then what b believes least, what has no label last
    assert sorted(theirs.tolist()) == [3, 6, 7]


def test_random_is_the_mean_over_runs_of_its_own_from_the_same_start(pool):
    like = start(pool)[2]
    seeds = [4, 5, 6]
    found = expectation([random_run(like, 28, seed) for seed in seeds])
    by_hand = []
    for seed in seeds:
        run = Run(pool, learner="linear-svm", strategy="random", initial=SameStart(like.rounds[0].queried), n_queries=5, seed=seed)
        run.run(until=28)
        by_hand.append([r.metrics["accuracy"] for r in run.rounds])
        assert run.rounds[0].queried.tolist() == like.rounds[0].queried.tolist()
    assert found.n_labelled.tolist() == [5, 10, 15, 20, 25, 28] and found.seeds == 3
    assert np.array_equal(found.metrics["accuracy"], by_hand)
    assert len({tuple(row) for row in by_hand}) == 3


def test_random_stops_when_asked_to(pool):
    like = start(pool)[0]
    stop = threading.Event()
    told = []

    def progress(share):
        told.append(share)
        if share > 0.3:
            stop.set()

    with pytest.raises(Cancelled):
        random_run(like, 60, 9, progress=progress, cancel=stop)
    assert told == sorted(told) and max(told) < 0.6


def test_a_learner_object_serves_as_well_as_a_name(pool):
    runs = start(pool, ["margin", "random"], learner=learners.create("linear-svm", C=0.1))
    step_together(runs, 1000)
    assert len(random_run(runs[0], 15, 1)) == 3
