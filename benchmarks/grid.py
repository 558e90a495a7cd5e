"""A whole comparison, as `alviz compare` makes it, beside the same grid written with scikit-activeml.

    python benchmarks/grid.py [--seeds 10] [--rounds 15] [--theirs SEEDS] [--write]

The grid: twelve strategies that both have, on `fashion-mini` with a linear SVM, 50 labels in each round. Theirs trains the very same learner (ours, as a classifier of
theirs), so that only the active learning around it differs, and is handed to as many processes of one thread each. Both keep nothing but what
a round needs; ours also writes every round to its store. `--theirs`: how many of the seeds their side makes (default: 2; its time is given for all). `--write` puts the
table into docs/measurements.md. Wants nothing else running.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from common import table, write_section

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "measurements.md"
STRATEGIES = {
    "random": ("RandomSampling", {}),
    "margin": ("UncertaintySampling", {"method": "margin_sampling"}),
    "entropy": ("UncertaintySampling", {"method": "entropy"}),
    "least-confidence": ("UncertaintySampling", {"method": "least_confident"}),
    "k-center": ("CoreSet", {}),
    "typiclust": ("TypiClust", {"k": 20}),
    "probcover": ("ProbCover", {"n_classes": 10}),
    "max-herding": ("MaxHerding", {"metric_dict": {"gamma": 1.0}}),
    "badge": ("Badge", {}),
    "falcun": ("Falcun", {}),
    "clue": ("Clue", {}),
    "drop-query": ("DropQuery", {}),
}
BATCH = 50
WORKERS = 2


@cache
def pool() -> Any:
    """The data, once in each process."""
    from alviz import data

    return data.create("fashion-mini")


def ours(seeds: int, rounds: int, workers: int) -> tuple[float, dict[str, float]]:
    """(seconds of the whole grid from nothing to the last round in its store, strategy -> seconds of its median run)."""
    from alviz.studies import Store
    from alviz.studies.compare import go_on, table
    from alviz.studies.grid import parse

    given = {"datasets": ["fashion-mini"], "strategies": list(STRATEGIES), "n_queries": BATCH, "rounds": rounds, "seeds": seeds}
    with tempfile.TemporaryDirectory() as folder:
        grid, store = parse(given), Store(f"sqlite:///{folder}/runs.db")
        began = time.perf_counter()
        reached = go_on(grid, store, workers=workers)
        taken = time.perf_counter() - began
        if reached.failed or reached.finished < len(grid):
            sys.exit(f"only {reached.finished} of {len(grid)} runs were made: {reached.failed[:1]}")
        found = table(grid, store)
        columns = [column for column in found if column.startswith("seconds_")]
        runs = found.groupby(["strategy", "seed"])[columns].sum().sum(axis=1)
        return taken, runs.groupby("strategy").median().to_dict()


def theirs(name: str, seed: int, rounds: int) -> float:
    """Seconds of one run with scikit-activeml."""
    import skactiveml.pool
    from skactiveml.classifier import SklearnClassifier
    from sklearn.base import BaseEstimator, ClassifierMixin

    from alviz import learners

    class Svm(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        """Our linear SVM as a classifier of scikit-learn's kind."""

        def fit(self, X: Any, y: Any) -> "Svm":
            self.classes_, columns = np.unique(y, return_inverse=True)
            self.model_ = learners.create("linear-svm").fit(X, columns, n_classes=len(self.classes_), rng=np.random.default_rng(0))
            return self

        def predict_proba(self, X: Any) -> Any:
            return self.model_.predict_proba(X)

        def predict(self, X: Any) -> Any:
            return self.classes_[self.predict_proba(X).argmax(axis=1)]

    data = pool()
    x, truth, test = data.features, data.targets, data.test
    cls, settings = STRATEGIES[name]
    began = time.perf_counter()
    query = getattr(skactiveml.pool, cls)(missing_label=-1, random_state=seed, **settings)
    y = np.full(len(x), -1)
    first = np.random.default_rng(seed).choice(len(x), BATCH, replace=False)
    y[first] = truth[first]
    model = SklearnClassifier(Svm(), classes=list(range(10)), missing_label=-1)
    for _ in range(rounds):
        model.fit(x, y)
        (model.predict(test.features) == test.targets).mean()
        asked = {"X": x, "y": y, "batch_size": BATCH}
        if name == "clue":
            asked |= {"estimator": model, "fit_estimator": False}
        elif name in ("margin", "entropy", "least-confidence", "badge", "falcun", "drop-query"):
            asked |= {"clf": model, "fit_clf": False}
        chosen = query.query(**asked)
        y[chosen] = truth[chosen]
    model.fit(x, y)
    (model.predict(test.features) == test.targets).mean()
    return time.perf_counter() - began


def their_grid(seeds: int, rounds: int) -> tuple[float, dict[str, float]]:
    """(seconds of the grid, strategy -> seconds of its median run), over as many processes as ours."""
    began = time.perf_counter()
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as processes:
        futures = {(name, seed): processes.submit(theirs, name, seed, rounds) for seed in range(seeds) for name in STRATEGIES}
        spent = {key: future.result() for key, future in futures.items()}
    taken = time.perf_counter() - began
    return taken, {name: median(spent[name, seed] for seed in range(seeds)) for name in STRATEGIES}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--theirs", type=int, default=2, metavar="SEEDS")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"  # for their processes; ours set it by themselves
    load = os.getloadavg()[0]
    pool()  # features are made once, before anything is timed
    two, each = ours(args.seeds, args.rounds, WORKERS)
    one, _ = ours(args.seeds, args.rounds, 1)
    rows: list[tuple[object, ...]] = []
    if args.theirs:
        taken, each_theirs = their_grid(args.theirs, args.rounds)
        whole = taken * args.seeds / args.theirs
        rows = [(name, f"{each[name]:.2f}", f"{each_theirs[name]:.2f}", f"{each_theirs[name] / each[name]:.1f} ×") for name in STRATEGIES]
        rows.append((f"the grid, {WORKERS} processes", f"{two:.1f}", f"{whole:.1f}", f"{whole / two:.1f} ×"))
    else:
        rows = [(name, f"{each[name]:.2f}", "", "") for name in STRATEGIES] + [(f"the grid, {WORKERS} processes", f"{two:.1f}", "", "")]
    rows.append(("the grid, 1 process", f"{one:.1f}", "", ""))
    text = table(("seconds", "alviz", "scikit-activeml", "ratio"), rows)
    runs = len(STRATEGIES) * args.seeds
    text += f"\n\n{runs} runs of {args.rounds} rounds of {BATCH} labels. Two processes are {one / two:.2f} × as fast as one (wanted 1.8). Load average before: {load:.1f}."
    if args.theirs:
        text += f" Of scikit-activeml {args.theirs} of {args.seeds} seeds were made."
    print(text)
    if args.write:
        write_section("grid", text, DOCUMENT)


if __name__ == "__main__":
    main()
