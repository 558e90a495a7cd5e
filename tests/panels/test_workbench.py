from pathlib import Path

import numpy as np
import pytest

from alviz import data, learners
from alviz.loop import PHASES
from alviz.panels.workbench import Workbench
from alviz.studies import Store

SMALL = {"dataset": "gaussians", "params": {"n": 150, "n_test": 60}, "n_queries": 5, "budget": 30}


@pytest.fixture
def bench() -> Workbench:
    bench = Workbench(**SMALL)
    bench.start()
    bench.wait(60)
    assert bench.error == ""
    return bench


def do(bench: Workbench, action: str) -> None:
    """Press a button and wait."""
    assert getattr(bench, action)()
    bench.wait(60)


def test_start_shows_round_zero_and_a_map(bench: Workbench) -> None:
    assert bench.view is not None
    assert bench.view.status() == "round 0/5 · 5/30 labels"
    assert bench.projection is not None
    assert bench.projection.points.shape == (150, 2)
    assert not bench.busy


def test_step_run_and_undo(bench: Workbench) -> None:
    do(bench, "step")
    assert bench.view is not None and bench.view.status() == "round 1/5 · 10/30 labels"
    do(bench, "run_to_end")
    assert bench.view.status() == "round 5/5 · 30/30 labels"
    do(bench, "step")
    assert "budget of 30 labels is spent" in bench.error
    do(bench, "undo")
    assert bench.view.status() == "round 4/5 · 25/30 labels"
    assert bench.error == ""


def test_the_last_batch_is_cut_to_the_budget() -> None:
    bench = Workbench(**{**SMALL, "budget": 12})
    do(bench, "start")
    do(bench, "run_to_end")
    assert bench.view is not None and bench.view.status() == "round 2/2 · 12/12 labels"


def test_looking_back_hides_what_came_later(bench: Workbench) -> None:
    do(bench, "run_to_end")
    bench.look_at(shown=2)
    assert bench.view is not None
    assert bench.view.round.index == 2
    assert (bench.view.labelled_in_round >= 0).sum() == 15
    assert bench.view.track.run.position == 5
    do(bench, "step")
    assert "is spent" in bench.error


def test_a_branch_shares_the_past_and_both_stay_on_the_page(bench: Workbench) -> None:
    do(bench, "run_to_end")
    bench.look_at(shown=2)
    bench.config = {**bench.config, "strategy": "random"}
    do(bench, "branch")
    assert [track.label for track in bench.tracks] == ["margin", "random from round 2"]
    first, second = (track.run for track in bench.tracks)
    assert bench.view is not None and bench.view.track.run is second
    for r in range(3):
        assert np.array_equal(first.rounds[r].queried, second.rounds[r].queried)
    do(bench, "run_to_end")
    assert second.position == 5
    bench.look_at(bench.tracks[0], 1)
    assert bench.view.track.run is first and bench.view.shown == 1


def test_runs_on_the_same_data_stay_for_comparison_and_others_go(bench: Workbench) -> None:
    do(bench, "start")
    assert [track.label for track in bench.tracks] == ["margin", "margin (2)"]
    bench.selected = [1, 2]
    bench.config = {**bench.config, "dataset": "moons"}
    do(bench, "start")
    assert [track.label for track in bench.tracks] == ["margin"]
    assert bench.selected == []
    assert bench.projection is not None and len(bench.projection.points) == len(bench.view.dataset)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"budget": 3}, "total budget is 3, less than the 5"),
        ({"n_queries": 100_000, "budget": 200_000}, "100,000 labels per round are more than the 150 samples"),
        ({"strategy": "bald"}, "learners that do"),
        ({"dataset": "fashion-mnist", "params": {"root": "/nowhere"}}, "nowhere"),
        ({"imbalance": "ir=99"}, "ir"),
    ],
)
def test_a_setting_that_cannot_work_gets_a_sentence_and_the_run_stays(bench: Workbench, change: dict[str, object], words: str) -> None:
    do(bench, "step")
    bench.config = {**bench.config, **change}
    do(bench, "start")
    assert words in bench.error
    assert "Traceback" not in bench.error and "\n" not in bench.error
    assert bench.view is not None and bench.view.status() == "round 1/5 · 10/30 labels"


def test_step_without_a_run_says_what_to_do() -> None:
    bench = Workbench()
    do(bench, "step")
    assert "press Start" in bench.error


def test_a_failing_learner_leaves_the_run_as_it_was(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise MemoryError("cannot allocate 3 TiB")

    assert bench.view is not None
    monkeypatch.setattr(bench.view.track.run.learner, "fit", fails)
    do(bench, "step")
    assert bench.error == "MemoryError: cannot allocate 3 TiB"
    assert bench.view.status() == "round 0/5 · 5/30 labels"


@pytest.mark.parametrize("phase", PHASES)
def test_cancel_in_any_phase_leaves_the_run_as_it_was(bench: Workbench, phase: str) -> None:
    from alviz.panels.working import WORDS

    bench.observe(lambda change: change["new"] == WORDS[phase] and bench.cancel(), ["phase"])
    do(bench, "step")
    assert "Cancelled" in bench.notice
    assert bench.view is not None and bench.view.status() == "round 0/5 · 5/30 labels"


def test_a_run_is_in_the_store_and_another_page_resumes_it(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    first = Workbench(store=store, **SMALL)
    do(first, "start")
    do(first, "step")
    assert first.view is not None and first.view.track.run.id is not None
    second = Workbench(store=store)
    assert second.resume(first.view.track.run.id)
    second.wait(60)
    assert second.error == "" and second.view is not None
    assert second.view.round.queried.tolist() == first.view.round.queried.tolist()
    assert second.config["dataset"] == "gaussians" and second.config["params"] == SMALL["params"]
    do(first, "step")
    do(second, "step")
    assert second.view.round.queried.tolist() == first.view.round.queried.tolist()
    assert second.resume("nonsense")
    second.wait(60)
    assert "not kept on this machine" in second.notice
    assert second.view.round.queried.tolist() == first.view.round.queried.tolist()


def test_names_of_the_defaults_exist() -> None:
    config = Workbench().config
    assert config["dataset"] in data.available()
    assert config["learner"] in learners.available()


def test_a_page_that_lags_behind_is_shown_the_end_of_a_run_only(bench: Workbench) -> None:
    shown: list[int] = []
    bench.observe(lambda change: shown.append(len(change["new"].rounds) - 1), ["view"])
    bench.keeps_up = lambda: False
    do(bench, "run_to_end")
    assert shown == [5]
    do(bench, "undo")
    bench.keeps_up = lambda: True
    do(bench, "undo")
    shown.clear()
    do(bench, "run_to_end")
    assert shown == [4, 5]


def test_a_cancelled_run_shows_the_rounds_it_has_finished(bench: Workbench) -> None:
    assert bench.view is not None
    run = bench.view.track.run
    bench.keeps_up = lambda: False
    bench.observe(lambda _: run.position == 3 and bench.cancel(), ["phase"])
    do(bench, "run_to_end")
    assert "Cancelled" in bench.notice
    assert bench.view.status() == "round 3/5 · 20/30 labels"


def test_a_budget_raised_alone_lets_the_run_go_on(bench: Workbench) -> None:
    do(bench, "run_to_end")
    bench.config = {**bench.config, "budget": 40}
    assert bench.view is not None and bench.view.status() == "round 5/7 · 30/40 labels"
    do(bench, "run_to_end")
    assert bench.error == "" and bench.view.status() == "round 7/7 · 40/40 labels"
    bench.config = {**bench.config, "budget": 20}  # less than is spent
    bench.config = {**bench.config, "budget": 60, "seed": 3}  # another run
    assert bench.view.status() == "round 7/7 · 40/40 labels"


def test_the_map_is_made_once_for_all_runs_on_the_same_data(bench: Workbench) -> None:
    before = bench.projection
    do(bench, "start")
    assert bench.projection is before
    bench.method = "pca"
    bench.wait(60)
    assert bench.projection is not before and bench.projection.method == "pca"


def test_other_data_before_the_start_forget_the_marks() -> None:
    bench = Workbench(**SMALL)
    bench.preview()
    bench.wait(60)
    bench.selected = [149]
    bench.config = {**bench.config, "params": {"n": 60, "n_test": 20}}
    bench.wait(60)
    assert bench.dataset is not None and len(bench.dataset) == 60
    assert bench.selected == []
    assert bench.projection is not None and len(bench.projection.points) == 60


def test_data_that_cannot_be_loaded_are_said_until_others_are_chosen() -> None:
    bench = Workbench(dataset="fashion-mnist", params={"root": "/nowhere"})
    bench.preview()
    bench.wait(60)
    assert "/nowhere" in bench.error and "map" not in bench.error.lower().split("/nowhere")[0]
    bench.config = {**bench.config, "dataset": "gaussians", "params": SMALL["params"]}
    bench.wait(60)
    assert bench.error == "" and bench.dataset is not None and bench.dataset.name == "gaussians"
