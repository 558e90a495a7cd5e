"""Picking: what a person sees of the pool, and how samples are picked from it. No class of an unlabelled sample comes to the page."""

from typing import Any

import ipywidgets as widgets
import numpy as np

from alviz import projections
from alviz.figures.base import number
from alviz.figures.match import pick_board, reveal_board
from alviz.figures.toy import grid
from alviz.panels.field import Field, option
from alviz.panels.fold import fold
from alviz.panels.match import Match, masked
from alviz.panels.plot import Plot
from alviz.panels.thumbnails import Thumbnails

PAGE = 60
"""Candidates offered at a time."""


def draw_board(match: Match, plot: Plot) -> None:
    """The pool to pick from: a plane with the boundary of the person's model, or the map of other data."""
    dataset, projection = match.dataset, match.projection
    if dataset is None or projection is None or len(projection.points) != len(dataset):
        return
    points = dataset.features if match.flat and dataset.features is not None else projection.points
    pool = masked(dataset, match.labels(), points)
    last = match.turns[-1] if match.turns else None
    x, y = grid(pool)
    probabilities = last.planes[0].probabilities if last is not None and last.planes is not None else None
    predictions = last.yours.probabilities if last is not None and match.unsure else None
    drawing = pick_board(pool, match.picks, x, y, probabilities, predictions=predictions, unsure=match.unsure)
    plot.show(drawing.figure, drawing.reading if match.flat else f"{drawing.reading} {projection.caption()}")


class Candidates:
    """The pool in random order, a page at a time, as pictures or as cards, to be clicked on or gone through with the keys; above it what is picked."""

    def __init__(self, match: Match):
        self.match = match
        self.first = 0
        self.picked = Thumbnails(label="Your picks", empty="What you pick stands here; click it again to take it back.")
        self.grid = Thumbnails(label="Candidates", empty="Reading the data …")
        self.where = widgets.HTML()
        self.earlier = widgets.Button(description="◀ Back", tooltip="The candidates before these")
        self.later = widgets.Button(description="More ▶", tooltip="The next candidates")
        turns = widgets.HBox([self.where, self.earlier, self.later])
        turns.add_class("alviz-panel-head")
        self.list = widgets.VBox([turns, self.grid])
        self.list.add_class("alviz-candidates")
        self.strip = widgets.VBox([self.picked])
        self.strip.add_class("alviz-picked")
        self.earlier.on_click(lambda _: self._turn(-PAGE))
        self.later.on_click(lambda _: self._turn(PAGE))
        for view in (self.picked, self.grid):
            view.observe(lambda change, view=view: self._choose(view, change["new"]), ["selected"])
            view.observe(lambda change: setattr(match, "hovered", change["new"]), ["hovered"])
        match.observe(lambda _: self._begin(), ["dataset", "turns"])
        match.observe(lambda change: self._say(change["new"]), ["unsure"])
        match.observe(lambda _: self._mark(), ["picks"])
        self._begin()

    def _choose(self, view: Thumbnails, selected: list[int]) -> None:
        if selected != self.match.picks:
            self.match.choose(selected)
            view.selected = self.match.picks  # what could not be picked is not marked either

    def _turn(self, by: int) -> None:
        self.first += by
        self._show()

    def _begin(self) -> None:
        self.first = 0
        self._show()
        self._mark()

    def _say(self, unsure: bool) -> None:
        for box in (self.list, self.strip):
            (box.add_class if unsure else box.remove_class)("alviz-said")
        self._show()
        self._mark()

    def _show(self) -> None:
        candidates = self.match.candidates
        shown = candidates[self.first : self.first + PAGE]
        self.fill(self.grid, shown)
        self.earlier.disabled = self.first == 0
        self.later.disabled = self.first + PAGE >= len(candidates)
        text = f"Candidates {self.first + 1:,}–{self.first + len(shown):,} of {len(candidates):,}, in random order" if len(shown) else ""
        self.where.value = f'<h3 class="alviz-panel-subtitle">{text}</h3>'

    def _mark(self) -> None:
        picks = self.match.picks
        self.fill(self.picked, np.array(picks, dtype=np.int64))
        self.picked.selected = self.grid.selected = picks

    def fill(self, view: Thumbnails, ids: Any) -> None:
        """Show candidates; of what the model says about them only what the person has asked for."""
        match, dataset = self.match, self.match.dataset
        if dataset is None or (len(ids) and ids.max() >= len(dataset)):
            return
        lines: list[list[str]] = [[] for _ in ids]
        if match.flat and dataset.features is not None:
            lines = [["at\t" + ", ".join(number(float(value), 2) for value in dataset.features[i])] for i in ids]
        if match.unsure and match.turns:
            said = match.turns[-1].yours.probabilities[ids]
            lines = [[*line, f"{dataset.class_names[row.argmax()]}?\t{row.max():.0%}"] for line, row in zip(lines, said, strict=True)]
        view.show(ids, None if dataset.images is None else dataset.images[ids], lines=lines)


class PlaneBoard:
    """A 2D pool to pick from, with a list of its candidates for those without a mouse."""

    def __init__(self, match: Match, candidates: Candidates):
        self.match, self.candidates = match, candidates
        self.plot = Plot(height="clamp(320px, 52vh, 760px)", empty="Loading the pool …")
        self.box = widgets.VBox()
        self.widget = widgets.VBox([self.plot, fold("Pick from a list", self.box), self.box])
        follow(match, self.plot)


class MapBoard:
    """The embedding map of other data: to pick from, and afterwards with both sides' picks; what is pointed at is seen as a picture."""

    def __init__(self, match: Match, candidates: Candidates):
        self.match, self.candidates = match, candidates
        self.method = Field(label="Projection", help="Computed once per dataset and kept; UMAP and t-SNE take their time the first time.")
        self.controls = widgets.HBox([self.method])
        self.controls.add_class("alviz-controls")
        self.plot = Plot(height="clamp(220px, 36vh, 480px)", empty="Loading the pool …")
        self.pointed = Thumbnails(label="Pointed at")
        box = widgets.VBox([self.pointed])
        box.add_class("alviz-pointed-at")
        self.widget = widgets.VBox([self.plot, box])
        self.method.observe(self._project, ["value"])
        self.plot.observe(lambda change: self._point(change["new"]), ["hovered"])
        match.observe(lambda _: self._methods(), ["dataset", "method"])
        match.observe(lambda _: self._point(None), ["dataset", "turns"])
        match.observe(lambda _: self._invite(), ["revealed"])
        follow(match, self.plot)
        self._methods()
        self._invite()

    def _invite(self) -> None:
        self.pointed.empty = "Point at the map to see a picture" + ("." if self.match.revealed else ", click to pick it.")

    def _project(self, change: Any) -> None:
        if change["new"]:
            self.match.method = change["new"]

    def _methods(self) -> None:
        self.method.options = [option(name, projections.label(name)) for name in projections.available(self.match.dataset)]
        self.method.value = self.match.method

    def _point(self, sample: int | None) -> None:
        if sample is not None or not self.match.turns:
            self.candidates.fill(self.pointed, np.array([] if sample is None else [sample], dtype=np.int64))


def follow(match: Match, plot: Plot) -> None:
    """Keep a board drawn: clicks and lassos pick; what is pointed at elsewhere is pointed at here."""

    def draw() -> None:
        if match.revealed and not match.flat:
            draw_reveal(match, plot, 0)
        else:
            draw_board(match, plot)

    def click(change: Any) -> None:
        if change["new"]["id"] is not None:
            match.toggle(change["new"]["id"])

    def lasso(change: Any) -> None:
        if change["new"]:
            match.choose([*match.picks, *change["new"]])
            draw()  # takes the lasso off

    plot.observe(click, ["clicked"])
    plot.observe(lasso, ["selected"])
    match.observe(lambda change: setattr(plot, "pointed", change["new"]), ["hovered"])
    match.observe(lambda _: draw(), ["projection", "turns", "picks", "unsure", "revealed"])
    draw()


def draw_reveal(match: Match, plot: Plot, side: int) -> None:
    """The round looked at: one side's picks (0 yours, 1 the strategy's) beside the other's."""
    dataset, projection, r = match.dataset, match.projection, match.revealed
    if dataset is None or projection is None or not 0 < r <= match.position or len(projection.points) != len(dataset):
        return
    turn = match.turns[r]
    batches = [turn.yours, turn.its]
    known = match.labels(until=r, rival=side == 1)
    known[batches[1 - side].queried] = batches[1 - side].labels
    points = dataset.features if match.flat and dataset.features is not None else projection.points
    pool = masked(dataset, known, points)
    x, y = grid(pool)
    drawing = reveal_board(
        pool,
        batches[side].queried,
        batches[1 - side].queried,
        x,
        y,
        None if turn.planes is None else turn.planes[side].probabilities,
        accuracy=batches[side].metrics["accuracy"] if match.flat else None,
        title=f"side {side}",
    )
    marks = "" if match.flat else f" ★ your picks, ☆ those of {match.rival} alone, ✶ picked by both."
    plot.show(drawing.figure, drawing.reading + marks)
