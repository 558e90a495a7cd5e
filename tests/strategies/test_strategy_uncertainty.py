"""One prediction, one formula: against sums written out over Python floats."""

import math

import numpy as np
import pytest

import alviz


def by_hand(row: list[float], kind: str) -> float:
    ordered = sorted(row, reverse=True)
    if kind == "least-confidence":
        return 1 - ordered[0]
    if kind == "margin":
        return -(ordered[0] - ordered[1])
    return -math.fsum(p * math.log(p) for p in row if p > 0)


@pytest.mark.parametrize("kind", ["least-confidence", "margin", "entropy"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_formula_and_order(kind, seed, dtype):
    rng = np.random.default_rng(seed)
    n, k = 80, int(rng.integers(2, 9))
    p = rng.dirichlet(np.full(k, 0.3), size=n).astype(dtype)
    p[:5] = np.eye(k)[rng.integers(k, size=5)]  # certain rows: 0 log 0
    labels = np.where(rng.random(n) < 0.3, rng.integers(k, size=n), -1)
    picks, scores = alviz.query(kind, 12, labels=labels, probabilities=p, return_scores=True)
    expected = {i: by_hand([float(v) for v in p[i]], kind) for i in np.flatnonzero(labels < 0)}
    assert set(np.flatnonzero(~np.isnan(scores))) == set(expected)
    np.testing.assert_allclose([scores[i] for i in expected], list(expected.values()), atol=1e-12)
    assert picks.tolist() == sorted(expected, key=lambda i: (-expected[i], i))[:12]


@pytest.mark.parametrize("kind", ["least-confidence", "margin", "entropy"])
def test_ties_go_to_the_lowest_index(kind):
    # All rows are permutations of one another, so every score is the same; index 0 has a label.
    row = np.array([0.1, 0.2, 0.3, 0.15, 0.25])
    rng = np.random.default_rng(0)
    p = np.array([rng.permutation(row) for _ in range(40)])
    labels = np.full(40, -1)
    labels[0] = 2
    assert alviz.query(kind, 6, labels=labels, probabilities=p).tolist() == [1, 2, 3, 4, 5, 6]
    assert alviz.query(kind, 6, labels=labels, probabilities=np.asfortranarray(p)).tolist() == [1, 2, 3, 4, 5, 6]


def test_two_classes_rank_alike():
    p = np.random.default_rng(1).random(200)
    table = np.column_stack([p, 1 - p])
    picks = [
        alviz.query(kind, 50, labels=np.full(200, -1), probabilities=table).tolist() for kind in ("least-confidence", "margin", "entropy")
    ]
    assert picks[0] == picks[1] == picks[2]


def test_margin_of_one_class_is_certain():
    scores = alviz.query("margin", 1, labels=[-1, -1, 0], probabilities=np.ones((3, 1)), return_scores=True)[1]
    np.testing.assert_array_equal(scores, [-1, -1, np.nan])


def test_large_pools_are_scored_in_blocks_alike():
    p = np.random.default_rng(2).dirichlet(np.ones(3), size=20_000)
    scores = alviz.query("entropy", 1, labels=np.full(20_000, -1), probabilities=p, return_scores=True)[1]
    np.testing.assert_allclose(scores, -(p * np.log(p)).sum(axis=1), atol=1e-12)


def test_random_is_uniform_and_seeded():
    labels = np.array([0, -1, -1, 1, -1, -1])
    draws = [alviz.query("random", 2, labels=labels, seed=s).tolist() for s in range(1200)]
    assert draws[:50] == [alviz.query("random", 2, labels=labels, seed=s).tolist() for s in range(50)]
    pairs, counts = np.unique(np.array(draws), axis=0, return_counts=True)
    assert len(pairs) == 12  # ordered pairs of four candidates
    # chi-square with 11 degrees of freedom stays below 31.3 in 999 of 1,000 cases, and the seeds are fixed
    assert ((counts - 100) ** 2 / 100).sum() < 31.3
