"""Recording: what a lesson's cells show, as plain data from which a page without Python puts it together again.

Views go by the scripts of their own widgets, so that they look and answer as they do in the app. What is worked out there (reveals, planes, try-outs) is
worked out here beforehand.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import anywidget
import ipywidgets as widgets
import numpy as np

from alviz.figures.base import plural
from alviz.figures.curves import value_text
from alviz.panels.duel import plane as look
from alviz.panels.field import Field
from alviz.panels.guess import COLUMNS, MARKS, Guess, Tally
from alviz.panels.legend import plane_legend
from alviz.panels.plane import LessonPlane
from alviz.panels.plot import Plot
from alviz.panels.shown import Part, Shown
from alviz.panels.timeline import Timeline
from alviz.panels.toy import KINDS, heading, picture
from alviz.panels.tryout import TryOut, field_of
from alviz.progress import silent
from alviz.report.offline import plain

Node = dict[str, Any]
"""One thing on the page; its "kind" says what else it has (see `lesson.js`)."""

MOST_STOPS = 240
"""Combinations of a try-out's controls that are recorded at most; with more, its sliders move in larger steps."""

LIVE = "in the app (alviz app, then Lessons)"


class Recorder:
    """Turns widgets into nodes. modules: script of every kind of view that was met. buffers: the bytes of all their arrays and pictures, each once."""

    def __init__(self) -> None:
        self.modules: dict[str, str] = {}
        self.buffers = bytearray()
        self._places: dict[bytes, int] = {}

    def record(self, widget: widgets.Widget) -> Node:
        """What a widget shows. Raises ValueError for one that a page without Python cannot have, and for a plane that cannot be made."""
        if isinstance(widget, Part):
            ways: dict[type, Callable[[Any], Node]] = {
                Guess: self._guess,
                Tally: self._tally,
                LessonPlane: self._plane,
                TryOut: self._tryout,
            }
            return ways[type(widget.owner)](widget.owner)
        if isinstance(widget, widgets.HTML):
            return {"kind": "html", "html": widget.value}
        if isinstance(widget, widgets.Box):
            parts = [self.record(child) for child in widget.children]
            return {"kind": "box", "row": isinstance(widget, widgets.HBox), "classes": list(widget._dom_classes), "parts": parts}
        if isinstance(widget, anywidget.AnyWidget):
            return self._view(widget)
        raise ValueError(
            f"a lesson that is saved can show boxes, HTML and views of alviz, not an ipywidget of type {type(widget).__name__}"
        )

    def _view(self, widget: anywidget.AnyWidget) -> Node:
        name = type(widget).__name__
        self.modules[name] = widget._esm
        if isinstance(widget, Plot):
            widget.figure = _unlinked(widget.figure)
        own = {key: value for key, value in widget.get_state().items() if not key.startswith("_") and key not in ("layout", "tabbable")}
        return {"kind": "view", "module": name, "state": self._kept(own)}

    def _kept(self, value: Any) -> Any:
        """As JSON has it, with bytes as {"at", "size"}: where they are in `buffers`."""
        if isinstance(value, Mapping):
            return {key: self._kept(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._kept(item) for item in value]
        if not isinstance(value, bytes):
            return plain(value)
        key = blake2b(value, digest_size=12).digest()
        if key not in self._places:
            self._places[key] = len(self.buffers)
            self.buffers += value
        return {"at": self._places[key], "size": len(value)}

    def _guess(self, asked: Guess) -> Node:
        answer = asked.choices.index(str(asked.answer)) if asked.choices else float(asked.answer)
        evidence = None if asked.reveal is None else self._shown(asked.reveal(silent))
        told = {"answer": answer, "within": asked.within, "truth": asked.truth, "because": asked.because}
        return {"kind": "guess", "form": self._view(asked.form), "unit": asked.unit, **told, "evidence": evidence}

    def _tally(self, tally: Tally) -> Node:
        return {"kind": "tally", "columns": list(COLUMNS), "marks": MARKS}

    def _shown(self, thing: Any) -> Node:
        shown = Shown()
        shown.show(thing)
        return self.record(shown.widget)

    def _plane(self, part: LessonPlane) -> Node:
        """All rounds before all backgrounds."""
        duel = part.duel
        duel.make(int(duel.config["steps"]))
        duel.wait()
        if duel.error:
            raise ValueError(duel.error)
        rounds = range(duel.position + 1)
        kinds = [entry["value"] for entry in KINDS]
        plots = {kind: [[self._plot(picture(look(run, r, kind))) for run in duel.runs] for r in rounds] for kind in kinds}
        told = [run.rounds for run in duel.runs]
        titles = [
            [heading(run.name, f"{value_text(run.rounds[r].metrics['accuracy'], 'accuracy')} accuracy") for run in duel.runs]
            for r in rounds
        ]
        labels = [f"round {r}: {plural(told[0][r].n_labelled, 'label')}" for r in rounds]
        timeline = Timeline(shown=0, last=duel.position, planned=duel.position, titles=labels)
        background = Field(label="Background", options=list(KINDS), value=duel.config["kind"], help="What is drawn over the plane.")
        legends = {kind: plane_legend(duel.runs[0].dataset.class_names, kind, "just queried") for kind in kinds}
        settings = [f"{field.label.lower()} {field.value if isinstance(field.value, str) else f'{field.value:g}'}" for field in part.fields]
        note = "Start has been pressed."
        if settings:
            note += f" Recorded with {' and '.join(settings)}: {LIVE} you can change {'that' if len(settings) == 1 else 'both'}."
        views = {"timeline": self._view(timeline), "background": self._view(background)}
        return {"kind": "plane", **views, "plots": plots, "titles": titles, "legends": legends, "note": note}

    def _plot(self, drawing: Any) -> Node:
        plot = Plot(height="clamp(260px, 40vh, 560px)")
        plot.show(drawing.figure, drawing.reading)
        return self._view(plot)

    def _tryout(self, part: TryOut) -> Node:
        """What is shown for every combination of the controls' stops, the last control's moving fastest."""
        part.wait()
        found = stops(part.controls)
        shown = [self._shown(part.work(**dict(zip(found, values, strict=True)))) for values in itertools.product(*found.values())]
        fields = [self._view(field_of(name, _between(given, found[name]))) for name, given in part.controls.items()]
        all_ = all(len(found[name]) == len(_stops(given)) for name, given in part.controls.items())
        note = "" if all_ else f"Recorded at some of the values: {LIVE} the sliders stop at all of them."
        return {"kind": "tryout", "fields": fields, "stops": plain(list(found.values())), "shown": shown, "note": note}


def stops(controls: Mapping[str, Any], most: int = MOST_STOPS) -> dict[str, list[Any]]:
    """name -> the values of a try-out's controls that are recorded, the one that it starts with among them: every second one of the longest slider is left out
    until there are at most `most` combinations."""
    found = {name: _stops(given) for name, given in controls.items()}
    while math.prod(map(len, found.values())) > most:
        name = max((name for name, given in controls.items() if not isinstance(given, list)), key=lambda name: len(found[name]), default="")
        if not name or len(found[name]) < 3:
            raise ValueError(f"controls: {math.prod(map(len, found.values())):,} combinations are too many to be recorded")
        start = int(np.argmin(np.abs(np.array(found[name]) - controls[name][3])))
        found[name] = found[name][start % 2 :: 2]
    return found


def _unlinked(figure: Mapping[str, Any]) -> dict[str, Any]:
    """A figure without what links it to other views: nothing would answer a lasso."""
    layout = figure["layout"]
    still = {**layout, "dragmode": False} if layout.get("dragmode") == "lasso" else layout
    return {"data": [{key: value for key, value in trace.items() if key != "alviz_ids"} for trace in figure["data"]], "layout": still}


def _stops(given: Any) -> list[Any]:
    """The values that a control can take."""
    if isinstance(given, list):
        return list(given)
    low, high, step, _ = given
    return [round(low + k * step, 10) for k in range(math.floor((high - low) / step + 1e-9) + 1)]


def _between(given: Any, values: list[Any]) -> Any:
    """The control as given, a slider with these stops."""
    return given if isinstance(given, list) else (values[0], values[-1], round(values[1] - values[0], 10), given[3])
