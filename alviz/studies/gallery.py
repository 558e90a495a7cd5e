"""The failure gallery: cases in which active learning goes wrong in a way that can be seen, each with what must hold over seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from alviz import data
from alviz.data.dataset import Dataset
from alviz.loop import Run

SEEDS = range(20)
"""The seeds over which every claim is measured."""

FAR_OUT = 3.9
"""Distance from the middle beyond which only the `outliers` pool's own outliers lie (they begin at 4)."""

NEIGHBOURS = 25
"""Samples whose labels say what the class of a place is."""

Measure = Callable[[Run], float]
"""A finished run -> a number."""


@dataclass(frozen=True)
class Claim:
    """In the mean over seeds, `measure` of the run with strategy `of`, less that of the run with `than` (None: nothing is taken off), is more than `above`.

    sentence: the same in words. unit: of the measure; "points" are hundredths of accuracy.
    """

    sentence: str
    measure: Measure
    unit: str
    of: str
    than: str | None = None
    above: float = 0.0

    def difference(self, runs: Mapping[str, Run]) -> float:
        """What one seed says. runs: strategy -> its run from the common start."""
        return self.measure(runs[self.of]) - (0.0 if self.than is None else self.measure(runs[self.than]))


@dataclass(frozen=True)
class Case:
    """One failure, ready to be opened on a page.

    name: for addresses and files. title: what goes wrong. reason: why, in two sentences. page: the page that shows it. dataset, params: the 2D pool. learner,
    initial: registry names. strategies: who starts side by side, first the one that fails. n_queries: labels per round, and in round 0. steps: rounds after
    round 0. seed: of the run that opens, near the mean of all seeds. claims: what must hold, all of them.
    """

    name: str
    title: str
    reason: str
    dataset: str
    learner: str
    strategies: tuple[str, ...]
    n_queries: int
    steps: int
    claims: tuple[Claim, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    initial: str = "random"
    seed: int = 0
    page: str = "toy"

    @property
    def settings(self) -> dict[str, str]:
        """What the page's address takes: name -> text."""
        chosen = {
            "dataset": self.dataset,
            "learner": self.learner,
            "strategies": ",".join(self.strategies),
            "initial": self.initial,
            "n_queries": str(self.n_queries),
            "steps": str(self.steps),
            "seed": str(self.seed),
        }
        return chosen | {key: f"{value:g}" for key, value in self.params.items()}

    @property
    def address(self) -> str:
        """Page and settings, as they follow the app's root."""
        return f"{self.page}?{urlencode(self.settings, safe=',')}"

    def pool(self, seed: int = 0) -> Dataset:
        """The case's pool; the page shows that of seed 0."""
        return data.create(self.dataset, seed=seed, **self.params)

    def runs(self, pool: Dataset, seed: int) -> dict[str, Run]:
        """strategy -> its finished run; with one seed all start from the same labels."""
        found = {}
        for name in self.strategies:
            run = Run(pool, learner=self.learner, strategy=name, initial=self.initial, n_queries=self.n_queries, seed=seed)
            run.goto(self.steps)
            found[name] = run
        return found

    def differences(self, seeds: Sequence[int] = SEEDS, *, new_pools: bool = False) -> NDArray[np.float64]:
        """(S, C) what every seed says to every claim. new_pools: every seed has a pool of its own; else all start on the page's pool."""
        shown = self.pool()
        rows = []
        for seed in seeds:
            runs = self.runs(self.pool(seed) if new_pools else shown, seed)
            rows.append([claim.difference(runs) for claim in self.claims])
        return np.array(rows)


def case(name: str) -> Case:
    """The case of that name. Raises ValueError naming those that there are."""
    for found in CASES:
        if found.name == name:
            return found
    raise ValueError(f"there is no case {name!r}; there are {', '.join(found.name for found in CASES)}")


# ---- measures ------------------------------------------------------------------------------------------------------------------------


def accuracy(first: int, last: int) -> Measure:
    """Mean test accuracy over the rounds first … last, in points."""

    def measure(run: Run) -> float:
        return float(np.mean([100.0 * finished.metrics["accuracy"] for finished in run.rounds[first : last + 1]]))

    return measure


def lead_lost(early: tuple[int, int], late: tuple[int, int]) -> Measure:
    """Accuracy over the `early` rounds less that over the `late` ones, in points: the difference of two runs is how much of a lead is gone."""
    return lambda run: accuracy(*early)(run) - accuracy(*late)(run)


def queried(run: Run) -> NDArray[np.int64]:
    """(b,) what the strategy chose: everything labelled after round 0."""
    return np.concatenate([finished.queried for finished in run.rounds[1:]])


def outliers_queried(run: Run) -> float:
    """How many of the queries lie far out."""
    return float((np.linalg.norm(positions(run)[queried(run)], axis=1) > FAR_OUT).sum())


def places_queried(run: Run) -> float:
    """At how many different places the queries lie."""
    return float(len(np.unique(positions(run)[queried(run)], axis=0)))


def noise_queried(run: Run) -> float:
    """Per cent of the queries whose label is not that of most of the `NEIGHBOURS` nearest samples of the pool."""
    x, y = positions(run), run.dataset.targets
    wrong = []
    for i in queried(run):
        nearest = np.argsort(((x - x[i]) ** 2).sum(axis=1), kind="stable")[1 : NEIGHBOURS + 1]
        wrong.append((y[nearest] == y[i]).mean() < 0.5)
    return 100.0 * float(np.mean(wrong))


def rare_labelled(run: Run) -> float:
    """How many samples of the pool's rarest class are labelled."""
    rarest = np.bincount(run.dataset.targets).argmin()
    return float(run.rounds[-1].class_counts[rarest])


def rare_missed(run: Run) -> float:
    """100 where no sample of the rarest class is labelled, else 0: the mean over seeds is a percentage of runs."""
    return 100.0 * (rare_labelled(run) == 0)


def in_blob(run: Run) -> NDArray[np.bool_]:
    """(n,) samples of the `rare-blob` pool that are in the blob: of the second class, and beyond the first class's middle."""
    x, y = positions(run)[:, 0], run.dataset.targets
    blob: NDArray[np.bool_] = (y == 1) & (x < np.median(x[y == 0]) - 1.5 * x[y == 0].std())
    return blob


def blob_queried(run: Run) -> float:
    """How many of the queries lie in the blob."""
    return float(in_blob(run)[queried(run)].sum())


def wrongly_sure(run: Run) -> float:
    """The probability, in per cent, that the last model gives to the wrong class in the blob, on average."""
    return 100.0 * float(run.rounds[-1].probabilities[in_blob(run), 0].mean())


def positions(run: Run) -> NDArray[np.float32]:
    """(n, 2) the pool."""
    assert run.dataset.features is not None
    return run.dataset.features


def more_accurate(of: str, than: str, first: int, last: int) -> Claim:
    """The claim that one strategy's accuracy, on average over the rounds first … last, is above another's."""
    sentence = f"{of[0].upper()}{of[1:]} is more accurate than {than}, on average over rounds {first} to {last}."
    return Claim(sentence, accuracy(first, last), "points", of, than)


# ---- the cases -----------------------------------------------------------------------------------------------------------------------

CASES = (
    Case(
        name="cold-start",
        title="Uncertainty loses at the cold start",
        reason="With four labels the model knows one or two of the four clouds, and margin asks only along the boundary between those. "
        "Random falls into the other clouds by chance, and its model learns that they are there.",
        dataset="xor",
        learner="mlp",
        strategies=("margin", "random"),
        n_queries=4,
        steps=5,
        claims=(more_accurate("random", "margin", 1, 5),),
    ),
    Case(
        name="outliers",
        title="k-center chases outliers",
        reason="The sample farthest from all labels is an outlier, every time, and outliers teach nothing about the two classes. "
        "Their labels are drawn at random, so the model is bent towards them as well.",
        dataset="outliers",
        learner="logistic",
        strategies=("k-center", "random"),
        n_queries=5,
        steps=5,
        claims=(
            more_accurate("random", "k-center", 1, 5),
            Claim("k-center spends more of its 25 queries on outliers than random.", outliers_queried, "samples", "k-center", "random"),
        ),
    ),
    Case(
        name="duplicates",
        title="Margin drowns in duplicates",
        reason="Every point is there twenty times, and all copies have the same margin: one batch is one point, or two. "
        "Random pays for as many labels and gets as many places.",
        dataset="duplicates",
        learner="logistic",
        strategies=("margin", "random"),
        n_queries=20,
        steps=5,
        seed=14,
        claims=(
            more_accurate("random", "margin", 1, 5),
            Claim("Random labels more different places than margin.", places_queried, "places", "random", "margin"),
        ),
    ),
    Case(
        name="noise",
        title="Noise near the boundary eats the budget",
        reason="Where the classes lie on one another the labels are coin flips, and no number of them makes the model sure. "
        "Margin goes on asking there, while random sees the parts that can be learnt.",
        dataset="moons",
        params={"overlap": 0.6},
        learner="mlp",
        strategies=("margin", "random"),
        n_queries=5,
        steps=7,
        seed=18,
        claims=(
            more_accurate("random", "margin", 4, 7),
            Claim(
                "More of margin's labels than of random's go against most of their neighbours.",
                noise_queried,
                "% of queries",
                "margin",
                "random",
            ),
        ),
    ),
    Case(
        name="rare-class",
        title="A rare class that random never meets",
        reason="One sample in fifty is of the second class, so that ten random labels mostly hold none of it, and the model has never heard of it. "
        "k-center asks for what is far from all labels, and the rare class is.",
        dataset="gaussians",
        params={"class_ratio": 0.02, "overlap": 0.02},
        learner="logistic",
        strategies=("random", "k-center"),
        n_queries=2,
        steps=4,
        claims=(
            Claim("Most runs with random never label the rare class.", rare_missed, "% of runs", "random", above=50.0),
            Claim("k-center labels more of it.", rare_labelled, "samples", "k-center", "random"),
            Claim("k-center is more accurate in the end.", accuracy(4, 4), "points", "k-center", "random"),
        ),
    ),
    Case(
        name="confident-committee",
        title="A cluster that the committee is confidently wrong about",
        reason="A small cluster of one class hides behind the other, where all members of the committee carry their boundary on and agree with one another. "
        "It asks only where they differ, while k-center, which looks at distances alone, goes to the cluster at once.",
        dataset="rare-blob",
        learner="ensemble",
        strategies=("variation-ratio", "k-center"),
        n_queries=3,
        steps=6,
        seed=18,
        claims=(
            Claim(
                "In the end the committee gives the cluster to the wrong class.",
                wrongly_sure,
                "% probability",
                "variation-ratio",
                above=50.0,
            ),
            Claim("k-center asks for more of the cluster.", blob_queried, "samples", "k-center", "variation-ratio"),
            Claim("k-center is more accurate in rounds 5 and 6.", accuracy(5, 6), "points", "k-center", "variation-ratio"),
        ),
    ),
    Case(
        name="early-gains",
        title="Early gains that vanish",
        reason="k-center sees the whole ring with its first dozen labels, and is far ahead while labels are few. "
        "With fifty labels random has seen the ring too, and a comparison that stopped early would have told another story.",
        dataset="circles",
        learner="mlp",
        strategies=("k-center", "random"),
        n_queries=6,
        steps=9,
        seed=1,
        claims=(
            Claim("k-center is ahead of random in rounds 1 and 2.", accuracy(1, 2), "points", "k-center", "random"),
            Claim("Its lead is larger there than in rounds 8 and 9.", lead_lost((1, 2), (8, 9)), "points", "k-center", "random"),
            Claim("In rounds 8 and 9 it is less than 3 points ahead.", accuracy(8, 9), "points", "random", "k-center", above=-3.0),
        ),
    ),
)
"""The gallery, in the order in which it is shown."""
