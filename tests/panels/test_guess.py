"""A guess: nothing of the answer before it is locked, everything after, once."""

import json
import threading

import pytest

from alviz.figures.base import nothing
from alviz.panels.guess import Guess, Tally, guess
from alviz.panels.plane import plane
from alviz.panels.shown import Shown, Table
from alviz.panels.tryout import TryOut

SECRET = "Because the answer is blue."


def asked(**changes) -> Guess:
    given = {
        "question": "Which colour?",
        "choices": ["red", "blue"],
        "number": None,
        "unit": "",
        "answer": "blue",
        "within": 0,
        "because": SECRET,
        "reveal": None,
    }
    return Guess(**{**given, **changes})


def number(**changes) -> Guess:
    return asked(choices=(), number=(0, 100), unit="%", answer=80, within=5, **changes)


def sent(found: Guess) -> str:
    """All that the page can know of the question."""
    return json.dumps(found.form.get_state(), default=str) + "".join(str(child.get_state()) for child in found.shown.widget.children)


def test_before_a_guess_the_page_knows_nothing_of_the_answer() -> None:
    called = []
    found = asked(reveal=lambda progress: called.append(1))
    state = sent(found)
    assert SECRET not in state and '"told": {}' in state
    assert called == [] and found.outcome == "" and found.mine == ""


@pytest.mark.parametrize(("choice", "outcome"), [(0, "wrong"), (1, "right")])
def test_a_guess_from_the_page_is_locked_and_told(choice: int, outcome: str) -> None:
    found = asked()
    found.form.guess = choice
    found.wait(10)
    assert found.locked
    assert found.form.told == {
        "verdict": outcome,
        "mine": ["red", "blue"][choice],
        "truth": "blue",
        "answer": 1,
        "because": SECRET,
    }
    assert found.outcome == outcome


@pytest.mark.parametrize(("said", "outcome"), [(75, "right"), (85, "right"), (74.9, "wrong"), (0, "wrong")])
def test_a_number_is_right_within_its_tolerance(said: float, outcome: str) -> None:
    found = number()
    assert found.lock(said)
    found.wait(10)
    assert found.outcome == outcome
    assert found.form.told["truth"] == "80 %"


@pytest.mark.parametrize("nonsense", [None, -1, 2, 0.5, "blue", True, float("nan")])
def test_nonsense_is_no_guess(nonsense: object) -> None:
    found = asked()
    assert not found.lock(nonsense)
    assert not found.locked and found.form.told == {}


@pytest.mark.parametrize("nonsense", [None, -1, 101, "80", float("nan")])
def test_a_number_out_of_range_is_no_guess(nonsense: object) -> None:
    assert not number().lock(nonsense)


def test_a_locked_guess_cannot_be_changed() -> None:
    found = asked()
    assert found.lock(0)
    found.wait(10)
    assert not found.lock(1)
    found.form.guess = 1  # a page that tries
    found.wait(10)
    assert found.mine == "red" and found.outcome == "wrong"


def test_the_reveal_is_worked_out_in_a_job_and_shown() -> None:
    where = []

    def reveal(progress):
        where.append(threading.current_thread())
        progress(0.5)
        return ["A <b>text</b>", Table("Two", [{"a": "1", "b": "<i>"}]), nothing("A picture")]

    found = asked(reveal=reveal)
    found.lock(1)
    found.wait(10)
    assert where[0] is not threading.main_thread()
    text, table, plot = found.shown.widget.children[0].children
    assert "A &lt;b&gt;text" in text.value
    assert "<caption>Two</caption>" in table.value and "&lt;i&gt;" in table.value
    assert plot.alt == "A picture"


def test_a_reveal_that_fails_takes_nothing_from_the_answer() -> None:
    def reveal(progress):
        raise ValueError("no such pool")

    found = asked(reveal=reveal)
    found.lock(1)
    found.wait(10)
    assert found.outcome == "right"
    assert found.error == "No such pool"


def test_a_reveal_is_cancelled_and_can_be_worked_out_afterwards() -> None:
    begun, patient = threading.Event(), [True]

    def reveal(progress):
        begun.set()
        while patient:
            progress(0.5)
        return "seen"

    found = asked(reveal=reveal)
    assert found.row.layout.display == "none"
    found.lock(1)
    assert begun.wait(10)
    assert (found.button.description, found.row.layout.display) == ("Cancel", None)
    found.button.click()
    found.wait(10)
    assert found.outcome == "right" and found.form.told["because"] == SECRET  # the answer needs no evidence
    assert not found.error and found.notice.startswith("Cancelled") and not found.shown.widget.children
    assert (found.button.description, found.row.layout.display) == ("Work it out", None)
    patient.clear()
    found.button.click()
    found.wait(10)
    assert "seen" in found.shown.widget.children[0].value
    assert found.row.layout.display == "none" and found.outcome == "right"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"choices": ()}, "either choices or number"),
        ({"number": (0, 1)}, "either choices or number"),
        ({"choices": ["blue"]}, "two or more different choices"),
        ({"choices": ["blue", "blue"]}, "two or more different choices"),
        ({"answer": "green"}, "'green' is none of the choices"),
        ({"choices": (), "number": (0, 10), "answer": 11}, "a number from 0 to 10"),
        ({"choices": (), "number": (0, 10), "answer": "five"}, "a number from 0 to 10"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(changes: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        asked(**changes)


def test_the_tally_counts_and_keeps_guesses_beside_answers() -> None:
    tally = Tally()
    common = {"because": SECRET, "tally": tally}
    guess("First <b>?", choices=["a", "b"], answer="a", **common)
    guess("Second?", number=(0, 10), answer=3, **common)
    assert "0 right of 0 made; 2 questions" in tally.html.value
    assert "First" not in tally.html.value
    first, second = tally.guesses.values()
    first.lock(0)
    first.wait(10)
    html = tally.html.value
    assert "1 right of 1 made" in html and "✓ right" in html and "First &lt;b&gt;?" in html
    assert "<td>3</td>" not in html, "the answer to what was not guessed yet"
    second.lock(9)
    second.wait(10)
    assert "1 right of 2 made" in tally.html.value and "<td>9</td><td>3</td>" in tally.html.value
    guess("Second?", number=(0, 10), answer=3, **common)  # its cell was run once more
    assert len(tally.guesses) == 2 and "1 right of 1 made" in tally.html.value


def test_what_is_shown_again_keeps_its_plot() -> None:
    shown = Shown()
    shown.show((nothing("one"), "text"))
    plot = shown.widget.children[0].children[0]
    shown.show((nothing("two"), "other text"))
    assert shown.widget.children[0].children[0] is plot and plot.alt == "two"
    shown.show("only text")
    assert plot not in shown.widget.children
    with pytest.raises(ValueError, match="got int"):
        shown.show(3)


def test_a_tryout_follows_its_controls_and_says_what_went_wrong() -> None:
    def show(share, name):
        if share > 0.8:
            raise ValueError("too much")
        return f"{name} {share}"

    found = TryOut(show, {"share": (0, 1, 0.1, 0.5), "name": ["x", "y"]})
    found.wait(10)
    assert "x 0.5" in found.shown.widget.children[0].value
    found.fields["name"].value = "y"
    found.fields["share"].value = 0.2
    found.wait(10)
    assert "y 0.2" in found.shown.widget.children[0].value
    found.fields["share"].value = 0.9
    found.wait(10)
    assert found.error == "Too much"


def test_a_tryout_that_takes_long_waits_until_it_is_asked() -> None:
    called = []
    found = TryOut(lambda share: called.append(share) or "done", {"share": (0, 1, 0.1, 0.5)}, later=True)
    found.wait(10)
    assert called == [] and not found.shown.widget.children
    found.button.click()
    found.wait(10)
    assert called == [0.5] and found.button.layout.display == "none"
    found.fields["share"].value = 0.2
    found.wait(10)
    assert called == [0.5, 0.2]


def test_a_plane_takes_a_case_and_refuses_a_setting_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="there is no setting 'colour'"):
        plane("noise", controls=["colour"])
    with pytest.raises(ValueError, match="there is no case"):
        plane("nonsense")
