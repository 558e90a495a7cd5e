"""Expected error reduction against training by hand for every candidate and class."""

import math

import numpy as np
import pytest

from alviz.loop.run import Run
from alviz.progress import Cancelled
from alviz.strategies import PoolView, create


def proba(x, labelled, labels, k):
    """Every class a Gaussian of unit variance about its mean, Laplace-smoothed priors; classes without labels have probability 0."""
    p = np.zeros((len(x), k))
    for c in range(k):
        own = labelled[labels == c]
        if len(own):
            p[:, c] = (1 + len(own)) * np.exp(-0.5 * ((x - x[own].mean(axis=0)) ** 2).sum(axis=1))
    return np.full((len(x), k), 1 / k) if not len(labelled) else p / p.sum(axis=1, keepdims=True)


class Source:
    """A model that can be trained again, in the plainest form."""

    provides = frozenset({"probabilities", "refit"})

    def __init__(self, x, labelled, labels, k):
        self.x, self.labelled, self.labels, self.k = x, np.asarray(labelled, dtype=int), np.asarray(labels, dtype=int), k

    def rows(self, signal, indices):
        assert signal == "probabilities"
        p = proba(self.x, self.labelled, self.labels, self.k)
        return p if indices is None else p[indices]

    def refit(self, extra, labels):
        return Source(self.x, np.append(self.labelled, extra), np.append(self.labels, labels), self.k)


def view(seed, n=18, k=3, n_labelled=4, **options):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) * 1.5
    x[n - 1] = x[n - 2]
    labelled = np.arange(0, 2 * n_labelled, 2)
    labels = rng.integers(0, k, size=n_labelled)
    return x, PoolView(Source(x, labelled, labels, k), np.setdiff1d(np.arange(n), labelled), labelled, labels, k, n, **options)


def by_hand(x, pool, loss):
    """{candidate: expected loss over all candidates}."""
    now = proba(x, pool.labelled, pool.labels, pool.n_classes)
    out = {}
    for i in pool.candidates.tolist():
        expected = 0.0
        for c in range(pool.n_classes):
            if now[i, c] > 0:
                after = proba(x, np.append(pool.labelled, i), np.append(pool.labels, c), pool.n_classes)[pool.candidates]
                each = [1 - max(row) if loss == "zero-one" else -math.fsum(p * math.log(p) for p in row if p > 0) for row in after.tolist()]
                expected += now[i, c] * math.fsum(each) / len(each)
        out[i] = expected
    return out


@pytest.mark.parametrize("loss", ["log", "zero-one"])
@pytest.mark.parametrize(("seed", "n_labelled", "k"), [(0, 4, 3), (1, 4, 3), (2, 1, 3), (3, 0, 3), (4, 4, 1), (5, 3, 2)])
def test_by_hand(seed, n_labelled, k, loss):
    x, pool = view(seed, k=k, n_labelled=n_labelled)
    expected = by_hand(x, pool, loss)
    for b in (3, len(pool)):
        got = create("expected-error-reduction", loss=loss).select(pool, b, np.random.default_rng(0))
        np.testing.assert_allclose([-got.scores[i] for i in expected], list(expected.values()), atol=1e-12)
        np.testing.assert_allclose([expected[i] for i in got.indices], sorted(expected.values())[:b], atol=1e-12)
        assert got.note == ""


def test_only_a_part_is_tried_and_the_note_says_so():
    pool = view(0)[1]
    got = create("expected-error-reduction", candidates=5, evaluate=6).select(pool, 2, np.random.default_rng(0))
    tried = np.flatnonzero(~np.isnan(got.scores))
    assert len(tried) == 5 and set(tried) <= set(pool.candidates.tolist())
    assert got.indices[0] == tried[np.argmax(got.scores[tried])]
    assert got.note == "5 of 14 candidates were tried, their effect judged on 6 (candidates, evaluate)."
    assert len(create("expected-error-reduction", candidates=2).select(pool, 7, np.random.default_rng(0)).indices) == 7


def test_impossible_labels_cost_no_training():
    pool = view(0)[1]
    calls = []
    plain = Source.refit
    pool.source.refit = lambda extra, labels: calls.append(int(labels[0])) or plain(pool.source, extra, labels)
    create("expected-error-reduction").select(pool, 1, np.random.default_rng(0))
    present = set(pool.labels.tolist())
    assert set(calls) == present and len(calls) == len(present) * len(pool)


def test_in_a_run():
    run = Run("gaussians", strategy=create("expected-error-reduction", candidates=6, evaluate=50), n_queries=3, n_initial=10, seed=0)
    shares = []
    finished = run.step(progress=shares.append)
    assert finished.note == "6 of 4,990 candidates were tried, their effect judged on 50 (candidates, evaluate)."
    assert len(set(finished.queried.tolist())) == 3
    again = Run("gaussians", strategy=create("expected-error-reduction", candidates=6, evaluate=50), n_queries=3, n_initial=10, seed=0)

    class Stop:
        left = 40

        def is_set(self):
            self.left -= 1
            return self.left < 0

    with pytest.raises(Cancelled):
        again.step(cancel=Stop())
    assert again.step().queried.tolist() == finished.queried.tolist()


def test_the_bar_does_not_go_back_while_the_model_is_trained():
    run = Run("gaussians", n_queries=3, n_initial=10, seed=0)
    shares = []
    view = run.view(progress=shares.append)
    create("expected-error-reduction", candidates=6, evaluate=50).select(view, 1, np.random.default_rng(0))
    assert len(shares) > 12 and shares == sorted(shares)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"candidates": 0}, "candidates must be a whole number"),
        ({"evaluate": 1.5}, "evaluate must be"),
        ({"loss": "brier"}, "loss must be one of"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        create("expected-error-reduction", **params)
