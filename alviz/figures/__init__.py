"""Figures: pure functions from records to a `Drawing` (a plotly figure and a sentence that reads it)."""

from alviz.figures.balance import class_balance, imbalance_profile
from alviz.figures.base import Drawing
from alviz.figures.confusion import confusion_matrix, per_class_recall
from alviz.figures.curves import imbalance_curve, learning_curve
from alviz.figures.embedding import embedding_map
from alviz.figures.scores import score_histogram
from alviz.figures.tables import AccuracyCell, AccuracyRow, accuracy_html, accuracy_reading, accuracy_table
from alviz.figures.times import phase_times
from alviz.figures.toy import toy_plane

__all__ = [
    "AccuracyCell",
    "AccuracyRow",
    "Drawing",
    "accuracy_html",
    "accuracy_reading",
    "accuracy_table",
    "class_balance",
    "confusion_matrix",
    "embedding_map",
    "imbalance_curve",
    "imbalance_profile",
    "learning_curve",
    "per_class_recall",
    "phase_times",
    "score_histogram",
    "toy_plane",
]
