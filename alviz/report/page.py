"""The report's page: what came out, put into a template that carries its own style, script and plotly."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from alviz.figures.base import number
from alviz.figures.curves import in_words
from alviz.report import about, numbers, offline
from alviz.report.offline import plain
from alviz.report.views import VIEWS, Question, View
from alviz.studies.compare import standing, table
from alviz.studies.findings import metrics_of, places
from alviz.studies.grid import Comparison
from alviz.studies.store import Store

ONCE = ("overlap",)
"""Views that no metric changes."""


@dataclass(frozen=True)
class Figure:
    """A figure of the page. number: from 1 on; 0: there is nothing to draw, and the reading says why. name: of its view. height: pixels."""

    number: int
    name: str
    title: str
    help: str
    reading: str
    height: int


@dataclass(frozen=True)
class Setting:
    """What came out in one setting."""

    name: str
    outcome: numbers.Outcome | None
    standings: numbers.Standings | None
    best: str
    doubt: str
    figures: list[Figure]


@dataclass(frozen=True)
class Part:
    """All that is said of one metric. everywhere: the figures over all settings. overall: sentences over all settings."""

    metric: str
    overall: list[str]
    everywhere: list[Figure]
    settings: list[Setting]


class _Figures:
    """The figures as they are numbered, and their data."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}

    def add(self, view: View, asked: Question) -> Figure:
        drawing = view(asked)
        if not drawing.figure["data"]:
            return Figure(0, view.name, view.title, view.help, drawing.reading, 0)
        number = len(self.data) + 1
        self.data[str(number)] = plain({"name": f"figure-{number}-{view.name}", "title": view.title, **drawing.figure})
        return Figure(number, view.name, view.title, view.help, drawing.reading, _height(view.name, len(places(asked.grid, asked.arms))))


def render(grid: Comparison, store: Store, metrics: Sequence[str], reference: str | None) -> str:
    """The page as text. Raises ValueError where nothing has been done yet, for an unknown metric and an unknown reference."""
    found = table(grid, store)
    if len(found) == 0:
        raise ValueError("nothing of this grid has been done yet: alviz compare makes its runs")
    measured = metrics_of(found)
    for metric in metrics:
        if metric not in measured:
            raise ValueError(f"metric: {', '.join(measured)} were measured, got {metric!r}")
    asked = Question.usual(grid, store, found)
    arms = [str(place) for place in places(grid, asked.arms)]
    if reference is not None and reference not in arms:
        raise ValueError(f"reference: one of {', '.join(arms)} is wanted, got {reference!r}")
    asked = replace(asked, reference=reference or asked.reference)
    figures = _Figures()
    parts = [_part(replace(asked, metric=metric), figures, first=k == 0) for k, metric in enumerate(dict.fromkeys(metrics))]
    seconds = sum(float(found[column].sum()) for column in found if column.startswith("seconds_"))
    return offline.render(
        "report",
        figures.data,
        title=about.title(grid, asked.arms),
        when=datetime.date.today(),
        grid=grid,
        words=about.WORDS[asked.arms],
        arms=arms,
        reference=asked.reference,
        standing=standing(grid, store),
        parts=parts,
        settings=about.settings(grid),
        methods=about.methods(grid),
        papers=about.papers(grid),
        unfinished=about.unfinished(grid, store),
        seconds=f"{seconds:,.0f}" if seconds >= 10 else number(seconds, 2),
        versions=list(about.versions()),
        file=about.file(grid),
        commands=about.commands(metrics, reference),
    )


def _part(asked: Question, figures: _Figures, first: bool) -> Part:
    """What is said of the metric that is asked about. first: it is the first of the page."""
    views = [view for view in VIEWS if first or view.name not in ONCE]
    single, general = [view for view in views if not view.everywhere], [view for view in views if view.everywhere]
    several = len(asked.settings) > 1
    everywhere = [figures.add(view, asked) for view in general] if several else []  # before or after, as on the page
    settings = [_setting(replace(asked, setting=name), single, figures) for name in asked.settings]
    everywhere = everywhere or [figures.add(view, asked) for view in general]
    known = {setting.name: setting.outcome for setting in settings if setting.outcome is not None}
    overall = []
    if several and known:
        ranks = next(figure for figure in everywhere if figure.name == "ranks")
        overall = [numbers.winners(known), ranks.reading]
    return Part(in_words(asked.metric), overall, everywhere, settings)


def _setting(asked: Question, views: Sequence[View], figures: _Figures) -> Setting:
    said = numbers.outcome(asked)
    drawn = [figures.add(view, asked) for view in views]
    if said is None:
        return Setting(asked.setting, None, None, "", "", drawn)
    return Setting(asked.setting, said, numbers.standings(said), numbers.who_is_best(said), asked.doubt(), drawn)


def _height(view: str, arms: int) -> int:
    """Pixels that a view with so many arms wants."""
    if view in ("curves", "time"):
        return 360
    row = 26 if arms <= 15 else 18
    return max(280, (80 if view in ("labels", "ranks") else 130) + row * arms)
