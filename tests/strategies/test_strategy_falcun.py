"""FALCUN against its sampling distribution worked out sample by sample, and against scikit-activeml where the two agree."""

import numpy as np
import pytest

import alviz
from alviz.strategies import create, falcun


def weights(p, picks, gamma):
    """Probability of each sample to be the next pick, from the paper's formulas in plain loops."""
    n = len(p)
    unsure, nearest = [], []
    for i in range(n):
        first, second = sorted(p[i])[::-1][:2] if p.shape[1] > 1 else (p[i][0], 0.0)
        unsure.append(1 - (first - second))
        distances = [sum(abs(a - b) for a, b in zip(p[i], p[q], strict=True)) for q in picks]
        nearest.append(min([unsure[i], *distances]))
    free = [i for i in range(n) if i not in picks]
    least, most = min(nearest[i] for i in free), max(nearest[i] for i in free)
    relevance = {i: unsure[i] + ((nearest[i] - least) / (most - least) if most > least else 0.0) for i in free}
    total = sum(r**gamma for r in relevance.values()) if any(relevance.values()) else 0.0
    share = [relevance.get(i, 0.0) ** gamma / total if i in relevance and total else float(i in relevance) / len(free) for i in range(n)]
    return np.array(share), relevance


def ask(p, b, seed=0, **params):
    return alviz.query("falcun", b, labels=np.full(len(p), -1), probabilities=p, seed=seed, **params)


@pytest.mark.parametrize("columns", [3, 16384])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(4))
def test_every_draw_follows_the_formula(seed, dtype, columns, monkeypatch):
    monkeypatch.setattr(falcun, "COLUMNS", columns)
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(4), size=30)[rng.integers(0, 20, size=40)].astype(dtype)  # copies among them
    p[:5] = np.eye(4)[rng.integers(0, 4, size=5)]
    stream = np.random.default_rng([seed])
    picks = ask(p, 40, seed)
    for i, pick in enumerate(picks):
        share, _ = weights(p.astype(float), picks[:i].tolist(), 10)
        assert pick == int((stream.random() >= np.cumsum(share)).sum())


def test_frequencies_of_the_second_pick():
    p = np.array([[0.5, 0.5, 0.0], [0.9, 0.1, 0.0], [0.4, 0.3, 0.3], [0.1, 0.2, 0.7]])
    draws = np.array([ask(p, 2, seed, gamma=2.0) for seed in range(3000)])
    expected = np.zeros((4, 4))
    first, _ = weights(p, [], 2)
    for i in range(4):
        expected[i] = first[i] * weights(p, [i], 2)[0]
    found = np.zeros((4, 4))
    np.add.at(found, (draws[:, 0], draws[:, 1]), 1)
    cells = expected > 0
    assert not found[~cells].any()
    assert ((found - 3000 * expected)[cells] ** 2 / (3000 * expected[cells])).sum() < 31.3  # chi-square, 11 degrees of freedom, 1 in 1,000


def test_scores_and_gains():
    p = np.random.default_rng(2).dirichlet(np.ones(3), size=20)
    from alviz.testing import random_arrays, random_pool

    pool = random_pool(random_arrays(20, 3, seed=2) | {"probabilities": p}, 6, n_classes=3, n_candidates=9)
    got = create("falcun").select(pool, 9, np.random.default_rng(0))
    q = p[pool.candidates]
    ordered = np.sort(q, axis=1)
    np.testing.assert_allclose(got.scores[pool.candidates], 1 - (ordered[:, -1] - ordered[:, -2]))
    picks = (got.indices - pool.candidates[0]).tolist()
    for i, pick in enumerate(picks):
        np.testing.assert_allclose(got.gains[i], weights(q, picks[:i], 10)[1][pick], atol=1e-12)


def test_gamma_zero_is_random_sampling():
    p = np.array([[0.5, 0.5], [0.9, 0.1], [0.6, 0.4], [0.7, 0.3]])
    counts = np.bincount([ask(p, 1, seed, gamma=0.0)[0] for seed in range(1200)], minlength=4)
    assert ((counts - 300) ** 2 / 300).sum() < 16.3  # chi-square, 3 degrees of freedom, 1 in 1,000


def test_a_large_gamma_takes_the_most_relevant():
    p = np.random.default_rng(5).dirichlet(np.ones(5), size=25)
    picks = ask(p, 12, gamma=1e5).tolist()
    for i, pick in enumerate(picks):
        relevance = weights(p, picks[:i], 1)[1]
        assert pick == max(relevance, key=relevance.get)


@pytest.mark.parametrize("p", [np.eye(3)[[0, 1, 2, 0, 1]], np.ones((5, 1)), np.tile([0.3, 0.7], (5, 1))])
def test_nothing_to_tell_samples_apart(p):
    # Certain predictions, one class, copies: whatever the order, everyone is taken once, and the first pick is uniform.
    first = [ask(p, 5, seed)[0] for seed in range(600)]
    assert sorted(ask(p, 5)) == [0, 1, 2, 3, 4]
    counts = np.bincount(first, minlength=5)
    assert ((counts - 120) ** 2 / 120).sum() < 18.5  # chi-square, 4 degrees of freedom, 1 in 1,000


def test_batches_spread_over_confusions():
    # 40 samples confuse classes 0 and 1 a little more than 5 samples confuse 2 and 3: margin takes the 40, FALCUN both kinds.
    p = np.concatenate([np.tile([0.5, 0.5, 0, 0], (40, 1)), np.tile([0, 0, 0.51, 0.49], (5, 1))])
    assert (alviz.query("margin", 5, labels=np.full(45, -1), probabilities=p) < 40).all()
    assert any(ask(p, 5) >= 40)


def test_first_draws_agree_with_scikit_activeml():
    pool = pytest.importorskip("skactiveml.pool")
    from skactiveml.base import SkactivemlClassifier

    class Fixed(SkactivemlClassifier):
        def fit(self, X, y, sample_weight=None):
            return self

        def predict_proba(self, X):
            return p[np.asarray(X)[:, 0].astype(int)]

    # A certain sample and two tied ones put all values on 0 … 1, where scaling (theirs is kept and left out at first) changes nothing.
    rng = np.random.default_rng(0)
    p = np.concatenate([[[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]], rng.dirichlet(np.ones(4), size=20)])
    for seed in range(10):
        theirs = pool.Falcun(random_state=seed, missing_label=-1)
        _, utilities = theirs.query(
            np.arange(len(p))[:, None], np.full(len(p), -1), Fixed(classes=range(4), missing_label=-1), fit_clf=False, return_utilities=True
        )
        share, relevance = weights(p, [], 10)
        np.testing.assert_allclose(utilities[0], share, atol=1e-12)
        assert max(relevance.values()) == 2


@pytest.mark.parametrize("gamma", [-1, np.nan, "10", True])
def test_gamma_is_checked(gamma):
    with pytest.raises(ValueError, match="falcun: gamma must be a number ≥ 0"):
        create("falcun", gamma=gamma)
