"""SEALS: neighbours against a full sort of all distances, and what is searched for again."""

import numpy as np
import pytest

import alviz
from alviz.loop import Run
from alviz.loop.signals import unmet
from alviz.strategies import PoolView, create, readable_needs, seals, vectors
from alviz.strategies.arrays import Arrays
from alviz.testing import check_strategy, random_arrays, random_pool


def neighbours(x, labels, k):
    """Dataset indices of the unlabelled samples among the k nearest of each labelled one, ties by the lowest index."""
    found = set()
    for i in np.flatnonzero(labels >= 0):
        square = ((x.astype(float) - x[i].astype(float)) ** 2).sum(axis=1)
        square[i] = np.inf
        found |= set(np.argsort(square, kind="stable")[:k].tolist())
    return sorted(j for j in found if labels[j] < 0)


def looked_at(scores):
    return np.flatnonzero(~np.isnan(scores)).tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(6))
def test_candidates_are_the_neighbours(seed, dtype, monkeypatch):
    monkeypatch.setattr(vectors, "ROWS", 3)
    monkeypatch.setattr(vectors, "COLUMNS", 7)
    rng = np.random.default_rng(seed)
    x = (rng.integers(0, 3, size=(80, 3)) if seed % 2 else rng.normal(size=(80, 3)) + 100).astype(dtype)  # a grid full of ties; an offset
    p = rng.dirichlet(np.ones(3), size=80).astype(dtype)
    labels = np.where(rng.random(80) < 0.1, 0, -1)
    labels[3] = 1
    for k in (1, 4, 79, 500):
        expected = neighbours(x, labels, k)
        b = min(4, len(expected))
        got, scores = alviz.query("seals", b, labels=labels, features=x, probabilities=p, neighbours=k, return_scores=True)
        assert looked_at(scores) == expected
        assert got.tolist() == alviz.query("margin", b, labels=labels, probabilities=p, candidates=np.array(expected)).tolist()


def test_more_than_the_neighbours_are_asked_for():
    x = np.arange(20.0)[:, None]
    arrays = Arrays({"features": x, "probabilities": np.random.default_rng(0).dirichlet(np.ones(2), size=20)})
    for labelled, why in (([], "nothing is labelled yet"), ([0], "2 unlabelled neighbours")):
        labelled = np.array(labelled, dtype=np.int64)
        pool = PoolView(arrays, np.setdiff1d(np.arange(20), labelled), labelled, np.zeros(len(labelled), dtype=np.int64), 2, 20)
        got = create("seals", neighbours=2).select(pool, 5, np.random.default_rng(0))
        assert got.indices.tolist() == create("margin").select(pool, 5, np.random.default_rng(0)).indices.tolist()
        assert got.note.startswith(f"All {len(pool)} candidates were looked at: ") and why in got.note
    assert create("seals", neighbours=2).select(pool, 2, np.random.default_rng(0)).note.startswith("2 of 19 candidates were looked at")


class Counting:
    """Stands in for the search, and remembers for which samples it was asked."""

    def __init__(self):
        self.asked = []
        self.search = seals._others

    def __call__(self, points, rows, k, pool):
        self.asked.append(rows.tolist())
        return self.search(points, rows, k, pool)


def test_a_labelled_sample_is_searched_for_once(monkeypatch):
    counting = Counting()
    monkeypatch.setattr(seals, "_others", counting)
    arrays = random_arrays(50)
    source, cache = Arrays(arrays), {}

    def looked(labelled, signals=source, neighbours=5):
        labelled = np.array(labelled)
        labels = np.full(50, -1)
        labels[labelled] = 0
        pool = PoolView(signals, np.flatnonzero(labels < 0), labelled, labels[labelled], 4, 50, run_cache=cache)
        selection = create("seals", neighbours=neighbours).select(pool, 2, np.random.default_rng(0))
        features = signals.rows("features", None)
        assert looked_at(selection.scores) == neighbours_of(features, labels, neighbours)

    neighbours_of = neighbours
    looked([3, 7])
    looked([3, 7, 11])
    looked([3])  # undone
    looked([3, 7, 11, 12])
    assert counting.asked == [[3, 7], [11], [12]]
    looked([3, 7], neighbours=6)
    looked([3], Arrays({**arrays, "features": arrays["features"][::-1].copy()}))  # other features
    assert counting.asked[3:] == [[3, 7], [3]]


def test_copies_of_a_labelled_sample():
    x = np.repeat(np.arange(4.0), 10)[:, None]  # sample 15 has copies before and after it
    p = np.random.default_rng(0).dirichlet(np.ones(2), size=40)
    for i in (10, 15, 19):
        labels = np.full(40, -1)
        labels[i] = 0
        for k in (1, 3, 8, 9, 12):
            scores = alviz.query("seals", 1, labels=labels, features=x, probabilities=p, neighbours=k, return_scores=True)[1]
            assert looked_at(scores) == neighbours(x, labels, k)


def test_points_outside_the_table():
    arrays = random_arrays(40)
    pool = random_pool(arrays, 6)
    grid = random_arrays(30, seed=1)
    view = pool.of_points(Arrays(grid), 30)
    before = dict(pool.run_cache)
    got = create("seals", neighbours=3).select(view, 2, np.random.default_rng(0))
    labelled = arrays["features"][pool.labelled]
    expected = {int(j) for x in labelled for j in np.argsort(((grid["features"] - x) ** 2).sum(axis=1), kind="stable")[:3]}
    assert looked_at(got.scores) == sorted(expected) and pool.run_cache == before


@pytest.mark.parametrize("base", ["random", "k-center", "badge", "bald", "alamp-div", "cmcs-margin"])
def test_any_base(base):
    check_strategy(lambda: create("seals", base=base, neighbours=8))


def test_needs_are_those_of_the_base():
    from alviz import learners

    teacher = learners.create("linear-svm")
    assert not unmet(create("seals"), teacher)
    assert "posterior" in unmet(create("seals", base="bald"), teacher)
    assert readable_needs(create("seals", base="random")) == "features or embeddings (features stand in)"
    assert create("seals", base="k-center").needs == ("embeddings",)
    with pytest.raises(ValueError, match="needs the argument posterior"):
        alviz.query("seals", 1, labels=[0, -1, -1], features=np.eye(3), base="bald")
    # Embeddings alone will do.
    assert len(alviz.query("seals", 1, labels=[0, -1, -1], embeddings=np.eye(3), base="random")) == 1


def test_fallback_of_the_base():
    first = create("seals", base="alamp", neighbours=9).fallback(frozenset({"probabilities", "features"}))
    assert (first.name, first.base.name, first.neighbours) == ("seals", "margin", 9)
    ready = create("seals", base="alamp")
    assert ready.fallback(frozenset({"probabilities", "previous_probabilities"})) is ready


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"base": "seals"}, "base must be the name of another strategy"),
        ({"base": 3}, "base must be the name of another strategy"),
        ({"base": "margn"}, "did you mean 'margin'"),
        ({"neighbours": 0}, "neighbours must be a whole number ≥ 1"),
    ],
)
def test_parameters_are_checked(params, message):
    with pytest.raises(ValueError, match=message):
        create("seals", **params)


def test_in_a_run(monkeypatch):
    counting = Counting()
    monkeypatch.setattr(seals, "_others", counting)
    run = Run("moons", learner="linear-svm", strategy=create("seals", base="alamp", neighbours=20), n_queries=5, seed=0)
    run.run(until=20)
    searched = [i for asked in counting.asked for i in asked]
    assert len(searched) == len(set(searched)) == 15
    assert all(len(r.queried) == 5 for r in run.rounds)
