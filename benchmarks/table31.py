"""Table 3.1 of paper 002: Random, Coreset and Ensembles on two Gaussians, with enough seeds to say what is there.

    python benchmarks/table31.py [--seeds 100] [--bayes 0.86] [--epochs 100] [--write [SECTION]]
    python benchmarks/table31.py --sweep [--seeds 40] [--write]

The paper: 5,000 points and 500 to test on, 5 labels at random, then three selections of 5 labels; a 2-layer ReLU perceptron; three seeds. It leaves
open how far the Gaussians overlap, on what Coreset measures distances, whether the accuracy of Ensembles is the ensemble's or one network's, and how
equal variation ratios are ordered. The table is therefore computed for every reading; --sweep also varies overlap, labels and training time.
Every seed draws its own Gaussians, initial labels and first weights, the same ones for all strategies, so differences are paired.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from common import Interval, interval, over_processes, table, verdict, write_section
from numpy.typing import NDArray

import alviz
from alviz.data import Dataset
from alviz.loop.metrics import accuracy
from alviz.strategies.base import QueryStrategy, Selection
from alviz.strategies.device import Array
from alviz.strategies.pool import PoolView
from alviz.strategies.posterior import VariationRatio

Floats = NDArray[np.float64]

PAPER = {"Coreset": (80.2, 83.4, 80.3), "Ensembles": (79.4, 84.0, 85.6), "Random": (77.8, 81.8, 82.4)}
BATCH = 5
MEMBERS = 5

ARMS = ("Random", "Coreset, raw", "Coreset, hidden", "Ensembles", "Ensembles, ties by index")
RANDOM, RAW, HIDDEN, ENSEMBLES, INDEX_TIES = range(len(ARMS))
READINGS = ("five networks for all", "one network for all", "five for Ensembles, one for the others")
"""Whose accuracy a table shows."""
EMBEDDINGS = {"raw coordinates": RAW, "hidden layer": HIDDEN}

BAYES = (0.80, 0.86, 0.90, 0.95, 0.98)
LABELS = (10, 15, 20, 30, 40, 55)
BAYES_OF_EPOCHS = (0.86, 0.95)
EPOCHS = (10, 30, 1000)


class RawCoreset(QueryStrategy):
    """k-center on the coordinates, whatever the model has for an embedding of its own."""

    needs = ("features",)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Greedy k-center picks."""
        labels = np.full(pool.n, -1)
        labels[pool.labelled] = pool.labels
        return Selection(alviz.query("k-center", n_queries, labels=labels, features=pool.table("features")), np.full(pool.n, np.nan))


class IndexTies(VariationRatio):
    """Variation ratio alone. Pools are shuffled, so the lowest index among equals is as good as a draw."""

    def tiebreak(self, pool: PoolView) -> Array | None:
        """No second key."""
        return None


@dataclass(frozen=True)
class Setting:
    """One version of the experiment. bayes: best accuracy possible; steps: selections; epochs: of training."""

    bayes: float = 0.86
    steps: int = 3
    epochs: int = 100


@dataclass(frozen=True)
class Outcome:
    """What one seed gave. accuracies: (arms, 2, steps + 1) in per cent, of all five networks and of the first. places: (arms, 2), see `place`."""

    accuracies: Floats
    places: Floats


def measure(setting: Setting, seed: int) -> Outcome:
    """All strategies from one start."""
    dataset = alviz.data.create("gaussians", overlap=2 * (1 - setting.bayes), seed=seed)
    training = {"epochs": setting.epochs}
    five = alviz.learners.create("ensemble", base="mlp", size=MEMBERS, params=training)
    one = alviz.learners.create("mlp", **training)

    def go(learner: object, strategy: QueryStrategy | str) -> alviz.Run:
        run = alviz.Run(dataset, learner=learner, strategy=strategy, n_queries=BATCH, seed=seed)
        run.goto(setting.steps)
        return run

    runs = [go(five, strategy) for strategy in ("random", RawCoreset(), "k-center", "variation-ratio", IndexTies())]
    curves = [[_of_all(run), _of_first(run)] for run in runs]
    # Elsewhere the picks do not depend on whose accuracy is shown; a single network's hidden layer, however, is another space.
    curves[HIDDEN][1] = _of_all(go(one, "k-center"))
    return Outcome(100 * np.array(curves), np.array([place(dataset, run) for run in runs]))


def _of_all(run: alviz.Run) -> list[float]:
    return [finished.metrics["accuracy"] for finished in run.rounds]


def _of_first(run: alviz.Run) -> list[float]:
    """Accuracy of the ensemble's first network, which is the one that `mlp` trains with the same seed."""
    test = run.dataset.test
    models = [run.model(r) for r in range(len(run.rounds))]
    outputs = [m.committee_proba(test.features)[0] if hasattr(m, "committee_proba") else m.predict_proba(test.features) for m in models]
    return [accuracy(test.targets, output, None) for output in outputs]


def place(dataset: Dataset, run: alviz.Run) -> tuple[float, float]:
    """Where the picks lie, as mean ranks in the pool, 0 to 100: distance from the best boundary, distance from the nearer class centre."""
    x = dataset.features.astype(np.float64)
    centres = np.array([x[dataset.targets == k].mean(axis=0) for k in range(2)])
    to_centres = np.linalg.norm(x[:, None] - centres, axis=2)
    picks = np.concatenate([finished.queried for finished in run.rounds[1:4]])
    measures = (np.abs(to_centres[:, 0] ** 2 - to_centres[:, 1] ** 2), to_centres.min(axis=1))
    ranks = [100 * np.argsort(np.argsort(m))[picks].mean() / (len(x) - 1) for m in measures]
    return ranks[0], ranks[1]


def run_all(settings: Sequence[Setting], seeds: int, jobs: int, title: str) -> list[tuple[Floats, Floats]]:
    """Per setting: accuracies (seeds, arms, 2, steps + 1) and places (seeds, arms, 2)."""
    tasks = [(setting, seed) for setting in settings for seed in range(seeds)]
    outcomes = over_processes(_measured, tasks, jobs, title)
    per = [outcomes[k * seeds : (k + 1) * seeds] for k in range(len(settings))]
    return [(np.array([o.accuracies for o in some]), np.array([o.places for o in some])) for some in per]


def _measured(task: tuple[Setting, int]) -> Outcome:
    return measure(*task)


def shown(accuracies: Floats, arm: int, reading: str) -> Floats:
    """(seeds, steps + 1) of an arm in a reading."""
    first = reading == READINGS[1] or (reading == READINGS[2] and arm not in (ENSEMBLES, INDEX_TIES))
    return accuracies[:, arm, int(first)]


def differences(accuracies: Floats, coreset: int, reading: str = READINGS[0], selection: int = 3) -> tuple[Interval, Interval]:
    """(Ensembles − Random, Random − Coreset) after a selection: the paper's ordering says that both are above 0."""
    random, picked, ensembles = (shown(accuracies, arm, reading)[:, selection] for arm in (RANDOM, coreset, ENSEMBLES))
    return interval(ensembles - random), interval(random - picked)


def ordering(upper: Interval, lower: Interval) -> str:
    """The verdict on Ensembles > Random > Coreset."""
    single = verdict(upper), verdict(lower)
    if single == ("reproduced", "reproduced"):
        return "reproduced"
    if "contradicted" in single:
        return "contradicted: " + " and ".join(
            text for text, said in zip(("Ensembles below Random", "Coreset above Random"), single, strict=True) if said == "contradicted"
        )
    return "same ordering, not decided" if upper.mean > 0 and lower.mean > 0 else "not reproduced"


def chance(accuracies: Floats, coreset: int, reading: str) -> tuple[float, float]:
    """Of all triples of (the first 100) seeds, the per cent whose means are ordered as the paper's three seeds, and with its gaps too.

    Gaps: Ensembles at least 3.2 points above Random and Coreset at least 2.1 below after the last selection.
    """
    random, picked, ensembles = (shown(accuracies, arm, reading)[:100, 3] for arm in (RANDOM, coreset, ENSEMBLES))
    triples = np.array(list(combinations(range(len(random)), 3)))
    upper, lower = (ensembles - random)[triples].mean(axis=1), (random - picked)[triples].mean(axis=1)
    gap = PAPER["Ensembles"][2] - PAPER["Random"][2], PAPER["Random"][2] - PAPER["Coreset"][2]
    return 100 * float(((upper > 0) & (lower > 0)).mean()), 100 * float(((upper >= gap[0]) & (lower >= gap[1])).mean())


def report(setting: Setting, accuracies: Floats, places: Floats) -> str:
    """The table, its readings and its verdict."""
    seeds = len(accuracies)
    rows = []
    for arm, name in enumerate(ARMS):
        curve = shown(accuracies, arm, READINGS[0])
        paper = PAPER[name.split(",")[0]]
        ours = [f"{interval(curve[:, s])} ({paper[s - 1]})" for s in (1, 2, 3)]
        against = "" if arm == RANDOM else interval(curve[:, 3] - shown(accuracies, RANDOM, READINGS[0])[:, 3]).signed()
        rows.append([name, *ours, against, *(f"{places[:, arm, k].mean():.0f}" for k in (0, 1))])
    head = ["Strategy", "Selection 1", "Selection 2", "Selection 3", "− Random", "from boundary", "from centre"]
    readings = []
    said = []
    for reading in READINGS:
        for embedding, coreset in EMBEDDINGS.items():
            upper, lower = differences(accuracies, coreset, reading)
            said.append(ordering(upper, lower))
            by_chance = [f"{share:.1f} %" for share in chance(accuracies, coreset, reading)] if seeds >= 3 else ["", ""]
            readings.append([f"{reading}; Coreset on {embedding}", upper.signed(2), lower.signed(2), *by_chance, said[-1]])
    reading_head = ["Reading", "Ensembles − Random", "Random − Coreset", "3 seeds: same order", "and gaps", "Paper's ordering"]
    done, against = said.count("reproduced"), sum(text.startswith("contradicted") for text in said)
    return "\n\n".join(
        (
            f"{seeds} seeds, Bayes accuracy {100 * setting.bayes:.0f} %, {setting.epochs} epochs. Accuracy in per cent, mean ± 95 % interval, five networks "
            "for all strategies; in brackets the paper's mean of three seeds. “− Random” is the paired difference after the last selection. The last "
            "columns say where the 15 picks lie, as mean ranks in the pool from 0 to 100 (random: 50): distance from the best boundary, and from the "
            "nearer class centre (outliers are high).",
            table(head, rows),
            "The ordering after the last selection (the paper's gaps: Ensembles − Random 3.2, Random − Coreset 2.1), and how often three seeds, taken "
            "from ours, would have shown it:",
            table(reading_head, readings),
            f"Verdict: Ensembles > Random > Coreset is reproduced in {done} of {len(said)} readings and contradicted in {against}.",
        )
    )


def sweep_settings() -> list[Setting]:
    """Every overlap, run on to the most labels; and other training times at two overlaps."""
    long = [Setting(bayes, steps=max(LABELS) // BATCH - 1) for bayes in BAYES]
    return long + [Setting(bayes, epochs=epochs) for bayes in BAYES_OF_EPOCHS for epochs in EPOCHS]


def sweep_report(results: Sequence[tuple[Setting, Floats]]) -> str:
    """When the paper's ordering holds: by overlap, by training time, by labels."""

    def against_random(accuracies: Floats, arm: int, selection: int) -> str:
        return interval(shown(accuracies, arm, READINGS[0])[:, selection] - shown(accuracies, RANDOM, READINGS[0])[:, selection]).signed()

    rows = []
    for setting, accuracies in sorted(results, key=lambda result: (result[0].bayes, result[0].epochs)):
        random = " / ".join(f"{shown(accuracies, RANDOM, READINGS[0])[:, s].mean():.1f}" for s in (1, 2, 3))
        differing = [against_random(accuracies, arm, 3) for arm in (ENSEMBLES, INDEX_TIES, RAW, HIDDEN)]
        said = [ordering(*differences(accuracies, coreset)) for coreset in EMBEDDINGS.values()]
        rows.append([f"{100 * setting.bayes:.0f} %", str(setting.epochs), random, *differing, *said])
    others = [f"{ARMS[arm]} − Random" for arm in (ENSEMBLES, INDEX_TIES, RAW, HIDDEN)]
    head = ["Bayes", "epochs", "Random, selections 1 / 2 / 3", *others, "paper's ordering, raw", "paper's ordering, hidden"]
    parts = [
        f"{len(results[0][1])} seeds, five networks for all strategies; paired differences in points, mean ± 95 % interval. After selection 3 (20 labels):",
        table(head, rows),
    ]
    long = [(setting, accuracies) for setting, accuracies in results if setting.epochs == Setting.epochs]
    for arm in (ENSEMBLES, RAW, HIDDEN):
        parts.append(f"{ARMS[arm]} − Random, by labels ({Setting.epochs} epochs):")
        rows = [[f"{100 * setting.bayes:.0f} %", *(against_random(a, arm, n // BATCH - 1) for n in LABELS)] for setting, a in long]
        parts.append(table(["Bayes", *map(str, LABELS)], rows))
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, help="default 100, for the sweep 40")
    parser.add_argument("--bayes", type=float, default=Setting.bayes, help="best accuracy possible, 0.5 to 1")
    parser.add_argument("--epochs", type=int, default=Setting.epochs)
    parser.add_argument("--sweep", action="store_true", help="vary overlap, labels and training time instead")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--write", nargs="?", const="", metavar="SECTION", help="put the result into docs/papers.md (default: table31, table31-sweep)"
    )
    args = parser.parse_args(arguments)
    if args.sweep:
        settings = sweep_settings()
        results = run_all(settings, args.seeds or 40, args.jobs, "sweep")
        name, text = "table31-sweep", sweep_report([(setting, result[0]) for setting, result in zip(settings, results, strict=True)])
    else:
        setting = Setting(args.bayes, epochs=args.epochs)
        ((accuracies, places),) = run_all([setting], args.seeds or 100, args.jobs, "table 3.1")
        name, text = "table31", report(setting, accuracies, places)
    print(text)
    if args.write is not None:
        write_section(args.write or name, text)


if __name__ == "__main__":
    main()
