"""Paper 000's protocol on `fashion-mini`: a linear SVM on fixed ImageNet features, few labels, balanced and thinned to ir ≈ 0.75.

    python benchmarks/fashion.py [--seeds 6] [--rounds 12] [--write]

The paper labels 200 + 15 × 200 samples of 67 to 101 classes (CIFAR-100, Food-101, IMN-100, MIT-67): about 2 labels per class at first, 32 in the end. Here
it is 50 + 12 × 50 labels of ten classes: 5 per class, then 65. Gains are means over the rounds of the difference to random at the same number of labels, from the same initial
labels. In the thinned pool every seed draws which classes are thinned; the test set stays balanced.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from common import interval, over_processes, table, verdict, write_section
from numpy.typing import NDArray

import alviz
from alviz.data import Dataset
from alviz.loop.curves import learning_curve, mean_gain

Floats = NDArray[np.float64]

STRATEGIES = ("random", "margin", "alamp", "alamp-div", "margin-div", "random-div", "k-center", "badge", "dmcs-random")
POOLS = ("balanced", "thinned")
BATCH = 50

QUICK_TRY = {
    "balanced": {"margin": 1.7, "alamp": 1.75, "alamp-div": 1.9},
    "thinned": {"margin": 4.5, "alamp": 4.0, "alamp-div": 4.7},
}
"""Mean gains of an early quick try with six seeds."""
PAPER = {
    "balanced": {"alamp": "2.4 / 1.3 / 1.3"},
    "thinned": {"alamp": "1.99 / 0.9 / 1.49", "alamp-div": "3.59 / 1.14 / 2.71"},
}
"""Mean gains in paper 000: CIFAR-100 / Food-101 / IMN-100 balanced, CIFAR-100 / Food-101 / MIT-67 imbalanced (reference not stated there)."""

GAIN, FINAL, IR = range(3)
MEASURES = ("mean accuracy", "final accuracy", "final ir")
CLAIMS = (
    ("balanced", "margin", "random", GAIN, "margin beats random"),
    ("balanced", "alamp", "random", GAIN, "alamp beats random"),
    ("balanced", "alamp", "margin", GAIN, "alamp beats margin, most of all with few labels"),
    ("balanced", "alamp-div", "alamp", GAIN, "diversification improves alamp"),
    ("balanced", "random-div", "random", GAIN, "diversification improves random (CIFAR-100)"),
    ("balanced", "random", "k-center", GAIN, "core-set is weak on fixed features (here: below random)"),
    ("thinned", "alamp", "random", GAIN, "alamp beats random"),
    ("thinned", "alamp-div", "random", GAIN, "alamp-div beats random"),
    ("thinned", "alamp-div", "alamp", GAIN, "diversification improves alamp"),
    ("thinned", "alamp-div", "margin", GAIN, "alamp-div beats margin"),
    ("thinned", "random", "alamp", IR, "alamp keeps the imbalance out of the labelled set"),
    ("thinned", "alamp", "alamp-div", IR, "alamp-div does so even better"),
)
"""Pool, what should be higher, than what, in which measure, and what paper 000 says (sections 5.3, 5.5 and 5.6)."""


@dataclass(frozen=True)
class Task:
    """One run."""

    pool: str
    strategy: str
    seed: int
    rounds: int


@lru_cache(maxsize=4)
def dataset_of(pool: str, seed: int) -> Dataset:
    """The whole pool, or one thinned by the draw `seed`."""
    return alviz.data.create("fashion-mini", imbalance=None if pool == "balanced" else f"ir=0.75, seed={seed}")


def measure(task: Task) -> tuple[Floats, Floats]:
    """(rounds + 1, 2) learning curve (labels, accuracy in per cent) and (rounds + 1,) ir of the labelled set."""
    dataset = dataset_of(task.pool, task.seed if task.pool == "thinned" else 0)
    run = alviz.Run(dataset, learner="linear-svm", strategy=task.strategy, n_queries=BATCH, seed=task.seed)
    run.goto(task.rounds)
    curve = learning_curve(run.rounds)
    return curve * (1, 100), np.array([finished.metrics["ir"] for finished in run.rounds])


def run_all(seeds: int, rounds: int, jobs: int) -> tuple[Floats, Floats]:
    """Learning curves (pools, strategies, seeds, rounds + 1, 2) and ir (pools, strategies, seeds, rounds + 1)."""
    # Seeds outside strategies: the runs of one thinned pool follow one another, so each process makes it once or twice.
    tasks = [Task(pool, strategy, seed, rounds) for pool in POOLS for seed in range(seeds) for strategy in STRATEGIES]
    outcomes = over_processes(measure, tasks, jobs, "fashion-mini")
    shape = (len(POOLS), seeds, len(STRATEGIES))
    curves = np.array([curve for curve, _ in outcomes]).reshape(*shape, rounds + 1, 2).swapaxes(1, 2)
    return curves, np.array([ir for _, ir in outcomes]).reshape(*shape, rounds + 1).swapaxes(1, 2)


def difference(curves: Floats, ir: Floats, pool: str, one: str, other: str, measured: int) -> Floats:
    """(seeds,) paired differences one − other."""
    p, a, b = POOLS.index(pool), STRATEGIES.index(one), STRATEGIES.index(other)
    if measured == GAIN:
        return np.array([mean_gain(mine, theirs) for mine, theirs in zip(curves[p, a], curves[p, b], strict=True)])
    if measured == FINAL:
        return curves[p, a, :, -1, 1] - curves[p, b, :, -1, 1]
    return ir[p, a, :, -1] - ir[p, b, :, -1]


def report(curves: Floats, ir: Floats) -> str:
    """Both tables, and each of the paper's claims with its verdict."""
    seeds, rounds = curves.shape[2], curves.shape[3] - 1
    parts = [
        f"{seeds} seeds, linear SVM, {BATCH} + {rounds} × {BATCH} labels. Gains in points, paired with random from the same initial labels, mean ± 95 % "
        "interval over the seeds; accuracy in per cent on the balanced test set."
    ]
    for p, pool in enumerate(POOLS):
        rows = []
        for s, name in enumerate(STRATEGIES):
            gain = "" if name == "random" else interval(difference(curves, ir, pool, name, "random", GAIN)).signed()
            ends = "" if name == "random" else interval(difference(curves, ir, pool, name, "random", FINAL)).signed()
            final, evenness = interval(curves[p, s, :, -1, 1]), interval(ir[p, s, :, -1])
            quick = f"{QUICK_TRY[pool][name]:+g}" if name in QUICK_TRY[pool] else ""
            row = [name, gain, quick, PAPER[pool].get(name, ""), final, ends, f"{evenness.mean:.2f} ± {evenness.half:.2f}"]
            rows.append(row)
        head = ["Strategy", "Mean gain", "quick try", "paper 000 (other data)", "Final accuracy", "Final gain", "Final ir"]
        parts += [f"{pool.capitalize()} pool:", table(head, rows)]
    rows, said = [], []
    for pool, one, other, measured, text in CLAIMS:
        found = interval(difference(curves, ir, pool, one, other, measured))
        said.append(verdict(found))
        rows.append([text, pool, f"{one} − {other}, {MEASURES[measured]}", found.signed(2), said[-1]])
    parts += ["What paper 000 says, and what these seeds say:", table(["Paper 000", "Pool", "Difference", "Measured", "Verdict"], rows)]
    counts = f"{said.count('reproduced')} of {len(said)} claims reproduced, {said.count('contradicted')} contradicted"
    parts.append(f"Verdict: {counts}, {len(said) - said.count('reproduced') - said.count('contradicted')} not decided by these seeds.")
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--write", action="store_true", help="put the result into docs/papers.md")
    args = parser.parse_args(arguments)
    text = report(*run_all(args.seeds, args.rounds, args.jobs))
    print(text)
    if args.write:
        write_section("fashion", text)


if __name__ == "__main__":
    main()
