import threading

import numpy as np
import pytest

import alviz
from alviz import data, learners
from alviz.data.painted import Painting, csv_of
from alviz.panels import hands_state
from alviz.panels.duel import Duel
from alviz.panels.hands_state import START, Hands
from alviz.panels.jobs import Lane
from alviz.panels.toy import Toy

SHAPE = {"centers": [[-1.0, 0.0], [1.5, 0.5]], "spreads": [0.7, 0.7], "weights": [1.0, 1.0], "classes": [0, 1]}


@pytest.fixture
def hands() -> Hands:
    return Hands(Duel(), params={**START, "n": 150, **SHAPE})


def drawn(hands: Hands, **changes: object):
    hands.change(**changes)
    hands.wait(60)
    assert hands.error == ""
    return hands.picture


@pytest.mark.parametrize("strategy", ["margin", "k-center", "random"])
def test_field_labels_and_picks_are_those_of_a_run(hands: Hands, strategy: str) -> None:
    picture = drawn(hands, strategy=strategy, learner="linear-svm")
    pool = data.create("mixture", n=150, **SHAPE)
    run = alviz.Run(pool, strategy=strategy, learner="linear-svm", n_queries=5)
    assert picture.labelled.tolist() == run.rounds[0].queried.tolist()
    points = np.stack([c.ravel() for c in np.meshgrid(picture.plane.x, picture.plane.y)], axis=1)
    assert np.array_equal(picture.plane.probabilities.reshape(-1, 2), run.model(0).predict_proba(points))
    assert picture.picks.tolist() == run.step().queried.tolist()


def test_the_picks_are_those_of_alviz_query(hands: Hands) -> None:
    picture = drawn(hands)
    features, labelled = picture.pool.features, picture.labelled
    model = learners.create("logistic").fit(features[labelled], picture.pool.targets[labelled], n_classes=2, rng=np.random.default_rng(0))
    labels = np.full(150, -1)
    labels[labelled] = picture.pool.targets[labelled]
    assert picture.picks.tolist() == alviz.query("margin", 5, labels=labels, probabilities=model.predict_proba(features)).tolist()


def test_the_labels_stay_with_their_samples_while_a_gaussian_is_moved(hands: Hands) -> None:
    before = drawn(hands)
    hands.move([[0.5, 2.0], [1.5, 0.5]], [0.7, 0.7], [1.0, 1.0], [0, 1], version=7)
    hands.wait(60)
    after = hands.picture
    assert after.version == hands.answered == 7
    assert after.labelled.tolist() == before.labelled.tolist()
    first = before.parts == 0
    assert np.allclose(after.pool.features[first], before.pool.features[first] + np.array([1.5, 2.0]), atol=1e-5)
    assert not np.allclose(after.plane.probabilities, before.plane.probabilities)


def test_what_a_slider_did_is_taken_as_drawn_once_a_gaussian_is_moved(hands: Hands) -> None:
    hands.slide("overlap", 0.5)
    hands.slide("class_ratio", 0.2)
    hands.wait(60)
    seen = hands.picture.gaussians
    assert seen.centers[:, 0] == pytest.approx([-0.375, 0.875])
    hands.move([[0.0, 0.125], seen.centers[1].tolist()], seen.widths.tolist(), seen.weights.tolist(), [0, 1])
    hands.wait(60)
    assert hands.params["overlap"] == 0.0
    assert hands.params["class_ratio"] == 0.2
    assert hands.picture.gaussians.centers.tolist() == [[0.0, 0.125], [0.875, 0.375]]


def test_clicks_label_and_unlabel_and_the_stars_can_be_labelled(hands: Hands) -> None:
    start = drawn(hands)
    stars = start.picks.tolist()
    hands.label_picks()
    hands.wait(60)
    assert hands.picture.labelled.tolist() == [*start.labelled.tolist(), *stars]
    for i in hands.picture.labelled.tolist():
        hands.turn(i)
        hands.wait(60)
    assert len(hands.picture.labelled) == 0
    assert hands.picture.plane is None
    assert hands.picture.picks.tolist() == start.labelled.tolist()
    assert "Nothing is labelled" in hands.picture.reading
    hands.turn(3)
    hands.wait(60)
    assert hands.picture.labelled.tolist() == [3]
    assert "everywhere" in hands.picture.reading
    hands.reset_labels()
    hands.wait(60)
    assert hands.picture.labelled.tolist() == start.labelled.tolist()


def test_of_many_wishes_only_the_running_one_and_the_last_are_drawn(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(hands)
    begun, go_on = threading.Event(), threading.Event()
    seen: list[float] = []
    original = hands_state.made

    def slow(mode: str, params: dict, painting: Painting, noise: float):
        seen.append(params["centers"][0][0])
        begun.set()
        assert go_on.wait(60)
        return original(mode, params, painting, noise)

    monkeypatch.setattr(hands_state, "made", slow)
    for k in range(6):
        hands.move([[0.1 * k, 0.0], [1.5, 0.5]], [0.7, 0.7], [1.0, 1.0], [0, 1], version=k + 1, moving=True)
        assert begun.wait(60)
    go_on.set()
    hands.wait(60)
    assert seen == [0.0, 0.5]
    assert hands.picture.version == 6


def test_a_slow_strategy_leaves_the_boundary_to_follow_and_is_stopped_by_the_next_wish(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(hands)
    monkeypatch.setattr(hands_state, "PATIENCE", -1.0)
    stuck = threading.Event()
    original = hands_state.next_picks

    def slow(run: alviz.Run, n: int, progress):
        if hands.picture.version == 1:
            stuck.set()
            while True:
                progress(0.5)
        return original(run, n, progress)

    monkeypatch.setattr(hands_state, "next_picks", slow)
    hands.move([[0.0, 1.0], [1.5, 0.5]], [0.7, 0.7], [1.0, 1.0], [0, 1], version=1, moving=True)
    assert stuck.wait(60)
    assert hands.answered == 1
    assert hands.picture.plane is not None
    assert "come when the hand rests" in hands.picture.reading
    hands.move([[0.0, 2.0], [1.5, 0.5]], [0.7, 0.7], [1.0, 1.0], [0, 1], version=2)
    hands.wait(60)
    assert hands.error == ""
    assert hands.picture.version == 2
    assert len(hands.picture.picks) == 5


def test_what_a_lane_is_asked_for_just_as_it_finishes_is_done() -> None:
    lane = Lane("test", lambda busy: None, lambda fraction: None, lambda error: None)
    inner, done = lane._lock, threading.Event()

    class Asks:
        """A lock that asks for something the first time the worker lets go of it."""

        asked = False

        def __enter__(self) -> None:
            inner.acquire()

        def __exit__(self, *_: object) -> None:
            inner.release()
            if threading.current_thread() is not threading.main_thread() and not self.asked:
                self.asked = True
                lane.instead(lambda job: done.set())

    lane._lock = Asks()
    lane.start(lambda job: None)
    assert done.wait(20)


def paint(hands: Hands, points: np.ndarray, targets: list[int], ids: list[int], moving: bool = False):
    hands.paint(Painting(points.astype(np.float32), np.array(targets)), np.array(ids), moving=moving)
    hands.wait(60)
    assert hands.error == ""
    return hands.picture


def test_painted_points_keep_their_labels_while_others_come_and_go(hands: Hands) -> None:
    assert drawn(hands, mode="paint").pool is None
    points = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[0, 0], [3, 0]], 30, axis=0)
    assert len(paint(hands, points[:30], [0] * 30, list(range(30)), moving=True).labelled) == 0
    both = paint(hands, points, [0] * 30 + [1] * 30, list(range(60)))
    assert set(both.pool.targets[both.labelled]) == {0, 1}
    hands.turn(int(both.picks[0]))
    hands.wait(60)
    labelled = hands.picture.labelled
    gone = int(labelled[0])
    stays = [i for i in range(60) if i != gone]
    erased = paint(hands, points[stays], [0 if i < 30 else 1 for i in stays], stays)
    assert [stays[i] for i in erased.labelled] == labelled[1:].tolist()
    assert paint(hands, points[:0], [], []).reading.startswith("Choose a class")
    anew = paint(hands, points, [0] * 30 + [1] * 30, list(range(100, 160)))
    assert set(anew.pool.targets[anew.labelled]) == {0, 1}


def test_degenerate_pools_say_what_they_are(hands: Hands) -> None:
    drawn(hands, mode="paint")
    assert "one place" in paint(hands, np.ones((8, 2)), [0, 1] * 4, list(range(8))).reading
    assert "says A everywhere" in paint(hands, np.random.default_rng(0).normal(size=(8, 2)), [0] * 8, list(range(10, 18))).reading
    single = paint(hands, np.ones((1, 2)), [2], [99])
    assert single.labelled.tolist() == [0]
    assert len(single.picks) == 0


def test_a_class_without_labels_is_named(hands: Hands) -> None:
    hands.duel.config = {**hands.duel.config, "n_queries": 2}
    hands.move([[-1, 0], [1, 0], [0, 2]], [0.3] * 3, [1.0] * 3, [0, 1, 2])
    hands.wait(60)
    for i in hands.picture.labelled.tolist():
        hands.turn(i)
        hands.wait(60)
    for k in (0, 1):
        hands.turn(int(np.flatnonzero(hands.picture.pool.targets == k)[0]))
        hands.wait(60)
    assert "C has no label yet" in hands.picture.reading


def test_the_pool_made_by_hand_runs_on_the_page() -> None:
    page = Toy(Duel(hands="gaussians", strategies=["random", "margin"], learner="logistic"))
    page.duel.wait(60)
    state = page.hands.hands
    state.wait(60)
    state.move(**SHAPE)
    state.wait(60)
    page.hands.buttons["Use this pool"].click()
    page.duel.wait(60)
    page.header.buttons["Start"].click()
    page.duel.wait(60)
    run = page.duel.runs[0]
    assert page.duel.error == ""
    assert np.array_equal(run.dataset.features, state.picture.pool.features)
    link = dict(page.url.share)
    assert link["dataset"] == "mixture" and link["hands"] == "gaussians"
    other = Toy(Duel())
    other.url.query = link
    other.duel.wait(60)
    other.hands.hands.wait(60)
    assert data.content_hash(other.duel.pool) == data.content_hash(run.dataset)
    assert data.content_hash(other.hands.hands.picture.pool) == data.content_hash(run.dataset)


def test_a_painting_from_a_file_goes_to_the_page_and_runs() -> None:
    page = Toy(Duel(hands="paint", strategies=["random", "margin"], learner="logistic"))
    page.hands.hands.wait(60)
    assert all(button.disabled for button in page.hands.buttons.values())  # nothing is painted yet
    points = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    targets = np.arange(40) % 2
    plane = page.hands.plane
    plane._answer(plane, {"kind": "file", "name": "<b>.csv"}, [b"x,y\n"])
    assert "&lt;b&gt;.csv" in page.hands.message.value
    plane._answer(plane, {"kind": "file", "name": "a.csv"}, [csv_of(points, targets, ("cat", "dog")).encode()])
    assert plane.loaded["xy"] == points.tobytes()
    ids = np.arange(40, dtype="<i4").tobytes()
    plane._answer(plane, {"kind": "paint", "version": 1, "moving": False}, [plane.loaded["xy"], plane.loaded["classes"], ids])
    page.hands.hands.wait(60)
    assert plane.answered == 1
    assert not any(button.disabled for button in page.hands.buttons.values())
    page.hands.buttons["Use this pool"].click()
    page.duel.wait(60)
    page.header.buttons["Start"].click()
    page.duel.wait(60)
    assert page.duel.error == ""
    assert np.array_equal(page.duel.runs[0].dataset.features, points)
    assert page.duel.runs[0].dataset.class_names == ("cat", "dog")
    assert (page.url.share["dataset"], page.url.share["points"]) == ("painted", "file")


def test_nonsense_in_the_address_is_said() -> None:
    page = Toy(Duel())
    page.url.query = {"dataset": "mixture", "centers": "[[0,0],[1", "spreads": "[1,-1]", "hands": "<b>"}
    page.duel.wait(60)
    assert "centers=" in page.duel.notice
    assert page.duel.config["hands"] == ""
    assert page.duel.pool.name == "mixture"


@pytest.mark.parametrize(("low", "high"), [((100, 250), (101, 251)), ((0, 0), (0.02, 0.01)), ((-5e4, 3), (9e4, 1e4)), ((7, 7), (7, 7))])
def test_points_from_a_file_fill_the_plane_wherever_they_lie(low: tuple[float, float], high: tuple[float, float]) -> None:
    page = Toy(Duel(hands="paint", learner="logistic"))
    low_, high_ = np.array(low, float), np.array(high, float)
    points = (low_ + (high_ - low_) * np.random.default_rng(0).random((60, 2))).astype(np.float32)
    points[:2] = low_, high_
    plane = page.hands.plane
    plane._answer(plane, {"kind": "file", "name": "a.csv"}, [csv_of(points, np.arange(60) % 2, "AB").encode()])
    ids = np.arange(1, 61, dtype="<i4").tobytes()
    plane._answer(plane, {"kind": "paint", "version": 1, "moving": False}, [plane.loaded["xy"], plane.loaded["classes"], ids])
    page.hands.hands.wait(60)
    x, y, width, height = plane.scene["window"]
    shares = np.ptp(points.astype(np.float64), axis=0) / (2 * width, 2 * height)
    assert (np.abs(points - (x, y)) <= (width, height)).all() and width * 3 == pytest.approx(height * 4)
    assert low == high or shares.max() > 0.85
    seen = page.hands.hands.picture.plane
    assert (seen.x[0], seen.x[-1]) == (pytest.approx(x - width), pytest.approx(x + width))
    plane._answer(plane, {"kind": "paint", "version": 2, "moving": False}, [b"", b"", b""])
    page.hands.hands.wait(60)
    assert plane.scene["window"] == [0, 0, 4, 3]


def test_painting_on_the_canvas_does_not_zoom(hands: Hands) -> None:
    drawn(hands, mode="paint")
    few = np.random.default_rng(0).normal(size=(20, 2)) / 10 + (3.5, -2.5)
    assert paint(hands, few, [0, 1] * 10, list(range(20))).window == (0, 0, 4, 3)
