"""One cell of a grid, worked on in some process: made, or gone on with, round by round."""

import time
from functools import lru_cache
from typing import Any, cast

from alviz import data, initial, learners, strategies
from alviz.data.dataset import Dataset
from alviz.data.hashing import hash_text
from alviz.loop.clock import CancelToken
from alviz.loop.keeping import RunStore
from alviz.loop.run import Run
from alviz.progress import Progress
from alviz.studies.behind import Behind
from alviz.studies.store import Overtaken, Store


def work(
    cell: str, spec: dict[str, Any], rounds: int, url: str, *, progress: Progress | None = None, cancel: CancelToken | None = None
) -> int:
    """Bring the run of a cell to `rounds` rounds after round 0; gives how many rounds it has then.

    spec: of `Cell.spec`. url: the store, which has every round as soon as the next one is finished; a run that is there is gone on with. The data, and
    round 0 of cells that share it, are kept from one call to the next. Raises ValueError for settings that cannot work.
    """
    pool = _pool(hash_text([spec["dataset"], spec["imbalance"]]), _Held(spec))
    wanted = spec["n_initial"] + rounds * spec["n_queries"]
    if wanted > len(pool):
        raise ValueError(
            f"{rounds:,} × {spec['n_queries']:,} labels after round 0 need {wanted:,} samples in all; {pool.name} has {len(pool):,}"
        )
    for _ in range(rounds + 2):
        behind = Behind(_store(url), cell)
        try:
            run = _begun(cell, spec, pool, behind, progress, cancel)
            while run.position < rounds:
                run.step(progress=progress, cancel=cancel)
            behind.wait()
        except Overtaken:  # by a worker that was thought dead: its rounds are the same, and it is gone on from there
            continue
        finally:
            behind.give_up()
        return run.position
    raise ValueError("another process keeps working on the same cell: end it, or wait until it is done")


LOADING = 20.0
"""Seconds of a process's first round 0 with a learner beyond which the time that loading its libraries takes does not matter."""

_loaded: set[str] = set()
"""Learners that this process has trained."""


class _Held:
    """A spec that a cache does not look at."""

    def __init__(self, spec: dict[str, Any]):
        self.spec = spec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=1)
def _store(url: str) -> Store:
    return Store(url)


@lru_cache(maxsize=2)
def _pool(key: str, held: _Held) -> Dataset:
    """The data of a cell. key: over what decides them."""
    spec = held.spec["dataset"]
    return data.create(spec["name"], imbalance=held.spec["imbalance"], **spec["params"])


@lru_cache(maxsize=4)
def _first(key: str, held: _Held) -> Run:
    """Round 0, which strategies share. key: over what decides it."""
    began = time.monotonic()
    run = _round_0(held.spec)
    learner = held.spec["learner"]["name"]
    if learner not in _loaded and time.monotonic() - began < LOADING:
        run = _round_0(held.spec)  # the same again: the seconds of the first are those of loading libraries
    _loaded.add(learner)
    return run


def _round_0(spec: dict[str, Any]) -> Run:
    return Run(
        _pool(hash_text([spec["dataset"], spec["imbalance"]]), _Held(spec)),
        learner=learners.create(spec["learner"]["name"], **spec["learner"]["params"]),
        initial=initial.create(spec["initial"]["name"], **spec["initial"]["params"]),
        strategy="random",
        n_queries=spec["n_initial"],
        seed=spec["seed"],
    )


def _begun(cell: str, spec: dict[str, Any], pool: Dataset, behind: Behind, progress: Progress | None, cancel: CancelToken | None) -> Run:
    """The run of the cell where it stopped, or after round 0."""
    kept = cast(RunStore, behind)  # a run that a program answers asks nothing else of its store
    known = behind.store.run_of(cell)
    if known is not None:
        stored = behind.store.load(known, pool)
        if stored.rounds:
            return Run.resume(stored, pool, store=kept)
        behind.store.delete(known)  # it was killed before round 0 was kept
    strategy = strategies.create(spec["strategy"]["name"], **spec["strategy"]["params"])
    shared = [spec[part] for part in ("dataset", "imbalance", "learner", "initial", "n_initial", "seed")]
    first = _first(hash_text(shared), _Held(spec))
    if strategy.learner(first.learner) is not first.learner:  # it trains in its own way from the start
        return Run(
            pool,
            learner=first.learner,
            initial=first.initial,
            strategy=strategy,
            n_initial=spec["n_initial"],
            n_queries=spec["n_queries"],
            seed=spec["seed"],
            store=kept,
            progress=progress,
            cancel=cancel,
        )
    run = first.fork(strategy=strategy, n_queries=spec["n_queries"])
    run.keep(kept)
    return run
