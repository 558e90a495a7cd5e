import numpy as np
import pytest

import alviz
from alviz.panels.duel import Duel, plane
from alviz.panels.toy import Toy

SMALL = {"params": {"n": 120, "n_test": 50}, "learner": "linear-svm", "strategies": ["random", "margin", "k-center"], "steps": 2}


@pytest.fixture
def page() -> Toy:
    return Toy(Duel(**SMALL))


def press(page: Toy, name: str) -> None:
    page.header.buttons[name].click()
    page.duel.wait(60)
    assert page.duel.error == ""


def test_all_strategies_start_from_the_same_labels_and_step_together(page: Toy) -> None:
    press(page, "Start")
    runs = page.duel.runs
    assert [run.name for run in runs] == SMALL["strategies"]
    assert len({tuple(run.rounds[0].queried) for run in runs}) == 1
    assert len({run.rounds[0].metrics["accuracy"] for run in runs}) == 1
    press(page, "Step")
    assert [run.position for run in runs] == [1, 1, 1]
    assert "round 1/2" in page.header.line.value and "10/15 labels" in page.header.line.value
    press(page, "Run")
    assert [run.position for run in runs] == [2, 2, 2]
    press(page, "Undo")
    assert [run.position for run in runs] == [1, 1, 1]


def test_the_plane_shows_the_models_probabilities_on_the_grid(page: Toy) -> None:
    press(page, "Start")
    press(page, "Step")
    plane = page.duel.planes[1]
    for row, column in ((0, 0), (10, 40), (63, 5)):
        point = np.array([[plane.x[column], plane.y[row]]], dtype=np.float32)
        assert np.allclose(plane.probabilities[row, column], plane.run.model(1).predict_proba(point)[0], atol=1e-6)


def test_the_score_over_the_plane_is_the_strategys_formula(page: Toy) -> None:
    page.duel.config = {**page.duel.config, "kind": "score"}
    press(page, "Start")
    press(page, "Step")
    margin, k_center = page.duel.planes[1], page.duel.planes[2]
    p = np.sort(margin.probabilities, axis=2)
    order = np.argsort(margin.field.ravel())
    naive = (p[..., -1] - p[..., -2]).ravel()
    assert naive[order[-1]] <= naive[order[0]]
    assert np.corrcoef(-naive, margin.field.ravel())[0, 1] > 0.999
    points = np.stack([c.ravel() for c in np.meshgrid(k_center.x, k_center.y)], axis=1)
    labelled = k_center.run.dataset.features[k_center.run.state.labelled]
    nearest = np.sqrt(((points[:, None] - labelled[None]) ** 2).sum(axis=2)).min(axis=1)
    assert np.corrcoef(nearest, np.sqrt(np.abs(k_center.field.ravel())))[0, 1] > 0.95


def test_the_table_is_the_same_as_runs_made_by_hand(page: Toy) -> None:
    page.duel.config = {**page.duel.config, "seeds": 3}
    page.duel.make_table()
    page.duel.wait(120)
    table = page.duel.table
    dataset = alviz.data.create("gaussians", **SMALL["params"])
    for k, name in enumerate(SMALL["strategies"]):
        run = alviz.Run(dataset, strategy=name, learner="linear-svm", n_queries=5, seed=2)
        run.goto(2)
        assert table["accuracy"][k, 2].tolist() == [r.metrics["accuracy"] for r in run.rounds]
    assert "3 seeds" in page.table.html.value


def test_a_strategy_failing_in_mid_step_takes_the_others_back(page: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    press(page, "Start")

    def fails(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(page.duel.runs[2].strategy, "select", fails)
    page.header.buttons["Step"].click()
    page.duel.wait(60)
    assert "the disk is full" in page.duel.error
    assert [run.position for run in page.duel.runs] == [0, 0, 0]


def test_one_strategy_is_refused_with_a_sentence(page: Toy) -> None:
    page.duel.config = {**page.duel.config, "strategies": ["margin", "none", "none", "none"]}
    page.header.buttons["Start"].click()
    page.duel.wait(60)
    assert "two to four" in page.duel.error


def test_a_learner_that_cannot_serve_a_strategy_gets_another(page: Toy) -> None:
    page.settings.fields["learner"].value = "ensemble"
    page.settings.strategies[0].value = "bald"
    page.settings.fields["learner"].value = "linear-svm"
    assert "bald" not in page.duel.config["strategies"]
    press(page, "Start")


def test_the_address_sets_the_page(page: Toy) -> None:
    page.url.query = {"dataset": "moons", "strategies": "margin,random", "steps": "4", "seed": "x"}
    config = page.duel.config
    assert (config["dataset"], config["strategies"], config["steps"], config["seed"]) == ("moons", ["margin", "random"], 4, 0)


def test_the_pool_is_there_before_the_start_and_follows_the_sliders(page: Toy) -> None:
    page.duel.wait(60)
    assert "120 samples, none labelled yet" in page.planes.plots[0].alt
    assert sum(len(trace["x"]) for trace in page.planes.plots[2].figure["data"]) == 120
    before = page.planes.plots[0].figure["data"][0]["x"]
    page.settings.sliders["overlap"].value = 0.9
    page.duel.wait(60)
    assert not np.array_equal(page.planes.plots[0].figure["data"][0]["x"], before)


def test_a_run_stops_at_the_rounds_set_and_says_so(page: Toy) -> None:
    press(page, "Start")
    press(page, "Run")
    page.header.buttons["Run"].click()
    page.duel.wait(60)
    assert "all 2 rounds are done" in page.duel.error.lower()
    assert page.duel.position == 2
    press(page, "Step")
    assert page.duel.position == 3


def test_a_page_that_lags_behind_is_shown_the_end_of_a_run_only(page: Toy) -> None:
    press(page, "Start")
    shown: list[int] = []
    page.duel.observe(lambda change: shown.append(change["new"][0].shown), ["planes"])
    page.duel.keeps_up = lambda: False
    press(page, "Run")
    assert shown == [2]


def test_looking_back_draws_once_and_ends_where_it_was_asked_last(page: Toy) -> None:
    press(page, "Start")
    press(page, "Run")
    drawn: list[int] = []
    page.duel.observe(lambda change: drawn.append(change["new"][0].shown), ["planes"])
    page.planes.timeline.shown = 1
    page.duel.wait(60)
    assert drawn == [1]
    page.duel.observe(lambda change: change["new"] == "drawing the plane" and page.duel.look_at(0), ["phase"])
    page.planes.timeline.shown = 2
    page.duel.wait(60)
    assert page.duel.shown == 0
    assert page.planes.timeline.shown == 0


def test_the_runs_on_the_page_stay_beside_the_table(page: Toy) -> None:
    page.duel.config = {**page.duel.config, "seeds": 2}
    press(page, "Start")
    press(page, "Step")
    page.duel.make_table()
    page.duel.wait(120)
    assert page.table.html.value.count("<table") == 2


def test_settings_that_no_longer_fit_the_runs_are_said(page: Toy) -> None:
    press(page, "Start")
    assert "settings changed" not in page.header.line.value
    page.settings.fields["seed"].value = 5
    assert "settings changed" in page.header.line.value


def test_a_link_to_a_learner_gets_strategies_it_can_serve_and_wrong_parts_are_said(page: Toy) -> None:
    page.duel.config = {**page.duel.config, "strategies": ["random", "bald"]}
    page.url.query = {"learner": "rbf-svm", "n_queries": "0", "strategies": "margin,<b>"}
    assert "bald" not in page.duel.config["strategies"] and len(page.duel.config["strategies"]) == 2
    assert "n_queries=0" in page.duel.notice and "strategies" in page.duel.notice
    assert "<b>" not in page.header.message.value


def test_another_background_chosen_in_mid_step_is_drawn_after_it(page: Toy) -> None:
    press(page, "Start")
    page.duel.observe(lambda change: change["new"] == "training" and setattr(page.planes.kind, "value", "score"), ["phase"])
    press(page, "Step")
    assert page.duel.shown == 1
    assert {plane.kind for plane in page.duel.planes} == {"score"}
    assert "deeper violet" in page.planes.legend.value


def test_a_background_that_cannot_be_drawn_is_said_once(page: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    press(page, "Start")
    tried: list[str] = []

    def fails(run: object, shown: int, kind: str) -> None:
        tried.append(kind)
        raise ValueError("no scores for points")

    monkeypatch.setattr("alviz.panels.duel.plane", fails)
    page.planes.kind.value = "score"
    page.duel.wait(60)
    assert page.duel.error == "No scores for points"
    assert tried == ["score"]


@pytest.mark.parametrize("name", ["boss-oracle", "expected-error-reduction"])
def test_a_strategy_that_cannot_score_points_of_the_plane_gives_none(name: str) -> None:
    pool = alviz.data.create("gaussians", n=60, n_test=20)
    run = alviz.Run(pool, strategy=name, n_queries=4, seed=1)
    run.goto(1)
    assert np.isnan(plane(run, 0, "score").field).all()
