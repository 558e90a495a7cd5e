"""What the store costs a grid, how much it holds on the disk, and how quickly a large comparison is read.

    python benchmarks/store.py [--pairs 30] [--rounds 15] [--runs 1000] [--write]

Cost: the same cell (linear-svm and margin on `fashion-mini`, 50 labels a round) with its store, as workers keep it, and without; the two take turns. The
difference is what keeping costs, and noisy; beside it stands the processor time that was spent within the store's own calls. Reading: a comparison of
10 strategies × runs / 10 seeds × 20 rounds whose numbers are drawn by chance, in a file of its own, asked what the Compare page asks. `--write` puts the tables
into docs/measurements.md.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import interval, table, write_section

import alviz
from alviz.data.dataset import Dataset
from alviz.loop.metrics import ROUND_METRICS, metric_name
from alviz.loop.round import PHASES, Round
from alviz.loop.run import Run
from alviz.studies.behind import Behind
from alviz.studies.compare import standing
from alviz.studies.compare import table as table_of
from alviz.studies.findings import selections_of, settings_of, times_of
from alviz.studies.grid import Comparison, parse
from alviz.studies.rows import round_row
from alviz.studies.statistics import selection_overlap
from alviz.studies.store import Store
from alviz.studies.tables import tables

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "measurements.md"
SHARE = 2.0
"""Per cent of a run's time that its store may take."""
STRATEGIES = ("random", "margin", "entropy", "alamp", "alamp-div", "k-center", "badge", "typiclust", "probcover", "coreset-greedy")


class Watched(Store):
    """A store that adds up the processor time within its calls. seconds: of all calls; calls: how many commits."""

    def __init__(self, url: str):
        super().__init__(url)
        self.seconds = 0.0
        self.calls = 0

    def create(self, *given: Any) -> str:
        """As in Store."""
        began = time.thread_time()
        run = super().create(*given)
        self.seconds += time.thread_time() - began
        return run

    def commit(self, *given: Any) -> None:
        """As in Store."""
        began = time.thread_time()
        super().commit(*given)
        self.seconds += time.thread_time() - began
        self.calls += 1


def gone(first: Run, rounds: int, behind: Behind | None) -> tuple[float, float]:
    """(processor seconds, seconds) of a cell's run from the round that its seed shares, kept or not."""
    busy, began = time.process_time(), time.perf_counter()
    run = first.fork(strategy="margin")
    if behind is not None:
        run.keep(behind)  # type: ignore[arg-type]  # a run that a program answers asks nothing else of its store
    for _ in range(rounds):
        run.step()
    if behind is not None:
        behind.wait()
        behind.give_up()
    return time.process_time() - busy, time.perf_counter() - began


def cost(pairs: int, rounds: int, folder: str) -> str:
    """The table of what keeping costs."""
    pool = alviz.data.create("fashion-mini")
    first = Run(pool, strategy="random", n_queries=50)
    store = Watched(f"sqlite:///{folder}/cost.db")
    gone(first, 2, Behind(store, "warm"))
    store.seconds, store.calls = 0.0, 0
    kept: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    for k in range(pairs):
        for stored in (k % 2 == 0, k % 2 == 1):
            (kept if stored else bare).append(gone(first, rounds, Behind(store, str(k)) if stored else None))
    with_, without = np.array(kept), np.array(bare)
    per_round = 1e3 * np.median(without, axis=0) / rounds
    more = [interval(100 * (with_ - without)[:, i] / np.median(without[:, i])) for i in (0, 1)]
    own = 1e3 * store.seconds / store.calls
    share = 100 * own * (rounds + 1) / rounds / per_round[0]
    rows = [
        ("a round without the store", f"{per_round[0]:.1f} ms", f"{per_round[1]:.1f} ms"),
        (f"more with it, {pairs} pairs of runs of {rounds} rounds", f"{more[0]} %", f"{more[1]} %"),
        (f"within the store's calls, a round ({'met' if share < SHARE else 'missed'}: < {SHARE:g} %)", f"{own:.2f} ms = {share:.1f} %", ""),
    ]
    store.close()
    return table(("what", "processor", "clock"), rows)


def comparison(runs: int) -> Comparison:
    """10 strategies × runs / 10 seeds × 20 rounds."""
    names = [name for name in STRATEGIES if name in alviz.strategies.available()]
    names += [name for name in alviz.strategies.available() if name not in names][: 10 - len(names)]
    return parse({"datasets": ["fashion-mini"], "strategies": names[:10], "seeds": runs // 10, "rounds": 20})


def filled(url: str, grid: Comparison, pool: Dataset) -> Store:
    """A store with every round of a grid, drawn by chance: 50 samples each, none twice in a run."""
    from sqlalchemy import create_engine

    store, chance = Store(url), np.random.default_rng(0)
    store.keep_comparison(grid.key, grid.name, grid.spec())
    names, engine = [metric_name(metric) for metric in ROUND_METRICS], create_engine(url)
    for cell in grid.cells():
        spec = cell.spec()
        config = {**spec, "dataset": {**spec["dataset"], "params": {"imbalance": cell.imbalance}}, "name": cell.strategy.name}
        run = store.create({**config, "annotator": "simulated", "class_names": list(pool.class_names)}, pool, cell.key)
        picks = chance.permutation(len(pool))
        rows = []
        for r in range(grid.rounds + 1):
            labels = pool.targets[picks[: 50 * (r + 1)]]
            finished = Round(
                index=r,
                strategy=cell.strategy.name,
                queried=picks[50 * r : 50 * (r + 1)],
                labels=labels[-50:],
                n_labelled=len(labels),
                class_counts=np.bincount(labels, minlength=pool.n_classes),
                probabilities=np.empty((0, pool.n_classes), np.float32),
                metrics=dict(zip(names, chance.random(len(names)).tolist(), strict=True)),
                recall=chance.random(pool.n_classes),
                confusion=np.empty((0, 0), np.int64),
                seconds=dict(zip(PHASES[r == 0 :], chance.random(len(PHASES)).tolist(), strict=False)),
            )
            rows.append({"run": run, **round_row(finished, bare=True)})
        with engine.begin() as connection:
            connection.execute(tables().tables["rounds"].insert(), rows)
    engine.dispose()
    return store


def quickest(work: Callable[[Comparison], Any], grids: Sequence[Comparison]) -> tuple[float, float]:
    """(processor seconds, seconds) of the quickest of some calls, each by its own measure; every call has a grid about which nothing is known yet."""
    spent = []
    for grid in grids:
        busy, began = time.process_time(), time.perf_counter()
        work(grid)
        spent.append((time.process_time() - busy, time.perf_counter() - began))
    busy, clock = np.min(spent, axis=0)
    return float(busy), float(clock)


def reading(runs: int, folder: str) -> str:
    """The table of how quickly a large comparison is read, and of what it takes on the disk."""
    pool = alviz.data.create("fashion-mini")
    grid = comparison(runs)
    store = filled(f"sqlite:///{folder}/reading.db", grid, pool)
    store.close()  # writes everything into the file
    size = sum(path.stat().st_size for path in Path(folder).glob("reading.db*"))
    found = table_of(grid, store)
    (setting,) = settings_of(grid, found, "accuracy")

    steps: tuple[tuple[str, Callable[[Comparison], Any], float | None], ...] = (
        ("how far it is (`standing`)", lambda grid: standing(grid, store), 0.1),
        ("its table (`table`)", lambda grid: table_of(grid, store), 1.0),
        ("curves (`settings_of`)", lambda grid: settings_of(grid, found, "accuracy"), 0.2),
        ("times (`times_of`)", lambda grid: times_of(grid, found), 0.2),
        ("overlap (`selections_of`, `selection_overlap`)", lambda grid: selection_overlap(selections_of(grid, store, setting)), 1.0),
        ("all runs (`Store.runs`)", lambda grid: store.runs(), None),
    )
    rows = []
    for what, work, wanted in steps:
        busy, clock = quickest(work, [parse(grid.spec()) for _ in range(5)])
        target = ("", "") if wanted is None else (f"≤ {wanted:g} s", "met" if clock <= wanted else "missed")
        rows.append((what, f"{busy:.2f} s", f"{clock:.2f} s", *target))
    rows.append(("on the disk", f"{size / 1e6:.0f} MB", "", "", ""))
    store.close()
    return table((f"{len(grid):,} runs × 20 rounds", "processor", "clock", "wanted", ""), rows)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=30, help="runs with the store, and as many without")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each")
    parser.add_argument("--runs", type=int, default=1000, help="runs of the comparison that is read")
    parser.add_argument("--folder", default=None, help="where the files are written meanwhile (default: the system's temporary folder)")
    parser.add_argument("--write", action="store_true", help="also write the tables into docs/measurements.md")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    parts = []
    with tempfile.TemporaryDirectory(prefix="alviz-", dir=args.folder) as folder:
        for part in (lambda: cost(args.pairs, args.rounds, folder), lambda: reading(args.runs, folder)):
            parts.append(part())
            print(f"{parts[-1]}\n", flush=True)
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    parts.append(f"{os.cpu_count()} cores, {threads} thread(s) for arithmetic; load average {load:.1f} before (1 per busy core).")
    print(parts[-1])
    if args.write:
        write_section("store", "\n\n".join(parts), DOCUMENT)


if __name__ == "__main__":
    main()
