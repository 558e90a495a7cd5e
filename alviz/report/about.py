"""What stands around the results: what was compared, by which methods, how far it is, where, and how to do it again."""

import json
import platform
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import alviz
from alviz import data, initial, learners, strategies
from alviz.citations import bibtex
from alviz.figures.base import plural
from alviz.loop.cited import cited
from alviz.studies.executors import cores
from alviz.studies.findings import varied
from alviz.studies.grid import AXES, Comparison
from alviz.studies.store import Store

PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "torch", "torchvision", "plotly")

WORDS = {
    "dataset": ("dataset", "datasets"),
    "imbalance": ("class make-up", "class make-ups"),
    "learner": ("learner", "learners"),
    "initial": ("initial pool", "initial pools"),
    "n_queries": ("batch size", "batch sizes"),
    "strategy": ("query strategy", "query strategies"),
}
"""What one and several places along an axis are called."""


@dataclass(frozen=True)
class Method:
    """A card, short. labels: what the grid calls it."""

    labels: str
    title: str
    idea: str
    reference: str


def title(grid: Comparison, arms: str) -> str:
    """The grid's name, or what it compares."""
    if grid.name:
        return grid.name
    names = list(dict.fromkeys(str(cell.label(arms)) for cell in grid.cells()))
    compared = (
        f"{', '.join(names[:-1])} and {names[-1]}"
        if 1 < len(names) <= 3
        else f"{len(names)} {WORDS[arms][1]}"
        if len(names) > 3
        else names[0]
    )
    where = [part.label for part in grid.datasets]
    return f"{compared} on {', '.join(where) if len(where) <= 3 else f'{len(where)} datasets'}"


def settings(grid: Comparison) -> list[tuple[str, str]]:
    """(field, what the grid says), in words."""

    def named(axis: str, places: Sequence[str]) -> tuple[str, str]:
        return WORDS[axis][len(places) > 1].capitalize(), ", ".join(places)

    seeds = grid.seeds
    row = len(seeds) > 2 and seeds == tuple(range(seeds[0], seeds[0] + len(seeds)))
    first = "as many as in every round" if grid.n_initial is None else f"{grid.n_initial:,}"
    return [
        named("dataset", [part.label for part in grid.datasets]),
        named("imbalance", ["as it is" if place == "none" else place for place in grid.imbalances]),
        named("learner", [part.label for part in grid.learners]),
        named("initial", [part.label for part in grid.initial]),
        named("strategy", [part.label for part in grid.strategies]),
        ("Labels in round 0", first),
        ("Labels in every round", " or ".join(f"{size:,}" for size in grid.n_queries)),
        ("Rounds after round 0", str(grid.rounds)),
        ("Seeds", f"{len(seeds)}, from {seeds[0]} to {seeds[-1]}" if row else ", ".join(map(str, seeds))),
    ]


def methods(grid: Comparison) -> list[tuple[str, list[Method]]]:
    """(kind, its cards), each method once."""
    kinds = (
        ("strategy", strategies, grid.strategies),
        ("dataset", data, grid.datasets),
        ("learner", learners, grid.learners),
        ("initial", initial, grid.initial),
    )
    found = []
    for axis, registry, parts in kinds:
        cards = []
        for name in dict.fromkeys(part.name for part in parts):
            card = registry.card(name)
            labels = ", ".join(part.label for part in parts if part.name == name)
            cards.append(Method(labels, card.title, card.idea, card.reference))
        found.append((WORDS[axis][1].capitalize(), cards))
    return found


def papers(grid: Comparison) -> str:
    """What the grid's strategies, data, learners and initial pools are to be cited by, as BibTeX; "" where there is nothing to cite."""
    kinds = {"strategy": grid.strategies, "dataset": grid.datasets, "learner": grid.learners, "initial": grid.initial}
    return bibtex(*(key for kind, parts in kinds.items() for part in parts for key in cited(kind, part.name, part.params)))


def unfinished(grid: Comparison, store: Store) -> list[tuple[str, str]]:
    """(a run but for its seed, what is missing of which seeds) of all cells that have not come to their last round."""
    counts = store.counts(cell.key for cell in grid.cells())
    shown = [axis for axis in AXES if axis in (*varied(grid), "strategy", "dataset")]
    missing: dict[str, dict[str, list[str]]] = {}
    for cell in grid.cells():
        done = counts.get(cell.key, 0)
        if done <= grid.rounds:
            how = "not begun" if done == 0 else f"{done} of {grid.rounds + 1} rounds"
            place = ", ".join(str(cell.label(axis)) for axis in shown)
            missing.setdefault(place, {}).setdefault(how, []).append(str(cell.seed))
    return [
        (place, "; ".join(f"seed{'' if len(seeds) == 1 else 's'} {', '.join(seeds)}: {how}" for how, seeds in told.items()))
        for place, told in missing.items()
    ]


def versions() -> Iterator[tuple[str, str]]:
    """(what, which version) where this is run: neither who runs it nor what the machine is called."""
    yield "alviz", alviz.__version__
    yield "Python", platform.python_version()
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue
    yield "System", f"{platform.system()}, {platform.machine()}, {plural(cores(), 'core')}"


def commands(metrics: Sequence[str], reference: str | None) -> str:
    """What makes the runs and the report again, from the grid saved as grid.json."""
    options = [option for metric in metrics if tuple(metrics) != ("accuracy",) for option in ("--metric", metric)]
    options += ["--reference", reference] if reference is not None else []
    return f"alviz compare grid.json\n{shlex.join(['alviz', 'report', 'grid.json', *options])}\n"


def file(grid: Comparison) -> str:
    """The grid as a JSON file, a field a line."""
    fields = [f"  {json.dumps(field)}: {json.dumps(said, ensure_ascii=False)}" for field, said in grid.spec().items()]
    return "{\n" + ",\n".join(fields) + "\n}\n"


def without_home(text: str) -> str:
    """The text with the path of the user's folder, which says who they are, as "~"."""
    home = str(Path.home())
    return re.sub(rf"(?<!\w){re.escape(home)}(?=[\\/]|\b)", "~", text) if len(home) > 1 else text
