import numpy as np
import pytest

from alviz.data.dataset import Dataset
from alviz.figures import toy_plane
from alviz.figures.toy import DRAWN, boundary_points

NBSP = "\u00a0"
X = np.linspace(-1, 1, 21)
Y = np.linspace(-2, 2, 11)


@pytest.fixture
def half_plane():
    """(11, 21, 2) probabilities whose boundary is the line x = 0.05: class 1 wins from x = 0.1 on."""
    p = np.where(np.arange(21) > 10, 0.9, 0.1)
    return np.repeat(np.stack([1 - p, p], axis=1)[None], 11, axis=0)


@pytest.fixture
def row():
    """100 samples on a line: x from −0.99 to 0.99, class by side."""
    x = np.linspace(-0.99, 0.99, 100, dtype=np.float32)
    return Dataset("row", [str(i) for i in range(100)], None, np.stack([x, 0 * x], axis=1), (x > 0).astype(np.int64), ("left", "right"))


def test_the_boundary_lies_between_nodes_of_different_classes(half_plane):
    points = boundary_points(half_plane, X, Y)
    assert len(points) == 11
    np.testing.assert_allclose(points[:, 0], 0.05, atol=1e-12)
    np.testing.assert_allclose(np.sort(points[:, 1]), Y)


def test_picks_near_the_boundary_are_counted(row, half_plane):
    # With 90 samples not labelled before, the nearest tenth are nine: the samples 48 … 56 around x = 0.05.
    labelled = np.r_[0:10, [50, 52, 90, 95]]
    drawing = toy_plane(row, labelled, [50, 52, 90, 95], X, Y, half_plane, accuracy=0.8432)
    assert (
        drawing.reading
        == f"2 of this round's 4 picks lie among the 10{NBSP}% of the pool nearest to the new boundary; accuracy is 84.3{NBSP}%."
    )


def test_states_have_marks_of_their_own(row, half_plane):
    drawing = toy_plane(row, [3, 80, 50], [50], X, Y, half_plane)
    drawn = {trace["name"]: trace for trace in drawing.figure["data"] if "alviz_ids" in trace}
    assert list(drawn) == ["left", "right", "labelled", "just queried"]
    assert drawn["labelled"]["alviz_ids"].tolist() == [3, 80]
    assert drawn["labelled"]["marker"]["symbol"] == ["circle", "square"]
    assert drawn["just queried"]["alviz_ids"].tolist() == [50]
    assert drawn["just queried"]["marker"]["symbol"] == "star"
    assert len(drawn["left"]["x"]) + len(drawn["right"]["x"]) == 97


@pytest.mark.parametrize(("kind", "lead"), [("boundary", 0.5), ("probability", 0.8)])
def test_the_field_is_class_plus_lead(row, half_plane, kind, lead):
    heat = toy_plane(row, [], [], X, Y, half_plane, kind).figure["data"][0]
    # p = 0.9 of two classes is 0.8 of the way from chance to certainty.
    np.testing.assert_allclose(heat["z"][0, :11], lead, rtol=1e-5)
    np.testing.assert_allclose(heat["z"][0, 11:], 1 + lead, rtol=1e-5)
    assert (heat["zmin"], heat["zmax"]) == (0, 2)


def test_the_line_is_where_the_classes_are_level(row, half_plane):
    lines = [trace for trace in toy_plane(row, [], [], X, Y, half_plane).figure["data"] if trace["type"] == "contour"]
    assert len(lines) == 1
    np.testing.assert_allclose(np.abs(lines[0]["z"]), 0.8, rtol=1e-6)
    assert lines[0]["contours"]["start"] == lines[0]["contours"]["end"] == 0


def test_scores_are_drawn_as_they_are(row, half_plane):
    scores = np.outer(Y, X)
    heat, *rest = toy_plane(row, [], [], X, Y, scores, "score", probabilities=half_plane).figure["data"]
    np.testing.assert_allclose(heat["z"], scores, rtol=1e-6)
    assert (heat["zmin"], heat["zmax"]) == (-2, 2)
    assert rest[0]["type"] == "contour"


def test_a_large_pool_is_thinned_evenly_and_always_alike(make_dataset):
    dataset = make_dataset(5000, 2)  # classes take turns: every other sample would be one class only
    drawn = [toy_plane(dataset, [0], [0], X, Y, None).figure["data"] for _ in range(2)]
    sizes = [len(trace["x"]) for trace in drawn[0][:2]]
    assert DRAWN - 5 <= sum(sizes) <= DRAWN
    assert min(sizes) > 0.45 * DRAWN
    np.testing.assert_array_equal(drawn[0][0]["alviz_ids"], drawn[1][0]["alviz_ids"])


def test_a_model_of_one_class_has_no_boundary(row):
    field = np.zeros((11, 21, 2))
    field[..., 0] = 1
    drawing = toy_plane(row, [1], [1], X, Y, field, accuracy=float("nan"))
    assert [trace["type"] for trace in drawing.figure["data"]].count("contour") == 0
    assert drawing.reading == "The model gives one class to the whole plane: there is no boundary yet."


def test_bad_input_is_named(row, half_plane, make_dataset):
    with pytest.raises(ValueError, match=r"^field: wanted \(11, 21, 2\)"):
        toy_plane(row, [], [], X, Y, half_plane[1:])
    with pytest.raises(ValueError, match=r"^field: wanted \(11, 21\) for kind 'score'"):
        toy_plane(row, [], [], X, Y, half_plane, "score")
    with pytest.raises(ValueError, match=r"^kind: wanted"):
        toy_plane(row, [], [], X, Y, half_plane, "colour")  # type: ignore[arg-type]
    wide = Dataset("wide", ["a"], None, np.zeros((1, 3), dtype=np.float32), np.zeros(1, dtype=np.int64), ("a",))
    with pytest.raises(ValueError, match=r"^dataset 'wide'"):
        toy_plane(wide, [], [], X, Y, None)
