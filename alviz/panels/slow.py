"""SlowMotion: the round looked at, walked through phase by phase on the embedding map."""

import base64
from typing import Any

import ipywidgets as widgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from alviz import projections
from alviz.figures.base import Drawing
from alviz.figures.slow import slow_motion
from alviz.figures.walk import PHASES, Moved, Stop, Walk, stops
from alviz.panels.duel import plane
from alviz.panels.jobs import Job
from alviz.panels.map import MapPanel
from alviz.panels.theme import Themed, script
from alviz.panels.thumbnails import sprite_sheet
from alviz.panels.tracks import View
from alviz.panels.turns import TURN
from alviz.panels.workbench import Workbench

SPEEDS = ("0.5", "1", "2", "4")
"""What the page offers, times as fast as usual."""

NONE_YET = "Round 0 is chosen before there is a model"


class Player(Themed):
    """Plays the stops of a walk; the clock is in the page, so that playing needs no thread.

    on: the walk is shown. phases: per phase its name, first position and count of positions (0: there is none, and `why` says why). position: 0 … the sum of the
    counts − 1; playing; speed: how many times as fast as usual. caption: where that is, in words; reading: what is seen there. drawn: grows whenever a
    stop has been drawn; until then the clock stands.
    """

    _esm = script("slow.js")

    on = traitlets.Bool(False).tag(sync=True)
    phases = traitlets.List(traitlets.Dict()).tag(sync=True)
    position = traitlets.Int(0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Float(1.0).tag(sync=True)
    caption = traitlets.Unicode("").tag(sync=True)
    reading = traitlets.Unicode("").tag(sync=True)
    drawn = traitlets.Int(0).tag(sync=True)


class SlowMotion:
    """Shows the walk in the place of the map. toggle: the button that turns it on; player: what drives it, in the head of the map's card."""

    def __init__(self, workbench: Workbench, map: MapPanel):
        self.workbench, self.map = workbench, map
        self.toggle = widgets.ToggleButton(
            description="Slow motion",
            tooltip="Walk through the round looked at: scores, ranking, picks, labels, and how the model moves",
            disabled=True,
        )
        self.toggle.add_class("alviz-slow")
        self.player = Player(layout={"display": "none"})
        self._view: View | None = None
        self._stops: tuple[Stop, ...] = ()
        self._walk: Walk | None = None
        self._moved: Moved | None = None
        self._asked = self._setting = False
        self._usual = map.controls.children
        map.controls.children = (*self._usual, self.player)
        map.instead = self._drawing
        self.toggle.observe(lambda change: self._turn(change["new"]), ["value"])
        self.player.observe(lambda _: self._move(), ["position"])
        workbench.observe(lambda _: self._came(), ["view", "busy", "projection"])

    def _turn(self, on: bool) -> None:
        self.player.on = on
        for control in self._usual:
            control.layout.display = "none" if on else None
        self.player.layout.display = None if on else "none"
        (self.map.controls.add_class if on else self.map.controls.remove_class)("alviz-walking")
        self.player.playing = False
        self._view = None  # from the start, also where it was left
        self.map.draw()
        self._look_at_plane()

    def _move(self) -> None:
        if not self._setting:
            self.map.draw()

    def _came(self) -> None:
        self.toggle.disabled = self.workbench.view is None
        self._look_at_plane()

    def _drawing(self) -> Drawing | None:
        """What the map shows instead of itself: nothing while the walk is off."""
        view, projection = self.workbench.view, self.workbench.projection
        if not self.player.on or view is None or projection is None:
            return None
        self._follow(view)
        if self._walk is None or self._walk.points is not projection.points:
            before = view.rounds[view.shown - 1] if view.shown else None
            moved = self._moved if self._on_plane() else None
            title = projections.label(projection.method)
            self._walk = Walk(projection.points, view.dataset, view.round, before, view.labelled_in_round, title, moved)
        stop = self._stops[min(self.player.position, len(self._stops) - 1)]
        drawing = slow_motion(self._walk, stop)
        if stop.new == 1 and view.dataset.images is not None:
            drawing.figure["layout"]["images"] = [picture(view.dataset.images[view.round.queried[stop.picks - 1]])]
        with self.player.hold_sync():
            part = f": {stop.picks:,} of {len(view.round.queried):,}" if stop.phase == "picks" else ""
            self.player.caption = f"Round {view.shown}, {stop.phase}{part}"
            self.player.reading = drawing.reading
            self.player.drawn += 1
        return drawing

    def _follow(self, view: View) -> None:
        """A round that was made while the walk is on is walked through from its first phase, playing; another one that is looked at waits there."""
        old, self._view = self._view, view
        if old is not None and old.round is view.round:
            return
        made = old is not None and old.track.run is view.track.run and len(view.rounds) > len(old.rounds)
        self._stops, self._walk, self._moved, self._asked = stops(view.round), None, None, False
        names = [stop.phase for stop in self._stops]
        phases = [
            {
                "name": phase.capitalize(),
                "first": names.index(phase) if phase in names else 0,
                "count": names.count(phase),
                "why": "" if phase in names else NONE_YET,
            }
            for phase in PHASES
        ]
        self._setting = True
        with self.player.hold_sync():
            self.player.phases, self.player.position, self.player.playing = phases, 0, made
        self._setting = False

    def _look_at_plane(self) -> None:
        """Ask the models about the plane, once per round and when nothing else is under way."""
        state, view = self.workbench, self.workbench.view
        if state.busy or self._asked or not self.player.on or view is None or not self._on_plane():
            return
        self._asked = True
        said, wrong = state.notice, state.error

        def work(job: Job) -> None:
            state.notice, state.error = said, wrong  # what the job before had to say stays
            state.phase = "drawing the boundary"
            run, r = view.track.run, view.shown
            now, before = plane(run, r, "boundary"), plane(run, r - 1, "boundary") if r else None
            with TURN:
                if self._view is not None and self._view.round is view.round:
                    self._moved = Moved(now.x, now.y, now.probabilities, None if before is None else before.probabilities)
                    self._walk = None
                    self.map.draw()

        state.begin(work)

    def _on_plane(self) -> bool:
        projection = self.workbench.projection
        return projection is not None and projection.method == "plane"


def picture(image: NDArray[np.uint8]) -> dict[str, Any]:
    """An image (H, W[, C]) as plotly shows it in the corner of the map; small ones keep their pixels."""
    times = max(1, 112 // max(image.shape[:2]))
    large = image.repeat(times, axis=0).repeat(times, axis=1)
    source = "data:image/png;base64," + base64.b64encode(sprite_sheet(large[None], 1)).decode()
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "xanchor": "left", "yanchor": "top"}
    return {**place, "source": source, "sizex": 0.14, "sizey": 0.3, "sizing": "contain", "layer": "above"}
