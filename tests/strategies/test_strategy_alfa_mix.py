"""ALFA-Mix against a plain search for flips, and what it shares with DropQuery."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

import alviz
from alviz.strategies import changed, create
from alviz.testing import random_arrays, random_pool


def linear(k, d, seed):
    weights = np.random.default_rng([seed, 7]).normal(size=(d, k))

    def predict(x):
        logits = np.asarray(x, dtype=np.float64) @ weights
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    return predict


def flips(x, labels, k, predict, step, b):
    """(first α at which each unlabelled sample flips, or NaN) with anchors, steps and the stop of the authors' code, one α for all."""
    free = [i for i in range(len(x)) if labels[i] < 0]
    means = [x[labels == c].mean(axis=0) if (labels == c).any() else x[labels >= 0].mean(axis=0) for c in range(k)]
    found = dict.fromkeys(free, np.nan)
    alpha = step
    while alpha < 1 - 1e-9:
        for i in free:
            now = predict(x[i][None])[0].argmax()
            if any(predict(((1 - alpha) * x[i] + alpha * z)[None])[0].argmax() != now for z in means) and np.isnan(found[i]):
                found[i] = alpha
        if sum(not np.isnan(a) for a in found.values()) > min(b, len(free) - 1):
            break
        alpha += step
    return found


def setting(seed, k=3, n=50, d=4):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    x[30:35] = x[:5]
    labels = np.full(n, -1)
    labels[rng.choice(n, 8, replace=False)] = rng.integers(0, max(1, k - 1), size=8)  # the last class has no label
    return x, labels


@pytest.mark.parametrize("rows", [3, 8192])
@pytest.mark.parametrize(("seed", "step"), [(0, 0.1), (1, 0.1), (2, 0.25), (3, 0.03125), (4, 0.4)])
def test_flips_are_those_of_the_plain_search(seed, step, rows, monkeypatch):
    monkeypatch.setattr(changed, "NUMBERS", 4 * rows)
    x, labels = setting(seed)
    predict = linear(3, 4, seed)
    for b in (1, 6, 30):
        picks, scores = alviz.query("alfa-mix", b, labels=labels, features=x, predict=predict, step=step, return_scores=True, seed=seed)
        expected = flips(x, labels, 3, predict, step, b)
        free = list(expected)
        np.testing.assert_allclose(-scores[free], list(expected.values()), atol=1e-9)
        candidates = {i for i in free if not np.isnan(expected[i])}
        # Candidates only, or all of them and random others.
        assert candidates.issuperset(picks.tolist()) if len(candidates) >= b else candidates <= set(picks.tolist())
        assert len(set(picks.tolist())) == b


def test_clusters_are_represented():
    # Three tight groups astride the border between the classes: with three labels to ask for, one from each.
    rng = np.random.default_rng(0)
    centres = np.array([[0.1, 5.0, 0.0], [0.1, -5.0, 0.0], [0.1, 0.0, 5.0]])
    x = np.concatenate([[[9.0, 0, 0], [-9.0, 0, 0]], *(c + 0.01 * rng.normal(size=(10, 3)) for c in centres), [[50.0, 0, 0]] * 5])
    labels = np.array([0, 1] + [-1] * 35)

    def predict(x):
        right = 1 / (1 + np.exp(-np.clip(x[:, 0], -30, 30)))
        return np.stack([right, 1 - right], axis=1)

    picks = alviz.query("alfa-mix", 3, labels=labels, features=x, predict=predict)
    assert sorted((picks - 2) // 10) == [0, 1, 2]


@pytest.mark.parametrize("full", [changed.lloyd.FULL, 0])
def test_representatives_are_nearest_to_centroids(full, monkeypatch):
    monkeypatch.setattr(changed.lloyd, "FULL", full)
    rng = np.random.default_rng(1)
    directions = np.eye(5)[rng.integers(0, 5, size=60)] + 0.01 * rng.normal(size=(60, 5))
    x = directions * rng.uniform(0.1, 50, size=(60, 1))  # lengths do not matter
    pool = random_pool(random_arrays(60) | {"features": x}, 0, n_candidates=60)
    rows = np.arange(5, 55)
    picks = changed.representatives(pool, rows, 5, np.random.default_rng(0), pool.progress)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert set(picks) <= set(rows) and sorted(unit[picks].argmax(axis=1)) == [0, 1, 2, 3, 4]
    if full:
        centroids = KMeans(5, n_init=10, random_state=0).fit(unit[rows]).cluster_centers_
        assert set(picks) == {int(rows[((unit[rows] - c) ** 2).sum(axis=1).argmin()]) for c in centroids}


def test_unit_length(monkeypatch):
    monkeypatch.setattr(changed, "NUMBERS", 3)
    x = np.array([[3, 4], [0, 0], [1e30, 0], [1e-30, 1e-30]], dtype=np.float32)
    np.testing.assert_allclose(changed.unit_length(x), [[0.6, 0.8], [0, 0], [1, 0], [0.5**0.5, 0.5**0.5]], rtol=1e-6)
    assert changed.unit_length(x).dtype == np.float32


def test_nothing_flips_then_random():
    x = np.random.default_rng(0).normal(size=(20, 3))

    def certain(x):
        return np.tile([1.0, 0.0], (len(x), 1))

    for labels in (np.full(20, -1), np.where(np.arange(20) < 5, 0, -1)):
        free = np.flatnonzero(labels < 0)
        runs = [alviz.query("alfa-mix", 4, labels=labels, features=x, predict=certain, seed=s, return_scores=True) for s in range(200)]
        assert all(np.isnan(scores).all() for _, scores in runs)
        counts = np.bincount(np.concatenate([p for p, _ in runs]), minlength=20)[free]
        expected = 800 / len(free)
        assert ((counts - expected) ** 2 / expected).sum() < 45  # chi-square, at most 19 degrees of freedom


def test_random_mixing_stays_within_the_step():
    asked = []
    predict = linear(3, 4, 1)

    def spy(x):
        asked.append(np.array(x))
        return predict(x)

    x, labels = setting(1)
    got = alviz.query("alfa-mix", 5, labels=labels, features=x, predict=spy, mixing="random", step=0.5)
    free = np.flatnonzero(labels < 0)
    np.testing.assert_array_equal(asked[0], x[free])
    anchor = x[labels == labels[labels >= 0].min()].mean(axis=0)
    shares = (asked[1] - x[free]) / (anchor - x[free])
    assert shares.min() > -1e-9 and shares.max() < 0.5 + 1e-9 and shares.std() > 0.05
    assert np.isin(got, free).all()


@pytest.mark.parametrize(
    ("params", "message"), [({"step": 0}, "step must be a number in"), ({"mixing": "all"}, "mixing must be one of line, random")]
)
def test_parameters_are_checked(params, message):
    with pytest.raises(ValueError, match=message):
        create("alfa-mix", **params)


def test_needs_predict():
    with pytest.raises(ValueError, match="needs the argument predict"):
        alviz.query("alfa-mix", 2, labels=[0, -1, -1, -1], features=np.eye(4))
