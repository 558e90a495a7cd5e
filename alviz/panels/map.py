"""MapPanel: the embedding map, with its projection and colour switches and the lasso."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import numpy as np

from alviz import projections
from alviz.figures import embedding_map
from alviz.figures.base import Drawing
from alviz.panels.field import Field, option
from alviz.panels.linking import link_selection
from alviz.panels.plot import Plot
from alviz.panels.workbench import Workbench

COLORS = (
    option("class", "true class"),
    option("label", "labels given so far"),
    option("prediction", "prediction"),
    option("score", "acquisition score"),
    option("round", "round labelled"),
)


def map_told(workbench: Workbench) -> dict[str, str]:
    """The projection as a page's address says it, where it is not the one that its data begin with."""
    dataset, method = workbench.dataset, workbench.asked or workbench.method
    usual = "pca" if dataset is None else projections.available(dataset)[0]
    return {} if method == usual else {"map": method}


class MapPanel:
    """The pool in two dimensions. Lasso or box to select; what is selected is marked in every view."""

    def __init__(self, workbench: Workbench):
        self.workbench = workbench
        self.method = Field(
            kind="menu", label="Projection", help="Computed once per dataset and kept; UMAP and t-SNE take their time the first time."
        )
        self.color = Field(
            kind="menu", label="Colour by", options=list(COLORS), value="class", help="What the colours stand for; shapes tell the state."
        )
        self.instead: Callable[[], Drawing | None] = lambda: None
        """What is drawn in the place of the map, None = the map itself."""
        self.plot = Plot(height="clamp(270px, 34vh, 640px)", empty="Loading the pool …")
        self.plot.add_class("alviz-still")
        self.controls = widgets.HBox([self.method, self.color])
        self.controls.add_class("alviz-controls")
        self.widget = self.plot
        self.method.observe(self._choose, ["value"])
        self.color.observe(lambda _: self.draw(), ["value"])
        workbench.observe(lambda _: self._methods(), ["dataset", "method"])
        workbench.observe(lambda _: self.draw(), ["view", "projection"])
        link_selection(workbench, self.plot)
        self._methods()
        self.draw()

    def _choose(self, change: Any) -> None:
        if change["new"]:
            self.workbench.method = change["new"]

    def _methods(self) -> None:
        names = projections.available(self.workbench.dataset)
        options = [option(name, projections.label(name)) for name in names]
        if options != self.method.options:
            self.method.options = options
        self.method.value = self.workbench.method

    def draw(self) -> None:
        """Show the pool as it stands now, or what stands in its place."""
        dataset, view, projection = self.workbench.dataset, self.workbench.view, self.workbench.projection
        if dataset is None or projection is None or len(projection.points) != len(dataset):
            return
        if (drawing := self.instead()) is not None:
            self.plot.show(drawing.figure, drawing.reading)
            return
        nothing = np.full(len(dataset), -1, dtype=np.int64)
        drawing = embedding_map(
            projection.points,
            dataset,
            None if view is None else view.round,
            nothing if view is None else view.labelled_in_round,
            color="class" if self.color.value == "label" else self.color.value,
            labels=None if view is None else view.track.run.state.labels,
            reveal=self.color.value != "label",
            title=projections.label(projection.method),
            trustworthiness=projection.trustworthiness,
        )
        self.plot.show(drawing.figure, f"{drawing.reading} {projection.caption()}")
