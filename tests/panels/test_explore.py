import io
from dataclasses import replace

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

from alviz import strategies
from alviz.panels.explore import Explore
from alviz.panels.workbench import Workbench

SMALL = {"dataset": "digits", "n_queries": 10, "budget": 40}


@pytest.fixture
def page() -> Explore:
    return Explore(Workbench(**SMALL))


def press(page: Explore, name: str) -> None:
    page.header.buttons[name].click()
    page.workbench.wait(60)


def test_the_buttons_drive_a_run(page: Explore) -> None:
    assert page.header.buttons["Step"].disabled and not page.header.buttons["Start"].disabled
    press(page, "Start")
    assert "round 0/3" in page.header.line.value and "10/40 labels" in page.header.line.value
    press(page, "Step")
    assert "round 1/3" in page.header.line.value
    assert len(page.queries.queries.items) == 10
    assert page.map.plot.figure["data"] and page.curve.plot.figure["data"] and page.confusion.plot.figure["data"]
    press(page, "Run")
    assert "round 3/3" in page.header.line.value
    assert page.header.buttons["Step"].disabled
    press(page, "Undo")
    assert "round 2/3" in page.header.line.value
    assert not page.header.buttons["Step"].disabled


def test_every_plot_has_a_reading(page: Explore) -> None:
    press(page, "Start")
    press(page, "Step")
    for plot in (page.map.plot, page.curve.plot, page.balance.plot, page.confusion.plot):
        assert plot.alt.endswith(".") and "nan" not in plot.alt


def test_selecting_in_one_view_marks_in_all(page: Explore) -> None:
    press(page, "Start")
    page.map.plot.selected = [3, 5, 8]
    assert page.workbench.selected == [3, 5, 8]
    assert list(page.queries.queries.selected) == [3, 5, 8]
    assert [item["id"] for item in page.queries.chosen.items] == [3, 5, 8]
    page.queries.queries.selected = [5]
    assert page.workbench.selected == [5]
    assert page.map.plot.selection.tolist() == [5]


def test_what_a_strategy_made_up_is_shown_beside_what_was_asked_in_its_place(page: Explore) -> None:
    press(page, "Start")
    press(page, "Step")
    panel, view = page.queries, page.workbench.view
    assert view is not None and panel.queries.beside == b""
    made = np.random.default_rng(0).integers(0, 256, (10, 8, 8), dtype=np.uint8)
    last = replace(view.round, synthetic=made, note="Ten were made up.")
    page.workbench.view = replace(view, rounds=(*view.rounds[:-1], last))
    sheet = np.asarray(Image.open(io.BytesIO(panel.queries.beside)))
    np.testing.assert_array_equal(sheet[:8, 8:16], made[1])
    assert "Ten were made up. Left: what the strategy made up" in panel.reading.value
    page.workbench.look_at(shown=0)
    assert panel.queries.beside == b"" and "made up" not in panel.reading.value


def test_strategies_a_learner_cannot_serve_are_greyed_out_and_say_why(page: Explore) -> None:
    entries = {entry["value"]: entry for entry in page.settings.fields["strategy"].options}
    assert set(entries) == set(strategies.available())
    assert entries["bald"]["disabled"] and entries["bald"]["why"] == "needs a learner like ensemble or mlp-dropout"
    assert not entries["margin"]["disabled"]
    page.settings.fields["learner"].value = "ensemble"
    entries = {entry["value"]: entry for entry in page.settings.fields["strategy"].options}
    assert not entries["bald"]["disabled"]


def test_a_learner_that_cannot_serve_the_strategy_falls_back_and_says_so(page: Explore) -> None:
    page.settings.fields["learner"].value = "ensemble"
    page.settings.fields["strategy"].value = "bald"
    page.settings.fields["learner"].value = "linear-svm"
    assert page.workbench.config["strategy"] == "margin"
    assert "cannot serve bald" in page.workbench.notice


def test_the_strategy_card_follows_the_choice_and_is_escaped(page: Explore) -> None:
    for name in ("margin", "k-center"):
        page.settings.fields["strategy"].value = name
        assert strategies.card(name).title in page.settings.card.value
        assert "<script" not in page.settings.card.value


def test_two_dimensional_pools_have_sliders_and_pictures_have_an_imbalance(page: Explore) -> None:
    assert page.settings.sliders["overlap"].layout.display == "none"
    page.settings.fields["dataset"].value = "moons"
    assert page.settings.sliders["overlap"].layout.display is None
    assert page.settings.imbalance.widget.layout.display == "none"
    page.settings.sliders["label_noise"].value = 0.2
    assert page.workbench.config["params"] == {"label_noise": 0.2}
    press(page, "Start")
    assert page.workbench.error == ""
    assert page.workbench.view is not None and page.workbench.view.dataset.spec["params"]["label_noise"] == 0.2


def test_the_address_sets_the_page_and_wrong_parts_are_said(page: Explore) -> None:
    wrong = {"learner": "<b>no</b>", "n_queries": "-3", "overlap": "nan"}
    page.url.query = {"dataset": "moons", "strategy": "entropy", "seed": "7", "label_noise": "0.25", "other": "x", **wrong}
    config = page.workbench.config
    assert (config["dataset"], config["strategy"], config["seed"]) == ("moons", "entropy", 7)
    assert config["params"] == {"label_noise": 0.25}
    assert "overlap" in page.workbench.notice
    assert "learner" in page.workbench.notice and "n_queries" in page.workbench.notice
    assert "&lt;b&gt;" in page.header.message.value and "<b>no" not in page.header.message.value


def test_errors_are_escaped(page: Explore) -> None:
    page.workbench.error = "<img src=x onerror=alert(1)>"
    assert "<img" not in page.header.message.value


def test_controls_are_locked_while_something_runs(page: Explore) -> None:
    page.workbench.busy = True
    assert all(field.disabled for field in page.settings.fields.values())
    assert page.header.buttons["Start"].disabled and not page.header.buttons["Cancel"].disabled
    page.workbench.busy = False
    assert not any(field.disabled for field in page.settings.fields.values())


def test_the_timeline_looks_back(page: Explore) -> None:
    press(page, "Start")
    press(page, "Run")
    page.history.timeline.shown = 1
    assert "round 1/3" in page.header.line.value
    assert page.history.timeline.last == 3


def test_the_page_is_one_widget() -> None:
    assert isinstance(Explore(Workbench()).widget, widgets.VBox)


def test_a_step_draws_every_plot_once(page: Explore) -> None:
    press(page, "Start")
    press(page, "Step")
    drawn: list[str] = []
    plots = {
        "map": page.map.plot,
        "why": page.why.plot,
        "curve": page.curve.plot,
        "balance": page.balance.plot,
        "confusion": page.confusion.plot,
    }
    for name, plot in plots.items():
        plot.observe(lambda _, name=name: drawn.append(name), ["figure"])
    press(page, "Step")
    assert sorted(drawn) == sorted(plots)
    drawn.clear()
    press(page, "Start")
    assert drawn.count("map") == 1 and drawn.count("curve") == 1


def test_the_caption_says_what_the_axes_of_the_map_are(page: Explore) -> None:
    press(page, "Start")
    assert "PCA: the two axes hold" in page.map.plot.alt


def test_each_picture_says_what_the_model_wavered_between(page: Explore) -> None:
    press(page, "Start")
    press(page, "Step")
    view = page.workbench.view
    assert view is not None
    for item in page.queries.queries.items:
        p = view.rounds[0].probabilities[item["id"]]
        first, second = p.argsort()[::-1][:2]
        names = view.dataset.class_names
        assert item["lines"][:2] == [f"pred. {names[first]}\t{p[first]:.0%}", f"or {names[second]}\t{p[second]:.0%}"]
        assert item["lines"][2].startswith("score\t−")


def test_why_shows_the_scores_and_says_when_there_are_none(page: Explore) -> None:
    press(page, "Start")
    assert "Step once" in page.why.plot.empty and not page.why.plot.figure
    press(page, "Step")
    assert "picks score higher than" in page.why.plot.alt
    stars = page.why.plot.figure["data"][1]
    assert sorted(stars["alviz_ids"]) == sorted(item["id"] for item in page.queries.queries.items)
    page.why.what.value = "times"
    assert "in the phase" in page.why.plot.alt
    page.why.what.value = "classes"
    assert "Round 1 took" in page.why.plot.alt


def test_a_selection_is_counted_and_cleared(page: Explore) -> None:
    assert page.queries.selection.layout.display == "none"
    page.workbench.wait(60)
    page.map.plot.selected = [3, 5, 8]  # before there is a run
    assert "3 selected samples" in page.queries.heading.value
    assert [item["lines"] for item in page.queries.chosen.items] == [["in the pool"]] * 3
    press(page, "Start")
    queried = page.workbench.view.round.queried.tolist()  # type: ignore[union-attr]
    page.queries.queries.selected = queried[:1]
    assert "1 selected sample<" in page.queries.heading.value
    assert page.queries.chosen.layout.display == "none", "it is among the queries already"
    page.queries.clear.click()
    assert page.workbench.selected == [] and page.map.plot.selection.tolist() == []
    assert page.queries.selection.layout.display == "none"


def test_a_large_selection_is_shown_in_part(page: Explore) -> None:
    press(page, "Start")
    page.map.plot.selected = list(range(1000))
    assert len(page.queries.chosen.items) + page.queries.chosen.hidden == 1000


def test_settings_that_no_longer_fit_the_run_are_said(page: Explore) -> None:
    press(page, "Start")
    assert "settings changed" not in page.header.line.value
    page.settings.fields["seed"].value = 5
    assert "settings changed" in page.header.line.value
    press(page, "Start")
    assert "settings changed" not in page.header.line.value


def test_a_link_may_ask_for_a_strategy_that_only_its_learner_can_serve(page: Explore) -> None:
    page.url.query = {"learner": "ensemble", "strategy": "bald"}
    assert page.workbench.notice == ""
    assert (page.workbench.config["learner"], page.workbench.config["strategy"]) == ("ensemble", "bald")
    assert page.url.share["learner"] == "ensemble" and page.url.share["strategy"] == "bald"


def test_a_link_to_data_brings_the_rounds_that_suit_them(page: Explore) -> None:
    page.url.query = {"dataset": "moons"}
    config = page.workbench.config
    assert (config["n_queries"], config["budget"]) == (5, 100)
    assert "n_queries" not in page.url.share and "budget" not in page.url.share
    page.url.query = {"dataset": "moons", "budget": "50"}
    assert (page.workbench.config["n_queries"], page.workbench.config["budget"]) == (5, 50)
    assert page.url.share["budget"] == "50"


def test_a_hidden_message_takes_no_room(page: Explore) -> None:
    assert page.header.message.layout.display == "none"
    page.workbench.error = "No."
    assert page.header.message.layout.display is None
