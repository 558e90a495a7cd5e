"""Active-DPP against determinants."""

from itertools import combinations

import numpy as np
import pytest

import alviz
from alviz.strategies import PoolView, create
from alviz.strategies.arrays import Arrays


def ensemble(p, x, gamma=1.0, kernel="rbf", uncertainty="entropy"):
    """(u, L) from the definition."""
    top = np.sort(p, axis=1)
    u = {
        "entropy": -(p * np.log(p)).sum(axis=1),
        "margin": 1 - top[:, -1] + top[:, -2],
        "least-confidence": 1 - top[:, -1],
    }[uncertainty]
    square = ((x[:, None] - x) ** 2).sum(axis=2)
    if kernel == "rbf":
        s = np.exp(-square / square.mean()) if square.mean() > 0 else np.ones_like(square)
    else:
        y = x / np.linalg.norm(x, axis=1, keepdims=True)
        s = y @ y.T
    w = u ** (gamma / 2)
    return u, w[:, None] * s * w


def greedy(u, matrix, n_picks):
    """Largest determinant, one sample after another; by uncertainty where no sample adds to it."""
    picks, gains = [], []
    for _ in range(n_picks):
        before = np.linalg.det(matrix[np.ix_(picks, picks)]) if picks else 1.0
        ratio = np.array(
            [-1 if i in picks else np.linalg.det(matrix[np.ix_([*picks, i], [*picks, i])]) / before / matrix[i, i] for i in range(len(u))]
        )
        gain = ratio * np.diag(matrix)
        if ratio.max() < 1e-8:
            rest = sorted(set(range(len(u))) - set(picks), key=lambda i: (-u[i], i))
            return picks + rest[: n_picks - len(picks)], gains
        at = int(np.flatnonzero(gain >= gain.max() * (1 - 1e-9))[0])
        picks.append(at)
        gains.append(np.log(gain[at]))
    return picks, gains


def setting(seed, n=14, k=3, d=4):
    rng = np.random.default_rng([seed, 17])
    return rng.dirichlet(np.ones(k), size=n), rng.normal(size=(n, d))


def view(p, x):
    none = np.empty(0, dtype=np.int64)
    return PoolView(Arrays({"probabilities": p, "embeddings": x}), np.arange(len(p)), none, none, p.shape[1], len(p))


OPTIONS = [
    {},
    {"gamma": 0.0},
    {"gamma": 3.0, "uncertainty": "margin"},
    {"kernel": "cosine"},
    {"kernel": "cosine", "uncertainty": "least-confidence"},
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("options", OPTIONS)
def test_greedy_picks_maximise_the_determinant(seed, options):
    p, x = setting(seed)
    u, matrix = ensemble(p, x, **options)
    b = 6 if options.get("kernel") == "cosine" else 5  # the cosine kernel has rank 4: two picks are left to uncertainty
    expected, gains = greedy(u, matrix, b)
    got = create("active-dpp", **options).select(view(p, x), b, np.random.default_rng(0))
    assert got.indices.tolist() == expected
    np.testing.assert_allclose(got.gains[: len(gains)], gains, atol=1e-6)
    assert np.isnan(got.gains[len(gains) :]).all()
    np.testing.assert_allclose(got.scores, u, atol=1e-12)


def test_copies_wait_for_the_others():
    p, x = setting(0, n=6)
    p, x = np.tile(p, (3, 1)), np.tile(x, (3, 1))
    picks = alviz.query("active-dpp", 18, labels=np.full(18, -1), probabilities=p, features=x)
    assert sorted(picks[:6]) == list(range(6))
    u = -(p * np.log(p)).sum(axis=1)
    assert picks[6:].tolist() == sorted(range(6, 18), key=lambda i: (-u[i % 6], i))


def test_constant_features_go_by_uncertainty():
    p, x = setting(2)
    u = -(p * np.log(p)).sum(axis=1)
    picks = alviz.query("active-dpp", 14, labels=np.full(14, -1), probabilities=p, features=np.ones_like(x))
    assert picks.tolist() == np.argsort(-u).tolist()


def test_certain_model_gives_the_lowest_indices():
    picks = alviz.query("active-dpp", 3, labels=np.full(6, -1), probabilities=np.eye(3)[[0, 1, 2, 0, 1, 2]], features=np.eye(6))
    assert picks.tolist() == [0, 1, 2]


@pytest.mark.parametrize("kernel", ["rbf", "cosine"])
def test_samples_follow_the_determinants(kernel):
    p, x = setting(5, n=6, d=3)
    _, matrix = ensemble(p, x, kernel=kernel)
    pairs = list(combinations(range(6), 2))
    share = np.array([np.linalg.det(matrix[np.ix_(pair, pair)]) for pair in pairs])
    share /= share.sum()
    strategy, pool = create("active-dpp", kernel=kernel, sample=True), view(p, x)
    counts = np.zeros(len(pairs))
    draws = 3000
    for seed in range(draws):
        counts[pairs.index(tuple(sorted(strategy.select(pool, 2, np.random.default_rng(seed)).indices)))] += 1
    likely = share * draws >= 5
    # chi-square with at most 15 degrees of freedom: 37.7 in 1 of 1,000
    assert ((counts - draws * share)[likely] ** 2 / (draws * share[likely])).sum() < 37.7


def test_samples_beyond_the_rank_go_by_uncertainty():
    p, x = setting(1, n=10, d=2)
    u = -(p * np.log(p)).sum(axis=1)
    picks = alviz.query("active-dpp", 6, labels=np.full(10, -1), probabilities=p, features=x, kernel="cosine", sample=True)
    rest = [i for i in np.argsort(-u) if i not in picks[:2]]
    assert picks[2:].tolist() == rest[:4]


def test_sampling_looks_at_no_more_than_it_can(monkeypatch):
    from alviz.strategies import dpp

    monkeypatch.setattr(dpp, "SAMPLED", 8)
    p, x = setting(3)
    note = create("active-dpp", sample=True).select(view(p, x), 4, np.random.default_rng(0)).note
    assert note.startswith("8 of 14 candidates")
    assert create("active-dpp", sample=True, kernel="cosine").select(view(p, x), 4, np.random.default_rng(0)).note == ""


def test_bad_parameters():
    with pytest.raises(ValueError, match="kernel must be one of rbf, cosine"):
        create("active-dpp", kernel="linear")
    with pytest.raises(ValueError, match="sample must be True or False"):
        create("active-dpp", sample=1)
