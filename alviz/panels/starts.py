"""Starts: several initial pools on the same data, and the runs that go on from them over several seeds."""

from dataclasses import dataclass
from typing import Any

import traitlets

from alviz import initial
from alviz.data.dataset import Dataset
from alviz.figures.pools import REFERENCE
from alviz.initial.base import InitialPool
from alviz.panels.jobs import Job
from alviz.panels.workbench import Workbench, source_of
from alviz.strategies.device import Indices
from alviz.studies.initial import Contents, Start, contents, first_samples, started

DEFAULTS: dict[str, Any] = {
    "dataset": "fashion-mini",
    "imbalance": "none",
    "pools": ["random", "kmeans-equal", "typiclust", "rotation-loss"],
    "bins": 1,
    "clusters": None,
    "n_initial": 50,
    "seed": 0,
    "learner": "linear-svm",
    "strategy": "margin",
    "n_queries": 50,
    "steps": 5,
    "seeds": 5,
}
MOST = 4


@dataclass(frozen=True, eq=False)
class Chosen:
    """One initial pool as it was chosen with the first seed. indices: (n,) dataset indices in pick order."""

    name: str
    indices: Indices
    contents: Contents


class Starts(Workbench):
    """What the Initial pools page knows, beside what every Workbench knows of data and map.

    chosen: one `Chosen` per pool finished so far; waiting: the names of those still to come. results: one dict per finished seed, pool name ->
    `Start`, the random start among them whether it was asked for or not.
    """

    chosen: Any = traitlets.List()
    waiting: Any = traitlets.List()
    results: Any = traitlets.List()

    def __init__(self, **config: Any):
        super().__init__(**{**DEFAULTS, **config})
        self._started: dict[str, Any] | None = None
        self._went_on: dict[str, Any] | None = None

    @property
    def stale(self) -> str:
        """The button to press so that the page shows what the settings say, or ""."""
        if self._started is None:
            return ""
        if made_of(self._started) != made_of(self.config):
            return "Start"
        return "Run" if self._went_on is not None and goes_on(self._went_on) != goes_on(self.config) else ""

    @property
    def names(self) -> list[str]:
        """The pools on the page: those last started, or those set while there are none."""
        return [name for name in (self._started or self.config)["pools"] if name != "none"][:MOST]

    # ---- what buttons do ----

    def start(self) -> bool:
        """Choose the pools of `config` with its seed."""
        return self.make(0)

    def make(self, seeds: int, said: str = "") -> bool:
        """The same, and then the runs of so many seeds. said: a notice that stays meanwhile."""

        def work(job: Job) -> None:
            self.notice = said
            config = dict(self.config)
            names = wanted(config)
            pools = [made(name, config) for name in names]
            self.phase = "loading the data"
            dataset = self._dataset(config, job)
            for pool in pools:
                if missing := pool.unmet(dataset):
                    raise ValueError(f"initial pool {pool.name!r} needs {missing}, which {dataset.name} does not have: choose another")
            self._started, self._went_on = config, None
            self.chosen, self.results, self.waiting = [], [], names
            self._take(dataset)
            self._refresh_map()
            try:
                for k, pool in enumerate(pools):
                    self.phase = pool.name
                    report = lambda share, k=k: job.progress((k + share) / len(pools))  # noqa: E731
                    indices = first_samples(pool, dataset, int(config["n_initial"]), int(config["seed"]), report)
                    self.waiting = names[k + 1 :]
                    self.chosen = [*self.chosen, Chosen(pool.name, indices, contents(dataset, indices))]
            finally:
                self.waiting = []
            for k in range(seeds):
                self._another_seed(job, (k / seeds, (k + 1) / seeds))

        return self.begin(work)

    def step(self) -> bool:
        """The runs of one more seed, from every pool."""

        def work(job: Job) -> None:
            self._another_seed(job, (0.0, 1.0))

        return self.begin(work)

    def run_to_end(self) -> bool:
        """The runs of as many seeds as are set."""

        def work(job: Job) -> None:
            self._suit_results()
            total = int(self.config["seeds"]) - len(self.results)
            if total <= 0:
                raise ValueError(f"all {len(self.results)} seeds are done: raise Seeds, or press Step for one more")
            for k in range(total):
                self._another_seed(job, (k / total, (k + 1) / total))

        return self.begin(work)

    def undo(self) -> bool:
        """Take the last seed's runs back."""

        def work(job: Job) -> None:
            self.results = self.results[:-1]

        return self.begin(work)

    # ---- inside ----

    def _needed(self) -> tuple[dict[str, Any], Dataset]:  # type: ignore[override]
        if self._started is None or not self.chosen or self.dataset is None:
            raise ValueError("there are no pools yet: press Start first")
        return {**self._started, **goes_on(self.config)}, self.dataset

    def _suit_results(self) -> dict[str, Any]:
        """The settings of the runs; those made under others are taken off the page."""
        config, _ = self._needed()
        if self._went_on is None or goes_on(self._went_on) != goes_on(config):
            self.results, self._went_on = [], config
        return config

    def _another_seed(self, job: Job, span: tuple[float, float]) -> None:
        config = self._suit_results()
        _, dataset = self._needed()
        names = [chosen.name for chosen in self.chosen]
        names += [] if REFERENCE in names else [REFERENCE]
        width = (span[1] - span[0]) / len(names)
        found: dict[str, Start] = {}
        for k, name in enumerate(names):
            low = span[0] + k * width

            self.phase = f"seed {len(self.results) + 1}: {name}"
            found[name] = started(
                dataset,
                made(name, config),
                learner=config["learner"],
                strategy=config["strategy"],
                n_initial=int(config["n_initial"]),
                n_queries=int(config["n_queries"]),
                rounds=int(config["steps"]),
                seed=int(config["seed"]) + len(self.results),
                progress=lambda share, low=low: job.progress(low + width * share),  # type: ignore[misc]
                cancel=job.cancel,
            )
        self.results = [*self.results, found]


def wanted(config: dict[str, Any]) -> list[str]:
    """The pools of a config. Raises ValueError for none, or for one twice."""
    names = [name for name in config["pools"] if name != "none"]
    if not names:
        raise ValueError("choose at least one initial pool")
    if len(set(names)) < len(names):
        raise ValueError("choose every initial pool once only")
    return names


def made(name: str, config: dict[str, Any]) -> InitialPool:
    """The initial pool `name` with the settings of the page."""
    return initial.create(name, **settings_of(name, config))


def settings_of(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """What of a config the initial pool `name` takes: bins of its losses, clusters of the data (None: as many as there are classes)."""
    values = {"bins": int(config["bins"]), "clusters": config["clusters"], "n_clusters": config["clusters"]}
    return {key: value for key, value in values.items() if key in initial.registry.parameters(name)}


def made_of(config: dict[str, Any]) -> dict[str, Any]:
    """What of a config makes other pools."""
    pools = [(name, settings_of(name, config)) for name in config["pools"] if name != "none"]
    return {"source": source_of(config), "pools": pools, **{key: config[key] for key in ("n_initial", "seed")}}


def goes_on(config: dict[str, Any]) -> dict[str, Any]:
    """What of a config makes other runs from the same pools."""
    return {key: config[key] for key in ("learner", "strategy", "n_queries", "steps")}
