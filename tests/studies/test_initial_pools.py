"""Initial pools compared: contents, overlap and intervals by hand; runs from them as runs made by hand."""

import numpy as np
import pytest

import alviz
from alviz import initial
from alviz.data.dataset import Dataset
from alviz.progress import Cancelled
from alviz.studies.initial import contents, first_samples, overlap, started, together


def labelled(targets, k=3):
    targets = np.asarray(targets, dtype=np.int64)
    return Dataset("d", [str(i) for i in range(len(targets))], None, np.zeros((len(targets), 1), np.float32), targets, tuple("abc"[:k]))


SETTINGS = {"learner": "linear-svm", "strategy": "margin", "n_initial": 8, "n_queries": 5, "rounds": 2}


@pytest.fixture(scope="module")
def moons():
    return alviz.data.create("moons", n=120, n_test=60)


def test_contents_by_hand():
    dataset = labelled([0, 0, 0, 1, 2, -1])
    # Counts 3, 1, 0: mean 4/3, variance (25/9 + 1/9 + 16/9)/3 = 14/9, ir = √14/3 · 3/4 = √14/4.
    inside = contents(dataset, [0, 1, 2, 3, 5])
    assert inside.class_counts.tolist() == [3, 1, 0]
    assert inside.covered == 2
    assert inside.ir == pytest.approx(np.sqrt(14) / 4)
    assert np.isnan(contents(dataset, [5]).ir)
    assert contents(dataset, [5]).covered == 0
    assert contents(dataset, [0, 3, 4]).ir == 0


def test_overlap_by_hand():
    # After round 0: {0, 1} and {1, 2}: 1 of 3. After round 1: {0, 1, 2} and {1, 2, 3}: 2 of 4. After round 2: {0, 1, 2, 3} twice.
    assert overlap([[0, 1], [2], [3]], [[1, 2], [3], [0]]).tolist() == [1 / 3, 2 / 4, 1.0]
    assert overlap([[0], [1]], [[1]]).tolist() == [0.0]


def test_a_start_is_the_run_with_the_same_settings(moons):
    pool = initial.create("kmeans-equal")
    start = started(moons, pool, seed=3, **SETTINGS)
    run = alviz.Run(moons, learner="linear-svm", strategy="margin", initial="kmeans-equal", n_initial=8, n_queries=5, seed=3)
    run.goto(2)
    assert start.accuracy.tolist() == [finished.metrics["accuracy"] for finished in run.rounds]
    assert start.n_labelled.tolist() == [8, 13, 18]
    for mine, finished in zip(start.labelled, run.rounds, strict=True):
        np.testing.assert_array_equal(mine, finished.queried)
    np.testing.assert_array_equal(first_samples(pool, moons, 8, 3), run.rounds[0].queried)
    np.testing.assert_array_equal(start.contents.class_counts, run.rounds[0].class_counts)
    assert (start.pool, start.seed) == ("kmeans-equal", 3)


def test_a_small_pool_ends_the_run_early():
    dataset = alviz.data.create("moons", n=20, n_test=20)
    start = started(dataset, initial.create("random"), seed=0, **{**SETTINGS, "rounds": 9})
    assert start.n_labelled.tolist() == [8, 13, 18, 20]
    longer = started(dataset, initial.create("random"), seed=0, **{**SETTINGS, "rounds": 1})
    assert together([start, longer], lambda one: one.n_labelled).tolist() == [[8, 13], [8, 13]]


def test_progress_rises_to_the_end_and_can_cancel(moons):
    reports = []
    started(moons, initial.create("random"), seed=0, progress=reports.append, **SETTINGS)
    assert reports == sorted(reports)
    assert reports[-1] == pytest.approx(1.0)

    def cancel(share):
        if share > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        started(moons, initial.create("random"), seed=0, progress=cancel, **SETTINGS)
