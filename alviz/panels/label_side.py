"""LabelSide: how far it has come, what the model is worth, and what can be taken away."""

import math
from collections.abc import Callable
from html import escape
from importlib.util import find_spec
from typing import Any

import ipywidgets as widgets

from alviz.figures.base import percent, plural
from alviz.panels.download import Download
from alviz.panels.field import Field, option
from alviz.panels.frame import panel
from alviz.panels.label_stage import LabelStage
from alviz.panels.label_state import PRACTICE, LabelBench
from alviz.panels.source import report_html

FEWEST = 30
"""Fewer labels than this are too few to say how often the model is right."""


class LabelSide:
    """The right column of the Label page."""

    def __init__(self, bench: LabelBench, stage: LabelStage):
        self.bench, self.stage = bench, stage
        self.numbers = widgets.HTML()
        self.report = widgets.HTML()
        self.model = widgets.HTML()
        self.reading = widgets.HTML()
        self.guess = Field(
            kind="switch",
            label="Show the model's guess",
            value=False,
            help="Off by default: what the model says may sway you, and then its mistakes become yours.",
            note="It may sway you.",
        )
        self.go_on = self._button("Go on", "Train on your answers and choose the next pictures", bench.proceed)
        self.estimate = self._button("Do more labels pay?", "Estimate what more labels will bring", bench.estimate)
        self.look = self._button("Second look at labels", "Labels that the model confidently contradicts", self._look)
        self.leave = self._button("Close the session", "Everything is kept; go on whenever you like", bench.leave)
        self.tables = {
            ("labels", "csv"): self._button("CSV", "All labels as a table", lambda: self._give("labels", "csv")),
            ("labels", "parquet"): self._button("Parquet", "All labels as a table", lambda: self._give("labels", "parquet")),
            ("predictions", "csv"): self._button("CSV", "What the model says about the rest", lambda: self._give("predictions", "csv")),
            ("predictions", "parquet"): self._button(
                "Parquet", "What the model says about the rest", lambda: self._give("predictions", "parquet")
            ),
        }
        self.weights = self._button("Trained model", "Its weights (safetensors) and what they are (JSON), in a ZIP file", self._give_model)
        self.folder = Field(
            kind="text", label="Class folders in", placeholder="/home/me/labelled", help="A folder that does not exist yet."
        )
        self.how = Field(
            label="Pictures",
            options=[option("copy", "copied"), option("link", "linked")],
            value="copy",
            help="Copies need space; links need the originals to stay where they are.",
        )
        self.sort = self._button("Sort into class folders", "One folder per class with the labelled pictures", self._sort)
        self.download = Download()
        t = self.tables
        pairs = [widgets.HBox([widgets.HTML(what.capitalize()), t[what, "csv"], t[what, "parquet"]]) for what in ("labels", "predictions")]
        for pair in pairs:
            pair.add_class("alviz-pair")
        self.widget = widgets.VBox(
            [
                panel("So far", self.numbers, self.report, self.go_on, self.leave),
                panel("Model", self.model, self.guess, self.look, self.estimate, self.reading),
                panel("Take away", *pairs, self.weights, self.folder, self.how, self.sort, self.download),
            ]
        )
        self.widget.add_class("alviz-label-side")
        self.guess.observe(lambda change: self._show_guess(change["new"]), ["value"])
        bench.observe(lambda _: self.draw(), ["session", "turn", "looking", "busy", "outlook"])
        self.draw()

    def _button(self, name: str, tooltip: str, action: Callable[[], Any]) -> widgets.Button:
        button = widgets.Button(description=name, tooltip=tooltip)
        button.on_click(lambda _: action())
        return button

    def draw(self) -> None:
        """Bring the column in line with the bench."""
        bench, session = self.bench, self.bench.session
        if session is None:
            return
        run, stands = session.run, session.standing()
        numbers = {
            "Labelled": stands.labelled,
            "Skipped": stands.skipped,
            "None of these": stands.left_out,
            "Not asked yet": stands.remaining - (stands.asked - stands.answered),
        }
        items = "".join(f"<dt>{name}</dt><dd>{number:,}</dd>" for name, number in numbers.items())
        self.numbers.value = f'<dl class="alviz-label-numbers">{items}</dl>'
        report = run.dataset.report
        self.report.value = "" if report is None else report_html(report)
        self.model.value = f'<p class="alviz-reading">{escape(self._worth())}</p>'
        foreseen = bench.outlook
        self.reading.value = (
            "" if foreseen is None else f'<p class="alviz-reading"><b>{foreseen.verdict.capitalize()}.</b> {escape(foreseen.reading)}</p>'
        )
        self.reading.layout.display = None if foreseen is not None else "none"
        self.go_on.layout.display = (
            None if not bench.busy and not bench.queue and bench.looking is None and not session.exhausted else "none"
        )
        self.look.description = "Back to the queries" if bench.looking is not None else "Second look at labels"
        trained = run.position >= 0
        for button in (self.look, self.estimate):
            button.disabled = bench.busy or not trained
        self.weights.disabled = bench.busy or not trained
        self.leave.disabled = self.sort.disabled = bench.busy
        for (what, kind), button in self.tables.items():
            parquet = kind == "csv" or find_spec("pyarrow") is not None
            button.disabled = bench.busy or not parquet or (what == "predictions" and not trained)
            if not parquet:
                button.tooltip = "Needs the package pyarrow"
            elif what == "predictions" and not trained:
                button.tooltip = "After the first round"

    def _worth(self) -> str:
        session = self.bench.session
        assert session is not None
        run = session.run
        if run.position < 0:
            return f"No model yet: it is trained after the first {session.standing().asked} answers."
        last = run.rounds[-1]
        accuracy = last.metrics["accuracy"]
        measured = "cross-validated on your labels, which are often harder than the rest" if last.cross_validated else "on the test set"
        text = f"{run.learner.name} with {last.n_labelled:,} labels"
        if last.cross_validated and last.n_labelled < FEWEST:
            text += ": too few to measure it."
        else:
            text += "." if math.isnan(accuracy) else f": {percent(accuracy)} right, {measured}."
        spec = run.dataset.spec
        if spec is not None and spec["name"] == PRACTICE:
            labelled = session.now.labelled
            same = int((session.now.labels[labelled] == run.dataset.targets[labelled]).sum())
            text += f" {same:,} of your {len(labelled):,} labels agree with the hidden ones."
        return text

    def _show_guess(self, value: bool) -> None:
        self.stage.show_guess = value
        self.stage.draw()

    def _look(self) -> None:
        if self.bench.looking is not None:
            self.bench.stop_looking()
        else:
            self.bench.find_doubts()

    def _give(self, what: str, kind: str) -> None:
        from alviz.studies import export

        def work(_: Any) -> None:
            assert self.bench.session is not None
            run = self.bench.session.run
            self.bench.phase = "writing the table"
            table = export.labels(run) if what == "labels" else export.predictions(run)
            mime = "text/csv" if kind == "csv" else "application/vnd.apache.parquet"
            self.download.give(f"{run.dataset.name}-{what}.{kind}", export.packed(table, kind), mime)
            self.bench.notice = f"{plural(len(table), 'row')} handed to your browser as {run.dataset.name}-{what}.{kind}."

        self.bench.begin(work)

    def _give_model(self) -> None:
        from alviz.studies import export

        def work(_: Any) -> None:
            assert self.bench.session is not None
            run = self.bench.session.run
            self.bench.phase = "writing the model"
            name = f"{run.dataset.name}-model.zip"
            self.download.give(name, export.model_archive(run), "application/zip")
            self.bench.notice = (
                f"The model of round {run.position} was handed to your browser as {name}; alviz.learners.load reads it once unpacked."
            )

        self.bench.begin(work)

    def _sort(self) -> None:
        from alviz.studies import export

        bench, folder = self.bench, str(self.folder.value or "").strip()
        if not folder:
            bench.error = "Say which new folder the class folders are to be made in."
            return

        def work(job: Any) -> None:
            assert bench.session is not None
            bench.phase = "sorting the pictures"
            target, counts = export.class_folders(bench.session.run, folder, how=self.how.value, progress=job.progress)
            bench.notice = f"{sum(counts.values()):,} pictures of {len(counts)} classes are in {target}."

        bench.begin(work)
