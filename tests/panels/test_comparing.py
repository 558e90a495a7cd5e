import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alviz.panels.compare import Compare
from alviz.panels.comparing import Comparing
from alviz.panels.workbench import Workbench
from alviz.report.views import VIEWS
from alviz.studies import Store
from alviz.studies.compare import table

SMALL = {"datasets": ["digits"], "strategies": ["random", "margin"], "n_queries": [15], "rounds": 2, "seeds": 2}


def opened(store: Store | None, **spec: Any) -> Compare:
    page = Compare(Comparing(store, **{**SMALL, **spec}))
    page.comparing.wait(60)
    return page


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store in which the runs of SMALL have been made by the page's button."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALVIZ_CACHE", str(tmp_path_factory.mktemp("cache")))
        kept = Store(f"sqlite:///{tmp_path_factory.mktemp('store') / 'runs.db'}")
        page = opened(kept)
        page.header.buttons["Run"].click()
        page.comparing.wait(300)
        assert page.comparing.error == "" and page.comparing.failed == {}
        yield kept


@pytest.fixture
def page(store: Store) -> Compare:
    return opened(store)


def empty(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'runs.db'}")


def test_before_anything_was_run_the_page_says_what_to_do(tmp_path: Path) -> None:
    page = opened(empty(tmp_path))
    assert "0/4 runs · 0/12 rounds" in page.header.line.value
    assert not page.header.buttons["Run"].disabled and page.header.buttons["Cancel"].disabled
    assert page.findings.figures["wins"].layout.display == "none" and "press Run" in page.findings.plots["curves"].empty
    assert page.runs.plot.alt.startswith("0 of 4 runs are finished")


def test_what_was_run_is_drawn_and_counted(page: Compare) -> None:
    assert "4/4 runs · 12/12 rounds" in page.header.line.value
    assert page.header.buttons["Run"].disabled
    assert page.runs.plot.alt.startswith("4 of 4 runs are finished")
    for view in VIEWS:
        assert page.findings.plots[view.name].figure["data"] and page.findings.plots[view.name].alt, view.name
    said = page.findings.told.value
    assert "2 seeds cannot decide" in said and "on average over the budget" in said
    assert said.count('<th scope="row">') == 2
    assert page.settings.which.value == page.comparing.grid.key  # type: ignore[union-attr]


def test_more_of_the_same_goes_on_from_what_there_is(page: Compare) -> None:
    page.settings.numbers["rounds"].value = 3
    page.comparing.wait(60)
    assert "0/4 runs · 12/16 rounds" in page.header.line.value
    page.settings.numbers["seeds"].value = 3
    page.settings.numbers["rounds"].value = 1
    page.comparing.wait(60)
    assert "4/6 runs · 8/12 rounds" in page.header.line.value


def test_chips_make_the_grid_and_entries_with_settings_keep_them(page: Compare) -> None:
    page.comparing.spec = {**SMALL, "learners": [{"name": "knn", "n_neighbors": 3}]}
    assert page.settings.parts["learners"].value == ["knn (n_neighbors=3)"]
    page.settings.parts["learners"].value = ["knn (n_neighbors=3)", "linear-svm"]
    page.settings.parts["n_queries"].value = ["15", "30"]
    grid = page.comparing.grid
    assert grid is not None and [part.spec() for part in grid.learners] == [
        {"name": "knn", "params": {"n_neighbors": 3}},
        {"name": "linear-svm", "params": {}},
    ]
    assert grid.n_queries == (15, 30) and len(grid) == 2 * 2 * 2 * 2


def test_what_cannot_be_run_is_said_and_comes_back(page: Compare) -> None:
    page.settings.parts["n_queries"].value = ["15", "<b>many"]
    assert "n_queries[1]" in page.settings.problem.value and "<b>many" not in page.settings.problem.value
    assert page.comparing.grid is None and page.header.buttons["Run"].disabled
    page.settings.parts["n_queries"].value = ["15"]
    assert page.comparing.problem == "" and page.settings.problem.layout.display == "none"


def test_the_grid_as_text_can_be_changed_and_what_is_none_is_refused(page: Compare) -> None:
    given = json.loads(page.settings.text.value)
    page.settings.text.value = "{not json"
    assert "JSONDecodeError" in page.settings.text.note and page.comparing.grid is not None
    page.settings.text.value = json.dumps({**given, "strategies": ["random", "marginn"]})
    assert "margin" in page.settings.text.note and page.settings.parts["strategies"].value == ["random", "margin"]
    page.settings.text.value = json.dumps({**given, "strategies": ["random", {"name": "k-center", "label": "mine"}]})
    assert page.settings.text.note == "" and page.settings.parts["strategies"].value == ["random", "mine"]


def click(page: Compare, seed: int, row: int) -> None:
    page.runs.plot.clicked = {"id": None, "trace": 0, "name": "", "x": seed, "y": row, "count": 1}


def test_a_run_is_chosen_and_opened_in_explore_at_any_round(page: Compare, store: Store) -> None:
    click(page, 1, 1)
    found = table(page.comparing.grid, store)  # type: ignore[arg-type]
    mine = found[(found.strategy == "margin") & (found.seed == 1)]
    assert "<b>margin</b>, digits, seed 1: 2 rounds, 45 labels" in page.runs.told.value
    page.runs.round.value = 1
    run = mine.run.iloc[0]
    assert f'href="explore?run={run}&amp;round=1&amp;budget=45"' in page.runs.link.value
    bench = Workbench(store=store)
    bench.resume(run, 1)
    bench.wait(60)
    assert bench.view is not None and bench.view.shown == 1 and len(bench.view.rounds) == 3
    np.testing.assert_allclose(bench.view.round.metrics["accuracy"], mine.accuracy.iloc[1])


def test_the_question_is_changed_by_menus_and_by_the_address(page: Compare) -> None:
    fields = page.findings.fields
    fields["metric"].value = "log_loss"
    fields["measure"].value = "final"
    fields["reference"].value = "margin"
    asked = page.comparing.question
    assert asked is not None and (asked.metric, asked.measure, asked.reference) == ("log_loss", "final", "margin")
    assert "log loss" in page.findings.plots["curves"].alt.lower()
    share = page.url.share
    asked_for = {"comparison": page.comparing.grid.key, "metric": "log_loss", "measure": "final", "reference": "margin"}  # type: ignore[union-attr]
    assert share == {**asked_for, "strategies": "random,margin", "n_queries": "15", "rounds": "2", "seeds": "2"}
    other = opened(page.comparing.store, strategies=["random", "k-center"])
    other.url.query = share
    other.comparing.wait(60)
    assert other.comparing.grid.key == page.comparing.grid.key  # type: ignore[union-attr]
    assert other.findings.fields["reference"].value == "margin" and other.findings.fields["metric"].value == "log_loss"


def test_the_report_is_handed_over(page: Compare) -> None:
    page.comparing.spec = {**page.comparing.spec, "name": "../a <grid>"}
    page.comparing.wait(60)
    given: list[tuple[str, bytes, str]] = []
    page.comparing.report(lambda *file: given.append(file))
    page.comparing.wait(60)
    [(name, content, kind)] = given
    assert name == "a-grid.html" and kind == "text/html" and content.startswith(b"<!")
    assert b"a &lt;grid&gt;" in content and page.comparing.error == ""


def test_an_address_that_means_nothing_here_is_said(page: Compare) -> None:
    page.url.query = {"comparison": "f" * 32, "metric": "beauty", "setting": "<b>"}
    page.comparing.wait(60)
    assert "not kept on this machine" in page.comparing.notice
    assert page.comparing.question is not None and page.comparing.question.metric == "accuracy"


def test_runs_that_cannot_be_made_are_marked_and_the_others_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path))
    page = opened(empty(tmp_path), imbalances=["none", "only=nothing, at all"], strategies=["random"], seeds=1)
    page.header.buttons["Run"].click()
    page.comparing.wait(300)
    assert len(page.comparing.failed) == 1 and "1 run could not be made" in page.comparing.error
    assert "1 could not be made" in page.runs.plot.alt and "1/2 runs" in page.header.line.value
    click(page, 0, 1)
    assert 'role="alert"' in page.runs.told.value
    assert not page.header.buttons["Run"].disabled


def test_without_a_store_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    page = opened(None)
    page.header.buttons["Run"].click()
    page.comparing.wait(60)
    assert "cannot be kept" in page.comparing.error
