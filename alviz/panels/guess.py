"""Guess: a question that tells its answer only to those who have committed themselves to one."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import traitlets

from alviz.panels.header import Activity
from alviz.panels.jobs import Job
from alviz.panels.shown import Part, Shown
from alviz.panels.theme import Themed, script
from alviz.panels.working import Working
from alviz.progress import Progress

Reveal = Callable[[Progress], Any]
"""Works out what is shown with the answer (see `Shown`): called with a `Progress` in the job thread, once the guess is locked."""


class Question(Themed):
    """The form: the question with its choices, or with a number to fill in, and the button that locks the guess.

    From Python: question; choices (none: a number is asked for); minimum, maximum, unit of that number; locked; told: {} until the answer may be known, then
    verdict ("right" or "wrong"), mine and truth (texts), answer (the index of the right choice, or None) and because.
    From the page: guess, the index of a choice or a number, set once, when it is locked in.
    """

    _esm = script("guess.js")

    question = traitlets.Unicode("").tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    minimum = traitlets.Float(0).tag(sync=True)
    maximum = traitlets.Float(100).tag(sync=True)
    unit = traitlets.Unicode("").tag(sync=True)
    guess: Any = traitlets.Any(None, allow_none=True).tag(sync=True)
    locked = traitlets.Bool(False).tag(sync=True)
    told = traitlets.Dict().tag(sync=True)


class Guess(Working):
    """One question of a lesson. outcome: "" until the answer was told, then "right" or "wrong".

    The answer stays in Python, and the page cannot have it, until a guess is locked; a locked guess stays beside it.
    """

    outcome = traitlets.Unicode("")

    def __init__(
        self,
        question: str,
        choices: Sequence[str],
        number: tuple[float, float] | None,
        unit: str,
        answer: str | float,
        within: float,
        because: str,
        reveal: Reveal | None,
    ):
        super().__init__()
        check(question, choices, number, answer, within)
        self.question, self.choices, self.number, self.unit = question, tuple(choices), number, unit
        self.answer, self.within, self.because, self.reveal = answer, within, because, reveal
        low, high = number or (0.0, 0.0)
        self._said: Any = None
        self.form = Question(question=question, choices=list(choices), minimum=low, maximum=high, unit=unit)
        self.shown = Shown()
        self._missing = reveal is not None
        self.button = widgets.Button(description="Cancel")
        self.button.on_click(lambda _: self.cancel() if self.busy else self.begin(self._tell))
        activity = Activity(self)
        self.row = widgets.HBox([activity.work, self.button])
        self.row.add_class("alviz-guess-work")
        self.widget = Part(self, [self.form, self.row, activity.message, self.shown.widget], "alviz-guess-box")
        self.observe(lambda _: self._stand(), ["busy"])
        self._stand()
        self.form.observe(lambda change: self.lock(change["new"]), ["guess"])

    @property
    def locked(self) -> bool:
        """Whether a guess was made; it cannot be changed any more."""
        return bool(self.form.locked)

    @property
    def truth(self) -> str:
        """The answer in words."""
        return self._words(self.answer)

    @property
    def mine(self) -> str:
        """The locked guess in words; "" before."""
        if not self.locked:
            return ""
        return self.choices[self._said] if self.choices else self._words(self._said)

    def lock(self, guess: Any) -> bool:
        """Take a guess, the index of a choice or a number, work out what is shown with the answer, and tell it. False for no guess, and for a second one."""
        if self.locked or isinstance(guess, bool) or not isinstance(guess, int if self.choices else (int, float)):
            return False
        low, high = (0, len(self.choices) - 1) if self.number is None else self.number
        if not low <= guess <= high:
            return False
        self._said = guess  # kept here: what the page sends later changes nothing
        with self.form.hold_sync():
            self.form.locked = True
            self.form.guess = guess
        return self.begin(self._tell)

    def _tell(self, job: Job) -> None:
        self.phase = "working it out"
        try:
            if self.reveal is not None:
                self.shown.show(self.reveal(job.progress))
                self._missing = False
        finally:  # what could not be worked out takes nothing from the answer
            right = self.mine == self.answer if self.choices else abs(self._said - float(self.answer)) <= self.within
            place = self.choices.index(str(self.answer)) if self.choices else None
            verdict = "right" if right else "wrong"
            self.form.told = {"verdict": verdict, "mine": self.mine, "truth": self.truth, "answer": place, "because": self.because}
            self.outcome = verdict

    def _stand(self) -> None:
        """The button: while something is being worked out, and afterwards where that was given up or failed."""
        self.button.description, self.button.tooltip = (
            ("Cancel", "The answer is told at once, without what would show it") if self.busy else ("Work it out", "What shows the answer")
        )
        self.row.layout.display = None if self.locked and self._missing else "none"

    def _words(self, value: str | float) -> str:
        if isinstance(value, str):
            return value
        return f"{value:,g} {self.unit}".rstrip()


def check(question: str, choices: Sequence[str], number: tuple[float, float] | None, answer: str | float, within: float) -> None:
    """Raises ValueError for a question that cannot be answered."""
    if bool(choices) == (number is not None):
        raise ValueError(f"question {question!r}: give either choices or number=(least, most)")
    if choices and (len(set(choices)) < len(choices) or len(choices) < 2):
        raise ValueError(f"question {question!r}: two or more different choices are wanted, got {list(choices)}")
    if choices and answer not in choices:
        raise ValueError(f"question {question!r}: the answer {answer!r} is none of the choices {list(choices)}")
    if number is not None and (isinstance(answer, str) or not number[0] <= answer <= number[1] or within < 0):
        raise ValueError(f"question {question!r}: wanted a number from {number[0]:g} to {number[1]:g} as the answer, got {answer!r}")


class Tally:
    """The questions of a lesson, in the order in which they stand, and how each was answered."""

    def __init__(self) -> None:
        self.guesses: dict[str, Guess] = {}
        self.html = widgets.HTML()
        self.widget = Part(self, [self.html], "alviz-tally")
        self._show()

    def add(self, guess: Guess) -> None:
        """Count a question; one that is asked again (its cell was run once more) takes its former place."""
        self.guesses[guess.question] = guess
        guess.observe(lambda _: self._show(), ["outcome"])
        self._show()

    def _show(self) -> None:
        guesses = list(self.guesses.values())
        told = [guess for guess in guesses if guess.outcome]
        right = sum(guess.outcome == "right" for guess in told)
        head = f"<p><b>Your guesses:</b> {right} right of {len(told)} made; {len(guesses)} questions in this lesson.</p>"
        rows = "".join(_row(k, guess) for k, guess in enumerate(guesses, 1))
        columns = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
        table = f'<div class="alviz-scroll"><table class="alviz-table"><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table></div>'
        self.html.value = head + (table if told else "")


def _row(k: int, guess: Guess) -> str:
    cells = (guess.question, guess.mine, guess.truth, MARKS[guess.outcome]) if guess.outcome else (guess.question, "not yet", "", "")
    return f"<tr><td>{k}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


COLUMNS = ("No.", "Question", "Your guess", "The answer", "Verdict")
MARKS = {"right": "✓ right", "wrong": "✗ not so"}

TALLY = Tally()
"""The questions of this process: a notebook has one of its own."""


def guess(
    question: str,
    *,
    choices: Sequence[str] = (),
    number: tuple[float, float] | None = None,
    unit: str = "",
    answer: str | float,
    within: float = 0.0,
    because: str,
    reveal: Reveal | None = None,
    tally: Tally = TALLY,
) -> widgets.VBox:
    """A question that shows its answer only once a guess is locked in, for a notebook cell or Voila.

    choices: texts to choose from, of which answer is one; or number: (least, most) of a number to guess, with its unit, which is right when it is `within` so much
    of answer. because: why, in a few sentences (plain text). reveal(progress): worked out after that in a job, not before; it returns what is shown as evidence: a str, a
    `Table`, a `Drawing`, a widget, a list of such (below one another) or a tuple (side by side). tally: which counts it. Raises ValueError for a
    question without an answer.
    """
    asked = Guess(question, choices, number, unit, answer, within, because, reveal)
    tally.add(asked)
    return asked.widget


def tally() -> widgets.VBox:
    """The questions of this notebook with the guesses made so far beside their answers."""
    return TALLY.widget
