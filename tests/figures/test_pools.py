"""Figures of initial pools: what is drawn where, readings by hand, and every awkward case."""

import re

import numpy as np
import pytest

from alviz.figures import palette
from alviz.figures.pools import pool_counts, pool_map, start_curves, start_overlap
from alviz.studies.statistics import band

NBSP = "\u00a0"
LABELS = np.array([10, 20, 30])
RANDOM = np.array([[0.50, 0.60, 0.70], [0.52, 0.62, 0.72], [0.54, 0.64, 0.74], [0.5, 0.6, 0.7], [0.54, 0.64, 0.74]])


def plain(text):
    return text.replace(NBSP, " ")


def test_the_map_shows_the_pool_as_stars_and_nothing_twice(make_dataset):
    dataset = make_dataset(60, 3)
    chosen = np.array([4, 1, 30, 59])
    drawing = pool_map(dataset.features, dataset, chosen)
    stars = [trace for trace in drawing.figure["data"] if trace["marker"].get("symbol") == "star"]
    assert [trace["alviz_ids"].tolist() for trace in stars] == [[4, 1, 30, 59]]
    assert stars[0]["marker"]["color"] == palette.ACCENT
    np.testing.assert_allclose(stars[0]["x"], dataset.features[chosen, 0])
    everything = np.concatenate([trace["alviz_ids"] for trace in drawing.figure["data"]])
    assert sorted(everything.tolist()) == list(range(60))
    assert drawing.figure["layout"]["showlegend"] is False
    # Classes take turns: 4, 1 and 1 (T-shirt 0, Trouser 1, Pullover 2): samples 4, 1 → Trouser; 30 → T-shirt; 59 → Pullover.
    assert drawing.reading == "Trouser most (2 of 4)."


def test_the_maps_reading_names_what_is_missing(make_dataset):
    dataset = make_dataset(60, 4)
    assert pool_map(dataset.features, dataset, np.array([0, 4, 1])).reading == "T-shirt most (2 of 3), Pullover and Dress missing."
    many = make_dataset(60, 10)
    assert pool_map(many.features, many, np.array([0, 10])).reading == "T-shirt most (2 of 2), 9 classes missing."
    assert pool_map(many.features, many, np.array([0, 1])).reading == "No class more than once, 8 classes missing."
    assert pool_map(dataset.features, dataset, np.array([0, 4, 1, 5, 2, 3])).reading == "T-shirt and Trouser most (2 of 6 each)."
    assert pool_map(dataset.features, dataset, np.array([0, 4, 1, 5, 2, 6])).reading == "3 classes most (2 of 6 each), Dress missing."
    assert pool_map(dataset.features, dataset, np.arange(8)).reading == "All classes alike (2 each)."
    assert pool_map(many.features, many, np.array([], dtype=np.int64)).reading == "60 samples, none chosen yet."
    unknown = make_dataset(60, 4, known=False)
    assert pool_map(unknown.features, unknown, np.array([3])).reading == "1 sample; their classes are not known."


def test_counts_stand_in_their_cells():
    counts = {"random": np.array([5, 0, 1]), "typiclust": np.array([2, 2, 2])}
    drawing = pool_counts(counts, ("ant", "bee", "cow"))
    heat, *texts = drawing.figure["data"]
    np.testing.assert_array_equal(heat["z"], [[5, 0, 1], [2, 2, 2]])
    cells = {(x, y): text for trace in texts for x, y, text in zip(trace["x"].tolist(), trace["y"].tolist(), trace["text"], strict=True)}
    assert cells == {(0, 0): "5", (1, 0): "0", (2, 0): "1", (0, 1): "2", (1, 1): "2", (2, 1): "2"}
    assert drawing.figure["layout"]["yaxis"]["ticktext"] == ["random", "typiclust"]
    assert plain(drawing.reading) == (
        "All 3 classes are covered by typiclust, only 2 by random; "
        "the most even is typiclust (ir 0.00; 0 would be the same of every class)."
    )


def test_counts_readings():
    both = {"a": np.array([1, 3]), "b": np.array([2, 2])}
    same = "0 would be the same of every class"
    assert plain(pool_counts(both, ("x", "y")).reading) == f"Both classes are covered by every pool; the most even is b (ir 0.00; {same})."
    alike = {"a": np.array([1, 3]), "b": np.array([3, 1])}  # σ/μ = 1/2 both
    assert plain(pool_counts(alike, ("x", "y")).reading).endswith(f"; one is as even as the other (ir 0.50; {same}).")
    two = {**alike, "c": np.array([0, 4])}
    assert plain(pool_counts(two, ("x", "y")).reading).endswith(f"; the most even are a and b (ir 0.50; {same}).")
    # Counts 3, 1, 0: mean 4/3, standard deviation √(14/9), ir = √14/4 = 0.94.
    assert plain(pool_counts({"a": np.array([3, 1, 0])}, ("x", "y", "z")).reading) == f"2 of 3 classes are covered by a (ir 0.94; {same})."
    unknown = pool_counts({"a": np.zeros(3, int)}, ("x", "y", "z"))
    assert unknown.reading == "The classes of these samples are not known." and not unknown.figure["data"]
    assert "Press Start" in pool_counts({}, ()).reading


def test_curves_are_means_with_intervals_over_the_seeds():
    better = RANDOM + 0.05
    drawing = start_curves(LABELS, {"random": RANDOM, "typiclust": better})
    fills = [trace for trace in drawing.figure["data"] if "fill" in trace]
    lines = {trace["name"]: trace for trace in drawing.figure["data"] if "fill" not in trace}
    np.testing.assert_allclose(lines["random"]["y"], RANDOM.mean(axis=0))
    found = band(RANDOM)
    np.testing.assert_allclose(fills[0]["y"], [*found.high, *found.low[::-1]])
    np.testing.assert_array_equal(fills[0]["x"], [10, 20, 30, 30, 20, 10])
    assert drawing.figure["data"][:2] == fills  # below all lines
    assert len({lines[name]["line"]["dash"] for name in lines}) == 2
    assert plain(drawing.reading) == (
        "With 10 labels typiclust is best (57.0 %, 5.0 points above random, 95 % interval 5.0 … 5.0); "
        "with 30 labels typiclust is best (77.0 %, 5.0 points above random, 95 % interval 5.0 … 5.0); 5 seeds. "
        "Bands: 95 % intervals of the mean over the seeds (bootstrap)."
    )


def test_few_seeds_make_a_range_and_are_not_called_an_interval():
    better = RANDOM[:3, :1] + [[0.01], [0.02], [0.06]]
    reading = plain(start_curves(LABELS[:1], {"random": RANDOM[:3, :1], "k-center": better}).reading)
    # Means 52.0 and 55.0; the gains of the seeds are 1, 2 and 6 points.
    assert reading == (
        "With 10 labels k-center is best (55.0 %, 3.0 points above random, range 1.0 … 6.0); 3 seeds, which decide little. "
        "Bands: from the lowest to the highest seed; 5 seeds make an interval."
    )


def test_a_gain_whose_interval_holds_zero_may_be_chance():
    better = RANDOM[:, :1] + [[0.03], [-0.02], [0.03], [-0.02], [0.03]]
    reading = plain(start_curves(LABELS[:1], {"random": RANDOM[:, :1], "k-center": better}).reading)
    assert re.match(
        r"With 10 labels k-center is best \(53.0 %, 1.0 points above random, 95 % interval −.* … .*: perhaps by chance\); 5 seeds\.",
        reading,
    )


def test_nobody_is_best_among_equals():
    reading = plain(start_curves(LABELS[:1], {"random": RANDOM[:, :1], "k-center": RANDOM[::-1, :1]}).reading)
    assert reading.startswith("With 10 labels all are level (52.0 %); 5 seeds.")
    worse = plain(start_curves(LABELS[:1], {"a": RANDOM[:, :1], "b": RANDOM[:, :1], "c": RANDOM[:, :1] - 0.1}).reading)
    assert worse.startswith("With 10 labels a and b are best (52.0 %); 5 seeds.")


def test_one_seed_has_no_interval_and_says_that_it_decides_nothing():
    drawing = start_curves(LABELS, {"random": RANDOM[:1], "k-center": RANDOM[:1] - 0.1})
    assert not [trace for trace in drawing.figure["data"] if "fill" in trace]
    assert (
        plain(drawing.reading)
        == "With 10 labels random is best (50.0 %); with 30 labels random is best (70.0 %); one seed, which decides nothing."
    )
    assert "which decide little" in start_curves(LABELS, {"random": RANDOM[:3]}).reading


def test_overlap_leaves_the_reference_out_and_keeps_the_colours():
    shared = {"random": np.ones((2, 3)), "k-center": np.array([[0.0, 0.1, 0.2], [0.1, 0.2, 0.4]]), "typiclust": np.zeros((2, 3))}
    drawing = start_overlap(LABELS, shared, 165)
    lines = {trace["name"]: trace for trace in drawing.figure["data"] if "fill" not in trace}
    # Two random sets of n from N have n²/N in common on average, of 2n − n²/N: n/(2N − n); 30/300 in the end.
    np.testing.assert_allclose(lines.pop("by chance")["y"], [10 / 320, 20 / 310, 0.1])
    assert list(lines) == ["k-center", "typiclust"]
    curves = start_curves(LABELS, shared).figure["data"]
    same = {trace["name"]: trace for trace in curves if "fill" not in trace}
    assert all(lines[name]["line"] == same[name]["line"] for name in lines)
    assert plain(drawing.reading) == (
        "With 30 labels each, 30 % of all that the run from k-center and the one from random have labelled is labelled in both "
        "(5 % in the pools themselves; least with typiclust: 0 %); two random choices share 10 % (dotted). "
        "At 100 % the start has left no trace. Bands: from the lowest to the highest seed; 5 seeds make an interval."
    )
    assert not start_overlap(LABELS, {"random": np.ones((2, 3))}, 165).figure["data"]
    assert "press Run" in start_overlap(LABELS, {}, 165).reading


def test_rounds_that_could_not_be_measured_are_left_out():
    some = RANDOM.copy()
    some[1, 0] = np.nan
    drawing = start_curves(LABELS, {"random": some})
    np.testing.assert_array_equal(drawing.figure["data"][-1]["x"], [20, 30])
    assert drawing.reading.startswith("With 20 labels")
    assert not start_curves(LABELS, {"random": some * np.nan}).figure["data"]


EVIL = ("<b>A</b><script>x</script>", "%{x} & {y}", "$z$ " + "very " * 20 + "long")


@pytest.mark.parametrize("k", [1, 2, 3, 15, 16, 100])
def test_any_number_of_classes_and_any_name(k, make_dataset):
    names = (EVIL * 34)[:k]
    names = tuple(f"{name} {i}" for i, name in enumerate(names))
    dataset = make_dataset(200, k, class_names=names)
    counts = {"random": np.bincount(dataset.targets[:20], minlength=k), EVIL[0]: np.bincount(dataset.targets[:50], minlength=k)}
    nan = np.full((3, 3), np.nan)
    drawings = [
        pool_map(dataset.features, dataset, np.arange(12)),
        pool_counts(counts, names),
        start_curves(LABELS, {"random": RANDOM, EVIL[1]: RANDOM}),
        start_curves(LABELS[:1], {"random": RANDOM[:, :1]}),
        start_curves(LABELS, {"random": nan}),
        start_overlap(LABELS, {"random": RANDOM, EVIL[2]: RANDOM}, 200),
    ]
    for drawing in drawings:
        drawing.plotly()
        assert drawing.reading.endswith(".")
        assert not re.search(r"\b(nan|inf)\b", drawing.reading)
        assert drawing.figure["layout"]["uirevision"]
        text = repr(drawing.figure)
        assert "<script" not in text and "<b>A" not in text and "$z$" not in text
    texts = [trace for trace in drawings[1].figure["data"] if trace["type"] == "scatter"]
    assert bool(texts) == (k <= 15)
