"""Comparison: a grid of runs, said in a file or in Python, checked as a whole before anything runs."""

import difflib
import itertools
import json
import math
import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from alviz import data, initial, learners, strategies
from alviz.checks import whole
from alviz.data import rules
from alviz.data.hashing import hash_text
from alviz.loop.signals import unmet

AXES = ("dataset", "imbalance", "learner", "initial", "n_queries", "strategy", "seed")
"""What may differ between two cells of a grid, in the order in which tables and titles name it."""

FIELDS = {
    "datasets": "names, or tables with name and settings",
    "imbalances": 'make-ups of the pool, such as "none" or "ir=0.75"',
    "learners": "names, or tables with name and settings",
    "initial": "names of initial pools, or tables with name and settings",
    "strategies": "names, or tables with name and settings",
    "n_queries": "labels per round: a whole number, or several",
    "n_initial": "labels in round 0: a whole number; as many as in every round where it is left out",
    "rounds": "rounds after round 0: a whole number",
    "seeds": "how many (they are 0, 1, 2 …), or a list",
    "name": "what the comparison is called",
}
LONGEST = 80
"""Letters of a name or label, which has to fit into tables and figures."""

_NEEDED = ("datasets", "strategies", "rounds", "seeds")


@dataclass(frozen=True)
class Part:
    """A dataset, learner, strategy or initial pool: its registry name, its settings, and the label that tells it from others of the grid."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    def spec(self) -> dict[str, Any]:
        """{"name": …, "params": …}, as a run's configuration has it."""
        return {"name": self.name, "params": dict(self.params)}


@dataclass(frozen=True)
class Cell:
    """One run of a grid."""

    dataset: Part
    imbalance: str
    learner: Part
    initial: Part
    n_queries: int
    strategy: Part
    seed: int
    n_initial: int

    def spec(self) -> dict[str, Any]:
        """What makes the run, as JSON-able values."""
        parts = {axis: getattr(self, axis).spec() for axis in ("dataset", "learner", "initial", "strategy")}
        return {**parts, **{axis: getattr(self, axis) for axis in ("imbalance", "n_queries", "n_initial", "seed")}}

    @cached_property
    def key(self) -> str:
        """32 hex digits: the same for the same run, in whatever grid it stands and however many rounds it is to have."""
        return hash_text([self.spec()])

    def label(self, axis: str) -> Any:
        """What tables and figures call this cell's place on an axis."""
        place = getattr(self, axis)
        return place.label if isinstance(place, Part) else place


@dataclass(frozen=True)
class Comparison:
    """A grid: every dataset × imbalance × learner × initial pool × batch size × strategy × seed is a run of `rounds` rounds after round 0.

    Runs of one seed are paired: the same initial pool, and the same test set. Make one with `read` or `parse`, which check everything.
    """

    datasets: tuple[Part, ...]
    strategies: tuple[Part, ...]
    seeds: tuple[int, ...]
    rounds: int
    imbalances: tuple[str, ...] = ("none",)
    learners: tuple[Part, ...] = (Part("linear-svm", label="linear-svm"),)
    initial: tuple[Part, ...] = (Part("random", label="random"),)
    n_queries: tuple[int, ...] = (50,)
    n_initial: int | None = None
    name: str = ""

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """axis -> what stands along it; in the order of the cells, the slowest first, so that those that share most are next to one another."""
        return {
            "dataset": self.datasets,
            "imbalance": self.imbalances,
            "learner": self.learners,
            "initial": self.initial,
            "n_queries": self.n_queries,
            "seed": self.seeds,
            "strategy": self.strategies,
        }

    def cells(self) -> Iterator[Cell]:
        """All cells, those that share most next to one another."""
        return iter(self._cells)

    @cached_property
    def _cells(self) -> tuple[Cell, ...]:
        axes = self.axes
        places = (dict(zip(axes, place, strict=True)) for place in itertools.product(*axes.values()))
        return tuple(Cell(**place, n_initial=place["n_queries"] if self.n_initial is None else self.n_initial) for place in places)

    def __len__(self) -> int:
        """How many cells there are."""
        return math.prod(map(len, self.axes.values()))

    def spec(self) -> dict[str, Any]:
        """The grid as JSON-able values that `parse` takes."""

        def entry(part: Part) -> Any:
            usual = _label(part.name, part.params)
            more = {} if part.label == usual else {"label": part.label}
            return {"name": part.name, **part.params, **more} if part.params or more else part.name

        parts = {key: [entry(part) for part in getattr(self, key)] for key in ("datasets", "learners", "initial", "strategies")}
        numbers: dict[str, Any] = {"rounds": self.rounds, "seeds": list(self.seeds), "n_queries": list(self.n_queries)}
        if self.n_initial is not None:
            numbers["n_initial"] = self.n_initial
        return {"name": self.name, **parts, "imbalances": list(self.imbalances), **numbers}

    @cached_property
    def key(self) -> str:
        """32 hex digits over the grid, its name left out."""
        return hash_text([{**self.spec(), "name": ""}])


def read(path: "str | Path") -> Comparison:
    """The grid in a .toml or .json file. Raises ValueError naming the file and the field, FileNotFoundError."""
    import tomllib

    path = Path(path).expanduser()
    kinds: dict[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": partial(json.loads, object_pairs_hook=_once)}
    if path.suffix.lower() not in kinds:
        raise ValueError(f"a grid is a .toml or .json file, got {path.name!r}")
    try:
        given = kinds[path.suffix.lower()](path.read_text(encoding="utf-8-sig"))  # some editors begin a file with a mark
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    except IsADirectoryError as error:
        raise ValueError(f"a grid is a .toml or .json file, and {path.name!r} is a folder") from error
    try:
        return parse(given)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The table of JSON's pairs. Raises ValueError for a key that comes twice, as TOML does."""
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)} is there twice")
    return table


def parse(given: Any) -> Comparison:
    """The grid that a dict (as TOML and JSON give it) describes. Raises ValueError naming the field, what came and what was wanted."""
    if not isinstance(given, Mapping):
        raise ValueError(f"a grid must be a table with the fields {', '.join(FIELDS)}, got {given!r}")
    for key in given:
        if key not in FIELDS:
            near = difflib.get_close_matches(str(key), FIELDS, n=1)
            raise ValueError(f"unknown field {key!r}" + (f"; did you mean {near[0]!r}?" if near else f"; the fields: {', '.join(FIELDS)}"))
    missing = [key for key in _NEEDED if key not in given]
    if missing:
        raise ValueError(f"{missing[0]} is missing: {FIELDS[missing[0]]}")
    found: dict[str, Any] = {"name": _title("name", given.get("name", ""))}
    for key, module in (("datasets", data), ("learners", learners), ("initial", initial), ("strategies", strategies)):
        if key in given:
            found[key] = _parts(key, module, given[key])
    if "imbalances" in given:
        found["imbalances"] = _imbalances(given["imbalances"])
    found["rounds"] = whole("rounds", given["rounds"], 1)
    seeds = given["seeds"]
    if isinstance(seeds, list):
        found["seeds"] = _numbers("seeds", seeds, 0)
    else:
        found["seeds"] = tuple(range(whole("seeds", seeds, 1, 100_000)))
    if "n_queries" in given:
        sizes = given["n_queries"]
        found["n_queries"] = _numbers("n_queries", sizes if isinstance(sizes, list) else [sizes], 1)
    if given.get("n_initial") is not None:
        found["n_initial"] = whole("n_initial", given["n_initial"], 1)
    grid = Comparison(**found)
    _check_pairs(grid)
    return grid


def _parts(field: str, module: Any, entries: Any) -> tuple[Part, ...]:
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{field} must be a list: {FIELDS[field]}; got {entries!r}")
    parts: list[Part] = []
    for k, entry in enumerate(entries):
        where = f"{field}[{k}]"
        given = {"name": entry} if isinstance(entry, str) else entry
        if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
            raise ValueError(f'{where} must be a name or a table with a name, such as {{ name = "…" }}, got {entry!r}')
        params = {key: value for key, value in given.items() if key not in ("name", "label")}
        for key, value in params.items():
            _check_kept(f"{where}.{key}", value)
        try:
            name = module.registry.resolve(given["name"])
            _check(field, module, name, params)
        except (ValueError, ImportError) as error:
            raise ValueError(f"{where}: {error}") from error
        label = _title(f"{where}.label", given["label"]) if "label" in given else _label(name, params)
        if not label:
            raise ValueError(f"{where}.label must not be empty")
        part = Part(name, params, label)
        for j, other in enumerate(parts):
            if part.spec() == other.spec():
                raise ValueError(f"{where} is the same as {field}[{j}], {other.label!r}: leave one out")
        parts.append(part)
    labels = [part.label for part in parts]
    for k, label in enumerate(labels):
        if label in labels[:k]:
            raise ValueError(
                f"{field}[{k}] is called {label!r} like {field}[{labels.index(label)}]: leave one out, or give it another label"
            )
    return tuple(parts)


def _check(field: str, module: Any, name: str, params: Mapping[str, Any]) -> None:
    """What can be said about a part's settings without loading any data."""
    if field != "datasets":
        module.create(name, **params)
        return
    allowed = {**module.registry.parameters(name), "extractor": None}
    unknown = [key for key in params if key not in allowed]
    if unknown:
        raise ValueError(f"dataset {name!r} has no parameter {unknown[0]!r}; its parameters: {', '.join(allowed)}")
    needed = [
        key for key, parameter in module.registry.parameters(name).items() if parameter.default is parameter.empty and key not in params
    ]
    if needed:
        raise ValueError(f"dataset {name!r} needs the parameter {needed[0]!r}")


def _check_pairs(grid: Comparison) -> None:
    """Every strategy must be served by every learner."""
    for j, teacher in enumerate(grid.learners):
        base = learners.create(teacher.name, **teacher.params)
        for k, part in enumerate(grid.strategies):
            strategy = strategies.create(part.name, **part.params)
            missing = unmet(strategy, strategy.learner(base))
            if missing:
                raise ValueError(f"strategies[{k}] ({part.label}) needs {missing}, which learners[{j}] ({teacher.label}) does not give")


def _check_kept(where: str, value: Any) -> None:
    """Raises ValueError for a setting that a stored run cannot say again."""
    if isinstance(value, list):
        for k, one in enumerate(value):
            _check_kept(f"{where}[{k}]", one)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            _check_kept(f"{where}.{key}", one)
    elif not (value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))):
        raise ValueError(f"{where} must be text, a finite number, true or false, or a list or table of these, got {value!r}")


def _title(where: str, text: Any) -> str:
    if not isinstance(text, str) or len(text) > LONGEST or not text.isprintable():
        raise ValueError(f"{where} must be text of one line with at most {LONGEST} characters, got {reprlib.repr(text)}")
    return text


def _imbalances(entries: Any) -> tuple[str, ...]:
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, str) for entry in entries):
        raise ValueError(f"imbalances must be a list: {FIELDS['imbalances']}; got {entries!r}")
    for k, entry in enumerate(entries):
        try:
            rules.parsed(entry)
        except ValueError as error:
            raise ValueError(f"imbalances[{k}]: {error}") from error
    return _different("imbalances", tuple(entries))


def _numbers(field: str, entries: list[Any], least: int) -> tuple[int, ...]:
    if not entries:
        raise ValueError(f"{field} must not be empty: {FIELDS[field]}")
    return _different(field, tuple(whole(f"{field}[{k}]", entry, least) for k, entry in enumerate(entries)))


def _different(field: str, entries: tuple[Any, ...]) -> tuple[Any, ...]:
    for k, entry in enumerate(entries):
        if entry in entries[:k]:
            raise ValueError(f"{field} has {entry!r} twice")
    return entries


def _label(name: str, params: Mapping[str, Any]) -> str:
    """What a part is called that was given no label: its name with its settings."""
    text = f"{name} ({', '.join(f'{key}={value}' for key, value in params.items())})" if params else name
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
