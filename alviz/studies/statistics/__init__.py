"""Statistics of comparisons: what paired runs say, and how surely."""

from alviz.studies.statistics.bands import Band, band
from alviz.studies.statistics.curves import Curves, Measure, Settings, common_seeds, mean_gains, per_run
from alviz.studies.statistics.enough import Doubt, seeds_to_test, too_few
from alviz.studies.statistics.labels import Reached, Saved, common_level, labels_saved, labels_to_reach
from alviz.studies.statistics.paired import PairedTests, holm, paired_tests, sign_flip
from alviz.studies.statistics.ranks import Ranks, average_ranks, critical_difference
from alviz.studies.statistics.selections import Overlap, selection_overlap
from alviz.studies.statistics.times import Times, time_per_phase
from alviz.studies.statistics.wins import MARGIN, Penalties, WinTieLoss, penalties, win_tie_loss

__all__ = [
    "MARGIN",
    "Band",
    "Curves",
    "Doubt",
    "Measure",
    "Overlap",
    "PairedTests",
    "Penalties",
    "Ranks",
    "Reached",
    "Saved",
    "Settings",
    "Times",
    "WinTieLoss",
    "average_ranks",
    "band",
    "common_level",
    "common_seeds",
    "critical_difference",
    "holm",
    "labels_saved",
    "labels_to_reach",
    "mean_gains",
    "paired_tests",
    "penalties",
    "per_run",
    "seeds_to_test",
    "selection_overlap",
    "sign_flip",
    "time_per_phase",
    "too_few",
    "win_tie_loss",
]
