"""Run: one active-learning run that can be driven, undone, branched and resumed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alviz import data, learners, strategies
from alviz import initial as initial_pools
from alviz.checks import whole
from alviz.citations import bibtex
from alviz.data.dataset import Dataset
from alviz.initial.base import InitialPool
from alviz.learners.base import ConstantModel, Learner, Model
from alviz.learners.stored import dumped, restored
from alviz.loop.asking import asked
from alviz.loop.cited import cited
from alviz.loop.clock import CancelToken, Clock, OnPhase, reporter
from alviz.loop.evaluate import evaluate
from alviz.loop.keeping import Pending, RunStore, StoredRun
from alviz.loop.labels import WHAT_IF, Event, LabelState, standing
from alviz.loop.metrics import ROUND_METRICS, Metric
from alviz.loop.oracles import NOT_YET, Oracle, Person, TrueLabels
from alviz.loop.round import Round, widened
from alviz.loop.script import Era, made, script
from alviz.loop.signals import ModelSignals, check_needs, inputs, predicted, with_inputs
from alviz.progress import Progress, silent
from alviz.registry import spec_of
from alviz.strategies.base import QueryStrategy, Selection
from alviz.strategies.device import Indices
from alviz.strategies.pool import PoolView, SignalSource

if TYPE_CHECKING:
    import pandas as pd


class PoolExhausted(ValueError):
    """Every sample of the pool is labelled or left out."""


class Run:
    """One run on `dataset` (a Dataset or its registry name). Round 0 (initial pool chosen, labelled, trained on, evaluated) happens when it is made.

    learner, strategy, initial: registry names or objects (`learner` also any scikit-learn classifier). n_queries: labels per round.
    n_initial: labels in round 0 (default n_queries). seed: all randomness comes from `default_rng([seed, round, phase])`. oracle: who answers
    (default: the dataset's targets). metrics: measured beside the standard ones in every round. store: keeps every round before it counts as done (default: in memory only). on_phase: called with
    each phase's name as it begins; progress: called with the share of the phase that is done; cancel: stops between any two mini-batches and leaves
    everything as it was. Raises ValueError for settings that cannot work, naming the setting.
    """

    def __init__(
        self,
        dataset: Dataset | str,
        *,
        learner: Any = "linear-svm",
        strategy: "str | QueryStrategy" = "margin",
        initial: "str | InitialPool" = "random",
        n_queries: int = 10,
        n_initial: int | None = None,
        seed: int = 0,
        oracle: Oracle | None = None,
        metrics: Sequence[Metric] = (),
        store: RunStore | None = None,
        name: str = "",
        on_phase: OnPhase | None = None,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ):
        pool = data.create(dataset) if isinstance(dataset, str) else dataset
        self._configure(pool, learner, strategy, initial, n_queries, n_initial, seed, oracle, name, metrics, reporter(progress, cancel))
        self.store = store
        self.id: str | None = None
        self.parent: tuple[str | None, int] | None = None
        self.before: tuple[Era, ...] = ()
        self.state = LabelState(len(pool))
        self._rounds: list[Round] = []
        self._models: list[Model | None] = []
        self.pending: Pending | None = None
        self._cache: dict[Any, Any] = {}
        self._advance(on_phase, progress, cancel, self.n_initial)

    def _configure(
        self,
        dataset: Dataset,
        learner: Any,
        strategy: "str | QueryStrategy",
        initial: "str | InitialPool",
        n_queries: int,
        n_initial: int | None,
        seed: int,
        oracle: Oracle | None,
        name: str,
        metrics: Sequence[Metric] = (),
        progress: Progress = silent,
    ) -> None:
        if not isinstance(dataset, Dataset):
            raise ValueError(f"dataset must be a Dataset (see alviz.data.create and alviz.data.from_arrays), got {type(dataset).__name__}")
        self.strategy = strategies.create(strategy) if isinstance(strategy, str) else strategy
        base = learners.as_learner(learner)
        self.learner: Learner = self.strategy.learner(base)
        self.base_learner = base
        self.dataset = dataset = with_inputs(dataset, self.learner, progress)
        self.initial = initial_pools.create(initial) if isinstance(initial, str) else initial
        self.n_queries = whole("n_queries", n_queries, 1)
        self.n_initial = whole("n_initial", self.n_queries if n_initial is None else n_initial, 1)
        self.seed = whole("seed", seed, 0)
        if self.n_initial > len(dataset):
            raise ValueError(f"n_initial is {self.n_initial}, but dataset {dataset.name!r} has only {len(dataset)} samples")
        check_needs(self.strategy, self.learner, dataset)
        inputs(dataset, self.learner)
        if oracle is None and not (dataset.targets >= 0).any():
            raise ValueError(
                f"dataset {dataset.name!r} has no labels that a program could reveal: name its classes and label it yourself (page Label, or Labelling)"
            )
        self.oracle: Oracle = TrueLabels(dataset) if oracle is None else oracle
        self.metrics = (*ROUND_METRICS, *metrics)
        self.name = name or strategy_name(self.strategy)

    # ---- what happened -------------------------------------------------------------------------------------------------------------

    @property
    def rounds(self) -> tuple[Round, ...]:
        """All finished rounds, round 0 first."""
        return tuple(self._rounds)

    @property
    def position(self) -> int:
        """The index of the last finished round (−1 while round 0 waits for a person)."""
        return len(self._rounds) - 1

    @property
    def n_labelled(self) -> int:
        """Labelled samples now."""
        return self._rounds[-1].n_labelled if self._rounds else 0

    def config(self) -> dict[str, Any]:
        """The run's settings as JSON-able values; objects that were not made by name stand as None. before: what a branch's earlier rounds were made with."""
        return {
            **({"before": [asdict(era) for era in self.before]} if self.before else {}),
            "name": self.name,
            "dataset": self.dataset.spec,
            "learner": spec_of(self.base_learner),
            "strategy": spec_of(self.strategy),
            "initial": spec_of(self.initial),
            "n_queries": self.n_queries,
            "n_initial": self.n_initial,
            "seed": self.seed,
            "extractor": self.dataset.extractor,
            "class_names": list(self.dataset.class_names),
            "annotator": self.oracle.annotator,
        }

    def model(self, round: int | None = None, progress: Progress = silent) -> Model:
        """The model of a round (default: the last one); trained again from that round's labels where it is not in memory, or knows too few classes."""
        r = self.position if round is None else round
        if not 0 <= r <= self.position:
            raise ValueError(f"round must lie in 0 … {self.position}, got {r}")
        model = self._models[r]
        if model is None or model.n_classes != self.dataset.n_classes:
            previous = self._before(r, progress)
            state = LabelState(len(self.dataset), [event for event in self.state.events if event.round <= r])
            model = self._models[r] = self._train(r, state, previous, progress)
        return model

    def view(self, round: int | None = None, progress: Progress = silent) -> PoolView:
        """What the query strategy sees after a round (default: the last one)."""
        r = self.position if round is None else round
        model = self.model(r, progress)
        state = self.state if r == self.position else LabelState(len(self.dataset), [e for e in self.state.events if e.round <= r])
        now, previous = self._probabilities(r), self._probabilities(r - 1) if r > 0 else None
        done = 0.0

        def report(share: float) -> None:
            nonlocal done
            done = share
            progress(share)

        def within(share: float) -> None:  # training again is a small part of what the strategy does: it can be cancelled, the bar stays
            progress(done)

        def refit(extra: Indices, labels: Indices) -> SignalSource:
            together = LabelState(
                len(self.dataset), [*state.events, *(Event(r, int(i), "label", int(y)) for i, y in zip(extra, labels, strict=True))]
            )
            changed = self._train(r, together, model, within)
            return ModelSignals(self.dataset, self.learner, changed, None, now, passes, refit, within)

        def passes() -> np.random.Generator:
            return self._rng(r + 1, 0)

        source = ModelSignals(self.dataset, self.learner, model, now, previous, passes, refit, report)
        labelled = state.labelled
        return PoolView(
            source,
            state.candidates,
            labelled,
            state.labels[labelled],
            self.dataset.n_classes,
            len(self.dataset),
            seed=self.seed,
            run_cache=self._cache,
            progress=report,
            true_targets=self.dataset.targets if self.strategy.oracle else None,
        )

    # ---- driving -------------------------------------------------------------------------------------------------------------------

    def step(self, *, on_phase: OnPhase | None = None, progress: Progress | None = None, cancel: CancelToken | None = None) -> Round | None:
        """One more round: score with the last model, select, label, train, evaluate. None while a person has not answered everything.

        Raises PoolExhausted when nothing is left to ask, Cancelled when `cancel` was set (the run is then as before).
        """
        return self._advance(on_phase, progress, cancel, self.n_queries)

    def run(
        self, until: int, *, on_phase: OnPhase | None = None, progress: Progress | None = None, cancel: CancelToken | None = None
    ) -> None:
        """Step until `until` samples are labelled in all (the last batch is cut to fit), the pool is exhausted or a person is waited for."""
        until = whole("until", until, 1)
        while self.n_labelled < until and (self.pending is not None or len(self.state.candidates)):
            if self._advance(on_phase, progress, cancel, min(self.n_queries, until - self.n_labelled)) is None:
                return

    def undo(self) -> None:
        """Take back the last round, its labels included; what a person said is kept and answers the same query again."""
        if self.pending is not None:
            self._go_back(self.position)
        elif self.position < 1:
            raise ValueError("there is no round to undo: the run stands at round 0")
        else:
            self._go_back(self.position - 1)

    def record(self, events: Sequence[Event]) -> None:
        """Add what people say while a query waits: answers, and second thoughts about any sample. It is in the store when this returns.

        It takes effect at the next step. Raises ValueError where no query waits, or where the stored run was changed by somebody else meanwhile.
        """
        if self.pending is None:
            raise ValueError("no query waits for an answer")
        if self.store is not None:
            self.store.append(self._stored_id(), events)
        self.pending = replace(self.pending, events=(*self.pending.events, *events))

    def reopen(self) -> None:
        """Let the last round's query wait again, with everything that people said since it was posed; its training is given up."""
        if self.position < 0 or self.oracle.annotator == "simulated":
            raise ValueError("there is no round that a person has answered")
        r, last = self.position, self._rounds[-1]
        said = [event for event in standing(self.state.events) if event.round >= r]
        taken = set(map(id, said))
        earlier = [event for event in self.state.events if id(event) not in taken]
        later = [*said, *(() if self.pending is None else self.pending.events)]
        scores = np.full(len(self.dataset), np.nan) if last.scores is None else last.scores
        selection = Selection(last.queried, scores, last.gains, last.synthetic, last.note)
        pending = Pending(r, selection, last.strategy, dict(last.seconds), tuple(replace(event, round=r) for event in later))
        if self.store is not None:
            self.store.keep_pending(self._stored_id(), pending, [])
        self.state = LabelState(len(self.dataset), earlier)
        self.pending = pending
        del self._rounds[r:], self._models[r:]

    def add_class(self, name: str) -> int:
        """A further class, which models know from the next round on; gives its index. Raises ValueError for a name that is empty or taken."""
        names = self.dataset.class_names
        if not name.strip() or name in names:
            raise ValueError(f"a new class needs a name that is not taken, got {name!r}")
        if self.store is not None:
            self.store.add_class(self._stored_id(), len(names), name)
        self.dataset = self.dataset.with_classes((*names, name))
        self._rounds = [widened(finished, len(names) + 1) for finished in self._rounds]
        return len(names)

    def goto(self, round: int) -> None:
        """Stand at the end of `round`: back by undoing, or forward by stepping."""
        round = whole("round", round, 0)
        if round < self.position:
            self._go_back(round)
        while self.position < round and self.step() is not None:
            pass

    def fork(
        self, *, round: int | None = None, strategy: "str | QueryStrategy | None" = None, n_queries: int | None = None, name: str = ""
    ) -> "Run":
        """A second run with the same past up to `round` (default: now) that goes on with another strategy or batch size."""
        r = self.position if round is None else whole("round", round, 0)
        if r > self.position:
            raise ValueError(f"round must lie in 0 … {self.position}, got {r}")
        twin = object.__new__(Run)
        new = self.strategy if strategy is None else strategy
        n_new = self.n_queries if n_queries is None else n_queries
        twin._configure(
            self.dataset,
            self.base_learner,
            new,
            self.initial,
            n_new,
            self.n_initial,
            self.seed,
            self.oracle,
            name,
            self.metrics[len(ROUND_METRICS) :],
        )
        if new is not self.strategy and (self.learner is not self.base_learner or twin.learner is not twin.base_learner):
            raise ValueError(f"strategy {strategy_name(twin.strategy)!r} changes the training itself: start a run of its own for it")
        twin.state = LabelState(len(self.dataset), [event for event in self.state.events if event.round <= r])
        twin._rounds = self._rounds[: r + 1]
        twin._models = self._models[: r + 1]
        twin.pending = None
        twin._cache = {}
        twin.parent = (self.id, r)
        twin.before = self._eras(r, twin)
        twin.store, twin.id = None, None
        if self.store is not None:
            twin.keep(self.store, {"parent": list(twin.parent)})
        return twin

    def keep(self, store: RunStore, more: Mapping[str, Any] | None = None) -> str:
        """Keep this run in `store` from now on, its rounds so far included; gives its id. more: what its stored settings say beside its own."""
        self.store, self.id = store, store.create({**self.config(), **(more or {})}, self.dataset)
        for finished, model in zip(self._rounds, self._models, strict=True):
            arrays = dumped(self.learner, model) if model is not None and finished.index >= self.position - 1 else None
            store.commit(self.id, finished, [event for event in self.state.events if event.round == finished.index], arrays)
        return self.id

    @classmethod
    def resume(
        cls, stored: StoredRun, dataset: Dataset, *, store: RunStore | None = None, oracle: Oracle | None = None, **objects: Any
    ) -> "Run":
        """Go on with a stored run where it stopped: the same picks as if it had never stopped.

        stored: from `Store.load`. dataset: the run's dataset; samples are matched by id, so samples that joined or left the pool shift no label. objects: `learner`,
        `strategy` or `initial` where the stored run's was not made by name. Raises ValueError where a labelled sample is missing.
        """
        run = object.__new__(cls)
        config = stored.config
        known = config.get("class_names", dataset.class_names)
        dataset = dataset.with_classes(known)
        annotator = config.get("annotator", "simulated")
        oracle = Person(annotator) if oracle is None and annotator != "simulated" else oracle
        parts = {part: objects.get(part) or made(part, config[part]) for part in ("learner", "strategy", "initial")}
        numbers = {key: config[key] for key in ("n_queries", "n_initial", "seed", "name")}
        run._configure(dataset, oracle=oracle, **parts, **numbers)
        run.store, run.id = store, stored.id
        run.parent = tuple(config["parent"]) if config.get("parent") else None
        run.before = tuple(Era(**era) for era in config.get("before", ()))
        run._cache = {}
        run.state = LabelState(len(dataset), stored.events)
        run._rounds = [widened(finished, dataset.n_classes) for finished in stored.rounds]
        # Features that an extractor learns from the pool are others in another pool: a model of the old ones says nothing about them.
        kept = {} if (stored.joined or stored.gone) and run.learner.takes == "features" else stored.models
        run._models = [restored(run.learner, kept[r]) if r in kept else None for r in range(len(run._rounds))]
        run.pending = stored.pending
        if stored.joined:  # samples were added since: their probabilities are not in the store
            for r, finished in enumerate(run._rounds):
                after = predicted(run.model(r), inputs(run.dataset, run.learner), silent)
                run._rounds[r] = replace(finished, probabilities=after.astype(np.float32))
        if stored.moved and store is not None:
            store.move(stored.id, dataset, run._rounds, run.pending)
        if store is not None:  # classes that came with new samples keep their places from now on
            for k in range(len(known), dataset.n_classes):
                store.add_class(stored.id, k, dataset.class_names[k])
        return run

    @classmethod
    def replay(cls, stored: StoredRun, dataset: Dataset, **hooks: Any) -> "Run":
        """Make a run of a grid again, up to where it stands, with all that its store has left out; it is not stored itself.

        hooks: on_phase, progress, cancel, as `step` takes them. Raises ValueError where a part was not made by name.
        """
        config = stored.config
        parts = {part: made(part, config[part]) for part in ("learner", "strategy", "initial")}
        numbers = {key: config[key] for key in ("n_queries", "n_initial", "seed", "name")}
        run = cls(dataset.with_classes(config["class_names"]), **parts, **numbers, **hooks)
        while run.position < len(stored.rounds) - 1:
            run.step(**hooks)
        run.id = stored.id
        return run

    # ---- taking a run away ---------------------------------------------------------------------------------------------------------

    def to_frame(self) -> "pd.DataFrame":
        """One row per round: round, strategy, n_labelled, every metric, seconds per phase."""
        import pandas as pd

        rows = [
            {
                "round": finished.index,
                "strategy": finished.strategy,
                "n_labelled": finished.n_labelled,
                **finished.metrics,
                **{f"seconds_{phase}": seconds for phase, seconds in finished.seconds.items()},
            }
            for finished in self._rounds
        ]
        return pd.DataFrame(rows)

    def to_python(self) -> str:
        """A script that makes this run again, its branches and what was left out included. Raises ValueError where a part was not made by name.

        What a person answered is not in it: there the script asks the dataset's own labels.
        """
        left_out = [(event.round, event.sample) for event in standing(self.state.events) if event.annotator == WHAT_IF]
        return script(self.config(), self.position, left_out)

    def to_bibtex(self) -> str:
        """The papers to cite as BibTeX, each once: those of the strategies (of a branch's past too), the data, the learner and the initial pool."""

        def by_name(part: str, thing: Any) -> tuple[str, ...]:
            return cited(part, **(spec_of(thing) or {"name": getattr(thing, "name", ""), "params": {}}))

        keys = by_name("strategy", self.strategy)
        for name in dict.fromkeys(finished.strategy for finished in self._rounds[1:]):
            keys += cited("strategy", name, {})
        keys += cited("dataset", **self.dataset.spec) if self.dataset.spec else ()
        return bibtex(*keys, *by_name("learner", self.base_learner), *by_name("initial", self.initial))

    # ---- inside --------------------------------------------------------------------------------------------------------------------

    def _rng(self, round: int, phase: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, round, phase])

    def _advance(self, on_phase: OnPhase | None, progress: Progress | None, cancel: CancelToken | None, n_wanted: int) -> Round | None:
        report = reporter(progress, cancel)
        clock = Clock(on_phase, report)
        r = len(self._rounds)
        waiting = self.pending
        if waiting is None:
            waiting = Pending(r, *self._select(r, n_wanted, clock, report), clock.seconds, ())
        else:
            clock.seconds.update(waiting.seconds)
        selection = waiting.selection

        clock.begin("label")
        answers, fresh = asked(self.oracle, r, selection.indices, waiting.events, self.state.events, self.dataset.n_classes)
        if self.oracle.annotator != "simulated":  # what a person said is kept before anything else can go wrong
            self.pending = replace(waiting, seconds=dict(clock.seconds), events=(*waiting.events, *fresh))
            if self.store is not None:
                self.store.keep_pending(self._stored_id(), self.pending, fresh)
            if (answers == NOT_YET).any():
                return None
            fresh_for_state, fresh = [*self.pending.events], []
        else:
            fresh_for_state = fresh

        state = LabelState(len(self.dataset), [*self.state.events, *fresh_for_state])
        clock.begin("train")
        model = self._train(r, state, self._before(r, report), report)
        clock.begin("evaluate")
        finished = evaluate(
            self.dataset,
            self.learner,
            model,
            state,
            index=r,
            strategy=waiting.strategy,
            selection=selection,
            answers=answers,
            metrics=self.metrics,
            rng=self._rng(r, 4),
            progress=report,
        )
        report(1.0)
        finished = replace(finished, seconds=clock.stop())
        if self.store is not None:
            self.store.commit(self._stored_id(), finished, fresh, dumped(self.learner, model))
        self.state = state
        self._rounds.append(finished)
        self._models.append(model)
        self.pending = None
        return finished

    def _select(self, r: int, n_wanted: int, clock: Clock, report: Progress) -> tuple[Selection, str]:
        if r == 0:
            clock.begin("select")
            indices = self.initial.choose(self.dataset, n_wanted, self._rng(0, 1), report)
            return Selection(indices, np.full(len(self.dataset), np.nan)), getattr(self.initial, "name", "")
        clock.begin("score")
        view = self.view(progress=report)
        if len(view) == 0:
            raise PoolExhausted("nothing is left to query: every sample of the pool is labelled or left out")
        strategy = self.strategy.fallback(view.provides)
        for need in strategy.needs:  # what scoring needs is computed here, so that the phases say where the time goes
            if isinstance(need, str) and need not in ("predict", "refit", "module", "inputs", "gradients", "target_posterior"):
                view.signal(need)
        report(1.0)
        clock.begin("select")
        selection = strategy.select(view, min(n_wanted, len(view)), self._rng(r, 1))
        return selection, strategy_name(strategy)

    def _train(self, r: int, state: LabelState, previous: Model | None, progress: Progress) -> Model:
        labelled = state.labelled
        if len(labelled) == 0:
            return ConstantModel(None, self.dataset.n_classes)
        x = inputs(self.dataset, self.learner)
        return self.learner.fit(
            x[labelled],
            state.labels[labelled],
            n_classes=self.dataset.n_classes,
            unlabelled=x[state.candidates] if self.learner.trains_on_pool else None,
            previous=previous,
            rng=self._rng(r, 3),
            progress=progress,
        )

    def _probabilities(self, r: int) -> NDArray[np.float32]:
        """What the model of round r says about the pool; predicted again where the store has not kept it."""
        finished = self._rounds[r]
        if len(finished.probabilities) == 0:
            again = predicted(self.model(r), inputs(self.dataset, self.learner), silent).astype(np.float32)
            self._rounds[r] = replace(finished, probabilities=again)
        return self._rounds[r].probabilities

    def _before(self, r: int, progress: Progress) -> Model | None:
        """The model that round r starts from; it may know fewer classes, if some were added since."""
        if r == 0:
            return None
        kept = self._models[r - 1]
        return self.model(r - 1, progress) if kept is None else kept

    def _go_back(self, r: int) -> None:
        event, before = Event(r, -1, "undo", annotator=""), self._eras(r, self)
        if self.store is not None and self.id is not None:
            self.store.truncate(self.id, event, before)
        said = () if self.pending is None else self.pending.events
        self.state.append([*said, event])
        self.pending = None
        self.before = before
        del self._rounds[r + 1 :]
        del self._models[r + 1 :]

    def _eras(self, r: int, heir: "Run") -> tuple[Era, ...]:
        """What the rounds up to r were made with, as far as `heir`, which goes on from there, has other settings. No strategy chose round 0."""
        now, then = (Era(r, spec_of(run.strategy), run.n_queries) for run in (self, heir))
        eras = [era for era in self.before if era.until < r]
        eras += [next((replace(era, until=r) for era in self.before if era.until >= r), now)] if r else []
        while eras and replace(eras[-1], until=r) == then:
            eras.pop()
        return tuple(eras)

    def _stored_id(self) -> str:
        assert self.store is not None
        if self.id is None:
            self.id = self.store.create(self.config(), self.dataset)
        return self.id


def strategy_name(strategy: QueryStrategy) -> str:
    """The name a strategy goes by."""
    return strategy.name or type(strategy).__name__
