"""Where every strategy ranks the candidates of one round: by its scores, or by the batch that it would have picked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alviz import strategies
from alviz.checks import whole
from alviz.loop.round import PHASES, Round
from alviz.loop.run import Run, strategy_name
from alviz.loop.script import made
from alviz.progress import Cancelled, Progress, silent
from alviz.strategies.base import QueryStrategy, ScoringStrategy, finite, missing_needs, ranking, registry, spread
from alviz.strategies.device import Indices
from alviz.strategies.needs import readable_need
from alviz.strategies.pool import PoolView

NOBODY: Indices = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Where one strategy has the candidates of a round.

    strategy: its name. count: candidates. places: (n,) int32, 1 = label first, 0 = no candidate, equals share the better rank; None where it gives no score by which every candidate has its place.
    picks: (b,) dataset indices, the batch that it would have picked, in pick order; of the round's own strategy what it did pick. note: what it says of its choice, in full sentences, or "".
    parts: what the scores of the round's own strategy are made of, name -> (n,) with NaN elsewhere. why: why it has neither places nor picks, "" where it has.
    """

    strategy: str
    count: int
    places: NDArray[np.int32] | None = None
    picks: Indices = field(default_factory=lambda: NOBODY)
    note: str = ""
    parts: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    why: str = ""

    def picked(self, sample: int) -> int:
        """Which pick of its batch dataset index `sample` is, from 1 on; 0 = none."""
        at = np.flatnonzero(self.picks == sample)
        return int(at[0]) + 1 if len(at) else 0


def lineup(finished: Round) -> list[str]:
    """The strategies in the order in which they are best asked about a round: its own, those that give scores, those that pick batches, those whose cost grows faster than the pool, `slow` ones."""

    def wait(name: str) -> tuple[bool, ...]:
        if name == finished.strategy:
            return (False,)
        kind = registry.factory(name)
        scores = isinstance(kind, type) and issubclass(kind, ScoringStrategy)
        return True, slow(name, finished), not getattr(kind, "scalable", True), not scores

    known = strategies.available()
    return sorted(known if finished.strategy in known else [finished.strategy, *known], key=wait)


def slow(name: str, finished: Round) -> bool:
    """Whether a strategy that did not choose the round trains something of its own, or asks a network for more than its predictions: it takes seconds or minutes, and PyTorch half a gigabyte of memory."""
    if name == finished.strategy:
        return False
    kind = registry.factory(name)
    return getattr(kind, "trains", False) or "module" in getattr(kind, "needs", ())


def chooser(run: Run, round: int) -> QueryStrategy | None:
    """The strategy that the rounds about `round` were made with; a branch's earlier ones have that of the run it comes from, None where that was not made by name."""
    era = next((era for era in run.before if era.until >= round), None)
    if era is None:
        return run.strategy
    return None if era.strategy is None else made("strategy", era.strategy)


class Rankings:
    """The candidates of `round`, to be ranked by one strategy after another. All see what the strategy of that round saw, and draw as a run of theirs with the same labels would.

    names: the strategies, as `lineup` has them. progress: of training models that are not in memory; may raise Cancelled. Raises ValueError for round 0, which no strategy chose, or one that there is not.
    """

    def __init__(self, run: Run, round: int, progress: Progress = silent):
        self.round = whole("round", round, 1, run.position)
        self.run, self.finished = run, run.rounds[self.round]
        self.names = lineup(self.finished)
        self._report = progress
        self._view = run.view(self.round - 1, progress=lambda share: self._report(share))
        own = chooser(run, self.round)
        own = None if own is None else own.fallback(self._view.provides)
        self._own = own if own is not None and strategy_name(own) == self.finished.strategy else None

    def under(self, name: str, progress: Progress = silent) -> Ranking:
        """Where the strategy `name` has the candidates, or why it has them nowhere. progress may raise Cancelled."""
        self._report = progress
        progress(0.0)
        try:
            if name == self.finished.strategy:
                return self._by_own()
            return self.refused(name) or self._by(strategies.create(name))
        except Cancelled:
            raise
        except Exception as error:  # one that fails keeps none of the others from being asked
            said = str(error) if isinstance(error, ValueError) else f"failed here: {type(error).__name__}: {error}"
            return Ranking(name, len(self._view), why=said)

    def _by_own(self) -> Ranking:
        finished, own, view = self.finished, self._own, self._view
        places = _order(own, view)[1] if isinstance(own, ScoringStrategy) else None
        parts = {} if own is None else {part: spread(view, values) for part, values in own.parts(view).items()}
        return Ranking(finished.strategy, len(view), places, finished.queried, finished.note, parts)

    def _by(self, strategy: QueryStrategy) -> Ranking:
        name, count, b = strategy.name, len(self._view), len(self.finished.queried)
        if isinstance(strategy, ScoringStrategy):
            order, places = _order(strategy, self._view)
            return Ranking(name, count, places, self._view.candidates[order[:b]])
        selection = strategy.select(self._view, b, np.random.default_rng([self.run.seed, self.round, PHASES.index("select")]))
        return Ranking(name, count, None, selection.indices, selection.note)

    def refused(self, name: str) -> Ranking | None:
        """What a strategy says that cannot be asked, and why; None where it can be."""
        why = "" if name == self.finished.strategy else self._cannot(strategies.create(name))
        return Ranking(name, len(self._view), why=why) if why else None

    def _cannot(self, strategy: QueryStrategy) -> str:
        if strategy.oracle:
            return "sees the true labels"
        missing = missing_needs(strategy, self._view.provides)
        if missing:
            return "needs " + " and ".join(map(readable_need, missing))
        if strategy.learner(self.run.base_learner) is not self.run.base_learner:
            return "changes the training: its model would be another"
        return "" if strategy.stoppable else "works for minutes here without a stop"


def _order(strategy: ScoringStrategy, view: PoolView) -> tuple[Indices, NDArray[np.int32]]:
    """(positions among the candidates, to be labelled first first; (n,) places as in `Ranking`)."""
    scores = finite(strategy.score(view), strategy.name)
    second = strategy.tiebreak(view)
    order = ranking(scores, second)
    keys = np.stack([scores, np.zeros(len(scores)) if second is None else np.asarray(second, dtype=np.float64)], axis=1)[order]
    fresh = np.r_[True, (keys[1:] != keys[:-1]).any(axis=1)] if len(order) else np.zeros(0, dtype=bool)
    out = np.zeros(view.n, dtype=np.int32)
    out[view.candidates[order]] = np.maximum.accumulate(np.where(fresh, np.arange(1, len(order) + 1), 0))
    return order, out
