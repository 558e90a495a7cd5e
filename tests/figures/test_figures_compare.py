"""Figures of comparisons: what is drawn where, readings by hand, and every awkward comparison."""

import re
from dataclasses import replace

import numpy as np
import pytest

from alviz import figures
from alviz.figures import palette
from alviz.figures.matrices import SHORT_UP_TO
from alviz.studies.statistics import (
    Curves,
    average_ranks,
    band,
    labels_saved,
    penalties,
    selection_overlap,
    time_per_phase,
    win_tie_loss,
)

BUDGETS = np.array([100, 200, 300])
RANDOM = np.array([[0.50, 0.60, 0.70], [0.52, 0.62, 0.72], [0.54, 0.64, 0.74], [0.5, 0.6, 0.7], [0.54, 0.64, 0.74]])
EVIL = ("<b>A</b><script>x</script>", "%{x} & {y}", "$z$ " + "very " * 20 + "long")


def plain(text):
    return text.replace("\u00a0", " ")


def curves(arms, metric="accuracy", **more):
    tables = {name: np.array(table, dtype=float) for name, table in arms.items()}
    return Curves(metric, BUDGETS, np.arange(len(next(iter(tables.values())))), tables, **more)


PAIR = curves({"random": RANDOM, "margin": RANDOM + 0.05})


# Curves


def test_curves_are_means_with_bands():
    drawing = figures.curve_bands(PAIR, "random")
    fills = [trace for trace in drawing.figure["data"] if "fill" in trace]
    lines = {trace["name"]: trace for trace in drawing.figure["data"] if "fill" not in trace}
    np.testing.assert_allclose(lines["margin"]["y"], RANDOM.mean(axis=0) + 0.05)
    found = band(RANDOM)
    np.testing.assert_allclose(fills[0]["y"], [*found.high, *found.low[::-1]])
    np.testing.assert_allclose(lines["random"]["customdata"], np.stack([found.low, found.high, [5, 5, 5]], axis=1))
    # 0.72 + 0.05 at the end; each seed is five points better, so the paired interval has no width.
    assert (
        plain(drawing.reading)
        == "With 300 labels margin is best (77.0 % accuracy, 5.0 points better than random, 95 % interval 5.0 … 5.0); 5 seeds."
    )


def test_few_seeds_are_said_and_one_has_no_band():
    alone = figures.curve_bands(curves({"random": RANDOM[:1], "margin": RANDOM[:1] + 0.05}), "random")
    assert not [trace for trace in alone.figure["data"] if "fill" in trace]
    assert (
        plain(alone.reading)
        == "With 300 labels margin is best (75.0 % accuracy, 5.0 points better than random); one seed, which decides nothing."
    )
    assert figures.curve_bands(curves({"a": RANDOM[:3]})).reading.endswith("3 seeds, which decide little.")


def test_less_may_be_better():
    loss = curves({"random": [[3.0, 2.0, 1.5]] * 6, "margin": [[3.0, 1.5, 1.25]] * 6}, "log_loss", larger_is_better=False)
    assert plain(figures.curve_bands(loss, "random").reading) == (
        "With 300 labels margin is best (1.25 log loss, 0.250 better than random, 95 % interval 0.250 … 0.250); 6 seeds."
    )


def test_what_is_not_measured_is_bridged_and_what_never_was_is_said():
    gaps = {"random": RANDOM, "margin": np.where([[True, False, True]] * 5, RANDOM, np.nan), "badge": np.full((5, 3), np.nan)}
    lines = {trace["name"]: trace for trace in figures.curve_bands(curves(gaps)).figure["data"] if "fill" not in trace}
    assert lines["margin"]["x"].tolist() == [100, 300] and "badge" not in lines
    assert figures.curve_bands(curves({"a": np.full((2, 3), np.nan)}, "log_loss")).reading == "No log loss has been measured yet."


def test_of_many_arms_the_best_and_the_reference_stand_out():
    arms = {f"arm {i}": RANDOM + 0.005 * i for i in range(20)}
    drawing = figures.curve_bands(curves(arms), "arm 0")
    bright = {trace["name"] for trace in drawing.figure["data"] if trace.get("zorder") == 2}
    assert bright == {"arm 0", *(f"arm {i}" for i in range(13, 20))}
    assert len([trace for trace in drawing.figure["data"] if "fill" in trace]) == len(drawing.figure["layout"]["annotations"]) == 8
    colors = {trace["name"]: trace["line"]["color"] for trace in drawing.figure["data"] if "name" in trace}
    assert colors["arm 19"] == palette.class_colors(20)[19] and colors["arm 5"] == palette.faded(palette.POOL, 0.6)


# Labels saved


def saved(**arms):
    return labels_saved(curves({"random": [[0.5, 0.6, 0.7]] * 2, **arms}), 0.6, "random")


def test_bars_are_labels_saved_most_first():
    # random needs 200. b: 150 and 100; a: 200 and 250; c never gets to 0.6 in the second seed: 100 labels and at least 100 more.
    found = saved(a=[[0.5, 0.6, 0.7], [0.5, 0.55, 0.65]], b=[[0.5, 0.7, 0.8], [0.6, 0.7, 0.8]], c=[[0.5, 0.55, 0.65], [0.5, 0.5, 0.5]])
    drawing = figures.labels_saved_bars(found)
    bars, told = drawing.figure["data"]
    assert drawing.figure["layout"]["yaxis"]["ticktext"] == ["b", "a", "c"]
    np.testing.assert_allclose(bars["x"], [75, -25, -75])
    np.testing.assert_allclose(bars["error_x"]["array"], [25, 25, 25])
    assert [plain(text).strip() for text in told["text"]] == ["+75", "−25", "≤ −75"]
    # b saved labels in both seeds; the interval of a ends at 0.
    assert bars["marker"]["color"] == [palette.faded(palette.MAIN, alpha) for alpha in (0.9, 0.35, 0.9)]
    assert plain(drawing.reading) == (
        "To 60.0 % accuracy b saves 75 labels against random (range over the seeds +50 … +100); 2 of 3 differ from random beyond their range."
    )


def test_a_level_that_is_not_reached_is_said():
    out_of_reach = labels_saved(curves({"random": [[0.5, 0.6, 0.7]], "a": [[0.5, 0.6, 0.7]]}), 0.9, "random")
    assert plain(figures.labels_saved_bars(out_of_reach).reading) == "No finished run reaches 90.0 % accuracy."
    some = labels_saved(curves({"random": [[0.5, 0.6, 0.7]], "a": [[0.5, 0.7, 0.8]], "b": [[0.5, np.nan, np.nan]]}), 0.8, "random")
    drawing = figures.labels_saved_bars(some)
    assert [plain(text).strip() for text in drawing.figure["data"][1]["text"]] == ["≥ 0", "no finished run"]
    assert plain(drawing.reading) == (
        "To 80.0 % accuracy a saves 0 labels against random; in 1 of 1 seed one of the two did not get there and counts with all its labels."
    )


# Matrices


def settings():
    """b beats a and c everywhere, a beats c in one of the two."""
    first = {"a": RANDOM, "b": RANDOM + 0.03, "c": RANDOM - 0.02}
    second = {"a": RANDOM, "b": RANDOM + 0.03, "c": RANDOM + 0.001}
    return {"first": curves(first), "second": curves(second)}


def test_wins_ties_and_losses_stand_in_their_cells():
    drawing = figures.win_tie_loss_map(win_tie_loss(settings()))
    heat, cells = drawing.figure["data"]
    assert drawing.figure["layout"]["yaxis"]["ticktext"] == ["b", "a", "c"]
    assert drawing.figure["layout"]["xaxis"]["ticktext"] == ["b", "a", "c", "all"]
    np.testing.assert_allclose(heat["z"], [[np.nan, 1, 1, 1], [-1, np.nan, 0.5, -0.25], [-1, -0.5, np.nan, -0.75]])
    texts = {(y, x): text for y, x, text in zip(cells["y"].tolist(), cells["x"].tolist(), cells["text"], strict=True)}
    assert texts[0, 1] == "2–0–0" and texts[1, 2] == "1–1–0" and texts[2, 3] == "0–1–3" and (1, 1) not in texts
    assert heat["text"][1, 2] == "a against c<br>1 won, 1 tied, 0 lost"
    assert (
        drawing.reading
        == "b has the best balance of wins, ties and losses (4–0–0), c the worst (0–1–3), over 2 settings at a margin of 0.5 points."
    )


def test_penalties_stand_in_their_cells():
    drawing = figures.penalty_map(penalties(settings()))
    heat = drawing.figure["data"][0]
    # The differences are the same with every seed, so every one of them is significant: c beats a in the second setting.
    assert drawing.figure["layout"]["yaxis"]["ticktext"] == ["b", "a", "c", "mean"]
    np.testing.assert_allclose(heat["z"], [[np.nan, 2, 2], [0, np.nan, 1], [0, 1, np.nan], [0, 1, 1]])
    assert drawing.reading == "b is beaten least (0.00 of 2 settings on average over the others), c most (1.00)."
    level = penalties({"x": curves({"a": RANDOM, "b": RANDOM})})
    assert figures.penalty_map(level).reading == "None beats another significantly in 1 setting."
    assert "needs two seeds" in figures.penalty_map(penalties({"x": curves({"a": RANDOM[:1], "b": RANDOM[:1]})})).reading


def test_overlaps_stand_in_their_cells():
    labelled = {
        "a": {0: [[9], [1, 2]], 1: [[9], [1, 3]]},
        "b": {0: [[9], [1, 2]], 1: [[9], [4, 3]]},
        "c": {0: [[9], [7, 8]]},
    }
    drawing = figures.overlap_map(selection_overlap(labelled))
    # a and b: 1 and 1/3; a's seeds 1/3, b's 0; c shares nothing and has one seed.
    np.testing.assert_allclose(drawing.figure["data"][0]["z"], [[1 / 3, 2 / 3, 0], [2 / 3, 0, 0], [0, 0, np.nan]])
    assert plain(drawing.figure["data"][0]["text"][0, 0]) == "a, two seeds<br>33 %, mean of 1 pair of runs"
    assert plain(drawing.reading) == (
        "Up to round 1 a and b choose most alike with the same seed (67 % of what either took); a and c least (0 %); "
        "between two seeds a repeats itself most (33 %)."
    )


@pytest.mark.parametrize(("k", "texts"), [(SHORT_UP_TO, True), (SHORT_UP_TO + 1, False)])
def test_cells_of_many_arms_hold_no_text(k, texts):
    found = win_tie_loss({"x": curves({f"arm {i}": RANDOM + 0.01 * i for i in range(k)})})
    assert (len(figures.win_tie_loss_map(found).figure["data"]) == 2) is texts


# Ranks


def test_ranks_are_rows_and_groups_are_bars():
    nine = {arm: np.repeat(RANDOM, 2, axis=0)[:9] + gain for arm, gain in (("c", 0.0), ("a", 0.02), ("b", 0.01))}
    drawing = figures.critical_difference_diagram(average_ranks({"x": curves(nine)}))
    assert drawing.figure["layout"]["yaxis"]["ticktext"] == ["a", "b", "c"]
    assert drawing.figure["data"][0]["x"].tolist() == [1, 2, 3]
    # Over nine blocks the critical difference is 1.10: two bars, over the rows 0–1 and 1–2.
    bars = [shape for shape in drawing.figure["layout"]["shapes"] if shape["line"]["width"] == 4]
    assert [(bar["y0"], bar["y1"]) for bar in bars] == [(-0.25, 1.25), (0.75, 2.25)]
    assert drawing.figure["layout"]["annotations"][0]["text"] == "critical difference 1.10"
    assert plain(drawing.reading) == (
        "Over 9 settings and seeds a ranks best (1.00); the ranks differ (Friedman test, p < 0.001); b does not differ significantly from it, 1 is worse."
    )


def test_ranks_of_neighbours_say_nothing_of_others():
    nine = {arm: np.repeat(RANDOM, 2, axis=0)[:9] + gain for arm, gain in (("c", 0.0), ("a", 0.02), ("b", 0.01))}
    found = replace(average_ranks({"x": curves(nine)}), cliques=(("a", "b", "c"),))
    assert plain(figures.critical_difference_diagram(found).reading).endswith("p < 0.001); b, c do not differ significantly from it.")


def test_ranks_without_a_difference():
    found = average_ranks({"x": curves({"a": RANDOM[:2], "b": RANDOM[:2] * [[1.01], [0.99]], "c": [RANDOM[0], [np.nan] * 3]})})
    assert plain(figures.critical_difference_diagram(found).reading) == (
        "Over 1 setting and seed (1 left out because an arm has no finished run there) b ranks best (1.00), "
        "but the Friedman test finds no difference between the 3 (p = 1)."
    )


# Time


def seconds(**totals):
    """Runs of two seeds and one round that take about so long, all in training."""
    table = np.zeros((2, 1, 5))
    table[:, 0, 3] = 1
    return time_per_phase({arm: total * table for arm, total in totals.items()})


def test_time_against_what_it_buys():
    data = curves(
        {"random": RANDOM[:2], "margin": RANDOM[:2] + 0.05, "badge": RANDOM[:2] + 0.02, "unfinished": [[0.5, np.nan, np.nan]] * 2}
    )
    drawing = figures.time_against(data, seconds(random=2.0, margin=5.0, badge=6.0, unfinished=1.0), "final", "random")
    front, points = drawing.figure["data"]
    np.testing.assert_allclose(points["x"], [2, 5, 6])
    np.testing.assert_allclose(points["y"], [0.71, 0.76, 0.73])
    # badge is slower and worse than margin.
    np.testing.assert_allclose(front["x"], [2, 5])
    assert plain(drawing.reading) == (
        "margin is best (76.0 % accuracy at the end in 5.00 s a run), 2.5 times as long as the fastest, random (71.0 % accuracy at the end in 2.00 s a run)."
    )
    assert "log" not in str(drawing.figure["layout"]["xaxis"])
    wide = figures.time_against(data, seconds(random=2.0, margin=500.0, badge=6.0, unfinished=1.0))
    assert wide.figure["layout"]["xaxis"]["type"] == "log"
    names = {note["text"]: note["x"] for note in wide.figure["layout"]["annotations"]}
    assert names["margin"] == pytest.approx(np.log10(500))


def test_time_of_nothing():
    unfinished = curves({"a": [[0.5, np.nan, np.nan]], "b": [[0.5, 0.6, 0.7]]})
    assert "No run is finished yet" in figures.time_against(unfinished, seconds(a=1.0)).reading


# Everything


@pytest.fixture(params=["two", "thirty", "evil", "one seed", "level", "gaps", "loss"])
def case(request):
    """(curves, the same as settings, labelled, seconds)."""
    kind = request.param
    rng = np.random.default_rng(0)
    names = {"thirty": [f"strategy {i}" for i in range(30)], "evil": list(EVIL)}.get(kind, ["random", "margin"])
    s = 1 if kind == "one seed" else 6
    tables = {name: RANDOM[:1] + rng.normal(scale=0.0 if kind == "level" else 0.02, size=(s, 3)) for name in names}
    if kind == "gaps":
        tables = {
            "random": tables["random"],
            "margin": np.where(rng.random((s, 3)) < 0.3, np.nan, tables["margin"]),
            "none": np.full((s, 3), np.nan),
        }
    loss = {"metric": "log_loss", "larger_is_better": False} if kind == "loss" else {}
    data = curves(tables, **loss)
    labelled = {name: {seed: [rng.choice(50, 5, replace=False) for _ in range(3)] for seed in range(s)} for name in data.arms}
    return data, {"x": data, "y": data}, labelled, time_per_phase({name: rng.random((s, 3, 5)) for name in data.arms})


def everything(data, both, labelled, times):
    first = data.arms[0]
    drawings = {
        "curves": figures.curve_bands(data, first),
        "no reference": figures.curve_bands(data),
        "saved": figures.labels_saved_bars(labels_saved(data, float(np.nanmedian(data.values[first])), first), data.metric),
        "wins": figures.win_tie_loss_map(win_tie_loss(both)),
        "penalties": figures.penalty_map(penalties(both)),
        "overlap": figures.overlap_map(selection_overlap(labelled)),
        "time": figures.time_against(data, times, "aubc", first),
        "time at the end": figures.time_against(data, times, "final"),
    }
    whole = Curves(data.metric, data.budgets, data.seeds, {arm: table for arm, table in data.values.items() if np.isfinite(table).any()})
    return {**drawings, "ranks": figures.critical_difference_diagram(average_ranks({"x": whole}))}


def strings(value):
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.dtype == object):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def test_every_figure_of_every_case(case):
    for name, drawing in everything(*case).items():
        drawing.plotly()
        assert drawing.reading.endswith("."), (name, drawing.reading)
        assert not re.search(r"\b(nan|inf)\b", drawing.reading), (name, drawing.reading)
        for text in strings(drawing.figure):
            assert "<script" not in text and "<b>A" not in text and "%{x} &" not in text and "$z$" not in text, (name, text)
        look = drawing.figure["layout"]
        assert "font" not in look and "height" not in look and look["uirevision"], name
