"""scikit-activeml's pool strategies under alviz's signals, offered where that package is installed."""

import random
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from alviz.registry import Card
from alviz.strategies.base import CappedStrategy, Need, Selection, registry, spread
from alviz.strategies.device import Array, Indices
from alviz.strategies.needs import readable_need
from alviz.strategies.pool import POSTERIORS, PoolView

PREFIX = "skactiveml:"
"""Before the name of the class, in the registry."""

LIBRARY = "Herde et al., scikit-activeml: a comprehensive and user-friendly active learning library (2026)"
"""The package's own paper."""

OLDEST = "1.0"
"""The version from which on it works."""


@dataclass(frozen=True)
class Served:
    """How a class is served. model: the argument of `query` that takes a fitted model, "" for none. points: the signal that it takes
    distances in, "" where it looks at predictions only. classes: whether it must be told all classes. asks: whether it asks the model about
    changed samples. options: what its constructor is given, where its own defaults want a model of one kind. paper: the key of the paper it names,
    "" for none.
    """

    model: str = ""
    points: str = "embeddings"
    classes: bool = False
    asks: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    paper: str = ""

    @property
    def needs(self) -> tuple[Need, ...]:
        """The signals that this takes."""
        predictions: dict[str, tuple[Need, ...]] = {"clf": ("probabilities",), "estimator": ("probabilities",), "ensemble": (POSTERIORS,)}
        points = (self.points,) if self.points else ()
        return (*points, *predictions.get(self.model, ()), *(("predict",) if self.asks else ()))


SERVED = {
    "Badge": Served("clf", paper="ash2020badge"),
    "BatchBALD": Served("ensemble", "", paper="kirsch2019batchbald"),
    "Clue": Served("estimator", paper="prabhu2021clue"),
    "ContrastiveAL": Served("clf", paper="margatina2021cal"),
    "CoreSet": Served(paper="sener2018coreset"),
    "CostEmbeddingAL": Served(classes=True, paper="huang2016cost"),
    "DiscriminativeAL": Served("discriminator", paper="gissin2019discriminative"),
    "DropQuery": Served("clf", "features", asks=True, paper="gupte2024dropquery"),
    "Falcun": Served("clf", "", paper="gilhuber2024falcun"),
    "GreedyBALD": Served("ensemble", "", paper="houlsby2011bald"),
    "GreedySamplingX": Served(paper="wu2019greedy"),
    "MaxHerding": Served(paper="bae2024maxherding"),
    "ProbCover": Served(paper="yehuda2022probcover"),
    "ProbabilisticAL": Served("clf", options={"metric": "rbf"}, paper="kottke2016probabilistic"),
    "QueryByCommittee": Served("ensemble", "", paper="seung1992committee"),
    "Quire": Served(classes=True, paper="huang2010quire"),
    "RandomSampling": Served(points=""),
    "TypiClust": Served(paper="hacohen2022typiclust"),
    "UncertaintySampling": Served("clf", "", paper="settles2009survey"),
}
"""The classes that alviz's signals can serve. Left out: those that train the model again (expected error reduction, value of information),
that need a model of one kind (epistemic uncertainty, 4DS), regression, several annotators, and wrappers."""


class ActiveML(CappedStrategy):
    """A scikit-activeml strategy with its own defaults, on larger pools among `cap` candidates drawn uniformly."""

    served: ClassVar[Served]
    stoppable = False
    symmetries = frozenset()

    def __init__(self, cap: int | None = 10_000):
        super().__init__(cap)

    def select_among(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """What the package chooses. scores: its utilities for the first pick; gains: those of each pick when it was made."""
        pool.progress(0.0)
        served, first = self.served, len(pool.labelled)
        x = self._points(pool)
        y = np.concatenate([pool.labels.astype(np.float64), np.full(len(pool), np.nan)])
        classes = list(range(pool.n_classes))
        seed = int(rng.integers(2**31 - 1))
        options = {**served.options, **({"classes": classes} if served.classes else {})}
        rows = np.arange(first, len(x))
        with own_randomness(rng), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            strategy = getattr(package(self.name), self.name.removeprefix(PREFIX))(random_state=seed, **options)
            models: dict[str, Any] = {}
            if served.model == "discriminator":
                models["discriminator"] = discriminator(seed)
            elif served.model:
                models = {served.model: self._model(pool, x, classes), f"fit_{served.model}": False}
            try:
                chosen, utilities = strategy.query(x, y, candidates=rows, batch_size=n_queries, return_utilities=True, **models)
            except (ValueError, TypeError, LookupError, NameError, ArithmeticError) as error:
                raise ValueError(f"query strategy {self.name!r}: scikit-activeml could not choose ({error})") from error
        picks = self._checked(np.asarray(chosen), n_queries, first, len(pool))
        utilities = np.where(np.isfinite(utilities), utilities, np.nan)
        gains = utilities[np.arange(n_queries), picks + first]
        again = repeated(picks)
        note = ""
        if again.any():
            others = np.setdiff1d(np.arange(len(pool)), picks)
            picks[again], gains[again] = rng.choice(others, again.sum(), replace=False), np.nan
            note = f"scikit-activeml chose {again.sum()} samples twice; uniform draws stand in."
        pool.progress(1.0)
        return Selection(pool.candidates[picks], spread(pool, utilities[0, first:]), gains, note=note)

    def _points(self, pool: PoolView) -> Array:
        """Rows of the labelled samples, then of the candidates; their numbers alone where no distance is taken."""
        if not self.served.points:
            return np.concatenate([pool.labelled, pool.candidates])[:, None].astype(np.float64)
        return np.concatenate([pool.labelled_signal(self.served.points), pool.signal(self.served.points)])

    def _model(self, pool: PoolView, x: Array, classes: list[int]) -> Any:
        """The model as the package wants it: one fitted classifier, or a list of them."""
        if self.served.model == "ensemble":
            return [classifier()(Answers(pool, x, layer), classes) for layer in pool.posterior]
        return classifier()(Answers(pool, x, pool.probabilities), classes)

    def _checked(self, chosen: Array, n_queries: int, first: int, m: int) -> Indices:
        """Positions among the candidates. Raises ValueError where the package's answer is no choice of n_queries of them."""
        right = chosen.shape == (n_queries,) and np.issubdtype(chosen.dtype, np.integer)
        if not right or chosen.min() < first or chosen.max() >= first + m:
            raise ValueError(f"query strategy {self.name!r} was asked for {n_queries} candidates and gave {chosen.tolist()}")
        return chosen.astype(np.int64) - first


def repeated(picks: Indices) -> NDArray[np.bool_]:
    """(b,) whether an earlier pick is the same."""
    again = np.ones(len(picks), dtype=bool)
    again[np.unique(picks, return_index=True)[1]] = False
    return again


@dataclass(frozen=True)
class Answers:
    """What the model says about rows the package may ask for: those of x (L + m, ·), of which the candidates have `probabilities` (m, K)."""

    pool: PoolView
    x: Array
    probabilities: Array

    def __call__(self, x: Array) -> Array:
        """(len(x), K) probabilities of the candidates, of the labelled samples, or of changed ones."""
        first = len(self.pool.labelled)
        if np.array_equal(x, self.x[first:]):
            return np.array(self.probabilities, dtype=np.float64)
        if np.array_equal(x, self.x[:first]):
            return np.array(self.pool.labelled_signal("probabilities"), dtype=np.float64)
        return np.array(self.pool.predict(x), dtype=np.float64)

    def __deepcopy__(self, memo: Any) -> "Answers":
        return self


@cache
def classifier() -> Any:
    """The class of fitted scikit-activeml classifiers that answer with alviz's model."""
    base: Any = import_module("skactiveml.base").SkactivemlClassifier

    class Fitted(base):
        def __init__(
            self, answers: Any, classes: Any = None, missing_label: Any = np.nan, cost_matrix: Any = None, random_state: Any = None
        ):
            super().__init__(classes, missing_label, cost_matrix, random_state)
            self.answers = answers
            self.classes_ = np.asarray(classes)

        def fit(self, X: Array, y: Array, sample_weight: Any = None) -> Any:
            return self

        def predict_proba(self, X: Array) -> Array:
            return self.answers(X)

        def predict(self, X: Array) -> Array:
            return self.classes_[self.answers(X).argmax(axis=1)]

    return Fitted


def discriminator(seed: int) -> Any:
    """An unfitted classifier that tells labelled from unlabelled samples."""
    from sklearn.linear_model import LogisticRegression

    return import_module("skactiveml.classifier").SklearnClassifier(LogisticRegression(max_iter=1000), classes=[0, 1], random_state=seed)


@contextmanager
def own_randomness(rng: np.random.Generator) -> Iterator[None]:
    """The global generators of random and numpy, which some of the package's clusterings draw from, seeded by rng and put back afterwards."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(int(rng.integers(2**31)))
    np.random.seed(int(rng.integers(2**31)))  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002


def package(name: str) -> Any:
    """The module skactiveml.pool. Raises ValueError where the package is missing or too old for strategy `name`."""
    wanted = f"query strategy {name!r} needs the package scikit-activeml {OLDEST} or later"
    try:
        found = version("scikit-activeml")
        pool = import_module("skactiveml.pool")
    except (PackageNotFoundError, ImportError):
        raise ValueError(f"{wanted}, which is not installed") from None
    if _numbers(found) < _numbers(OLDEST) or not hasattr(pool, name.removeprefix(PREFIX)):
        raise ValueError(f"{wanted}; version {found} is installed")
    return pool


@dataclass(frozen=True)
class Described:
    """What the package's source says about a class."""

    title: str
    idea: str
    reference: str


def descriptions() -> dict[str, Described]:
    """Every class that can be served, read from the installed package's source without importing it; empty where it is not installed."""
    spec = find_spec("skactiveml")
    folders = spec.submodule_search_locations if spec is not None else None
    found = {}
    for file in sorted(Path(folders[0], "pool").glob("_*.py")) if folders else []:
        for name, text in re.findall(r'^class (\w+)\(.*?\):\n    """(.+?)"""', file.read_text("utf-8"), re.S | re.M):
            if name in SERVED:
                title, idea = (*text.split("\n\n"), "")[:2]
                source = re.search(r"\.\. \[1\] (.+?)(?=\n\s*\.\. \[|\Z)", text, re.S)
                first = re.split(r"(?<=\.) (?=[A-Z])", plain(idea))[0]
                found[name] = Described(plain(title), first, f"{plain(source[1])} Through {LIBRARY}." if source else f"{LIBRARY}.")
    return found


def plain(text: str) -> str:
    """Docstring text on one line, without its numbered references and literals."""
    return re.sub(r"\s+", " ", re.sub(r"\s*\[\d+\]_,?", "", text).replace("`", "")).strip()


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:2]]


def offer() -> None:
    """Register what can be served, or what to say about names that cannot be found."""
    found = descriptions()
    if not found:
        registry.elsewhere[PREFIX] = f"it needs the package scikit-activeml {OLDEST} or later, which is not installed"
    for name, described in found.items():
        served = SERVED[name]
        card = Card(
            title=described.title,
            family="wrapper",
            idea=described.idea,
            formula=f"skactiveml.pool.{name}().query(X, y{f', {served.model}' if served.model else ''}, candidates, batch_size)",
            needs=", ".join(readable_need(need) for need in served.needs) or "nothing",
            cost="that of the package; tables of n × n or b × n numbers in some",
            reference=described.reference,
            cites=(*filter(None, [served.paper]), "herde2026scikitactiveml"),
            shines="Comparing with another implementation, and methods that alviz has none of.",
            fails="Large pools, and it cannot be cancelled once it has begun.",
            deviation="The package chooses, with its own defaults, under this run's model; where it chooses a sample twice, a uniform draw stands "
            "in and the note says so.",
            options={"cap": "Candidates it looks at, drawn uniformly from larger pools; None: all of them, however long it takes."},
        )
        type(name, (ActiveML,), {"name": PREFIX + name, "card": card, "served": served, "needs": served.needs, "__module__": __name__})


offer()
