"""How much longer a round takes, against a clock that the test turns."""

import math
import threading
from collections.abc import Callable

import numpy as np
import pytest

from alviz.loop.round import Round
from alviz.panels import pace
from alviz.panels.jobs import Job
from alviz.panels.pace import Pace, known_from
from alviz.panels.working import Working


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [100.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def test_what_is_left_follows_the_speed_of_the_phase_and_what_is_known_of_the_later_ones(clock: Callable[[float], None]) -> None:
    round = Pace({"train": 6.0, "evaluate": 2.0})
    round.begin("select")
    assert math.isnan(round.left(0.0)), "nobody knows yet how long selecting takes"
    clock(10)
    assert round.left(0.25) == pytest.approx(30 + 6 + 2)
    round.begin("train")
    assert round.left(0.0) == pytest.approx(6 + 2), "as long as in the round before"
    clock(4)
    assert round.left(0.0) == pytest.approx(2 + 2)
    assert round.left(0.5) == pytest.approx(4 + 2)


def test_nothing_is_foreseen_as_long_as_the_training_to_come_is_unknown(clock: Callable[[float], None]) -> None:
    first = Pace({})
    clock(5)
    assert first.left(0.5) == pytest.approx(5), "features are extracted first: this much is left of that"
    first.begin("select")
    clock(5)
    assert math.isnan(first.left(0.5))
    first.begin("train")
    clock(5)
    assert first.left(0.2) == pytest.approx(20)


def test_what_an_initial_pool_took_says_nothing_about_the_strategy() -> None:
    def finished(index: int) -> Round:
        nothing = np.zeros(0)
        seconds = {"score": 1.0, "select": 2.0, "label": 0.0, "train": 3.0, "evaluate": 4.0}
        return Round(index, "", nothing, nothing, 0, nothing, nothing, {}, nothing, nothing, seconds=seconds)  # type: ignore[arg-type]

    assert known_from(finished(0)) == {"label": 0.0, "train": 3.0, "evaluate": 4.0}
    assert known_from(finished(1)) == finished(1).seconds


def test_the_bar_and_the_seconds_left_of_two_rounds_in_a_job(clock: Callable[[float], None]) -> None:
    state = Working()
    state._job_changed(True)
    told: list[tuple[float, float]] = []

    def report(fraction: float) -> None:
        state._job_progressed(fraction)
        told.append((state.progress, state.left))

    job = Job(threading.Event(), report)
    known = {"score": 0.0, "select": 0.0, "train": 8.0, "evaluate": 2.0}
    hooks = state.hooks(job, (0.0, 0.5), known)
    hooks["on_phase"]("train")
    clock(4)
    hooks["progress"](0.5)  # 4 s + 2 s of this round, and 10 s of the next
    assert told[-1] == (pytest.approx(4 / 20), pytest.approx(16))
    clock(4)
    hooks["on_phase"]("evaluate")
    clock(2)
    hooks["progress"](1.0)
    assert told[-1] == (pytest.approx(10 / 20), pytest.approx(10))
