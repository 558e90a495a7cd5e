"""Density-weighted uncertainty against the full matrix of cosines."""

import numpy as np
import pytest

import alviz
from alviz.strategies import create, density

UNCERTAINTY = {
    "entropy": lambda p: -sum(v * np.log(v) for v in p if v > 0),
    "margin": lambda p: 1 - (sorted(p)[-1] - sorted(p)[-2]),
    "least-confidence": lambda p: 1 - max(p),
}


def cosine(a, b):
    size = np.sqrt((a**2).sum()) * np.sqrt((b**2).sum())
    return (a * b).sum() / size if size > 0 else 0.0


def naive(x, p, beta, base):
    dense = np.array([np.mean([cosine(a, b) for b in x]) for a in x])
    unsure = np.array([UNCERTAINTY[base](row) for row in p])
    return unsure * np.maximum(dense, 0) ** beta, unsure


@pytest.mark.parametrize("block_bytes", [64, 64 * 2**20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("seed", "beta", "base"), [(0, 1.0, "entropy"), (1, 0.5, "margin"), (2, 3.0, "least-confidence"), (3, 0.0, "entropy")]
)
def test_scores_and_picks(seed, beta, base, dtype, block_bytes, monkeypatch):
    monkeypatch.setattr("alviz.strategies.device.BLOCK_BYTES", block_bytes)
    rng = np.random.default_rng(seed)
    x, p = rng.normal(0.4, 1, size=(50, 3)).astype(dtype), rng.dirichlet(np.ones(4), size=50).astype(dtype)
    x[7], x[30], p[30] = 0, x[12], p[12]
    labels = np.full(50, -1)
    labels[::5] = 0
    free = np.flatnonzero(labels < 0)
    expected, unsure = naive(x[free].astype(float), p[free].astype(float), beta, base)
    assert beta == 0 or (expected == 0).sum() > 1  # some are turned away from the mean
    picks, scores = alviz.query(
        "density-weighted", 40, labels=labels, embeddings=x, probabilities=p, beta=beta, base=base, return_scores=True
    )
    np.testing.assert_allclose(scores[free], expected, rtol=1e-9, atol=1e-12)
    assert picks.tolist() == free[np.lexsort([np.arange(len(free)), -unsure, -scores[free]])].tolist()


def test_by_hand():
    # Three along one axis, one across: mean cosines 3/4 and 1/4, all equally unsure; the lengths do not matter.
    x = np.array([[0.0, 1.0], [1.0, 0.0], [5.0, 0.0], [1e-30, 0.0]])
    p = np.full((4, 2), 0.5)
    picks, scores = alviz.query("density-weighted", 4, labels=np.full(4, -1), embeddings=x, probabilities=p, beta=2.0, return_scores=True)
    np.testing.assert_allclose(scores, np.log(2) * np.array([1 / 16, 9 / 16, 9 / 16, 9 / 16]), rtol=1e-12)
    assert picks.tolist() == [1, 2, 3, 0]


def test_an_outlier_loses_against_uncertainty_alone():
    rng = np.random.default_rng(0)
    x = np.vstack([rng.normal([5, 0], 0.1, size=(20, 2)), [[0.0, 9.0]]])
    p = np.vstack([np.tile([0.6, 0.4], (20, 1)), [[0.5, 0.5]]])
    given = {"labels": np.full(21, -1), "embeddings": x, "probabilities": p}
    assert alviz.query("entropy", 1, **given).tolist() == [20]
    assert alviz.query("density-weighted", 20, **given).tolist().count(20) == 0


def test_lengths_neither_overflow_nor_vanish():
    x = np.array([[3e200, 4e200], [3e-200, 4e-200], [0.0, 0.0]])
    np.testing.assert_allclose(density.units(x), [[0.6, 0.8], [0.6, 0.8], [0, 0]], rtol=1e-15)


def test_options_are_checked():
    with pytest.raises(ValueError, match="density-weighted: beta must be a number ≥ 0, got -1"):
        create("density-weighted", beta=-1)
    with pytest.raises(ValueError, match="density-weighted: base must be one of margin, least-confidence, entropy, got 'bald'"):
        create("density-weighted", base="bald")
