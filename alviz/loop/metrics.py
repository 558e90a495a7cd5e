"""Measures of one round: how good the model is, and how even the labelled set.

A metric is a function of (targets, probabilities, context) -> float; its `__name__` is the name it is shown and stored under. Targets are
int (n,) with −1 = unknown (such rows are left out everywhere), probabilities are (n, K). What cannot be said (no known target, no
label, no minority) is NaN. Only numpy is needed here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data import imbalance

Array = NDArray[Any]
Indices = NDArray[np.int64]

CALIBRATION_BINS = 15
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Context:
    """What a metric may know beside the test predictions.

    n_classes: K. class_counts: (K,) labelled samples per class after the round. counts_before: (K,) before it (zeros in round 0).
    queried_labels: (b,) labels given in this round, −1 = none. minority: the class whose average precision is measured (see
    `minority_class`), or None.
    """

    n_classes: int
    class_counts: Indices
    counts_before: Indices
    queried_labels: Indices
    minority: int | None = None


Metric = Callable[[Array, Array, Context], float]


def minority_class(pool_targets: Array, class_counts: Array) -> int | None:
    """The class with the fewest samples, the lowest index among equals; None where all classes have equally many.

    Counted in the known `pool_targets` (int (n,), −1 = unknown), classes that do not occur left out; where nothing is known about the pool,
    in the labelled set's `class_counts` (K,).
    """
    known = pool_targets[pool_targets >= 0]
    counts = np.bincount(known, minlength=len(class_counts)) if len(known) else np.asarray(class_counts)
    present = np.flatnonzero(counts)
    if len(present) == 0 or (counts[present] == counts[present[0]]).all():
        return None
    return int(present[counts[present].argmin()])


def confusion(targets: Array, predictions: Array, n_classes: int) -> Indices:
    """(K, K) int64 counts, rows true, columns predicted class; targets −1 left out."""
    known = targets >= 0
    cells = targets[known].astype(np.int64) * n_classes + predictions[known]
    return np.bincount(cells, minlength=n_classes * n_classes).reshape(n_classes, n_classes).astype(np.int64)


def recall(matrix: Array) -> NDArray[np.float64]:
    """(K,) share of each class's samples that were recognised, from a `confusion` matrix; NaN for a class without samples."""
    totals = matrix.sum(axis=1)
    out = np.full(len(matrix), np.nan)
    np.divide(np.diagonal(matrix), totals, out=out, where=totals > 0)
    return out


def accuracy(targets: Array, probabilities: Array, context: Context) -> float:
    """Share of samples whose most probable class is the true one (ties go to the lowest class)."""
    matrix = _confusion(targets, probabilities)
    return _ratio(np.trace(matrix), matrix.sum())


def balanced_accuracy(targets: Array, probabilities: Array, context: Context) -> float:
    """Mean recall over the classes that occur among the targets."""
    return _mean(recall(_confusion(targets, probabilities)))


def macro_f1(targets: Array, probabilities: Array, context: Context) -> float:
    """Mean over classes of F1 = 2·TP / (2·TP + FP + FN); classes neither true nor predicted anywhere are left out."""
    matrix = _confusion(targets, probabilities)
    both = matrix.sum(axis=0) + matrix.sum(axis=1)
    present = both > 0
    return _mean(2.0 * np.diagonal(matrix)[present] / both[present])


def log_loss(targets: Array, probabilities: Array, context: Context) -> float:
    """Mean of −ln p(true class); p is clipped to [ε, 1 − ε], ε = 2.2·10⁻¹⁶, so a certain mistake costs 36 and not infinity."""
    targets, probabilities = _known(targets, probabilities)
    given = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    return _mean(-np.log(np.clip(given, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)))


def calibration_error(targets: Array, probabilities: Array, context: Context) -> float:
    """Expected calibration error (Guo et al. 2017, equation 3): Σ_b |B_b|/n · |accuracy(B_b) − mean confidence(B_b)|.

    Confidence is the largest probability; 15 bins of equal width, B_b = ((b − 1)/15, b/15].
    """
    targets, probabilities = _known(targets, probabilities)
    if len(targets) == 0:
        return float("nan")
    confidence = probabilities.max(axis=1).astype(np.float64)
    surplus = (probabilities.argmax(axis=1) == targets) - confidence
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(np.int64), 1, CALIBRATION_BINS)
    return float(np.abs(np.bincount(bins, weights=surplus)).sum() / len(targets))


def average_precision(targets: Array, probabilities: Array, context: Context) -> float:
    """Average precision of the minority class (`context.minority`) against the rest: Σ_t (R_t − R_{t−1})·P_t over its distinct probabilities.

    NaN where there is no minority class or none of its samples among the targets.
    """
    if context.minority is None:
        return float("nan")
    targets, probabilities = _known(targets, probabilities)
    positive = targets == context.minority
    if not positive.any():
        return float("nan")
    score = probabilities[:, context.minority]
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(positive[order])
    # Samples of equal probability enter together: precision and recall are read at the last of each tie only.
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    steps = np.diff(hits[last], prepend=0) / hits[-1]
    return float((steps * hits[last] / (last + 1)).sum())


def ir(targets: Array, probabilities: Array, context: Context) -> float:
    """Imbalance ratio σ/μ of the labelled set: population standard deviation over mean of the K class counts (paper 001, table 1)."""
    return imbalance_ratio(context.class_counts)


def minority_share(targets: Array, probabilities: Array, context: Context) -> float:
    """Share of this round's labels that went to minority classes: those with s_c < μ = Σs/K labels before the query (paper 001, equation 3).

    NaN where no class was in the minority (round 0, an even labelled set) or no label came in.
    """
    counts = np.asarray(context.counts_before)
    minority = counts < counts.sum() / context.n_classes
    labels = context.queried_labels[context.queried_labels >= 0]
    return _mean(minority[labels]) if minority.any() else float("nan")


def classes_seen(targets: Array, probabilities: Array, context: Context) -> float:
    """Number of classes with at least one label."""
    return float((np.asarray(context.class_counts) > 0).sum())


ROUND_METRICS: tuple[Metric, ...] = (
    accuracy,
    balanced_accuracy,
    macro_f1,
    log_loss,
    calibration_error,
    average_precision,
    ir,
    minority_share,
    classes_seen,
)
"""What a Run measures after every round unless it is told otherwise."""

SMALLER_IS_BETTER = frozenset({"log_loss", "calibration_error", "ir"})
"""Names of the metrics of which less is better."""

SHARES = frozenset({"accuracy", "balanced_accuracy", "macro_f1", "average_precision", "calibration_error", "minority_share"})
"""Names of the metrics that are told in per cent, and their differences in points."""


def difference_text(size: float, metric: str) -> str:
    """The size of a difference of a metric: "0.5 points" of a share, else three decimals."""
    return f"{100 * size:.1f} points" if metric in SHARES else f"{size:.3f}"


def metric_name(metric: Metric) -> str:
    """The name a metric is stored under: its `__name__`."""
    return str(getattr(metric, "__name__", type(metric).__name__))


def measure(targets: Array, probabilities: Array, context: Context, metrics: Iterable[Metric] = ROUND_METRICS) -> dict[str, float]:
    """name -> value of every metric. targets: int (n,), −1 = unknown; probabilities: (n, K)."""
    return {metric_name(metric): float(metric(targets, probabilities, context)) for metric in metrics}


def imbalance_ratio(class_counts: Sequence[int] | Array) -> float:
    """ir = σ/μ of class counts (K,), population standard deviation; 0 = all equal, NaN while there is nothing to count."""
    return imbalance.imbalance_ratio(class_counts) if np.sum(class_counts) > 0 else float("nan")


def _known(targets: Array, probabilities: Array) -> tuple[Array, Array]:
    known = targets >= 0
    return targets[known], probabilities[known]


def _confusion(targets: Array, probabilities: Array) -> Indices:
    return confusion(targets, probabilities.argmax(axis=1), probabilities.shape[1])


def _mean(values: Array) -> float:
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
