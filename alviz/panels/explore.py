"""Explore: the main dashboard. Pick, start, step, look."""

import math
from html import escape
from typing import Any

import ipywidgets as widgets

from alviz import projections
from alviz.figures.curves import value_text
from alviz.loop import Run
from alviz.panels.address import Address, entry_of, fits, of_field, of_fields, one_of, several, text_of, told, whole
from alviz.panels.field import Field, option
from alviz.panels.frame import page, panel
from alviz.panels.header import Header
from alviz.panels.imbalance import is_rule
from alviz.panels.map import MapPanel, map_told
from alviz.panels.measures import BalancePanel, ConfusionPanel, CurvePanel, WhyPanel, short
from alviz.panels.options import in_address, options_of
from alviz.panels.parts import MAX_RIVALS, made
from alviz.panels.pulse import Pulse
from alviz.panels.queries import QueriesPanel
from alviz.panels.recipes import cited, run_script
from alviz.panels.rivals import RivalsPanel
from alviz.panels.sample import SamplePanel
from alviz.panels.saving import SavePage
from alviz.panels.settings import Settings, learner_menu, sliders_of, strategy_menu, suggested
from alviz.panels.share import Sharing, parts_of
from alviz.panels.slow import SPEEDS, SlowMotion
from alviz.panels.source import first_params
from alviz.panels.timeline import Timeline
from alviz.panels.tracks import View
from alviz.panels.url import PageUrl
from alviz.panels.workbench import DEFAULTS, Workbench
from alviz.projections import Projection
from alviz.report.replay import MOST_SIDES

COLUMNS = (("settings",), ("map", "timeline", "duel", "queries", "sample", "why"), ("curve", "balance", "confusion"))
"""The cards, column by column."""

MOST_ROUNDS = 1_000_000
"""Rounds that an address may ask for; the budget ends them sooner."""

MOST_MARKED = 50
"""Marked samples that an address names."""

LEADING = ("run", "rounds", "round")
"""What of the address leads to a run."""


class History:
    """The timeline, which run is looked at, and the branch button."""

    def __init__(self, workbench: Workbench):
        self.workbench = workbench
        self.timeline = Timeline()
        self.which = Field(
            kind="menu", label="Run", layout={"display": "none"}, help="This run, its branches and the runs before it on the same data."
        )
        self.branch = widgets.Button(
            description="Branch",
            tooltip="A second run with the same past up to this round, going on with the strategy chosen on the left",
        )
        self.branch.on_click(lambda _: workbench.branch())
        self.save = SavePage(workbench, self._sides, "view", self._map)
        self.widget = widgets.HBox([self.which, self.timeline, self.branch])
        self.widget.add_class("alviz-history")
        self.timeline.observe(self._look, ["shown"])
        self.which.observe(self._choose, ["value"])
        workbench.observe(lambda _: self._show(), ["view", "tracks", "busy"])
        self._show()

    def _look(self, change: Any) -> None:
        view = self.workbench.view
        if view is not None and change["new"] != view.shown:
            self.workbench.look_at(shown=change["new"])

    def _sides(self) -> dict[str, Run]:
        """The run looked at, and the latest of those beside it."""
        view = self.workbench.view
        if view is None:
            return {}
        others = [track for track in self.workbench.tracks if track is not view.track][1 - MOST_SIDES :]
        return {track.label: track.run for track in [view.track, *others]}

    def _map(self) -> Projection | None:
        view, projection = self.workbench.view, self.workbench.projection
        return projection if view is not None and projection is not None and len(projection.points) == len(view.dataset) else None

    def _choose(self, change: Any) -> None:
        view = self.workbench.view
        chosen = next((track for track in self.workbench.tracks if track.label == change["new"]), None)
        if view is not None and chosen is not None and chosen is not view.track:
            self.workbench.look_at(chosen)

    def _show(self) -> None:
        view = self.workbench.view
        self.branch.disabled = view is None or self.workbench.busy
        if view is None:
            return
        titles = [
            f"round {r.index}: {r.n_labelled:,} labels, accuracy {value_text(r.metrics['accuracy'], 'accuracy')}"
            if not math.isnan(r.metrics["accuracy"])
            else f"round {r.index}: {r.n_labelled:,} labels"
            for r in view.rounds
        ]
        branched = [t.run.parent[1] for t in self.workbench.tracks if t.run.parent is not None and t.run.parent[0] == view.track.run.id]
        with self.timeline.hold_sync():
            self.timeline.planned, self.timeline.last, self.timeline.titles = view.track.planned, len(view.rounds) - 1, titles
            self.timeline.branched, self.timeline.shown = branched, view.shown
        self.which.layout.display = None if len(self.workbench.tracks) > 1 else "none"
        self.which.options = [option(track.label, short(track.label)) for track in self.workbench.tracks]
        self.which.value = view.track.label


def explore(store: Any = "default", run: str = "", **config: Any) -> widgets.VBox:
    """The Explore page as a widget, for a notebook cell or Voila.

    config: settings to begin with (dataset, imbalance, learner, strategy, rivals, initial, n_queries, budget, seed). store: where runs are kept (a
    `Store`; None keeps nothing; by default the user's own, or nothing where that cannot be opened). run: the id of a kept run to go on with.
    """
    problem = ""
    if store == "default":
        store, problem = open_store()
    workbench = Workbench(store=store, **config)
    if problem:
        workbench.notice = problem
    page = Explore(workbench)
    if run:
        workbench.resume(run)
    return page.widget


def open_store() -> tuple[Any, str]:
    """(the user's store, "") or (None, why there is none): a read-only disk must not keep anybody from looking."""
    from alviz.studies import Store

    try:
        return Store(), ""
    except (ValueError, OSError) as error:
        return None, f"Runs are not saved: {error}"


def settings_of(config: dict[str, Any]) -> dict[str, Any]:
    """What of a config makes another run."""
    return {
        **{key: config[key] for key in DEFAULTS},
        **config.get("params", {}),
        "options": {part: chosen for part, chosen in config.get("options", {}).items() if chosen},
    }


class Explore:
    """All panels of the page over one Workbench."""

    def __init__(self, workbench: Workbench):
        self.workbench = workbench
        self.settings = Settings(workbench)
        self.header = Header(
            workbench, workbench, self._status, ["view", "projecting", "projected", "preparing", "config"], self._background
        )
        self.history = History(workbench)
        self.rivals = RivalsPanel(workbench)
        self.map = MapPanel(workbench)
        self.slow = SlowMotion(workbench, self.map)
        self.history.widget.children = (*self.history.widget.children, self.slow.toggle)
        self.queries = QueriesPanel(workbench)
        self.why = WhyPanel(workbench)
        self.sample = SamplePanel(workbench)
        self.curve = CurvePanel(workbench)
        self.balance = BalancePanel(workbench)
        self.confusion = ConfusionPanel(workbench)
        self.looks = {
            "color": self.map.color,
            "measure": self.curve.what,
            "balance": self.balance.what,
            "confusion": self.confusion.what,
            "why": self.why.what,
            "duel": self.rivals.metric,
            "random": self.rivals.seeds,
        }
        self._usual_looks = {key: field.value for key, field in self.looks.items()}
        self.url = PageUrl()
        self._awaited: dict[str, str] = {}
        self._marked: list[int] = []
        self.pulse = Pulse()
        workbench.keeps_up = self.pulse.keeps_up
        cards = {
            "settings": panel("Settings", self.settings.widget),
            "map": panel("Embedding map", self.map.widget, controls=self.map.controls),
            "timeline": panel("Timeline", self.history.widget, inline=True),
            "duel": self.rivals.widget,
            "queries": panel("This round's queries", self.queries.widget),
            "why": panel("Why these", self.why.widget, controls=self.why.controls),
            "sample": panel("Why this sample", self.sample.widget),
            "curve": panel("Learning curve", self.curve.widget, controls=self.curve.controls),
            "balance": panel("Class balance", self.balance.widget, controls=self.balance.controls),
            "confusion": panel("Confusion", self.confusion.widget, controls=self.confusion.controls),
        }
        self.sharing = Sharing({**parts_of(cards), **self.settings.parts, **self.header.parts}, self._python, self._bibtex)
        self.header.add(self.sharing.widget, self.history.save.widget)
        columns = [widgets.VBox([cards[name] for name in names]) for names in COLUMNS]
        self.widget = page(self.url, self.pulse, self.header.widget, columns=columns)
        self.url.observe(lambda change: self._open(change["new"]), ["query"])
        self.url.observe(lambda _: self._share(), ["query"])  # also where nothing that it says is a setting
        workbench.preview()
        workbench.observe(lambda _: self._mark(), ["dataset"])
        workbench.observe(lambda _: self._share(), ["config", "view", "method", "selected"])
        for field in (*self.looks.values(), self.slow.toggle):
            field.observe(lambda _: self._share(), ["value"])
        self.slow.player.observe(lambda _: self._share(), ["speed"])
        workbench.observe(lambda _: self._came(), ["busy"])
        workbench.observe(lambda _: self.pulse.beat(), ["view"])  # last: after all panels have sent theirs

    def _status(self) -> tuple[str, bool, bool]:
        view = self.workbench.view
        if view is None:
            return "Choose data, learner and strategy, then press <b>Start</b>.", False, False
        left = view.rounds[-1].n_labelled < min(view.track.budget, len(view.dataset))
        label, learner = view.track.label, view.track.run.base_learner.name
        teacher = "" if f", {learner}" in label else f" with {escape(learner)}"
        duel = f" (duel of {len(view.track.duel)})" if view.track.duel else ""
        line = f"<b>{escape(label)}</b>{duel}{teacher} on {escape(view.dataset.name)} · <span>{escape(view.status())}</span>"
        if view.track.config and settings_of(view.track.config) != settings_of(self.workbench.config):
            line += ' · <span class="alviz-changed">settings changed: press Start</span>'
        return line, left, len(view.rounds) > 1

    def _background(self) -> tuple[str, float] | None:
        return (self.workbench.preparing, self.workbench.projected) if self.workbench.projecting else None

    def _open(self, query: dict[str, str]) -> None:
        """Take settings from the page's address; what makes no sense there is said and left out."""
        address, config = Address(query), dict(self.workbench.config)
        config |= (found := address.read({"dataset": of_field(self.settings.fields["dataset"])}))
        config |= suggested(config["dataset"]) if found else {}
        config |= address.read({"learner": entry_of(learner_menu(config["dataset"]))})
        taught = {name: text for name, text in query.items() if name.startswith("learner.")}
        entries = strategy_menu(made("learner", {**config, "options": options_of(config, Address(taught))}))
        config |= address.read({"strategy": entry_of(entries), "imbalance": fits(is_rule)})
        config |= address.read({key: of_field(self.settings.fields[key]) for key in ("initial", "n_queries", "budget", "seed")})
        if "rivals" in query:
            served = {entry["value"] for entry in entries if not entry["disabled"]} - {config["strategy"]}
            config["rivals"] = address.names("rivals", served, MAX_RIVALS)
        own = self.settings.source.read(address, config["dataset"])
        config["params"] = {**first_params(config["dataset"]), **address.read(sliders_of(config["dataset"])), **own}
        config["options"] = options_of(config, address)
        counts = address.read({"rounds": whole(0, MOST_ROUNDS), "round": whole(0, MOST_ROUNDS)})
        leads = "run" in query or "rounds" in counts
        self._awaited = {key: query[key] for key in LEADING if key in counts or (key == "run" and key in query)} if leads else {}
        self.workbench.config = config
        self._dress(address)
        self.sharing.take(address)
        self.workbench.notice = address.notice or self.workbench.notice
        if leads:
            self.workbench.resume(query.get("run", ""), counts.get("round"), counts.get("rounds"), address.notice)

    def _dress(self, address: Address) -> None:
        """Show what the address says should be shown, in colours and figures."""
        for key, value in address.read(of_fields(self.looks)).items():
            self.looks[key].value = value
        self.slow.toggle.value = "slow" in address.read({"slow": one_of("1")})
        self.slow.player.speed = float(address.read({"speed": one_of(SPEEDS)}).get("speed", 1))
        self.workbench.show_as(address.read({"map": projections.known}).get("map", ""))
        self._marked = address.read({"selected": several(whole(0, 10**9), MOST_MARKED)}).get("selected", [])
        self._mark()

    def _mark(self) -> None:
        """Mark the samples that the address names, as soon as there are any."""
        dataset = self.workbench.dataset
        if self._marked and not self._awaited and dataset is not None and self.workbench.at_hand:
            self.workbench.selected, self._marked = [i for i in self._marked if i < len(dataset)], []

    def _came(self) -> None:
        """The run that the address names is there, or cannot be had."""
        if self._awaited and not self.workbench.busy:
            self._awaited = {}
            self._mark()
            self._share()

    def _python(self) -> str:
        view = self.workbench.view
        return run_script(self.workbench.config) if view is None else "\n".join(run.to_python() for run in view.track.moved)

    def _bibtex(self) -> str:
        view, config = self.workbench.view, self.workbench.config
        if view is not None and not view.track.duel:
            return view.track.run.to_bibtex()
        config = config if view is None else view.track.config
        same = {key: config[key] for key in ("dataset", "learner", "initial")}
        return cited(strategy=[config["strategy"], *config["rivals"]], **same)

    def _share(self) -> None:
        config, view = self.workbench.config, self.workbench.view
        usual = {**DEFAULTS, **suggested(config["dataset"])}
        share = told(config, usual)
        params = config.get("params", {})
        share |= {key: text_of(params[key]) for key in sliders_of(config["dataset"]) if key in params} | self.settings.source.told()
        self.sharing.widget.gap = self.settings.source.gap()
        share |= in_address(config.get("options", {}))
        share |= told({key: field.value for key, field in self.looks.items()}, self._usual_looks)
        share |= map_told(self.workbench)
        marked = self._marked or self.workbench.selected
        share |= {"selected": text_of(marked)} if 0 < len(marked) <= MOST_MARKED else {}
        share |= {"slow": "1"} if self.slow.toggle.value else {}
        share |= told({"speed": self.slow.player.speed}, {"speed": 1.0})
        share |= self._awaited if view is None else leading(view)
        self.url.share = share | self.sharing.address()


def leading(view: View) -> dict[str, str]:
    """What of an address leads to a run, or a duel, at a round: ids, for where they are kept, and for elsewhere how many rounds they have, if settings alone make them again."""
    runs, last = view.track.moved, len(view.rounds) - 1
    alone = last > 0 and not any(run.before or run.state.ignored.any() for run in runs)
    found = {
        "run": ",".join(filter(None, (run.id for run in runs))),
        "rounds": str(last) if alone else "",
        "round": str(view.shown) if view.shown < last else "",
    }
    return {key: text for key, text in found.items() if text}
