import threading

from alviz.panels.jobs import Job, Lane
from alviz.progress import Cancelled


class Watched:
    """A lane, and everything it said."""

    def __init__(self) -> None:
        self.busy: list[bool] = []
        self.errors: list[Exception] = []
        self.lane = Lane("test", self.busy.append, lambda fraction: None, self.errors.append)


def until_cancelled(started: threading.Event, job: Job) -> None:
    started.set()
    while True:
        job.cancel.wait(5)
        job.progress(0.5)


def test_one_thing_at_a_time() -> None:
    watched, started, done = Watched(), threading.Event(), threading.Event()
    assert watched.lane.start(lambda job: (started.set(), done.wait(10)))
    assert started.wait(10)
    assert not watched.lane.start(lambda job: None)
    done.set()
    assert watched.lane.wait(10)
    assert watched.lane.start(lambda job: None)
    assert watched.lane.wait(10)
    assert watched.busy == [True, False, True, False]


def test_cancel_raises_in_the_job_and_is_reported() -> None:
    watched, started = Watched(), threading.Event()
    watched.lane.start(lambda job: until_cancelled(started, job))
    assert started.wait(10)
    watched.lane.cancel()
    assert watched.lane.wait(10)
    assert [type(error) for error in watched.errors] == [Cancelled]


def test_a_newer_request_replaces_what_runs_without_a_complaint() -> None:
    watched, started, seen = Watched(), threading.Event(), []
    watched.lane.start(lambda job: until_cancelled(started, job))
    assert started.wait(10)
    watched.lane.instead(lambda job: seen.append("older"))
    watched.lane.instead(lambda job: seen.append("newest"))
    assert watched.lane.wait(10)
    assert seen == ["newest"]
    assert watched.errors == []


def test_an_error_is_reported_and_the_lane_goes_on() -> None:
    watched = Watched()
    watched.lane.start(lambda job: 1 / 0)
    assert watched.lane.wait(10)
    assert [type(error) for error in watched.errors] == [ZeroDivisionError]
    assert watched.lane.start(lambda job: None)
    assert watched.lane.wait(10)


def test_waiting_includes_what_is_started_as_soon_as_the_lane_is_free() -> None:
    seen: list[str] = []

    def told(busy: bool) -> None:
        if not busy and not seen:
            seen.append("told")
            lane.start(lambda job: (job.cancel.wait(0.2), seen.append("second")))

    lane = Lane("test", told, lambda fraction: None, lambda error: None)
    lane.start(lambda job: None)
    assert lane.wait(10)
    assert seen == ["told", "second"]
