"""Why this sample, as a panel: what it shows, and what its buttons do."""

import re
import threading
from dataclasses import replace

import numpy as np
import pytest

from alviz import strategies
from alviz.data.dataset import Dataset
from alviz.figures.sample import prediction_history, sample_probabilities
from alviz.loop import Run
from alviz.loop.ranks import Ranking
from alviz.panels.ranks import ranks_html
from alviz.panels.sample import SamplePanel, told_apart
from alviz.panels.tracks import Track, View
from alviz.panels.workbench import Workbench
from alviz.strategies import QueryStrategy, Selection
from alviz.strategies.base import registry
from alviz.strategies.pool import PoolView

SMALL = {"dataset": "digits", "n_queries": 10, "budget": 40}
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def panel() -> SamplePanel:
    """Digits after three rounds."""
    workbench = Workbench(**SMALL)
    made = SamplePanel(workbench)
    workbench.start()
    workbench.wait(60)
    workbench.run_to_end()
    workbench.wait(60)
    return made


@pytest.fixture(autouse=True)
def fresh(panel: SamplePanel) -> None:
    """Every test begins with the run itself at its end, and nothing selected."""
    panel.workbench.selected = []
    panel.workbench.look_at(panel.workbench.tracks[0])


def run_of(panel: SamplePanel) -> Run:
    return panel.workbench.tracks[0].run


def test_it_says_what_to_do_while_there_is_nothing() -> None:
    workbench = Workbench(**SMALL)
    empty = SamplePanel(workbench)
    assert "Press Start" in empty.facts.value and empty.body.layout.display == "none"


def test_without_a_selection_it_asks_for_a_click(panel: SamplePanel) -> None:
    assert "Click a sample" in panel.facts.value and panel.body.layout.display == "none"


def test_the_sample_selected_last_is_explained(panel: SamplePanel) -> None:
    run = run_of(panel)
    sample = int(run.rounds[3].queried[4])
    panel.workbench.selected = [7, sample]
    assert f"Sample {sample:,} in round 3" in panel.facts.value and "last of 2 selected" in panel.facts.value
    assert "as number 5 of 10, by margin" in panel.facts.value and "rank 5 of" in panel.facts.value
    assert "p₁ = " in panel.facts.value and "data:image/png;base64," in panel.facts.value
    top = int(run.rounds[3].probabilities[sample].argmax())
    assert panel.now.alt.startswith(f"Predicted class {run.dataset.class_names[top]}")
    assert len(panel.neighbours.items) == 5
    panel.workbench.selected = [7]
    assert "Sample 7 in round 3" in panel.facts.value


def test_looking_back_it_says_when_it_will_be_picked_and_goes_there(panel: SamplePanel) -> None:
    sample = int(run_of(panel).rounds[3].queried[0])
    panel.workbench.look_at(shown=1)
    panel.workbench.selected = [sample]
    assert "in round 3, later" in panel.facts.value and panel.visit.description == "See round 3"
    panel.visit.click()
    assert panel.workbench.view is not None and panel.workbench.view.shown == 3
    assert panel.visit.layout.display == "none"


def test_a_neighbour_can_be_clicked_in_turn(panel: SamplePanel) -> None:
    panel.workbench.selected = [7]
    near = panel.neighbours.items[0]["id"]
    panel.neighbours.selected = [7, near]
    assert f"Sample {near:,} in round" in panel.facts.value


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """There are no other strategies than these."""
    monkeypatch.setattr(strategies, "available", lambda: sorted(names))


def rank(panel: SamplePanel) -> None:
    panel.ranks.button.click()
    assert panel.ranks.ranker.wait(60)


def said(panel: SamplePanel) -> dict[str, str]:
    """strategy -> what the table says of it."""
    rows = re.findall(r'<li><span title="([^"]+)">.*?</span>(?:<b>|<span>)(.*?)</(?:b|span)></li>', panel.ranks.table.value)
    return {name: re.sub(r"<[^>]+>", "", text) for name, text in rows}


def test_ranks_serve_every_sample_of_the_round(panel: SamplePanel, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "margin", "entropy", "k-center", "bald")
    run = run_of(panel)
    first, second = map(int, run.rounds[2].queried[:2])
    other = run.fork(round=1, strategy="k-center").step()
    assert other is not None
    panel.workbench.look_at(shown=2)
    panel.workbench.selected = [first]
    assert panel.ranks.table.value == "" and panel.ranks.button.description == "Rank it under every strategy"
    rank(panel)
    far = int(other.queried[4])
    assert said(panel)["margin"] == "★ 1" and "margin <i>(this round)</i>" in panel.ranks.table.value
    assert said(panel)["k-center"] == (f"★ {other.queried.tolist().index(first) + 1}" if first in other.queried else "–")
    assert "needs a committee" in panel.ranks.table.value and panel.ranks.button.layout.display == "none"
    panel.workbench.selected = [second]
    assert said(panel)["margin"] == "★ 2"
    panel.workbench.selected = [far]
    assert said(panel)["k-center"] == "★ 5" and "rank of" in panel.ranks.table.value
    panel.workbench.look_at(shown=3)
    assert panel.ranks.table.value == "" and panel.ranks.button.layout.display is None
    panel.workbench.look_at(shown=2)
    assert said(panel)["k-center"] == "★ 5" and panel.ranks.button.layout.display == "none"


class Halfway:
    """A strategy that stops in the middle until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str):
        self.reached, self.on = threading.Event(), threading.Event()
        usual = registry.factory(name).select

        def select(strategy: QueryStrategy, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
            pool.progress(0.5)
            self.reached.set()
            assert self.on.wait(60)
            pool.progress(0.6)
            return usual(strategy, pool, n_queries, rng)

        monkeypatch.setattr(registry.factory(name), "select", select)


def test_cancel_keeps_what_is_done_and_the_button_goes_on(panel: SamplePanel, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "margin", "entropy", "k-center", "kmeans")
    halfway = Halfway(monkeypatch, "k-center")
    panel.workbench.look_at(shown=1)
    panel.workbench.selected = [int(run_of(panel).rounds[1].queried[0])]
    panel.ranks.button.click()
    assert halfway.reached.wait(60)
    assert panel.ranks.button.description == "Cancel ranking" and "k-center is at work" in panel.ranks.words.value
    panel.ranks.button.click()
    halfway.on.set()
    assert panel.ranks.ranker.wait(60)
    assert list(said(panel)) == ["margin", "entropy"]
    assert panel.ranks.button.description == "Rank it under 2 more strategies" and panel.ranks.words.layout.display == "none"
    rank(panel)
    assert set(said(panel)) == {"margin", "entropy", "k-center", "kmeans"} and panel.ranks.button.layout.display == "none"


def test_slow_ones_are_asked_by_themselves(panel: SamplePanel, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "margin", "k-center", "expected-error-reduction", "boss-oracle")
    run = run_of(panel)
    finished = run.fork(round=2, strategy="expected-error-reduction").step()
    assert finished is not None
    panel.workbench.selected = [int(finished.queried[6])]
    rank(panel)
    assert set(said(panel)) == {"margin", "k-center"} and "sees the true labels" in panel.ranks.table.value
    assert panel.ranks.button.description == "Rank it under 1 slow strategy too"
    rank(panel)
    assert said(panel)["expected-error-reduction"] == "★ 7" and panel.ranks.button.layout.display == "none"


@pytest.mark.parametrize("then", ["step", "undo", "look", "branch"])
def test_whatever_the_page_does_meanwhile_comes_first_and_the_ranks_stay_right(then: str, monkeypatch: pytest.MonkeyPatch) -> None:
    workbench = Workbench(**SMALL)
    panel = SamplePanel(workbench)
    for action in (workbench.start, workbench.step, workbench.step):
        action()
        workbench.wait(60)
    only(monkeypatch, "margin", "k-center", "kmeans")
    view = workbench.view
    assert view is not None
    run, sample = view.track.run, int(view.round.queried[0])
    wanted = {name: run.fork(round=1, strategy=name).step() for name in ("k-center", "kmeans")}
    halfway = Halfway(monkeypatch, "k-center")
    workbench.selected = [sample]
    panel.ranks.button.click()
    assert halfway.reached.wait(60)
    if then == "look":
        workbench.look_at(shown=1)
    else:
        getattr(workbench, then)()
    halfway.on.set()
    workbench.wait(60)
    assert not workbench.error and panel.ranks.ranker.wait(60) and not panel.ranks.ranker.problem
    assert run.position == {"step": 3, "undo": 1}.get(then, 2)
    if then == "undo":
        workbench.step()
        workbench.wait(60)
        workbench.selected = [sample]
    workbench.look_at(shown=2)
    rank(panel)
    for name, finished in wanted.items():
        assert finished is not None
        place = finished.queried.tolist().index(sample) + 1 if sample in finished.queried else 0
        assert said(panel)[name] == (f"★ {place}" if place else "–")


def test_parts_that_only_the_model_knows_come_with_the_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"dataset": "gaussians", "params": {"n": 120, "n_test": 60}, "learner": "ensemble", "strategy": "bald"}
    workbench = Workbench(**settings, n_queries=6, budget=18)
    panel = SamplePanel(workbench)
    for action in (workbench.start, workbench.step):
        action()
        workbench.wait(60)
    assert workbench.view is not None
    workbench.selected = [int(workbench.view.round.queried[0])]
    assert "Made of" not in panel.facts.value
    only(monkeypatch, "bald", "entropy")
    rank(panel)
    assert "H(mean p) = " in panel.facts.value and "mean H(p) = " in panel.facts.value


def test_the_table_says_of_whom_it_knows_what() -> None:
    places = np.array([3, 1, 2, 0], dtype=np.int32)
    none = np.empty(0, dtype=np.int64)
    rankings = [
        Ranking("margin", 3, places, np.array([1, 2])),
        Ranking(EVIL, 3, None, np.array([0, 2]), note=f"2 of 3 were looked at {EVIL}."),
        Ranking("b", 3, None, np.array([2, 0]), note="All."),
        Ranking("c", 3, why=f"needs {EVIL}"),
        Ranking("d", 3, None, none, why=f"needs {EVIL}"),
    ]
    said = ranks_html(rankings, 0, 4, "margin")
    assert "<img" not in said
    assert "Among the 3 candidates of round 4, under the same model and seed, 2 of 3 strategies would have it in their batch of 2" in said
    assert "By score: rank of 3" in said and "<span>3</span>" in said
    assert "By batch: number among 2 picks, – where it is not picked" in said and "b: All." in said and "2 of 3 were looked at" in said
    assert "No rank by 2 other strategies" in said and "c, d: needs" in said
    assert ranks_html([Ranking("c", 3, why="needs more")], 0, 4, "c").count("needs more") == 1


def test_what_is_no_candidate_has_neither_ranks_nor_a_branch(panel: SamplePanel) -> None:
    panel.workbench.selected = [int(run_of(panel).rounds[0].queried[0])]
    assert panel.ranks.button.disabled and panel.what_if.disabled
    assert "it was labelled before" in panel.facts.value


def test_the_branch_without_it_goes_as_far_as_the_run(panel: SamplePanel) -> None:
    workbench, run = panel.workbench, run_of(panel)
    sample = int(run.rounds[2].queried[0])
    workbench.selected = [sample]
    panel.what_if.click()
    workbench.wait(60)
    assert not workbench.error and workbench.view is not None
    twin = workbench.view.track
    assert twin.label == f"margin without #{sample}" and twin.run.position == 3 and workbench.view.shown == 3
    assert all(sample not in finished.queried for finished in twin.run.rounds)
    assert "left out of this branch" in panel.facts.value and panel.what_if.disabled
    mine, its = ({i for finished in one.rounds for i in finished.queried.tolist()} for one in (run, twin.run))
    assert f"in {len(its - mine)} of 40 cases" in workbench.notice


def plain(n: int, k: int, names: tuple[str, ...], known: bool = True) -> Dataset:
    rng = np.random.default_rng(0)
    targets = np.arange(n) % k
    features = np.stack([np.cos(targets), np.sin(targets)], axis=1) + 0.3 * rng.normal(size=(n, 2))
    return Dataset("plain", [str(i) for i in range(n)], None, features.astype(np.float32), targets.astype(np.int64), names)


@pytest.mark.parametrize("k", [2, 100])
def test_names_are_escaped_and_pools_without_pictures_have_coordinates(k: int) -> None:
    dataset = plain(300, k, (EVIL, *(f"class number {c} with a rather long name" for c in range(1, k))))
    run = Run(dataset, n_queries=20)
    run.step()
    run.dataset = replace(dataset, targets=np.full(300, -1, dtype=np.int64))  # own data: only what was labelled is known
    workbench = Workbench()
    panel = SamplePanel(workbench)
    workbench.dataset = run.dataset
    workbench.view = View.of(Track(run, EVIL, 300), 1)
    for sample in (int(run.rounds[1].queried[0]), int(run.state.candidates[0])):
        workbench.selected = [sample]
        said = panel.facts.value
        assert "<img" not in said and "<dt>At</dt>" in said
        assert ("labelled in round 1" in said) == (sample in run.rounds[1].queried)
        assert str(panel.now.figure).count("<img") == 0 and panel.now.alt.endswith(".")
        assert len(panel.now.figure["data"][0]["x"]) == min(k, 6)


def test_the_figures_read_what_they_show() -> None:
    names = ("cat", "dog", "owl")
    rows = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1]], dtype=np.float32)
    bars = sample_probabilities(rows[1], rows[0], names, given=1)
    assert bars.reading == "Predicted dog, 70\u00a0%; the round before (diamonds) it was cat, 60\u00a0%."
    assert bars.figure["layout"]["yaxis"]["ticktext"] == ["<b>dog</b>", "cat", "owl"]
    np.testing.assert_allclose(bars.figure["data"][1]["x"], [0.3, 0.6, 0.1], rtol=1e-6)
    lines = prediction_history(rows, names, 2, picked=1)
    assert (
        lines.reading
        == "The prediction went from cat to dog, with 1 change in 3 rounds, the last in round 1. The star is where it was picked."
    )
    star = lines.figure["data"][-1]
    assert star["x"] == [1] and star["y"] == [pytest.approx(0.7)]
    assert prediction_history(rows[:1], names, 0).reading == "One round so far: predicted cat."
    bars.plotly(), lines.plotly()


def test_parts_that_differ_are_told_apart() -> None:
    assert told_apart([0.28231, 0.28183]) == ["0.2823", "0.2818"]
    assert told_apart([0.6, 0.25]) == ["0.600", "0.250"]
    assert told_apart([0.5, 0.5]) == ["0.500", "0.500"]
