"""QueriesPanel: this round's queries as pictures, and whatever is selected anywhere."""

import math
from html import escape

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from alviz.panels.linking import link_selection
from alviz.panels.thumbnails import Thumbnails
from alviz.panels.workbench import View, Workbench


class QueriesPanel:
    """Pictures of the round looked at, in pick order: the label given, what the model had predicted before, and the acquisition score."""

    def __init__(self, workbench: Workbench):
        self.workbench = workbench
        self.reading = widgets.HTML()
        self.queries = Thumbnails(label="This round's queries", empty="Each round's queries appear here as pictures.")
        self.heading = widgets.HTML()
        self.chosen = Thumbnails(label="Selected samples", empty="")
        self.selection = widgets.VBox([self.heading, self.chosen])
        self.widget = widgets.VBox([self.reading, self.queries, self.selection])
        self.widget.add_class("alviz-pictures")
        workbench.observe(lambda _: self._show(), ["view"])
        workbench.observe(lambda _: self._show_selection(), ["view", "selected"])
        link_selection(workbench, self.queries)
        link_selection(workbench, self.chosen)
        self._show()
        self._show_selection()

    def _show(self) -> None:
        view = self.workbench.view
        if view is None:
            self.reading.value = ""
            return
        finished = view.round
        fill(self.queries, view, finished.queried)
        self.reading.value = f'<p class="alviz-reading">{escape(reading(view))}</p>'

    def _show_selection(self) -> None:
        view, selected = self.workbench.view, self.workbench.selected
        extra = bool(view is not None and set(selected) - set(view.round.queried.tolist()))
        self.selection.layout.display = None if extra else "none"
        if view is not None and extra:
            fill(self.chosen, view, np.array(selected, dtype=np.int64))
            self.heading.value = f'<h3 class="alviz-panel-subtitle">{len(selected):,} selected samples</h3>'


def fill(grid: Thumbnails, view: View, ids: NDArray[np.int64]) -> None:
    """Show samples of the pool with what is known about them in the round looked at."""
    dataset, finished = view.dataset, view.round
    model_before = view.rounds[view.shown - 1].probabilities if view.shown else None
    given = dict(zip(finished.queried.tolist(), finished.labels.tolist(), strict=True))
    titles, lines, flags = [], [], []
    for i in ids.tolist():
        label = given.get(i, int(dataset.targets[i]))
        titles.append(dataset.class_names[label] if label >= 0 else "no label")
        rows, flag = [], ""
        if model_before is not None:
            guess = int(model_before[i].argmax())
            flag = "" if label < 0 else "right" if guess == label else "wrong"
            rows.append(f"pred. {dataset.class_names[guess]}")
            rows.append(f"sure {model_before[i, guess]:.0%}")
        if finished.scores is not None and not math.isnan(finished.scores[i]):
            rows.append(f"score {finished.scores[i]:.3g}".replace("-", "−"))
        lines.append(rows)
        flags.append(flag)
    images = None if dataset.images is None else dataset.images[ids]
    grid.show(ids, images, titles, lines, flags)


def reading(view: View) -> str:
    """One sentence about this round's queries."""
    finished, dataset = view.round, view.dataset
    known = finished.labels >= 0
    if not known.any():
        return f"Round {finished.index} brought no labels."
    counts = np.bincount(finished.labels[known], minlength=dataset.n_classes)
    top = int(counts.argmax())
    most = f"{counts[top]} of them {dataset.class_names[top]}"
    if view.shown == 0:
        return f"Round 0 took {len(finished.queried)} samples by {finished.strategy} before there was a model, {most}."
    guesses = view.rounds[view.shown - 1].probabilities[finished.queried].argmax(axis=1)
    right = int((guesses == finished.labels)[known].sum())
    return f"Round {finished.index} took {len(finished.queried)} samples by {finished.strategy}, {most}; the model had been right about {right} of {int(known.sum())}."
