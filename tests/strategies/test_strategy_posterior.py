"""Posterior draws: against the formulas over Python floats."""

import math

import numpy as np
import pytest

import alviz

POSTERIOR_STRATEGIES = ["least-confidence-dropout", "margin-dropout", "entropy-dropout", "ensemble-least-confidence", "ensemble-margin"]
POSTERIOR_STRATEGIES += ["ensemble-entropy", "variation-ratio", "bald", "mean-std"]


def entropy(row):
    return -math.fsum(p * math.log(p) for p in row if p > 0)


def by_hand(name: str, draws: list[list[float]]) -> tuple[float, float]:
    """(score, second key) of one sample from its T draws."""
    t, k = len(draws), len(draws[0])
    mean = [math.fsum(draw[c] for draw in draws) / t for c in range(k)]
    if "least-confidence" in name:
        return 1 - max(mean), 0
    if "margin" in name:
        top = sorted(mean)
        return top[-2] - top[-1], 0
    if "entropy" in name:
        return entropy(mean), 0
    if name == "variation-ratio":
        votes = [draw.index(max(draw)) for draw in draws]
        return 1 - max(votes.count(c) for c in range(k)) / t, entropy(mean)
    if name == "bald":
        return entropy(mean) - math.fsum(map(entropy, draws)) / t, 0
    std = [math.sqrt(math.fsum((draw[c] - mean[c]) ** 2 for draw in draws) / t) for c in range(k)]
    return math.fsum(std) / k, 0


@pytest.mark.parametrize("name", POSTERIOR_STRATEGIES)
@pytest.mark.parametrize("seed", range(3))
def test_formula_and_order(name, seed):
    rng = np.random.default_rng(seed)
    n, k, t = 60, int(rng.integers(2, 6)), int(rng.integers(2, 11))
    posterior = rng.dirichlet(np.full(k, 0.4), size=(t, n))
    posterior[:, 7] = np.eye(k)[0]
    labels = np.where(rng.random(n) < 0.3, rng.integers(k, size=n), -1)
    picks, scores = alviz.query(name, 15, labels=labels, posterior=posterior, return_scores=True)
    keys = {int(i): by_hand(name, posterior[:, i].tolist()) for i in np.flatnonzero(labels < 0)}
    np.testing.assert_allclose([scores[i] for i in keys], [key[0] for key in keys.values()], atol=1e-12)
    rounded = {i: (round(a, 11), round(b, 11)) for i, (a, b) in keys.items()}
    assert picks.tolist() == sorted(keys, key=lambda i: (-rounded[i][0], -rounded[i][1], i))[:15]


def test_variation_ratio_counts_votes():
    # Ten members, three classes: 5-5-0 and 6-3-1 votes, then full agreement; least confidence would say otherwise.
    votes = [[0] * 5 + [1] * 5, [0] * 6 + [1] * 3 + [2], [2] * 10]
    posterior = np.stack([np.eye(3)[[column[t] for column in votes]] for t in range(10)])
    scores = alviz.query("variation-ratio", 1, labels=[-1, -1, -1], posterior=posterior, return_scores=True)[1]
    np.testing.assert_allclose(scores, [0.5, 0.4, 0.0], atol=1e-15)


@pytest.mark.parametrize("name", ["bald", "mean-std"])
def test_no_disagreement_is_exactly_zero_and_tied(name):
    # 0.1 + … ten times is not 1 in floating point: rounding noise must not order samples whose draws are all equal.
    p = np.random.default_rng(0).dirichlet(np.ones(4), size=30)
    posterior = np.repeat(p[None], 10, axis=0)
    picks, scores = alviz.query(name, 5, labels=np.full(30, -1), posterior=posterior, return_scores=True)
    assert (scores == 0).all()
    assert picks.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["least-confidence", "margin", "entropy"])
def test_equal_draws_are_one_prediction(kind):
    p = np.random.default_rng(0).dirichlet(np.ones(4), size=30)
    labels = np.full(30, -1)
    expected = alviz.query(kind, 8, labels=labels, probabilities=p)
    for name in (f"{kind}-dropout", f"ensemble-{kind}"):
        np.testing.assert_array_equal(alviz.query(name, 8, labels=labels, posterior=np.repeat(p[None], 7, axis=0)), expected)


def test_committee_comes_before_dropout():
    rng = np.random.default_rng(0)
    committee, dropout = rng.dirichlet(np.ones(3), size=(2, 4, 20))
    from alviz.strategies import PoolView, create
    from alviz.strategies.arrays import Arrays

    def pool(**signals):
        none = np.empty(0, dtype=np.int64)
        return PoolView(Arrays(signals), np.arange(20), none, none, 3, 20)

    both = create("bald").select(pool(committee_posterior=committee, dropout_posterior=dropout), 5, rng).indices
    one = create("bald").select(pool(committee_posterior=committee), 5, rng).indices
    other = create("bald").select(pool(dropout_posterior=dropout), 5, rng).indices
    assert both.tolist() == one.tolist() != other.tolist()
