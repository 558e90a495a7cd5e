"""CLUE, and the weighted k-means under it, against the best of all partitions and against plain loops."""

from itertools import product

import numpy as np
import pytest

import alviz
from alviz.progress import silent
from alviz.strategies import create, lloyd
from alviz.strategies.clue import tempered_entropy


def best_partition(x, w, k):
    """The weighted means of the partition of x into k clusters with the least weighted sum of squares: all partitions are tried."""
    best = (np.inf, None)
    for labels in product(range(k), repeat=len(x) - 1):
        at = np.array([0, *labels])  # the name of a cluster does not matter
        if len(set(labels) | {0}) < k:
            continue
        means = np.array([(w[at == c, None] * x[at == c]).sum(axis=0) / w[at == c].sum() for c in range(k)])
        loss = (w[:, None] * (x - means[at]) ** 2).sum()
        best = min(best, (loss, means.tolist()), key=lambda pair: pair[0])
    return np.array(best[1])


def nearest_in_turn(x, centres):
    picks = []
    for c in centres:
        picks.append(min((i for i in range(len(x)) if i not in picks), key=lambda i: (((x[i] - c) ** 2).sum(), i)))
    return picks


def entropy(p):
    return -sum(v * np.log(v) for v in p if v > 0)


def groups(seed, dtype=np.float64):
    """Nine points in three groups far apart, in any order, and predictions for them."""
    rng = np.random.default_rng(seed)
    x = np.repeat([[0.0, 0], [20, 0], [0, 20]], 3, axis=0) + rng.normal(size=(9, 2))
    return x[rng.permutation(9)].astype(dtype), rng.dirichlet(np.full(3, 0.5), size=9).astype(dtype)


@pytest.mark.parametrize("full", [0, 10**9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(5))
def test_nearest_to_the_weighted_means_of_the_best_partition(seed, dtype, full, monkeypatch):
    monkeypatch.setattr(lloyd, "FULL", full)  # 0: mini-batches, which come close enough
    x, p = groups(seed, dtype)
    weights = np.array([entropy(row) for row in p.astype(float)])
    picks, scores = alviz.query("clue", 3, labels=np.full(9, -1), embeddings=x, probabilities=p, seed=seed, return_scores=True)
    np.testing.assert_allclose(scores, weights, rtol=1e-5, atol=1e-12)
    if full:
        assert sorted(picks) == sorted(nearest_in_turn(x, best_partition(x.astype(float), weights, 3)))
    else:
        assert len({tuple(np.round(x[i] / 20)) for i in picks}) == 3


def test_uncertain_samples_pull():
    # On a line, one cluster: certain samples at 0, 1, 2 and 3, an unsure one at 10, which all the weight goes to.
    x = np.array([[0.0], [1], [2], [3], [10]])
    p = np.array([[1.0, 0.0]] * 4 + [[0.5, 0.5]])
    given = {"labels": np.full(5, -1), "embeddings": x, "probabilities": p}
    assert alviz.query("clue", 1, **given).tolist() == [4]
    assert alviz.query("kmeans", 1, **given).tolist() == [3]


def test_without_any_uncertainty_all_weigh_the_same():
    x = np.array([[0.0], [1], [2], [30], [31], [32]])
    p = np.eye(2)[[0, 1, 0, 1, 0, 1]]
    assert sorted(alviz.query("clue", 2, labels=np.full(6, -1), embeddings=x, probabilities=p)) == [1, 4]


@pytest.mark.parametrize("temperature", [0.1, 0.7, 1.0, 5.0])
def test_temperature_is_that_of_the_logits(temperature, monkeypatch):
    monkeypatch.setattr("alviz.strategies.clue.BLOCK", 4)
    logits = np.random.default_rng(0).normal(size=(10, 4))
    expected = []
    for row in logits:
        q = np.exp(row / temperature)
        expected.append(entropy(q / q.sum()))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tempered_entropy(p, temperature), expected, rtol=1e-9, atol=1e-12)


def test_a_low_temperature_never_divides_by_zero():
    p = np.vstack([np.full(4, 1e-3 / 3), np.eye(4)[:2]])
    p[0, 0] = 1 - 1e-3
    assert np.isfinite(tempered_entropy(p, 0.01)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(3))
def test_lloyd_ends_where_means_and_clusters_agree(seed, dtype):
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(60, 3)).astype(dtype), rng.uniform(0.01, 3, size=60)
    centres, labels = lloyd.lloyd(x, 6, np.random.default_rng(seed), silent, w)
    squares = ((x[:, None].astype(float) - centres[None]) ** 2).sum(axis=2)
    assert (squares[np.arange(60), labels] <= squares.min(axis=1) + 1e-5).all()
    for c in range(6):
        expected = (w[labels == c, None] * x[labels == c]).sum(axis=0) / w[labels == c].sum()
        np.testing.assert_allclose(centres[c], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("k", [3, 12])
def test_mini_batches_find_separate_groups(k, monkeypatch):
    monkeypatch.setattr(lloyd, "BATCH", 40)
    rng = np.random.default_rng(0)
    means = 50 * rng.normal(size=(k, 4))
    x = np.repeat(means, 30, axis=0) + rng.normal(size=(30 * k, 4))
    x = x[rng.permutation(len(x))]
    shares: list[float] = []
    centres = lloyd.in_batches(x, k, np.random.default_rng(2), shares.append, rng.uniform(0.5, 1, size=len(x)))
    assert shares
    assert min(shares) >= 0
    assert max(shares) <= 1
    squares = ((x[:, None] - centres[None]) ** 2).sum(axis=2).min(axis=1)
    assert np.median(squares) < 20


@pytest.mark.parametrize("neighbours", [1, 2, 8])
@pytest.mark.parametrize("seed", range(3))
def test_representatives(seed, neighbours, monkeypatch):
    monkeypatch.setattr(lloyd, "NEIGHBOURS", neighbours)
    monkeypatch.setattr(lloyd, "ROWS", 7)
    rng = np.random.default_rng(seed)
    for x in (rng.normal(size=(40, 3)), rng.integers(0, 2, size=(40, 2)).astype(float), np.zeros((40, 2))):
        for k in (5, 40):
            centres = x[rng.integers(0, 40, size=k)] + (0.3 if seed else 0.0)
            assert lloyd.representatives(x, centres, silent).tolist() == nearest_in_turn(x, centres)


def test_temperature_is_checked():
    with pytest.raises(ValueError, match=r"clue: temperature must be a number in 0\.01 … 100, got 0"):
        create("clue", temperature=0)


def test_probabilities_below_zero_within_the_tolerance_count_as_zero():
    p = np.array([[1.0005, -0.0003, -0.0002], [0.5, 0.5, 0.0]])
    got = alviz.query("clue", 1, labels=np.full(2, -1), features=np.eye(2), probabilities=p, temperature=0.3, return_scores=True)[1]
    np.testing.assert_allclose(got, [0.0, np.log(2)], atol=1e-12)
