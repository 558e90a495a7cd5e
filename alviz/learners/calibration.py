"""From scores to probabilities: softmax, a temperature found on held-out scores, and the folds to hold out."""

import numpy as np
from numpy.typing import NDArray

from alviz.learners.base import Array

COLDEST, HOTTEST = 0.1, 10.0
"""Range of the temperature. Held-out scores without a mistake would drive it to 0, and all probabilities to 0 or 1."""


def softmax(scores: Array) -> NDArray[np.float64]:
    """Softmax along the last axis, in float64."""
    shifted = np.subtract(scores, scores.max(axis=-1, keepdims=True), dtype=np.float64)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=-1, keepdims=True)
    return shifted


def n_folds(y: NDArray[np.int64]) -> int:
    """min(3, size of the smallest class among those that have labels)."""
    counts = np.bincount(y)
    return int(min(3, counts[counts > 0].min()))


def fold_of(y: NDArray[np.int64], folds: int) -> NDArray[np.int64]:
    """(n,) stratified fold numbers: every class is dealt out in turn, where the class before it stopped. Needs no randomness."""
    order = np.argsort(y, kind="stable")
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % folds
    return fold


def temperature(scores: Array, y: NDArray[np.int64]) -> float:
    """The T in [COLDEST, HOTTEST] that minimises the log loss of softmax(scores / T).

    scores: (n, K) held-out scores. y: (n,) columns of the true classes. Guo et al. 2017, "On Calibration of Modern Neural Networks",
    section 4.2. The loss is convex in 1/T: its slope there, mean(Σ_c p_c s_c − s_y), only rises, so it has one root.
    """
    from scipy.optimize import brentq

    scores = np.asarray(scores, dtype=np.float64)
    true = scores[np.arange(len(y)), y]

    def slope(inverse: float) -> float:
        return float(np.mean((softmax(scores * inverse) * scores).sum(axis=1) - true))

    low, high = 1 / HOTTEST, 1 / COLDEST
    if slope(low) >= 0:
        return HOTTEST
    if slope(high) <= 0:
        return COLDEST
    return float(1 / brentq(slope, low, high, xtol=1e-12, rtol=1e-12))
