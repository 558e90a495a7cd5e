"""The plots around the map: why these queries, learning curve, class balance, confusion."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import numpy as np

from alviz.figures import (
    class_balance,
    confusion_matrix,
    imbalance_curve,
    imbalance_profile,
    learning_curve,
    per_class_recall,
    phase_times,
    score_histogram,
)
from alviz.figures.base import Drawing
from alviz.panels.field import Field, option
from alviz.panels.linking import link_selection
from alviz.panels.plot import Plot
from alviz.panels.tracks import View
from alviz.panels.workbench import Workbench

METRICS = (
    option("accuracy"),
    option("balanced_accuracy", "balanced accuracy"),
    option("macro_f1", "macro F1"),
    option("log_loss", "log loss"),
    option("calibration_error", "calibration error"),
    option("average_precision", "average precision of the rarest class"),
    option("ir", "imbalance ratio ir"),
    option("minority_share", "minority share of the queries"),
    option("classes_seen", "classes seen"),
)


class _Switched:
    """A plot with a menu (`controls`, for the panel's head) that says what it shows."""

    def __init__(self, workbench: Workbench, options: list[dict[str, Any]], label: str, help: str, height: str, empty: str):
        self.workbench = workbench
        self.what = Field(kind="menu", label=label, help=help, options=options, value=options[0]["value"])
        self.plot = Plot(height=height, empty=empty)
        self.controls = widgets.HBox([self.what])
        self.controls.add_class("alviz-controls")
        self.widget = self.plot
        self.what.observe(lambda _: self.draw(), ["value"])
        workbench.observe(lambda _: self.draw(), ["view"])  # the other runs change only together with it
        self.plot.observe(lambda change: self.clicked(change["new"]), ["clicked"])
        self.draw()

    def draw(self) -> None:
        view = self.workbench.view
        if view is None:
            return
        drawing = self.drawing(view)
        if drawing.figure["data"]:
            self.plot.show(drawing.figure, drawing.reading)
        else:
            self.plot.empty = drawing.reading
            self.plot.show({}, "")

    def drawing(self, view: View) -> Drawing:
        raise NotImplementedError

    def clicked(self, point: dict[str, Any]) -> None:
        """What a click on a point does."""


class CurvePanel(_Switched):
    """A measure against the labels spent, for all runs on the page. A click looks at that round."""

    def __init__(self, workbench: Workbench):
        super().__init__(
            workbench,
            list(METRICS),
            "Measure",
            "Against the labels spent.",
            "clamp(170px, 23vh, 300px)",
            "Press Start: accuracy against labels, round by round.",
        )

    def drawing(self, view: View) -> Drawing:
        past = {view.track: view.rounds}
        tracks = self.workbench.tracks
        runs = [(short(track.label), past.get(track, track.run.rounds)) for track in tracks]
        return learning_curve(
            runs, metric=str(self.what.value), shown_round=view.shown, looked_at=tracks.index(view.track), slots=[t.slot for t in tracks]
        )

    def clicked(self, point: dict[str, Any]) -> None:
        tracks = self.workbench.tracks
        if point["trace"] < len(tracks):
            track = tracks[point["trace"]]
            budgets = np.array([r.n_labelled for r in track.run.rounds])
            self.workbench.look_at(track, int(np.abs(budgets - point["x"]).argmin()))


def short(label: str) -> str:
    """A run's label where there is little room."""
    return label.replace(" from round ", " from ")


class BalancePanel(_Switched):
    """Labels per class, or the imbalance ratio over the rounds. A click on a class selects its labelled samples."""

    def __init__(self, workbench: Workbench):
        options = [option("profile", "labels per class"), option("curve", "imbalance over rounds")]
        super().__init__(
            workbench,
            options,
            "Show",
            "Imbalance ratio (ir): standard deviation of the class counts over their mean.",
            "clamp(180px, 24vh, 300px)",
            "Press Start: how evenly the labels fall on the classes.",
        )

    def drawing(self, view: View) -> Drawing:
        if self.what.value == "profile":
            return imbalance_profile(view.rounds, view.dataset, shown_round=view.shown)
        return imbalance_curve(view.rounds, view.dataset, shown_round=view.shown)

    def clicked(self, point: dict[str, Any]) -> None:
        view = self.workbench.view
        if view is not None and self.what.value == "profile" and point["id"] is not None:
            labels = view.track.run.state.labels
            self.workbench.selected = np.flatnonzero((view.labelled_in_round >= 0) & (labels == point["id"])).tolist()


class ConfusionPanel(_Switched):
    """What is taken for what on the test set, or recall per class."""

    def __init__(self, workbench: Workbench):
        options = [option("matrix", "confusion matrix"), option("recall", "recall per class")]
        super().__init__(
            workbench,
            options,
            "Show",
            "On the test set.",
            "clamp(230px, 30vh, 380px)",
            "Press Start: what the model takes for what, on the test set.",
        )

    def drawing(self, view: View) -> Drawing:
        draw: Callable[..., Drawing] = confusion_matrix if self.what.value == "matrix" else per_class_recall
        return draw(view.round, view.dataset.class_names)


class WhyPanel(_Switched):
    """Where this round's queries stand among all scores and classes. Their stars can be lassoed, and are marked like everywhere."""

    def __init__(self, workbench: Workbench):
        options = [
            option("scores", "acquisition scores"),
            option("classes", "classes taken against the pool"),
            option("times", "seconds per phase"),
        ]
        super().__init__(
            workbench,
            options,
            "Show",
            "The strategy takes the highest scores; some strategies choose a set without scoring.",
            "clamp(170px, 23vh, 300px)",
            "Press Start, then Step: where the queries lie among the scores of the whole pool.",
        )
        link_selection(workbench, self.plot)

    def drawing(self, view: View) -> Drawing:
        if self.what.value == "scores":
            return score_histogram(view.round)
        return class_balance(view.round, view.dataset) if self.what.value == "classes" else phase_times(view.rounds, view.shown)
