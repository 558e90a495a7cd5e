"""Diverse mini-batch: the filter by hand, the clusters where there can be no doubt (in general: the tests of CLUE)."""

import numpy as np
import pytest

import alviz
from alviz.strategies import create
from alviz.testing import random_arrays, random_pool

UNCERTAINTY = {
    "entropy": lambda p: -sum(v * np.log(v) for v in p if v > 0),
    "margin": lambda p: 1 - (sorted(p)[-1] - sorted(p)[-2]),
    "least-confidence": lambda p: 1 - max(p),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("base", ["margin", "least-confidence", "entropy"])
@pytest.mark.parametrize("seed", range(3))
def test_filter_then_weighted_means(seed, base, dtype):
    # The most uncertain nine lie in three groups far apart; three clusters are asked for with beta = 3.
    rng = np.random.default_rng(seed)
    x = np.repeat([[0.0, 0], [30, 0], [0, 30], [30, 30]], [3, 3, 3, 21], axis=0) + rng.normal(size=(30, 2))
    p = np.vstack([rng.dirichlet(np.full(3, 30.0), size=9), rng.dirichlet([90.0, 1, 1], size=21)])
    order = rng.permutation(30)
    x, p = x[order].astype(dtype), p[order].astype(dtype)
    unsure = np.array([UNCERTAINTY[base](row) for row in p.astype(float)])
    kept = np.sort(np.argsort(-unsure, kind="stable")[:9])
    assert set(kept) == set(np.flatnonzero(order < 9))
    groups = [kept[order[kept] // 3 == g] for g in range(3)]
    centres = [(unsure[g, None] * x[g].astype(float)).sum(axis=0) / unsure[g].sum() for g in groups]
    picks, scores = alviz.query(
        "diverse-mini-batch", 3, labels=np.full(30, -1), embeddings=x, probabilities=p, beta=3.0, base=base, seed=seed, return_scores=True
    )
    np.testing.assert_allclose(scores, unsure, rtol=1e-5)
    assert sorted(picks) == sorted(min(g, key=lambda i: ((x[i] - c) ** 2).sum()) for g, c in zip(groups, centres, strict=True))


@pytest.mark.parametrize("base", ["margin", "least-confidence", "entropy"])
def test_without_a_filter_it_is_uncertainty(base):
    arrays = random_arrays(seed=4)
    pool = random_pool(arrays, 12, seed=4)
    found = create("diverse-mini-batch", beta=1.0, base=base).select(pool, 11, np.random.default_rng(0)).indices
    expected = create(base).select(pool, 11, np.random.default_rng(0)).indices
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(("beta", "b"), [(2.5, 5), (10.0, 2), (50.0, 9)])
def test_picks_pass_the_filter(beta, b):
    arrays = random_arrays(seed=5)
    pool = random_pool(arrays, 12, seed=5)
    found = create("diverse-mini-batch", beta=beta).select(pool, b, np.random.default_rng(0)).indices
    ranked = create("margin").select(pool, min(30, int(beta * b)), np.random.default_rng(0)).indices
    assert set(found) <= set(ranked)


def test_near_duplicates_are_spread():
    # Five unsure copies here, two a little less unsure there: margin takes copies, two clusters take one of each.
    x = np.array([[0.0, 0]] * 5 + [[9.0, 9]] * 2 + [[50.0, 50]] * 5)
    p = np.array([[0.5, 0.5]] * 5 + [[0.6, 0.4]] * 2 + [[1.0, 0.0]] * 5)
    given = {"labels": np.full(12, -1), "embeddings": x, "probabilities": p}
    assert alviz.query("margin", 2, **given).tolist() == [0, 1]
    assert sorted(alviz.query("diverse-mini-batch", 2, beta=3.5, **given)) == [0, 5]


def test_options_are_checked():
    with pytest.raises(ValueError, match=r"diverse-mini-batch: beta must be a number ≥ 1, got 0\.5"):
        create("diverse-mini-batch", beta=0.5)
    with pytest.raises(ValueError, match="diverse-mini-batch: base must be one of margin, least-confidence, entropy, got 'x'"):
        create("diverse-mini-batch", base="x")
