"""cds-bal against plain loops over classes and candidates."""

import numpy as np
import pytest

import alviz
from alviz.strategies import cds, create
from alviz.testing import random_arrays, random_pool


def naive(x, labels, n_classes, b, rng):
    """(dataset indices in pick order, score of every candidate) from the paper's words, one sample at a time."""
    free = [i for i in range(len(x)) if labels[i] < 0]
    shuffled = [free[j] for j in rng.permutation(len(free))]
    counts = [sum(labels == c) for c in range(n_classes)]
    centroid = {c: x[labels == c].astype(float).mean(axis=0) for c in range(n_classes) if counts[c]}
    mean = sum(counts) / n_classes
    served = sorted([c for c in range(n_classes) if counts[c] < mean], key=lambda c: (counts[c], c))
    majority = [c for c in range(n_classes) if counts[c] >= mean and counts[c]]
    if not served:
        served = list(range(n_classes))

    def value(i, c):
        away = [np.sqrt(((x[i] - centroid[m]) ** 2).sum()) for m in majority if m != c]
        return min(away) - np.sqrt(((x[i] - centroid[c]) ** 2).sum()) if away and c in centroid else None

    scores = {i: [v for c in served if (v := value(i, c)) is not None] for i in free}
    picks = []
    while len(picks) < b:
        c = served[len(picks) % len(served)]
        left = [i for i in free if i not in picks]
        values = [value(i, c) for i in left]
        picks.append(next(i for i in shuffled if i in left) if values[0] is None else left[int(np.argmax(values))])
    return picks, {i: max(s) if s else np.nan for i, s in scores.items()}


@pytest.mark.parametrize("rows", [3, 2048])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(8))
def test_against_plain_loops(seed, dtype, rows, monkeypatch):
    monkeypatch.setattr(cds, "ROWS", rows)
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 6))
    x = rng.normal(size=(40, 4)).astype(dtype)
    x[20:30] = x[:10]  # copies: ties
    labels = np.where(rng.random(40) < 0.4, rng.choice(k, size=40, p=rng.dirichlet(np.ones(k))), -1)
    m = int((labels < 0).sum())
    for b in (1, 7, m):
        kwargs = {"labels": labels, "features": x, "probabilities": np.full((40, k), 1 / k), "seed": seed}
        got, scores = alviz.query("cds-bal", b, return_scores=True, **kwargs)
        expected, values = naive(x, labels, k, b, np.random.default_rng([seed]))
        assert got.tolist() == expected
        np.testing.assert_allclose(scores[list(values)], list(values.values()), atol=1e-9)
    assert np.isnan(scores[labels >= 0]).all()


def test_by_hand():
    # Class 0 is the majority (3 labels around 0), class 1 at 10 and class 2 at −10 have one label each.
    x = np.array([[0.0], [0.5], [-0.5], [10.0], [-10.0], [9.0], [-9.0], [30.0], [-20.0], [4.0]])
    labels = np.array([0, 0, 0, 1, 2, -1, -1, -1, -1, -1])
    picks = alviz.query("cds-bal", 5, labels=labels, features=x)
    # d(x, 0) − d(x, 10): 9 → 8, 30 → 10, 4 → −2; d(x, 0) − d(x, −10): −9 → 8, −20 → 10.
    assert picks.tolist() == [7, 8, 5, 6, 9]


def test_equal_counts_serve_every_class():
    x = np.array([[0.0], [10.0], [1.0], [9.0], [2.0], [8.0]])
    assert alviz.query("cds-bal", 4, labels=[0, 1, -1, -1, -1, -1], features=x).tolist() == [2, 3, 4, 5]


def test_an_unseen_class_draws_at_random_in_its_turn():
    x = np.arange(10.0)[:, None]
    labels = np.array([0, 0, 1, -1, -1, -1, -1, -1, -1, -1])
    p = np.full((10, 3), 1 / 3)
    firsts = [alviz.query("cds-bal", 1, labels=labels, features=x, probabilities=p, seed=s)[0] for s in range(60)]
    assert set(firsts) == {3, 4, 5, 6, 7, 8, 9}  # class 2 comes first: uniform
    # Class 1 (centroid 2, less than 1 label on average? 1 = 3/3: no minority) is not served: all turns are draws.
    seconds = {tuple(alviz.query("cds-bal", 2, labels=labels, features=x, probabilities=p, seed=s)) for s in range(60)}
    assert len(seconds) > 20


@pytest.mark.parametrize("labels", [np.full(12, -1), np.where(np.arange(12) < 4, 0, -1)])
def test_nothing_to_compare_is_uniform(labels):
    x = np.random.default_rng(0).normal(size=(12, 2))
    free = np.flatnonzero(labels < 0)
    picks = [alviz.query("cds-bal", len(free), labels=labels, features=x, probabilities=np.full((12, 2), 0.5), seed=s) for s in range(300)]
    assert all(sorted(p) == free.tolist() for p in picks)
    counts = np.bincount([p[0] for p in picks], minlength=12)[free]
    expected = 300 / len(free)
    assert ((counts - expected) ** 2 / expected).sum() < 31.3  # chi-square, at most 11 degrees of freedom, 1 in 1,000


def test_balances_the_labelled_set():
    # Two far-off clusters, 1 in 10 of the second class: all picks go to the minority, where random would take one in ten.
    rng = np.random.default_rng(3)
    targets = np.where(np.arange(200) % 10 == 0, 1, 0)
    x = rng.normal(size=(200, 5)) + 8.0 * targets[:, None]
    labels = np.where(np.arange(200) < 20, targets, -1)
    assert (targets[alviz.query("cds-bal", 10, labels=labels, features=x)] == 1).all()


def test_candidates_only():
    pool = random_pool(random_arrays(), 10)
    got = create("cds-bal").select(pool, 5, np.random.default_rng(0))
    assert np.isin(got.indices, pool.candidates).all()
