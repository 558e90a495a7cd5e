"""Cluster-Margin against a hierarchical clustering by hand and a round-robin in a loop."""

import numpy as np
import pytest

import alviz
from alviz.strategies import PoolView, cluster_margin, create
from alviz.strategies.arrays import Arrays
from alviz.testing import random_arrays, random_pool


def agglomerated(x, n_clusters):
    """Average linkage: merge the two clusters with the smallest mean distance between their members until n_clusters are left."""
    clusters = [[i] for i in range(len(x))]

    def linkage(a, b):
        return np.mean([np.sqrt(((x[i] - x[j]) ** 2).sum()) for i in a for j in b])

    while len(clusters) > n_clusters:
        pairs = [(linkage(a, b), i, j) for i, a in enumerate(clusters) for j, b in enumerate(clusters) if i < j]
        _, i, j = min(pairs)
        clusters[i] += clusters.pop(j)
    return clusters


def margins(p):
    return np.array([sorted(row)[-1] - sorted(row)[-2] for row in p])


def check_turns(picks, candidates, gaps, cluster_of, b, factor):
    """The picks go round the clusters of the smallest margins, the smallest cluster first, one sample a turn."""
    order = candidates[np.argsort(gaps, kind="stable")][: int(factor * b)].tolist()
    members = {}
    for i in order:
        members.setdefault(cluster_of[i], []).append(i)
    turns = sorted(members, key=lambda c: (len(members[c]), order.index(members[c][0])))
    left = {c: list(m) for c, m in members.items()}
    expected = []
    while len(expected) < b:
        for c in turns:
            if left[c] and len(expected) < b:
                expected.append(c)
                left[c].pop()
    assert [cluster_of[i] for i in picks] == expected
    assert set(picks) <= set(order)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("seed", "size", "b", "factor"), [(0, 3.0, 6, 3.0), (1, 2.0, 8, 1.25), (2, 10.0, 5, 10.0), (3, 1.0, 30, 1.0)])
def test_clusters_and_turns(seed, size, b, factor, dtype):
    arrays = random_arrays(seed=seed, dtype=dtype)
    pool = random_pool(arrays, 12, seed=seed)
    clusters = agglomerated(arrays["features"].astype(float), round(60 / size))
    cluster_of = {i: c for c, members in enumerate(clusters) for i in members}
    got = create("cluster-margin", size=size, factor=factor).select(pool, b, np.random.default_rng(seed))
    gaps = margins(arrays["probabilities"].astype(float))[pool.candidates]
    np.testing.assert_allclose(got.scores[pool.candidates], -gaps, rtol=1e-6, atol=1e-12)
    check_turns(got.indices.tolist(), pool.candidates, gaps, cluster_of, b, factor)
    assert got.note == ""


def test_within_a_cluster_the_draw_is_uniform():
    # One cluster of 12, of which the 6 smallest margins are looked at: each is chosen as often.
    rng = np.random.default_rng(0)
    p = np.stack([np.linspace(0.51, 0.99, 12), np.linspace(0.49, 0.01, 12)], axis=1)
    given = {"labels": np.full(12, -1), "features": rng.normal(size=(12, 2)), "probabilities": p, "size": 12.0, "factor": 6.0}
    counts = np.bincount([alviz.query("cluster-margin", 1, seed=s, **given)[0] for s in range(600)], minlength=12)
    assert counts[6:].sum() == 0
    assert ((counts[:6] - 100) ** 2 / 100).sum() < 20.5  # chi-square, 5 degrees of freedom, 1 in 1,000


def test_beyond_the_cap_the_others_join_the_nearest_mean():
    arrays = random_arrays(200, seed=1)
    pool = random_pool(arrays, 12, seed=1)
    x = arrays["features"]
    strategy = create("cluster-margin", cap=40, size=5.0, factor=4.0)
    got = strategy.select(pool, 10, np.random.default_rng(0))
    assert got.note == "The clusters are made of 40 of 200 samples, drawn uniformly (cap); the others joined the nearest cluster."
    some = np.sort(np.random.default_rng([1, 0xC1A5]).choice(200, 40, replace=False))
    clusters = agglomerated(x[some], 8)
    means = [x[some[members]].mean(axis=0) for members in clusters]
    cluster_of = {i: int(np.argmin([((x[i] - m) ** 2).sum() for m in means])) for i in range(200)}
    cluster_of |= {int(some[j]): c for c, members in enumerate(clusters) for j in members}
    check_turns(got.indices.tolist(), pool.candidates, margins(arrays["probabilities"])[pool.candidates], cluster_of, 10, 4.0)


def test_clusters_are_made_once_for_the_run(monkeypatch):
    made = []
    distances = cluster_margin._distances
    monkeypatch.setattr(cluster_margin, "_distances", lambda *given: made.append(1) or distances(*given))
    arrays = random_arrays()
    pool = random_pool(arrays, 12)
    strategy = create("cluster-margin")
    first = strategy.select(pool, 5, np.random.default_rng(0)).indices
    later = pool.restrict(np.setdiff1d(pool.candidates, first))
    strategy.select(later, 5, np.random.default_rng(1))
    assert len(made) == 1


def test_points_of_a_grid_join_the_clusters_of_the_pool():
    arrays = random_arrays(seed=2)
    pool = random_pool(arrays, 12, seed=2)
    grid = random_arrays(35, seed=3)
    view = pool.of_points(Arrays(grid), 35)
    strategy = create("cluster-margin", size=6.0, factor=2.0)
    got = strategy.select(view, 8, np.random.default_rng(0))
    means = [arrays["features"][members].mean(axis=0) for members in agglomerated(arrays["features"], 10)]
    cluster_of = {i: int(np.argmin([((x - m) ** 2).sum() for m in means])) for i, x in enumerate(grid["features"])}
    check_turns(got.indices.tolist(), view.candidates, margins(grid["probabilities"]), cluster_of, 8, 2.0)


def test_duplicates_are_one_cluster():
    none = np.empty(0, dtype=np.int64)
    x = np.repeat(np.random.default_rng(0).normal(size=(4, 3)), 5, axis=0)
    p = np.random.default_rng(1).dirichlet(np.ones(3), size=20)
    pool = PoolView(Arrays({"features": x, "probabilities": p}), np.arange(20), none, none, 3, 20)
    got = create("cluster-margin", size=5.0).select(pool, 8, np.random.default_rng(0)).indices
    assert sorted(got[:4] // 5) == [0, 1, 2, 3]
    assert sorted(got[4:] // 5) == [0, 1, 2, 3]


def test_options_are_checked():
    with pytest.raises(ValueError, match=r"cluster-margin: factor must be a number ≥ 1, got 0\.5"):
        create("cluster-margin", factor=0.5)
    with pytest.raises(ValueError, match="cluster-margin: cap must be None or a whole number ≥ 1, got 0"):
        create("cluster-margin", cap=0)
