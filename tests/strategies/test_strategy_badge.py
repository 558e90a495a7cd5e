"""BADGE against explicit gradient embeddings."""

import numpy as np
import pytest

import alviz
from alviz.strategies import Gradients, PoolView, create
from alviz.strategies.arrays import Arrays


def explicit_gradients(p, h):
    """(n, K·d) gradients of the log loss under the predicted label with respect to the last layer's weights."""
    one_hot = np.eye(p.shape[1])[p.argmax(axis=1)]
    return ((p - one_hot)[:, :, None] * h[:, None, :]).reshape(len(p), -1)


def setting(seed, dtype=np.float64, n=90, k=4, d=6):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(k), size=n).astype(dtype), rng.normal(size=(n, d)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_first_pick_and_scores(dtype):
    for seed in range(6):
        p, h = setting(seed, dtype)
        labels = np.full(90, -1)
        labels[::3] = 1
        free = np.flatnonzero(labels < 0)
        lengths = np.linalg.norm(explicit_gradients(p.astype(float), h.astype(float)), axis=1)
        picks, scores = alviz.query("badge", 25, labels=labels, probabilities=p, embeddings=h, seed=seed, return_scores=True)
        assert picks[0] == free[lengths[free].argmax()]
        np.testing.assert_allclose(scores[free], lengths[free], rtol=1e-5)
        assert alviz.query("badge", 25, labels=labels, probabilities=p, features=h, seed=seed).tolist() == picks.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_three_picks_follow_the_squared_distances(dtype):
    # Every sequence of two picks after the first on 6 samples, against its probability.
    p, h = setting(9, dtype, n=6)
    g = explicit_gradients(p.astype(float), h.astype(float))
    first = int((g**2).sum(axis=1).argmax())
    distance = ((g[:, None] - g[None]) ** 2).sum(axis=2)
    expected, draws = {}, 800
    for i in range(6):
        for j in range(6):
            one, two = distance[first], np.minimum(distance[first], distance[i])
            expected[i, j] = one[i] / one.sum() * two[j] / two.sum()
    counts = dict.fromkeys(expected, 0)
    for s in range(draws):
        picks = alviz.query("badge", 3, labels=np.full(6, -1), probabilities=p, embeddings=h, seed=s)
        assert picks[0] == first
        counts[int(picks[1]), int(picks[2])] += 1
    possible = [pair for pair in expected if expected[pair] > 0]
    assert len(possible) == 20 and sum(counts[pair] for pair in possible) == draws
    # chi-square with 19 degrees of freedom: 43.8 in 1 of 1,000
    assert sum((counts[pair] - draws * expected[pair]) ** 2 / (draws * expected[pair]) for pair in possible) < 43.8


def test_draws_follow_the_squared_distances():
    p, h = setting(3, n=12)
    g = explicit_gradients(p, h)
    first = int((g**2).sum(axis=1).argmax())
    share = ((g - g[first]) ** 2).sum(axis=1)
    share /= share.sum()
    draws = [alviz.query("badge", 2, labels=np.full(12, -1), probabilities=p, embeddings=h, seed=s)[1] for s in range(600)]
    counts = np.bincount(draws, minlength=12)
    assert counts[first] == 0
    others = np.delete(np.arange(12), first)
    # chi-square with 10 degrees of freedom: 29.6 in 1 of 1,000
    assert ((counts - 600 * share)[others] ** 2 / (600 * share[others])).sum() < 29.6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_duplicates_are_drawn_last(dtype):
    p, h = setting(1, dtype, n=10)
    p, h = np.tile(p, (5, 1)), np.tile(h, (5, 1))
    picks = alviz.query("badge", 50, labels=np.full(50, -1), probabilities=p, embeddings=h)
    assert sorted(picks[:10] % 10) == list(range(10))
    assert sorted(picks) == list(range(50))


def test_certain_model_draws_uniformly():
    # p one-hot: every gradient is 0. The first pick is the lowest index, the others are uniform.
    h = np.random.default_rng(0).normal(size=(5, 3))
    p = np.eye(3)[[0, 1, 2, 0, 1]]
    picks = np.array([alviz.query("badge", 2, labels=np.full(5, -1), probabilities=p, embeddings=h, seed=s) for s in range(400)])
    assert (picks[:, 0] == 0).all()
    counts = np.bincount(picks[:, 1], minlength=5)
    assert counts[0] == 0
    assert ((counts[1:] - 100) ** 2 / 100).sum() < 16.3  # chi-square, 3 degrees of freedom, 1 in 1,000


def test_gains_are_squared_distances_at_the_pick():
    p, h = setting(2)
    g = explicit_gradients(p, h)
    none = np.empty(0, dtype=np.int64)
    pool = PoolView(Arrays({"probabilities": p, "embeddings": h}), np.arange(90), none, none, 4, 90)
    got = create("badge").select(pool, 20, np.random.default_rng(0))
    for i, (pick, gain) in enumerate(zip(got.indices, got.gains, strict=True)):
        expected = min([((g[pick] - g[j]) ** 2).sum() for j in got.indices[:i]], default=(g[pick] ** 2).sum())
        np.testing.assert_allclose(gain, expected, rtol=1e-9)


def test_factors_are_never_multiplied_out():
    # As an explicit matrix this would take 3,000 × 2,000 × 3,000 numbers: 144 GB.
    rng = np.random.default_rng(0)
    gradients = Gradients.of(rng.dirichlet(np.ones(2000), size=3000).astype(np.float32), rng.normal(size=(3000, 3000)).astype(np.float32))
    pool = PoolView(Arrays({"gradients": np.empty((3000, 1))}), np.arange(3000), np.empty(0, np.int64), np.empty(0, np.int64), 2000, 3000)
    pool.gradients = gradients
    assert (gradients.left.shape, gradients.right.shape) == ((3000, 2000), (3000, 3000))
    assert len(set(create("badge").select(pool, 3, rng).indices.tolist())) == 3


def test_torch_tensors_give_the_same_picks():
    torch = pytest.importorskip("torch")
    p, h = setting(4, np.float32)
    none = np.empty(0, dtype=np.int64)
    picks = []
    for signals in ({"probabilities": p, "embeddings": h}, {"probabilities": p, "embeddings": torch.tensor(h)}):
        pool = PoolView(Arrays(signals), np.arange(90), none, none, 4, 90)
        picks.append(create("badge").select(pool, 40, np.random.default_rng(0)).indices.tolist())
    assert picks[0] == picks[1]
