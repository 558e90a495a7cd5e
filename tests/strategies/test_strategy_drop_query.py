"""DropQuery against masks drawn and counted one by one."""

import numpy as np
import pytest

import alviz
from alviz.strategies import changed, create


def linear(k, d, seed):
    weights = np.random.default_rng([seed, 7]).normal(size=(d, k))
    offset = np.random.default_rng([seed, 8]).normal(size=k)

    def predict(x):
        logits = np.asarray(x, dtype=np.float64) @ weights + offset
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    return predict


def disagreements(x, predict, rate, draws, rng):
    """How many of `draws` predictions with dropped features differ from the full one; masks drawn as the strategy draws them, row by row."""
    masks = [rng.random(x.shape, dtype=np.float32) >= rate for _ in range(draws)]
    count = []
    for i in range(len(x)):
        full = predict(x[i][None])[0].argmax()
        count.append(sum(predict(np.where(mask[i], x[i] / (1 - rate), 0)[None])[0].argmax() != full for mask in masks))
    return np.array(count)


@pytest.mark.parametrize(("seed", "rate", "draws"), [(0, 0.75, 3), (1, 0.75, 3), (2, 0.5, 5), (3, 0.9, 1), (4, 0.3, 4)])
def test_candidates(seed, rate, draws):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 6))
    labels = np.where(np.arange(60) < 10, 1, -1)
    free = np.arange(10, 60)
    predict = linear(4, 6, seed)
    for b in (1, 5, 20, 50):
        kwargs = {"labels": labels, "features": x, "predict": predict, "probabilities": np.full((60, 4), 0.25)}
        picks, scores = alviz.query("drop-query", b, rate=rate, draws=draws, seed=seed, return_scores=True, **kwargs)
        count = disagreements(x[free], predict, rate, draws, np.random.default_rng([seed]))
        np.testing.assert_allclose(scores[free], count / draws)
        level = draws // 2 + 1
        while (count >= level).sum() < b:
            level -= 1
        assert set(picks) <= set(free[count >= level]) and len(set(picks)) == b


def test_blocks_see_every_sample(monkeypatch):
    # Whatever is dropped, the sign of what is left decides: only samples with both signs can change their minds.
    monkeypatch.setattr(changed, "NUMBERS", 32)
    rng = np.random.default_rng(0)
    x = np.abs(rng.normal(size=(30, 8))) + 0.5
    mixed = np.array([3, 11, 17, 29])
    x[mixed, :4] *= -1

    def predict(x):
        right = 1 / (1 + np.exp(-x.sum(axis=1) - 0.1))
        return np.stack([right, 1 - right], axis=1)

    scores = alviz.query("drop-query", 1, labels=np.full(30, -1), features=x, predict=predict, draws=25, return_scores=True)[1]
    assert np.flatnonzero(scores > 0).tolist() == mixed.tolist()


def test_share_of_dropped_features_and_their_scale():
    asked = []

    def predict(x):
        asked.append(np.array(x))
        return np.full((len(x), 2), 0.5)

    x = np.ones((400, 50), dtype=np.float32)
    alviz.query("drop-query", 1, labels=np.full(400, -1), features=x, predict=predict)
    full, *dropped = asked
    assert (full == 1).all() and len(dropped) == 3
    for each in dropped:
        assert set(np.unique(each)) == {0, 4}
        assert abs((each == 0).mean() - 0.75) < 0.02  # 20,000 coins: 6 standard deviations
    assert not np.array_equal(dropped[0], dropped[1])


def test_no_disagreement_is_k_means_of_the_pool():
    rng = np.random.default_rng(0)
    x = np.repeat(np.eye(4), 10, axis=0) * 5 + 0.01 * rng.normal(size=(40, 4))

    def certain(x):
        return np.tile([1.0, 0.0], (len(x), 1))

    picks = alviz.query("drop-query", 4, labels=np.full(40, -1), features=x, predict=certain)
    assert sorted(picks // 10) == [0, 1, 2, 3]


def test_agreement_of_the_dropout_rule_with_scikit_activeml():
    pool = pytest.importorskip("skactiveml.pool")
    from skactiveml.base import SkactivemlClassifier

    # A model without offset does not see the scale, in which the two differ: with one sample to ask for, it is a candidate in both.
    weights = np.random.default_rng(3).normal(size=(6, 3))

    def predict(x):
        return np.eye(3)[(x @ weights).argmax(axis=1)]

    class Fixed(SkactivemlClassifier):
        def fit(self, X, y, sample_weight=None):
            return self

        def predict(self, X):
            return predict(X).argmax(axis=1)

    x = np.concatenate([10 * weights.T, np.random.default_rng(4).normal(size=(40, 6))])
    theirs, ours = np.zeros(43), np.zeros(43)
    for seed in range(40):
        query = pool.DropQuery(n_dropout_samples=3, random_state=seed, missing_label=-1, cluster_algo_dict={"random_state": seed})
        found = query.query(
            x,
            np.full(43, -1),
            Fixed(classes=range(3), missing_label=-1),
            fit_clf=False,
            candidates=np.arange(43),
            batch_size=1,
            return_utilities=True,
        )[1][0]
        theirs += np.isfinite(found)
        ours += alviz.query("drop-query", 1, labels=np.full(43, -1), features=x, predict=predict, seed=seed, return_scores=True)[1] > 0.5
    assert np.corrcoef(theirs, ours)[0, 1] > 0.9
    assert abs(theirs.mean() - ours.mean()) < 2.5  # of 40 rounds


@pytest.mark.parametrize(
    ("params", "message"), [({"rate": 1.0}, "rate must be a number in"), ({"draws": 0}, "draws must be a whole number ≥ 1")]
)
def test_parameters_are_checked(params, message):
    with pytest.raises(ValueError, match=message):
        create("drop-query", **params)
