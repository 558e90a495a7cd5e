"""`alviz runs`: what the store has, as a table on the screen, as files, and out of the way."""

import difflib
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alviz.studies.store import Store

if TYPE_CHECKING:
    import pandas as pd

WIDE = 120
"""Columns of a terminal from which every setting has one of its own."""
LONGEST = 40
"""Letters of a name that are shown in a table; files have all of it."""
AGES = {"h": "hours", "d": "days", "w": "weeks"}
OWN = {"dataset": "own data", "learner": "own learner", "strategy": "own strategy", "initial": "own pool"}
"""What parts are called that were not made by name."""

Entry = dict[str, Any]


def listed(store: Store) -> list[Entry]:
    """All runs, newest first, as plain values.

    id, began (seconds since the epoch), dataset, imbalance, learner, strategy, initial (with their settings), n_queries, n_initial, seed, rounds (how many are finished), annotator ("simulated", or who
    answers), cell (of a grid, or None), comparison (the names of those it belongs to), names (dataset, learner, strategy and initial without their settings).
    """
    runs = store.runs()
    belongs = _belonging(store) if any(run["cell"] for run in runs) else {}
    return [_entry(run, belongs.get(run["cell"], ())) for run in runs]


def chosen(
    store: Store,
    entries: Iterable[Entry],
    *,
    dataset: str = "",
    imbalance: str = "",
    learner: str = "",
    strategy: str = "",
    initial: str = "",
    seed: int | None = None,
    by: str = "",
    since: str = "",
    comparison: str = "",
    only: str = "",
) -> list[Entry]:
    """The entries of `listed` that fit everything that is given. Raises ValueError for a value that no run can have, naming the near ones.

    by: "people" or "simulated". since: a date, or an age such as 2d. comparison: its name, or the beginning of its key. only: "single" runs, or "cells" of grids.
    """
    from alviz import data, learners, strategies
    from alviz import initial as pools
    from alviz.checks import choice
    from alviz.data import rules

    left = list(entries)
    named: tuple[tuple[str, str, ModuleType], ...] = (
        ("dataset", dataset, data),
        ("learner", learner, learners),
        ("strategy", strategy, strategies),
        ("initial", initial, pools),
    )
    tests: list[Callable[[Entry], bool]] = []
    for part, value, module in named:
        if value:
            known = {entry["names"][part] for entry in left}
            name = value if value in known else module.registry.resolve(value)
            tests.append(lambda entry, part=part, name=name: entry["names"][part] == name)  # type: ignore[misc]
    if imbalance:
        rules.parsed(imbalance)
        tests.append(lambda entry: "".join(entry["imbalance"].split()) == "".join(imbalance.split()))
    if seed is not None:
        tests.append(lambda entry: entry["seed"] == seed)
    if by:
        people = choice("--by", by, ("people", "simulated")) == "people"
        tests.append(lambda entry: (entry["annotator"] != "simulated") == people)
    if since:
        earliest = _moment(since, time.time())
        tests.append(lambda entry: entry["began"] >= earliest)
    if comparison:
        cells = {cell for kept in comparisons_called(store, comparison) for cell in _cells(kept)}
        tests.append(lambda entry: entry["cell"] in cells)
    if only:
        single = choice("--only", only, ("single", "cells")) == "single"
        tests.append(lambda entry: (entry["cell"] is None) == single)
    return [entry for entry in left if all(fits(entry) for fits in tests)]


def comparisons_called(store: Store, name: str) -> list[dict[str, Any]]:
    """The comparisons of that name, or whose key begins so. Raises ValueError where there is none."""
    kept = store.comparisons()
    found = [one for one in kept if one["name"] == name] or [one for one in kept if len(name) >= 4 and one["key"].startswith(name)]
    if not found:
        known = list(dict.fromkeys(map(_title, kept)))
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:5]
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "none is kept"
        raise ValueError(f"no comparison is called {name!r}; {hint}")
    return found


def doomed(store: Store, entries: Sequence[Entry], runs: Sequence[str], comparison: str) -> tuple[list[Entry], list[dict[str, Any]]]:
    """(what is to be deleted of `entries`, comparisons to be deleted): the runs of these ids, else a comparison with the cells that belong to no other, else all entries.

    Raises ValueError for an id or a comparison that is not there, and where it cannot be told which cells belong to another one.
    """
    if runs:
        there = {entry["id"]: entry for entry in entries}
        for run in runs:
            if run not in there:
                raise ValueError(f"the store has no run {run!r}")
        return [there[run] for run in dict.fromkeys(runs)], []
    if not comparison:
        return list(entries), []
    gone = comparisons_called(store, comparison)
    keys = {one["key"] for one in gone}
    mine = {cell for one in gone for cell in _cells(one)}
    others = {cell for one in store.comparisons() if one["key"] not in keys for cell in _cells(one)}
    return [entry for entry in entries if entry["cell"] in mine - others], gone


def shown(entries: Sequence[Entry], limit: int, width: int) -> RenderableType:
    """A table of the first `limit` entries (0: of all), laid out for a terminal of `width` columns; then how many more there are."""
    first = entries[:limit] if limit else entries
    table = _wide(first) if width >= WIDE else _narrow(first)
    more = len(entries) - len(first)
    return Group(table, Text(f"… and {more:,} more: --limit 0 shows all.", style="dim")) if more else table


def frame(entries: Sequence[Entry]) -> "pd.DataFrame":
    """The entries as a table, a row each."""
    import pandas as pd

    columns = ("id", "began", "dataset", "imbalance", "learner", "strategy", "initial", "n_queries", "n_initial", "seed", "rounds")
    found = pd.DataFrame([[entry[name] for name in columns] for entry in entries], columns=list(columns))
    found["began"] = pd.to_datetime(found["began"], unit="s", utc=True)
    for name in ("annotator", "cell", "comparison"):
        found[name] = pd.array([entry[name] or None for entry in entries], dtype="string")
    return found


def rounds(store: Store, entries: Sequence[Entry]) -> "pd.DataFrame":
    """Every finished round of the entries, a row each: the run's columns (`frame`), round, n_labelled, every metric, seconds_<phase>."""
    import pandas as pd

    from alviz.studies.compare import measured

    runs = frame(entries).drop(columns="rounds")
    place = {run: k for k, run in enumerate(runs["id"])}
    records = sorted(store.records_of(place), key=lambda record: (place[record[0]], record[1]))
    mine = runs.iloc[[place[run] for run, _, _ in records]].reset_index(drop=True)
    own = pd.DataFrame({"round": [number for _, number, _ in records], **measured([record for *_, record in records])})
    return pd.concat([mine, own], axis=1)


def counted(entries: Sequence[Entry]) -> str:
    """How many runs, and how many of them people labelled."""
    many, people = len(entries), sum(entry["annotator"] != "simulated" for entry in entries)
    text = f"{many:,} run{'' if many == 1 else 's'}"
    return f"{text}, {people:,} labelled by people" if people else text


def _entry(run: dict[str, Any], comparisons: Sequence[str]) -> Entry:
    config = run["config"]
    specs = {part: config.get(part) or {"name": own, "params": {}} for part, own in OWN.items()}
    params = dict(specs["dataset"].get("params") or {})
    imbalance = params.pop("imbalance", None) or "none"
    settings = {part: spec.get("params") or {} for part, spec in specs.items()} | {"dataset": params}
    return {
        "id": run["id"],
        "began": run["began"],
        **{part: _with_settings(spec["name"], settings[part]) for part, spec in specs.items()},
        "imbalance": imbalance,
        **{number: config[number] for number in ("n_queries", "n_initial", "seed")},
        "rounds": run["rounds"],
        "annotator": config.get("annotator", "simulated"),
        "cell": run["cell"],
        "comparison": ", ".join(comparisons),
        "names": {part: spec["name"] for part, spec in specs.items()},
    }


def _with_settings(name: str, params: dict[str, Any]) -> str:
    return f"{name} ({', '.join(f'{key}={value}' for key, value in params.items())})" if params else name


def _belonging(store: Store) -> dict[str, list[str]]:
    """cell -> the names of the comparisons that it belongs to, those left out that name what is not installed here."""
    found: dict[str, list[str]] = {}
    for one in store.comparisons():
        with suppress(ValueError):
            for cell in _cells(one):
                found.setdefault(cell, []).append(_title(one))
    return found


def _cells(comparison: dict[str, Any]) -> set[str]:
    """The cells of a comparison. Raises ValueError where this installation does not know its parts."""
    from alviz.studies.grid import parse

    try:
        return {cell.key for cell in parse(comparison["grid"]).cells()}
    except ValueError as error:
        raise ValueError(f"the comparison {_title(comparison)!r} cannot be read here: {error}") from error


def _title(comparison: dict[str, Any]) -> str:
    return str(comparison["name"] or comparison["key"][:8])


def _moment(text: str, now: float) -> float:
    """Seconds since the epoch of a date in local time, or of an age before `now`."""
    age = re.fullmatch(r"(\d{1,5})([hdw])", text.strip())
    if age:
        return now - timedelta(**{AGES[age[2]]: int(age[1])}).total_seconds()
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except ValueError:
        raise ValueError(f"--since must be a date such as 2026-01-31, or an age such as 12h, 2d or 3w, got {text!r}") from None


def _wide(entries: Sequence[Entry]) -> Table:
    table = _table(
        ("run", "began", "dataset", "learner", "strategy", "initial", "a round", "seed", "rounds", "of"), ("a round", "seed", "rounds")
    )
    for entry in entries:
        parts = (_pool(entry), entry["learner"], entry["strategy"], entry["initial"])
        numbers = (f"{entry['n_queries']:,}", str(entry["seed"]), str(entry["rounds"]))
        table.add_row(entry["id"], _when(entry), *map(_text, parts), *numbers, _text(_of(entry)))
    return table


def _narrow(entries: Sequence[Entry]) -> Table:
    table = _table(("run", "began", "what", "rounds"), ("rounds",))
    for entry in entries:
        what = _text(f"{_short(entry['strategy'])} on {_short(_pool(entry))}", whole=True)
        numbers = f"{entry['n_queries']:,} a round, seed {entry['seed']}"
        of = _of(entry)
        more = [_short(entry["learner"]), f"{_short(entry['initial'])} start", numbers, *([_short(of)] if of else [])]
        what.append("\n").append(_text(", ".join(more), "dim", whole=True))
        table.add_row(entry["id"], _when(entry), what, str(entry["rounds"]))
    return table


def _table(headings: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        fixed = heading in ("run", "began", *right)
        table.add_column(heading, justify="right" if heading in right else "left", no_wrap=fixed, overflow="fold")
    return table


def _when(entry: Entry) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(entry["began"]))


def _pool(entry: Entry) -> str:
    return str(entry["dataset"] if entry["imbalance"] == "none" else f"{entry['dataset']} {entry['imbalance']}")


def _of(entry: Entry) -> str:
    """Who answers, where it is no program, and which comparison it belongs to."""
    by = "" if entry["annotator"] == "simulated" else f"by {entry['annotator']}"
    cell = "" if entry["cell"] is None else f"cell of {entry['comparison']}" if entry["comparison"] else "cell"
    return ", ".join(filter(None, (by, cell)))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _text(text: str, style: str = "", *, whole: bool = False) -> Text:
    """Text for the screen: names may come from data, and say anything to a terminal."""
    text = text if whole else _short(text)
    return Text("".join(letter if letter.isprintable() else "\ufffd" for letter in text), style)
