import numpy as np
import pytest

from alviz.figures import embedding_map, palette
from alviz.figures.embedding import GL_FROM

NBSP = "\u00a0"


def pointed(drawing):
    """The traces that hold samples, without those that only make legend entries."""
    return [trace for trace in drawing.figure["data"] if "alviz_ids" in trace]


def traces(drawing):
    return {trace["name"]: trace for trace in pointed(drawing)}


def legend(drawing):
    """Legend entry -> the names of the traces that clicking it hides."""
    data = drawing.figure["data"]
    entries = [trace for trace in data if trace.get("showlegend", True)]
    return {
        e["name"]: [t["name"] for t in pointed(drawing) if t is e or t.get("legendgroup", t["name"]) == e.get("legendgroup")]
        for e in entries
    }


def ids_of(trace):
    return sorted(trace["alviz_ids"].tolist())


@pytest.fixture
def small(make_dataset, make_round):
    """12 samples of 3 classes taking turns; 0, 1 labelled in round 0, 2, 3 in round 1 and 4 in round 2."""
    dataset = make_dataset(12, 3)
    labelled_in_round = np.full(12, -1)
    labelled_in_round[[0, 1, 2, 3, 4]] = [0, 0, 1, 1, 2]
    return dataset, make_round(dataset, 1, [3, 2], [0, 2], before=[1, 1, 0]), labelled_in_round


def test_every_sample_is_drawn_once_in_the_trace_of_its_state(small):
    dataset, finished, labelled_in_round = small
    drawn = traces(embedding_map(dataset.features, dataset, finished, labelled_in_round))
    assert list(drawn) == ["T-shirt", "Trouser", "Pullover", "labelled", "just queried"]
    # Sample 4 is labelled later than the shown round, so it is still pool.
    assert [ids_of(trace) for trace in drawn.values()] == [[6, 9], [4, 7, 10], [5, 8, 11], [0, 1], [2, 3]]
    assert drawn["just queried"]["marker"]["symbol"] == "star"
    assert drawn["just queried"]["marker"]["color"] == palette.ACCENT
    for trace in drawn.values():
        np.testing.assert_array_equal(np.stack([trace["x"], trace["y"]], axis=1), dataset.features[trace["alviz_ids"]])
        np.testing.assert_array_equal(trace["customdata"][:, 0], trace["alviz_ids"])


def test_hidden_classes_are_grey_until_labelled(small):
    dataset, finished, labelled_in_round = small
    drawn = traces(embedding_map(dataset.features, dataset, finished, labelled_in_round, reveal=False))
    assert list(drawn) == ["pool", "labelled", "just queried"]
    assert drawn["pool"]["marker"]["color"] == palette.POOL
    assert not any("T-shirt<br>" in name for name in drawn["pool"]["alviz_names"]), "hovering tells no true class either"
    rings = drawn["labelled"]
    assert rings["marker"]["color"][rings["alviz_ids"].tolist().index(1)] == 1


def test_the_legend_explains_every_class_by_the_ring_of_its_labelled_samples(small):
    dataset, finished, labelled_in_round = small
    drawing = embedding_map(dataset.features, dataset, finished, labelled_in_round)
    assert list(legend(drawing)) == ["T-shirt", "Trouser", "Pullover", "pool", "labelled", "just queried"]
    assert legend(drawing)["Trouser"] == ["Trouser"] and legend(drawing)["labelled"] == ["labelled"]
    entry = next(trace for trace in drawing.figure["data"] if trace["name"] == "Trouser" and "alviz_ids" not in trace)
    rings = traces(drawing)["labelled"]
    at = rings["alviz_ids"].tolist().index(1)  # a trouser
    assert entry["marker"]["symbol"] == rings["marker"]["symbol"][at]
    assert entry["marker"]["color"] == traces(drawing)["Trouser"]["marker"]["color"]
    assert "opacity" not in entry["marker"], "pale points are hard to match with their entry"


def test_with_hidden_classes_the_legend_names_those_that_have_been_labelled(small):
    dataset, finished, labelled_in_round = small
    drawing = embedding_map(dataset.features, dataset, finished, labelled_in_round, reveal=False)
    assert list(legend(drawing)) == ["T-shirt", "Trouser", "pool", "labelled", "just queried"]


def test_rings_show_what_the_oracle_said_not_the_truth(small):
    dataset, finished, labelled_in_round = small
    labels = np.full(12, -1)
    labels[[0, 1, 2, 3]] = [2, 1, 2, 0]
    rings = traces(embedding_map(dataset.features, dataset, finished, labelled_in_round, labels=labels))["labelled"]
    assert dict(zip(rings["alviz_ids"].tolist(), rings["marker"]["color"].tolist(), strict=True)) == {0: 2, 1: 1}


def test_hovering_names_class_prediction_and_confidence(small):
    dataset, finished, labelled_in_round = small
    finished.probabilities[7] = [0.1, 0.2, 0.7]
    trace = traces(embedding_map(dataset.features, dataset, finished, labelled_in_round))["Trouser"]
    at = trace["alviz_ids"].tolist().index(7)
    assert trace["alviz_names"][trace["alviz_codes"][at]] == "Trouser<br>predicted Pullover"
    np.testing.assert_allclose(trace["customdata"][at], [7, 0.7, finished.scores[7]], rtol=1e-6)


def test_colour_by_prediction_groups_by_the_models_answer(small):
    dataset, finished, labelled_in_round = small
    finished.probabilities[:] = [0.1, 0.8, 0.1]
    finished.probabilities[:3] = [0.8, 0.1, 0.1]
    drawing = embedding_map(dataset.features, dataset, finished, labelled_in_round, color="prediction")
    assert ids_of(traces(drawing)["Trouser"]) == list(range(4, 12))
    assert "T-shirt" not in traces(drawing)
    assert drawing.reading == f"The model takes 75{NBSP}% of all samples for Trouser, which 33{NBSP}% are."


def test_colour_by_score_shows_scores_and_sets_the_unscored_apart(small, make_round):
    dataset, _, labelled_in_round = small
    scores = np.full(12, np.nan)
    scores[[3, 2, 5, 6, 7]] = [0.9, 0.8, 0.1, 0.2, 0.3]
    finished = make_round(dataset, 1, [3, 2], [0, 2], before=[1, 1, 0], scores=scores)
    drawing = embedding_map(dataset.features, dataset, finished, labelled_in_round, color="score")
    drawn = traces(drawing)
    assert ids_of(drawn["pool"]) == [5, 6, 7]
    np.testing.assert_allclose(drawn["pool"]["marker"]["color"], [0.1, 0.2, 0.3], rtol=1e-6)
    assert (np.diff(drawn["pool"]["marker"]["size"]) > 0).all(), "size says it too"
    assert ids_of(drawn["not scored"]) == [4, 8, 9, 10, 11]
    assert drawing.reading == "Round 1's scores run from 0.100 to 0.900; the middle sample has 0.300."


def test_colour_by_round_tells_when_samples_were_labelled(small):
    dataset, finished, labelled_in_round = small
    drawing = embedding_map(dataset.features, dataset, finished, labelled_in_round, color="round")
    rings = traces(drawing)["labelled"]
    assert rings["marker"]["color"].tolist() == [0, 0]
    assert rings["marker"]["colorbar"]["dtick"] == 1, "no ticks between rounds"
    assert drawing.reading == f"4 of 12 samples (33{NBSP}%) are labelled, 2 of them in round 1."


def test_the_reading_names_the_class_taken_most_beyond_its_share(make_dataset, make_round):
    dataset = make_dataset(100, 10)
    labelled_in_round = np.full(100, -1)
    queried = [7, 17, 27, 37, 0, 1, 2, 3, 4, 5]
    labelled_in_round[queried] = 3
    finished = make_round(dataset, 3, queried, dataset.targets[queried])
    drawing = embedding_map(dataset.features, dataset, finished, labelled_in_round)
    assert drawing.reading == f"Round 3 took 40{NBSP}% Sneaker; the pool has 10{NBSP}%."


def test_many_classes_are_one_trace(make_dataset, make_run):
    dataset = make_dataset(600, 100)
    rounds, labelled_in_round = make_run(dataset, 2, 20)
    drawing = embedding_map(dataset.features, dataset, rounds[-1], labelled_in_round)
    drawn = pointed(drawing)
    assert [trace["name"] for trace in drawn] == list(legend(drawing)) == ["pool", "labelled", "just queried"]
    np.testing.assert_array_equal(drawn[0]["marker"]["color"], dataset.targets[drawn[0]["alviz_ids"]])


@pytest.mark.parametrize(("n", "kind"), [(GL_FROM, "scatter"), (GL_FROM + 1, "scattergl")])
def test_large_maps_are_drawn_by_webgl_as_a_whole(make_dataset, make_run, n, kind):
    dataset = make_dataset(n, 3)
    rounds, labelled_in_round = make_run(dataset, 2, 20)
    drawn = pointed(embedding_map(dataset.features, dataset, rounds[-1], labelled_in_round))
    assert {trace["type"] for trace in drawn} == {kind}


def test_before_the_start_there_is_only_the_pool(make_dataset):
    dataset = make_dataset(10, 2)
    drawing = embedding_map(dataset.features, dataset, None, np.full(10, -1))
    assert sum(len(trace["x"]) for trace in pointed(drawing)) == 10
    assert drawing.reading == "Nothing is labelled yet: 10 samples in the pool."


def test_the_corner_names_projection_and_quality(small):
    dataset, finished, labelled_in_round = small
    drawing = embedding_map(dataset.features, dataset, finished, labelled_in_round, title="UMAP", trustworthiness=0.9312)
    assert drawing.figure["layout"]["annotations"][0]["text"] == "UMAP · trustworthiness 0.93"
    assert drawing.figure["layout"]["yaxis"]["scaleanchor"] == "x"
    unmeasured = embedding_map(dataset.features, dataset, finished, labelled_in_round, title="PCA", trustworthiness=float("nan"))
    assert unmeasured.figure["layout"]["annotations"][0]["text"] == "PCA"


@pytest.mark.parametrize(("points", "color", "named"), [(np.zeros((11, 2)), "class", "points"), (np.zeros((12, 2)), "colour", "color")])
def test_bad_input_is_named(small, points, color, named):
    dataset, finished, labelled_in_round = small
    with pytest.raises(ValueError, match=f"^{named}: wanted"):
        embedding_map(points, dataset, finished, labelled_in_round, color=color)
