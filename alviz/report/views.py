"""What can be drawn of a comparison: the same figures on the page and in the report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from alviz import figures
from alviz.figures import Drawing
from alviz.figures.base import nothing
from alviz.studies import statistics
from alviz.studies.findings import places, reference_of, selections_of, settings_of, times_of, usual_arms
from alviz.studies.grid import Comparison
from alviz.studies.statistics import Curves, Measure, Overlap, Times
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
    _known: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What was computed of this table, for all that is asked of it: `dataclasses.replace` takes it along."""

    @classmethod
    def usual(cls, grid: Comparison, store: Store, table: "pd.DataFrame", metric: str = "accuracy") -> "Question":
        """What one asks first: the axis that varies, against random, in the first setting."""
        arms = usual_arms(grid)
        asked = cls(grid, store, table, metric, arms, reference_of([str(place) for place in places(grid, arms)]))
        return replace(asked, setting=next(iter(asked.settings), ""))

    def _once(self, key: tuple[str, ...], compute: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    @property
    def settings(self) -> Mapping[str, Curves]:
        """Setting -> curves of the metric; empty as long as nothing has been measured."""

        def compute() -> Mapping[str, Curves]:
            try:
                return settings_of(self.grid, self.table, self.metric, self.arms)
            except ValueError:
                return {}

        found: Mapping[str, Curves] = self._once(("settings", self.metric, self.arms), compute)
        return found

    @property
    def curves(self) -> Curves:
        """Of the setting. Raises ValueError where nothing of it has been done yet."""
        if self.setting not in self.settings:
            raise ValueError("Nothing has been measured here yet.")
        return self.settings[self.setting]

    @property
    def times(self) -> Mapping[str, Times]:
        """Setting -> seconds of finished runs."""
        found: Mapping[str, Times] = self._once(("times", self.arms), lambda: times_of(self.grid, self.table, self.arms))
        return found

    @property
    def overlap(self) -> Overlap:
        """Of what was chosen in the setting. Raises ValueError where nothing was."""

        def compute() -> Overlap:
            return statistics.selection_overlap(selections_of(self.grid, self.store, self.setting, self.arms))

        found: Overlap = self._once(("overlap", self.arms, self.setting), compute)
        return found

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
    curves = statistics.common_seeds(asked.curves)
    level = statistics.common_level(curves) if asked.level is None else asked.level
    if not np.isfinite(level):
        raise ValueError("No run is finished yet.")
    return figures.labels_saved_bars(statistics.labels_saved(curves, level, asked.reference), asked.metric)


def _wins(asked: Question) -> Drawing:
    return figures.win_tie_loss_map(statistics.win_tie_loss(_measured(asked), asked.measure))


def _penalties(asked: Question) -> Drawing:
    return figures.penalty_map(statistics.penalties(_measured(asked), asked.reference))


def _ranks(asked: Question) -> Drawing:
    return figures.critical_difference_diagram(statistics.average_ranks(_measured(asked), asked.measure))


def _overlap(asked: Question) -> Drawing:
    return figures.overlap_map(asked.overlap)


def _time(asked: Question) -> Drawing:
    if asked.setting not in asked.times:
        raise ValueError("No run is finished yet.")
    return figures.time_against(asked.curves, asked.times[asked.setting], asked.measure, asked.reference)


def _measured(asked: Question) -> Mapping[str, Curves]:
    if not asked.settings:
        raise ValueError("Nothing has been measured yet.")
    return asked.settings


VIEWS = (
    View("curves", "Learning curves", "The metric over the labels: means over the seeds, with 95 % intervals from five seeds on.", _curves),
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
