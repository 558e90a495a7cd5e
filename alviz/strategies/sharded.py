"""Queries over row shards, for pools that outgrow one machine: in this process, over any executor, or on a cluster."""

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alviz.strategies.arrays import Arrays, floats
from alviz.strategies.base import QueryStrategy, ScoringStrategy, Selection, finite, ranking
from alviz.strategies.device import Array, Indices, host
from alviz.strategies.mapped import Piece, mapped
from alviz.strategies.pool import POSTERIORS, PoolView


@dataclass(frozen=True)
class Rows:
    """Some rows of a signal (of axis 1 for posteriors), read where they are needed."""

    piece: Piece
    axis: int
    rows: Indices | None = None

    def read(self) -> Array:
        """Them, as float32 or float64."""
        array = self.piece.array if self.rows is None else np.take(host(self.piece.array), self.rows, axis=self.axis)
        return floats(host(array))


@dataclass(frozen=True)
class Shard:
    """What the work on some rows needs: a strategy and a PoolView in parts, numbered from 0 within the shard."""

    strategy: QueryStrategy
    n_queries: int
    entropy: tuple[int, ...]
    signals: dict[str, Rows]
    labelled: dict[str, Rows]
    predict: Callable[[Array], ArrayLike] | None
    candidates: Indices
    labels: Indices
    n_classes: int
    n: int
    run_cache: dict[Any, Any]

    def pool(self) -> PoolView:
        """The shard as a pool of its own, in which the labelled samples lie outside."""
        sides = [Arrays({name: rows.read() for name, rows in side.items()}, self.predict) for side in (self.signals, self.labelled)]
        labelled = np.arange(len(self.labels))
        options: dict[str, Any] = {"seed": self.entropy[0], "run_cache": dict(self.run_cache), "labelled_source": sides[1]}
        return PoolView(sides[0], self.candidates, labelled, self.labels, self.n_classes, self.n, **options)


@dataclass(frozen=True)
class Found:
    """What comes back from a shard. scores: (m,) of its candidates. rows: the best ones, or the picks. second: their second key. note: the selection's."""

    scores: Array
    rows: Indices
    second: Array | None = None
    note: str = ""


def scored(shard: Shard) -> Found:
    """Scores of every candidate, and which of them may be among the n_queries highest of all."""
    pool, strategy = shard.pool(), shard.strategy
    assert isinstance(strategy, ScoringStrategy)
    scores, second = finite(strategy.score(pool), strategy.name), strategy.tiebreak(pool)
    best = ranking(scores, second, shard.n_queries)
    return Found(scores, shard.candidates[best], None if second is None else np.asarray(second, dtype=np.float64)[best])


def picked(shard: Shard) -> Found:
    """The strategy's picks in the shard alone."""
    count = min(shard.n_queries, len(shard.candidates))
    selection = shard.strategy.select(shard.pool(), count, np.random.default_rng(shard.entropy))
    return Found(selection.scores[shard.candidates], selection.indices, note=selection.note)


def select(
    strategy: QueryStrategy,
    n_queries: int,
    signals: dict[str, Any],
    candidates: Indices,
    labels: Indices,
    n_classes: int,
    *,
    shards: int,
    executor: Executor | None = None,
    predict: Callable[[Array], ArrayLike] | None = None,
    seed: int = 0,
) -> Selection:
    """`strategy.select` over contiguous shards of rows.

    signals: arrays that cover the pool. candidates: (m,) ascending. labels: (n,), −1 = unlabelled. Scoring strategies give every shard's
    scores, of which the highest win: the same picks as on one machine. Strategies with sharding "two-rounds" pick n_queries in every shard,
    then n_queries among the picked, with the labelled samples in view both times; the picks depend on the number of shards.
    Raises ValueError for a strategy that cannot be sharded, RuntimeError when the work on a shard fails.
    """
    refuse(strategy)
    n, labelled = len(labels), np.flatnonzero(labels >= 0)
    used = {name: array for name, array in signals.items() if name in wanted(strategy)}
    beside = {name: _rows(name, array, labelled) for name, array in used.items()}

    shared: dict[Any, Any] = {}
    if type(strategy).prepare is not QueryStrategy.prepare:
        whole = Arrays({name: floats(array) for name, array in used.items()}, predict)
        strategy.prepare(PoolView(whole, candidates, labelled, labels[labelled], n_classes, n, seed=seed, run_cache=shared))

    def part(entropy: tuple[int, ...], rows: dict[str, Rows], inside: Indices, size: int) -> Shard:
        return Shard(strategy, n_queries, entropy, rows, beside, predict, inside, labels[labelled], n_classes, size, shared)

    edges = [n * i // shards for i in range(shards + 1)]
    bounds = np.searchsorted(candidates, edges)
    parts, offsets = [], []
    for i in np.flatnonzero(np.diff(bounds)):
        start, stop = edges[i], edges[i + 1]
        rows = {name: Rows(Piece(_slice(name, array, start, stop)), _axis(name)) for name, array in used.items()}
        parts.append(part((seed, int(i) + 1), rows, candidates[bounds[i] : bounds[i + 1]] - start, stop - start))
        offsets.append(start)
    found = list(_run(picked if strategy.sharding == "two-rounds" else scored, parts, offsets, executor))
    scores = np.full(n, np.nan)
    for each, shard, start in zip(found, parts, offsets, strict=True):
        scores[start + shard.candidates] = each.scores
    union = np.concatenate([start + each.rows for each, start in zip(found, offsets, strict=True)])
    if strategy.sharding == "scores":
        seconds = [each.second for each in found if each.second is not None]
        order = np.argsort(union)  # ties by the lowest index
        best = ranking(scores[union[order]], np.concatenate(seconds)[order] if seconds else None, n_queries)
        return Selection(union[order][best], scores, note=f"Scored in {len(parts)} shards; the picks are those of the whole pool.")
    union = np.sort(union)
    last = part((seed,), {name: _rows(name, array, union) for name, array in used.items()}, np.arange(len(union)), len(union))
    selection = strategy.select(last.pool(), n_queries, np.random.default_rng([seed]))
    note = f"Picked in two rounds: {len(union):,} candidates from {len(parts)} shards, then {n_queries:,} of those."
    said = [f"Shard {i + 1}: {each.note}" for i, each in enumerate(found) if each.note] + (
        [f"In the end: {selection.note}"] if selection.note else []
    )
    return Selection(union[selection.indices], scores, selection.gains, note=" ".join([note, *said]))


def refuse(strategy: QueryStrategy) -> None:
    """Raises ValueError for a strategy whose answer cannot be put together from shards."""
    if strategy.sharding is None:
        from alviz.strategies.base import registry

        able = [name for name in registry.available() if getattr(registry.factory(name), "sharding", None)]
        raise ValueError(
            f"shards: query strategy {strategy.name!r} looks at the pool as a whole and cannot work on shards of it; these can: {', '.join(able)}"
        )


def wanted(strategy: QueryStrategy) -> set[str]:
    """The signals that a strategy may look at."""
    names = {signal for need in (*strategy.needs, *strategy.wants) for signal in ((need,) if isinstance(need, str) else need)}
    return names | ({"probabilities", "embeddings"} if "gradients" in names else set())


def _axis(name: str) -> int:
    return 1 if name in POSTERIORS else 0


def _slice(name: str, array: Any, start: int, stop: int) -> Any:
    return array[:, start:stop] if name in POSTERIORS else array[start:stop]


def _rows(name: str, array: Any, rows: Indices) -> Rows:
    """Rows of the whole table: left in the file where it is one, else taken out now."""
    if mapped(array) is not None:
        return Rows(Piece(array), _axis(name), rows)
    return Rows(Piece(host(array[:, rows] if name in POSTERIORS else array[rows])), _axis(name))


def _run(work: Callable[[Shard], Found], parts: list[Shard], offsets: list[int], executor: Executor | None) -> Iterator[Found]:
    """`work` on every part, in order."""
    futures: list[Future[Found]] = []
    try:
        if executor is not None:
            futures = [executor.submit(work, part) for part in parts]
        for i, (part, start) in enumerate(zip(parts, offsets, strict=True)):
            try:
                yield futures[i].result() if futures else work(part)
            except Exception as error:
                rows = f"shard {i + 1} of {len(parts)} (rows {start:,} … {start + part.n - 1:,})"
                died = isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"
                said = "its worker died" if died else f"{type(error).__name__}: {error}"
                raise (ValueError if isinstance(error, ValueError) else RuntimeError)(f"{rows} failed: {said}") from error
    finally:
        for future in futures:
            future.cancel()
