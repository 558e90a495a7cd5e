"""Ranker: the candidates of a round, ranked by one strategy after another in the background, and kept."""

import time
from collections.abc import Mapping
from types import MappingProxyType

import traitlets

from alviz.loop.ranks import Ranking, Rankings, lineup, slow
from alviz.loop.round import Round
from alviz.loop.run import Run
from alviz.panels.floor import Floor
from alviz.panels.jobs import Job, Lane
from alviz.panels.turns import InTurn
from alviz.panels.working import readable
from alviz.progress import Cancelled

KEPT = 4
"""Rounds whose rankings are kept; the oldest goes first."""

TELL_EVERY = 0.3
"""Seconds between two looks at what has come in: dozens of strategies take less than a hundredth of one."""

NONE: Mapping[str, Ranking] = MappingProxyType({})


class Ranker(InTurn):
    """found: strategy -> its ranking of the round asked about last, as far as they are done. busy: they are under way; doing: the strategy that is at work; done (0 … 1): its share. problem: why it failed, or "".

    floor: held by each strategy while it works.
    """

    found: Mapping[str, Ranking] = traitlets.Any(NONE)  # type: ignore[assignment]
    busy = traitlets.Bool(False)
    doing = traitlets.Unicode("")
    done = traitlets.Float(0.0)
    problem = traitlets.Unicode("")

    def __init__(self, floor: Floor):
        super().__init__()
        self._floor = floor
        self._lane = Lane("rank", self._changed, self._progressed, self._failed)
        self._about: Round | None = None
        self._going: Round | None = None
        self._kept: dict[Round, dict[str, Ranking]] = {}

    def about(self, finished: Round) -> None:
        """From now on `found` is about this round; what is under way about another one stops."""
        if finished is not self._about:
            self._about = finished
            self.stop()
            self.problem = ""
            self._tell()

    @property
    def left(self) -> list[str]:
        """The strategies that have not ranked the round yet, in the order in which they will be asked."""
        return [] if self._about is None else [name for name in lineup(self._about) if name not in self.found]

    @property
    def soon(self) -> list[str]:
        """Those of `left` that are not slow."""
        return [name for name in self.left if self._about is not None and not slow(name, self._about)]

    def begin(self, run: Run, finished: Round) -> None:
        """Rank the candidates of this round of `run` under all strategies that have not done so yet; under the slow ones once there are no others."""
        self.about(finished)
        if self._going is finished or not self.left:
            return
        self._going = finished
        patient = not self.soon

        def work(job: Job) -> None:
            def progress(share: float) -> None:
                self._floor.give_way(job.cancel)
                job.progress(share)

            with self._floor:
                progress(0.0)
                if not any(there is finished for there in run.rounds):
                    return  # it was undone meanwhile
                rankings = Rankings(run, finished.index, progress)
            mine = self._kept.setdefault(finished, {})
            for old in list(self._kept)[:-KEPT]:
                del self._kept[old]
            told = time.monotonic()
            try:
                for name in rankings.names:
                    if name in mine:
                        continue
                    if time.monotonic() - told > TELL_EVERY:
                        told = time.monotonic()
                        self._tell()
                    self.doing = name
                    with self._floor:
                        found = rankings.refused(name) if slow(name, finished) and not patient else rankings.under(name, progress)
                    if found is not None:
                        mine[name] = found
            finally:
                self._tell()

        self.problem = ""
        self._lane.instead(work)

    def stop(self) -> None:
        """Stop; the strategies that are done are kept."""
        self._going = None
        self._lane.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until nothing is under way (for scripts and tests); False when that took longer."""
        return self._lane.wait(timeout)

    def _tell(self) -> None:
        self.found = NONE if self._about is None else MappingProxyType(dict(self._kept.get(self._about, NONE)))

    def _changed(self, busy: bool) -> None:
        if not busy:
            self._going = None
        self.doing, self.done = "", 0.0
        self.busy = busy

    def _progressed(self, share: float) -> None:
        self.done = share

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, Cancelled):
            self.problem = readable(error)
