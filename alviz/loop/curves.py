"""Measures of a whole run: what its learning curve was worth.

A curve is a sequence of (n_labelled, accuracy) pairs, one per round from round 0, label counts ascending; `learning_curve(run.rounds)`
makes one. Values keep the unit they came in (accuracies in [0, 1] give gains in [−1, 1]). What cannot be said is NaN.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alviz.loop.round import Round

Curve = Sequence[tuple[float, float]] | NDArray[Any]


def learning_curve(rounds: Iterable[Round], metric: str = "accuracy") -> NDArray[np.float64]:
    """(R, 2) float64: labels after each round, and the metric of its model."""
    return np.array([(finished.n_labelled, finished.metrics[metric]) for finished in rounds], dtype=np.float64).reshape(-1, 2)


def aubc(curve: Curve) -> float:
    """Area under the accuracy–budget curve by trapezoids, divided by the budget range: the accuracy averaged over the labels spent.

    NaN where the curve covers no range.
    """
    labels, values = _columns(curve)
    if len(labels) == 0 or labels[-1] == labels[0]:
        return float("nan")
    return float(((values[1:] + values[:-1]) / 2.0 * np.diff(labels)).sum() / (labels[-1] - labels[0]))


def final_value(curve: Curve) -> float:
    """The last round's value."""
    _, values = _columns(curve)
    return float(values[-1]) if len(values) else float("nan")


def mean_gain(curve: Curve, random_curve: Curve) -> float:
    """Mean over the selections of (value − random's value at the same number of labels), as in tables 3.2 and 4.1 of paper 002.

    Round 0 is no selection and is left out. Budgets that only one of the curves has are left out too; NaN where none is shared.
    """
    labels, values = _columns(curve)
    random_labels, random_values = _columns(random_curve)
    _, mine, theirs = np.intersect1d(labels[1:], random_labels[1:], return_indices=True)
    return float((values[1:][mine] - random_values[1:][theirs]).mean()) if len(mine) else float("nan")


def jaccard(a: ArrayLike, b: ArrayLike) -> float:
    """Overlap |A ∩ B| / |A ∪ B| of two selections (dataset indices; repeats count once); NaN for two empty ones."""
    first, second = np.unique(np.asarray(a)), np.unique(np.asarray(b))
    union = len(np.union1d(first, second))
    return len(np.intersect1d(first, second)) / union if union else float("nan")


def _columns(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points = np.asarray(curve, dtype=np.float64).reshape(-1, 2)
    if (np.diff(points[:, 0]) < 0).any():
        raise ValueError("curve: the label counts must ascend from round to round")
    return points[:, 0], points[:, 1]
