"""Every registered strategy passes the public conformance suite, and the suite fails strategies that are wrong."""

import random
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alviz.registry import Card
from alviz.strategies import QueryStrategy, ScoringStrategy, Selection, available, card, create, describe, readable_needs, registry
from alviz.strategies.needs import WORDS
from alviz.strategies.pool import SIGNALS
from alviz.testing import check_selection, check_strategy, random_arrays, random_pool

EXPECTED = [
    "alamp",
    "alamp-div",
    "badge",
    "bald",
    "cmcs-margin",
    "cmcs-random",
    "dmcs-margin",
    "dmcs-random",
    "ensemble-entropy",
    "ensemble-least-confidence",
    "ensemble-margin",
    "entropy",
    "entropy-dropout",
    "k-center",
    "kmeans",
    "least-confidence",
    "least-confidence-dropout",
    "margin",
    "margin-div",
    "margin-dropout",
    "mean-std",
    "random",
    "random-div",
    "umcs-margin",
    "umcs-random",
    "variation-ratio",
]


def test_all_are_there():
    assert set(EXPECTED) <= set(available())
    assert [registry.resolve(alias) for alias in ("coreset", "cmcs", "umcs", "dmcs")] == [
        "k-center",
        "cmcs-random",
        "umcs-random",
        "dmcs-random",
    ]


@pytest.mark.parametrize("name", available())
def test_conformance(name):
    check_strategy(lambda: create(name))


@pytest.mark.parametrize("options", [{"base": "entropy"}, {"base": "least-confidence"}])
def test_conformance_of_alamp_bases(options):
    check_strategy(lambda: create("alamp", **options))


def test_conformance_of_reduced_k_center():
    check_strategy(lambda: create("k-center", pca=3))


@pytest.mark.parametrize("name", available())
@settings(max_examples=8, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_pool(name, data):
    k = data.draw(st.integers(1, 5))
    n = data.draw(st.integers(2, 40))
    seed = data.draw(st.integers(0, 99))
    arrays = random_arrays(
        n,
        k,
        data.draw(st.integers(1, 6)),
        data.draw(st.integers(1, 4)),
        seed=seed,
        dtype=data.draw(st.sampled_from([np.float32, np.float64])),
        copies=data.draw(st.booleans()),
    )
    m = data.draw(st.integers(1, n))
    labelled = data.draw(st.integers(0, n - m))
    pool = random_pool(arrays, labelled, n_classes=k, n_candidates=m, seed=seed, one_class=data.draw(st.booleans()))
    b = data.draw(st.integers(1, m))
    check_selection(create(name).select(pool, b, np.random.default_rng(seed)), pool, b)


@pytest.mark.parametrize("name", available())
def test_cards_and_words(name):
    text = describe(name)
    shown = card(name)
    for part in (name, shown.title, shown.idea, shown.reference, readable_needs(create(name))):
        assert part in text
    assert name in describe()


def test_words():
    assert set(WORDS) == set(SIGNALS)
    assert readable_needs(create("random")) == "nothing"
    assert readable_needs(create("bald")) == "a committee of models or stochastic passes (MC dropout)"
    with pytest.raises(ValueError, match="did you mean 'margin'"):
        describe("margn")


CARD = Card(title="t", idea="i", needs="n", cost="c", reference="r", shines="s", fails="f")


class Good(ScoringStrategy):
    card = CARD
    needs = ("probabilities",)

    def __init__(self):
        self.name = "made for this test"

    def score(self, pool):
        return 1 - pool.probabilities.max(axis=1)


class NoCard(Good):
    card = Card(title="t", idea="i")


class UnknownNeed(Good):
    needs = ("telepathy",)


class Positions(Good):
    def select(self, pool, n_queries, rng):
        return Selection(np.argsort(self.score(pool))[:n_queries], np.full(pool.n, np.nan))


class Twice(Good):
    def select(self, pool, n_queries, rng):
        return Selection(pool.candidates[np.zeros(n_queries, dtype=int)], np.full(pool.n, np.nan))


class TooFew(Good):
    def select(self, pool, n_queries, rng):
        chosen = super().select(pool, n_queries, rng)
        return Selection(chosen.indices[: max(1, n_queries - 1)], chosen.scores)


class ShortScores(Good):
    def select(self, pool, n_queries, rng):
        return Selection(super().select(pool, n_queries, rng).indices, self.score(pool))


class ScoresOfLabelled(Good):
    def select(self, pool, n_queries, rng):
        return Selection(super().select(pool, n_queries, rng).indices, np.zeros(pool.n))


class OwnRandomness(Good):
    def score(self, pool):
        return np.random.default_rng().random(len(pool))


class GlobalNumpy(Good):
    def score(self, pool):
        np.random.seed(0)  # noqa: NPY002
        return np.random.random(len(pool))  # noqa: NPY002


class GlobalPython(Good):
    def score(self, pool):
        random.seed(0)
        random.random()
        return super().score(pool)


class Writes(Good):
    def score(self, pool):
        p = pool.source.rows("probabilities", None)
        p.sort(axis=1)
        return 1 - p[pool.candidates, -1]


class NeedsLabels(Good):
    def score(self, pool):
        return super().score(pool) + pool.class_counts.max() / pool.class_counts.sum()


class SwallowsCancel(Good):
    def score(self, pool):
        try:
            pool.progress(0.5)
        except Exception:
            return super().score(pool)
        return super().score(pool)


class BadShare(Good):
    def score(self, pool):
        pool.progress(50)
        return super().score(pool)


class Remembers(Good):
    shared: ClassVar[list[int]] = []

    def score(self, pool):
        self.shared.append(1)
        return super().score(pool) * (-1) ** len(self.shared)


def test_a_good_strategy_passes():
    check_strategy(Good)


WRONG = [
    (NoCard, "the card of .* says nothing under 'needs'"),
    (UnknownNeed, "'telepathy', which is no signal"),
    (Positions, "is no candidate"),
    (Twice, "a sample was chosen twice"),
    (TooFew, "10 samples were asked for"),
    (ShortScores, r"scores must be float64 \(60,\)"),
    (ScoresOfLabelled, "scores must be NaN for samples that are no candidates"),
    (OwnRandomness, "the same seed gave other picks"),
    (Remembers, "the same seed gave other picks"),
    (GlobalNumpy, "numpy's global random state was touched"),
    (GlobalPython, "random's global random state was touched"),
    (SwallowsCancel, "Cancelled, raised by progress, was swallowed"),
    (BadShare, "a share in"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_wrong_strategies_fail(wrong, message):
    state = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with pytest.raises(AssertionError, match=message):
            check_strategy(wrong)
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])  # noqa: NPY002


def test_writing_to_signals_fails():
    with pytest.raises((AssertionError, ValueError), match=r"read-only|changed in place|other picks"):
        check_strategy(Writes)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_strategies_that_need_labels_may_say_so():
    with pytest.raises(ValueError, match="NaN"):
        check_strategy(NeedsLabels)
    check_strategy(NeedsLabels, without_labels=False)


def test_what_arrays_cannot_give_is_not_covered():
    class Network(Good):
        needs = ("module",)

    with pytest.raises(ValueError, match="needs more than made-up arrays can give"):
        check_strategy(Network)


def test_unnamed_strategies_are_not_registered():
    assert QueryStrategy not in {registry.factory(name) for name in available()}
    assert "made for this test" not in available()
