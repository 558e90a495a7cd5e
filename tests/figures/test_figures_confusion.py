from dataclasses import replace

import numpy as np
import pytest

from alviz.figures import confusion_matrix, per_class_recall

NBSP = "\u00a0"
NAMES = ("cat", "dog", "<owl>")


@pytest.fixture
def finished(make_dataset, make_round):
    dataset = make_dataset(9, 3)
    counts = np.array([[6, 4, 0], [1, 9, 0], [0, 0, 0]])
    return make_round(dataset, 1, [0], [0], confusion=counts, recall=np.array([0.6, 0.9, np.nan]))


def test_rows_are_shares_of_the_true_class(finished):
    drawing = confusion_matrix(finished, NAMES)
    heat, pale, dark = drawing.figure["data"]
    np.testing.assert_allclose(heat["z"], [[0.6, 0.4, 0], [0.1, 0.9, 0], [0, 0, 0]], rtol=1e-6)
    assert heat["customdata"].tolist() == finished.confusion.tolist()
    cells = {(y, x): text for trace in (pale, dark) for x, y, text in zip(trace["x"], trace["y"], trace["text"], strict=True)}
    assert cells == {(0, 0): "6", (0, 1): "4", (1, 0): "1", (1, 1): "9"}
    assert drawing.figure["layout"]["yaxis"]["ticktext"] == ["cat", "dog", "&lt;owl&gt;"]
    assert drawing.reading == f"The biggest confusion: 40{NBSP}% of cat (4 of 10) are taken for dog."


def test_many_classes_are_a_bare_heatmap(make_dataset, make_round):
    dataset = make_dataset(100, 100)
    drawing = confusion_matrix(make_round(dataset, 1, [0], [0]), dataset.class_names)
    assert [trace["type"] for trace in drawing.figure["data"]] == ["heatmap"]
    assert drawing.figure["layout"]["xaxis"]["showticklabels"] is False


def test_a_perfect_model_confuses_nothing(finished):
    perfect = replace(finished, confusion=np.diag([5, 5, 1]))
    assert confusion_matrix(perfect, NAMES).reading == "Every one of 11 test samples is recognised."


def test_recall_per_class_leaves_untested_classes_out(finished):
    drawing = per_class_recall(finished, NAMES)
    bars = drawing.figure["data"][0]
    np.testing.assert_array_equal(bars["x"], [0.6, 0.9, np.nan])
    assert drawing.reading == f"dog is recognised best (90{NBSP}%), cat worst (60{NBSP}%)."


def test_recall_of_many_classes_is_sorted_with_the_untested_last(make_dataset, make_round):
    dataset = make_dataset(40, 20)
    recall = np.linspace(1, 0.05, 20)
    recall[3] = np.nan
    bars = per_class_recall(make_round(dataset, 1, [0], [0], recall=recall), dataset.class_names).figure["data"][0]
    assert (np.diff(bars["y"][:-1]) > 0).all()
    assert np.isnan(bars["y"][-1])
    assert bars["text"][-1] == "class 3"
