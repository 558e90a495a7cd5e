"""SamplePanel: why one sample was picked, or was not."""

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape

import ipywidgets as widgets

from alviz.data.dataset import Dataset
from alviz.figures.base import number, plural
from alviz.figures.sample import prediction_history, sample_probabilities
from alviz.loop.explain import Explanation, Rankings, explain, rankings
from alviz.loop.round import Round
from alviz.panels.jobs import Job
from alviz.panels.linking import link_selection
from alviz.panels.plot import Plot
from alviz.panels.thumbnails import Thumbnails, sprite_sheet
from alviz.panels.turns import TURN
from alviz.panels.workbench import View, Workbench

EMPTY = '<p class="alviz-reading">{}</p>'
CLICK = "Click a sample, on the map or among the pictures: why it was picked, or was not."

WHAT_IF = {
    -1: "It was not picked",
    0: "It belongs to the initial pool, before which there is no round to go on from",
    1: "A branch from the round before, in which this sample is left out of the pool",
}
"""What the button says it does, or why it does nothing: for samples that no round, round 0 and a later round picked."""


class SamplePanel:
    """The sample selected last, in the round looked at: what the model thought, its score and ranks, its labelled neighbours, and the run without it."""

    def __init__(self, workbench: Workbench):
        self.workbench = workbench
        self.found: Explanation | None = None
        self._ranked: tuple[Round, Rankings] | None = None
        self.facts = widgets.HTML(EMPTY.format(CLICK))
        self.now = Plot(height="200px")
        self.history = Plot(height="200px")
        self.neighbours = Thumbnails(label="Nearest labelled samples", empty="Nothing else is labelled yet.")
        self.near = widgets.HTML()
        self.rank = widgets.Button(
            description="Rank it under every strategy",
            tooltip="Score the pool of this round with every strategy that this run's signals serve",
        )
        self.what_if = widgets.Button(
            description="What if it had not been picked?",
            tooltip=WHAT_IF[1],
        )
        self.visit = widgets.Button(tooltip="Look at the round that picked it")
        self.table = widgets.HTML()
        plots = widgets.HBox([self.now, self.history], layout={"flex_flow": "row wrap", "overflow": "visible"})
        for plot in (self.now, self.history):
            plot.layout.flex, plot.layout.width = "1 1 260px", "auto"
        buttons = widgets.HBox([self.visit, self.what_if, self.rank])
        buttons.add_class("alviz-buttons")
        self.body = widgets.VBox([plots, buttons, self.table, self.near, self.neighbours], layout={"display": "none"})
        self.body.add_class("alviz-pictures")
        self.widget = widgets.VBox([self.facts, self.body])
        self.rank.on_click(lambda _: self._rank())
        self.what_if.on_click(lambda _: workbench.without(workbench.selected[-1]))
        self.visit.on_click(lambda _: self._visit())
        workbench.observe(lambda _: self._show(), ["view", "selected"])
        workbench.observe(lambda _: self._able(), ["busy"])
        link_selection(workbench, self.neighbours)
        self._show()

    def _show(self) -> None:
        view, selected = self.workbench.view, self.workbench.selected
        found = self.found = explain(view.track.run, view.shown, selected[-1]) if view is not None and selected else None
        self.body.layout.display = None if found else "none"
        if view is None or found is None:
            self.facts.value = EMPTY.format("Press Start, then click a sample." if view is None else CLICK)
            return
        names, r = view.dataset.class_names, found.round
        before = found.probabilities[r - 1] if r else None
        self.facts.value = facts(view, found, self._parts(view, found), len(selected))
        for plot, drawing in (
            (self.now, sample_probabilities(found.probabilities[r], before, names, found.label)),
            (self.history, prediction_history(found.probabilities, names, r, found.picked)),
        ):
            plot.show(drawing.figure, drawing.reading)
        self._show_neighbours(view.dataset, found)
        self.table.value = self._ranks(view, found)
        self._able()

    def _parts(self, view: View, found: Explanation) -> Mapping[str, float]:
        """What its score is made of: from the records, or, where only the model knows, from the ranking of this round."""
        if found.parts or found.rank == 0 or self._ranked is None or self._ranked[0] is not view.round:
            return found.parts
        return {name: float(values[found.sample]) for name, values in self._ranked[1].parts.items()}

    def _show_neighbours(self, dataset: Dataset, found: Explanation) -> None:
        near = found.neighbours
        images = None if dataset.images is None else dataset.images[near]
        titles = [dataset.class_names[k] for k in found.neighbour_labels]
        self.neighbours.show(near, images, titles, [[f"distance\t{number(d, 3)}"] for d in found.distances.tolist()])
        self.near.value = f'<h3 class="alviz-panel-subtitle">Nearest labelled samples, by {found.space}</h3>'

    def _able(self) -> None:
        busy, view, found = self.workbench.busy, self.workbench.view, self.found
        if view is None or found is None:
            return
        self.what_if.disabled = busy or found.picked < 1
        self.what_if.tooltip = WHAT_IF[min(found.picked, 1)]
        self.visit.description = f"See round {found.picked}"
        self.visit.layout.display = None if found.picked not in (-1, found.round) else "none"
        done = self._ranked is not None and self._ranked[0] is view.round
        self.rank.disabled = busy or not was_candidate(found)
        self.rank.layout.display = "none" if done else None

    def _visit(self) -> None:
        if self.found is not None:
            self.workbench.look_at(shown=self.found.picked)

    def _rank(self) -> None:
        view = self.workbench.view

        def work(job: Job) -> None:
            assert view is not None
            self.workbench.phase = "ranking the pool under every strategy"
            ranked = rankings(view.track.run, view.shown, job.progress)
            with TURN:
                self._ranked = (view.round, ranked)
                self._show()

        self.workbench.begin(work)

    def _ranks(self, view: View, found: Explanation) -> str:
        if self._ranked is None or self._ranked[0] is not view.round:
            return ""
        return table(self._ranked[1], found.sample, len(view.round.queried), view.round.strategy)


def was_candidate(found: Explanation) -> bool:
    """Whether the strategy of the round looked at could have picked it."""
    return found.round > 0 and (found.picked == found.round or (found.since < 0 and not found.left_out))


def facts(view: View, found: Explanation, parts: Mapping[str, float], selected: int) -> str:
    """Picture and facts as HTML."""
    dataset, i = view.dataset, found.sample
    rows = [("Class", _class_of(dataset, found)), ("Picked", _picked(view, found)), *_scores(view, found, parts)]
    if dataset.images is None and dataset.features is not None and dataset.features.shape[1] == 2:
        rows.append(("At", ", ".join(number(float(v), 3) for v in dataset.features[i])))
    title = f"Sample {i:,} in round {found.round}" + (f", the last of {plural(selected, 'selected sample')}" if selected > 1 else "")
    words = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in rows)
    text = f'<div class="alviz-method" style="min-width:0;flex:1"><h3>{escape(title)}</h3><dl>{words}</dl></div>'
    return f'<div style="display:flex;gap:16px;align-items:flex-start">{_picture(dataset, i)}{text}</div>'


def _picture(dataset: Dataset, i: int) -> str:
    if dataset.images is None:
        return ""
    png = base64.b64encode(sprite_sheet(dataset.images[i : i + 1], 1)).decode()
    height, width = dataset.images.shape[1:3]
    scale = 112 / max(height, width)
    look = f"width:{width * scale:.0f}px;height:{height * scale:.0f}px;flex:none;border-radius:4px" + (
        ";image-rendering:pixelated" if scale > 1.5 else ""
    )
    return f'<img alt="Sample {i:,}" style="{look}" src="data:image/png;base64,{png}">'


def _class_of(dataset: Dataset, found: Explanation) -> str:
    if found.label >= 0:
        return f"{dataset.class_names[found.label]}, labelled in round {found.since}"
    true = int(dataset.targets[found.sample])
    return f"{dataset.class_names[true]}, not labelled" if true >= 0 else "not labelled"


def _picked(view: View, found: Explanation) -> str:
    if found.picked < 0:
        return "left out of this branch" if found.left_out else f"not in the {plural(len(found.probabilities), 'round')} so far"
    asked = view.track.run.rounds[found.picked]
    when = f"in round {found.picked}" + (", later" if found.picked > found.round else "")
    gain = "" if math.isnan(found.gain) else f", gain {number(found.gain, 3)}"
    return f"{when}, as number {found.place:,} of {len(asked.queried):,}, by {asked.strategy}{gain}"


def _scores(view: View, found: Explanation, parts: Mapping[str, float]) -> list[tuple[str, str]]:
    finished = view.round
    if found.round == 0:
        return [("Score", "none: round 0 is chosen before there is a model")]
    if found.rank == 0:
        if found.since >= 0 and found.since < found.round:
            return [("Score", f"none in round {found.round}: it was labelled before")]
        return [("Score", f"none: {finished.strategy} gave it no score in round {found.round}")]
    tied = f", tied with {plural(found.tied, 'other')}" if found.tied else ""
    rows = [("Score", f"{number(found.score, 3)} by {finished.strategy}: rank {found.rank:,} of {found.scored:,}{tied}")]
    if parts:
        rows.append(
            ("Made of", " · ".join(f"{name} = {value}" for name, value in zip(parts, told_apart(list(parts.values())), strict=True)))
        )
    return rows


def told_apart(values: Sequence[float]) -> list[str]:
    """Numbers with three digits, or as many as it takes to see that they differ: "0.2823" and "0.2818", whose difference is a score."""
    texts: list[str] = []
    for digits in range(3, 7):
        texts = [number(value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def table(ranked: Rankings, sample: int, batch: int, own: str) -> str:
    """Its rank under every strategy, best first, and why others give none, as HTML."""
    places = sorted((int(ranks[sample]), name) for name, ranks in ranked.ranks.items() if ranks[sample] > 0)
    rows = "".join(
        f"<tr><th>{escape(name)}{' (this run)' if name == own else ''}</th><td>{place:,}</td><td>{'yes' if place <= batch else 'no'}</td></tr>"
        for place, name in places
    )
    head = f"<tr><th>Strategy</th><th>Rank of {ranked.count:,}</th><th>Among the first {batch:,}</th></tr>"
    whys: dict[str, list[str]] = {}
    for name, why in ranked.skipped.items():
        whys.setdefault(why, []).append(name)
    items = "".join(f"<li>{escape(why)}: {escape(', '.join(names))}</li>" for why, names in whys.items())
    left = plural(len(ranked.skipped), "other")
    more = f'<details class="alviz-report"><summary>No rank by {left}</summary><ul tabindex="0" aria-label="Why not">{items}</ul></details>'
    caption = (
        f'<p class="alviz-reading">Where each strategy ranks it among the candidates of round {ranked.round}, under the same model.</p>'
    )
    return f'{caption}<div class="alviz-scroll"><table class="alviz-table alviz-standings"><thead>{head}</thead><tbody>{rows}</tbody></table></div>{more}'
