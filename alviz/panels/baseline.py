"""Baseline: random over many seeds, made in the background and kept, so that a duel has more than one lucky curve to be held against."""

import json

import traitlets

from alviz.checks import whole
from alviz.loop.run import Run
from alviz.panels.floor import Floor
from alviz.panels.jobs import Job, Lane
from alviz.panels.turns import InTurn
from alviz.panels.working import readable
from alviz.progress import Cancelled
from alviz.registry import spec_of
from alviz.studies.duels import Expectation, Measured, expectation, random_run

KEPT = 8
"""Duels whose runs of random are kept; the oldest goes first."""

Key = tuple[object, ...]


class Baseline(InTurn):
    """found: what random comes to over the seeds that are done, for the duel asked about last, or None. busy: seeds are being run; done (0 … 1): their share. problem: why that failed, or "".

    floor: held while random computes.
    """

    found: Expectation | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    busy = traitlets.Bool(False)
    done = traitlets.Float(0.0)
    problem = traitlets.Unicode("")

    def __init__(self, floor: Floor):
        super().__init__()
        self._floor = floor
        self._lane = Lane("random", self._changed, self._progressed, self._failed)
        self._runs: dict[Key, list[Measured]] = {}
        self._about: Key = ()
        self._doing: tuple[Key, int] | None = None

    def about(self, like: Run, budget: int) -> int:
        """From now on `found` is about this duel; gives how many seeds are done."""
        key = key_of(like, budget)
        if key != self._about:
            self._about = key
            self.problem = ""
            self.stop()
            self._tell()
        return len(self._runs.get(key, []))

    def begin(self, like: Run, budget: int, seeds: int) -> None:
        """Run random with the `seeds` seeds that follow the duel's own, as far as that is not done yet."""
        seeds = whole("seeds", seeds, 2)
        if self.about(like, budget) >= seeds or self._doing == (self._about, seeds):
            return
        key = self._about
        self._doing = key, seeds

        def work(job: Job) -> None:
            runs = self._runs.setdefault(key, [])
            for old in list(self._runs)[:-KEPT]:
                del self._runs[old]
            while (k := len(runs)) < seeds and key == self._about:

                def progress(share: float, k: int = k) -> None:
                    self._floor.give_way(job.cancel)
                    job.progress((k + share) / seeds)

                with self._floor:
                    made = random_run(like, budget, like.seed + 1 + k, progress=progress, cancel=job.cancel)
                runs.append(made)
                self._tell()

        self.problem = ""
        self._lane.instead(work)

    @property
    def wanted(self) -> int:
        """How many seeds are being run for, 0 = none."""
        return self._doing[1] if self._doing else 0

    def stop(self) -> None:
        """Stop; the seeds that are done are kept."""
        self._doing = None
        self._lane.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until nothing is under way (for scripts and tests); False when that took longer."""
        return self._lane.wait(timeout)

    def _tell(self) -> None:
        runs = self._runs.get(self._about, [])
        self.found = expectation(runs) if len(runs) > 1 else None

    def _changed(self, busy: bool) -> None:
        if not busy:
            self._doing = None
        self.done = 0.0
        self.busy = busy

    def _progressed(self, share: float) -> None:
        self.done = share

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, Cancelled):
            self.problem = readable(error)


def key_of(like: Run, budget: int) -> Key:
    """What decides random's runs: data, learner, start, batch size, seed and budget."""
    parts = ((like.dataset.spec, like.dataset), (spec_of(like.base_learner), like.base_learner))
    named = [
        json.dumps(spec, sort_keys=True, default=str) if spec else thing for spec, thing in parts
    ]  # what was not made by name stands for itself
    return (*named, like.rounds[0].queried.tobytes(), like.n_queries, like.seed, min(budget, len(like.dataset)))
