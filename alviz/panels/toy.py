"""Toy: two to four strategies on a 2D pool, side by side, from the same start and in step."""

from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from alviz import data, learners, strategies
from alviz.data.dataset import Dataset
from alviz.figures import Drawing, accuracy_html, accuracy_table, toy_plane
from alviz.figures.base import plural
from alviz.figures.curves import value_text
from alviz.figures.toy import grid
from alviz.panels.address import LONGEST, Address, entry_of, of_field, of_fields, one_of, several, text_of, told, whole
from alviz.panels.duel import DEFAULTS, Duel, Plane
from alviz.panels.field import Field, option
from alviz.panels.frame import page, panel
from alviz.panels.hands import MODES, HandsPanel
from alviz.panels.hands_address import (
    AS_FILE,
    GAP,
    HAND,
    card_told,
    painting_in,
    painting_in_use,
    points_told,
    shape_of,
    shape_told,
)
from alviz.panels.hands_picture import painted_params
from alviz.panels.header import Header
from alviz.panels.legend import plane_legend
from alviz.panels.plot import Plot
from alviz.panels.pulse import Pulse
from alviz.panels.recipes import cited, duel_script, hands_script
from alviz.panels.saving import SavePage
from alviz.panels.settings import SLIDERS, initial_menu, is_plane, menu, sliders_of, strategy_menu
from alviz.panels.share import Part, Sharing, parts_of
from alviz.panels.timeline import Timeline
from alviz.panels.url import PageUrl
from alviz.projections import project

MOST = 4
MOST_ROUNDS = 100
"""Rounds that an address may ask for."""
KINDS = (
    option("probability", "class probability"),
    option("boundary", "decision boundary"),
    option("score", "what the strategy wants"),
)


class ToySettings:
    """The left column: the pool and its sliders, the learner, the strategies, the rounds."""

    def __init__(self, duel: Duel):
        self.duel = duel
        self._filling = False
        self.fields = {
            "dataset": Field(label="2D pool", options=pools(duel.config), help="Each breaks particular strategies; its card says which."),
            "learner": Field(label="Learner", options=menu(learners, on_the_plane()), help="Committees can serve every strategy."),
            "initial": Field(label="Initial pool", options=initial_menu(duel.pool), help="The same for all strategies."),
            "n_queries": Field(kind="number", label="Labels per round", minimum=1, maximum=1000, help="Round 0 takes as many."),
            "steps": Field(kind="number", label="Rounds", minimum=1, maximum=100, help="How far Run goes."),
            "seed": Field(kind="number", label="Seed", minimum=0, maximum=2**31 - 1, help="The same seed makes the same runs."),
        }
        self.sliders = {
            key: Field(kind="range", label=label, minimum=low, maximum=high, step=step, help=help)
            for key, (label, low, high, step, help) in SLIDERS.items()
        }
        self.strategies = [Field(label=f"Strategy {k + 1}", help="The greyed-out ones say what they miss.") for k in range(MOST)]
        self.card = widgets.HTML()
        f = self.fields
        numbers = widgets.HBox([f["n_queries"], f["steps"]])
        numbers.add_class("alviz-pair")
        self.widget = widgets.VBox(
            [f["dataset"], self.card, *self.sliders.values(), f["learner"], *self.strategies, f["initial"], numbers, f["seed"]]
        )
        self.widget.add_class("alviz-settings")
        self._show()
        for key, field in self.fields.items():
            field.observe(lambda change, key=key: self._set(key, change["new"]), ["value"])
        for key, slider in self.sliders.items():
            slider.observe(lambda change, key=key: self._slide(key, change["new"]), ["value"])
        for field in self.strategies:
            field.observe(lambda _: self._choose(), ["value"])
        duel.observe(lambda _: self._show(), ["config"])
        duel.observe(lambda change: setattr(self.fields["initial"], "options", initial_menu(change["new"])), ["pool"])
        duel.observe(lambda change: self._lock(change["new"]), ["busy"])

    @property
    def parts(self) -> dict[str, Part]:
        """What of it a link can hide or lock."""
        more: dict[str, list[widgets.Widget]] = {"dataset": [self.card, *self.sliders.values()]}
        parts = {key: Part(field.label, [field, *more.get(key, [])]) for key, field in self.fields.items()}
        return {**parts, "strategies": Part("Strategies", self.strategies)}

    def _set(self, key: str, value: Any) -> None:
        if self._filling or value == self.duel.config[key]:
            return
        changed = {**self.duel.config, key: int(value) if self.fields[key].kind == "number" else value}
        if key == "dataset":
            changed["params"] = {}
        if key == "learner":
            changed["strategies"] = served_by(value, changed["strategies"])
        self.duel.config = changed

    def _slide(self, key: str, value: float) -> None:
        if not self._filling:
            self.duel.config = {**self.duel.config, "params": {**self.duel.config.get("params", {}), key: float(value)}}

    def _choose(self) -> None:
        if not self._filling:
            self.duel.config = {**self.duel.config, "strategies": [str(field.value) for field in self.strategies]}

    def _show(self) -> None:
        config = self.duel.config
        self._filling = True
        try:
            card = data.card(config["dataset"])
            self.card.value = f'<p class="alviz-reading" title="{escape(card.fails)}">{escape(card.idea)}</p>'
            parameters = data.registry.parameters(config["dataset"])
            for key, slider in self.sliders.items():
                slider.layout.display = None if key in parameters else "none"
                if key in parameters:
                    slider.value = config.get("params", {}).get(key, parameters[key].default)
            self.fields["dataset"].options = pools(config)
            entries = strategy_menu(learners.create(config["learner"]))
            names = [*config["strategies"], *["none"] * MOST][:MOST]
            for k, (field, name) in enumerate(zip(self.strategies, names, strict=True)):
                field.options = entries if k < 2 else [option("none", "none"), *entries]
                field.value = name
            for key, field in self.fields.items():
                field.value = config[key]
        finally:
            self._filling = False

    def _lock(self, busy: bool) -> None:
        for field in [*self.fields.values(), *self.sliders.values(), *self.strategies]:
            field.disabled = busy


def pools(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The menu of 2D pools; the painted one is greyed out until it is the one in use."""
    why = "" if config["dataset"] == "painted" else "paint one under By hand"
    names = [name for name in data.available() if is_plane(name)]
    return [*menu(data, names), option("painted", title=data.card("painted").idea, disabled=bool(why), why=why)]


def on_the_plane() -> list[str]:
    """The learners that take points of the plane."""
    return [name for name in learners.simple() if learners.create(name).takes == "features"]


def served_by(learner: str, names: list[str]) -> list[str]:
    """The strategies `names`, with others in the place of those that `learner` cannot serve."""
    served = {entry["value"] for entry in strategy_menu(learners.create(learner)) if not entry["disabled"]}
    spare = (name for name in ("margin", "random", "k-center", "entropy") if name in served and name not in names)
    return [name if name in served or name == "none" else next(spare) for name in names]


class ToyPlanes:
    """The pictures side by side, with the switch for what is drawn behind the points, and the timeline."""

    def __init__(self, duel: Duel):
        self.duel = duel
        self.kind = Field(label="Background", options=list(KINDS), value=duel.config["kind"], help="What is drawn over the plane.")
        self.timeline = Timeline()
        self.save = SavePage(duel, lambda: duel.runs, "planes", lambda: project(duel.runs[0].dataset, "plane"))
        self.controls = widgets.HBox([self.timeline, self.kind])
        self.controls.add_class("alviz-controls")
        self.plots = [Plot(height="clamp(260px, 40vh, 560px)", empty="Loading the pool …") for _ in range(MOST)]
        self.titles = [widgets.HTML() for _ in range(MOST)]
        self.cells = [widgets.VBox([title, plot]) for title, plot in zip(self.titles, self.plots, strict=True)]
        for cell in self.cells:
            cell.add_class("alviz-plane")
        side_by_side = widgets.Box(self.cells)
        side_by_side.add_class("alviz-planes")
        self.legend = widgets.HTML()
        self.widget = widgets.VBox([self.legend, side_by_side])
        self.kind.observe(lambda change: setattr(duel, "config", {**duel.config, "kind": change["new"]}), ["value"])
        self.timeline.observe(lambda change: change["new"] != duel.shown and duel.look_at(change["new"]), ["shown"])
        duel.observe(lambda change: self._choose(change), ["config"])
        duel.observe(lambda _: self._show(), ["planes", "pool"])
        duel.observe(lambda _: self._stand(), ["planes", "busy"])
        self._show()

    def _choose(self, change: Any) -> None:
        self.kind.value = change["new"]["kind"]
        if not self.duel.planes and change["new"]["strategies"] != change["old"]["strategies"]:
            self._show()

    def _show(self) -> None:
        planes: list[Plane] = self.duel.planes
        pool = self.duel.pool
        waiting = [name for name in self.duel.config["strategies"] if name != "none"]
        count = len(planes) or len(waiting)
        for k, (cell, title, plot) in enumerate(zip(self.cells, self.titles, self.plots, strict=True)):
            cell.layout.display = None if k < count else "none"
            if k < len(planes):
                drawing = picture(planes[k])
                finished = planes[k].run.rounds[planes[k].shown]
                title.value = heading(planes[k].run.name, f"{value_text(finished.metrics['accuracy'], 'accuracy')} accuracy")
                plot.show(drawing.figure, drawing.reading)
            elif k < count:
                title.value = heading(waiting[k], "")
                if pool is not None:
                    drawing = untouched(pool)
                    plot.show(drawing.figure, drawing.reading)
        if not planes and pool is not None:
            self.legend.value = plane_legend(pool.class_names, "boundary", "just queried")
        if planes:
            self.legend.value = plane_legend(planes[0].run.dataset.class_names, planes[0].kind, "just queried")

    def _stand(self) -> None:
        """Bring the timeline in line with the planes, also after a look that came while something else was under way."""
        planes = self.duel.planes
        if planes and not self.duel.busy:
            with self.timeline.hold_sync():
                self.timeline.last, self.timeline.planned = self.duel.position, self.duel.steps
                self.timeline.titles = [f"round {r.index}: {r.n_labelled:,} labels" for r in planes[0].run.rounds]
                self.timeline.shown = planes[0].shown


def heading(name: str, value: str) -> str:
    """A plot's heading: the strategy, and how good it is."""
    return f'<div class="alviz-plane-title"><b>{escape(name)}</b><span>{escape(value)}</span></div>'


def picture(plane: Plane) -> Drawing:
    """The drawing of one plane; the legend is left to the page, so that all planes have the same size."""
    finished = plane.run.rounds[plane.shown]
    when = plane.run.state.labelled_in_round
    labelled = ((when >= 0) & (when <= plane.shown)).nonzero()[0]
    drawing = toy_plane(
        plane.run.dataset,
        labelled,
        finished.queried,
        plane.x,
        plane.y,
        plane.field,
        plane.kind,  # type: ignore[arg-type]
        probabilities=plane.probabilities,
        labels=plane.run.state.labels,
        accuracy=finished.metrics["accuracy"],
        title=plane.run.name,
    )
    return _framed(drawing, plane.x, plane.y)


def untouched(pool: Dataset) -> Drawing:
    """The drawing of a pool before there is a run."""
    x, y = grid(pool)
    reading = f"{plural(len(pool), 'sample')}, none labelled yet: press Start, and every strategy begins with the same labels."
    return Drawing(_framed(toy_plane(pool, [], [], x, y, None), x, y).figure, reading)


def _framed(drawing: Drawing, x: NDArray[Any], y: NDArray[Any]) -> Drawing:
    """The same without legend and colour bar, cut to the grid x, y, so that all planes have one size."""
    data = [{**trace, "showscale": False} if trace["type"] == "heatmap" else trace for trace in drawing.figure["data"]]
    look = {**drawing.figure["layout"], "showlegend": False, "margin": {"l": 4, "r": 4, "t": 4, "b": 4}}
    look["xaxis"] = {**look["xaxis"], "range": [float(x[0]), float(x[-1])]}
    look["yaxis"] = {**look["yaxis"], "range": [float(y[0]), float(y[-1])]}
    return Drawing({"data": data, "layout": look}, drawing.reading)


class ToyTable:
    """The table of accuracies per selection, over as many seeds as asked (paper 002, table 3.1)."""

    def __init__(self, duel: Duel):
        self.duel = duel
        self.seeds = Field(
            kind="number", label="Seeds", minimum=1, maximum=1000, value=duel.config["seeds"], help="Each seed is a new start."
        )
        self.button = widgets.Button(
            description="Make the table", tooltip="All strategies, this many seeds, as many rounds as set on the left"
        )
        self.controls = widgets.HBox([self.seeds, self.button])
        self.controls.add_class("alviz-controls")
        self.html = widgets.HTML()
        self.html.add_class("alviz-tables")
        self.widget = self.html
        self.seeds.observe(lambda change: setattr(duel, "config", {**duel.config, "seeds": int(change["new"])}), ["value"])
        self.button.on_click(lambda _: duel.make_table())
        duel.observe(lambda _: self._show(), ["planes", "table", "busy"])
        self._show()

    def _show(self) -> None:
        duel = self.duel
        self.button.disabled = duel.busy
        parts = []
        if duel.planes:
            accuracy = {run.name: np.array([[r.metrics["accuracy"] for r in run.rounds]]) for run in duel.runs}
            hint = "" if duel.table is not None else '<p class="alviz-reading">One seed decides nothing: make the table over many.</p>'
            parts.append(f"<div>{accuracy_html(accuracy_table(accuracy), first=0)}{hint}</div>")
        if duel.table is not None:
            table = duel.table
            accuracy = {name: table["accuracy"][k] for k, name in enumerate(table["strategies"])}
            config = table["config"]
            what = (
                f"{table['dataset']}, {config['learner']}, {config['n_queries']} labels per round, {config['seeds']} seeds from {config['seed']} on. "
                "Column 0 is the common start; ± is the 95 % interval of the mean."
            )
            what = f'<p class="alviz-reading">{escape(what)}</p>'
            parts.append(f"<div>{accuracy_html(accuracy_table(accuracy), first=0)}{what}</div>")
        self.html.value = "".join(parts) or '<p class="alviz-empty">Press Start: accuracy after every selection, strategy by strategy.</p>'


def toy(**config: Any) -> widgets.VBox:
    """The Toy page as a widget, for a notebook cell or Voila. config: settings to begin with (see `alviz.panels.duel.DEFAULTS`)."""
    return Toy(Duel(**config)).widget


class Toy:
    """All panels of the page over one Duel."""

    def __init__(self, duel: Duel):
        self.duel = duel
        self.header = Header(duel, duel, self._status, ["planes", "config"])
        self.settings = ToySettings(duel)
        self.planes = ToyPlanes(duel)
        self.table = ToyTable(duel)
        self.hands = HandsPanel(duel, (on_the_plane(), list(KINDS)))
        self.url = PageUrl()
        self.pulse = Pulse()
        duel.keeps_up = self.pulse.keeps_up
        cards = {
            "settings": panel("Settings", self.settings.widget),
            "hands": self.hands.widget,
            "plane": panel("The plane", self.planes.widget, controls=self.planes.controls),
            "table": panel("Accuracy per selection", self.table.widget, controls=self.table.controls),
        }
        self.sharing = Sharing(
            {**parts_of(cards), **self.settings.parts, **self.header.parts},
            self._python,
            lambda: cited(strategy=chosen_or_all(duel.config), **{key: duel.config[key] for key in ("dataset", "learner", "initial")}),
        )
        self.header.add(self.sharing.widget, self.planes.save.widget)
        left, *right = cards.values()
        self.widget = page(self.url, self.pulse, self.header.widget, columns=[widgets.VBox([left]), widgets.VBox(right)])
        self.url.observe(lambda change: self._open(change["new"]), ["query"])
        self.url.observe(lambda _: self._share(), ["query"])  # also where nothing that it says is a setting
        duel.preview()
        duel.observe(lambda _: self._share(), ["config", "planes"])
        self.hands.hands.observe(lambda _: self._follow(), ["picture", "learner", "strategy", "kind"])
        duel.observe(lambda _: self.pulse.beat(), ["planes"])  # last: after all panels have sent theirs

    def _status(self) -> tuple[str, bool, bool]:
        duel = self.duel
        if not duel.planes:
            return "Choose two to four strategies, then press <b>Start</b>.", False, False
        first = duel.planes[0].run
        budget = first.n_initial + duel.steps * first.n_queries
        labels = first.rounds[duel.shown].n_labelled
        line = f"{escape(first.dataset.name)} · <span>round {duel.shown}/{duel.steps} · {labels:,}/{min(budget, len(first.dataset)):,} labels</span>"
        if duel.changed:
            line += ' · <span class="alviz-changed">settings changed: press Start</span>'
        return line, len(first.state.candidates) > 0, duel.position > 0

    def _follow(self) -> None:
        """What is made by hand goes into the address once the hand rests: a browser takes only so many addresses a second."""
        picture = self.hands.hands.picture
        if self.duel.config["hands"] and not (picture is not None and picture.moving):
            self._share()

    def _python(self) -> str:
        picture = self.hands.hands.picture
        shown = self.duel.config["hands"] and picture is not None and picture.pool is not None
        return duel_script(self.duel.config) + (hands_script(self.hands.hands) if shown else "")

    def _open(self, query: dict[str, str]) -> None:
        """Take settings from the page's address; what makes no sense there is said and left out."""
        address = Address(query)
        readers = {**of_fields(self.settings.fields), "seeds": of_field(self.table.seeds)}
        readers |= {"hands": entry_of(list(MODES)), "kind": entry_of(list(KINDS)), "dataset": entry_of(pools({"dataset": "painted"}))}
        found = address.read({**readers, "strategies": several(one_of(strategies.available()), MOST, least=2)})
        now = self.duel.config
        painting = painting_in(address, "points") if found.get("dataset") == "painted" else None
        if found.get("dataset") == "painted" and not painting:
            del found["dataset"]
        merged = {**now, **found, "params": {} if found.get("dataset", now["dataset"]) != now["dataset"] else now.get("params", {})}
        if painting:
            merged["params"] = painted_params(painting, **address.read({"label_noise": of_field(self.settings.sliders["label_noise"])}))
        else:
            merged["params"] = {**merged["params"], **address.read(sliders_of(merged["dataset"]))}
        if merged["dataset"] == "mixture":
            merged["params"] |= shape_of(address)
        counts = address.read({"rounds": whole(0, MOST_ROUNDS), "round": whole(0, MOST_ROUNDS)})
        if "strategies" not in found:
            merged["strategies"] = served_by(merged["learner"], merged["strategies"])
        self.sharing.take(address)
        self.duel.config = merged
        if merged["hands"]:
            self.hands.take(address)
        self.duel.notice = address.notice or self.duel.notice
        if "rounds" in counts and (painting or query.get("dataset") != "painted"):  # or other runs than those meant
            self.duel.make(counts["rounds"], counts.get("round"), address.notice)

    def _share(self) -> None:
        config = {**self.duel.config, "strategies": chosen_or_all(self.duel.config)}
        share, params = told(config, DEFAULTS), config.get("params", {})
        share |= {key: text_of(params[key]) for key in sliders_of(config["dataset"]) if key in params}
        if config["dataset"] == "painted":
            share |= {"points": points_told(painting_in_use(params))} | told(params, {"label_noise": 0.0})
        if config["dataset"] == "mixture":
            share |= shape_told(params)
        if config["hands"]:
            share |= card_told(self.hands.hands, LONGEST - len(share.get("points", "")))
        self.sharing.widget.gap = GAP if AS_FILE in (share.get("points"), share.get(f"{HAND}points")) else ""
        if self.duel.planes:
            share["rounds"] = str(self.duel.position)
            share |= {"round": str(self.duel.shown)} if self.duel.shown < self.duel.position else {}
        self.url.share = share | self.sharing.address()


def chosen_or_all(config: dict[str, Any]) -> list[str]:
    """The strategies set, "none" left out, however many."""
    return [name for name in config["strategies"] if name != "none"]
