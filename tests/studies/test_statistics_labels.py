"""Labels needed and saved, and the overlap of selections, by hand."""

import itertools

import numpy as np
import pytest

from alviz.studies.statistics import Curves, common_level, labels_saved, labels_to_reach, selection_overlap

NAN = np.nan


def curves(**more):
    arms = more.pop("values")
    seeds = len(next(iter(arms.values())))
    return Curves(
        "accuracy",
        np.array([100, 200, 400]),
        np.arange(seeds),
        {name: np.array(table, dtype=float) for name, table in arms.items()},
        **more,
    )


def test_the_first_crossing_is_between_two_rounds():
    # 0.6 is half way from 0.5 to 0.7 (150 labels); 0.75 half way from 0.7 to 0.8 (300); 0.5 and less with the first labels; 0.81 never.
    rows = curves(values={"a": [[0.5, 0.7, 0.8]]})
    found = {level: labels_to_reach(rows, level).labels["a"][0] for level in (0.6, 0.75, 0.7, 0.8, 0.5, 0.1, 0.81)}
    np.testing.assert_allclose(list(found.values()), [150, 300, 200, 400, 100, 100, NAN])
    # A curve that falls again is at 0.65 first with 150 labels.
    assert labels_to_reach(curves(values={"a": [[0.6, 0.7, 0.6]]}), 0.65).labels["a"][0] == pytest.approx(150)


def test_less_may_be_better():
    assert labels_to_reach(curves(values={"a": [[2.0, 1.0, 0.5]]}, larger_is_better=False), 1.5).labels["a"][0] == pytest.approx(150)
    assert common_level(curves(values={"a": [[2.0, 1.0, 0.5]], "b": [[2.0, 0.7, 0.9]]}, larger_is_better=False)) == pytest.approx(0.7)


def test_rounds_without_a_value_are_bridged_and_unfinished_runs_say_nothing():
    found = labels_to_reach(curves(values={"a": [[0.5, NAN, 0.8], [0.5, 0.7, NAN], [0.5, 0.55, NAN], [NAN] * 3, [0.5, 0.52, 0.55]]}), 0.65)
    # Half way from 100 to 400; three quarters from 100 to 200; not yet; never begun; at the end, and never.
    np.testing.assert_allclose(found.labels["a"], [250, 175, NAN, NAN, NAN])
    assert found.told["a"].tolist() == [True, True, False, False, True]
    assert found.shares["a"] == pytest.approx(2 / 3)


def test_labels_saved_seed_by_seed():
    # To 0.6: random 200 in both seeds, a 150 and 100.
    found = labels_saved(curves(values={"random": [[0.5, 0.6, 0.7]] * 2, "a": [[0.5, 0.7, 0.8], [0.6, 0.7, 0.8]]}), 0.6, "random")
    assert found.arms == ("a",)
    np.testing.assert_allclose(found.per_seed, [[50, 100]])
    assert (found.saved.mean[0], found.saved.low[0], found.saved.high[0]) == pytest.approx((75, 50, 100))
    assert [counts[0] for counts in (found.both, found.only_arm, found.only_reference, found.neither)] == [2, 0, 0, 0]


def test_runs_that_never_reach_the_level_count_with_the_whole_budget():
    random = [[0.5, 0.6, 0.7], [0.5, 0.55, 0.58], [0.5, 0.7, 0.7], [0.5, 0.5, 0.5], [0.5, 0.55, NAN]]
    arm = [[0.5, 0.7, 0.8], [0.5, 0.7, 0.8], [0.5, 0.55, 0.58], [0.5, 0.5, 0.5], [0.5, 0.7, 0.8]]
    found = labels_saved(curves(values={"random": random, "a": arm}), 0.6, "random")
    # 200 − 150; at least 400 − 150; at most 150 − 400; nothing within the budget; random is not finished.
    np.testing.assert_allclose(found.per_seed, [[50, 250, -250, 0, NAN]])
    assert found.saved.mean[0] == pytest.approx(50 / 4) and found.saved.seeds[0] == 4
    assert [counts[0] for counts in (found.both, found.only_arm, found.only_reference, found.neither)] == [1, 1, 1, 1]


def test_a_level_that_nobody_reaches_saves_an_unknown_number():
    found = labels_saved(curves(values={"random": [[0.5, 0.6, 0.7]], "a": [[0.5, 0.7, 0.8]]}), 0.9, "random")
    assert np.isnan(found.saved.mean[0]) and found.neither[0] == 1


def test_labels_saved_need_a_reference_and_another_arm():
    with pytest.raises(ValueError, match="no arm 'random'"):
        labels_saved(curves(values={"a": [[0.5, 0.6, 0.7]]}), 0.6, "random")
    with pytest.raises(ValueError, match="an arm beside the reference 'a'"):
        labels_saved(curves(values={"a": [[0.5, 0.6, 0.7]]}), 0.6, "a")


def test_the_level_that_all_reach():
    assert common_level(curves(values={"a": [[0.5, 0.7, 0.65], [0.5, 0.8, NAN]], "b": [[0.5, 0.6, 0.9]] * 2})) == pytest.approx(0.7)
    assert np.isnan(common_level(curves(values={"a": [[0.5, NAN, 0.7]], "b": [[NAN, 0.6, NAN]]})))


def test_overlap_by_hand():
    labelled = {
        "a": {0: [[1, 2], [3], [4]], 1: [[5, 6], [3], [7]]},
        "b": {0: [[1, 2], [3], [9]], 1: [[5, 6], [4], [7]]},
    }
    found = selection_overlap(labelled)
    # a and b, seed 0: {3, 4} and {3, 9}, one of three; seed 1: {3, 7} and {4, 7}, one of three. a over seeds: {3, 4} and {3, 7}. b: {3, 9} and {4, 7}.
    np.testing.assert_allclose(found.matrix, [[1 / 3, 1 / 3], [1 / 3, 0]])
    assert found.runs.tolist() == [[1, 2], [2, 1]] and found.up_to == 2
    # Up to round 1, with the initial pool: {1, 2, 3} and {1, 2, 3}; {5, 6, 3} and {5, 6, 4}: (1 + 2/4)/2.
    assert selection_overlap(labelled, 1, first=0).matrix[0, 1] == pytest.approx(0.75)


def test_overlap_of_many_runs_is_that_of_the_pairs():
    rng = np.random.default_rng(0)
    labelled = {arm: {seed: [rng.choice(60, 8, replace=False) for _ in range(3)] for seed in range(4)} for arm in "abc"}
    chosen = {arm: {seed: set(np.concatenate(run[1:]).tolist()) for seed, run in runs.items()} for arm, runs in labelled.items()}
    found = selection_overlap(labelled).matrix
    one_other = [len(chosen["a"][s] & chosen["c"][s]) / len(chosen["a"][s] | chosen["c"][s]) for s in range(4)]
    within = [len(chosen["b"][s] & chosen["b"][t]) / len(chosen["b"][s] | chosen["b"][t]) for s, t in itertools.combinations(range(4), 2)]
    assert found[0, 2] == found[2, 0] == pytest.approx(np.mean(one_other)) and found[1, 1] == pytest.approx(np.mean(within))


def test_overlap_of_runs_that_are_missing_or_short():
    labelled = {"a": {0: [[1], [2], [3]], 1: [[1], [2]]}, "b": {1: [[1], [2], [3]]}, "c": {}}
    found = selection_overlap(labelled, 2)
    assert np.isnan(found.matrix).all() and not found.runs.any()
    assert selection_overlap(labelled, 1).matrix[0, 1] == 1.0
    for up_to in (0, 3):
        with pytest.raises(ValueError, match=f"a round from 1 to 2 is wanted, got {up_to}"):
            selection_overlap(labelled, up_to)
    with pytest.raises(ValueError, match="up_to"):
        selection_overlap({})
