"""What can be drawn of a comparison: the same figures on the page and in the report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from alviz import figures
from alviz.figures import Drawing
from alviz.figures.base import nothing
from alviz.studies import statistics
from alviz.studies.findings import places, reference_of, selections_of, settings_of, times_of, usual_arms
from alviz.studies.grid import Comparison
from alviz.studies.statistics import Curves, Measure, Times
from alviz.studies.store import Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of a grid's table (`compare.table`). arms: the axis that is compared. reference: the arm that others are measured against, or None. setting: the one that
    figures of a single setting show. measure: what a run was worth. level: of labels saved, in the unit of the metric; None: the best that every finished run reaches.
    """

    grid: Comparison
    store: Store
    table: "pd.DataFrame"
    metric: str = "accuracy"
    arms: str = "strategy"
    reference: str | None = None
    setting: str = ""
    measure: Measure = "aubc"
    level: float | None = None

    @classmethod
    def usual(cls, grid: Comparison, store: Store, table: "pd.DataFrame", metric: str = "accuracy") -> "Question":
        """What one asks first: the axis that varies, against random, in the first setting."""
        arms = usual_arms(grid)
        asked = cls(grid, store, table, metric, arms, reference_of([str(place) for place in places(grid, arms)]))
        return asked.at(next(iter(asked.settings), ""))

    @cached_property
    def settings(self) -> Mapping[str, Curves]:
        """Setting -> curves of the metric; empty as long as nothing has been measured."""
        try:
            return settings_of(self.grid, self.table, self.metric, self.arms)
        except ValueError:
            return {}

    @property
    def curves(self) -> Curves:
        """Of the setting. Raises ValueError where nothing of it has been done yet."""
        if self.setting not in self.settings:
            raise ValueError("Nothing has been measured here yet.")
        return self.settings[self.setting]

    @cached_property
    def times(self) -> Mapping[str, Times]:
        """Setting -> seconds of finished runs."""
        return times_of(self.grid, self.table, self.arms)

    def at(self, setting: str) -> "Question":
        """The same, asked of another setting; what is known of all settings is kept."""
        asked = replace(self, setting=setting)
        vars(asked).update({known: vars(self)[known] for known in ("settings", "times") if known in vars(self)})
        return asked

    def doubt(self) -> str:
        """Why the seeds are too few to decide in the setting, or ""."""
        try:
            found = statistics.too_few(self.curves, self.measure, self.reference)
        except ValueError:
            return ""
        return "" if found is None else found.sentence


@dataclass(frozen=True)
class View:
    """One figure of a comparison. everywhere: it is over all settings, not one. draw: raises ValueError with the reason where there is nothing to draw."""

    name: str
    title: str
    help: str
    draw: Callable[[Question], Drawing]
    everywhere: bool = False

    def __call__(self, asked: Question) -> Drawing:
        """The figure, or an empty one that says why."""
        try:
            return self.draw(asked)
        except ValueError as error:
            text = str(error)
            return nothing(text[:1].upper() + text[1:].rstrip(".") + ".", self.name)


def _curves(asked: Question) -> Drawing:
    return figures.curve_bands(asked.curves, asked.reference)


def _labels(asked: Question) -> Drawing:
    if asked.reference is None:
        raise ValueError("Labels are saved against a reference: choose one, such as random.")
    level = statistics.common_level(asked.curves) if asked.level is None else asked.level
    if not np.isfinite(level):
        raise ValueError("No run is finished yet.")
    return figures.labels_saved_bars(statistics.labels_saved(asked.curves, level, asked.reference), asked.metric)


def _wins(asked: Question) -> Drawing:
    return figures.win_tie_loss_map(statistics.win_tie_loss(_measured(asked), asked.measure))


def _penalties(asked: Question) -> Drawing:
    return figures.penalty_map(statistics.penalties(_measured(asked), asked.reference))


def _ranks(asked: Question) -> Drawing:
    return figures.critical_difference_diagram(statistics.average_ranks(_measured(asked), asked.measure))


def _overlap(asked: Question) -> Drawing:
    return figures.overlap_map(statistics.selection_overlap(selections_of(asked.grid, asked.store, asked.setting, asked.arms)))


def _time(asked: Question) -> Drawing:
    if asked.setting not in asked.times:
        raise ValueError("No run is finished yet.")
    return figures.time_against(asked.curves, asked.times[asked.setting], asked.measure, asked.reference)


def _measured(asked: Question) -> Mapping[str, Curves]:
    if not asked.settings:
        raise ValueError("Nothing has been measured yet.")
    return asked.settings


VIEWS = (
    View("curves", "Learning curves", "The metric over the labels: means over the seeds with 95 % intervals.", _curves),
    View("labels", "Labels saved", "Labels that each spares against the reference on the way to the same level.", _labels),
    View("wins", "Win, tie, loss", "Who is better by at least half a point, counted over the settings.", _wins, True),
    View(
        "penalties",
        "Penalty matrix",
        "How often the row is significantly better than the column, over settings and budgets.",
        _penalties,
        True,
    ),
    View("ranks", "Critical difference", "Average ranks; bars join what the runs cannot tell apart.", _ranks, True),
    View("overlap", "Overlap", "How much of what two chose with the same seed is the same.", _overlap),
    View("time", "Time against quality", "What the seconds of a run buy.", _time),
)
"""In the order in which they are read."""
