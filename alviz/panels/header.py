"""Header: status, the five buttons, progress and messages of a page."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from alviz.panels.share import Part
from alviz.panels.working import Working


def duration(seconds: float) -> str:
    """ "8 s", "3 min", "2 h": as exact as a guess deserves."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"


TOOLTIPS = {
    "Start": "A new run with the settings on the left",
    "Step": "One round: score, select, label, train, evaluate",
    "Undo": "Take the last round back",
    "Run": "Rounds until the budget is spent",
    "Cancel": "Stop what is under way; the run stays as it was",
}
ACTIONS = {"Start": "start", "Step": "step", "Undo": "undo", "Run": "run_to_end"}
"""The methods that the buttons call."""


class Activity:
    """What is under way, as a bar with words (`work`), and what there is to say, as a box (`message`).

    background() -> (words, share) of work beside the job, such as a map being computed, or None; watch: the traits it depends on.
    """

    def __init__(self, state: Working, watch: Sequence[str] = (), background: Callable[[], tuple[str, float] | None] = lambda: None):
        self.state, self.background = state, background
        self.bar = widgets.FloatProgress(value=0.0, min=0.0, max=1.0)
        self.job = widgets.HTML()
        self.job.add_class("alviz-job")
        self.message = widgets.HTML(layout={"display": "none"})
        self.work = widgets.HBox([self.bar, self.job])
        self.work.add_class("alviz-work")
        state.observe(lambda _: self._work(), ["busy", "phase", "progress", "left", *watch])
        state.observe(lambda _: self._say(), ["error", "notice"])
        self._work()
        self._say()

    def _work(self) -> None:
        state, beside = self.state, self.background()
        if state.busy:
            share, words = state.progress, state.phase or "starting"
            left = "" if math.isnan(state.left) else f" · about {duration(state.left)} left"
        elif beside is not None:
            (words, share), left = beside, ""
        else:
            share, words, left = 0.0, "", ""
        self.bar.value = share
        self.work.layout.display = None if words else "none"
        self.job.value = f"{escape(words)} {share:.0%}{left}" if words else ""

    def _say(self) -> None:
        if self.state.error:
            self.message.value = f'<div class="alviz-error" role="alert">{escape(self.state.error)}</div>'
        elif self.state.notice:
            self.message.value = f'<div class="alviz-notice" role="status">{escape(self.state.notice)}</div>'
        else:
            self.message.value = ""
        self.message.layout.display = None if self.message.value else "none"


class Header:
    """The top of a page. status() -> (html, may step, may undo) says where the run stands; watch: the traits it depends on.

    background() -> (words, share) of work beside the job, such as a map being computed, or None. tooltips: name -> tooltip of the buttons that there are.
    """

    def __init__(
        self,
        state: Working,
        drives: Any,
        status: Callable[[], tuple[str, bool, bool]],
        watch: list[str],
        background: Callable[[], tuple[str, float] | None] = lambda: None,
        tooltips: Mapping[str, str] = TOOLTIPS,
    ):
        self.state, self._status, self._background = state, status, background
        self.buttons = {name: widgets.Button(description=name, tooltip=tooltip) for name, tooltip in tooltips.items()}
        next(iter(self.buttons.values())).add_class("alviz-primary")
        for name, button in self.buttons.items():
            action = state.cancel if name == "Cancel" else getattr(drives, ACTIONS[name])
            button.on_click(lambda _, action=action: action())
        self.line = widgets.HTML()
        self.line.add_class("alviz-status")
        self.activity = Activity(state, watch, background)
        self.row = widgets.HBox(list(self.buttons.values()))
        self.row.add_class("alviz-buttons")
        row = widgets.HBox([self.line, self.activity.work, self.row])
        row.add_class("alviz-runbar")
        self.message = self.activity.message
        self.widget = widgets.VBox([row, self.message])
        self.widget.add_class("alviz-topbar")
        state.observe(lambda _: self._stand(), ["busy", *watch])
        self._stand()

    @property
    def parts(self) -> dict[str, Part]:
        """What of it a link can hide."""
        return {name.lower(): Part(name, [button], "Buttons") for name, button in self.buttons.items()}

    def add(self, *buttons: widgets.Widget) -> None:
        """Further buttons, after those that drive the page."""
        self.row.children = [*self.row.children, *buttons]

    def _stand(self) -> None:
        html, may_step, may_undo = self._status()
        busy = self.state.busy
        self.line.value = html
        able = {"Start": not busy, "Step": may_step and not busy, "Undo": may_undo and not busy, "Run": may_step and not busy}
        able["Cancel"] = busy or self._background() is not None
        for name, button in self.buttons.items():
            button.disabled = not able[name]
