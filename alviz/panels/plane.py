"""A 2D pool of the size that fits between two paragraphs: strategies side by side, stepped by hand."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from alviz.figures import Drawing, toy_plane
from alviz.figures.base import plural
from alviz.loop import Run
from alviz.panels.duel import Duel
from alviz.panels.duel import plane as look
from alviz.panels.field import Field
from alviz.panels.header import TOOLTIPS, Header
from alviz.panels.pulse import Pulse
from alviz.panels.shown import Part
from alviz.panels.toy import ToyPlanes, ToySettings
from alviz.studies import gallery

BUTTONS = ("Start", "Step", "Undo", "Run", "Cancel")


class LessonPlane:
    """The Toy page's planes and buttons over one Duel, with those of its settings that the lesson is about."""

    def __init__(self, duel: Duel, controls: Sequence[str]):
        self.duel = duel
        tooltips = {**TOOLTIPS, "Start": "Begin, or begin again", "Run": "Rounds up to the last one"}
        self.header = Header(duel, duel, self._status, ["planes", "config"], tooltips={name: tooltips[name] for name in BUTTONS})
        self.planes = ToyPlanes(duel)
        pulse = Pulse()
        duel.keeps_up = pulse.keeps_up
        self.fields = chosen(ToySettings(duel), controls) if controls else []
        row = widgets.HBox(self.fields)
        row.add_class("alviz-tryout-controls")
        children = [pulse, self.header.widget, *([row] if controls else []), self.planes.controls, self.planes.widget]
        self.widget = Part(self, children, "alviz-lesson-plane")
        duel.preview()
        duel.observe(lambda _: pulse.beat(), ["planes"])  # last: after all panels have sent theirs

    def _status(self) -> tuple[str, bool, bool]:
        duel = self.duel
        if not duel.planes:
            return "Press <b>Start</b>.", False, False
        run = duel.planes[0].run
        line = f"<span>round {duel.shown}/{duel.steps} · {plural(run.rounds[duel.shown].n_labelled, 'label')}</span>"
        if duel.changed:
            line += ' · <span class="alviz-changed">settings changed: press Start</span>'
        return line, len(run.state.candidates) > 0, duel.position > 0


def chosen(settings: ToySettings, names: Sequence[str]) -> list[Field]:
    """The fields of those names. Raises ValueError for one that there is not."""
    known = {**settings.fields, **settings.sliders, "strategy": settings.strategies[0]}
    for name in names:
        if name not in known:
            raise ValueError(f"controls: there is no setting {name!r}; there are {', '.join(known)}")
    return [known[name] for name in names]


def plane(case: str = "", *, controls: Sequence[str] = (), **config: Any) -> widgets.VBox:
    """Two to four strategies on a 2D pool, to be stepped by hand, for a notebook cell or Voila.

    case: the name of a case of the failure gallery, whose settings it takes. config: settings (see `alviz.panels.duel.DEFAULTS`; `params` are the pool's). controls:
    which of them stand above the planes to be changed: dataset, learner, initial, n_queries, steps, seed, class_ratio, overlap, spread,
    label_noise, strategy (the first one). Raises ValueError for names that there are not.
    """
    settings: dict[str, Any] = {}
    if case:
        found = gallery.case(case)
        settings = {key: getattr(found, key) for key in ("dataset", "learner", "initial", "n_queries", "steps", "seed")}
        settings |= {"strategies": list(found.strategies), "params": dict(found.params)}
    return LessonPlane(Duel(**{**settings, **config}), controls).widget


def wanted(run: Run, round: int) -> Drawing:
    """What the strategy took in `round` ≥ 1 (stars), over what it wanted: its score for every point of the plane under the model of the round before."""
    before = look(run, round - 1, "score")
    when = run.state.labelled_in_round
    labelled = ((when >= 0) & (when < round)).nonzero()[0]
    queried = run.rounds[round].queried
    return toy_plane(run.dataset, labelled, queried, before.x, before.y, before.field, "score", probabilities=before.probabilities)
