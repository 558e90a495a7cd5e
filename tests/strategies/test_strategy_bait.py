"""BAIT against full matrices and their inverses."""

import numpy as np
import pytest

import alviz
from alviz.strategies import PoolView, bait, create
from alviz.strategies.arrays import Arrays


def fisher(p, h, k):
    """(n, K·d, K·d) Fisher information of the last layer, one sample at a time, over the k most probable classes."""
    out = []
    for pi, hi in zip(p.astype(float), h.astype(float), strict=True):
        top = sorted(range(len(pi)), key=lambda y: (-pi[y], y))[:k]
        total = np.zeros((len(pi) * len(hi),) * 2)
        for y in top:
            g = np.kron(pi - np.eye(len(pi))[y], hi)
            total += pi[y] / pi[top].sum() * np.outer(g, g)
        out.append(total)
    return np.array(out)


def reference(information, free, labelled, b, ridge):
    """Forward to 2b, backward to b, with a matrix inverse for every trial. Returns picks, gains, the trace per pick alone."""
    size = information.shape[1]
    target = np.mean([information[i] for i in [*free, *labelled]], axis=0)
    scale = 1 / (len(labelled) + b)

    def objective(chosen):
        zero = np.zeros((size, size))
        m = (
            ridge * np.eye(size)
            + scale * sum((information[i] for i in labelled), zero)
            + b * scale * sum((information[i] for i in chosen), zero)
        )
        return np.trace(np.linalg.inv(m) @ target)

    picks, gains = [], []
    scores = [objective([]) - objective([i]) for i in free]
    while len(picks) < min(2 * b, len(free)):
        now = objective(picks)
        trials = [(now - objective([*picks, i])) if i not in picks else -np.inf for i in free]
        best = int(np.argmax(trials))
        picks.append(int(free[best]))
        gains.append(trials[best])
    while len(picks) > b:
        trials = [objective(picks[:j] + picks[j + 1 :]) for j in range(len(picks))]
        worst = int(np.argmin(trials))
        del picks[worst], gains[worst]
    return picks, gains, scores


def setting(seed, n=14, k=3, d=2, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(k), size=n).astype(dtype), rng.normal(size=(n, d)).astype(dtype) * 3


def run(p, h, labelled, b, **options):
    n = len(p)
    free = np.setdiff1d(np.arange(n), labelled)
    pool = PoolView(
        Arrays({"probabilities": p, "embeddings": h}), free, np.array(labelled, dtype=np.int64), np.zeros(len(labelled), int), p.shape[1], n
    )
    return create("bait", **options).select(pool, b, np.random.default_rng(0)), free


@pytest.mark.parametrize("rows", [3, 1024])
@pytest.mark.parametrize("top_k", [1, 2, None])
@pytest.mark.parametrize("labelled", [[], [4], [0, 5, 6, 9]])
@pytest.mark.parametrize("seed", range(3))
def test_full_matrices(seed, labelled, top_k, rows, monkeypatch):
    monkeypatch.setattr(bait, "ROWS", rows)
    p, h = setting(seed)
    ridge = [1.0, 0.1, 0.01][seed]
    got, free = run(p, h, labelled, 4, top_k=top_k, ridge=ridge)
    picks, gains, scores = reference(fisher(p, h, top_k or 3), free, labelled, 4, ridge)
    assert got.indices.tolist() == picks
    np.testing.assert_allclose(got.gains, gains, rtol=1e-6)
    np.testing.assert_allclose(got.scores[free], scores, rtol=1e-9)
    assert got.note == ""


@pytest.mark.parametrize("b", [5, 9, 10])
def test_budgets_near_the_pool(b):
    # 2b reaches beyond the pool: forward takes everyone, backward leaves b.
    p, h = setting(7, n=12)
    got, free = run(p, h, [2, 3], b)
    picks, gains, _ = reference(fisher(p, h, 2), free, [2, 3], b, 1.0)
    assert got.indices.tolist() == picks
    np.testing.assert_allclose(got.gains, gains, rtol=1e-7)


def test_copies_ties_and_constants():
    p, h = setting(3, n=5)
    p, h = np.repeat(p, 3, axis=0), np.repeat(h, 3, axis=0)
    got, free = run(p, h, [0], 4)
    # Copies tie, so samples are compared by what they are copies of.
    picks, _, _ = reference(fisher(p, h, 2), free, [0], 4, 1.0)
    assert sorted(i // 3 for i in got.indices) == sorted(i // 3 for i in picks)
    assert run(np.full((6, 2), 0.5), np.ones((6, 2)), [], 6)[0].indices.tolist() == list(range(6))
    assert run(np.ones((6, 1)), np.arange(12.0).reshape(6, 2), [1], 2)[0].indices.tolist() == [0, 2]


def test_float32_picks_the_same():
    p, h = setting(11, n=40, dtype=np.float32)
    assert run(p, h, [1, 2], 6)[0].indices.tolist() == run(p.astype(float), h.astype(float), [1, 2], 6)[0].indices.tolist()


def test_reduced_features():
    # Two of five directions hold all of the features' length: leaving out the rest changes nothing but the note.
    rng = np.random.default_rng(0)
    p, flat = setting(5, n=16)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    h = flat @ turn[:2]
    whole_, _ = run(p, h, [0, 1], 4)
    small, _ = run(p, h, [0, 1], 4, dimensions=6)
    assert small.indices.tolist() == whole_.indices.tolist() and whole_.note == ""
    assert small.note == "Features reduced to 2 directions, which keep 100% of their squared length (dimensions)."
    np.testing.assert_allclose(small.gains, whole_.gains, rtol=1e-6)
    assert "1 directions" in run(p, h, [0, 1], 4, dimensions=1)[0].note


def test_the_cap_is_reported():
    p, h = setting(0, n=30)
    got, _ = run(p, h, [], 3, cap=10)
    assert got.note == "10 of 30 candidates were looked at, drawn uniformly (cap)." and np.isfinite(got.scores).sum() == 10
    both, _ = run(p, h, [], 3, cap=10, dimensions=3)
    assert both.note.startswith(f"{got.note} Features reduced to 1 directions")


def test_it_covers_directions():
    # Two directions of features, nine samples on one and one on the other: a batch of 2 takes one of each.
    h = np.array([[3.0, 0]] * 9 + [[0, 3.0]])
    picks = alviz.query("bait", 2, labels=np.full(10, -1), probabilities=np.full((10, 2), 0.5), embeddings=h, ridge=0.01)
    assert 9 in picks and len(set(picks.tolist())) == 2


@pytest.mark.parametrize("size", [1e-310, 1e-30, 1e30, 1e140])
def test_features_of_any_size(size):
    # h and √λ in other units leave every trace as it is; with λ = 1 beside them, λ counts as the least or the most that float64 can tell.
    p, h = setting(2, n=20)
    usual, _ = run(p, h, [0, 1], 4)
    unit = 2.0 ** round(np.log2(1e20 if size > 1 else 1e-20))
    scaled, _ = run(p, h * unit, [0, 1], 4, ridge=max(1e-6, unit**2)) if size > 1 else (usual, None)
    assert scaled.indices.tolist() == usual.indices.tolist()
    np.testing.assert_allclose(scaled.gains, usual.gains, rtol=1e-9)
    got, _ = run(p, h * size, [0, 1], 4)
    mean = (h**2).sum(axis=1).mean()
    same, _ = run(p, h, [0, 1], 4, ridge=mean * (bait.RIDGE if size > 1 else 1 / bait.RIDGE))
    assert got.indices.tolist() == same.indices.tolist()
    np.testing.assert_allclose(got.gains, same.gains, rtol=1e-4)


def test_no_gain_is_negative():
    # Raw pixels and a tiny ridge: rounding would be larger than what the last picks gain.
    rng = np.random.default_rng(1)
    h, p = rng.integers(0, 256, size=(30, 8)).astype(float), rng.dirichlet(np.ones(3), size=30)
    p[0] = [-5e-4, 1.0, 5e-4]  # within what counts as probabilities
    got, free = run(p, h, [], 12, ridge=1e-6, top_k=None)
    information, ridge = fisher(p.clip(0), h, 3), bait.RIDGE * (h**2).sum(axis=1).mean()
    picks, _, scores = reference(information, free, [], 12, ridge)

    def left(chosen):
        return np.trace(np.linalg.inv(ridge * np.eye(24) + information[chosen].sum(axis=0)) @ information.mean(axis=0))

    assert (got.gains >= 0).all() and left(got.indices) <= 1.01 * left(picks)
    np.testing.assert_allclose(got.scores[free], scores, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"top_k": 0}, "top_k must be None or a whole"), ({"ridge": 0.0}, "ridge must"), ({"dimensions": 1.5}, "dimensions must")],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        create("bait", **options)
