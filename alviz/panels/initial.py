"""Initial pools: up to four ways to choose the first samples, side by side, and where the runs go that start from them."""

from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np

from alviz import initial as initial_pools
from alviz import projections
from alviz.data.dataset import Dataset
from alviz.figures import Drawing, palette
from alviz.figures.bands import FEW
from alviz.figures.base import nothing, plural, shorten
from alviz.figures.pools import REFERENCE, pool_counts, pool_map, start_curves, start_overlap
from alviz.panels.address import Address, fits, of_field, of_fields, one_of, several, told
from alviz.panels.field import Field, option
from alviz.panels.frame import page, panel
from alviz.panels.header import Header
from alviz.panels.imbalance import is_rule
from alviz.panels.linking import link_selection
from alviz.panels.map import map_told
from alviz.panels.plot import Plot
from alviz.panels.pool_settings import PoolSettings, sizes, suited
from alviz.panels.pulse import Pulse
from alviz.panels.queries import fill
from alviz.panels.recipes import cited, pools_script
from alviz.panels.share import Sharing, parts_of
from alviz.panels.source import first_params
from alviz.panels.starts import DEFAULTS, MOST, Starts
from alviz.panels.thumbnails import Thumbnails
from alviz.panels.url import PageUrl
from alviz.studies.initial import Start, overlap, together
from alviz.studies.statistics import band

LEGEND_UP_TO = 10
"""With more classes than this the legend leaves them out."""

IR = "ir, imbalance ratio: standard deviation of the class counts over their mean; 0 where all classes have the same count."

TOOLTIPS = {
    "Start": "Choose the pools with the settings on the left",
    "Step": "One more seed: a run from every pool, over all rounds",
    "Undo": "Take the last seed's runs back",
    "Run": "As many seeds as are set on the left",
    "Cancel": "Stop what is under way; pools and seeds that are finished stay",
}

UNLABELLED = "These data have no labels that a run could ask for: label them on the page Label. The pools can be chosen all the same."


class PoolMaps:
    """The pools side by side in the embedding, each with how it chooses."""

    def __init__(self, starts: Starts):
        self.starts = starts
        self.method = Field(label="Projection", help="Computed once per dataset and kept; UMAP and t-SNE take their time the first time.")
        self.controls = widgets.HBox([self.method])
        self.controls.add_class("alviz-controls")
        self.plots = [Plot(height="clamp(180px, 26vh, 420px)", empty="Loading the pool …") for _ in range(MOST)]
        self.titles = [widgets.HTML() for _ in range(MOST)]
        self.cards = [widgets.HTML() for _ in range(MOST)]
        self.cells = [widgets.VBox(list(parts)) for parts in zip(self.titles, self.plots, self.cards, strict=True)]
        for cell in self.cells:
            cell.add_class("alviz-plane")
        for plot in self.plots:
            link_selection(starts, plot)
        side_by_side = widgets.Box(self.cells)
        side_by_side.add_class("alviz-maps")
        self.legend = widgets.HTML()
        self.widget = widgets.VBox([self.legend, side_by_side])
        self.method.observe(self._project, ["value"])
        starts.observe(lambda _: self._methods(), ["dataset", "method"])
        starts.observe(lambda _: self._show(), ["chosen", "waiting", "projection"])
        starts.observe(self._renamed, ["config"])
        self._methods()
        self._show()

    def _project(self, change: Any) -> None:
        if change["new"]:
            self.starts.method = change["new"]

    def _renamed(self, change: Any) -> None:
        if change["old"]["pools"] != change["new"]["pools"]:
            self._show()

    def _methods(self) -> None:
        self.method.options = [option(name, projections.label(name)) for name in projections.available(self.starts.dataset)]
        self.method.value = self.starts.method

    def _show(self) -> None:
        starts = self.starts
        chosen = {one.name: one for one in starts.chosen}
        names = starts.names
        dataset, projection = starts.dataset, starts.projection
        ready = dataset is not None and projection is not None and len(projection.points) == len(dataset)
        self.legend.value = "" if dataset is None else legend(dataset)
        for k, (cell, title, plot, card) in enumerate(zip(self.cells, self.titles, self.plots, self.cards, strict=True)):
            cell.layout.display = None if k < len(names) else "none"
            if k >= len(names):
                continue
            one = chosen.get(names[k])
            told = "not chosen yet"
            if names[k] in starts.waiting:
                told = "choosing …" if names[k] == starts.waiting[0] else "waiting"
            if one is not None:
                told = plural(len(one.indices), "sample")
            if one is not None and one.contents.class_counts.any():
                total = len(one.contents.class_counts)
                told = f'{one.contents.covered}/{total} classes · <abbr title="{IR}">ir</abbr> {one.contents.ir:.2f}'
            title.value = f'<p class="alviz-pool-title"><b>{escape(names[k])}</b><span>{told}</span></p>'
            card.value = card_html(names[k])
            if ready:
                indices = np.empty(0, dtype=np.int64) if one is None else one.indices
                drawing = pool_map(projection.points, dataset, indices)  # type: ignore[union-attr, arg-type]
                plot.show(drawing.figure, drawing.reading)


class PoolFigures:
    """Classes per pool, accuracy and overlap over the rounds, and the pools' pictures."""

    def __init__(self, starts: Starts):
        self.starts = starts
        self.counts = Plot(height="clamp(190px, 26vh, 320px)")
        self.table = widgets.HTML()
        self.curves = Plot(height="clamp(220px, 34vh, 420px)")
        self.overlap = Plot(height="clamp(220px, 34vh, 420px)")
        self.which = Field(label="Pool", help="Whose pictures are shown.", layout={"display": "none"})
        self.wish = ""
        """Whose pictures are to be shown once they are there."""
        self.controls = widgets.HBox([self.which])
        self.controls.add_class("alviz-controls")
        self.pictures = Thumbnails(label="The chosen samples", empty="Press Start: the chosen samples appear here, in pick order.")
        self.shown = widgets.VBox([self.pictures])
        self.shown.add_class("alviz-pictures")
        link_selection(starts, self.pictures)
        self.which.observe(lambda _: self._picture(), ["value"])
        starts.observe(lambda _: self._count(), ["chosen"])
        starts.observe(lambda _: self._compare(), ["results", "dataset"])
        starts.observe(lambda _: self._tell(), ["chosen", "results"])
        self._count()
        self._compare()
        self._tell()

    def _count(self) -> None:
        starts = self.starts
        names = starts.dataset.class_names if starts.dataset is not None else ()
        drawing = pool_counts({one.name: one.contents.class_counts for one in starts.chosen}, names)
        show(self.counts, drawing)
        options = [option(one.name) for one in starts.chosen]
        self.which.layout.display = None if len(options) > 1 else "none"
        self.which.options = options
        if self.wish in {one.name for one in starts.chosen}:
            self.which.value, self.wish = self.wish, ""
        if options and self.which.value not in {one.name for one in starts.chosen}:
            self.which.value = starts.chosen[0].name
        self._picture()

    def _picture(self) -> None:
        one = next((one for one in self.starts.chosen if one.name == self.which.value), None)
        if one is None or self.starts.dataset is None:
            self.pictures.show([])
        else:
            fill(self.pictures, self.starts.dataset, None, one.indices)

    def _compare(self) -> None:
        results: list[dict[str, Start]] = self.starts.results
        dataset = self.starts.dataset
        if unlabelled(dataset):
            show(self.curves, nothing(UNLABELLED))
            show(self.overlap, nothing(UNLABELLED))
            return
        names = list(results[0]) if results else []
        labels = (
            together((seed[name] for seed in results for name in names), lambda start: start.n_labelled)[0]
            if results
            else np.empty(0, dtype=np.int64)
        )
        accuracy = {name: together((seed[name] for seed in results), lambda start: start.accuracy) for name in names}
        shared = {
            name: np.stack([overlap(seed[name].labelled, seed[REFERENCE].labelled)[: len(labels)] for seed in results]) for name in names
        }
        show(self.curves, start_curves(labels, accuracy))
        show(self.overlap, start_overlap(labels, shared, 0 if dataset is None else len(dataset)))

    def _tell(self) -> None:
        self.table.value = table_html(self.starts)


def show(plot: Plot, drawing: Drawing) -> None:
    """The drawing with its reading; where there is nothing to draw, the sentence that says what to do stands in the plot's place alone."""
    if drawing.figure["data"]:
        plot.show(drawing.figure, drawing.reading)
    else:
        plot.empty = drawing.reading
        plot.show(drawing.figure)


def unlabelled(dataset: Dataset | None) -> bool:
    """Whether no sample of the data has a known class, so that no run can go on from a pool."""
    return dataset is not None and not (dataset.targets >= 0).any()


def legend(dataset: Dataset) -> str:
    """What the maps show, in words: the classes with their colours where there are few, and the star."""
    names = () if unlabelled(dataset) else dataset.class_names
    few = zip(names, palette.class_colors(len(names)), strict=True) if len(names) <= LEGEND_UP_TO else ()
    classes = "".join(f'<span><b style="color:{color}">●</b> {escape(shorten(name))}</span>' for name, color in few)
    if len(names) > LEGEND_UP_TO:
        classes = f"<span>Coloured by class ({len(names)}); point at a sample for its name</span>"
    return f'<p class="alviz-legend">{classes}<span><b class="alviz-star">★</b> in the initial pool</span></p>'


def card_html(name: str) -> str:
    """An initial pool's card as escaped HTML, folded up but for its idea."""
    card = initial_pools.card(name)
    fields = {"Formula": card.formula, "Needs": card.needs, "Cost": card.cost, "Shines": card.shines, "Fails": card.fails}
    fields |= {"Ours": card.deviation, "Paper": card.reference}
    items = "".join(f"<dt>{heading}</dt><dd>{escape(text)}</dd>" for heading, text in fields.items() if text)
    return f'<div class="alviz-method"><details><summary>How it chooses</summary><p>{escape(card.idea)}</p><dl>{items}</dl></details></div>'


def table_html(starts: Starts) -> str:
    """What the pools are worth in numbers: means over the finished seeds, or of the pools chosen where there is none."""
    results: list[dict[str, Start]] = starts.results
    if not results:
        return ""
    reference = together((seed[REFERENCE] for seed in results), lambda start: start.accuracy)
    rows = []
    for name in results[0]:
        mine = [seed[name] for seed in results]
        accuracy = together(mine, lambda start: start.accuracy)
        gain = band(accuracy - reference)
        cells = [f"{np.mean([start.contents.covered for start in mine]):.1f}", f"{np.mean([start.contents.ir for start in mine]):.2f}"]
        for at in (0, -1):
            told = f"{100 * accuracy[:, at].mean():.1f}"
            if name != REFERENCE and len(results) > 1:
                told += f"<small>{signed(gain.low[at])} … {signed(gain.high[at])}</small>"
            cells.append(told)
        rows.append(f"<tr><th>{escape(name)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    first, last = (next(iter(results[0].values())).n_labelled[at] for at in (0, -1))
    ratio = f'<abbr title="{IR}">ir</abbr>'
    head = "".join(f"<th>{text}</th>" for text in ("", "classes", ratio, plural(int(first), "label"), plural(int(last), "label")))
    note = f"Means over {plural(len(results), 'seed')}: classes and ir of the pool, accuracy in % with the pool alone and at the end"
    small = "95 % interval of the mean" if len(results) >= FEW else "lowest and highest"
    note += (
        f"; small: {small} gain in points over the random start of the same seed." if len(results) > 1 else ". One seed decides nothing."
    )
    return f'<table class="alviz-table alviz-gains"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table><p class="alviz-reading">{note}</p>'


def signed(gain: float) -> str:
    """A difference of shares in points: "+1.2", "−0.3"."""
    return f"{'−' if gain < 0 else '+'}{abs(100 * gain):.1f}"


def initial(**config: Any) -> widgets.VBox:
    """The Initial pools page as a widget, for a notebook cell or Voila. config: settings to begin with (see `alviz.panels.starts.DEFAULTS`)."""
    return InitialPools(Starts(**config)).widget


class InitialPools:
    """All panels of the page over one Starts."""

    def __init__(self, starts: Starts):
        self.starts = starts
        self.header = Header(
            starts,
            starts,
            self._status,
            ["dataset", "chosen", "results", "config", "projecting", "projected", "preparing"],
            self._background,
            TOOLTIPS,
        )
        self.settings = PoolSettings(starts)
        self.maps = PoolMaps(starts)
        self.figures = PoolFigures(starts)
        self.url = PageUrl()
        self.pulse = Pulse()
        left = widgets.VBox([panel("Settings", self.settings.widget)])
        halves = widgets.Box(
            [
                widgets.VBox(
                    [
                        panel("Samples per class", self.figures.counts),
                        panel("The chosen samples", self.figures.shown, controls=self.figures.controls),
                    ]
                ),
                widgets.VBox(
                    [
                        panel("Accuracy from each pool", self.figures.curves, self.figures.table),
                        panel("Overlap with the run that started at random", self.figures.overlap),
                    ]
                ),
            ]
        )
        halves.add_class("alviz-halves")
        right = widgets.VBox([panel("Chosen pools", self.maps.widget, controls=self.maps.controls), halves])
        cards = {"settings": left.children[0], "maps": right.children[0]}
        cards |= dict(
            zip(("counts", "shown", "curves", "overlap"), [card for half in halves.children for card in half.children], strict=True)
        )
        self.sharing = Sharing(
            {**parts_of(cards), **self.settings.parts, **self.header.parts},
            lambda: pools_script(starts.config),
            lambda: cited(
                initial=[name for name in starts.config["pools"] if name != "none"],
                **{key: starts.config[key] for key in ("dataset", "strategy", "learner")},
            ),
        )
        self.header.add(self.sharing.widget)
        self.widget = page(self.url, self.pulse, self.header.widget, columns=[left, right])
        self.url.observe(lambda change: self._open(change["new"]), ["query"])
        self.url.observe(lambda _: self._share(), ["query"])  # also where nothing that it says is a setting
        starts.preview()
        starts.observe(lambda _: self._share(), ["config", "method", "chosen", "results"])
        self.figures.which.observe(lambda _: self._share(), ["value"])
        starts.observe(lambda _: self.pulse.beat(), ["chosen", "results"])  # last: after all panels have sent theirs

    def _status(self) -> tuple[str, bool, bool]:
        starts = self.starts
        if not starts.chosen or starts.dataset is None:
            shown = "" if starts.dataset is None else f"{escape(starts.dataset.name)} · "
            return f"{shown}<span>Choose up to four initial pools, then press <b>Start</b>.</span>", False, False
        samples = plural(len(starts.chosen[0].indices), "sample")
        line = f"{escape(starts.dataset.name)} · <span>{plural(len(starts.chosen), 'pool')} of {samples}</span>"
        line += f" · <span>{len(starts.results)}/{max(int(starts.config['seeds']), len(starts.results))} seeds run</span>"
        if starts.stale:
            line += f' · <span class="alviz-changed">settings changed: press {starts.stale}</span>'
        return line, not unlabelled(starts.dataset), bool(starts.results)

    def _background(self) -> tuple[str, float] | None:
        return (self.starts.preparing, self.starts.projected) if self.starts.projecting else None

    def _open(self, query: dict[str, str]) -> None:
        """Take settings from the page's address; what makes no sense there is said and left out."""
        address = Address(query)
        pools = fits(lambda names: len(set(names)) == len(names), several(one_of(initial_pools.available()), MOST))
        found = address.read({**of_fields(self.settings.fields, greyed=True), "pools": pools, "imbalance": fits(is_rule)})
        seen = address.read(
            {"map": projections.known, "shown": one_of(initial_pools.available()), "done": of_field(self.settings.fields["seeds"])}
        )
        if "bins" in found:
            found["bins"] = int(found["bins"])
        if "dataset" in found:
            found = {**sizes(found["dataset"]), **found}
        asked = {**self.starts.config, **found}
        own = self.settings.source.read(address, asked["dataset"])
        self.starts.config = suited({**asked, "params": {**first_params(asked["dataset"]), **own}} if "dataset" in found else asked)
        address.settle(asked, self.starts.config)
        self.starts.show_as(seen.get("map", ""))
        self.figures.wish = seen.get("shown", "")
        self.sharing.take(address)
        self.starts.notice = address.notice or self.starts.notice
        if "done" in seen:
            self.starts.make(seen["done"], address.notice)

    def _share(self) -> None:
        config, starts = self.starts.config, self.starts
        share = told(config, {**DEFAULTS, **sizes(config["dataset"])}) | self.settings.source.told() | map_told(starts)
        if starts.chosen:
            share |= {"done": str(len(starts.results))} | told({"shown": self.figures.which.value}, {"shown": starts.chosen[0].name})
        self.sharing.widget.gap = self.settings.source.gap()
        self.url.share = share | self.sharing.address()
