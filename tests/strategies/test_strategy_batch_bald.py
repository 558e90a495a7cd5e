"""BatchBALD against the joint mutual information of every batch, term by term; PowerBALD against the chances it draws with."""

import itertools
import math

import numpy as np
import pytest

import alviz
from alviz.strategies import PoolView, batch_bald, create
from alviz.strategies.arrays import Arrays
from alviz.strategies.power import log_chances

NONE = np.empty(0, dtype=np.int64)


def pool_of(posterior):
    n, k = posterior.shape[1:]
    return PoolView(Arrays({"committee_posterior": posterior}), np.arange(n), NONE, NONE, k, n)


def entropy(p):
    return -math.fsum(float(x) * math.log(x) for x in p if x > 0)


def information(posterior, batch):
    """I(y_batch; draw), over all K^b labels that the batch may have."""
    draws, _, k = posterior.shape
    joint = []
    for labels in itertools.product(range(k), repeat=len(batch)):
        joint.append(
            math.fsum(math.prod(float(posterior[t, x, y]) for x, y in zip(batch, labels, strict=True)) for t in range(draws)) / draws
        )
    return entropy(joint) - math.fsum(entropy(posterior[t, x]) for t in range(draws) for x in batch) / draws


def greedy(posterior, candidates, b):
    """(picks, gains) with every gain computed anew; the lowest index among equals, and BALD's order once nothing is left to gain."""
    picks, gains, reached = [], [], 0.0
    while len(picks) < b:
        rest = [x for x in candidates if x not in picks]
        each = [information(posterior, [*picks, x]) - reached for x in rest]
        if max(each) <= 1e-6:
            alone = {x: round(information(posterior, [x]), 12) for x in rest}
            more = sorted(rest, key=lambda x: (-alone[x], x))[: b - len(picks)]
            return picks + more, gains + [0.0] * len(more)
        best = next(i for i, gain in enumerate(each) if gain >= max(each) - 1e-10)
        picks.append(rest[best])
        gains.append(each[best])
        reached += each[best]
    return picks, gains


def draws_of(seed):
    """A few draws over a small pool: blurred or sure, with duplicates, samples without disagreement and impossible classes."""
    rng = np.random.default_rng(seed)
    draws, n, k = int(rng.integers(1, 6)), int(rng.integers(5, 13)), int(rng.integers(1, 4))
    posterior = rng.dirichlet(np.full(k, [0.1, 1.0, 3.0][seed % 3]), size=(draws, n))
    posterior[:, n // 2] = posterior[:, 0]
    posterior[:, 1] = posterior[:1, 1]
    if seed % 4 == 1:
        posterior = np.eye(k)[posterior.argmax(axis=2)]
    return posterior


@pytest.mark.parametrize("seed", range(24))
def test_greedy_on_the_joint(seed, monkeypatch):
    monkeypatch.setattr(batch_bald, "FIRST", 2)
    monkeypatch.setattr("alviz.strategies.device.BLOCK_BYTES", 4096)
    monkeypatch.setattr("alviz.strategies.information.CACHED", 50)
    posterior = draws_of(seed)
    n = posterior.shape[1]
    labels = np.full(n, -1)
    labels[2] = 0
    candidates = np.flatnonzero(labels < 0)
    b = len(candidates) if seed % 2 and posterior.shape[2] < 3 else 5 if n > 5 else 4
    b = min(b, 8)
    picks, gains = greedy(posterior, candidates.tolist(), b)
    pool = PoolView(Arrays({"dropout_posterior": posterior}), candidates, np.array([2]), np.array([0]), posterior.shape[2], n)
    got = create("batch-bald", configurations=10_000).select(pool, b, np.random.default_rng(0))
    assert got.indices.tolist() == picks
    np.testing.assert_allclose(got.gains, gains, atol=1e-9)
    np.testing.assert_allclose(got.scores[candidates], [information(posterior, [x]) for x in candidates], atol=1e-12)


def eager(posterior, b):
    """Greedy with all configurations as one array: the same by other means, for pools where lazy evaluation has something to skip."""
    draws, n = posterior.shape[:2]
    joint = np.full((1, draws), 1.0)
    own = np.array([[entropy(posterior[t, x]) for x in range(n)] for t in range(draws)]).mean(axis=0)
    picks, reached = [], 0.0
    for _ in range(b):
        totals = np.full(n, -np.inf)
        for x in set(range(n)) - set(picks):
            p = (joint[:, None, :] * posterior[:, x].T[None]).mean(axis=2)
            totals[x] = -(p * np.log(np.where(p > 0, p, 1))).sum() - own[[*picks, x]].sum()
        picks.append(int(np.flatnonzero(totals >= totals.max() - 1e-10)[0]))
        joint = (joint[:, None, :] * posterior[:, picks[-1]].T[None]).reshape(-1, draws)
        reached = totals.max()
    return picks, reached


@pytest.mark.parametrize("seed", range(4))
def test_lazy_is_eager(seed):
    rng = np.random.default_rng(seed)
    posterior = rng.dirichlet(np.full(3, 0.7), size=(8, 400))
    picks, reached = eager(posterior, 6)
    got = create("batch-bald").select(pool_of(posterior), 6, rng)
    assert got.indices.tolist() == picks
    np.testing.assert_allclose(got.gains.sum(), reached, atol=1e-9)


def test_lazy_looks_at_few(monkeypatch):
    seen = []
    plain = batch_bald.gains_of
    monkeypatch.setattr(batch_bald, "gains_of", lambda posterior, rows, *rest: seen.append(len(rows)) or plain(posterior, rows, *rest))
    posterior = np.random.default_rng(0).dirichlet(np.full(4, 0.5), size=(10, 5000))
    posterior[:, 500:] = 0.9 * posterior[:1, 500:] + 0.1 * posterior[:, 500:]  # the draws nearly agree on most of the pool
    create("batch-bald").select(pool_of(posterior), 4, np.random.default_rng(0))
    assert 0 < sum(seen) <= 3 * 1024  # of 3 · 5,000 that are not the first


@pytest.mark.parametrize("total", [1, 3, 7])
def test_chances_to_be_kept(total):
    sizes = np.sort(np.random.default_rng(total).exponential(size=20) ** 3)[::-1]
    chances = batch_bald.inclusion(sizes, total)
    assert (chances <= 1).all()
    np.testing.assert_allclose(chances.sum(), total)
    scale = chances[-1] / sizes[-1]
    np.testing.assert_allclose(chances, np.minimum(1, scale * sizes))


def test_sampled_gains_have_the_exact_mean():
    rng = np.random.default_rng(5)
    posterior = rng.dirichlet(np.ones(4), size=(12, 12))
    exact = batch_bald.Configurations(12, 10**6)
    for x in range(5):
        exact.add(posterior[:, x], rng)
    expected = exact.gains(posterior[:, 5:].copy())
    np.testing.assert_allclose(expected[0], information(posterior, range(6)) - information(posterior, range(5)), atol=1e-9)
    found = []
    for seed in range(300):
        some = batch_bald.Configurations(12, 20)
        for x in range(5):
            some.add(posterior[:, x], np.random.default_rng([seed, x]))
        assert some.sampled and len(some.weights) <= 20
        found.append(some.gains(posterior[:, 5:].copy()))
    error = np.std(found, axis=0) / np.sqrt(300)
    assert (np.abs(np.mean(found, axis=0) - expected) < 4.5 * error).all()
    assert (np.std(found, axis=0) < 0.2 * expected).all()


def test_a_sampled_batch_is_nearly_as_good():
    posterior = np.random.default_rng(3).dirichlet(np.full(3, 2.0), size=(20, 60))
    best = information(
        posterior, create("batch-bald", configurations=10**5).select(pool_of(posterior), 7, np.random.default_rng(0)).indices
    )
    some = information(posterior, create("batch-bald", configurations=40).select(pool_of(posterior), 7, np.random.default_rng(0)).indices)
    assert 0.97 * best < some <= best + 1e-12


def test_two_draws_are_told_apart_by_one_label():
    # Draws 0 and 1 are sure of different classes on samples 2 and 3, half sure on 1, of one mind on 0: after one label nothing is left.
    posterior = np.array([[[0.5, 0.5], [0.8, 0.2], [1, 0], [0, 1.0]], [[0.5, 0.5], [0.2, 0.8], [0, 1], [1.0, 0]]])
    got = create("batch-bald").select(pool_of(posterior), 4, np.random.default_rng(0))
    assert got.indices.tolist() == [2, 3, 1, 0]
    np.testing.assert_allclose(got.gains, [math.log(2), 0, 0, 0], atol=1e-12)


@pytest.mark.parametrize("draws", [2, 4, 10])
def test_the_whole_batch_learns_at_most_log_draws(draws):
    posterior = np.random.default_rng(draws).dirichlet(np.full(5, 0.2), size=(draws, 200))
    got = create("batch-bald", configurations=100).select(pool_of(posterior), 60, np.random.default_rng(0))
    assert got.gains.sum() == pytest.approx(math.log(draws), rel=0.02)
    # What comes after the last gain is BALD's order.
    rest = got.indices[got.gains == 0]
    assert len(rest) and (np.diff(got.scores[rest]) <= 1e-12).all()


def test_copies_are_asked_once():
    rng = np.random.default_rng(2)
    kinds = rng.dirichlet(np.full(4, 0.6), size=(30, 6))
    posterior = np.repeat(kinds, 10, axis=1)
    bald = alviz.query("bald", 6, labels=np.full(60, -1), posterior=posterior)
    batch = alviz.query("batch-bald", 6, labels=np.full(60, -1), posterior=posterior)
    assert len(set(bald // 10)) == 1
    assert len(set(batch // 10)) >= 4


def test_torch_draws_give_the_same_picks():
    torch = pytest.importorskip("torch")
    posterior = np.random.default_rng(1).dirichlet(np.ones(3), size=(6, 80)).astype(np.float32)
    for name in ("batch-bald", "epig"):
        host = create(name).select(pool_of(posterior), 8, np.random.default_rng(0))
        device = create(name).select(pool_of(torch.from_numpy(posterior)), 8, np.random.default_rng(0))
        assert host.indices.tolist() == device.indices.tolist()
        np.testing.assert_allclose(host.scores, device.scores, atol=1e-5)


# ---- PowerBALD ---------------------------------------------------------------------------------------------------------------------------


def without_replacement(weights, b):
    """The probability of every ordered batch, drawn one by one in proportion to the weights."""
    chances = {}
    for batch in itertools.permutations(range(len(weights)), b):
        left, p = float(np.sum(weights)), 1.0
        for x in batch:
            p *= weights[x] / left
            left -= weights[x]
        chances[batch] = p
    return chances


@pytest.mark.parametrize(("variant", "beta"), [("power", 1.0), ("power", 2.0), ("softmax", 5.0), ("softrank", 1.0), ("power", 0.0)])
def test_batches_are_drawn_in_proportion(variant, beta):
    posterior = np.random.default_rng(8).dirichlet(np.full(3, 0.8), size=(6, 4))
    scores = np.array([information(posterior, [x]) for x in range(4)])
    ranks = 1 + (-scores).argsort().argsort()
    weights = {"power": scores**beta, "softmax": np.exp(beta * scores), "softrank": ranks**-beta}[variant]
    expected = without_replacement(weights, 2)
    counts = dict.fromkeys(expected, 0)
    strategy, pool = create("power-bald", variant=variant, beta=beta), pool_of(posterior)
    rng = np.random.default_rng(0)
    trials = 3000
    for _ in range(trials):
        counts[tuple(strategy.select(pool, 2, rng).indices.tolist())] += 1
    # chi-square with 11 degrees of freedom: 31.3 in 1 of 1,000
    assert sum((counts[batch] - trials * p) ** 2 / (trials * p) for batch, p in expected.items()) < 31.3


def test_no_score_no_chance():
    # Only samples 3 and 5 have any disagreement; the others come last, in a random order.
    posterior = np.full((2, 6, 2), 0.5)
    posterior[:, [3, 5]] = [[[0.9, 0.1], [0.6, 0.4]], [[0.1, 0.9], [0.4, 0.6]]]
    picks = np.array([alviz.query("power-bald", 6, labels=np.full(6, -1), posterior=posterior, seed=s) for s in range(600)])
    assert (np.sort(picks[:, :2]) == [3, 5]).all()
    third = np.bincount(picks[:, 2], minlength=6)[[0, 1, 2, 4]]
    assert ((third - 150) ** 2 / 150).sum() < 16.3  # chi-square, 3 degrees of freedom, 1 in 1,000


def test_large_beta_is_bald():
    posterior = np.random.default_rng(0).dirichlet(np.ones(3), size=(6, 50))
    labels = np.full(50, -1)
    bald = alviz.query("bald", 10, labels=labels, posterior=posterior).tolist()
    for variant in ("power", "softrank", "softmax"):
        assert alviz.query("power-bald", 10, labels=labels, posterior=posterior, beta=1e7, variant=variant).tolist() == bald


def test_log_chances_of_rank_follow_the_index_in_ties():
    np.testing.assert_allclose(log_chances(np.array([0.5, 1.0, 0.5]), 1.0, "softrank"), -np.log([2, 1, 3]))


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("batch-bald", {"configurations": 0}, "batch-bald: configurations must be a whole number ≥ 1, got 0"),
        ("power-bald", {"beta": -1.0}, "power-bald: beta must be a number ≥ 0, got -1.0"),
        ("power-bald", {"variant": "gumbel"}, "power-bald: variant must be one of power, softmax, softrank, got 'gumbel'"),
        ("epig", {"targets": 0}, "epig: targets must be a whole number ≥ 1, got 0"),
    ],
)
def test_bad_parameters(name, params, message):
    with pytest.raises(ValueError, match=message):
        create(name, **params)
