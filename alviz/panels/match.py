"""Match: a person against a query strategy, from the same start, with as many labels and the same training."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from alviz.data.dataset import Dataset
from alviz.figures.base import plural
from alviz.loop import Run
from alviz.loop.round import Round
from alviz.panels.duel import Plane, plane
from alviz.panels.jobs import Job, Lane
from alviz.panels.pace import known_from
from alviz.panels.parts import made
from alviz.panels.settings import is_plane
from alviz.panels.turns import TURN
from alviz.panels.workbench import Workbench
from alviz.panels.working import readable
from alviz.progress import Cancelled
from alviz.strategies.base import QueryStrategy, Selection
from alviz.strategies.pool import PoolView

DEFAULTS: dict[str, Any] = {
    "dataset": "moons",
    "learner": "rbf-svm",
    "strategy": "margin",
    "n_queries": 5,
    "steps": 4,
    "seed": 0,
}
"""What the page's address carries; the rest of a Workbench's config stays as it is."""

POINTS = 600
"""Samples of a 2D pool: few enough to be told apart and clicked on."""

DRAWS = 10
"""Runs whose mean says what random picks would have reached."""


def suggested(dataset: str) -> dict[str, Any]:
    """What suits a person who plays on a dataset: the learner, labels per round, the parameters of the data."""
    if is_plane(dataset):
        return {"learner": "rbf-svm", "n_queries": 5, "params": {"n": POINTS}}
    return {"learner": "linear-svm", "n_queries": 10, "params": {}}


SCRIPT = """
# your side: the same start, your picks
import numpy as np
from alviz.panels.match import Given

given = Given()
yours = alviz.Run(dataset, learner=run.base_learner, strategy=given, initial=run.initial, n_queries={n_queries}, seed={seed})
for picks in {picks}:
    given.picks = np.array(picks)
    yours.step()
print(yours.to_frame()[["round", "n_labelled", "accuracy"]])
"""


class Given(QueryStrategy):
    """Selects what it was told, so that a person's picks make a Run like any other. picks: (b,) dataset indices of the next round."""

    def __init__(self) -> None:
        self.picks: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The picks. Raises ValueError unless they are n_queries different candidates."""
        known = np.isin(self.picks, pool.candidates)
        if len(self.picks) != n_queries or len(np.unique(self.picks)) != n_queries or not known.all():
            raise ValueError(f"wanted {n_queries} different candidates, got {self.picks.tolist()}")
        return Selection(self.picks, np.full(pool.n, np.nan))


@dataclass(frozen=True, eq=False)
class Turn:
    """One finished round of both sides; planes: what each model says about a 2D pool, or None for other data."""

    yours: Round
    its: Round
    planes: tuple[Plane, Plane] | None


class Match(Workbench):
    """What the page knows, beside what every Workbench knows of data and map.

    turns: one `Turn` per finished round, the common start first; empty before Start. picks: dataset indices that the person has picked for the next round, in order. revealed: the round
    whose picks of both sides are shown, 0 while the person picks. unsure: the person wants to see how sure the model is. reference: (s, rounds + 1) accuracy of s ≤ DRAWS
    runs with random picks from the same start; referring: more of them are under way. undone: rounds taken back so far.
    """

    turns: Any = traitlets.Tuple()
    picks: Any = traitlets.List(traitlets.Int())
    revealed = traitlets.Int(0)
    unsure = traitlets.Bool(False)
    reference: Any = traitlets.Any()
    referring = traitlets.Bool(False)
    undone = traitlets.Int(0)

    def __init__(self, **config: Any):
        self._sides: tuple[Run, Run] | None = None
        self._given = Given()
        self.started: dict[str, Any] | None = None
        dataset = config.get("dataset", DEFAULTS["dataset"])
        super().__init__(**{**DEFAULTS, **suggested(dataset), **config})
        self._references = Lane("reference", lambda busy: setattr(self, "referring", busy), lambda share: None, self._reference_failed)

    @traitlets.default("reference")
    def _no_reference(self) -> NDArray[np.float64]:
        return np.empty((0, 0))

    # ---- what the page asks ----

    @property
    def position(self) -> int:
        """The last finished round; −1 before Start."""
        return len(self.turns) - 1

    @property
    def steps(self) -> int:
        """Rounds of the match under way."""
        return int((self.started or self.config)["steps"])

    @property
    def batch(self) -> int:
        """Labels per round of the match under way."""
        return int((self.started or self.config)["n_queries"])

    @property
    def rival(self) -> str:
        """The name of the strategy."""
        return str((self.started or self.config)["strategy"])

    @property
    def over(self) -> bool:
        """Whether the last round is finished."""
        return bool(self.turns) and self.position >= self.steps

    @property
    def changed(self) -> bool:
        """Whether a Start would make another match than the one on the page."""
        return self.started is not None and made_of(self.started) != made_of(self.config)

    @property
    def flat(self) -> bool:
        """Whether the pool is a plane."""
        return self.dataset is not None and self.dataset.images is None

    def labels(self, *, until: int | None = None, rival: bool = False) -> NDArray[np.int64]:
        """(n,) the classes that one side was told up to round `until` (default: now), −1 where it was not."""
        assert self.dataset is not None
        known = np.full(len(self.dataset), -1, dtype=np.int64)
        for turn in self.turns if until is None else self.turns[: until + 1]:
            side = turn.its if rival else turn.yours
            known[side.queried] = side.labels
        return known

    @property
    def candidates(self) -> NDArray[np.int64]:
        """(m,) what can still be picked, in the order in which the page offers it: drawn at random with the seed, the same in every round."""
        if self.dataset is None:
            return np.empty(0, dtype=np.int64)
        order = np.random.default_rng(int((self.started or self.config)["seed"])).permutation(len(self.dataset))
        return order[self.labels()[order] < 0]

    def to_python(self) -> str:
        """A script that makes both sides again. Raises ValueError before there is a match."""
        if self._sides is None:
            raise ValueError("the strategy's side begins with Start")
        picks = [turn.yours.queried.tolist() for turn in self.turns[1:]]
        return self._sides[1].to_python() + SCRIPT.format(picks=picks, n_queries=self.batch, seed=self._sides[0].seed)

    def preview(self) -> None:
        """Load the data of `config` and show them, as long as there is no match."""
        if not self.turns:
            super().preview()

    def wait(self, timeout: float | None = None) -> None:
        """Block until nothing is under way (for scripts and tests). Raises TimeoutError."""
        super().wait(timeout)
        if not self._references.wait(timeout):
            raise TimeoutError("the runs with random picks were not finished in time")

    def cancel(self) -> None:
        """Ask what is under way to stop: the round, or while there is none, map and random runs."""
        if self.busy:
            self._jobs.cancel()
        else:
            super().cancel()
            self._references.cancel()

    # ---- picking (quick: done in the page's callbacks) ----

    def choose(self, picks: ArrayLike) -> None:
        """Pick these, in this order; what is no candidate is left out, and so is what is more than one round's labels."""
        if self.busy or not self.turns or self.revealed or self.over:
            return
        allowed = set(self.candidates.tolist())
        wanted = [i for i in dict.fromkeys(np.asarray(picks, dtype=np.int64).tolist()) if i in allowed]
        self.error = ""
        self.notice = f"These are your {self.batch} picks: take one back to pick another." if len(wanted) > self.batch else ""
        self.picks = wanted[: self.batch]

    def toggle(self, sample: int) -> None:
        """Pick a sample, or take it back."""
        self.choose([i for i in self.picks if i != sample] if sample in self.picks else [*self.picks, sample])

    def fill(self) -> None:
        """Pick the rest at random."""
        if not self.turns or len(self.picks) >= self.batch:
            return
        rest = self.candidates[~np.isin(self.candidates, self.picks)]
        rng = np.random.default_rng([int((self.started or self.config)["seed"]), self.position, len(self.picks)])
        self.choose([*self.picks, *rng.choice(rest, self.batch - len(self.picks), replace=False)])

    # ---- what buttons do ----

    def start(self) -> bool:
        """A new match with the settings of `config`."""
        return self.make([[]])

    def make(self, picks: Sequence[Sequence[int]], revealed: int = 0, said: str = "") -> bool:
        """The same, with these picks of the person, round by round; those of the last one are not labelled yet. revealed: the round whose picks are laid open. said: a notice that stays meanwhile."""

        def work(job: Job) -> None:
            self.notice = said
            config = dict(self.config)
            self.phase = "loading the data"
            dataset = self._dataset(config, job)
            check_size(dataset, config)
            given = Given()
            sides = (_run(dataset, config, given, self.hooks(job, (0.0, 0.5))), _run(dataset, config, None, self.hooks(job, (0.5, 1.0))))
            first = _turn(*sides)
            with self.hold_trait_notifications():
                self._sides, self._given, self.started = sides, given, config
                self._take(dataset)
                self.turns, self.picks, self.revealed, self.undone = (first,), [], 0, 0
                self.reference = np.empty((0, int(config["steps"]) + 1))
            self._refresh_map()
            self._refer(sides)
            for batch in picks[:-1]:
                self._play(job, np.array(batch, dtype=np.int64))
            candidates = set(self.candidates.tolist())
            with self.hold_trait_notifications():
                self.revealed = revealed if revealed <= self.position else 0
                self.picks = [i for i in dict.fromkeys(picks[-1]) if i in candidates][: self.batch]

        return self.begin(work)

    def step(self) -> bool:
        """Label the picks, train both sides, reveal. Both finish the round or neither does."""
        picks = np.array(self.picks, dtype=np.int64)

        return self.begin(lambda job: self._play(job, picks))

    def _play(self, job: Job, picks: NDArray[np.int64]) -> None:
        if self._sides is None:
            raise ValueError("there is no match yet: press Start first")
        if self.over:
            raise ValueError(f"all {self.steps} rounds are played: press Start for another match")
        if len(picks) != self.batch:
            raise ValueError(f"pick {plural(self.batch, 'sample')} first, not {len(picks)}")
        self._given.picks = picks
        before = self.position
        try:
            for k, run in enumerate(self._sides):
                run.step(**self.hooks(job, (k / 2, (k + 1) / 2), known_from(run.rounds[-1])))
            turn = _turn(*self._sides)
        except BaseException:
            for run in self._sides:
                if run.position > before:
                    run.undo()
            raise
        with self.hold_trait_notifications():
            self.turns, self.picks, self.revealed = (*self.turns, turn), [], before + 1

    def undo(self) -> bool:
        """Take the last round of both sides back; what was picked in it is picked again."""

        def work(job: Job) -> None:
            if self._sides is None or self.position < 1:
                raise ValueError("there is no round to take back")
            for run in self._sides:
                run.undo()
            last = self.turns[-1]
            with self.hold_trait_notifications():
                self.turns, self.picks, self.revealed = self.turns[:-1], last.yours.queried.tolist(), 0
                self.undone += 1

        return self.begin(work)

    # ---- inside ----

    def _refer(self, sides: tuple[Run, Run]) -> None:
        """Runs with random picks from the same start, beside everything else; while the person's own round is trained they stand still."""

        start, steps = sides[0].fork(round=0), self.steps

        def work(job: Job) -> None:
            for draw in range(DRAWS):
                rng, given = np.random.default_rng([start.seed, draw]), Given()
                run = start.fork(strategy=given)
                for _ in range(steps):
                    self._jobs.wait()
                    given.picks = rng.choice(run.state.candidates, run.n_queries, replace=False)
                    run.step(cancel=job.cancel)
                accuracy = [finished.metrics["accuracy"] for finished in run.rounds]
                with TURN:
                    if self._sides is sides:  # no other match has begun meanwhile
                        self.reference = np.array([*self.reference, accuracy])

        self._references.instead(work)

    def _reference_failed(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            self.notice = "Cancelled: random's mean is over the runs that were finished."
        else:
            self.error = readable(error)


def made_of(config: dict[str, Any]) -> dict[str, Any]:
    """What of a config makes another match."""
    return {**{key: config[key] for key in DEFAULTS}, "params": json.dumps(config.get("params", {}), sort_keys=True)}


def check_size(dataset: Dataset, config: dict[str, Any]) -> None:
    """Raises ValueError where the pool is too small for the match."""
    needed = int(config["n_queries"]) * (int(config["steps"]) + 1)
    if needed > len(dataset):
        raise ValueError(
            f"{config['steps']} rounds of {config['n_queries']:,} labels, and as many to begin with, are {needed:,}; {dataset.name} has {len(dataset):,} samples: lower one of them"
        )


def masked(dataset: Dataset, known: NDArray[np.int64], points: NDArray[np.float32]) -> Dataset:
    """The pool as the page may see it: positions `points` (n, 2), and no other classes than `known` (n,), −1 = not to be seen."""
    return replace(dataset, targets=known, features=points, images=None, test=None, files=None, source_of=None, report=None)


def _run(dataset: Dataset, config: dict[str, Any], given: Given | None, hooks: dict[str, Any]) -> Run:
    """One side of a match: the strategy's, or with `given` the person's."""
    return Run(
        dataset,
        learner=made("learner", config),
        strategy=given or made("strategy", config),
        initial=made("initial", config),
        n_queries=int(config["n_queries"]),
        seed=int(config["seed"]),
        name="you" if given else "",
        **hooks,
    )


def _turn(you: Run, rival: Run) -> Turn:
    """The last round of both."""
    flat = you.dataset.images is None
    planes = (plane(you, you.position, "probability"), plane(rival, rival.position, "probability")) if flat else None
    return Turn(you.rounds[-1], rival.rounds[-1], planes)
