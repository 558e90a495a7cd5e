"""SavePage: a button that writes the runs on a page as one HTML file."""

import re
from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets

from alviz.loop import Run
from alviz.panels.download import Download
from alviz.panels.jobs import Job
from alviz.panels.working import Working
from alviz.projections import Projection
from alviz.report.replay import named, render


class SavePage:
    """The button, and the file that it hands over. runs() -> the runs, by name or in a row, the one looked at first, or none before there is one; projection() -> the map, or None for the usual one;
    watch: the traits of `state` on which runs() depends.
    """

    def __init__(
        self,
        state: Working,
        runs: Callable[[], Mapping[str, Run] | Sequence[Run]],
        watch: str,
        projection: Callable[[], Projection | None] = lambda: None,
    ):
        self.state, self._runs, self._projection = state, runs, projection
        self.button = widgets.Button(
            description="Save",
            tooltip="These runs, round by round, as one HTML file that opens anywhere, without Python or a network",
        )
        self.download = Download()
        self.widget = widgets.HBox([self.button, self.download])
        self.widget.add_class("alviz-save")
        self.button.on_click(lambda _: self._save())
        state.observe(lambda _: self._stand(), ["busy", watch])
        self._stand()

    def _stand(self) -> None:
        self.button.disabled = self.state.busy or not self._runs()

    def _save(self) -> None:
        def work(job: Job) -> None:
            self.state.phase = "writing the page"
            runs, projection = named(self._runs()), self._projection()
            content = render(runs, projection, job.progress).encode()
            name = re.sub(r"[^\w.]+", "-", "-".join([*runs, next(iter(runs.values())).dataset.name])).strip("-.")[:80]
            self.download.give(f"{name}.html", content, "text/html")
            self.state.notice = f"Saved as a page of {len(content) / 1e6:.1f} MB."

        self.state.begin(work)
