"""The left column of the Initial pools page: the data, the pools, and the runs that go on from them."""

from typing import Any

import ipywidgets as widgets

from alviz import initial as initial_pools
from alviz import learners
from alviz.figures.pools import REFERENCE
from alviz.panels.field import Field, option
from alviz.panels.imbalance import ImbalanceFields
from alviz.panels.settings import disabled, initial_menu, is_plane, learner_menu, strategy_menu
from alviz.panels.share import Part
from alviz.panels.source import SourceFields, data_menu, first_params
from alviz.panels.starts import DEFAULTS, MOST, Starts, made, settings_of

SIZES = {"plane": 10, "digits": 20}
"""Samples in a pool, and labels per round, that suit a dataset; others: 50."""


class PoolSettings:
    """The left column: the data, the pools, and the runs that go on from them."""

    def __init__(self, starts: Starts):
        self.starts = starts
        self._filling = False
        self.pools = [Field(label=f"Initial pool {k + 1}", help="The greyed-out ones say what the data lack.") for k in range(MOST)]
        whole = {"kind": "number", "minimum": 1}
        self.fields = {
            "dataset": Field(label="Data", options=data_menu(), help="What the first samples are chosen from."),
            "bins": Field(
                label="Bins of the losses",
                options=[option("1", "1: hardest first"), *(option(str(n), f"{n}: hard and easy") for n in (2, 5, 10))],
                help=initial_pools.card("rotation-loss").options["bins"],
            ),
            "clusters": Field(
                label="Clusters",
                kind="number",
                optional=True,
                minimum=1,
                maximum=10_000,
                placeholder="as many as classes",
                help="Of the pools that cluster the data; left empty: as many as there are classes.",
            ),
            "n_initial": Field(label="Samples each", maximum=100_000, help="Samples in every pool.", **whole),
            "seed": Field(label="First seed", kind="number", minimum=0, maximum=2**31 - 1, help="The pools shown are chosen with it."),
            "learner": Field(label="Learner", help="What is trained in every round."),
            "strategy": Field(label="Query strategy", help="How the runs go on from every pool."),
            "n_queries": Field(label="Labels per round", maximum=100_000, help="After the pool itself.", **whole),
            "steps": Field(label="Rounds", maximum=100, help="After the pool itself.", **whole),
            "seeds": Field(label="Seeds", maximum=1000, help="How many Run goes to: each chooses, trains and queries anew.", **whole),
        }
        self.source = SourceFields(starts)
        self.imbalance = ImbalanceFields(starts)
        f = self.fields
        pairs = [widgets.HBox([f[a], f[b]]) for a, b in (("n_initial", "seed"), ("n_queries", "steps"))]
        for pair in pairs:
            pair.add_class("alviz-pair")
        heading = widgets.HTML('<h3 class="alviz-panel-subtitle">And then</h3>')
        self.widget = widgets.VBox(
            [
                f["dataset"],
                self.source.widget,
                self.imbalance.widget,
                *self.pools,
                f["bins"],
                f["clusters"],
                pairs[0],
                heading,
                f["learner"],
                f["strategy"],
                pairs[1],
                f["seeds"],
            ]
        )
        self.widget.add_class("alviz-settings")
        self.parts = {key: Part(field.label, [field]) for key, field in self.fields.items()}
        self.parts |= {"pools": Part("Initial pools", self.pools), "imbalance": Part("Class imbalance", [self.imbalance.widget])}
        self._show()
        for key, field in self.fields.items():
            field.observe(lambda change, key=key: self._set(key, change["new"]), ["value"])
        for field in self.pools:
            field.observe(lambda _: self._choose(), ["value"])
        starts.observe(lambda _: self._show(), ["config"])
        starts.observe(lambda _: self._suit_data(), ["dataset"])
        starts.observe(lambda change: self._lock(change["new"]), ["busy"])

    def _set(self, key: str, value: Any) -> None:
        starts = self.starts
        value = int(value) if value is not None and (self.fields[key].kind == "number" or key == "bins") else value
        if self._filling or value == starts.config[key]:
            return
        changed = {**starts.config, key: value}
        if key == "dataset":
            changed |= {"params": first_params(value), "imbalance": "none", **sizes(value)}
        starts.config = suited(changed)
        if (now := starts.config["strategy"]) != changed["strategy"]:
            starts.notice = f"{starts.config['learner']} cannot serve {changed['strategy']}: the query strategy is now {now}."

    def _choose(self) -> None:
        if not self._filling:
            self.starts.config = {**self.starts.config, "pools": [str(field.value) for field in self.pools if field.value != "none"]}

    def _suit_data(self) -> None:
        """Grey out the pools that cannot choose from the data; take them off the list and say so, where they stand there."""
        starts, dataset = self.starts, self.starts.dataset
        self._show()
        if dataset is None:
            return
        needs = {name: made(name, starts.config).unmet(dataset) for name in starts.config["pools"]}
        lacking = [f"{name} needs {missing}" for name, missing in needs.items() if missing]
        if lacking:
            starts.notice = f"Left out, because {dataset.name} does not have it: {'; '.join(lacking)}."
            starts.config = {**starts.config, "pools": [name for name, missing in needs.items() if not missing] or [REFERENCE]}

    def _offer(self) -> None:
        entries = initial_menu(self.starts.dataset, lambda name: made(name, self.starts.config))
        for k, field in enumerate(self.pools):
            field.options = entries if k == 0 else [option("none", "none"), *entries]

    def _show(self) -> None:
        """Bring every control in line with the config."""
        config, dataset = self.starts.config, self.starts.dataset
        self._filling = True
        try:
            self._offer()
            names = [*config["pools"], *["none"] * MOST][:MOST]
            for field, name in zip(self.pools, names, strict=True):
                field.value = name
            taken = {key for name in config["pools"] if name != "none" for key in settings_of(name, config)}
            self.fields["bins"].layout.display = None if "bins" in taken else "none"
            clustered = taken & {"clusters", "n_clusters"} or (dataset is not None and not dataset.n_classes)
            self.fields["clusters"].layout.display = None if clustered else "none"
            self.fields["learner"].options = learner_menu(config["dataset"])
            self.fields["strategy"].options = strategy_menu(teacher(config))
            for key, field in self.fields.items():
                field.value = str(config[key]) if key == "bins" else config[key]
        finally:
            self._filling = False

    def _lock(self, busy: bool) -> None:
        for field in [*self.fields.values(), *self.pools]:
            field.disabled = busy


def sizes(dataset: str) -> dict[str, int]:
    """Samples in a pool and labels per round that suit a dataset."""
    size = SIZES.get("plane" if is_plane(dataset) else dataset, 50)
    return {"n_initial": size, "n_queries": size}


def teacher(config: dict[str, Any]) -> Any:
    """The learner of a config."""
    return learners.create(config["learner"])


def suited(config: dict[str, Any]) -> dict[str, Any]:
    """The config with a learner that can take the data and a strategy that the learner serves."""
    suits = dict(config)
    if disabled(suits["learner"], learner_menu(suits["dataset"])):
        suits["learner"] = DEFAULTS["learner"]
    if disabled(suits["strategy"], strategy_menu(teacher(suits))):
        suits["strategy"] = DEFAULTS["strategy"]
    return suits
