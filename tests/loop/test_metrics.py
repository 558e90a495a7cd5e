"""Round metrics against scikit-learn and hand computations."""

import math
import warnings

import numpy as np
import pytest
import sklearn.metrics as reference

from alviz.loop import metrics
from alviz.loop.metrics import ROUND_METRICS, Context, confusion, measure, minority_class, recall


def context(k=4, after=(5, 5, 5, 5), before=(0, 0, 0, 0), queried=(), minority=None):
    return Context(k, np.array(after), np.array(before), np.array(queried, dtype=np.int64), minority)


def predictions(n=400, k=4, seed=0, classes=None, decimals=None):
    """Targets and probabilities that agree about half of the time."""
    rng = np.random.default_rng(seed)
    targets = rng.choice(np.arange(k) if classes is None else classes, size=n)
    logits = rng.normal(size=(n, k)) + 1.5 * np.eye(k)[targets]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if decimals is not None:
        p = np.round(p, decimals)
    return targets, p


@pytest.mark.parametrize("classes", [None, [0, 2, 3]], ids=["every class in the test set", "class 1 missing"])
def test_as_scikit_learn(classes):
    targets, p = predictions(classes=classes)
    hard = p.argmax(axis=1)
    c = context(minority=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert metrics.accuracy(targets, p, c) == pytest.approx(reference.accuracy_score(targets, hard))
        assert metrics.balanced_accuracy(targets, p, c) == pytest.approx(reference.balanced_accuracy_score(targets, hard))
        assert metrics.macro_f1(targets, p, c) == pytest.approx(reference.f1_score(targets, hard, average="macro"))
        assert metrics.log_loss(targets, p, c) == pytest.approx(reference.log_loss(targets, p, labels=range(4)))
    assert metrics.average_precision(targets, p, c) == pytest.approx(reference.average_precision_score(targets == 2, p[:, 2]))
    np.testing.assert_array_equal(confusion(targets, hard, 4), reference.confusion_matrix(targets, hard, labels=range(4)))


def test_average_precision_takes_ties_together():
    targets, p = predictions(decimals=1, seed=3)
    assert len(np.unique(p[:, 1])) < 12
    found = metrics.average_precision(targets, p, context(minority=1))
    assert found == pytest.approx(reference.average_precision_score(targets == 1, p[:, 1]))


def test_macro_f1_leaves_out_a_class_that_is_neither_true_nor_predicted():
    targets = np.array([0, 0, 1, 1])
    p = np.array([[0.8, 0.2, 0.0], [0.1, 0.9, 0.0], [0.1, 0.9, 0.0], [0.1, 0.9, 0.0]])
    # Class 0: TP 1, FN 1 -> 2/3. Class 1: TP 2, FP 1 -> 4/5.
    assert metrics.macro_f1(targets, p, context(3, (1, 1, 0), (0, 0, 0))) == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_unknown_targets_do_not_count():
    targets, p = predictions()
    mixed = np.where(np.arange(len(targets)) % 3 == 0, -1, targets)
    kept = mixed >= 0
    c = context(minority=1)
    assert measure(mixed, p, c) == pytest.approx(measure(targets[kept], p[kept], c), nan_ok=True)
    assert confusion(mixed, p.argmax(axis=1), 4).sum() == kept.sum()


def test_log_loss_of_a_certain_mistake_is_finite():
    p = np.array([[1.0, 0.0], [1.0, 0.0]])
    eps = np.finfo(np.float64).eps
    expected = (-math.log(eps) - math.log(1 - eps)) / 2
    assert metrics.log_loss(np.array([1, 0]), p, context(2, (1, 1), (0, 0))) == pytest.approx(expected)
    assert metrics.log_loss(np.array([1, 0]), p.astype(np.float32), context(2, (1, 1), (0, 0))) == pytest.approx(expected)


def test_calibration_error_by_hand():
    # Confidence 0.9 twice, one right: |0.5 - 0.9| · 2/5. Confidence 0.7 three times, all right: |1 - 0.7| · 3/5.
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.7, 0.3], [0.7, 0.3], [0.3, 0.7]])
    found = metrics.calibration_error(np.array([0, 1, 0, 0, 1]), p, context(2, (1, 1), (0, 0)))
    assert found == pytest.approx(0.4 * 2 / 5 + 0.3 * 3 / 5)


def test_calibration_error_as_defined():
    targets, p = predictions(n=1000, seed=5)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == targets
    expected = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert metrics.calibration_error(targets, p, context()) == pytest.approx(expected)


def test_calibration_error_is_zero_for_a_calibrated_certainty():
    p = np.tile([0.75, 0.25], (4, 1))
    assert metrics.calibration_error(np.array([0, 0, 0, 1]), p, context(2, (1, 1), (0, 0))) == pytest.approx(0.0)


def test_recall_of_a_class_without_samples_is_nan():
    matrix = confusion(np.array([0, 0, 0, 2]), np.array([0, 1, 0, 2]), 3)
    np.testing.assert_array_equal(matrix, [[2, 1, 0], [0, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(recall(matrix), [2 / 3, np.nan, 1.0])


def test_ir_with_the_population_standard_deviation():
    targets, p = predictions()
    # Counts 1, 3: mean 2, population deviation 1.
    assert metrics.ir(targets, p, context(2, (1, 3), (0, 0))) == pytest.approx(0.5)
    assert metrics.ir(targets, p, context(4, (7, 7, 7, 7))) == 0.0
    assert math.isnan(metrics.ir(targets, p, context(4, (0, 0, 0, 0))))


def test_minority_share_by_hand():
    targets, p = predictions()
    # μ = 12/4 = 3: classes 1 (2 labels) and 3 (0) are minorities, class 0 with exactly 3 is not.
    c = context(4, (0, 0, 0, 0), before=(3, 2, 7, 0), queried=(3, 1, 0, 2, 3, -1))
    assert metrics.minority_share(targets, p, c) == pytest.approx(3 / 5)


@pytest.mark.parametrize(
    ("before", "queried"),
    [((0, 0, 0, 0), (1, 2)), ((2, 2, 2, 2), (1, 2)), ((1, 2, 3, 4), ()), ((1, 2, 3, 4), (-1, -1))],
    ids=["round 0", "even", "no query", "no answers"],
)
def test_minority_share_where_it_means_nothing(before, queried):
    targets, p = predictions()
    assert math.isnan(metrics.minority_share(targets, p, context(before=before, queried=queried)))


def test_classes_seen():
    targets, p = predictions()
    assert metrics.classes_seen(targets, p, context(after=(3, 0, 1, 0))) == 2.0


def test_minority_class():
    pool = np.array([0] * 5 + [1] * 2 + [3] * 2 + [-1] * 9)
    assert minority_class(pool, np.array([1, 9, 0, 9])) == 1  # class 2 does not occur; 1 before 3
    assert minority_class(np.full(9, -1), np.array([4, 9, 0, 3])) == 3
    assert minority_class(np.array([0, 0, 1, 1]), np.array([1, 9])) is None
    assert minority_class(np.full(9, -1), np.zeros(3, dtype=np.int64)) is None


def test_nothing_to_measure_is_nan():
    found = measure(np.array([-1, -1]), np.full((2, 4), 0.25), context(after=(0, 0, 0, 0), minority=1))
    assert found.pop("classes_seen") == 0.0
    assert set(found) == {metric.__name__ for metric in ROUND_METRICS} - {"classes_seen"}
    assert all(math.isnan(value) for value in found.values())


def test_average_precision_without_a_minority_is_nan():
    targets, p = predictions(classes=[0, 1])
    assert math.isnan(metrics.average_precision(targets, p, context(minority=None)))
    assert math.isnan(metrics.average_precision(targets, p, context(minority=3)))


def test_own_metrics_are_measured_under_their_names():
    def error(targets, probabilities, context):
        return 1 - metrics.accuracy(targets, probabilities, context)

    targets, p = predictions()
    found = measure(targets, p, context(), [error])
    assert found == {"error": pytest.approx(1 - reference.accuracy_score(targets, p.argmax(axis=1)))}
