"""GridSettings: the left column of the Compare page, where a grid is put together, or written down."""

import json
import re
import time
from html import escape
from typing import Any

import ipywidgets as widgets

from alviz import data, initial, learners
from alviz.panels.comparing import FIRST, Comparing
from alviz.panels.field import Field, option
from alviz.panels.fold import fold
from alviz.panels.imbalance import IMBALANCES
from alviz.panels.settings import menu, strategy_menu
from alviz.panels.several import Several
from alviz.report.about import title
from alviz.studies.executors import cores
from alviz.studies.findings import usual_arms
from alviz.studies.grid import FIELDS, parse

NEW = "new"
USUAL: dict[str, list[Any]] = {"imbalances": ["none"], "learners": ["linear-svm"], "initial": ["random"], "n_queries": [50]}
"""What a grid has where it says nothing."""

PARTS = ("datasets", "learners", "strategies", "initial")


class GridSettings:
    """Chips and numbers for what most grids need, and the grid as text for everything else; both change `comparing.spec`."""

    def __init__(self, comparing: Comparing):
        self.comparing = comparing
        self._filling = False
        self.which = Field(label="Comparison", help="One that is kept, to look at it or go on with it, or a new one.")
        self.name = Field(
            kind="text", label="Name", placeholder="may be left empty", help="What the comparison is called in lists and reports."
        )
        self.parts = {
            "datasets": Several(
                label="Data", placeholder="Add data …", help="Every strategy runs on each of them.", options=menu(data, data.available())
            ),
            "imbalances": Several(
                label="Class imbalance",
                free=True,
                placeholder="Add ir=0.75, 1:19 …",
                options=list(IMBALANCES),
                help="Make-ups of the pool: none, ir=0.75, 1:19, power-law=50 …; each is a setting of its own.",
            ),
            "learners": Several(
                label="Learners",
                placeholder="Add a learner …",
                options=menu(learners, learners.simple()),
                help="What is trained in every round.",
            ),
            "strategies": Several(
                label="Query strategies",
                placeholder="Add a strategy …",
                help="What is compared. The greyed-out ones say what a learner does not give.",
            ),
            "initial": Several(
                label="Initial pools",
                placeholder="Add an initial pool …",
                options=menu(initial, initial.available()),
                help="How round 0 is chosen.",
            ),
            "n_queries": Several(label="Labels per round", free=True, placeholder="Add a number …", help="Round 0 takes as many."),
        }
        self.numbers = {
            "rounds": Field(kind="number", label="Rounds", minimum=1, maximum=10_000, help="After round 0."),
            "seeds": Field(
                kind="number",
                label="Seeds",
                minimum=1,
                maximum=10_000,
                help="With the same seed every strategy has the same first labels and test set.",
            ),
        }
        self.workers = Field(kind="number", label="Processes", minimum=1, maximum=cores(), help="How many runs are made at a time.")
        self.text = Field(
            kind="lines",
            label="Grid (JSON)",
            help='As `alviz compare` takes it in a file. Settings of a strategy, learner or dataset stand beside its name, as in {"name": "knn", "n_neighbors": 3}.',
        )
        self.problem = widgets.HTML(layout={"display": "none"})
        pairs = [widgets.HBox([self.numbers["rounds"], self.numbers["seeds"]])]
        for pair in pairs:
            pair.add_class("alviz-pair")
        text = widgets.VBox([self.text])
        text.add_class("alviz-text")
        self.widget = widgets.VBox(
            [self.which, self.name, *self.parts.values(), *pairs, self.workers, self.problem, fold("All of it as text", text), text]
        )
        self.widget.add_class("alviz-settings")
        self._show()
        self._list()
        self.which.observe(lambda change: self._open(change["new"]), ["value"])
        self.name.observe(lambda change: self._set("name", change["new"].strip()), ["value"])
        for key, part in self.parts.items():
            part.observe(lambda change, key=key: self._choose(key, change["new"]), ["value"])
        for key, number in self.numbers.items():
            number.observe(lambda change, key=key: self._set(key, int(change["new"])), ["value"])
        self.workers.observe(lambda change: setattr(comparing, "workers", int(change["new"])), ["value"])
        self.text.observe(lambda change: self._read(change["new"]), ["value"])
        comparing.observe(lambda _: self._show(), ["spec", "problem"])
        comparing.observe(lambda _: self._list(), ["kept", "grid"])
        comparing.observe(lambda change: self._lock(change["new"]), ["busy"])

    def _set(self, key: str, value: Any) -> None:
        if not self._filling and self.comparing.spec.get(key) != value:
            self.comparing.spec = {**self.comparing.spec, key: value}

    def _choose(self, key: str, labels: list[str]) -> None:
        """Chips have changed: entries with settings of their own stay what they are."""
        if self._filling:
            return
        known = {label_of(entry): entry for entry in self.comparing.spec.get(key, USUAL.get(key, []))}
        entries = [known.get(label, label) for label in labels]
        if key == "n_queries":
            entries = [int(entry) if re.fullmatch(r"\d{1,7}", str(entry)) else entry for entry in entries]
        self._set(key, entries)

    def _read(self, text: str) -> None:
        """The grid that was written; what is no grid is said and stays in the text."""
        if self._filling:
            return
        try:
            given = json.loads(text)
            parse(given)
        except (ValueError, ImportError) as error:
            self.text.note = f"{type(error).__name__}: {error}" if isinstance(error, json.JSONDecodeError) else str(error)
            return
        self.text.note = ""
        self.comparing.spec = given

    def _open(self, key: Any) -> None:
        if self._filling:
            return
        if key == NEW:
            self.comparing.spec = dict(FIRST)
        else:
            self.comparing.open(key)

    def _show(self) -> None:
        """Bring every control in line with the spec."""
        comparing, spec = self.comparing, self.comparing.spec
        self._filling = True
        try:
            self.name.value = spec.get("name", "")
            for key, part in self.parts.items():
                entries = spec.get(key, USUAL.get(key, []))
                part.value = [label_of(entry) for entry in (entries if isinstance(entries, list) else [entries])]
            self.parts["strategies"].options = strategy_menu(_teacher(spec))
            for key, number in self.numbers.items():
                value = spec.get(key)
                number.value = len(value) if isinstance(value, list) else value
            self.workers.value = comparing.workers
            self.text.value = json.dumps({key: spec[key] for key in FIELDS if key in spec}, indent=1, ensure_ascii=False)
            self.text.note = ""
            self.problem.value = f'<div class="alviz-error" role="alert">{escape(comparing.problem)}</div>' if comparing.problem else ""
            self.problem.layout.display = None if comparing.problem else "none"
        finally:
            self._filling = False

    def _list(self) -> None:
        """The comparisons that are kept, and which of them this is."""
        self._filling = True
        try:
            entries = [
                option(entry["key"], f"{named(entry)} · {time.strftime('%d %b %H:%M', time.localtime(entry['began']))}")
                for entry in self.comparing.kept
            ]
            self.which.options = [option(NEW, "a new one"), *entries]
            key = None if self.comparing.grid is None else self.comparing.grid.key
            self.which.value = key if key in {entry["value"] for entry in entries} else NEW
        finally:
            self._filling = False

    def _lock(self, busy: bool) -> None:
        for field in [self.which, self.name, *self.parts.values(), *self.numbers.values(), self.workers, self.text]:
            field.disabled = busy


def label_of(entry: Any) -> str:
    """What an entry of a grid is called on its chip."""
    if not isinstance(entry, dict):
        return str(entry)
    settings = ", ".join(f"{key}={value}" for key, value in entry.items() if key not in ("name", "label"))
    return str(entry.get("label") or (f"{entry.get('name')} ({settings})" if settings else entry.get("name")))


def named(entry: dict[str, Any]) -> str:
    """A kept comparison in a menu."""
    if entry["name"]:
        return str(entry["name"])
    try:
        grid = parse(entry["grid"])
        return title(grid, usual_arms(grid))
    except (ValueError, ImportError):  # made with a strategy that is not installed any more
        return "unnamed"


def _teacher(spec: dict[str, Any]) -> Any:
    """The first learner of a grid that can be made."""
    for entry in spec.get("learners", USUAL["learners"]):
        given = entry if isinstance(entry, dict) else {"name": entry}
        try:
            return learners.create(given["name"], **{key: value for key, value in given.items() if key not in ("name", "label")})
        except (ValueError, ImportError, KeyError, TypeError):
            continue
    return learners.create("linear-svm")
