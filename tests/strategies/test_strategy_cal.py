"""CAL against a loop over candidates and labelled samples."""

import numpy as np
import pytest

import alviz
from alviz.strategies import cal, create
from alviz.testing import random_arrays, random_pool


def kl(q, p):
    return sum(q[c] * np.log(q[c] / max(p[c], 1e-12)) for c in range(len(p)) if q[c] > 0)


def naive(x, p, labelled, candidates, k):
    scores = []
    for i in candidates:
        by_distance = sorted(labelled, key=lambda j: (((x[i] - x[j]) ** 2).sum(), j))
        scores.append(np.mean([kl(p[j], p[i]) for j in by_distance[:k]]))
    return np.array(scores)


@pytest.mark.parametrize("block", [4, 8192])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("seed", "k", "n_labelled"), [(0, 10, 25), (1, 3, 20), (2, 10, 4), (3, 1, 1)])
def test_scores_and_picks(seed, k, n_labelled, dtype, block, monkeypatch):
    monkeypatch.setattr(cal, "BLOCK", block)
    arrays = random_arrays(seed=seed, dtype=dtype)
    arrays["probabilities"][::7] = np.eye(4, dtype=dtype)[1]  # certain ones: infinite divergences are held back
    pool = random_pool(arrays, n_labelled, seed=seed)
    wide = {name: arrays[name].astype(np.float64) for name in ("embeddings", "probabilities")}
    expected = naive(wide["embeddings"], wide["probabilities"], pool.labelled, pool.candidates, k)
    got = create("cal", k=k).select(pool, 12, np.random.default_rng(0))
    np.testing.assert_allclose(got.scores[pool.candidates], expected, rtol=1e-5 if dtype == np.float32 else 1e-10, atol=1e-9)
    assert got.indices.tolist() == pool.candidates[np.argsort(-got.scores[pool.candidates], kind="stable")[:12]].tolist()


def test_neighbours_on_a_grid_go_by_the_lower_index():
    rng = np.random.default_rng(5)
    x, p = rng.integers(0, 2, size=(40, 2)).astype(float), rng.dirichlet(np.ones(3), size=40)
    labels = np.full(40, -1)
    labels[:15] = rng.integers(0, 3, size=15)
    picks, scores = alviz.query("cal", 5, labels=labels, embeddings=x, probabilities=p, k=2, return_scores=True)
    expected = naive(x, p, range(15), range(15, 40), 2)
    np.testing.assert_allclose(scores[15:], expected, rtol=1e-10)
    assert picks.tolist() == (15 + np.argsort(-expected, kind="stable")[:5]).tolist()


def test_by_hand():
    # Labelled: 0 at 0 says (1, 0), 1 at 10 says (1/2, 1/2). Candidates at 1 and 9 say (1/2, 1/2): ln 2 against 0; the other way round is infinite.
    x = np.array([[0.0], [10.0], [1.0], [9.0]])
    p = np.array([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    picks, scores = alviz.query("cal", 2, labels=np.array([0, 1, -1, -1]), embeddings=x, probabilities=p, k=1, return_scores=True)
    assert picks.tolist() == [2, 3]
    np.testing.assert_allclose(scores[2:], [np.log(2), 0.0], atol=1e-15)


def test_contradiction_beats_uncertainty():
    # All of the left cluster is labelled 0; a candidate in its midst is surely 1, another one anywhere is merely unsure.
    x = np.array([[0.0], [0.1], [0.2], [0.05], [0.15]])
    p = np.array([[0.99, 0.01]] * 3 + [[0.01, 0.99], [0.5, 0.5]])
    assert alviz.query("cal", 1, labels=np.array([0, 0, 0, -1, -1]), embeddings=x, probabilities=p).tolist() == [3]


def test_nothing_labelled_is_entropy():
    arrays = random_arrays()
    given = {"labels": np.full(60, -1), "embeddings": arrays["embeddings"], "probabilities": arrays["probabilities"]}
    assert alviz.query("cal", 9, **given).tolist() == alviz.query("entropy", 9, **given).tolist()


def test_k_is_checked():
    with pytest.raises(ValueError, match="cal: k must be a whole number ≥ 1, got 0"):
        create("cal", k=0)
