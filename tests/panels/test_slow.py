"""Slow motion on the Explore page, without a browser."""

from typing import Any

import pytest

from alviz.panels.explore import Explore
from alviz.panels.workbench import Workbench


def started(**config: Any) -> Explore:
    """The page after round 1, with slow motion on."""
    page = Explore(Workbench(**{"dataset": "digits", "n_queries": 3, "budget": 40, **config}))
    for name in ("Start", "Step"):
        press(page, name)
    page.slow.toggle.value = True
    page.workbench.wait(60)
    return page


def press(page: Explore, name: str) -> None:
    page.header.buttons[name].click()
    page.workbench.wait(60)


def names(page: Explore) -> list[str]:
    return [trace["name"] for trace in page.map.plot.figure["data"]]


@pytest.fixture(scope="module")
def shared() -> Explore:
    return started()


def test_there_is_nothing_to_walk_through_before_the_start() -> None:
    page = Explore(Workbench(dataset="digits", n_queries=3, budget=40))
    page.workbench.wait(60)
    assert page.slow.toggle.disabled
    press(page, "Start")
    assert not page.slow.toggle.disabled


def test_the_walk_takes_the_place_of_the_map_and_gives_it_back(shared: Explore) -> None:
    shared.slow.toggle.value = False
    usual = shared.map.plot.alt
    assert shared.slow.player.layout.display == "none" and shared.map.color.layout.display is None
    shared.slow.toggle.value = True
    assert shared.map.plot.alt.startswith("With the model of round 0, margin scores all")
    assert shared.slow.player.layout.display is None and shared.map.color.layout.display == "none"
    assert shared.slow.player.reading == shared.map.plot.alt
    shared.slow.toggle.value = False
    assert shared.map.plot.alt == usual and "images" not in shared.map.plot.figure["layout"]


def test_every_position_is_drawn_and_said(shared: Explore) -> None:
    shared.slow.toggle.value = True
    player = shared.slow.player
    counts = [(phase["name"], phase["first"], phase["count"]) for phase in player.phases]
    assert counts == [("Scores", 0, 1), ("Ranking", 1, 4), ("Picks", 5, 3), ("Labels", 8, 1), ("Model", 9, 1)]
    drawn = player.drawn
    for position, caption in ((1, "ranking"), (5, "picks: 1 of 3"), (7, "picks: 3 of 3"), (8, "labels"), (9, "model")):
        player.position = position
        drawn += 1
        assert (player.caption, player.drawn, player.reading) == (f"Round 1, {caption}", drawn, shared.map.plot.alt)
        assert ("images" in shared.map.plot.figure["layout"]) == caption.startswith("picks")
    player.position = 10**6
    assert player.caption == "Round 1, model"


def test_a_step_is_played_from_its_first_phase_and_a_look_back_waits() -> None:
    page = started()
    player = page.slow.player
    assert not player.playing
    player.position = 6
    press(page, "Step")
    assert (player.caption, player.position, player.playing) == ("Round 2, scores", 0, True)
    player.position = 3
    page.history.timeline.shown = 1
    assert (player.caption, player.position, player.playing) == ("Round 1, scores", 0, False)
    page.history.timeline.shown = 0
    assert player.caption == "Round 0, picks: 1 of 3"
    assert [(phase["count"], bool(phase["why"])) for phase in player.phases] == [(0, True), (0, True), (3, False), (1, False), (1, False)]


def test_a_plane_shows_the_boundary_before_and_after() -> None:
    page = started(dataset="moons")
    page.slow.player.position = 9
    lines = [trace["line"]["dash"] for trace in page.map.plot.figure["data"] if trace["name"] == "boundary"]
    assert lines == ["dot", "solid"]
    assert "The boundary passes over" in page.map.plot.alt
    page.slow.toggle.value = False
    assert "boundary" not in names(page)


def test_what_the_job_before_had_to_say_stays() -> None:
    page = started(dataset="moons")
    view = page.workbench.view
    assert view is not None
    page.workbench.without(int(view.round.queried[0]))
    page.workbench.wait(60)
    assert page.workbench.notice.startswith("Without sample")
