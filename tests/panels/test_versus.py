"""The page "You vs strategy" without a browser: what it sends, and what it never sends."""

from typing import Any

import numpy as np
import pytest

import alviz
from alviz.panels.match import Match
from alviz.panels.plot import Plot
from alviz.panels.thumbnails import Thumbnails
from alviz.panels.versus import Versus

SMALL: dict[str, Any] = {"params": {"n": 120, "n_test": 50}, "learner": "linear-svm", "n_queries": 4, "steps": 2}


@pytest.fixture(autouse=True)
def cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path))


def opened(**config: Any) -> Versus:
    page = Versus(Match(**config))
    page.match.wait(60)
    return page


def press(page: Versus, button: Any) -> None:
    button.click()
    page.match.wait(60)
    assert page.match.error == ""


@pytest.fixture
def page() -> Versus:
    page = opened(**SMALL)
    press(page, page.header.buttons["Start"])
    return page


def plain(value: Any) -> Any:
    """What travels to the page, arrays as lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def sent(page: Versus) -> dict[str, Any]:
    """Everything that the boards and grids of the page hold, and their words."""
    stage = page.stage
    yours, its = stage.reveal.plots
    plots: dict[str, Plot] = {"plane": stage.plane.plot, "map": stage.map.plot, "yours": yours, "its": its}
    grids: dict[str, Thumbnails] = {"candidates": stage.candidates.grid, "picked": stage.candidates.picked, "pointed": stage.map.pointed}
    grids |= {f"row {k}": row for k, row in enumerate(stage.reveal.rows)}
    held: dict[str, Any] = {name: (plain(plot.figure), plot.alt) for name, plot in plots.items()}
    return (
        held
        | {name: (grid.items, grid.sprite) for name, grid in grids.items()}
        | {"bar": stage.bar.line.value, "sentence": stage.reveal.sentence.value, "legend": stage.legend.value}
    )


@pytest.mark.parametrize("dataset", ["moons", "digits"])
@pytest.mark.parametrize("unsure", [False, True])
def test_the_classes_of_unlabelled_samples_never_reach_the_page(dataset: str, unsure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pools that differ in nothing but the classes of what neither side has labelled make the very same page."""
    config = {**SMALL, "dataset": dataset, **({} if dataset == "moons" else {"params": {}})}
    told: set[int] = set()
    held = []
    for swapped in (False, True):
        page = opened(**config)
        match = page.match
        truth = match.dataset.targets
        if swapped:
            others = np.setdiff1d(np.arange(len(truth)), list(told))
            truth[others] = (truth[others] + 1) % match.dataset.n_classes
        match.unsure = unsure
        press(page, page.header.buttons["Start"])
        match.choose(match.candidates[:4])
        stages = [sent(page)]
        press(page, page.stage.bar.go)
        told |= {int(i) for turn in match.turns for i in (*turn.yours.queried, *turn.its.queried)}
        stages.append(sent(page))
        page.stage.bar.go.click()
        match.choose(match.candidates[:3])
        held.append([*stages, sent(page)])
    assert held[0] == held[1]
    board = held[0][2]["plane" if dataset == "moons" else "map"][0]["data"]
    points = {trace["name"]: trace for trace in board if "alviz_ids" in trace}
    assert set(points) == {"pool", "labelled", "your picks"}
    assert len(points["labelled"]["x"]) == 8 and len(points["pool"]["x"]) == len(truth) - 8 - 3


def test_clicks_lassos_and_cards_pick_and_take_back(page: Versus) -> None:
    match, stage = page.match, page.stage
    a, b, c, d, e = match.candidates[:5].tolist()
    point = {"trace": 0, "name": "pool", "x": 0, "y": 0}
    stage.plane.plot.clicked = {**point, "id": a, "count": 1}
    assert match.picks == [a] and "1 of 4 picked" in stage.bar.line.value
    stage.candidates.grid.selected = [a, b]
    assert stage.candidates.picked.selected == [a, b]
    stage.plane.plot.selected = [b, c, d, e]
    assert match.picks == [a, b, c, d] and "take one back" in match.notice
    stage.candidates.grid.selected = [a, b, c, d, e]
    assert stage.candidates.grid.selected == [a, b, c, d]
    stage.candidates.picked.selected = [b, c, d]
    assert match.picks == [b, c, d]
    stage.plane.plot.clicked = {**point, "id": c, "count": 2}
    assert match.picks == [b, d]
    stage.plane.plot.clicked = {**point, "id": int(match.turns[0].yours.queried[0]), "count": 3}
    assert match.picks == [b, d] and "alviz-primary" not in stage.bar.go._dom_classes


def test_the_buttons_lead_through_a_match_to_the_score_card(page: Versus) -> None:
    match, bar = page.match, page.stage.bar
    assert page.card_panel.layout.display == "none"
    for r in (1, 2):
        bar.surprise.click()
        assert bar.go.description == "Label and train" and "alviz-primary" in bar.go._dom_classes
        press(page, bar.go)
        assert match.revealed == r and page.stage.plane.widget.layout.display == "none"
        if r == 1:
            assert bar.go.description == "Next round"
            press(page, bar.go)
            assert match.revealed == 0 and page.stage.reveal.widget.layout.display == "none"
    assert page.card_panel.layout.display is None and bar.go.layout.display == "none"
    assert "Rounds won" in page.card.html.value and "strategy=alviz.strategies.create(&#x27;margin&#x27;)" in page.card.code.value
    bar.shown.value = "1"
    assert match.revealed == 1 and "Round 1" in bar.line.value
    start = match.turns[0].its.queried.tolist()
    press(page, page.card.again)
    assert match.position == 0 and match.turns[0].its.queried.tolist() == start
    press(page, page.card.other)
    assert match.config["seed"] == 1 and match.turns[0].its.queried.tolist() != start


def test_the_reveal_marks_whose_picks_are_whose(page: Versus) -> None:
    match = page.match
    pool = alviz.data.create("moons", **SMALL["params"])
    run = alviz.Run(pool, learner="linear-svm", strategy="margin", n_queries=4)
    run.step()
    theirs = run.rounds[1].queried.tolist()
    own = [i for i in match.candidates.tolist() if i not in theirs][:3]
    match.choose([theirs[0], *own])
    press(page, page.stage.bar.go)
    for plot, mine, others in zip(page.stage.reveal.plots, (match.turns[1].yours, match.turns[1].its), (theirs[1:], own), strict=True):
        traces = {trace["name"]: trace for trace in plot.figure["data"] if "alviz_ids" in trace}
        picks, other = traces["picks"], traces["the other's picks"]
        assert picks["alviz_ids"].tolist() == mine.queried.tolist()
        assert [symbol == "hexagram" for symbol in picks["marker"]["symbol"]] == [i == theirs[0] for i in mine.queried]
        assert sorted(other["alviz_ids"].tolist()) == sorted(others)
        for trace in (picks, other):
            names = [trace["alviz_names"][code] for code in trace["alviz_codes"]]
            assert names == [pool.class_names[pool.targets[i]] for i in trace["alviz_ids"]]


def test_the_address_sets_the_match_and_is_shared_again(page: Versus) -> None:
    page.url.query = {"dataset": "digits", "strategy": "bald", "steps": "3", "seed": "-1", "n_queries": "7", "nonsense": "1"}
    config = page.match.config
    assert (config["dataset"], config["learner"], config["steps"], config["n_queries"], config["seed"]) == ("digits", "linear-svm", 3, 7, 0)
    assert config["strategy"] == "margin" and "strategy=bald" in page.match.notice and "seed=-1" in page.match.notice
    assert page.url.share == {"dataset": "digits", "steps": "3", "n_queries": "7"}
    assert "settings changed" in page.header.line.value


def test_a_learner_that_cannot_serve_the_opponent_gets_another(page: Versus) -> None:
    page.settings.fields["learner"].value = "ensemble"
    page.settings.fields["strategy"].value = "bald"
    page.settings.fields["learner"].value = "linear-svm"
    assert page.match.config["strategy"] == "margin" and "opponent is now margin" in page.match.notice


def test_pictures_are_paged_in_an_order_that_stays() -> None:
    page = opened(dataset="digits", steps=1)
    press(page, page.header.buttons["Start"])
    candidates = page.stage.candidates
    first = [item["id"] for item in candidates.grid.items]
    assert len(first) == 60 and candidates.earlier.disabled
    page.match.toggle(first[0])
    candidates.later.click()
    second = [item["id"] for item in candidates.grid.items]
    assert not set(first) & set(second) and candidates.picked.items[0]["id"] == first[0]
    candidates.earlier.click()
    assert [item["id"] for item in candidates.grid.items] == first
    page.stage.map.plot.hovered = second[0]
    assert [item["id"] for item in page.stage.map.pointed.items] == [second[0]]
