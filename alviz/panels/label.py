"""Label: a person names pictures, and active learning asks for the ones that help most."""

from html import escape
from typing import Any

import ipywidgets as widgets

from alviz.panels.explore import open_store
from alviz.panels.frame import panel
from alviz.panels.header import Activity
from alviz.panels.label_form import LabelForm
from alviz.panels.label_side import LabelSide
from alviz.panels.label_stage import LabelStage
from alviz.panels.label_state import LabelBench
from alviz.panels.source import best_extractor
from alviz.panels.theme import style
from alviz.panels.url import PageUrl


def label(store: Any = "default", **config: Any) -> widgets.VBox:
    """The Label page as a widget, for a notebook cell or Voila.

    config: settings to begin with (pictures: "practice" or "folder", folder, classes, annotator, learner, strategy, initial, extractor, n_queries,
    seed). store: where labels are kept (a `Store`; by default the user's own, or nothing where that cannot be opened).
    """
    problem = ""
    if store == "default":
        store, problem = open_store()
    bench = LabelBench(store=store, **{"extractor": best_extractor(), **config})
    if problem:
        bench.notice = problem.replace("Runs are not saved", "Your labels are kept only as long as this page is open")
    return Label(bench).widget


class Label:
    """All panels of the page over one LabelBench."""

    def __init__(self, bench: LabelBench):
        self.bench = bench
        self.form = LabelForm(bench)
        self.stage = LabelStage(bench)
        self.side = LabelSide(bench, self.stage)
        self.activity = Activity(bench)
        self.line = widgets.HTML()
        self.line.add_class("alviz-status")
        self.cancel = widgets.Button(description="Cancel", tooltip="Stop what is under way; your answers are kept")
        self.cancel.on_click(lambda _: bench.cancel())
        self.buttons = widgets.HBox([self.cancel])
        self.buttons.add_class("alviz-buttons")
        row = widgets.HBox([self.line, self.activity.work, self.buttons])
        row.add_class("alviz-runbar")
        row.add_class("alviz-label-top")
        self.top = widgets.VBox([row, self.activity.message])
        self.top.add_class("alviz-topbar")
        self.room = widgets.Box([widgets.VBox([panel("", self.stage)]), self.side.widget])
        self.room.children[0].children[0].children = (self.stage,)
        self.room.add_class("alviz-label-columns")
        self.url = PageUrl()
        self.widget = widgets.VBox([style(), self.url, self.top, self.form.widget, self.room])
        self.widget.add_class("alviz-root")
        self.widget.add_class("alviz-page")
        self.url.observe(lambda change: self._open(change["new"]), ["query"])
        bench.observe(lambda _: self._stand(), ["session", "busy", "turn"])
        self._stand()

    def _stand(self) -> None:
        bench, session = self.bench, self.bench.session
        self.buttons.layout.display = None if bench.busy else "none"
        self.room.layout.display = None if session is not None else "none"
        if session is None:
            self.line.value = "Label pictures: you answer, the model asks for those that help it most."
            self.url.share = None if self.url.share is None else {}
            return
        run = session.run
        kept = "every answer is saved at once" if run.store is not None else "answers last as long as this page is open"
        self.line.value = f"<b>{escape(run.dataset.name)}</b> · <span>{escape(session.annotator)} · {kept}</span>"
        if run.id is not None:
            self.url.share = {"run": run.id}

    def _open(self, query: dict[str, str]) -> None:
        if "run" in query:
            self.bench.resume(query["run"])
