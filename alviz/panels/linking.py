"""Linked views: what is selected or pointed at in one is marked in all."""

from typing import Any

from alviz.panels.plot import Plot
from alviz.panels.thumbnails import Thumbnails
from alviz.panels.workbench import Workbench


def link_selection(workbench: Workbench, view: Plot | Thumbnails) -> None:
    """Bind a view's selection and hovering to the Workbench's, both ways."""

    def from_view(change: dict[str, list[int]]) -> None:
        if list(change["new"]) != workbench.selected:
            workbench.selected = list(change["new"])

    def from_click(change: dict[str, dict[str, Any]]) -> None:
        if change["new"]["id"] is not None:
            workbench.selected = [change["new"]["id"]]

    def to_view(_: object) -> None:
        if isinstance(view, Plot):
            view.selection = workbench.selected
        elif list(view.selected) != workbench.selected:
            view.selected = workbench.selected

    def hover_from(change: dict[str, int | None]) -> None:
        workbench.hovered = change["new"]

    def hover_to(_: object) -> None:
        view.pointed = None if workbench.hovered == view.hovered else workbench.hovered  # not where the pointer already is

    view.observe(from_view, ["selected"])
    view.observe(hover_from, ["hovered"])
    if isinstance(view, Plot):
        view.observe(from_click, ["clicked"])
    workbench.observe(to_view, ["selected"])
    workbench.observe(hover_to, ["hovered"])
