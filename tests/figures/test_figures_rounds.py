"""Curves, balance, scores and times: figures of rounds."""

from dataclasses import replace

import numpy as np
import pytest

from alviz.figures import class_balance, imbalance_curve, imbalance_profile, learning_curve, phase_times, score_histogram

NBSP = "\u00a0"


@pytest.fixture
def rounds(make_dataset, make_round):
    """20 samples of 2 classes: 4 labels (2, 2), then 4 more (3, 1); accuracy 0.6, 0.715."""
    dataset = make_dataset(20, 2)
    first = make_round(dataset, 0, [0, 1, 2, 3], [0, 1, 0, 1], metrics={"accuracy": 0.6, "log_loss": 0.9})
    second = make_round(dataset, 1, [4, 5, 6, 8], [0, 1, 0, 0], before=[2, 2], metrics={"accuracy": 0.715, "log_loss": 0.5})
    return [first, second]


def test_the_learning_curve_runs_over_labels(rounds):
    drawing = learning_curve([("this run", rounds)])
    line = drawing.figure["data"][0]
    assert line["x"].tolist() == [4, 8]
    assert line["y"].tolist() == [0.6, 0.715]
    assert drawing.reading == f"Accuracy is 71.5{NBSP}% with 8 labels, 11.5 points above the start."
    low, high = drawing.figure["layout"]["yaxis"]["range"]
    assert low < 0.6 < 0.715 < high


def test_the_learning_curve_marks_the_shown_round(rounds):
    drawing = learning_curve([("this run", rounds)], shown_round=0)
    mark = drawing.figure["data"][-1]
    assert (mark["x"].tolist(), mark["y"].tolist()) == ([4], [0.6])
    assert drawing.reading == f"Accuracy is 60.0{NBSP}% with 4 labels."


def test_the_learning_curve_compares_with_the_best_branch_at_the_same_labels(rounds):
    worse, better = ([rounds[0], replace(rounds[1], metrics={"accuracy": value})] for value in (0.6, 0.7))
    drawing = learning_curve([("this run", rounds), ("random", worse), ("<margin>", better)])
    assert drawing.reading.endswith("11.5 points above the start and 1.5 points above <margin> with as many labels.")
    assert [trace["name"] for trace in drawing.figure["data"][:3]] == ["this run", "random", "&lt;margin&gt;"]
    styles = {(trace["line"]["dash"], trace["marker"]["symbol"]) for trace in drawing.figure["data"][:3]}
    assert len(styles) == 3, "lines are told apart without colour"


def test_a_run_keeps_its_colour_whichever_is_looked_at(rounds):
    runs = [("one", rounds), ("two", [rounds[0], replace(rounds[1], metrics={"accuracy": 0.6})])]
    first, second = (learning_curve(runs, looked_at=k) for k in (0, 1))
    colors = [[trace["line"]["color"] for trace in drawing.figure["data"][:2]] for drawing in (first, second)]
    assert colors[0] == colors[1] and len(set(colors[0])) == 2
    for k, drawing in enumerate((first, second)):
        *lines, mark = drawing.figure["data"]
        assert mark["marker"]["color"] == colors[0][k] and mark["y"].tolist() == [lines[k]["y"][-1]]
        assert lines[k]["zorder"] > lines[1 - k]["zorder"]
    assert "60.0" in second.reading and "below one" in second.reading


def test_names_at_line_ends_do_not_overlap(rounds):
    drawing = learning_curve([(f"run {i}", rounds) for i in range(4)])
    low, high = drawing.figure["layout"]["yaxis"]["range"]
    heights = sorted(note["y"] for note in drawing.figure["layout"]["annotations"])
    assert len(heights) == 4
    assert np.diff(heights).min() >= 0.08 * (high - low)


def test_a_loss_is_read_in_its_own_unit(rounds):
    assert learning_curve([("this run", rounds)], "log_loss").reading == "Log loss is 0.500 with 8 labels, 0.400 below the start."


def test_rounds_without_the_metric_leave_a_gap(rounds):
    nothing = replace(rounds[1], metrics={"accuracy": float("nan")})
    drawing = learning_curve([("this run", [rounds[0], nothing])])
    assert np.isnan(drawing.figure["data"][0]["y"][1])
    assert drawing.reading == "Accuracy is not known for the shown round."
    assert learning_curve([("this run", [nothing])]).reading == "No accuracy has been measured yet."


def test_cross_validated_metrics_are_marked(rounds):
    marked = learning_curve([("this run", [replace(finished, cross_validated=True) for finished in rounds])])
    assert marked.figure["layout"]["yaxis"]["title"]["text"] == "accuracy (cross-validated)"


def test_the_imbalance_curve_is_sigma_over_mu(rounds, make_dataset):
    drawing = imbalance_curve(rounds, make_dataset(20, 2))
    # Counts (2, 2), then (5, 3): σ = 1, μ = 4.
    assert drawing.figure["data"][0]["y"].tolist() == [0.0, 0.25]
    assert drawing.figure["layout"]["shapes"][0]["y0"] == 0.0
    assert drawing.reading == "The labelled set's imbalance ratio is 0.25 after round 1: less even than the whole pool (0.00)."
    assert imbalance_curve(rounds).reading == "The labelled set's imbalance ratio is 0.25 after round 1; it began at 0.00."


def test_the_profile_splits_before_and_this_round(rounds, make_dataset):
    drawing = imbalance_profile(rounds, make_dataset(20, 2))
    before, fresh = drawing.figure["data"]
    assert (before["name"], before["x"].tolist()) == ("before", [2, 2])
    assert (fresh["name"], fresh["x"].tolist()) == ("this round", [3, 1])
    assert fresh["marker"]["pattern"]["shape"], "told apart without colour"
    assert drawing.figure["layout"]["barmode"] == "stack"
    assert drawing.reading == "After round 1 T-shirt has most labels (5), Trouser fewest (3); imbalance ratio 0.25 (even: 0)."
    assert imbalance_profile(rounds, make_dataset(20, 2), 0).reading == "After round 0 every class has 2 labels: imbalance ratio 0."


def test_the_profile_of_many_classes_is_sorted(make_dataset, make_round):
    dataset = make_dataset(200, 40)
    queried = [5, 45, 85, 7, 47, 3]
    drawing = imbalance_profile([make_round(dataset, 0, queried, dataset.targets[queried])], dataset)
    bars = drawing.figure["data"][1]
    assert bars["y"][:4].tolist() == [3, 2, 1, 0]
    assert bars["text"][:3] == ["class 5", "class 7", "class 3"]
    assert bars["alviz_ids"][:3].tolist() == [5, 7, 3]
    assert (
        drawing.reading
        == f"After round 0 class 5 has most labels (3), 37 of 40 classes have none; imbalance ratio {np.std([3, 2, 1] + [0] * 37) / (6 / 40):.2f} (even: 0)."
    )


def test_class_balance_sets_queries_beside_the_pool(rounds, make_dataset):
    drawing = class_balance(rounds[1], make_dataset(20, 2))
    bars, marks = drawing.figure["data"]
    assert bars["x"].tolist() == [0.75, 0.25]
    assert marks["x"].tolist() == [0.5, 0.5]
    assert drawing.reading == f"Round 1 took 75{NBSP}% T-shirt; the pool has 50{NBSP}%."


def test_class_balance_without_known_classes_or_answers(make_dataset, make_round):
    unknown = make_dataset(20, 2, known=False)
    assert class_balance(make_round(unknown, 2, [1, 2], [1, 1]), unknown).reading == f"Round 2 took 100{NBSP}% Trouser."
    assert class_balance(make_round(unknown, 2, [1, 2], [-1, -1]), unknown).reading == "Round 2 asked for 2 labels; none was given."


def test_scores_are_counted_and_picks_shown(make_dataset, make_round):
    dataset = make_dataset(100, 2)
    scores = np.arange(100) / 100
    finished = make_round(dataset, 4, [99, 98, 97, 96], [1, 0, 1, 0], scores=scores)
    drawing = score_histogram(finished)
    bars, stars = drawing.figure["data"]
    assert bars["y"].sum() == 100
    assert stars["x"].tolist() == [0.99, 0.98, 0.97, 0.96]
    assert stars["alviz_ids"].tolist() == [99, 98, 97, 96]
    # The middle of the picks is 0.975: 98 of 100 scores lie below.
    assert drawing.reading == f"Half of round 4's 4 picks score higher than 98{NBSP}% of the samples they were chosen from."


def test_scores_may_be_missing_or_all_the_same(make_dataset, make_round):
    dataset = make_dataset(10, 2)
    assert score_histogram(make_round(dataset, 3, [1], [1], scores=None)).reading == "Round 3 was chosen without scores."
    same = score_histogram(make_round(dataset, 3, [1], [1], scores=np.full(10, 0.5)))
    assert same.reading == "Round 3 gave all 10 samples the same score."
    assert same.figure["data"][0]["y"].tolist() == [10]
    one = score_histogram(make_round(dataset, 3, [1], [1], scores=np.array([np.nan] * 8 + [0.1, 0.2])))
    assert one.reading == "None of round 3's picks has a score."


def test_phase_times_name_the_longest_phase(rounds):
    timed = [replace(finished, seconds={"train": 0.3, "evaluate": 0.1}) for finished in rounds]
    drawing = phase_times(timed)
    assert {trace["name"]: trace["y"].tolist() for trace in drawing.figure["data"]}["train"] == [0.3, 0.3]
    assert drawing.reading == f'Round 1 took 0.40 s, 75{NBSP}% of it in the phase "train".'


def test_names_at_line_ends_stay_inside_the_plot_in_the_order_of_the_lines(rounds):
    runs = [(f"run {i}", [*rounds[:-1], replace(rounds[-1], metrics={"accuracy": 0.6 + 0.001 * i})]) for i in range(8)]
    drawing = learning_curve(runs)
    low, high = drawing.figure["layout"]["yaxis"]["range"]
    notes = sorted(drawing.figure["layout"]["annotations"], key=lambda note: note["y"])
    assert [note["text"][-5:] for note in notes] == [f"run {i}" for i in range(8)]
    heights = np.array([note["y"] for note in notes])
    assert heights.min() >= low and heights.max() <= high, "plotly hides what lies beyond an axis"
    assert np.diff(heights).min() >= 0.09 * (high - low)


def test_a_share_has_no_room_above_all(rounds):
    perfect = [replace(finished, metrics={"accuracy": 1.0}) for finished in rounds]
    low, high = learning_curve([("this run", perfect)]).figure["layout"]["yaxis"]["range"]
    assert low < 1 <= high < 1.04
