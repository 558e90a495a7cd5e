"""QueriesPanel: this round's queries as pictures, and whatever is selected anywhere."""

import math
from html import escape

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.figures.base import number, plural, spoken
from alviz.panels.linking import link_selection
from alviz.panels.thumbnails import MOST, Thumbnails
from alviz.panels.tracks import View
from alviz.panels.workbench import Workbench


class QueriesPanel:
    """Pictures of the round looked at, in pick order: the label given, what the model had predicted before, and the acquisition score."""

    def __init__(self, workbench: Workbench):
        self.workbench = workbench
        self.reading = widgets.HTML()
        self.queries = Thumbnails(label="This round's queries", empty="Press Start: each round's queries appear here as pictures.")
        self.heading = widgets.HTML()
        self.clear = widgets.Button(description="Clear selection", tooltip="Take the marks off in every view")
        self.chosen = Thumbnails(label="Selected samples", empty="")
        head = widgets.HBox([self.heading, self.clear])
        head.add_class("alviz-panel-head")
        self.selection = widgets.VBox([head, self.chosen])
        self.selection.add_class("alviz-selection")
        self.widget = widgets.VBox([self.selection, self.reading, self.queries])
        self.widget.add_class("alviz-pictures")
        self.clear.on_click(lambda _: setattr(workbench, "selected", []))
        workbench.observe(lambda _: self._show(), ["view"])
        workbench.observe(lambda _: self._show_selection(), ["view", "selected", "dataset"])
        link_selection(workbench, self.queries)
        link_selection(workbench, self.chosen)
        self._show()
        self._show_selection()

    def _show(self) -> None:
        view = self.workbench.view
        if view is None:
            self.reading.value = ""
            return
        fill(self.queries, view.dataset, view, view.round.queried, beside=view.round.synthetic)
        self.reading.value = f'<p class="alviz-reading">{escape(reading(view))}</p>'

    def _show_selection(self) -> None:
        """What is selected, above the queries; its pictures too where it is more than some of these queries."""
        view, dataset, selected = self.workbench.view, self.workbench.dataset, self.workbench.selected
        self.selection.layout.display = None if selected else "none"
        if not selected or dataset is None:
            return
        self.heading.value = f'<h3 class="alviz-panel-subtitle">{plural(len(selected), "selected sample")}</h3>'
        extra = view is None or bool(set(selected) - set(view.round.queried.tolist()))
        self.chosen.layout.display = None if extra else "none"
        if extra:
            fill(self.chosen, dataset, view, np.array(selected, dtype=np.int64), place=True)


def fill(
    grid: Thumbnails,
    dataset: Dataset,
    view: View | None,
    ids: NDArray[np.int64],
    place: bool = False,
    beside: NDArray[np.uint8] | None = None,
) -> None:
    """Show samples of the pool with what is known about them in the round looked at (view None: before there is a run).

    place: also say whether each is labelled, and since which round. beside: pictures in whose place they were asked for.
    """
    finished = None if view is None else view.round
    before = None if view is None or view.shown == 0 else view.rounds[view.shown - 1].probabilities
    given = {} if finished is None else dict(zip(finished.queried.tolist(), finished.labels.tolist(), strict=True))
    scores = None if finished is None else finished.scores
    ids, more = ids[:MOST], max(len(ids) - MOST, 0)
    titles, lines, flags = [], [], []
    for i in ids.tolist():
        label = given.get(i, int(dataset.targets[i]))
        titles.append(dataset.class_names[label] if label >= 0 else "no label")
        rows, flag = [], ""
        if place:
            since = -1 if view is None else int(view.labelled_in_round[i])
            rows.append("in the pool" if since < 0 else f"labelled\tround {since}")
        if before is not None:
            top = (-before[i]).argsort(kind="stable")[:2]
            flag = "" if label < 0 else "right" if top[0] == label else "wrong"
            rows += [f"{word} {dataset.class_names[k]}\t{before[i, k]:.0%}" for word, k in zip(("pred.", "or"), top, strict=False)]
        if scores is not None and not math.isnan(scores[i]):
            rows.append(f"score\t{number(float(scores[i]), 2)}")
        lines.append(rows)
        flags.append(flag)
    images = None if dataset.images is None else dataset.images[ids]
    grid.show(ids, images, titles, lines, flags, more, None if beside is None else beside[:MOST])


def reading(view: View) -> str:
    """One sentence about this round's queries, and what strategy and learner had to say themselves."""
    pairs = "" if view.round.synthetic is None else "Left: what the strategy made up; right: what was asked for in its place."
    return " ".join(filter(None, (_counted(view), view.round.note, pairs)))


def _counted(view: View) -> str:
    finished, dataset = view.round, view.dataset
    known = finished.labels >= 0
    if not known.any():
        return f"Round {finished.index} brought no labels."
    counts = np.bincount(finished.labels[known], minlength=dataset.n_classes)
    top = int(counts.argmax())
    most = f"{counts[top]} of them {spoken(dataset.class_names[top])}"
    if view.shown == 0:
        return f"Round 0 took {len(finished.queried)} samples by {finished.strategy} before there was a model, {most}."
    guesses = view.rounds[view.shown - 1].probabilities[finished.queried].argmax(axis=1)
    right = int((guesses == finished.labels)[known].sum())
    return f"Round {finished.index} took {len(finished.queried)} samples by {finished.strategy}, {most}; the model had {right} of {int(known.sum())} right."
