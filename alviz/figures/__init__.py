"""Figures: pure functions from records to a `Drawing` (a plotly figure and a sentence that reads it)."""

from alviz.figures.balance import class_balance, imbalance_profile
from alviz.figures.base import Drawing
from alviz.figures.compare import curve_bands, labels_saved_bars
from alviz.figures.confusion import confusion_matrix, per_class_recall
from alviz.figures.curves import imbalance_curve, learning_curve
from alviz.figures.embedding import embedding_map
from alviz.figures.matrices import overlap_map, penalty_map, win_tie_loss_map
from alviz.figures.progress import grid_progress
from alviz.figures.ranks import critical_difference_diagram
from alviz.figures.rivals import duel_balance, duel_curve, duel_map
from alviz.figures.sample import prediction_history, sample_probabilities
from alviz.figures.scores import score_histogram
from alviz.figures.slow import slow_motion
from alviz.figures.tables import AccuracyCell, AccuracyRow, accuracy_html, accuracy_reading, accuracy_table
from alviz.figures.times import phase_times
from alviz.figures.toy import toy_plane
from alviz.figures.tradeoff import time_against
from alviz.figures.walk import Moved, Stop, Walk, stops

__all__ = [
    "AccuracyCell",
    "AccuracyRow",
    "Drawing",
    "Moved",
    "Stop",
    "Walk",
    "accuracy_html",
    "accuracy_reading",
    "accuracy_table",
    "class_balance",
    "confusion_matrix",
    "critical_difference_diagram",
    "curve_bands",
    "duel_balance",
    "duel_curve",
    "duel_map",
    "embedding_map",
    "grid_progress",
    "imbalance_curve",
    "imbalance_profile",
    "labels_saved_bars",
    "learning_curve",
    "overlap_map",
    "penalty_map",
    "per_class_recall",
    "phase_times",
    "prediction_history",
    "sample_probabilities",
    "score_histogram",
    "slow_motion",
    "stops",
    "time_against",
    "toy_plane",
    "win_tie_loss_map",
]
