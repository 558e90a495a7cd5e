"""The state of a match, against runs made by hand."""

import json
from typing import Any

import numpy as np
import pytest

import alviz
from alviz.panels.match import DRAWS, Given, Match
from alviz.panels.score import Score, card, difference, headline, score

SMALL: dict[str, Any] = {"params": {"n": 120, "n_test": 50}, "learner": "linear-svm", "n_queries": 4, "steps": 2, "seed": 3}


@pytest.fixture(autouse=True)
def cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path))


@pytest.fixture
def match() -> Match:
    made = Match(**SMALL)
    made.start()
    finish(made)
    return made


def finish(match: Match) -> None:
    match.wait(60)
    assert match.error == ""


def play(match: Match, picks: Any) -> None:
    match.revealed = 0
    match.choose(picks)
    match.step()
    finish(match)


def by_hand(strategy: Any, rounds: int) -> alviz.Run:
    pool = alviz.data.create("moons", **SMALL["params"])
    run = alviz.Run(pool, learner="linear-svm", strategy=strategy, n_queries=4, seed=3)
    run.goto(rounds)
    return run


def test_the_strategys_side_is_the_run_made_by_hand_bit_for_bit(match: Match) -> None:
    for _ in range(2):
        match.revealed = 0
        match.fill()
        match.step()
        finish(match)
    alone = by_hand("margin", 2)
    for turn, finished in zip(match.turns, alone.rounds, strict=True):
        assert turn.its.queried.tolist() == finished.queried.tolist()
        assert turn.its.probabilities.tobytes() == finished.probabilities.tobytes()
        assert turn.its.metrics["accuracy"] == finished.metrics["accuracy"]


def test_who_picks_what_the_strategy_picks_gets_its_accuracy(match: Match) -> None:
    alone = by_hand("margin", 2)
    for finished in alone.rounds[1:]:
        play(match, finished.queried)
    for turn in match.turns:
        assert turn.yours.probabilities.tobytes() == turn.its.probabilities.tobytes()
        assert turn.yours.metrics["accuracy"] == turn.its.metrics["accuracy"]
    found = score(match.turns, match.reference)
    assert (found.won, found.lost, found.level) == (0, 0, 2)
    assert headline(found, "margin") == "You and margin are level."
    assert difference(match.turns[2], match.turns[1], match.dataset, "margin") == "margin picked exactly what you picked."


def test_both_begin_with_the_same_labels_and_the_same_model(match: Match) -> None:
    (start,) = match.turns
    assert start.yours.queried.tolist() == start.its.queried.tolist()
    assert start.yours.probabilities.tobytes() == start.its.probabilities.tobytes()


def test_the_persons_side_is_a_run_with_those_picks(match: Match) -> None:
    picks = match.candidates[[5, 0, 9, 2]]
    play(match, picks)
    given = Given()
    given.picks = picks
    alone = by_hand(given, 1)
    assert match.turns[1].yours.queried.tolist() == picks.tolist()
    assert match.turns[1].yours.metrics["accuracy"] == alone.rounds[1].metrics["accuracy"]


def test_picks_are_candidates_and_never_more_than_a_rounds_labels(match: Match) -> None:
    start = match.turns[0].yours.queried.tolist()
    match.choose([start[0], 119, *match.candidates[:9], 119, 5000, -1])
    assert len(match.picks) == 4 and len(set(match.picks)) == 4 and start[0] not in match.picks
    assert "4 picks" in match.notice
    match.toggle(match.picks[0])
    assert len(match.picks) == 3
    match.fill()
    assert len(set(match.picks)) == 4 and not set(match.picks) & set(start)


def test_too_few_picks_are_refused_with_a_sentence(match: Match) -> None:
    match.choose(match.candidates[:2])
    match.step()
    match.wait(60)
    assert match.error == "Pick 4 samples first, not 2"
    assert match.position == 0 and len(match.picks) == 2


def test_cancelled_or_failed_rounds_leave_both_sides_and_the_picks_as_they_were(match: Match, monkeypatch: pytest.MonkeyPatch) -> None:
    match.choose(match.candidates[:4])
    picks = list(match.picks)
    sides = match._sides
    assert sides is not None

    def fails(*args: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(sides[1].strategy, "select", fails)
    match.step()
    match.wait(60)
    assert "the disk is full" in match.error
    assert [run.position for run in sides] == [0, 0] and match.position == 0 and match.picks == picks
    monkeypatch.undo()
    phases: list[str] = []

    def watch(change: Any) -> None:
        phases.append(change["new"])
        if phases.count("training") == 2:  # the person's side has finished its round by then
            match.cancel()

    match.observe(watch, ["phase"])
    match.step()
    match.wait(60)
    assert phases.count("training") == 2
    assert "Cancelled" in match.notice
    assert [run.position for run in sides] == [0, 0] and match.picks == picks


def test_undo_takes_both_sides_back_and_keeps_the_picks(match: Match) -> None:
    match.fill()
    picks = list(match.picks)
    match.step()
    finish(match)
    first = match.turns[1]
    match.undo()
    finish(match)
    assert (match.position, match.picks, match.revealed, match.undone) == (0, picks, 0, 1)
    match.step()
    finish(match)
    assert match.turns[1].its.queried.tolist() == first.its.queried.tolist()
    assert match.turns[1].yours.metrics["accuracy"] == first.yours.metrics["accuracy"]


def test_the_reference_is_ten_runs_with_random_picks_from_the_same_start(match: Match) -> None:
    assert match.reference.shape == (DRAWS, 3)
    assert set(match.reference[:, 0]) == {match.turns[0].yours.metrics["accuracy"]}
    run, given = by_hand("margin", 0), Given()
    run = run.fork(strategy=given)
    rng = np.random.default_rng([3, 7])
    for _ in range(2):
        given.picks = rng.choice(run.state.candidates, 4, replace=False)
        run.step()
    assert match.reference[7].tolist() == [finished.metrics["accuracy"] for finished in run.rounds]


def test_a_match_larger_than_the_pool_is_refused() -> None:
    match = Match(**{**SMALL, "n_queries": 60})
    match.start()
    match.wait(60)
    assert "2 rounds of 60 labels" in match.error and "180" in match.error and "120 samples" in match.error


def test_the_script_makes_the_strategys_side_again(match: Match) -> None:
    match.fill()
    match.step()
    finish(match)
    names: dict[str, Any] = {}
    exec(match.to_python(), names)
    assert names["run"].rounds[1].queried.tolist() == match.turns[1].its.queried.tolist()


def test_given_refuses_what_is_no_batch() -> None:
    given = Given()
    run = by_hand(given, 0)
    for picks in ([1, 1, 2, 3], [1, 2], [*run.rounds[0].queried[:1], 1, 2, 3]):
        given.picks = np.array(picks)
        with pytest.raises(ValueError, match="4 different candidates"):
            run.step()


def test_the_score_card_tells_and_escapes() -> None:
    found = Score(won=2, lost=1, level=1, yours=0.912, its=0.9, random=float("nan"), target=0.9, your_labels=15, its_labels=25)
    html = card(found, "<b>", 4, 1)
    assert "You beat &lt;b&gt; by 1.2 points." in html and "<b>" not in html
    assert "level 1" in html and "you 15" in html and "random –" in html and "1 round, after the labels were seen" in html


def test_what_is_shared_is_said(match: Match) -> None:
    theirs = by_hand("margin", 1).rounds[1].queried
    others = [i for i in match.candidates.tolist() if i not in theirs][:2]
    play(match, [*theirs[:2], *others])
    text = difference(match.turns[1], match.turns[0], match.dataset, "margin")
    assert text.startswith("margin picked 2 of your 4 samples: it took ")
    counts = np.bincount(match.turns[1].its.labels, minlength=2)
    assert all(f"{count} {name}" in text for count, name in zip(counts, "AB", strict=True) if count)


def test_settings_are_plain_values() -> None:
    assert json.loads(json.dumps(Match(dataset="digits").config))["n_queries"] == 10
