"""Recording: what a lesson shows, as data that a page without Python can have."""

import ipywidgets as widgets
import numpy as np
import pytest

from alviz.figures.base import Drawing, layout
from alviz.panels.guess import Tally, guess
from alviz.panels.plane import plane
from alviz.panels.recording import Recorder, stops
from alviz.panels.shown import Shown, Table
from alviz.panels.tryout import tryout


def test_a_number_that_is_asked_for_is_recorded_with_its_answer_and_what_shows_it() -> None:
    asked = guess("How many <b>?", number=(0, 10), unit="of 10", answer=7, within=1, because="So.", reveal=lambda _: "Seen", tally=Tally())
    node = Recorder().record(asked)
    assert (node["kind"], node["answer"], node["within"], node["truth"], node["because"]) == ("guess", 7.0, 1, "7 of 10", "So.")
    assert node["form"]["state"]["question"] == "How many <b>?" and node["form"]["state"]["told"] == {}
    assert node["evidence"]["parts"] == [{"kind": "html", "html": "<p>Seen</p>"}]


def test_arrays_and_pictures_are_kept_once_and_a_plot_is_not_left_with_a_lasso() -> None:
    x = np.arange(2000, dtype=np.float32)
    figure = {"data": [{"type": "scatter", "x": x, "y": x, "alviz_ids": x.astype(np.int32)}], "layout": layout("one", dragmode="lasso")}
    shown = Shown()
    shown.show([Drawing(figure, "a reading"), Drawing(figure, "again")])
    recorder = Recorder()
    node = recorder.record(shown.widget)
    first, again = (part["state"]["figure"] for part in node["parts"][0]["parts"])
    place = first["data"][0]["x"]["buffer"]
    assert place == again["data"][0]["x"]["buffer"]
    kept = bytes(recorder.buffers)[place["at"] : place["at"] + place["size"]]
    assert np.array_equal(np.frombuffer(kept, np.float32), x)
    assert "alviz_ids" not in first["data"][0] and first["layout"]["dragmode"] is False
    assert recorder.modules["Plot"].count("export default") == 1


def test_a_plane_is_recorded_round_by_round_over_every_background() -> None:
    part = plane(
        dataset="moons", learner="logistic", strategies=["margin", "random"], n_queries=5, steps=2, seed=3, controls=["seed", "overlap"]
    )
    node = Recorder().record(part)
    assert [len(rounds) for rounds in node["plots"].values()] == [3, 3, 3]
    assert all(len(side_by_side) == 2 for rounds in node["plots"].values() for side_by_side in rounds)
    assert node["timeline"]["state"]["titles"] == ["round 0: 5 labels", "round 1: 10 labels", "round 2: 15 labels"]
    runs = part.owner.duel.runs
    for r, titles in enumerate(node["titles"]):
        for run, title in zip(runs, titles, strict=True):
            assert f"<b>{run.name}</b>" in title and f"{100 * run.rounds[r].metrics['accuracy']:.1f}\u00a0%" in title
    assert "Recorded with seed 3 and overlap " in node["note"]


def test_a_plane_that_cannot_be_made_says_why() -> None:
    with pytest.raises(ValueError, match="Choose two to four query strategies"):
        Recorder().record(plane(dataset="moons", strategies=["margin"]))


def test_a_tryout_is_recorded_at_the_stops_of_its_controls() -> None:
    node = Recorder().record(tryout(lambda a, b: Table("Sum", [{"a": str(a), "b": b}]), a=(0, 1, 0.5, 0.5), b=["x", "<y>"], later=True))
    assert node["stops"] == [[0, 0.5, 1.0], ["x", "<y>"]] and node["note"] == ""
    texts = [shown["parts"][0]["html"] for shown in node["shown"]]
    assert len(texts) == 6 and "<td>0.5</td><td>&lt;y&gt;</td>" in texts[3]


def test_too_many_stops_are_thinned_and_the_one_at_the_start_stays() -> None:
    controls = {"common": (1, 100, 1, 80), "rare": (0, 100, 1, 5), "name": ["x", "y"]}
    found = stops(controls, most=50)
    assert len(found["common"]) * len(found["rare"]) * 2 <= 50
    assert 80 in found["common"] and 5 in found["rare"] and found["name"] == ["x", "y"]
    for values in (found["common"], found["rare"]):
        assert len(set(np.diff(values))) == 1 and values[0] >= 0 and values[-1] <= 100
    assert stops({"share": (0.34, 0.98, 0.02, 0.5)})["share"][8] == 0.5


def test_what_cannot_be_thinned_is_refused() -> None:
    with pytest.raises(ValueError, match="9 combinations are too many"):
        stops({"a": ["x", "y", "z"], "b": ["x", "y", "z"]}, most=8)


def test_a_widget_that_needs_python_is_refused() -> None:
    with pytest.raises(ValueError, match="not an ipywidget of type IntSlider"):
        Recorder().record(widgets.VBox([widgets.IntSlider()]))
