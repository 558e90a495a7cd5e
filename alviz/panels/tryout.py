"""Try-out: sliders and menus over something that is worked out anew whenever one of them moves."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from alviz.panels.field import Field, option
from alviz.panels.header import Activity
from alviz.panels.jobs import Job
from alviz.panels.shown import Part, Shown
from alviz.panels.working import Working


class TryOut(Working):
    """show(**values) -> what is shown (see `Shown`), worked out in the job thread; the latest values win. later: not before a control or a button asks for it."""

    def __init__(self, show: Callable[..., Any], controls: dict[str, Any], later: bool = False):
        super().__init__()
        self.work, self.controls = show, controls
        self.fields = {name: field_of(name, given) for name, given in controls.items()}
        self.shown = Shown()
        row = widgets.HBox(list(self.fields.values()))
        row.add_class("alviz-tryout-controls")
        activity = Activity(self)
        self.button = widgets.Button(description="Work it out", tooltip="For these values; from then on, whenever they change")
        self.button.on_click(lambda _: self._again())
        self.widget = Part(self, [row, self.button, activity.message, self.shown.widget, activity.work], "alviz-tryout")
        for field in self.fields.values():
            field.observe(lambda _: self._again(), ["value"])
        if not later:
            self._again()

    def _again(self) -> None:
        self.button.layout.display = "none"
        values = {name: field.value for name, field in self.fields.items()}

        def work(job: Job) -> None:
            self.shown.show(self.work(**values))

        self._jobs.instead(work)


def field_of(name: str, given: Any) -> Field:
    """The control that a try-out makes of what it was given (see `tryout`)."""
    label = name.replace("_", " ").capitalize()
    if isinstance(given, list):
        return Field(label=label, options=[option(entry) for entry in given], value=given[0])
    low, high, step, start = given
    return Field(kind="range", label=label, minimum=low, maximum=high, step=step, value=start)


def tryout(show: Callable[..., Any], *, later: bool = False, **controls: Any) -> widgets.VBox:
    """Something to try out, for a notebook cell or Voila: show(**values) is called with what the controls say, in a job, and its result shown.

    later: it takes long, and is not worked out when the lesson opens but when it is asked for. controls: by the name of show's argument, either (least, most, step, start) for a slider, or a list of texts for a menu.
    """
    return TryOut(show, controls, later).widget
