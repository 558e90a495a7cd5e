"""Query by committee: divergences and votes, over Python floats."""

import math

import numpy as np
import pytest

import alviz


def divergence(draws):
    """(1/T) Σ_t KL(p_t ‖ mean)."""
    t, k = len(draws), len(draws[0])
    mean = [math.fsum(draw[c] for draw in draws) / t for c in range(k)]
    return math.fsum(p * math.log(p / m) for draw in draws for p, m in zip(draw, mean, strict=True) if p > 0) / t


def votes_entropy(draws):
    """(entropy of the votes, entropy of the mean)."""
    t, k = len(draws), len(draws[0])
    shares = [sum(draw.index(max(draw)) == c for draw in draws) / t for c in range(k)]
    mean = [math.fsum(draw[c] for draw in draws) / t for c in range(k)]
    return tuple(-math.fsum(p * math.log(p) for p in row if p > 0) for row in (shares, mean))


def setting(seed):
    rng = np.random.default_rng(seed)
    n, k, t = 60, int(rng.integers(1, 6)), int(rng.integers(1, 9))
    posterior = rng.dirichlet(np.full(k, 0.4), size=(t, n))
    posterior[:, 7] = np.eye(k)[0]
    posterior[:, 9] = posterior[:, 8]
    labels = np.where(rng.random(n) < 0.3, rng.integers(k, size=n), -1)
    return posterior, labels


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(6))
def test_committee_kl(seed, dtype):
    posterior, labels = setting(seed)
    posterior = posterior.astype(dtype)
    picks, scores = alviz.query("committee-kl", 15, labels=labels, posterior=posterior, return_scores=True)
    expected = {int(i): divergence(posterior[:, i].astype(float).tolist()) for i in np.flatnonzero(labels < 0)}
    np.testing.assert_allclose([scores[i] for i in expected], list(expected.values()), atol=1e-7 if dtype == np.float32 else 1e-12)
    if posterior.shape[0] > 1 and posterior.shape[2] > 1 and dtype == np.float64:
        assert picks.tolist() == sorted(expected, key=lambda i: (-round(expected[i], 11), i))[:15]


@pytest.mark.parametrize("seed", range(4))
def test_committee_kl_is_bald(seed):
    posterior, labels = setting(seed)
    entropies = [
        np.array([-math.fsum(p * math.log(p) for p in row if p > 0) for row in rows]) for rows in [posterior.mean(axis=0), *posterior]
    ]
    picks, scores = alviz.query("committee-kl", 15, labels=labels, posterior=posterior, return_scores=True)
    free = labels < 0
    np.testing.assert_allclose(scores[free], (entropies[0] - np.mean(entropies[1:], axis=0))[free], atol=1e-12)
    assert picks.tolist() == alviz.query("bald", 15, labels=labels, posterior=posterior).tolist()


def test_agreement_goes_by_index():
    p = np.random.default_rng(0).dirichlet(np.ones(4), size=30)
    assert alviz.query("committee-kl", 5, labels=np.full(30, -1), posterior=np.repeat(p[None], 7, axis=0)).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", range(6))
def test_vote_entropy(seed):
    posterior, labels = setting(seed)
    picks, scores = alviz.query("vote-entropy", 15, labels=labels, posterior=posterior, return_scores=True)
    keys = {int(i): votes_entropy(posterior[:, i].tolist()) for i in np.flatnonzero(labels < 0)}
    np.testing.assert_allclose([scores[i] for i in keys], [key[0] for key in keys.values()], atol=1e-12)
    rounded = {i: (round(a, 11), round(b, 11)) for i, (a, b) in keys.items()}
    assert picks.tolist() == sorted(keys, key=lambda i: (-rounded[i][0], -rounded[i][1], i))[:15]


def test_votes_by_hand():
    # Four members: 2-2, 2-1-1, 3-1, 4; a committee of two knows only two levels.
    votes = [[0, 0, 1, 1], [0, 0, 1, 2], [2, 2, 2, 0], [1, 1, 1, 1]]
    posterior = np.stack([np.eye(3)[[column[t] for column in votes]] for t in range(4)])
    scores = alviz.query("vote-entropy", 1, labels=np.full(4, -1), posterior=posterior, return_scores=True)[1]
    ln = math.log
    np.testing.assert_allclose(scores, [ln(2), 1.5 * ln(2), 2 * ln(2) - 0.75 * ln(3), 0], atol=1e-12)
    two = alviz.query("vote-entropy", 1, labels=np.full(4, -1), posterior=posterior[[0, 3]], return_scores=True)[1]
    np.testing.assert_allclose(two, [ln(2), ln(2), ln(2), 0], atol=1e-12)


def test_hard_votes_are_not_soft_ones():
    # Sample 0: all vote for class 0 with 51 %. Sample 1: one of three dissents, all of them sure.
    posterior = np.array([[[0.51, 0.49], [1, 0]], [[0.51, 0.49], [1, 0]], [[0.51, 0.49], [0, 1.0]]])
    labels = [-1, -1]
    assert alviz.query("vote-entropy", 1, labels=labels, posterior=posterior).tolist() == [1]
    assert alviz.query("ensemble-entropy", 1, labels=labels, posterior=posterior).tolist() == [0]


def test_permuted_votes_are_exactly_tied():
    rng = np.random.default_rng(0)
    votes = rng.integers(0, 5, size=7)
    classes = np.stack([rng.permutation(5)[votes] for _ in range(40)], axis=1)  # every sample has the same split among other classes
    scores = alviz.query("vote-entropy", 1, labels=np.full(40, -1), posterior=np.eye(5)[classes], return_scores=True)[1]
    assert len(np.unique(scores)) == 1
