"""A duel's figures: who picked what, curves before random's band, class counts side by side."""

from dataclasses import replace

import numpy as np
import pytest

from alviz.figures.rivals import duel_balance, duel_curve, duel_map, only_sentence, overlap_html
from alviz.studies.duels import Expectation, picked_when

NBSP = "\u00a0"


@pytest.fixture
def duel(make_dataset, make_round):
    """20 samples of 2 classes; both start with 0 and 1; a picks 2, 3 then 4, 5, b picks 3, 6 then 2, 7."""
    dataset = make_dataset(20, 2)

    def rounds(*picks):
        made, counts = [], np.zeros(2, dtype=np.int64)
        for r, queried in enumerate(picks):
            made.append(make_round(dataset, r, queried, dataset.targets[queried], counts, metrics={"accuracy": 0.6 + 0.1 * r}))
            counts = made[-1].class_counts
        return made

    return dataset, rounds([0, 1], [2, 3], [4, 5]), rounds([0, 1], [3, 6], [2, 7])


def members(drawing):
    return {trace["name"]: trace["alviz_ids"].tolist() for trace in drawing.figure["data"]}


def test_every_sample_is_marked_by_who_picked_it_up_to_the_round_shown(duel):
    dataset, a, b = duel
    points = np.random.default_rng(0).normal(size=(20, 2))
    when = picked_when([a, b], 20)
    drawing = duel_map(points, dataset, ["<a>", "b"], when, shown=2, title="PCA")
    found = members(drawing)
    assert found.pop("pool (12)") == list(range(8, 20))
    assert found == {"common start (2)": [0, 1], "picked by all (2)": [2, 3], "&lt;a&gt; only (2)": [4, 5], "b only (2)": [6, 7]}
    assert drawing.reading == f"Of 6 samples picked since the common start 2 (33{NBSP}%) were picked by both, and by one alone: <a> 2, b 2."
    marks = [trace["marker"].get("symbol") for trace in drawing.figure["data"]]
    assert len(set(marks)) == len(marks), "told apart without colour"
    early = members(duel_map(points, dataset, ["<a>", "b"], when, shown=1))
    assert early["picked by all (1)"] == [3] and early["&lt;a&gt; only (1)"] == [2] and early["b only (1)"] == [6]
    both = next(trace for trace in drawing.figure["data"] if trace["name"].startswith("picked by all"))
    texts = [both["alviz_names"][code] for code in both["alviz_codes"]]
    assert texts[0] == "T-shirt<br>&lt;a&gt;: round 1<br>b: round 2"
    assert "press Step" in duel_map(points, dataset, ["<a>", "b"], when, shown=0).reading


def test_three_strategies_share_by_all_and_by_some(duel):
    dataset, a, b = duel
    c = [replace(finished, queried=np.array(queried)) for finished, queried in zip(a, ([0, 1], [3, 6], [9, 10]), strict=True)]
    found = members(duel_map(np.zeros((20, 2)), dataset, "abc", picked_when([a, b, c], 20), shown=2))
    assert found["picked by all (1)"] == [3] and found["by some (2)"] == [2, 6] and found["c only (2)"] == [9, 10]


def test_the_overlap_is_told_round_by_round_the_last_on_top(duel):
    _, a, b = duel
    html = overlap_html(["<a>", "b"], picked_when([a, b], 20), 2)
    rows = [row.split("<td>") for row in html.split("<tr>")[2:]]
    assert [[cell.split("<")[0] for cell in row[1:]] for row in rows] == [[f"33{NBSP}%", "2", "2", "2"], [f"33{NBSP}%", "1", "1", "1"]]
    assert "<a>" not in html
    assert overlap_html(["a", "b"], picked_when([a[:1], b[:1]], 20), 0) == ""


def test_the_band_is_mean_and_range_and_the_reading_counts_who_is_above(duel):
    _, a, b = duel
    b = [replace(finished, metrics={"accuracy": value}) for finished, value in zip(b, (0.6, 0.5, 0.55), strict=True)]
    values = np.array([[0.6, 0.65, 0.60, 0.9], [0.6, 0.55, 0.70, 0.9], [0.6, 0.60, 0.74, 0.9]])
    random = Expectation(np.array([2, 4, 6, 8]), {"accuracy": values})
    drawing = duel_curve([("a", a), ("b", b)], random)
    band, middle = drawing.figure["data"][:2]
    assert middle["x"].tolist() == [2, 4, 6], "no further than the duel has come"
    np.testing.assert_allclose(middle["y"], [0.6, 0.6, 0.68])
    np.testing.assert_allclose(band["y"], [0.6, 0.65, 0.74, 0.60, 0.55, 0.6])
    assert drawing.reading == (
        "Accuracy with 6 labels: 1 of 2 strategies lies above all 3 runs of random from this start (a 12.0 points above its mean), "
        "1 below (b 13.0 points below its mean); one more run of random would lie above them in 1 of 4 cases."
    )
    low, high = drawing.figure["layout"]["yaxis"]["range"]
    assert low < 0.5 and high > 0.8
    assert "All begin with the same 2 labels" in duel_curve([("a", a), ("b", b)], random, shown_round=0).reading
    assert len(duel_curve([("a", a), ("b", b)], None).figure["data"]) == len(drawing.figure["data"]) - 2


def test_class_counts_stand_side_by_side(duel, make_dataset, make_round):
    dataset, a, b = duel
    drawing = duel_balance(["a", "b"], [a[-1], b[-1]], dataset)
    assert drawing.figure["layout"]["barmode"] == "group"
    assert [bar["x"].tolist() for bar in drawing.figure["data"]] == [[3, 3], [3, 3]]
    assert drawing.reading == "Imbalance ratio: a 0.00, b 0.00, the pool 0.00: as even as one another."
    lone = make_round(dataset, 1, [0, 2], [0, 0])
    assert drawing.figure["data"][0]["marker"]["pattern"] != drawing.figure["data"][1]["marker"]["pattern"]
    assert duel_balance(["a", "b"], [a[-1], lone], dataset).reading == (
        "Imbalance ratio: a 0.00, b 1.00, the pool 0.00: a labels most evenly; b has no label of 1 of 2 classes."
    )
    many = make_dataset(60, 20)
    wide = make_round(many, 0, range(30), many.targets[:30])
    lines = duel_balance(["a", "b"], [wide, wide], many).figure["data"]
    assert [line["type"] for line in lines] == ["scatter", "scatter"] and lines[0]["y"].tolist() == [2] * 10 + [1] * 10


def test_what_one_saw_is_said_by_the_class_that_the_others_miss(make_dataset, make_round):
    dataset = make_dataset(20, 3, class_names=("Coat", "Bag", "Boot"))
    mine = make_round(dataset, 1, [1, 4, 7, 0], [1, 1, 1, 0])
    other = make_round(dataset, 1, [0, 3, 2], [0, 0, 2])
    third = make_round(dataset, 1, [0, 1], [0, 1])
    names = ["margin", "k-center", "random"]
    assert only_sentence(0, names[:2], [mine, other], 4, dataset.class_names).endswith("Of Bag it labelled 3, k-center none.")
    assert (
        only_sentence(1, names[:2], [mine, other], 3, dataset.class_names)
        == "3 samples that no other picked. Of Boot it labelled 1, margin none."
    )
    assert only_sentence(0, names, [mine, other, third], 4, dataset.class_names).endswith(
        "Most beyond the others: Bag, of which it labelled 3, random 1."
    )
    assert only_sentence(2, names, [mine, other, third], 1, dataset.class_names).endswith(
        "of no class has it more labels than every other."
    )
    assert only_sentence(2, names, [mine, other, third], 0, dataset.class_names) == "random picked nothing that no other picked too."
