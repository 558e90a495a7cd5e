"""Label: a person names pictures, and active learning asks for the ones that help most."""

from html import escape
from typing import Any

import ipywidgets as widgets

from alviz import learners
from alviz.panels.address import Address, entry_of, of_fields, told
from alviz.panels.explore import open_store
from alviz.panels.frame import panel
from alviz.panels.header import Activity
from alviz.panels.label_form import LabelForm
from alviz.panels.label_side import LabelSide
from alviz.panels.label_stage import LabelStage
from alviz.panels.label_state import LabelBench
from alviz.panels.settings import disabled, strategy_menu
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
        self._usual = {key: value for key, value in bench.config.items() if key not in ("folder", "annotator")}
        self.widget = widgets.VBox([style(), self.url, self.top, self.form.widget, self.room])
        self.widget.add_class("alviz-root")
        self.widget.add_class("alviz-page")
        self.url.observe(lambda change: self._open(change["new"]), ["query"])
        self.url.observe(lambda _: self._share(), ["query", "opened"])  # also where nothing that it says is a setting
        bench.observe(lambda _: self._share(), ["config"])
        bench.observe(lambda _: self._stand(), ["session", "busy", "turn"])
        self._stand()

    def _stand(self) -> None:
        bench, session = self.bench, self.bench.session
        self.buttons.layout.display = None if bench.busy else "none"
        self.room.layout.display = None if session is not None else "none"
        if session is None:
            self.line.value = "Label pictures: you answer, the model asks for those that help it most."
            self._share()
            return
        run = session.run
        kept = "every answer is saved at once" if run.store is not None else "answers last as long as this page is open"
        self.line.value = f"<b>{escape(run.dataset.name)}</b> · <span>{escape(session.annotator)} · {kept}</span>"
        self._share()

    def _share(self) -> None:
        """A session leads back to itself, on this machine; before there is one the form is told, but for what is a person's own: the folder and the name."""
        session, said = self.bench.session, told(self.bench.config, self._usual)
        if session is not None:
            self.url.share = {"run": session.run.id} if session.run.id is not None else {}
        elif self.url.opened or self.url.query:
            self.url.share = said

    def _open(self, query: dict[str, str]) -> None:
        address, fields = Address(query), self.form.fields
        config = {**self.bench.config, **address.read(of_fields({key: fields[key] for key in self._usual if key != "strategy"}))}
        entries = strategy_menu(learners.create(config["learner"]))
        config |= address.read({"strategy": entry_of(entries)})
        config["strategy"] = "margin" if disabled(config["strategy"], entries) else config["strategy"]
        self.bench.config = config
        self.bench.notice = address.notice or self.bench.notice
        if "run" in query:
            self.bench.resume(query["run"])
