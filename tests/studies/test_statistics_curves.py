"""Curves, what runs are worth, and bands: by hand, against scipy, and by how often intervals hold what they should."""

import numpy as np
import pytest
from scipy import stats

from alviz.studies.statistics import Curves, band, common_seeds, mean_gains, per_run, time_per_phase

BUDGETS = [10, 20, 40]


def curves(seeds=(0, 1), budgets=BUDGETS, **more):
    arms = {name: np.array(table, dtype=float) for name, table in more.pop("values").items()}
    return Curves("accuracy", np.array(budgets), np.array(seeds), arms, **more)


TWO = {"random": [[0.5, 0.6, 0.7], [0.4, 0.6, 0.6]], "margin": [[0.5, 0.7, 0.8], [0.4, 0.6, 0.8]]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budgets": [10, 10, 20]}, "budgets"),
        ({"budgets": []}, "budgets"),
        ({"seeds": (3, 3)}, "seeds"),
        ({"values": {}}, "at least one arm"),
        ({"values": {"margin": [[0.5, 0.6], [0.5, 0.6]]}}, r"values\['margin'\].*\(2, 3\).*\(2, 2\)"),
        ({"values": {"margin": [[0.5, 0.6, np.inf]] * 2}}, "infinite"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        curves(**{"values": TWO, **change})


def test_what_runs_are_worth():
    found = per_run(curves(values=TWO))
    # Seed 0 of margin: 10 labels at 0.6 on average, 20 at 0.75, over a range of 30: 21/30. Seed 1: (10 · 0.5 + 20 · 0.7)/30.
    np.testing.assert_allclose(found["margin"], [21 / 30, 19 / 30])
    np.testing.assert_allclose(per_run(curves(values=TWO), "final")["random"], [0.7, 0.6])
    with pytest.raises(ValueError, match="'aubc' or 'final', got 'best'"):
        per_run(curves(values=TWO), "best")


def test_an_unfinished_run_has_no_worth_and_a_round_that_nobody_has_is_no_round():
    unfinished = {**TWO, "margin": [[0.5, 0.7, np.nan], [0.4, 0.6, 0.8]]}
    np.testing.assert_allclose(per_run(curves(values=unfinished))["margin"], [np.nan, 19 / 30])
    np.testing.assert_allclose(per_run(curves(values=unfinished), "final")["margin"], [np.nan, 0.8])
    early = {arm: [[*row[:2], np.nan] for row in table] for arm, table in TWO.items()}
    np.testing.assert_allclose(per_run(curves(values=early))["margin"], [0.6, 0.5])
    np.testing.assert_allclose(per_run(curves(values=early), "final")["random"], [0.6, 0.6])


def test_mean_gain_is_over_the_selections():
    # Seed 0: gains 0.1 and 0.1. Seed 1: 0 and 0.2. Round 0 does not count, also where nobody measured it.
    np.testing.assert_allclose(mean_gains(curves(values=TWO), "random")["margin"], [0.1, 0.1])
    late = {arm: [[np.nan, *row[1:]] for row in table] for arm, table in TWO.items()}
    np.testing.assert_allclose(mean_gains(curves(values=late), "random")["margin"], [0.1, 0.1])
    assert "random" not in mean_gains(curves(values=TWO), "random")


def test_a_gain_is_positive_where_less_is_better():
    loss = curves(values={"random": [[3.0, 2.0, 1.0]] * 2, "margin": [[3.0, 1.5, 0.5]] * 2}, larger_is_better=False)
    np.testing.assert_allclose(mean_gains(loss, "random")["margin"], [0.5, 0.5])


def test_an_unknown_reference_is_named():
    with pytest.raises(ValueError, match="no arm 'badge'; there are random, margin"):
        mean_gains(curves(values=TWO), "badge")


def test_a_gain_against_a_missing_run_is_nan():
    found = mean_gains(curves(values={**TWO, "random": [[0.5, 0.6, 0.7], [np.nan] * 3]}), "random")["margin"]
    np.testing.assert_allclose(found, [0.1, np.nan])


def test_intervals_of_many_seeds_are_those_of_the_normal_approximation():
    values = np.random.default_rng(0).normal(loc=3.0, scale=2.0, size=(200, 3))
    found = band(values)
    np.testing.assert_allclose(found.mean, values.mean(axis=0))
    error = values.std(axis=0, ddof=1) / np.sqrt(200)
    np.testing.assert_allclose(found.low, found.mean - 1.96 * error, atol=0.15 * error.max())
    np.testing.assert_allclose(found.high, found.mean + 1.96 * error, atol=0.15 * error.max())
    np.testing.assert_array_equal(band(values).low, found.low)


def test_intervals_agree_with_scipys_bootstrap_at_the_expanded_level():
    values = np.random.default_rng(3).normal(size=10)
    # Hesterberg's tail for ten seeds: Φ(√(10/9) · t₉(0.025)) = Φ(−2.3845) = 0.00855.
    tail = stats.norm.cdf(np.sqrt(10 / 9) * stats.t.ppf(0.025, 9))
    assert tail == pytest.approx(0.00855, abs=1e-5)
    theirs = stats.bootstrap((values,), np.mean, confidence_level=1 - 2 * tail, n_resamples=50_000, method="percentile", rng=1)
    found, error = band(values), values.std() / np.sqrt(10)
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.1 * error)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.1 * error)


@pytest.mark.parametrize(("seeds", "least", "most"), [(5, 0.88, 0.95), (10, 0.92, 0.97), (30, 0.93, 0.97)])
def test_intervals_cover_the_true_mean_about_as_often_as_they_say(seeds, least, most):
    found = band(np.random.default_rng(1).normal(size=(seeds, 2000)))
    covered = ((found.low <= 0) & (found.high >= 0)).mean()
    assert least <= covered <= most  # the standard error of 2,000 trials is 0.5 points


def test_two_seeds_span_their_interval_and_one_has_none():
    found = band([[1.0], [3.0]])
    assert (found.mean[0], found.low[0], found.high[0], found.seeds[0]) == (2.0, 1.0, 3.0, 2)
    alone = band([[1.0, 2.0]])
    np.testing.assert_array_equal(alone.mean, [1.0, 2.0])
    assert np.isnan(alone.low).all() and np.isnan(alone.high).all() and alone.seeds.tolist() == [1, 1]


def test_what_is_not_measured_does_not_count_and_is_counted():
    values = np.array([[1.0, 5.0, np.nan], [3.0, np.nan, np.nan], [2.0, 7.0, np.nan]])
    found = band(values)
    np.testing.assert_allclose(found.mean, [2.0, 6.0, np.nan])
    assert found.seeds.tolist() == [3, 2, 0]
    np.testing.assert_allclose([found.low[1], found.high[1]], [5.0, 7.0])
    assert np.isnan(found.low[2])
    np.testing.assert_array_equal(band(values[:, :1]).low, found.low[:1])


def test_bands_keep_the_shape_of_what_they_are_of():
    values = np.random.default_rng(0).normal(size=(6, 2, 3))
    found = band(values)
    assert found.mean.shape == found.low.shape == found.seeds.shape == (2, 3)
    np.testing.assert_allclose(found.low[1, 2], band(values[:, 1, 2]).low)
    assert band(values[:, 0, 0]).mean.shape == ()


def test_paired_differences_are_judged_seed_by_seed():
    seeds = np.random.default_rng(2).normal(scale=5.0, size=(10, 1))
    better = band(seeds + 0.5 - seeds)
    assert better.low[0] == pytest.approx(0.5) and better.high[0] == pytest.approx(0.5)
    assert band(seeds + 0.5).high[0] - band(seeds + 0.5).low[0] > 2


def test_time_per_phase():
    # Two seeds, two rounds: seed 0 has 1, 0, 0, 2, 1 and 1, 1, 0, 2, 1 seconds; seed 1 twice as much.
    one = np.array([[1.0, 0, 0, 2, 1], [1, 1, 0, 2, 1]])
    found = time_per_phase({"margin": np.stack([one, 2 * one]), "random": np.stack([one, np.full((2, 5), np.nan)])})
    np.testing.assert_allclose(found.by_phase.mean, [[3, 1.5, 0, 6, 3], [2, 1, 0, 4, 2]])
    np.testing.assert_allclose(found.total.mean, [13.5, 9.0])
    np.testing.assert_allclose([found.total.low[0], found.total.high[0]], [9.0, 18.0])
    assert found.total.seeds.tolist() == [2, 1] and np.isnan(found.total.low[1])
    assert found.phases == ("score", "select", "label", "train", "evaluate")


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        ({}, "at least one arm"),
        ({"a": np.zeros((2, 3, 4))}, r"5 phases.*\(2, 3, 4\)"),
        ({"a": np.full((1, 1, 5), -1.0)}, "negative"),
        ({"a": np.zeros((2, 3, 5)), "b": np.zeros((3, 3, 5))}, r"seconds\['b'\].*as many seeds"),
    ],
)
def test_times_that_cannot_be(seconds, message):
    with pytest.raises(ValueError, match=message):
        time_per_phase(seconds)


def test_arms_under_way_are_compared_on_the_seeds_that_all_have_finished():
    a = [[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]
    b = [[1.0, 1, 1], [np.nan] * 3, [2, 2, np.nan]]
    nobody = np.full((3, 3), np.nan)
    found = common_seeds(Curves("accuracy", np.array([5, 10, 15]), np.arange(3), {"a": np.array(a), "b": np.array(b), "late": nobody}))
    np.testing.assert_array_equal(found.values["a"], [a[0], nobody[0], nobody[0]])
    np.testing.assert_array_equal(found.values["b"], [b[0], nobody[0], nobody[0]])
    np.testing.assert_array_equal(found.values["late"], nobody)


def test_without_a_common_seed_the_finished_runs_are_left():
    gap = [np.nan, np.nan]
    found = common_seeds(
        Curves("accuracy", np.array([5, 10]), np.arange(3), {"a": np.array([[1, 2], gap, [3, np.nan]]), "b": np.array([gap, [4, 5], gap])})
    )
    np.testing.assert_array_equal(found.values["a"], [[1, 2], gap, gap])
    np.testing.assert_array_equal(found.values["b"], [gap, [4, 5], gap])
