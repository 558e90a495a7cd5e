"""A round in slow motion, against what was worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from alviz.data.dataset import Dataset
from alviz.figures import Moved, Stop, Walk, palette, slow_motion, stops
from alviz.figures.slow_strip import drawn_ranks
from alviz.loop.round import Round
from alviz.panels.plot import Plot

NBSP = "\u00a0"


def one_hot(classes: list[int], k: int = 3) -> np.ndarray:
    return (0.8 * np.eye(k) + 0.2 / k)[classes].astype(np.float32)


@pytest.fixture
def dataset() -> Dataset:
    """Eight samples in a row, of the classes a, b and c."""
    features = np.stack([np.arange(8), np.zeros(8)], axis=1).astype(np.float32)
    return Dataset("row", [str(i) for i in range(8)], None, features, np.array([0, 0, 1, 1, 1, 2, 2, 2]), ("a", "b", "c"))


@pytest.fixture
def walk(dataset: Dataset) -> Walk:
    """Samples 0 and 7 labelled in round 0, then 3 and 5 (a surprise) by score; 2, 4 and 6 are taken for another class afterwards."""
    shared = {"strategy": "margin", "recall": np.ones(3), "confusion": np.eye(3, dtype=np.int64)}
    first = Round(
        index=0,
        queried=np.array([7, 0]),
        labels=np.array([2, 0]),
        n_labelled=2,
        class_counts=np.array([1, 0, 1]),
        probabilities=one_hot([0, 0, 0, 1, 0, 1, 1, 2]),
        metrics={"accuracy": 0.5},
        **shared,
    )
    second = Round(
        index=1,
        queried=np.array([5, 3]),
        labels=np.array([2, 1]),
        n_labelled=4,
        class_counts=np.array([1, 1, 2]),
        probabilities=one_hot([0, 0, 1, 1, 1, 2, 2, 2]),
        metrics={"accuracy": 0.75},
        scores=np.array([np.nan, 0.1, 0.2, 0.7, 0.3, 0.9, 0.6, np.nan]),
        **shared,
    )
    return Walk(dataset.features, dataset, second, first, np.array([0, -1, -1, 1, -1, 1, -1, 0]))


def drawn(walk: Walk, stop: Stop) -> dict:
    """The traces of the map by name."""
    return {trace["name"]: trace for trace in slow_motion(walk, stop).figure["data"] if "xaxis" not in trace}


def beside(walk: Walk, stop: Stop) -> list[dict]:
    """The traces of the strip."""
    return [trace for trace in slow_motion(walk, stop).figure["data"] if trace.get("xaxis") == "x2"]


def last(walk: Walk, phase: str) -> Stop:
    return [stop for stop in stops(walk.now) if stop.phase == phase][-1]


def test_a_walk_goes_through_all_phases_and_pick_by_pick(walk: Walk) -> None:
    places = [(stop.phase, stop.picks, stop.formed) for stop in stops(walk.now)]
    ranking = [("ranking", 0, part) for part in (0.25, 0.5, 0.75, 1.0)]
    assert places == [("scores", 0, 0.0), *ranking, ("picks", 1, 1.0), ("picks", 2, 1.0), ("labels", 2, 0.0), ("model", 2, 0.0)]


def test_round_0_has_the_phases_that_exist(walk: Walk) -> None:
    assert walk.before is not None
    assert [stop.phase for stop in stops(walk.before)] == ["picks", "picks", "labels", "model"]


def test_without_scores_nothing_forms(walk: Walk) -> None:
    blind = replace(walk.now, scores=None)
    assert [stop.phase for stop in stops(blind)] == ["scores", "ranking", "picks", "picks", "labels", "model"]


@pytest.mark.parametrize(("batch", "count"), [(1, 1), (50, 50), (51, 50), (1234, 50)])
def test_a_large_batch_is_marked_several_at_a_time(walk: Walk, batch: int, count: int) -> None:
    picks = [stop for stop in stops(replace(walk.now, queried=np.arange(batch))) if stop.phase == "picks"]
    assert len(picks) == count and picks[-1].picks == batch
    assert np.cumsum([stop.new for stop in picks]).tolist() == [stop.picks for stop in picks]
    assert max(stop.new for stop in picks) - min(stop.new for stop in picks) <= 1


def test_the_scores_colour_the_pool(walk: Walk) -> None:
    drawing = slow_motion(walk, last(walk, "scores"))
    pool = drawn(walk, last(walk, "scores"))["pool"]
    assert pool["alviz_ids"].tolist() == [1, 2, 4, 6, 3, 5]  # what is drawn last lies on top: the highest
    np.testing.assert_allclose(pool["marker"]["color"], [0.1, 0.2, 0.3, 0.6, 0.7, 0.9])
    assert np.argsort(pool["marker"]["size"]).tolist() == np.argsort(pool["marker"]["color"]).tolist()
    assert drawing.reading.startswith(
        "With the model of round 0, margin scores all 6 unlabelled samples: from 0.100 to 0.900, the middle one 0.450."
    )
    (unsorted,) = beside(walk, last(walk, "scores"))
    assert unsorted["alviz_ids"][np.argsort(unsorted["y"])].tolist() == [1, 2, 3, 4, 5, 6]


def test_points_of_a_large_pool_are_smaller_and_what_was_labelled_stands_out(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = drawn(walk, last(walk, "scores"))
    monkeypatch.setattr("alviz.figures.slow.CROWD", 1)
    crowded = drawn(walk, last(walk, "scores"))
    assert (crowded["pool"]["marker"]["size"] < usual["pool"]["marker"]["size"]).all()
    assert crowded["labelled before"]["marker"]["opacity"] > usual["labelled before"]["marker"]["opacity"]


def test_the_ranking_forms_from_the_top(walk: Walk) -> None:
    half = Stop("ranking", 0, formed=0.5)
    (forming,) = beside(walk, half)
    # 5, 3 and 6 have the highest scores and are in place; the others wait below in the pool's order.
    assert forming["alviz_ids"][np.argsort(forming["y"])].tolist() == [5, 3, 6, 1, 2, 4]
    assert slow_motion(walk, half).reading == "The ranking forms from the top: 3 of 6 scores have found their place."
    (formed,) = beside(walk, last(walk, "ranking"))
    assert formed["alviz_ids"][np.argsort(formed["y"])].tolist() == [5, 3, 6, 4, 2, 1]
    assert (np.diff(formed["x"][np.argsort(formed["y"])]) < 0).all()


def test_the_ranking_ends_with_the_cut_of_the_batch(walk: Walk) -> None:
    stop = last(walk, "ranking")
    assert drawn(walk, stop)["above the cut"]["alviz_ids"].tolist() == [5, 3]
    drawing = slow_motion(walk, stop)
    (line,) = drawing.figure["layout"]["shapes"]
    heights = dict(zip(beside(walk, stop)[0]["alviz_ids"].tolist(), beside(walk, stop)[0]["y"].tolist(), strict=True))
    assert heights[3] < line["y0"] == line["y1"] < heights[6]
    assert drawing.reading == "In descending order: the 2 highest of 6 scores end at 0.700. margin takes just these."


def test_picks_that_are_not_the_highest_scores_are_counted(walk: Walk) -> None:
    other = replace(walk, now=replace(walk.now, queried=np.array([5, 1]), labels=np.array([2, 0])))
    assert "margin does not go by rank alone: 1 of its 2 picks will be among them." in slow_motion(other, last(other, "ranking")).reading
    assert slow_motion(other, last(other, "picks")).reading.endswith("No gains: margin does not say what each pick adds.")


def test_the_picks_are_marked_one_by_one(walk: Walk) -> None:
    one, two = [stop for stop in stops(walk.now) if stop.phase == "picks"]
    assert drawn(walk, one)["just picked"]["alviz_ids"].tolist() == [5] and "picked" not in drawn(walk, one)
    assert drawn(walk, two)["just picked"]["alviz_ids"].tolist() == [3] and drawn(walk, two)["picked"]["alviz_ids"].tolist() == [5]
    assert slow_motion(walk, one).reading == (
        f"Pick 1 of 2: sample 5, predicted b (87{NBSP}%), score 0.900, rank 1. No gains: margin takes the 2 highest scores at once."
    )
    assert beside(walk, one)[1]["alviz_ids"].tolist() == [5]


def test_a_greedy_method_tells_the_gain_of_each_pick(walk: Walk) -> None:
    greedy = replace(walk, now=replace(walk.now, gains=np.array([np.nan, 1.5])))
    one, two = [stop for stop in stops(greedy.now) if stop.phase == "picks"]
    assert slow_motion(greedy, one).reading.endswith("It has no gain: there was nothing to compare it with.")
    assert slow_motion(greedy, two).reading.endswith("Gain 1.50.")
    (bars,) = beside(greedy, two)
    assert bars["x"].tolist() == [0.0, 1.5] and bars["y"].tolist() == [1, 2]
    both = replace(walk, now=replace(walk.now, gains=np.array([2.5, 1.5])))
    assert slow_motion(both, two).reading.endswith("Gain 1.50, after 2.50.")


def test_a_strategy_without_scores_says_so_and_goes_on(walk: Walk) -> None:
    blind = replace(walk, now=replace(walk.now, strategy="random", scores=np.full(8, np.nan)))
    said = [slow_motion(blind, stop).reading for stop in stops(blind.now)[:3]]
    assert said[0] == "random gives no scores: it chooses from 6 samples without any."
    assert said[1] == "Without scores there is no ranking: random goes on to its picks."
    assert said[2].endswith("No scores, no gains: random gives no reason.")
    assert beside(blind, stops(blind.now)[0]) == []


def test_the_labels_are_revealed_and_surprises_ringed(walk: Walk) -> None:
    stop = last(walk, "labels")
    traces = drawn(walk, stop)
    given = traces["labelled now"]
    assert given["alviz_ids"].tolist() == [5, 3] and given["marker"]["color"].tolist() == [2, 1]
    assert given["marker"]["symbol"].tolist() == palette.symbol_numbers(3)[:0:-1]
    assert traces["surprises"]["alviz_ids"].tolist() == [5]
    assert slow_motion(walk, stop).reading == "The labels: 1 b, 1 c. 1 of 2 surprise the model, by predicting b for what is c."
    bars, surprises, marks = beside(walk, stop)
    assert bars["x"].tolist() == [1, 1] and surprises["y"].tolist() == [1] and marks["text"] == ["1 b (0)", "1 c (1)"]


def test_the_model_moves(walk: Walk) -> None:
    stop = last(walk, "model")
    changed = drawn(walk, stop)["changed"]
    assert changed["alviz_ids"].tolist() == [2, 4, 6] and changed["marker"]["color"].tolist() == [1, 1, 2]
    assert slow_motion(walk, stop).reading == (
        f"Trained anew, the model changes its mind about 3 of 4 others (75{NBSP}%), most from a to b (2). "
        f"Accuracy 50.0{NBSP}% → 75.0{NBSP}%."
    )
    bars, marks = beside(walk, stop)
    assert bars["x"].tolist() == [2, 1] and marks["text"] == ["2 a → b", "1 b → c"]


def test_on_a_plane_the_boundary_is_seen_before_and_after(walk: Walk) -> None:
    x, y = np.arange(5.0), np.arange(4.0)
    before = np.repeat(one_hot([0, 0, 1, 1, 1])[None], 4, axis=0)
    now = np.repeat(one_hot([0, 1, 1, 1, 1])[None], 4, axis=0)
    drawing = slow_motion(replace(walk, moved=Moved(x, y, now, before)), last(walk, "model"))
    lines = [trace for trace in drawing.figure["data"] if trace["name"] == "boundary"]
    # Class c wins nowhere, a and b have a line each.
    assert [line["line"]["dash"] for line in lines] == ["dot", "dot", "solid", "solid"]
    assert f"The boundary passes over 20{NBSP}% of the plane." in drawing.reading


def test_marks_that_come_and_go_move_nothing(walk: Walk) -> None:
    looks = [slow_motion(walk, stop).figure["layout"] for stop in stops(walk.now)]
    for axis in ("xaxis", "yaxis", "margin", "uirevision"):
        assert all(look[axis] == looks[0][axis] for look in looks)
    assert not any(look[axis]["automargin"] for look in looks for axis in ("xaxis", "yaxis", "xaxis2", "yaxis2"))


def size(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(size, value.values()))
    if isinstance(value, list):
        return sum(map(size, value))
    return len(value) if isinstance(value, bytes) else len(str(value))


def test_a_pick_costs_a_page_little_however_large_the_pool(make_dataset, make_run) -> None:
    dataset = make_dataset(20_000, 10)
    rounds, labelled_in_round = make_run(dataset, 2, 30)
    walk = Walk(dataset.features, dataset, rounds[1], rounds[0], labelled_in_round)
    plot = Plot()
    sent = {(stop.phase, stop.picks): size(plot._pack(slow_motion(walk, stop).figure)) for stop in stops(walk.now)}
    assert sent["scores", 0] > 300_000
    assert all(bytes_ < 12_000 for (phase, _), bytes_ in sent.items() if phase in ("picks", "labels"))
    assert len(drawn_ranks(walk)) < 500


def test_points_of_another_pool_are_refused(walk: Walk) -> None:
    with pytest.raises(ValueError, match=r"points: wanted \(8, 2\)"):
        Walk(walk.points[:3], walk.dataset, walk.now, walk.before, walk.labelled_in_round)
