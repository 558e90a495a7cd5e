"""LabelForm: what a new labelling session needs to know, and the sessions that wait to be gone on with."""

import time
from html import escape
from typing import Any

import ipywidgets as widgets

from alviz import data, initial, learners
from alviz.figures.base import plural
from alviz.panels.field import Field, option
from alviz.panels.frame import panel
from alviz.panels.label_state import PRACTICE, LabelBench, sessions
from alviz.panels.settings import menu, strategy_menu
from alviz.panels.source import extractor_menu


class LabelForm:
    """Every change lands in `bench.config`."""

    def __init__(self, bench: LabelBench):
        self.bench = bench
        names = ", ".join(data.create(PRACTICE).class_names)
        self.fields = {
            "pictures": Field(
                label="Pictures",
                options=[
                    option("practice", "Practise on Fashion: 6,000 pictures, labels hidden"),
                    option("folder", "A folder of my own pictures"),
                ],
                help="What is to be labelled.",
            ),
            "folder": Field(
                kind="text",
                label="Folder",
                placeholder="/home/me/pictures",
                help="Where the pictures lie, on the machine that alviz runs on.",
                note="On the machine that alviz runs on, sub-folders included. The pictures stay where they are; files added later join.",
            ),
            "classes": Field(
                kind="lines",
                label="Classes, one a line",
                placeholder="cat\ndog",
                help="At least two.",
                note="Two at least; more can be added on the way. The first ten get the keys 1 to 9 and 0.",
            ),
            "annotator": Field(kind="text", label="Your name", placeholder="person", help="Stands beside every label you give."),
            "n_queries": Field(
                kind="number",
                label="Pictures per round",
                minimum=1,
                maximum=10_000,
                help="After so many answers the model is trained again.",
            ),
            "learner": Field(label="Learner", options=menu(learners, learners.simple()), help="What is trained in every round."),
            "strategy": Field(label="Query strategy", help="How the next pictures are chosen."),
            "initial": Field(label="First pictures", options=menu(initial, initial.available()), help="How round 0 is chosen."),
            "extractor": Field(label="Features", options=extractor_menu(), help="What learners of features see of your pictures."),
            "seed": Field(kind="number", label="Seed", minimum=0, maximum=2**31 - 1, help="Decides what is left to chance."),
        }
        f = self.fields
        self.classes = widgets.HTML(f'<p class="alviz-reading">Ten classes: {escape(names)}.</p>')
        pair = widgets.HBox([f["annotator"], f["n_queries"]])
        pair.add_class("alviz-pair")
        self.more = widgets.VBox([f[key] for key in ("learner", "strategy", "initial", "extractor", "seed")], layout={"display": "none"})
        self.fold = widgets.Button(tooltip="Learner, query strategy, first pictures, seed")
        self.fold.add_class("alviz-fold")
        self.fold.on_click(lambda _: self._turn())
        self._turn(shown=False)
        self.button = widgets.Button(description="Start labelling", tooltip="Read the pictures and choose the first ones")
        self.button.add_class("alviz-primary")
        self.button.on_click(lambda _: bench.start())
        self.waiting = widgets.VBox([])
        new = panel("New session", f["pictures"], f["folder"], f["classes"], self.classes, pair, self.fold, self.more, self.button)
        self.old = panel("Go on where you stopped", self.waiting)
        self.widget = widgets.VBox([new, self.old])
        self.widget.add_class("alviz-label-form")
        self._filling = False
        self._show()
        for key, field in f.items():
            field.observe(lambda change, key=key: self._set(key, change["new"]), ["value"])
        bench.observe(lambda _: self._show(), ["config"])
        bench.observe(lambda _: self._stand(), ["busy", "session"])
        self._stand()

    def _set(self, key: str, value: Any) -> None:
        if not self._filling and value != self.bench.config[key]:
            changed = {**self.bench.config, key: value}
            if key == "learner" and any(e["disabled"] and e["value"] == changed["strategy"] for e in strategy_menu(learners.create(value))):
                changed["strategy"] = "margin"
            self.bench.config = changed

    def _turn(self, shown: bool | None = None) -> None:
        shown = self.more.layout.display == "none" if shown is None else shown
        self.more.layout.display = None if shown else "none"
        self.fold.description = f"{'▾' if shown else '▸'} How the pictures are chosen"

    def _show(self) -> None:
        config = self.bench.config
        own = config["pictures"] == "folder"
        self._filling = True
        try:
            self.fields["strategy"].options = strategy_menu(learners.create(config["learner"]))
            for key, field in self.fields.items():
                field.value = config[key]
            for key in ("folder", "classes", "extractor"):
                self.fields[key].layout.display = None if own else "none"
            self.classes.layout.display = "none" if own else None
        finally:
            self._filling = False

    def _stand(self) -> None:
        bench = self.bench
        self.widget.layout.display = None if bench.session is None else "none"
        for field in self.fields.values():
            field.disabled = bench.busy
        self.button.disabled = bench.busy
        if bench.session is None and not bench.busy:
            self.waiting.children = [self._entry(entry) for entry in sessions(bench.store)]
            self.old.layout.display = None if self.waiting.children else "none"
        for box in self.waiting.children:
            box.children[1].disabled = bench.busy

    def _entry(self, entry: dict[str, Any]) -> widgets.HBox:
        config = entry["config"]
        spec = config["dataset"]
        what = spec["params"].get("root", "Practice on Fashion" if spec["name"] == PRACTICE else spec["name"])
        when = time.strftime("%d %b %Y, %H:%M", time.localtime(entry["began"]))
        line = f"<b>{escape(str(what))}</b><br>{escape(config['annotator'])} · {when} · {plural(entry['labels'], 'label')}"
        button = widgets.Button(description="Go on", tooltip=f"Go on with this session ({entry['id']})")
        button.on_click(lambda _, run=entry["id"]: self.bench.resume(run))
        row = widgets.HBox([widgets.HTML(line), button])
        row.add_class("alviz-label-session")
        return row
