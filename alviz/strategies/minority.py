"""Minority classes first: cmcs, umcs and dmcs, each with a random or a margin auxiliary."""

from typing import ClassVar

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, ranking, spread
from alviz.strategies.device import Array, Floats, Indices
from alviz.strategies.farthest import FarthestFirst, Rows
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import margin


def allocation(class_counts: Indices) -> list[tuple[int, int]]:
    """(class, ⌊μ − s_c⌋) of the minority classes that get any, fewest labels first (ties: lowest class); μ = labelled/K (paper's equation 3)."""
    k, labelled = len(class_counts), int(class_counts.sum())
    room = (labelled - k * class_counts) // k
    return [(int(c), int(room[c])) for c in np.argsort(class_counts, kind="stable") if room[c] > 0]


class _MinorityFirst(QueryStrategy):
    """Fills minority classes from the samples predicted to belong to them, in the order of `rank`; the auxiliary fills what is left."""

    auxiliary: ClassVar[str]

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Minority classes, then the auxiliary. scores: the criterion among samples predicted as a minority class, else NaN."""
        predicted = np.asarray(pool.probabilities).argmax(axis=1)
        margins = margin(pool.probabilities)
        scores = np.full(len(pool), np.nan)
        picks: list[Indices] = []
        left = n_queries
        for c, room in allocation(pool.class_counts):
            members = np.flatnonzero(predicted == c)
            if len(members):
                ranked, scores[members] = self.rank(pool, c, members, margins[members], min(room, left, len(members)))
                picks.append(members[ranked])
                left -= len(ranked)
            pool.progress(1 - left / n_queries)
        others = np.setdiff1d(np.arange(len(pool)), np.concatenate([np.empty(0, np.int64), *picks]), assume_unique=True)
        if self.auxiliary == "margin":
            picks.append(others[ranking(-margins[others], n=left)])
        else:
            picks.append(rng.choice(others, left, replace=False) if left else others[:0])
        return Selection(pool.candidates[np.concatenate(picks)], spread(pool, scores))

    def rank(self, pool: PoolView, c: int, members: Indices, margins: Floats, n: int) -> tuple[Indices, Array]:
        """The best n positions among `members` (positions in candidates that are predicted c), and every member's score."""
        raise NotImplementedError


class _Certain(_MinorityFirst):
    def rank(self, pool: PoolView, c: int, members: Indices, margins: Floats, n: int) -> tuple[Indices, Array]:
        """Largest margins first (equation 5)."""
        return ranking(margins, n=n), margins


class _Uncertain(_MinorityFirst):
    def rank(self, pool: PoolView, c: int, members: Indices, margins: Floats, n: int) -> tuple[Indices, Array]:
        """Smallest margins first (equation 6)."""
        return ranking(-margins, n=n), -margins


class _Diverse(_MinorityFirst):
    def rank(self, pool: PoolView, c: int, members: Indices, margins: Floats, n: int) -> tuple[Indices, Array]:
        """Greedy k-center over the members against the labelled samples of class c (equation 7)."""
        points = pool.embeddings[members]
        labelled = pool.labelled_signal("embeddings")
        traversal = FarthestFirst(points, np.ones(len(points), dtype=bool), n, Rows(labelled, np.flatnonzero(pool.labels == c)))
        scores = traversal.distances()
        return traversal.run()[0], scores


def _card(kind: str, auxiliary: str) -> Card:
    criterion, rule, shines, fails = {
        "certain": (
            "the most certain ones",
            "largest p₁ − p₂",
            "Corrects the imbalance fastest in the first rounds.",
            "Learns a narrow picture of the minority classes, and ends with more imbalance than its sisters.",
        ),
        "uncertain": (
            "the most uncertain ones",
            "smallest p₁ − p₂",
            "Late rounds, when the probabilities can be trusted.",
            "Early rounds: uncertain members of a badly known class are often no members.",
        ),
        "diverse": (
            "the most diverse ones",
            "greedy k-center against the labelled samples of that class",
            "The best of the three in the paper, on most rounds.",
            "A class that is never predicted cannot be served; outliers are taken early.",
        ),
    }[kind]
    return Card(
        title=f"Minority classes first, {kind} ({auxiliary})",
        family="class balance",
        idea=f"Give classes with fewer labels than average the samples predicted as theirs, {criterion}; {auxiliary} sampling fills the rest.",
        formula=f"class c with s_c < μ = labelled/K gets up to ⌊μ − s_c⌋ of the samples predicted c: {rule}",
        needs="probabilities and labels" + (" and embeddings (or features)" if kind == "diverse" else ""),
        cost="O(nK)" + (", and a greedy k-center within each minority class" if kind == "diverse" else ""),
        reference="Aggarwal, Popescu and Hudelot, Minority class oriented active learning for imbalanced datasets (2020), equations 3 to 7",
        cites=("aggarwal2020minority",),
        shines=shines,
        fails=fails,
        deviation="Rounding ⌊μ − s_c⌋ down, and serving the classes with the fewest labels first when the budget is short, are our choices: "
        "the paper leaves both open. A class without any label starts at the member nearest to the members' mean."
        if kind == "diverse"
        else "Rounding ⌊μ − s_c⌋ down, and serving the classes with the fewest labels first when the budget is short, are our choices: "
        "the paper leaves both open.",
    )


class CmcsRandom(_Certain):
    name = "cmcs-random"
    card = _card("certain", "random")
    needs = ("probabilities",)
    auxiliary = "random"
    symmetries = frozenset({"classes"})


class CmcsMargin(_Certain):
    name = "cmcs-margin"
    card = _card("certain", "margin")
    needs = ("probabilities",)
    auxiliary = "margin"


class UmcsRandom(_Uncertain):
    name = "umcs-random"
    card = _card("uncertain", "random")
    needs = ("probabilities",)
    auxiliary = "random"
    symmetries = frozenset({"classes"})


class UmcsMargin(_Uncertain):
    name = "umcs-margin"
    card = _card("uncertain", "margin")
    needs = ("probabilities",)
    auxiliary = "margin"


class DmcsRandom(_Diverse):
    name = "dmcs-random"
    card = _card("diverse", "random")
    needs = ("probabilities", "embeddings")
    auxiliary = "random"
    symmetries = frozenset({"classes"})


class DmcsMargin(_Diverse):
    name = "dmcs-margin"
    card = _card("diverse", "margin")
    needs = ("probabilities", "embeddings")
    auxiliary = "margin"
