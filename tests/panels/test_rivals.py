"""A duel on the Explore page: strategies in step, its card, its address, and random's band in the background."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alviz import strategies
from alviz.loop import Run
from alviz.panels.baseline import Baseline
from alviz.panels.explore import Explore
from alviz.panels.floor import Floor
from alviz.panels.workbench import Workbench
from alviz.panels.working import WORDS
from alviz.studies import Store
from alviz.studies.duels import SameStart

SMALL: dict[str, Any] = {
    "dataset": "gaussians",
    "params": {"n": 150, "n_test": 60},
    "n_queries": 5,
    "budget": 20,
    "rivals": ["entropy", "k-center"],
}


def do(bench: Workbench, action: str) -> None:
    """Press a button and wait."""
    assert getattr(bench, action)()
    bench.wait(60)


@pytest.fixture
def page() -> Iterator[Explore]:
    page = Explore(Workbench(**SMALL))
    do(page.workbench, "start")
    assert page.workbench.error == ""
    yield page
    page.rivals.baseline.stop()
    assert page.rivals.baseline.wait(60)


def positions(bench: Workbench) -> list[int]:
    return [track.run.position for track in bench.tracks]


def test_all_go_in_step_and_pick_as_runs_of_their_own(page: Explore) -> None:
    bench = page.workbench
    assert [track.label for track in bench.tracks] == ["margin", "entropy", "k-center"]
    assert bench.view is not None and bench.view.track is bench.tracks[0]
    do(bench, "step")
    assert positions(bench) == [1, 1, 1]
    do(bench, "run_to_end")
    assert positions(bench) == [3, 3, 3] and bench.view.status() == "round 3/3 · 20/20 labels"
    for track in bench.tracks:
        alone = Run(bench.view.dataset, learner="linear-svm", strategy=track.run.name, n_queries=5, seed=0)
        alone.goto(3)
        assert [r.queried.tolist() for r in alone.rounds] == [r.queried.tolist() for r in track.run.rounds]
    do(bench, "undo")
    assert positions(bench) == [2, 2, 2] and bench.view.shown == 2
    bench.look_at(bench.tracks[2])
    do(bench, "step")
    assert positions(bench) == [3, 3, 3] and bench.view.track.run.name == "k-center"
    do(bench, "step")
    assert "budget of 20 labels is spent" in bench.error


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_cancelled_step_leaves_every_run_as_it_was(page: Explore, nth: int) -> None:
    bench = page.workbench
    do(bench, "step")
    seen: list[str] = []

    def stop(change: Any) -> None:
        if change["new"] == WORDS["train"]:
            seen.append("train")
            if len(seen) == nth:
                bench.cancel()

    bench.observe(stop, ["phase"])
    do(bench, "step")
    assert "Cancelled" in bench.notice and len(seen) == nth
    assert positions(bench) == [1, 1, 1]


def test_one_that_fails_takes_the_others_back(page: Explore, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = page.workbench

    def fails(*args: object) -> None:
        raise MemoryError("cannot allocate 3 TiB")

    monkeypatch.setattr(bench.tracks[2].run.strategy, "select", fails)
    do(bench, "step")
    assert bench.error == "MemoryError: cannot allocate 3 TiB" and positions(bench) == [0, 0, 0]


@pytest.mark.parametrize(
    ("rivals", "words"),
    [
        (["margin"], "cannot be its own rival"),
        (["entropy", "entropy"], "names one of them twice"),
        (["entropy", "k-center", "random", "badge"], "most 3 rivals"),
        (["entropi"], "entropy"),
        (["bald"], "learners that do"),
    ],
)
def test_rivals_that_cannot_be_get_a_sentence_and_nothing_is_begun(tmp_path: Path, rivals: list[str], words: str) -> None:
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    bench = Workbench(store=store, **{**SMALL, "rivals": rivals})
    do(bench, "start")
    assert words in bench.error and bench.view is None and store.runs() == []


def test_every_run_is_kept_like_others_and_the_address_brings_the_duel_back(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    page = Explore(Workbench(store=store, **SMALL))
    bench = page.workbench
    do(bench, "start")
    do(bench, "step")
    assert len(store.runs()) == 3
    ids = [track.run.id for track in bench.tracks]
    assert page.url.share["run"] == ",".join(map(str, ids)) and page.url.share["rivals"] == "entropy,k-center"
    again = Explore(Workbench(store=store))
    again.url.query = {**page.url.share, "round": "0"}
    again.workbench.wait(60)
    assert again.workbench.error == "" and [track.run.id for track in again.workbench.tracks] == ids
    assert again.workbench.view is not None and again.workbench.view.shown == 0
    assert again.workbench.config["rivals"] == ["entropy", "k-center"]
    do(again.workbench, "step")
    do(bench, "step")
    for one, other in zip(bench.tracks, again.workbench.tracks, strict=True):
        assert one.run.rounds[2].queried.tolist() == other.run.rounds[2].queried.tolist()
    lone = Workbench(store=store)
    lone.resume(str(ids[1]))
    lone.wait(60)
    assert lone.view is not None and lone.view.track.moved == (lone.view.track.run,) and lone.config["rivals"] == []


def test_runs_that_were_not_made_for_one_duel_are_refused(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    bench = Workbench(store=store, **{**SMALL, "rivals": []})
    do(bench, "start")
    bench.config = {**bench.config, "seed": 1, "strategy": "random"}
    do(bench, "start")
    ids = ",".join(str(track.run.id) for track in bench.tracks)
    other = Workbench(store=store)
    other.resume(ids)
    other.wait(60)
    assert "are no duel" in other.error


def test_the_address_is_checked_like_the_rest() -> None:
    page = Explore(Workbench(dataset="moons"))
    page.url.query = {"rivals": "entropy,margin,bald,<b>,entropy,random,k-center,typiclust"}
    assert page.workbench.config["rivals"] == ["entropy", "random", "k-center"]
    assert "rivals=margin, rivals=bald, rivals=<b>, rivals=entropy, rivals=typiclust." in page.workbench.notice
    page = Explore(Workbench())
    page.url.query = {"dataset": "moons", "strategy": "entropy", "rivals": "entropy,margin,bald"}
    assert page.workbench.config["rivals"] == ["margin"]
    assert "rivals=entropy, rivals=bald" in page.workbench.notice
    page.url.query = {"dataset": "moons", "learner": "ensemble", "rivals": "bald"}
    assert page.workbench.config["rivals"] == ["bald"]


def test_settings_offer_what_the_learner_serves_and_drop_what_it_no_longer_does() -> None:
    page = Explore(Workbench(dataset="moons"))
    field = page.settings.rivals
    entries = {entry["value"]: entry for entry in field.options}
    assert set(entries) == set(strategies.available()) - {"margin"}
    assert entries["bald"]["disabled"] and "ensemble" in entries["bald"]["why"]
    page.settings.fields["learner"].value = "ensemble"
    field.value = ["bald", "random"]
    assert page.workbench.config["rivals"] == ["bald", "random"]
    page.settings.fields["strategy"].value = "random"
    assert field.value == ["bald"]
    page.settings.fields["learner"].value = "linear-svm"
    assert field.value == [] and "cannot serve bald" in page.workbench.notice


def test_the_card_is_there_while_the_run_looked_at_has_rivals(page: Explore) -> None:
    bench, card = page.workbench, page.rivals.widget
    assert card.layout.display is None and "press Step" in page.rivals.map.alt
    do(bench, "step")
    assert [only.widget.layout.display for only in page.rivals.only] == [None, None, None, "none"]
    for plot in (page.rivals.map, page.rivals.curve, page.rivals.balance):
        assert plot.alt.endswith(".") and "nan" not in plot.alt
    bench.config = {**bench.config, "strategy": "random"}
    do(bench, "branch")
    assert card.layout.display == "none"
    do(bench, "step")
    assert positions(bench) == [1, 1, 1, 2]
    bench.look_at(bench.tracks[1])
    assert card.layout.display is None
    alone = Explore(Workbench(**{**SMALL, "rivals": []}))
    assert alone.rivals.widget.layout.display == "none"
    do(alone.workbench, "start")
    assert alone.rivals.widget.layout.display == "none" and alone.workbench.tracks[0].duel == ()


def test_what_only_one_saw_is_shown_and_marks_everywhere(page: Explore) -> None:
    do(page.workbench, "step")
    bench = page.workbench
    picks = [set(track.run.rounds[1].queried.tolist()) for track in bench.tracks]
    for s, only in enumerate(page.rivals.only[:3]):
        rest = set().union(*(mine for k, mine in enumerate(picks) if k != s))
        assert {item["id"] for item in only.samples.items} == picks[s] - rest
    sample = page.rivals.only[2].samples.items[0]["id"]
    page.rivals.only[2].samples.selected = [sample]
    assert bench.selected == [sample] and page.map.plot.selection.tolist() == [sample]


def test_a_raised_budget_is_that_of_all(page: Explore) -> None:
    bench = page.workbench
    do(bench, "run_to_end")
    bench.look_at(bench.tracks[1])
    bench.config = {**bench.config, "budget": 30}
    do(bench, "run_to_end")
    assert positions(bench) == [5, 5, 5] and bench.view is not None and bench.view.track.run.name == "entropy"


def test_random_over_seeds_is_the_mean_and_range_of_separate_runs(page: Explore) -> None:
    page.rivals.seeds.value = 4
    assert page.rivals.baseline.found is None, "not before the duel has gone a round"
    bench = page.workbench
    do(bench, "step")
    assert page.rivals.baseline.wait(60)
    start = bench.tracks[0].run.rounds[0].queried
    values = []
    for seed in (1, 2, 3, 4):
        run = Run(bench.view.dataset, learner="linear-svm", strategy="random", initial=SameStart(start), n_queries=5, seed=seed)
        run.goto(3)
        values.append([r.metrics["accuracy"] for r in run.rounds])
    band, middle = page.rivals.curve.figure["data"][:2]
    np.testing.assert_allclose(middle["y"], np.mean(values, axis=0)[:2])
    np.testing.assert_allclose(band["y"], [*np.max(values, axis=0)[:2], *np.min(values, axis=0)[1::-1]])
    assert "all 4 runs of random" in page.rivals.curve.alt
    accuracy = [track.run.rounds[1].metrics["accuracy"] for track in bench.tracks]
    assert f"{sum(a > np.max(values, axis=0)[1] for a in accuracy)} of 3" in page.rivals.curve.alt
    assert page.rivals.button.layout.display == "none"


def test_random_is_kept_for_the_same_settings_and_made_anew_for_others(page: Explore, monkeypatch: pytest.MonkeyPatch) -> None:
    from alviz.panels import baseline

    made: list[int] = []
    whole = baseline.random_run

    def counted(like: Run, budget: int, seed: int, **hooks: Any) -> Any:
        if like.dataset is page.workbench.dataset:  # another test's page may still be at its own
            made.append(seed)
        return whole(like, budget, seed, **hooks)

    monkeypatch.setattr(baseline, "random_run", counted)
    page.rivals.seeds.value = 3
    bench = page.workbench
    do(bench, "step")
    assert page.rivals.baseline.wait(60) and made == [1, 2, 3]
    do(bench, "step")
    bench.config = {**bench.config, "rivals": ["random"]}
    do(bench, "start")
    do(bench, "step")
    assert page.rivals.baseline.wait(60) and made == [1, 2, 3], "another duel from the same start"
    page.rivals.seeds.value = 4
    assert page.rivals.baseline.wait(60) and made == [1, 2, 3, 4]
    bench.config = {**bench.config, "seed": 7}
    do(bench, "start")
    assert page.rivals.baseline.found is None
    do(bench, "step")
    assert page.rivals.baseline.wait(60) and made[4:] == [8, 9, 10, 11]


def test_random_can_be_stopped_and_goes_on(page: Explore) -> None:
    rivals, bench = page.rivals, page.workbench
    do(bench, "step")
    assert rivals.baseline.wait(60)
    done: list[int] = []

    def halt(change: Any) -> None:
        done.append(change["new"].seeds)
        if len(done) == 1:
            rivals.button.click()

    rivals.baseline.observe(halt, ["found"])
    rivals.seeds.value = 200
    assert rivals.baseline.wait(60)
    assert rivals.baseline.found is not None and 10 < rivals.baseline.found.seeds < 200
    assert not rivals.baseline.busy and rivals.button.description == "Run random" and "of 200 runs" in rivals.words.value
    stopped_at = rivals.baseline.found.seeds
    do(bench, "step")
    assert rivals.baseline.wait(60) and rivals.baseline.found.seeds == stopped_at, "what was stopped does not begin again by itself"
    rivals.seeds.value = stopped_at + 2
    rivals.button.click()
    assert rivals.baseline.wait(60) and rivals.baseline.found.seeds == stopped_at + 2


def test_random_that_takes_long_waits_to_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from alviz.panels import rivals

    monkeypatch.setattr(rivals, "PROMPT", 0.0)
    page = Explore(Workbench(**SMALL))
    do(page.workbench, "start")
    do(page.workbench, "step")
    assert page.rivals.baseline.found is None and not page.rivals.baseline.busy
    assert page.rivals.button.layout.display is None and "to go" in page.rivals.words.value
    page.rivals.seeds.value = 2
    page.rivals.button.click()
    assert page.rivals.baseline.wait(60) and page.rivals.baseline.found is not None


def test_random_rests_while_the_page_has_something_else_to_do(page: Explore) -> None:
    free, asked = threading.Event(), threading.Semaphore(0)

    def rests(seconds: float) -> bool:
        asked.release()
        return free.is_set()

    floor = Floor(rests)
    baseline = Baseline(floor)
    baseline.begin(page.workbench.tracks[0].run, 20, 3)
    for _ in range(20):
        assert asked.acquire(timeout=60)
    assert baseline.busy and baseline.found is None and baseline.done == 0.0
    with floor:  # the page's own work has it
        assert asked.acquire(timeout=60)
    free.set()
    assert baseline.wait(60) and baseline.found is not None and baseline.found.seeds == 3


def line_colors(drawing: dict[str, Any]) -> dict[str, str]:
    """Per named curve its colour."""
    return {trace["name"]: trace["line"]["color"] for trace in drawing["data"] if "lines" in trace["mode"] and trace.get("name")}


def test_a_run_keeps_its_colour_in_every_card_until_it_makes_room_and_a_duel_makes_room_as_a_whole() -> None:
    page = Explore(Workbench(**{**SMALL, "rivals": []}))
    bench = page.workbench
    do(bench, "start")
    bench.config = {**bench.config, "rivals": ["entropy", "k-center"]}
    do(bench, "start")
    do(bench, "step")
    alone, *duel = (track.label for track in bench.tracks)
    curve, card = line_colors(page.curve.plot.figure), line_colors(page.rivals.curve.figure)
    assert list(curve) == [alone, *duel] and len(set(curve.values())) == 4
    assert [card[run.name] for run in bench.view.track.duel] == [curve[label] for label in duel]
    bars = {trace["name"]: trace["marker"]["color"] for trace in page.rivals.balance.figure["data"]}
    assert list(bars.values()) == list(card.values())[-3:]
    bench.look_at(bench.tracks[2], 1)
    assert line_colors(page.curve.plot.figure) == curve
    ring = page.rivals.curve.figure["data"][-1]["marker"]
    assert ring["symbol"] == "circle-open" and ring["color"] == curve[duel[1]]
    for _ in range(5):  # eight runs have room
        do(bench, "branch")
    assert [track.label for track in bench.tracks][:3] == duel
    now = line_colors(page.curve.plot.figure)
    assert {label: now[label] for label in duel} == {label: curve[label] for label in duel} and len(set(now.values())) == 8
    do(bench, "branch")
    assert not set(duel) & {track.label for track in bench.tracks} and len(bench.tracks) == 6
