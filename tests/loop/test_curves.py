"""Measures of whole runs, by hand."""

import math

import numpy as np
import pytest

from alviz.loop.curves import aubc, final_value, jaccard, learning_curve, mean_gain
from alviz.loop.round import Round

CURVE = [(10, 0.5), (20, 0.7), (40, 0.8)]
RANDOM = [(10, 0.5), (20, 0.6), (40, 0.7), (80, 0.8)]


def finished(index, n_labelled, accuracy):
    empty = np.zeros(0, dtype=np.int64)
    return Round(
        index=index,
        strategy="random",
        queried=empty,
        labels=empty,
        n_labelled=n_labelled,
        class_counts=empty,
        probabilities=np.zeros((0, 2), np.float32),
        metrics={"accuracy": accuracy, "ir": 0.25 * index},
        recall=np.zeros(0),
        confusion=np.zeros((0, 0), np.int64),
    )


ROUNDS = [finished(0, 10, 0.5), finished(1, 20, 0.7)]


def test_learning_curve():
    np.testing.assert_array_equal(learning_curve(ROUNDS), [(10, 0.5), (20, 0.7)])
    np.testing.assert_array_equal(learning_curve(ROUNDS, "ir"), [(10, 0.0), (20, 0.25)])
    assert learning_curve([]).shape == (0, 2)


def test_aubc():
    # 10 labels at 0.6 on average, 20 at 0.75.
    assert aubc(CURVE) == pytest.approx((10 * 0.6 + 20 * 0.75) / 30)
    assert aubc([(0, 0.4), (7, 0.4), (100, 0.4)]) == pytest.approx(0.4)


@pytest.mark.parametrize("curve", [[], [(10, 0.5)], [(10, 0.5), (10, 0.6)]])
def test_aubc_of_no_range_is_nan(curve):
    assert math.isnan(aubc(curve))


def test_final_value():
    assert final_value(CURVE) == 0.8
    assert math.isnan(final_value([]))


def test_mean_gain_over_shared_budgets_without_round_0():
    shifted = [(10, 0.9), *CURVE[1:]]
    assert mean_gain(shifted, RANDOM) == pytest.approx((0.1 + 0.1) / 2)
    assert mean_gain(CURVE, [(10, 0.5), (20, 0.9), (30, 0.1)]) == pytest.approx(-0.2)
    assert mean_gain(RANDOM, RANDOM) == 0.0


def test_mean_gain_without_a_shared_selection_is_nan():
    assert math.isnan(mean_gain(CURVE, [(10, 0.5), (25, 0.6)]))
    assert math.isnan(mean_gain(CURVE[:1], RANDOM[:1]))


def test_jaccard():
    assert jaccard([1, 2, 3], [3, 4]) == 0.25
    assert jaccard([3, 3, 1], np.array([1, 3])) == 1.0
    assert jaccard([1], []) == 0.0
    assert math.isnan(jaccard([], []))


def test_a_curve_must_ascend():
    with pytest.raises(ValueError, match="ascend"):
        aubc([(20, 0.5), (10, 0.6)])
