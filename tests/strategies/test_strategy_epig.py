"""EPIG against its definition, label by label."""

import math

import numpy as np
import pytest

import alviz
from alviz.strategies import PoolView, create, epig
from alviz.strategies.arrays import Arrays

NONE = np.empty(0, dtype=np.int64)


def pool_of(posterior, candidates=None, seed=0):
    n, k = posterior.shape[1:]
    candidates = np.arange(n) if candidates is None else candidates
    labelled = np.setdiff1d(np.arange(n), candidates)
    return PoolView(Arrays({"committee_posterior": posterior}), candidates, labelled, np.zeros(len(labelled), int), k, n, seed=seed)


def information(here, there):
    """I(y; y*) from two (T, K) sets of draws: Σ p(y, y*) ln p(y, y*)/(p(y) p(y*))."""
    draws, k = here.shape
    total = []
    for y in range(k):
        for z in range(k):
            joint = math.fsum(float(here[t, y]) * float(there[t, z]) for t in range(draws)) / draws
            apart = math.fsum(map(float, here[:, y])) / draws * math.fsum(map(float, there[:, z])) / draws
            total.append(joint * math.log(joint / apart) if joint > 0 else 0.0)
    return math.fsum(total)


def by_hand(posterior, target):
    n, s = posterior.shape[1], target.shape[1]
    return np.array([math.fsum(information(posterior[:, i], target[:, j]) for j in range(s)) / s for i in range(n)])


def draws_of(seed, n=25):
    rng = np.random.default_rng(seed)
    draws, k = int(rng.integers(1, 6)), int(rng.integers(1, 5))
    posterior = rng.dirichlet(np.full(k, [0.1, 0.5, 2.0][seed % 3]), size=(draws, n))
    posterior[:, 7] = posterior[:, 3]
    posterior[:, 5] = posterior[:1, 5]
    if seed % 4 == 1:
        posterior = np.eye(k)[posterior.argmax(axis=2)]
    return posterior


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(10))
def test_definition(seed, dtype, monkeypatch):
    monkeypatch.setattr("alviz.strategies.device.BLOCK_BYTES", 4096)
    monkeypatch.setattr("alviz.strategies.information.CACHED", 100)
    posterior = draws_of(seed).astype(dtype)
    candidates = np.arange(25) if seed % 2 else np.arange(4, 25)
    expected = by_hand(posterior[:, candidates], posterior)
    got = create("epig", targets=25).select(pool_of(posterior, candidates), 8, np.random.default_rng(0))
    np.testing.assert_allclose(got.scores[candidates], expected, atol=1e-12 if dtype == np.float64 else 2e-6)
    order = np.lexsort([candidates, -np.round(expected, 11 if dtype == np.float64 else 6)])[:8]
    np.testing.assert_allclose(
        expected[np.searchsorted(candidates, got.indices)], expected[order], atol=1e-6 if dtype == np.float32 else 1e-12
    )
    if dtype == np.float64:
        assert got.indices.tolist() == candidates[order].tolist()


def test_targets_are_a_part_of_the_pool():
    posterior = np.random.default_rng(0).dirichlet(np.ones(3), size=(4, 30))
    pool = pool_of(posterior, np.arange(10, 30), seed=3)
    target = pool.target_posterior(6)
    assert target.shape == (4, 6, 3)
    assert all(any(np.array_equal(target[:, j], posterior[:, i]) for i in range(30)) for j in range(6))
    got = create("epig", targets=6).select(pool, 5, np.random.default_rng(0))
    np.testing.assert_allclose(got.scores[10:], by_hand(posterior[:, 10:], target), atol=1e-12)
    again = create("epig", targets=6).select(pool_of(posterior, np.arange(10, 30), seed=4), 5, np.random.default_rng(0))
    assert not np.allclose(got.scores[10:], again.scores[10:])


def test_the_draws_must_err_together():
    # Two draws. Samples 0-7 have one opinion per draw; sample 8 has another, of which nothing else depends; sample 9 is a coin under both.
    one, two = np.array([[0.9, 0.1], [0.1, 0.9]]), np.full((2, 2), 0.5)
    posterior = np.stack([*[one] * 8, one[::-1], two], axis=1)
    scores = alviz.query("epig", 1, labels=np.full(10, -1), posterior=posterior, return_scores=True)[1]
    # The joint of two such labels: 0.41, 0.09, 0.09, 0.41.
    expected = 0.9 * (0.82 * math.log(0.82 / 0.5) + 0.18 * math.log(0.18 / 0.5))
    np.testing.assert_allclose(scores, [expected] * 9 + [0], atol=1e-12)


def test_bald_loves_the_oddity_epig_the_common_question():
    # Four draws = two bits. Bit A decides nine samples at 90 %, bit B only sample 9, with certainty.
    a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    common = np.where(a[:, None] == np.arange(2), 0.9, 0.1)
    odd = np.where(b[:, None] == np.arange(2), 1.0, 0.0)
    posterior = np.stack([*[common] * 9, odd], axis=1)
    labels = np.full(10, -1)
    assert alviz.query("bald", 1, labels=labels, posterior=posterior).tolist() == [9]
    assert alviz.query("epig", 1, labels=labels, posterior=posterior).tolist() == [0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_disagreement_is_exactly_zero_and_tied(dtype):
    p = np.random.default_rng(0).dirichlet(np.ones(4), size=30).astype(dtype)
    picks, scores = alviz.query("epig", 5, labels=np.full(30, -1), posterior=np.repeat(p[None], 10, axis=0), return_scores=True)
    assert (scores == 0).all()
    assert picks.tolist() == [0, 1, 2, 3, 4]


def test_near_ties_of_float32_draws_are_decided_in_float64(monkeypatch):
    rng = np.random.default_rng(0)
    posterior = rng.dirichlet(np.ones(3), size=(5, 60)).astype(np.float32)
    plain = epig.expected_gain
    expected = plain(posterior.astype(np.float64), posterior.astype(np.float64), lambda share: None)

    def blurred(draws, target, progress):
        scores = plain(draws, target, progress)
        return scores if draws.dtype == np.float64 else scores + rng.uniform(-4e-6, 4e-6, size=len(scores))

    monkeypatch.setattr(epig, "expected_gain", blurred)
    posterior[:, 1::2] = posterior[:, ::2]  # exact ties, thirty of them
    expected = plain(posterior.astype(np.float64), posterior.astype(np.float64), lambda share: None)
    got = create("epig").select(pool_of(posterior), 20, rng)
    assert got.indices.tolist() == np.lexsort([np.arange(60), -np.round(expected, 12)])[:20].tolist()
