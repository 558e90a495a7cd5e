"""ImbalanceFields: another make-up of the pool, from a menu of those in the papers or as a rule that is typed."""

from typing import Any

import ipywidgets as widgets

from alviz import data
from alviz.data import rules
from alviz.panels.field import Field, option

IMBALANCES = (
    option("none", "as it is"),
    option("ir=0.5", "thinned to ir = 0.5"),
    option("ir=0.75", "thinned to ir = 0.75 (papers)"),
    option("ir=1", "thinned to ir = 1"),
    option("1:10", "rising 1 : … : 10"),
    option("power-law=100", "long tail, power law 100 : 1"),
)
OWN = "own"
"""The menu's entry for a rule of one's own."""


class ImbalanceFields:
    """A menu and, for what is not in it, a line of text, bound to `config["imbalance"]` of a Workbench; not shown for 2D pools, which have sliders."""

    def __init__(self, workbench: Any):
        self.workbench = workbench
        self._filling = False
        self._typing: str | None = None  # the data for which a rule of one's own was asked for
        self.menu = Field(
            label="Class imbalance",
            help="ir: standard deviation of the class counts over their mean.",
            options=[*IMBALANCES, option(OWN, "a rule of my own")],
        )
        self.rule = Field(
            kind="text",
            label="Rule",
            placeholder="merge=Bag, Coat; 1:19",
            help="Rules are followed from left to right, with ; between them. seed=3 after a comma draws other samples, test thins the test set too.",
            note="ir=0.75, 1:19, power-law=50, only=a, b (these classes), merge=a, b (against the rest), ood=a (nobody asked for it); several with ; between.",
        )
        own = widgets.VBox([self.rule])
        own.add_class("alviz-options")
        self._own = own
        self.widget = widgets.VBox([self.menu, own])
        self.widget.add_class("alviz-settings")
        self.show()
        self.menu.observe(lambda change: self._choose(change["new"]), ["value"])
        self.rule.observe(lambda change: self._set(change["new"].strip() or "none"), ["value"])
        workbench.observe(lambda _: self.show(), ["config"])
        workbench.observe(lambda change: self._lock(change["new"]), ["busy"])

    def show(self) -> None:
        """Bring both in line with the config."""
        config = self.workbench.config
        rule = config["imbalance"]
        offered = rule in {entry["value"] for entry in IMBALANCES}
        self._filling = True
        try:
            self.menu.value = OWN if not offered or (rule == "none" and self._typing == config["dataset"]) else rule
            self.rule.value = "" if offered else rule
            self._own.layout.display = None if self.menu.value == OWN else "none"
        finally:
            self._filling = False
        self.widget.layout.display = "none" if "overlap" in data.registry.parameters(config["dataset"]) else None

    def _choose(self, entry: str) -> None:
        if not self._filling:
            self._typing = self.workbench.config["dataset"] if entry == OWN else None
            self._own.layout.display = None if entry == OWN else "none"
            self._set("none" if entry == OWN else entry)

    def _set(self, rule: str) -> None:
        if self._filling or rule == self.workbench.config["imbalance"]:
            return
        if not is_rule(rule):
            self.workbench.error = f"{rule!r} is no class imbalance: wanted {rules.FORMS}; several with ; between."
            return
        self.workbench.error = ""
        self.workbench.config = {**self.workbench.config, "imbalance": rule}

    def _lock(self, busy: bool) -> None:
        self.menu.disabled = self.rule.disabled = busy


def is_rule(text: str) -> bool:
    """Whether a text says how the pool's classes are to be changed."""
    try:
        rules.parsed(text)
    except ValueError:
        return False
    return True
