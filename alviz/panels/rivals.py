"""RivalsPanel: the strategies of a duel side by side, and against random over many seeds."""

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from alviz import projections
from alviz.figures.base import plural, shorten
from alviz.figures.rivals import duel_balance, duel_curve, duel_map, only_sentence, overlap_html
from alviz.loop.round import Round
from alviz.loop.run import Run
from alviz.panels.baseline import Baseline
from alviz.panels.field import Field
from alviz.panels.frame import panel
from alviz.panels.header import duration
from alviz.panels.linking import link_selection
from alviz.panels.measures import METRICS
from alviz.panels.parts import MAX_RIVALS
from alviz.panels.plot import Plot
from alviz.panels.thumbnails import Thumbnails
from alviz.panels.tracks import View
from alviz.panels.workbench import Workbench
from alviz.studies.duels import given_labels, only_one_saw, picked_when

SEEDS = 10
PROMPT = 60.0
"""Seconds that random's runs may take to be made unasked."""

SAMPLES = 40
"""Samples shown of those that only one strategy saw."""


ORDER = (
    '<p class="alviz-reading">What one saw that the others never did, the most informative for them first: classes of which they have no label, then the samples '
    "whose label their models believe least (per cent).</p>"
)


class RivalsPanel:
    """The card "Duel", there only while the run looked at has rivals."""

    def __init__(self, workbench: Workbench):
        self.workbench = workbench
        self.baseline = Baseline(workbench.floor)
        self._stopped = False
        self._of: tuple[Run, ...] = ()
        self.map = Plot(height="clamp(270px, 38vh, 560px)", empty="The map comes once the data are projected.")
        self.table = widgets.HTML()
        self.metric = Field(kind="menu", label="Measure", options=list(METRICS), value="accuracy", help="Against the labels spent.")
        self.seeds = Field(
            kind="number",
            label="Random runs",
            minimum=2,
            maximum=1000,
            value=SEEDS,
            help="Random from the same start, with this many further seeds; the band spans all of them.",
        )
        self.button = widgets.Button()
        self.words = widgets.HTML()
        self.words.add_class("alviz-reading")
        self.curve, self.balance = Plot(height="250px"), Plot(height="250px")
        self.order = widgets.HTML()
        self.only = [Only(workbench) for _ in range(MAX_RIVALS + 1)]
        controls = widgets.HBox([self.metric, self.seeds, self.button, self.words])
        controls.add_class("alviz-controls")
        controls.add_class("alviz-duel-controls")
        side_by_side = widgets.Box([self.curve, self.balance])
        side_by_side.add_class("alviz-duel-plots")
        seen = widgets.Box([one.widget for one in self.only])
        seen.add_class("alviz-duel-only")
        self.widget = panel("Duel", self.map, self.table, controls, side_by_side, self.order, seen)
        self.widget.add_class("alviz-duel-card")
        self.metric.observe(lambda _: self._curve(), ["value"])
        self.seeds.observe(lambda _: self._expect(), ["value"])
        self.button.on_click(lambda _: self._turn())
        self.baseline.observe(lambda _: self._curve(), ["found"])
        self.baseline.observe(lambda _: self._say(), ["found", "busy", "done", "problem"])
        workbench.observe(lambda _: self._show(), ["view"])
        workbench.observe(lambda _: self._map(), ["projection"])
        link_selection(workbench, self.map)
        self._show()

    # ---- what is shown ----

    def _duel(self) -> tuple[View, list[str], list[tuple[Round, ...]]] | None:
        """The round looked at, the strategies, and their rounds up to it: a snapshot that a step under way does not change."""
        view = self.workbench.view
        if view is None or not view.track.duel:
            return None
        return view, [run.name for run in view.track.duel], [run.rounds[: view.shown + 1] for run in view.track.duel]

    def _slots(self, view: View) -> list[int]:
        """Per run of the duel the place of its colour."""
        slots = {track.run: track.slot for track in self.workbench.tracks}
        return [slots[run] for run in view.track.duel]

    def _show(self) -> None:
        duel = self._duel()
        self.widget.layout.display = None if duel else "none"
        if duel is None:
            self.baseline.stop()
            return
        view, names, rounds = duel
        if view.track.duel != self._of:
            self._of, self._stopped = view.track.duel, False
        self._expect()
        self._map()
        table = overlap_html(names, picked_when(rounds, len(view.dataset)), view.shown)
        self.table.value = (
            f'<div class="alviz-duel-table" tabindex="0" role="group" aria-label="Overlap, round by round">{table}</div>' if table else ""
        )
        self.order.value = ORDER if view.shown else ""
        self._curve()
        last = [mine[-1] for mine in rounds]
        drawing = duel_balance(names, last, view.dataset, self._slots(view))
        self.balance.show(drawing.figure, drawing.reading)
        found = only_one_saw(rounds, len(view.dataset))
        for s, only in enumerate(self.only):
            only.widget.layout.display = None if s < len(names) and view.shown else "none"
            if s < len(names):
                only.show(s, names, rounds, found[s], view)

    def _map(self) -> None:
        duel, projection = self._duel(), self.workbench.projection
        if duel is None or projection is None or len(projection.points) != len(duel[0].dataset):
            return
        view, names, rounds = duel
        when = picked_when(rounds, len(view.dataset))
        drawing = duel_map(
            projection.points,
            view.dataset,
            names,
            when,
            shown=view.shown,
            title=projections.label(projection.method),
            slots=self._slots(view),
        )
        self.map.show(drawing.figure, drawing.reading)

    def _curve(self) -> None:
        duel = self._duel()
        if duel is None:
            return
        view, names, _ = duel
        runs = [(name, run.rounds[: len(view.rounds)]) for name, run in zip(names, view.track.duel, strict=True)]
        looked_at = view.track.duel.index(view.track.run)
        drawing = duel_curve(runs, self.baseline.found, str(self.metric.value), view.shown, looked_at, self._slots(view))
        self.curve.show(drawing.figure, drawing.reading)

    # ---- random ----

    def _like(self, view: View) -> Run:
        """The run of the duel that random is made like: any whose strategy does not change the training, as they differ in nothing else."""
        return next((run for run in view.track.duel if run.learner is run.base_learner), view.track.run)

    def _expect(self) -> None:
        """Make random's runs once the duel has gone a round, where that takes no long time."""
        duel = self._duel()
        if duel is None:
            return
        view, like, seeds = duel[0], self._like(duel[0]), int(self.seeds.value)
        done = self.baseline.about(like, view.track.budget)
        if done < seeds and len(view.rounds) > 1 and not self._stopped and self._seconds(view) <= PROMPT:
            self.baseline.begin(like, view.track.budget, seeds)
        self._say()

    def _seconds(self, view: View) -> float:
        """What random's runs will take, going by the duel's last round."""
        last = self._like(view).rounds[-1].seconds
        missing = int(self.seeds.value) - self.baseline.about(self._like(view), view.track.budget)
        return missing * (view.track.planned + 1) * (last.get("train", 0.0) + last.get("evaluate", 0.0))

    def _turn(self) -> None:
        duel = self._duel()
        if self.baseline.busy:
            self._stopped = True
            self.baseline.stop()
        elif duel is not None:
            self._stopped = False
            self.baseline.begin(self._like(duel[0]), duel[0].track.budget, int(self.seeds.value))

    def _say(self) -> None:
        duel, baseline = self._duel(), self.baseline
        if duel is None:
            return
        view, seeds = duel[0], int(self.seeds.value)
        done = baseline.about(self._like(view), view.track.budget)
        self.button.layout.display = None if baseline.busy or done < seeds else "none"
        self.button.description = "Stop random" if baseline.busy else "Run random"
        self.button.tooltip = "The runs that are done stay" if baseline.busy else "The whole budget, from the same start, in the background"
        if baseline.problem:
            words = baseline.problem
        elif baseline.busy:
            wanted = baseline.wanted or seeds
            words = f"random: run {min(done + 1, wanted)} of {wanted}, {baseline.done:.0%}"
        elif done < seeds:
            words = f"random: {done} of {plural(seeds, 'run')}" + (
                f", about {duration(self._seconds(view))} to go" if len(view.rounds) > 1 else ""
            )
        else:
            words = f"random: {plural(done, 'run')}"
        self.words.value = escape(words)


class Only:
    """What one strategy saw that no other ever did."""

    def __init__(self, workbench: Workbench):
        self.heading = widgets.HTML()
        self.samples = Thumbnails(empty="")
        self.widget = widgets.VBox([self.heading, self.samples])
        self.widget.add_class("alviz-pictures")
        link_selection(workbench, self.samples)

    def show(self, s: int, names: Sequence[str], rounds: Sequence[Sequence[Round]], ids: Any, view: View) -> None:
        """ids: dataset indices, the most informative for the others first."""
        dataset, n = view.dataset, len(view.dataset)
        labels, when = given_labels(rounds[s], n), picked_when([rounds[s]], n)[0]
        others = [run[-1].probabilities for k, run in enumerate(rounds) if k != s]
        sentence = only_sentence(s, names, [run[-1] for run in rounds], len(ids), dataset.class_names)
        self.heading.value = (
            f'<h3 class="alviz-panel-subtitle">Only {escape(shorten(names[s]))} saw</h3><p class="alviz-reading">{escape(sentence)}</p>'
        )
        top = ids[:SAMPLES]
        titles = [dataset.class_names[labels[i]] if labels[i] >= 0 else "no label" for i in top]
        if dataset.images is None:
            titles = [f"{title} · #{i:,}" for title, i in zip(titles, top.tolist(), strict=True)]
        whose = shorten(names[1 - s], 11) if len(names) == 2 else "others"
        lines = [
            [f"round\t{when[i]}", *([f"{whose}\t{max(p[i, labels[i]] for p in others):.0%}"] if labels[i] >= 0 else [])]
            for i in top.tolist()
        ]
        self.samples.label = f"Samples that only {names[s]} saw"
        self.samples.show(top, None if dataset.images is None else dataset.images[top], titles, lines, None, len(ids) - len(top))
