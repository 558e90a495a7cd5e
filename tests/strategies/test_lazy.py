"""Lazy greedy coverage against the naive algorithm on the full matrix."""

import numpy as np
import pytest
import torch

from alviz.progress import Cancelled
from alviz.strategies import directions as module
from alviz.strategies import lazy
from alviz.strategies.directions import Similarity, best_similarity, directions, sum_of_cosines
from alviz.strategies.lazy import Coverage


def cosines(x, y):
    """Float64 cosines; vectors of length 0 share a direction of their own."""
    out = np.empty((len(x), len(y)))
    for i, a in enumerate(x.astype(float)):
        for j, b in enumerate(y.astype(float)):
            size = np.linalg.norm(a) * np.linalg.norm(b)
            out[i, j] = a @ b / size if size > 0 else float(not a.any() and not b.any())
    return out


def similarity(c, scale):
    return (1 + c) / 2 if scale is None else np.exp(-np.maximum(2 - 2 * c, 0) / scale**2)


def naive(s, n_picks, weights, base, caps, bonus):
    """(picks, gains) with all gains from scratch before every pick; ties to the lowest index. s: (candidates, points)."""
    s = np.minimum(s, caps)
    cover, free = base.copy(), np.ones(len(s), dtype=bool)
    picks, gains = [], []
    for _ in range(n_picks):
        gain = (np.maximum(s - cover, 0) * weights).sum(axis=1) + bonus
        gain[~free] = -1
        pick = int(np.flatnonzero(gain >= gain.max() - 1e-13 * (weights.sum() + bonus.max()))[0])
        picks.append(pick)
        gains.append(gain[pick])
        free[pick] = False
        cover = np.maximum(cover, s[pick])
    return picks, gains


def points(kind, rng, n, d, dtype):
    if kind == "copies":
        return rng.normal(size=(max(1, n // 4), d))[rng.integers(0, max(1, n // 4), n)].astype(dtype)
    if kind == "grid":
        return rng.integers(-1, 2, size=(n, d)).astype(dtype)
    return rng.normal(size=(n, d)).astype(dtype)


@pytest.fixture(params=["small blocks", "no pairs", "no history", "few pairs", "as shipped"])
def blocks(request, monkeypatch):
    if request.param in ("no pairs", "no history", "few pairs"):
        monkeypatch.setattr(lazy, "PAIRS", 600 if request.param == "few pairs" else 0)
    if request.param != "as shipped":
        monkeypatch.setattr(lazy, "ROWS", 8)
        monkeypatch.setattr(lazy, "COLUMNS", 16)
        monkeypatch.setattr(lazy, "FIRST", 2)
    if request.param == "no history":
        monkeypatch.setattr(lazy, "HISTORY", 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["normal", "copies", "grid"])
@pytest.mark.parametrize("scale", [None, 1.0, 0.3, 0.04])
@pytest.mark.parametrize("same", [True, False])
def test_picks_and_gains(blocks, dtype, kind, scale, same):
    for seed in range(3):
        rng = np.random.default_rng([seed, 7])
        n, d = int(rng.integers(20, 60)), int(rng.integers(3, 7))
        x = points(kind, rng, n, d, dtype)
        y = x if same else points(kind, rng, 37, d, dtype)
        weights = np.round(rng.random(len(y)), 2) if seed % 2 else np.ones(len(y))
        base = rng.random(len(y)) / 2 if seed else np.zeros(len(y))
        caps = rng.random(len(y)) if seed == 1 else np.full(len(y), np.inf)
        bonus = rng.random(n) if seed == 2 else np.zeros(n)
        kernel = Similarity(scale)
        left, right = directions((x,), (y,), single=kernel.single)
        coverage = Coverage(
            left, None if same else right, kernel, weights=weights, base=base, caps=caps if seed == 1 else None, bonus=bonus
        )
        s = similarity(cosines(x, y), scale)
        first = (np.maximum(np.minimum(s, caps) - base, 0) * weights).sum(axis=1) + bonus
        np.testing.assert_allclose(coverage.gains(), first, rtol=1e-4, atol=1e-4)
        picks, gains = coverage.run(n)
        expected, expected_gains = naive(s, n, weights, base, caps, bonus)
        if kind != "grid":  # on a grid, different sums of the same numbers tie to the last digit or nearly so
            clear = int((np.array(expected_gains) > 1e-9).sum())
            assert picks[:clear].tolist() == expected[:clear]
        assert sorted(picks.tolist()) == list(range(n))
        np.testing.assert_allclose(gains[: n // 2], expected_gains[: n // 2], atol=1e-6 if kind == "grid" else 1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_two_factors(dtype):
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(50, 3)).astype(dtype), rng.normal(size=(50, 4)).astype(dtype)
    a[7] = 0
    unit = np.concatenate([a, (a == 0).all(axis=1)[:, None]], axis=1).astype(float)
    explicit = (unit[:, :, None] * b[:, None, :]).reshape(50, -1)
    whole = directions((a, b))[0]
    s = similarity(cosines(explicit, explicit), None)
    picks, gains = Coverage(whole, None, Similarity()).run(20)
    expected, expected_gains = naive(s, 20, np.ones(50), np.zeros(50), np.inf, np.zeros(50))
    assert picks.tolist() == expected
    np.testing.assert_allclose(gains, expected_gains, atol=1e-9)
    np.testing.assert_allclose(sum_of_cosines(whole, whole), cosines(explicit, explicit).sum(axis=1), atol=1e-9)


def test_tensors_give_the_picks_of_arrays():
    rng = np.random.default_rng(5)
    x, base = rng.normal(size=(80, 6)).astype(np.float32), rng.random(80) / 2
    results = [Coverage(directions((kind(x),))[0], None, Similarity(0.5), base=base).run(40) for kind in (np.asarray, torch.from_numpy)]
    assert results[0][0].tolist() == results[1][0].tolist()
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-12)


def test_best_similarity(monkeypatch):
    monkeypatch.setattr(module, "ROWS", 8)
    monkeypatch.setattr(module, "COLUMNS", 4)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 3)).astype(np.float32), rng.normal(size=(11, 3)).astype(np.float32)
    y[3] = x[5]
    left, right, none = directions((x,), (y,), (y[:0],))
    best = best_similarity(left, right, Similarity(0.5))
    np.testing.assert_allclose(best, similarity(cosines(x, y), 0.5).max(axis=1), atol=1e-12)
    np.testing.assert_allclose(best[5], 1.0, atol=1e-12)
    assert best_similarity(left, none, Similarity(0.5)).tolist() == [0.0] * 30
    assert sum_of_cosines(left, none).tolist() == [0.0] * 30


def test_near_ties_are_decided_in_float64():
    # Sample 1 is closer to the point than sample 0 by 1e-8 degrees, which float32 products cannot see.
    angle = np.radians([30.0, 30.0 - 1e-8, 0.0])
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    left, right = directions((x[:2],), (x[2:],), single=True)
    assert Coverage(left, right, Similarity()).run(1)[0].tolist() == [1]


def test_most_candidates_are_left_alone(monkeypatch):
    """Many tight groups: after a pick only its own group has to be looked at again."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(40, 16))[rng.integers(0, 40, 1200)] * 10 + rng.normal(size=(1200, 16))).astype(np.float32)
    monkeypatch.setattr(lazy, "PAIRS", 0)
    looked = []
    refresh = Coverage._refresh
    monkeypatch.setattr(Coverage, "_refresh", lambda self, rows, t: (looked.append(len(rows)), refresh(self, rows, t))[1])
    picks, _ = Coverage(directions((x,))[0], None, Similarity(0.3)).run(40)
    assert len(set(picks.tolist())) == 40
    assert sum(looked) < 0.25 * 39 * 1200


def test_progress_and_cancel():
    x = np.random.default_rng(0).normal(size=(60, 4))
    shares = []
    Coverage(directions((x,))[0], None, Similarity(), progress=shares.append).run(10)
    assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1

    def stop(share):
        raise Cancelled

    with pytest.raises(Cancelled):
        Coverage(directions((x,))[0], None, Similarity(), progress=stop)
