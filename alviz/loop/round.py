"""Round: the record of one finished round."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

PHASES = ("score", "select", "label", "train", "evaluate")
"""The five phases of a round, in order. Round 0 has no "score"."""


@dataclass(frozen=True, eq=False)
class Round:
    """One finished round; `metrics` belong to the model that has seen this round's labels.

    index: r (0 = initial pool). strategy: registry name of what chose (round 0: the initial pool's). queried: (b,) dataset indices in pick
    order. labels: (b,) what the oracle said, −1 = no label. scores: (n,) float64 acquisition scores under model r − 1 (NaN where not scored), or None. gains: (b,)
    or None. note: what the strategy said about its choice ("20,000 of 60,000 candidates were looked at …"), or "". cross_validated: the dataset has no test set, so metrics are cross-validated on the labelled set. n_labelled: labelled samples after the round. class_counts: (K,) labelled samples per class. probabilities: (n, K) float32
    predictions of this round's model on the whole pool. metrics: name -> float. recall: (K,) per-class recall (NaN: class not in the test set).
    confusion: (K, K) test counts, rows true, columns predicted. seconds: phase -> seconds. synthetic: (b, H, W[, C]) the pictures that query synthesis
    made up, each beside the sample that was asked for in its place, or None.
    """

    index: int
    strategy: str
    queried: NDArray[np.int64]
    labels: NDArray[np.int64]
    n_labelled: int
    class_counts: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    metrics: Mapping[str, float]
    recall: NDArray[np.float64]
    confusion: NDArray[np.int64]
    scores: NDArray[np.float64] | None = None
    gains: NDArray[np.float64] | None = None
    note: str = ""
    cross_validated: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    synthetic: NDArray[np.uint8] | None = None


def widened(finished: Round, n_classes: int) -> Round:
    """The record with room for `n_classes` classes: those that were added later had no label, no probability and no sample in the test set."""
    more = n_classes - len(finished.class_counts)
    if more == 0:
        return finished
    n, k = finished.probabilities.shape
    probabilities = np.zeros((n, n_classes), dtype=np.float32)
    probabilities[:, :k] = finished.probabilities
    return replace(
        finished,
        class_counts=np.pad(finished.class_counts, (0, more)),
        probabilities=probabilities,
        recall=np.pad(finished.recall, (0, more), constant_values=np.nan),
        confusion=np.pad(finished.confusion, (0, more)),
    )
