"""Settings: the pickers for data, learner, strategy, initial pool, budget and seed, bound to a Workbench's config."""

from collections.abc import Callable
from functools import cache
from html import escape
from types import ModuleType
from typing import Any

import ipywidgets as widgets

from alviz import data, initial, learners, strategies
from alviz.data.dataset import Dataset
from alviz.figures.base import plural
from alviz.learners.base import Learner
from alviz.loop.signals import unmet
from alviz.panels.address import Reader, real, whole
from alviz.panels.field import Field, option
from alviz.panels.imbalance import ImbalanceFields
from alviz.panels.options import OptionFields
from alviz.panels.parts import MAX_RIVALS, REGISTRIES, kept_options, made
from alviz.panels.several import Several
from alviz.panels.share import Part
from alviz.panels.source import OWN, SourceFields, data_menu, first_params
from alviz.panels.workbench import DEFAULTS, Workbench
from alviz.strategies import handbook
from alviz.strategies.handbook import fields as fields_of

SLIDERS = {
    "class_ratio": ("Class ratio", 0.02, 1.0, 0.02, "Rarest class against largest class in the pool; 1 = balanced."),
    "overlap": ("Overlap", 0.0, 1.0, 0.02, "How far the classes reach into one another."),
    "spread": ("Spread", 0.2, 3.0, 0.1, "Width of the clouds; 1 = as drawn on the card."),
    "label_noise": ("Label noise", 0.0, 0.5, 0.01, "Share of the pool's labels that are wrong."),
}
"""What can be turned on every 2D pool: label, least, most, step, help."""

SIZE = whole(20, 10_000)
"""How many samples of a 2D pool an address may ask for."""

SUGGESTED = {"plane": (5, 100), "digits": (20, 300), "fashion-mnist": (100, 1500)}
"""Labels per round and total budget that suit a dataset; others: 50 and 600."""


def suggested(dataset: str) -> dict[str, int]:
    """Labels per round and total budget for a dataset."""
    n_queries, budget = SUGGESTED.get("plane" if is_plane(dataset) else dataset, (50, 600))
    return {"n_queries": n_queries, "budget": budget}


def is_plane(dataset: str) -> bool:
    """Whether a dataset is one of the 2D pools."""
    return "overlap" in data.registry.parameters(dataset)


def sliders_of(dataset: str) -> dict[str, Reader]:
    """What reads the sliders' values in a page's address, and how many samples there are, for a 2D pool; nothing for other data."""
    return {**{key: real(low, high) for key, (_, low, high, _, _) in SLIDERS.items()}, "n": SIZE} if is_plane(dataset) else {}


def card_html(name: str) -> str:
    """A strategy's card as escaped HTML."""
    card, fields = strategies.card(name), fields_of(name)
    formula = fields.pop("Formula", "")
    fields.pop("Options", "")  # each stands at its own control
    items = "".join(f"<dt>{heading}</dt><dd>{escape(text)}</dd>" for heading, text in fields.items())
    idea = f"<p><strong>{escape(card.title)}.</strong> {escape(card.idea)}</p>"
    formula = f'<p class="alviz-formula">{escape(formula)}</p>' if formula else ""
    more = f"<details><summary>Needs, cost, strengths, paper</summary><dl>{items}</dl></details>" if items else ""
    return f'<div class="alviz-method">{idea}{formula}{more}</div>'


def menu(module: ModuleType, names: list[str]) -> list[dict[str, Any]]:
    """The menu of a registry: its names, explained by their cards."""
    return [option(name, title=f"{module.card(name).title}: {module.card(name).idea}") for name in names]


def learner_menu(dataset: str) -> list[dict[str, Any]]:
    """All learners; those that take pictures are disabled on the plane and on tables, and say why."""
    entries = []
    for name in learners.simple():
        why = "needs images" if (is_plane(dataset) or dataset == "table") and learners.create(name).takes != "features" else ""
        entries.append(option(name, title=learners.card(name).idea, disabled=bool(why), why=why))
    return sorted(entries, key=lambda entry: entry["disabled"])


def initial_menu(dataset: Dataset | None, build: Callable[[str], initial.InitialPool] = initial.create) -> list[dict[str, Any]]:
    """All initial pools; those that cannot choose from the dataset (None: not loaded yet) are disabled, at the end, and say why. build: makes them."""
    entries = []
    for entry in menu(initial, initial.available()):
        missing = "" if dataset is None else build(entry["value"]).unmet(dataset)
        entries.append({**entry, "disabled": bool(missing), "why": f"needs {missing}" if missing else ""})
    return sorted(entries, key=lambda entry: entry["disabled"])


def strategy_menu(teacher: Learner) -> list[dict[str, Any]]:
    """All strategies by family; those that the learner cannot serve are disabled, at the family's end, and say why."""
    entries = []
    for heading, names in handbook.families().items():
        for name in names:
            strategy = handbook.made(name)
            needed = unmet(strategy, strategy.learner(teacher))
            why = f"needs {way_out(name, teacher)}" if needed else ""
            title = f"Needs {needed}, which {teacher.name} does not give." if needed else strategies.card(name).idea
            entries.append(option(name, title=title, group=heading, disabled=bool(needed), why=why))
    return sorted(entries, key=lambda entry: entry["disabled"])


def way_out(name: str, teacher: Learner) -> str:
    """What to choose, in words, for a strategy that `teacher` as it is set cannot serve."""
    if "dropout" in learners.registry.parameters(teacher.name) and serves(learners.create(teacher.name, dropout=0.1), name):
        return f"dropout above 0 (a setting of {teacher.name})"
    others = sorted(capable(name), key=lambda other: learners.create(other).takes != teacher.takes)
    return f"a learner like {' or '.join(others[:2])}" if others else "what no learner gives"


@cache
def capable(name: str) -> tuple[str, ...]:
    """The learners that serve a strategy as they come."""
    return tuple(other for other in learners.simple() if serves(learners.create(other), name))


def serves(teacher: Learner, name: str) -> bool:
    """Whether a learner gives what a strategy needs."""
    strategy = handbook.made(name)
    return not unmet(strategy, strategy.learner(teacher))


def disabled(value: str, entries: list[dict[str, Any]]) -> bool:
    """Whether a menu has `value` greyed out."""
    return any(entry["disabled"] and entry["value"] == value for entry in entries)


class Settings:
    """The left column. `widget` is what to show; every change lands in `workbench.config`."""

    def __init__(self, workbench: Workbench):
        self.workbench = workbench
        self._filling = False
        self.fields = {
            "dataset": Field(kind="menu", label="Data", help="The pool whose labels are asked for.", options=data_menu()),
            "learner": Field(kind="menu", label="Learner", help="What is trained in every round."),
            "strategy": Field(
                kind="menu", label="Query strategy", help="How the next samples are chosen; the greyed-out ones say what they miss."
            ),
            "initial": Field(
                kind="menu",
                label="Initial pool",
                help="How round 0 is chosen, before there is any model; the greyed-out ones say what the data lack.",
                options=initial_menu(workbench.dataset),
            ),
            "n_queries": Field(kind="number", label="Labels per round", minimum=1, maximum=100_000, help="Round 0 takes as many."),
            "budget": Field(kind="number", label="Total budget", minimum=1, maximum=10_000_000, help="Labels in all, round 0 included."),
            "seed": Field(
                kind="number", label="Seed", minimum=0, maximum=2**31 - 1, help="The same seed makes the same run, pick for pick."
            ),
        }
        self.sliders = {
            key: Field(kind="range", label=label, minimum=low, maximum=high, step=step, help=help)
            for key, (label, low, high, step, help) in SLIDERS.items()
        }
        self.rivals = Several(
            label="Duel with",
            least=0,
            most=MAX_RIVALS,
            placeholder="Add a rival …",
            help="Up to three further strategies, from the same start and in step; the greyed-out ones say what they miss.",
        )
        self.source = SourceFields(workbench)
        self.imbalance = ImbalanceFields(workbench)
        self.options = {part: OptionFields(workbench, part) for part in REGISTRIES}
        self.rival_options = [OptionFields(workbench, "strategy", k) for k in range(MAX_RIVALS)]
        self.card = widgets.HTML()
        self.method = widgets.VBox([self.card])
        self.method.add_class("alviz-method-box")
        numbers = widgets.HBox([self.fields[key] for key in ("n_queries", "budget")])
        numbers.add_class("alviz-pair")
        f = self.fields
        self.widget = widgets.VBox(
            [
                f["dataset"],
                self.source.widget,
                *self.sliders.values(),
                self.imbalance.widget,
                f["learner"],
                self.options["learner"].widget,
                f["strategy"],
                self.options["strategy"].widget,
                self.method,
                self.rivals,
                *(options.widget for options in self.rival_options),
                f["initial"],
                self.options["initial"].widget,
                numbers,
                f["seed"],
            ]
        )
        self.widget.add_class("alviz-settings")
        self._show()
        for key, field in self.fields.items():
            field.observe(lambda change, key=key: self._set(key, change["new"]), ["value"])
        self.rivals.observe(lambda change: self._challenge(change["new"]), ["value"])
        for key, slider in self.sliders.items():
            slider.observe(lambda change, key=key: self._set_parameter(key, change["new"]), ["value"])
        workbench.observe(lambda _: self._show(), ["config"])
        workbench.observe(lambda change: setattr(self.fields["initial"], "options", initial_menu(change["new"])), ["dataset"])
        workbench.observe(lambda change: self._suit_few(change["new"]), ["dataset"])
        workbench.observe(lambda change: self._lock(change["new"]), ["busy"])

    @property
    def parts(self) -> dict[str, Part]:
        """What of it a link can hide or lock."""
        around: dict[str, list[widgets.Widget]] = {
            "dataset": [self.source.widget, *self.sliders.values()],
            "strategy": [self.options["strategy"].widget, self.method],
            **{part: [self.options[part].widget] for part in ("learner", "initial")},
        }
        parts = {key: Part(field.label, [field, *around.get(key, [])]) for key, field in self.fields.items()}
        return {
            **parts,
            "imbalance": Part("Class imbalance", [self.imbalance.widget]),
            "rivals": Part("Duel with", [self.rivals, *(options.widget for options in self.rival_options)]),
        }

    def _set(self, key: str, value: Any) -> None:
        if self._filling or value == self.workbench.config.get(key):
            return
        changed = {**self.workbench.config, key: int(value) if self.fields[key].kind == "number" else value}
        if key == "dataset":
            changed["params"] = first_params(value)
            changed["imbalance"] = "none"
            changed |= suggested(value)
        if key == "dataset" and disabled(changed["learner"], learner_menu(changed["dataset"])):
            self.workbench.notice = f"{changed['learner']} takes pictures: the learner is now {DEFAULTS['learner']}."
            changed["learner"] = DEFAULTS["learner"]
        now = self.workbench.config
        changed["options"] = kept_options(now, changed)
        if key in ("dataset", "learner") and disabled(changed["strategy"], strategy_menu(made("learner", changed))):
            self.workbench.notice = f"{changed['learner']} cannot serve {changed['strategy']}: the query strategy is now margin."
            changed["strategy"] = "margin"
        entries = strategy_menu(made("learner", changed)) if changed["rivals"] else []
        changed["rivals"] = [name for name in changed["rivals"] if name != changed["strategy"] and not disabled(name, entries)]
        changed["options"] = kept_options(now, changed)
        if key in ("dataset", "learner") and len(changed["rivals"]) < len(now["rivals"]):
            lost = [name for name in now["rivals"] if name not in changed["rivals"]]
            self.workbench.notice = f"{changed['learner']} cannot serve {', '.join(lost)}: no rival any more."
        self.workbench.config = changed

    def _challenge(self, rivals: list[str]) -> None:
        if not self._filling:
            changed = {**self.workbench.config, "rivals": list(rivals)}
            self.workbench.config = {**changed, "options": kept_options(self.workbench.config, changed)}

    def _set_parameter(self, key: str, value: float) -> None:
        if not self._filling:
            params = {**self.workbench.config.get("params", {}), key: float(value)}
            self.workbench.config = {**self.workbench.config, "params": params}

    def _show(self) -> None:
        """Bring every control in line with the config."""
        config = self.workbench.config
        self._filling = True
        try:
            parameters = data.registry.parameters(config["dataset"])
            for key, slider in self.sliders.items():
                slider.layout.display = None if key in parameters else "none"
                if key in parameters:
                    slider.value = config.get("params", {}).get(key, parameters[key].default)
            self.fields["learner"].options = learner_menu(config["dataset"])
            entries = strategy_menu(made("learner", config))
            self.fields["strategy"].options = entries
            self.rivals.options = [entry for entry in entries if entry["value"] != config["strategy"]]
            self.rivals.value = config["rivals"]
            for key, field in self.fields.items():
                field.value = config[key]
            for options in (*self.options.values(), *self.rival_options):
                options.show()
            self.card.value = card_html(config["strategy"])
        finally:
            self._filling = False

    def _suit_few(self, dataset: Dataset | None) -> None:
        """Fewer labels per round where one's own data have less than one round takes."""
        bench = self.workbench
        if dataset is not None and bench.view is None and bench.config["dataset"] in OWN and bench.config["n_queries"] > len(dataset):
            n = max(len(dataset) // 10, 1)
            bench.config = {**bench.config, "n_queries": n}
            bench.notice = f"The pool holds {plural(len(dataset), 'sample')} only: {plural(n, 'label')} per round now."

    def _lock(self, busy: bool) -> None:
        options = [field for fields in (*self.options.values(), *self.rival_options) for field in fields.box.children]
        for field in [*self.fields.values(), *self.sliders.values(), *options, self.rivals]:
            field.disabled = busy
