"""check_strategy passes good strategies, and says of each wrong one what is wrong with it."""

import random
from typing import ClassVar

import numpy as np
import pytest
import torch
from good_strategy import FIELDS, Good

from alviz.progress import Cancelled
from alviz.registry import Card
from alviz.strategies import Selection
from alviz.strategies.base import CappedStrategy, spread
from alviz.testing import check_strategy
from alviz.testing.selections import random_state_untouched


class Positions(Good):
    def select(self, pool, n_queries, rng):
        return Selection(np.argsort(self.score(pool))[:n_queries], np.full(pool.n, np.nan))


class Twice(Good):
    def select(self, pool, n_queries, rng):
        return Selection(pool.candidates[np.zeros(n_queries, dtype=int)], np.full(pool.n, np.nan))


class Changed(Good):
    """Good, but for one part of the selection."""

    def select(self, pool, n_queries, rng):
        chosen = super().select(pool, n_queries, rng)
        return Selection(**{"indices": chosen.indices, "scores": chosen.scores, **self.change(chosen, pool)})


class TooFew(Changed):
    def change(self, chosen, pool):
        return {"indices": chosen.indices[: max(1, len(chosen.indices) - 1)]}


class NarrowIndices(Changed):
    def change(self, chosen, pool):
        return {"indices": chosen.indices.astype(np.int32)}


class ShortScores(Changed):
    def change(self, chosen, pool):
        return {"scores": chosen.scores[pool.candidates]}


class ScoresOfLabelled(Changed):
    def change(self, chosen, pool):
        return {"scores": np.zeros(pool.n)}


class InfiniteScores(Changed):
    def change(self, chosen, pool):
        return {"scores": spread(pool, np.full(len(pool), np.inf))}


class LongGains(Changed):
    def change(self, chosen, pool):
        return {"gains": chosen.scores}


class InfiniteGains(Changed):
    def change(self, chosen, pool):
        return {"gains": np.full(len(chosen.indices), np.inf)}


class NoNote(Changed):
    def change(self, chosen, pool):
        return {"note": None}


class UnfinishedNote(Changed):
    def change(self, chosen, pool):
        return {"note": "some were left out"}


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


class GlobalTorch(Good):
    def score(self, pool):
        torch.manual_seed(0)
        return super().score(pool)


class WritesSignal(Good):
    """Into what the view hands out, not into the source."""

    def score(self, pool):
        scores = super().score(pool)
        pool.probabilities.sort(axis=1)
        return scores


class WritesSource(Good):
    def score(self, pool):
        scores = super().score(pool)
        pool.source.rows("features", None)[0, 0] += 1
        return scores


class WritesLabels(Good):
    def score(self, pool):
        pool.labels[:] = 0
        return super().score(pool)


class WritesTargets(Good):
    oracle = True

    def score(self, pool):
        pool.true_targets[0] = 0
        pool.true_targets[1] = 1
        return super().score(pool)


class ByRow(Good):
    def score(self, pool):
        return -1.0 * np.arange(len(pool))


class LastOfTies(Good):
    def select(self, pool, n_queries, rng):
        scores = self.score(pool)
        return Selection(pool.candidates[np.argsort(scores, kind="stable")[::-1][:n_queries]], spread(pool, scores))


class ByClass(Good):
    symmetries = frozenset({"classes"})

    def score(self, pool):
        return pool.probabilities[:, 0]


class ByLayout(Good):
    def score(self, pool):
        p = pool.source.rows("probabilities", None)
        return super().score(pool) * (1 if p.flags.c_contiguous else -1)


class NumpyOnly(Good):
    def score(self, pool):
        return 1 - pool.resident("probabilities").max(axis=1)


class SinglePrecisionOnly(Good):
    def score(self, pool):
        assert pool.probabilities.dtype == np.float64, "wants float64"
        return super().score(pool)


class NeedsSecondClass(Good):
    def score(self, pool):
        return -np.sort(pool.probabilities, axis=1)[:, -2]


class SwallowsCancel(Good):
    def score(self, pool):
        try:
            pool.progress(0.5)
        except Cancelled:
            return super().score(pool)
        return super().score(pool)


class BadShare(Good):
    def score(self, pool):
        pool.progress(50)
        return super().score(pool)


class HalfDone(Good):
    """Keeps a mark in run_cache before it can be cancelled."""

    def score(self, pool):
        first = pool.run_cache.setdefault("begun", False)
        pool.run_cache["begun"] = True
        pool.progress(0.5)
        sign = -1 if first and "done" not in pool.run_cache else 1
        pool.run_cache["done"] = True
        return sign * super().score(pool)


class CountsRounds(Good):
    def score(self, pool):
        pool.run_cache["rounds"] = pool.run_cache.get("rounds", 0) + 1
        return super().score(pool) * (-1) ** pool.run_cache["rounds"]


class StaleScores(Good):
    """Keeps, as if it were for the run, what belongs to one round's model."""

    def score(self, pool):
        table = pool.run_cache.setdefault("scores", 1 - pool.table("probabilities").max(axis=1))
        return table[pool.candidates]


class DrawsOnce(Good):
    """Takes from the generator only while the run's cache is empty."""

    symmetries = frozenset({"classes"})

    def score(self, pool):
        if "noise" not in pool.run_cache:
            pool.run_cache["noise"] = 0.0 * self.rng.random()
        return self.rng.random(len(pool))

    def select(self, pool, n_queries, rng):
        scores = np.full(pool.n, np.nan)
        if "clusters" not in pool.run_cache:
            pool.run_cache["clusters"] = rng.random()
        return Selection(rng.permutation(pool.candidates)[:n_queries], scores)


class Remembers(Good):
    shared: ClassVar[list[int]] = []

    def score(self, pool):
        self.shared.append(1)
        return super().score(pool) * (-1) ** len(self.shared)


class Counts(Good):
    """Harmless to the picks; but a strategy may keep nothing."""

    def score(self, pool):
        self.asked = getattr(self, "asked", 0) + 1
        return super().score(pool)


class CountsInClass(Good):
    asked: ClassVar[list[int]] = []

    def score(self, pool):
        self.asked.append(1)
        return super().score(pool)


class Capped(CappedStrategy):
    card = Card(**FIELDS, options={"cap": "how many"})
    needs = ("probabilities",)
    symmetries = frozenset({"classes"})

    def __init__(self, cap: int | None = 1000):
        self.name = "made for this test"
        super().__init__(cap)

    def select_among(self, pool, n_queries, rng):
        return Good().select(pool, n_queries, rng)


class SilentlyCapped(Capped):
    def select(self, pool, n_queries, rng):
        chosen = super().select(pool, n_queries, rng)
        return Selection(chosen.indices, chosen.scores)


@pytest.mark.parametrize("good", [Good, Capped])
def test_good_strategies_pass(good):
    check_strategy(good)


WRONG = [
    (type("NoIdea", (Good,), {"card": Card(**{**FIELDS, "idea": ""})}), "the card of .* says nothing under 'idea'"),
    (Positions, "is no candidate"),
    (Twice, "a sample was chosen twice"),
    (TooFew, "10 samples were asked for"),
    (NarrowIndices, "indices must be an int64 array, got int32"),
    (ShortScores, r"scores must be float64 \(60,\)"),
    (ScoresOfLabelled, "scores must be NaN for samples that are no candidates"),
    (InfiniteScores, "scores must be finite"),
    (LongGains, r"gains must be None or float64 \(10,\), got float64 \(60,\)"),
    (InfiniteGains, "gains must be finite"),
    (NoNote, "note must be one line of text"),
    (UnfinishedNote, "note must be a sentence that ends with a full stop, got 'some were left out'"),
    (OwnRandomness, "the same seed gave other picks"),
    (Remembers, "the same seed gave other picks"),
    (GlobalNumpy, "numpy's global random state was touched"),
    (GlobalPython, "random's global random state was touched"),
    (GlobalTorch, "torch's global random state was touched"),
    (WritesSignal, "the signal 'probabilities' was changed in place"),
    (WritesSource, "something of what the strategy was given was changed in place"),
    (WritesLabels, "something of what the strategy was given was changed in place"),
    (WritesTargets, "something of what the strategy was given was changed in place"),
    (ByRow, "renumbered samples gave other picks"),
    (LastOfTies, "ties go to the lowest dataset index"),
    (ByClass, "renumbered classes gave other picks"),
    (ByLayout, r"Fortran-ordered arrays \(float32\) gave other picks"),
    (SinglePrecisionOnly, "wants float64"),
    (SwallowsCancel, "Cancelled, raised by progress, was swallowed"),
    (BadShare, "a share in"),
    (HalfDone, "a cancelled query changed what comes after"),
    (CountsRounds, "gave other picks than asked alone"),
    (StaleScores, "gave other picks than asked alone"),
    (DrawsOnce, "gave other picks than asked alone"),
    (Counts, "the strategy was changed by select"),
    (CountsInClass, "the strategy was changed by select"),
    (SilentlyCapped, "with cap=15 of 30 candidates the note is ''"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_wrong_strategies_fail(wrong, message):
    with pytest.raises(AssertionError, match=message):
        check_strategy(wrong)


@pytest.mark.parametrize("wrong", [NumpyOnly, NeedsSecondClass])
def test_strategies_that_break_down_fail(wrong):
    with pytest.raises((TypeError, IndexError)):
        check_strategy(wrong)


def test_global_random_state_is_afterwards_what_it_was():
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    with pytest.raises(AssertionError, match="numpy's global random state"), random_state_untouched():
        np.random.random(3)  # noqa: NPY002
    with random_state_untouched():
        pass
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002


class NeedsLabels(Good):
    def score(self, pool):
        if not len(pool.labelled):
            raise ValueError("at least one label is needed")
        return super().score(pool)


def test_strategies_that_need_labels_may_say_so():
    with pytest.raises(ValueError, match="at least one label"):
        check_strategy(NeedsLabels)
    check_strategy(NeedsLabels, without_labels=False)


class AsksTheNetwork(Good):
    """Puts everything through the network that stands behind the made-up pools."""

    needs = ("module", "inputs")
    symmetries = frozenset({"classes"})  # the last digits of a product depend on the row

    def score(self, pool):
        from alviz.learners.deep.training import tensor_of

        with torch.no_grad():
            logits = pool.source.module(tensor_of(pool.signal("inputs"), torch.device("cpu")))
        # it is the model that `predict` asks, up to a temperature
        seen = np.flatnonzero(pool.class_counts) if len(pool.labelled) else slice(None)
        assert np.array_equal(logits.numpy()[:, seen].argmax(axis=1), pool.predict(pool.features)[:, seen].argmax(axis=1))
        return -logits.max(dim=1).values.numpy()


def test_networks_are_covered():
    check_strategy(AsksTheNetwork)


class UsesRefit(Good):
    """Asks for everything a made-up pool can give, and for the truth."""

    needs = ("refit", "predict", "gradients", "target_posterior")
    oracle = True
    symmetries = frozenset()

    def score(self, pool):
        chosen = pool.candidates[:1]
        after = pool.refit(chosen, pool.true_targets[chosen])
        assert len(after) == len(pool) - 1
        assert len(pool) < 3 or not np.array_equal(after.probabilities, pool.probabilities[1:])
        assert pool.target_posterior().shape[1] == pool.n
        return pool.predict(pool.features).max(axis=1)
