"""What max-herding and probcover keep from round to round: the same selections as without it, to the bit, and those of the definition."""

import numpy as np
import pytest

from alviz.progress import Cancelled
from alviz.strategies import PoolView, coverage, create, near_pairs
from alviz.strategies import directions as directions_module
from alviz.strategies.arrays import Arrays
from alviz.strategies.directions import Similarity

N = 150


def table(seed, kind="normal"):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(10, 5))[rng.integers(0, 10, N)] + 0.4 * rng.normal(size=(N, 5))
    if kind == "copies":
        x[100:] = x[:50]
        x[7] = x[120] = 0
    return x.astype(np.float32)


def view(x, labelled, cache=None, ignored=(), **options):
    labelled = np.sort(np.array(labelled, dtype=np.int64))
    candidates = np.setdiff1d(np.arange(len(x)), [*labelled, *ignored])
    return PoolView(Arrays({"features": x}), candidates, labelled, labelled % 3, 3, len(x), run_cache=cache, **options)


def chosen(strategy, pool, b=6):
    got = strategy.select(pool, b, np.random.default_rng(0))
    return got.indices.tolist(), got.scores.tobytes(), got.gains.tobytes()


def herded(x, labelled, candidates, b, scale):
    """Greedy kernel coverage by the definition."""
    unit = x.astype(float) / np.maximum(np.linalg.norm(x.astype(float), axis=1, keepdims=True), 1e-300)
    s = np.exp(-np.maximum(2 - 2 * unit @ unit.T, 0) / scale**2)
    cover, free, picks = s[labelled].max(axis=0), list(candidates), []
    while len(picks) < b:
        gains = [np.maximum(s[i] - cover, 0)[candidates].sum() for i in free]
        picks.append(free.pop(int((np.array(gains) >= max(gains) - 1e-13 * len(candidates)).argmax())))
        cover = np.maximum(cover, s[picks[-1]])
    return picks


ROUNDS = ([3, 20, 77], [3, 20, 77, 5, 6, 90], [3, 20, 77, 5, 6, 90, 120, 149], [3, 20], [3, 20, 8])
"""Labels come, are taken back, and others come."""


@pytest.mark.parametrize("scale", [1.0, 0.4])
@pytest.mark.parametrize("seed", range(3))
def test_herding_is_that_of_the_definition(seed, scale, monkeypatch):
    monkeypatch.setattr(near_pairs, "ROWS", 64)
    x, cache = table(seed), {}
    for labelled in ROUNDS:
        pool = view(x, labelled, cache, ignored=[30, 31] if len(labelled) == 3 else [])
        got = create("max-herding", length_scale=scale).select(pool, 8, np.random.default_rng(0))
        assert got.indices.tolist() == herded(x, sorted(labelled), pool.candidates, 8, scale)
        (kept,) = [value for key, value in cache.items() if key[0] == "near pairs"]
        assert kept.labelled.tolist() == sorted(labelled)


@pytest.mark.parametrize("kind", ["normal", "copies"])
@pytest.mark.parametrize("name", ["max-herding", "probcover"])
def test_a_resumed_run_selects_the_same_to_the_bit(name, kind, monkeypatch):
    monkeypatch.setattr(near_pairs, "ROWS", 64)
    monkeypatch.setattr(directions_module, "ROWS", 16)
    x, cache = table(4, kind), {}
    for labelled in ROUNDS:
        assert chosen(create(name), view(x, labelled, cache)) == chosen(create(name), view(x, labelled, {}))
    assert cache


@pytest.mark.parametrize("kind", ["normal", "copies"])
def test_where_too_many_would_be_kept_nothing_is(kind, monkeypatch):
    x = table(5, kind)
    before = [chosen(create(name), view(x, [3, 20, 77])) for name in ("probcover", "max-herding")]
    monkeypatch.setattr(near_pairs, "MOST", 10)
    monkeypatch.setattr(coverage, "KEPT", 10)
    cache = {}
    after = [chosen(create(name), view(x, [3, 20, 77], cache)) for name in ("probcover", "max-herding")]
    assert before[0] == after[0]
    if kind == "normal":  # sums of float32 similarities may rank copies otherwise
        assert before[1][0] == after[1][0]
    assert not any(hasattr(value, "nnz") or isinstance(value, near_pairs.NearPairs) for value in cache.values())


def test_views_of_other_points_keep_nothing():
    x = table(6)
    pool = view(x, [3, 20, 77], {})
    few = pool.restrict(pool.candidates[:50])
    points = pool.of_points(Arrays({"features": x[:40] + 1}), 40)
    for other in (few, points, view(x, [], {})):
        assert near_pairs.near_pairs(other, Similarity(1.0)) is None
    for other in (few, points):
        assert coverage.neighbourhoods(other, 0.5) is None
        assert not other.run_cache


def test_balls_that_are_known_cover_as_others_do():
    rng = np.random.default_rng(7)
    for _ in range(5):
        x = rng.normal(size=(80, 2)).astype(np.float32)
        pool = view(x, [1, 5, 60], {}, ignored=[9])
        near = ((x[:, None].astype(float) - x) ** 2).sum(axis=2) < 0.6**2
        left = ~near[pool.labelled].any(axis=0)
        left[[1, 5, 60, 9]] = False
        known = coverage.KnownCoverage(coverage.neighbourhoods(pool, 0.6), pool)
        assert known.degrees.tolist() == near[pool.candidates][:, left].sum(axis=1).tolist()
        for row in rng.permutation(len(pool))[:10]:
            assert known.take(int(row), 0.0) == (left & near[pool.candidates[row]]).sum()
            left &= ~near[pool.candidates[row]]
            assert known.degrees.tolist() == near[pool.candidates][:, left].sum(axis=1).tolist()


@pytest.mark.parametrize("name", ["max-herding", "probcover"])
def test_what_was_cancelled_is_not_kept_half_done(name):
    x, cache, left = table(8), {}, [4]

    def stop(share):
        left[0] -= 1
        if not left[0]:
            raise Cancelled

    with pytest.raises(Cancelled):
        create(name).select(view(x, [3, 20, 77], cache, progress=stop), 6, np.random.default_rng(0))
    assert chosen(create(name), view(x, [3, 20, 77], cache)) == chosen(create(name), view(x, [3, 20, 77], {}))
