"""Pools made by hand in a page's address: what goes in comes out, and what makes no sense gets a sentence."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from alviz.data.painted import csv_of
from alviz.panels.duel import Duel
from alviz.panels.toy import Toy


def said(script: str) -> str:
    """What a script prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(script, {"__name__": "__main__"})
    return printed.getvalue()


def by_hand(**config: Any) -> Toy:
    page = Toy(Duel(strategies=["margin", "random"], learner="logistic", n_queries=4, **config))
    rest(page)
    return page


def rest(*pages: Toy) -> None:
    for page in pages:
        page.duel.wait(60)
        page.hands.hands.wait(60)
        assert (page.duel.error, page.hands.hands.error) == ("", "")


def brush(page: Toy, points: Any, targets: Any, **more: Any) -> None:
    """What the page sends after a stroke."""
    xy, classes, ids = np.array(points, "<f4").tobytes(), np.array(targets, np.uint8).tobytes(), np.arange(1, len(targets) + 1, dtype="<i4")
    plane = page.hands.plane
    plane._answer(plane, {"kind": "paint", "version": 1, "moving": False, **more}, [xy, classes, ids.tobytes()])
    rest(page)


def elsewhere(page: Toy) -> Toy:
    there = Toy(Duel())
    there.url.query = page.url.share
    rest(there)
    return there


def seen(page: Toy) -> tuple[Any, ...]:
    hands, picture = page.hands.hands, page.hands.hands.picture
    of_it = (picture.pool.features.tolist(), picture.pool.targets.tolist(), picture.labelled.tolist(), picture.picks.tolist())
    return (hands.mode, hands.learner, hands.strategy, hands.kind, picture.plane.probabilities.tolist(), *of_it)


LATTICE = np.random.default_rng(0).integers(-768, 768, size=(120, 2)) / 256


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("mode", ["gaussians", "paint"])
def test_a_pool_made_by_hand_is_linked_with_its_labels_and_scripted(mode: str, used: bool) -> None:
    page = by_hand(hands=mode)
    hands = page.hands.hands
    assert {name for name in page.url.share or {} if name.startswith("hand.")} == set(), "it goes without saying"
    if mode == "gaussians":
        hands.move([[-1.25, 0.5], [1.5, -0.75]], [0.4, 1.0], [1.0, 3.0], [1, 0])
        hands.slide("label_noise", 0.05)
    else:
        brush(page, LATTICE, [0] * 50 + [1] * 40 + [2] * 30)
        page.hands.sliders["label_noise"].value = 0.1
    page.hands.fields["strategy"].value = "entropy"
    page.hands.fields["kind"].value = "score"
    rest(page)
    hands.turn(int(hands.picture.picks[0]))
    rest(page)
    if used:
        page.hands.buttons["Use this pool"].click()
        page.duel.make(1)
        rest(page)
    there = elsewhere(page)
    assert there.duel.notice == "" and there.url.share == page.url.share
    assert seen(there) == seen(page)
    if used:
        assert [run.rounds[1].queried.tolist() for run in there.duel.runs] == [run.rounds[1].queried.tolist() for run in page.duel.runs]
    else:
        assert there.duel.pool.name == "gaussians"
    if mode == "paint":  # the page gets the points, too, and paints on from there
        assert np.array_equal(np.frombuffer(there.hands.plane.loaded["xy"], "<f4").reshape(-1, 2), LATTICE)
    printed = said(page.sharing._texts["python"]()).splitlines()
    assert printed[-1] == str(np.array(hands.picture.picks))
    assert max(map(len, page.url.share.values())) < 700


def test_a_gaussian_reads_as_its_numbers() -> None:
    page = by_hand(hands="gaussians")
    page.hands.hands.move([[-1.25, 0.5], [1.5, -0.75]], [0.4, 1.0], [1.0, 3.0], [1, 0])
    page.hands.buttons["Use this pool"].click()
    rest(page)
    share = page.url.share
    assert (share["centers"], share["spreads"], share["weights"], share["classes"]) == ("-1.25,0.5_1.5,-0.75", "0.4,1", "1,3", "1,0")


@pytest.mark.parametrize("what", ["too many", "between the points of the lattice", "classes with names"])
def test_a_painting_that_fits_into_no_link_is_said_on_both_sides(what: str) -> None:
    page = by_hand(hands="paint")
    if what == "too many":
        brush(page, np.random.default_rng(0).integers(-768, 768, size=(1600, 2)) / 256, [0, 1] * 800)
    elif what == "classes with names":
        page.hands.plane._load("a.csv", csv_of(LATTICE.astype(np.float32), np.arange(120) % 2, ("cat", "dog")).encode())
        brush(page, LATTICE, np.arange(120) % 2)
    else:
        brush(page, LATTICE + 0.001, [0] * 60 + [1] * 60)
    assert "send the file along" in page.sharing.widget.gap
    there = elsewhere(page)
    assert "load its CSV file" in there.duel.notice and there.hands.hands.mode == "paint"
    page.hands.buttons["Use this pool"].click()
    rest(page)
    assert "send the file along" in page.sharing.widget.gap
    there = elsewhere(page)
    assert "load its CSV file" in there.duel.notice and there.duel.config["dataset"] == "gaussians"
    brush(page, LATTICE[:0], [])
    page.settings.fields["dataset"].value = "moons"
    assert page.sharing.widget.gap == ""


HOSTILE = {
    "dataset": "mixture",
    "hands": "paint",
    "n": "1000000000",
    "centers": "_".join(["0,0"] * 9000),
    "spreads": "-1,nan,1e400",
    "weights": "[" * 60_000,
    "classes": "0,1,٣,<b>",
    "overlap": "inf",
    "hand.points": "0" + "A" * 60_000,
    "hand.labelled": ",".join(map(str, range(10_000))),
    "hand.learner": "../etc",
    "hand.strategy": "bald",
    "rounds": "1e9",
    "seeds": "-3",
}


def test_a_hostile_address_gets_a_sentence() -> None:
    page = Toy(Duel())
    page.url.query = HOSTILE
    rest(page)
    notice = page.duel.notice
    assert notice.startswith("Left out of the address") and "and 5 more" in notice and len(notice) < 600
    assert page.duel.config["params"] == {} and page.duel.planes == []
    assert len(page.hands.hands.painting) == 0


@pytest.mark.parametrize("points", ["0AAA", "9AAAA", "0AA=A", "0AA\ud800A", "-", ".", "0AAAA..1AAAA", "0AAAA\n", "0A%3A"])
def test_painted_points_that_are_none_are_left_out(points: str) -> None:
    page = Toy(Duel())
    page.url.query = {"dataset": "painted", "points": points, "hands": "paint", "hand.points": points}
    rest(page)
    assert "points=" in page.duel.notice and "hand.points=" in page.duel.notice
    assert page.duel.config["dataset"] == "gaussians"
