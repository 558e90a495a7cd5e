"""The lessons (test_notebooks.py runs them in a kernel): what each shows bears its answers out, as one file it asks and reveals without Python, the list and the teacher's page agree with the notebooks."""

import base64
import gzip
import itertools
import json
import re
import runpy
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest

from alviz.app.lesson_file import write_lesson
from alviz.app.lessons import LESSONS, around, notebook, questions, teachers_page, teaching
from alviz.report.replay import MOST_BYTES

NAMES = [lesson.name for lesson in LESSONS]

# What must be seen in the evidence for the answer to be true: question (up to its first "?") -> patterns.
EVIDENCE = {
    "Which five points will margin ask for in round 1": ["5 of this round's 5 picks lie among the 10"],
    "How many labels does random need, on average, to be as good as margin is with 120": ["first gets there with 2[0-8]0 labels"],
    "Forty students each run this race once, each from another start. In how many of the forty is margin ahead after the first round, with 40 labels": [
        r"margin ahead\|+2[2-9]\|"
    ],
    "Which of the three measures ask for A before B": [r"least-confidence[|\d.]+B\|", r"margin[|\d.]+A\|", r"entropy[|\d.]+B\|"],
    "And with two classes: how often do the three measures put samples in a different order": [
        r"least-confidence\|+100%",
        r"entropy\|+100%",
    ],
    "Overlap 0.6, rounds 4 to 7, averaged over many starts: which strategy is more accurate": ["random is best", "better than margin"],
    "Ten runs with margin ask 30 times each. In how many of the ten does it ask even once inside the small cluster": [
        r"margin\|+0\.[01]\|+[01] of 10"
    ],
    "Which choice is k-center's": [r"B\|+k-center\|+\d+\|+[6-9]\d%", r"A\|+typiclust\|+\d+\|+[0-2]?\d%"],
    "In rounds 1 and 2, with 12 and 18 labels, k-center leads by about six points. What is left of it in rounds 8 and 9, with 54 and 60": [
        r"lead: ([5-9]|1\d)\.\d points in rounds 1 and 2, -?[01]\.\d in rounds 8 and 9"
    ],
    "Of its 25 queries, how many does k-center spend on the 60 outliers": [r"2[0-3]\.\d of k-center.*s are outliers"],
    "Ten labels, then six rounds of ten, on Fashion-MNIST. Where does k-center end": [
        "random is best",
        "better than k-center, 95.% interval [1-9]",
    ],
    "Which measures ask for B before A": [r"variation ratio[|\d.]+B\|", r"entropy of the mean[|\d.]+A\|", r"BALD[|\d.]+B\|"],
    "The committee asks where its members disagree. After six rounds, what probability does it give to the wrong class inside the small cluster, in the median run": [
        r"variation-ratio\|+(9\d|100) %"
    ],
    "A network that has no dropout layer is asked ten times in this way. How do its ten answers differ": [
        r"mlp \(100 labels\)\|+0%",
        "needs committee posterior",
    ],
    "With 100 labels, which is best on the digits": ["margin is best", "better than bald, 95.% interval [0-9]"],
    "margin asks for 100 labels, in batches of 20. At how many different places": [r"margin\|+[4-8]\|"],
    "One label at a time, 100 labels again. At how many different places does margin ask now": [r"1 at a time\|+([7-9]|1[0-5])\|"],
    "On the same pool, in batches of 20: what does BADGE's care for the batch buy": [
        r"badge\|+(5[2-9]|6\d)\|+8[3-6]",
        r"margin\|+[4-8]\|+8[0-2]",
    ],
    "Whose 250 labels are the most even": [r"cds-bal\|+0\.[12]\d\|", r"dmcs-random\|+0\.[3-5]\d\|", r"random\|+0\.[78]\d\|"],
    "And whose model is the most accurate, over the rounds": ["margin is best"],
    "How likely is it that none of ten random labels is of the rare class": ["is 82%"],
    "Four clouds, two classes, crosswise (xor). Four random labels, then five rounds of four. On average over the rounds, who is ahead": [
        r"random is best .* 1\d\.\d points better than margin|random is best .* 2\d\.\d points better than margin"
    ],
    "How many of the ten classes do ten random labels cover, on average": [r"6\.[3-7] classes on average", r"= 6\.5"],
    "Ten digits, chosen by typiclust instead of at random. How much more accurate is the first model": [
        r"typiclust\|+[\d.]+\|+7\d",
        r"random\|+[\d.]+\|+[45]\d\.",
    ],
    "And after five rounds of margin, with 110 labels: how much of that lead is left": [
        r"typiclust is best .* [01]\.\d points better than random"
    ],
    "In how many of a hundred such papers would random be the winner": [r"three starts\|+1\d%"],
    "How many of the twenty does the test call different from random, on average": [r"(0\.9\d|1\.0\d) strategies on average"],
    "Three papers, one set of runs. The first reports the accuracy in round 1, the second the mean over all rounds, the third the last round. Which of them can claim that k-center is better": [
        r"round 1 \(12 labels\)\|+\+[\d.]+ points\|+\+",
        r"mean over all rounds\|+\+[\d.]+ points\|+\+",
        r"last round \(60 labels\)\|+\+[\d.]+ points\|+-",
    ],
}


def text_of(name: str) -> str:
    return "\n".join(cell.source for cell in nbformat.read(notebook(name), as_version=4).cells if cell.cell_type == "markdown")


def test_the_list_is_the_folder() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 8
    assert sorted(path.stem for path in notebook(NAMES[0]).parent.glob("*.ipynb")) == NAMES
    assert [around(name)[1] for name in NAMES[:-1]] == list(LESSONS[1:])
    assert around(NAMES[0])[0] is None and around(NAMES[-1])[1] is None
    assert all(20 <= lesson.minutes <= 30 for lesson in LESSONS)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_has_what_lessons_have(lesson) -> None:
    text = text_of(lesson.name)
    assert text.startswith(f"# {lesson.title}\n")
    assert "**Aim.**" in text and f"About {lesson.minutes} minutes" in text
    assert "## What to take home" in text and "## Read on" in text
    found = questions(lesson.name)
    assert 3 <= len(found) == len({asked.question for asked in found})
    linked = re.findall(r"\]\(([\w-]+)\.ipynb\)", text)
    assert set(linked) <= set(NAMES)
    before, after = around(lesson.name)
    assert {neighbour.name for neighbour in (before, after) if neighbour is not None} <= set(linked)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Every lesson as one file, made once."""
    folder = tmp_path_factory.mktemp("saved")

    @cache
    def made(name: str) -> Path:
        return write_lesson(notebook(name), folder / f"{name}.html")

    return made


def content(page: str) -> list[dict[str, Any]]:
    """The parts of a lesson's file."""
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(gzip.decompress(base64.b64decode(json.loads(data)["parts"]["packed"])))


def words(part: Any) -> Iterator[str]:
    """All texts and readings of a recorded part, in their order."""
    if isinstance(part, list):
        for item in part:
            yield from words(item)
    elif isinstance(part, dict):
        yield from (value for key, value in part.items() if key in ("html", "alt") and isinstance(value, str))
        yield from words([value for value in part.values() if isinstance(value, (dict, list))])


OFFLINE = (NAMES[1], NAMES[2], NAMES[7])
"""Lessons that have all that lessons are made of: planes, pictures, sliders, figures and a tally."""

EVIL = "</script><img src=x onerror=alert(1)>"


def of_ones_own(folder: Path, *cells: tuple[str, str]) -> Path:
    """A notebook of these cells (kind, source)."""
    made = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    path = folder / "mine.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[made[kind](source) for kind, source in cells]), path)
    return path


def test_a_lesson_of_ones_own_is_saved_and_its_texts_stay_texts(tmp_path: Path) -> None:
    question = f"guess({EVIL!r}, choices=['yes', {EVIL!r}], answer='yes', because={EVIL!r}, reveal=lambda _: {EVIL!r})"
    source = of_ones_own(
        tmp_path,
        ("code", "from alviz.panels import guess, tally\n2 + 2"),
        ("code", question),
        ("markdown", "# R & D\n\n[on](2-x.ipynb)"),
        ("code", "tally()"),
    )
    page = write_lesson(source, tmp_path / "mine.html").read_text(encoding="utf-8")
    assert "<title>R &amp; D</title>" in page and EVIL not in page
    assert "2-x.ipynb" not in page and "<p>on</p>" in page
    asked, counted = content(page)
    assert (asked["answer"], asked["because"], counted["kind"]) == (0, EVIL, "tally")
    assert list(words(asked["evidence"])) == ["<p>&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;</p>"]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("1 / 0", "cell 1 of mine.ipynb failed: ZeroDivisionError: division by zero"),
        ("%matplotlib inline", "cell 1 of mine.ipynb failed: SyntaxError"),
        ("import ipywidgets\nipywidgets.IntSlider()", "cell 1 of mine.ipynb failed: A lesson that is saved can show .* IntSlider"),
    ],
)
def test_a_cell_that_cannot_be_saved_is_named(source: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=sentence):
        write_lesson(of_ones_own(tmp_path, ("code", source)), tmp_path / "mine.html")
    assert not (tmp_path / "mine.html").exists()


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"cells": [{"source": "x"}]}'])
def test_what_is_no_notebook_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "mine.ipynb").write_text(text)
    with pytest.raises(ValueError, match=r"mine\.ipynb' is no notebook"):
        write_lesson(tmp_path / "mine.ipynb", tmp_path / "mine.html")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_lesson_has_every_answer_and_what_bears_it_out(name: str, saved: Callable[[str], Path]) -> None:
    page = saved(name).read_text(encoding="utf-8")
    assert len(page.encode()) <= MOST_BYTES
    parts = content(page)
    guesses = [part for part in parts if part["kind"] == "guess"]
    asked = questions(name)
    told = [(part["form"]["state"]["question"], part["truth"], part["because"]) for part in guesses]
    assert told == [(one.question, one.answer, one.because) for one in asked]
    for one, part in zip(asked, guesses, strict=True):
        assert one.because not in page  # not to be read by the way
        if one.choices:
            assert one.choices[part["answer"]] == one.answer
        text = re.sub(r"<[^>]+>", "|", " ".join(words(part["evidence"])))
        for said in EVIDENCE.get(one.question.split("?")[0], ()):
            assert re.search(said, text), f"{one.question}: {said!r} is not shown, but {text}"


@pytest.mark.slow
@pytest.mark.browser
def test_saved_lessons_ask_reveal_and_step_offline(saved: Callable[[str], Path], chromium_path: str) -> None:
    from playwright.sync_api import expect, sync_playwright

    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"])
        for name in OFFLINE:
            address = saved(name).as_uri()
            page = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True).new_page()
            page.on(
                "request",
                lambda request, own=address: None if request.url.startswith((own, "blob:", "data:")) else wrong.append(request.url),
            )
            page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.goto(address)
            page.wait_for_selector("html[data-ready]")
            asked = questions(name)
            boxes = page.locator(".alviz-guess-box")
            assert boxes.count() == len(asked)
            for k, one in enumerate(asked):
                box = boxes.nth(k)
                expect(box.get_by_text(one.because[:40])).to_have_count(0)
                if one.choices:
                    box.get_by_label(one.answer, exact=True).check()
                else:
                    box.get_by_role("spinbutton").fill(one.answer.split()[0])
                box.get_by_role("button", name="Lock in my guess").click()
                expect(box.get_by_role("status")).to_contain_text("✓ Right.")
                expect(box.get_by_role("status")).to_contain_text(one.because)
            expect(page.locator(".alviz-tally")).to_contain_text(f"{len(asked)} right of {len(asked)} made")
            for drawn in page.locator(".alviz-plot-area").all():
                drawn.locator(".main-svg").first.wait_for()
            for bar in page.locator(".bar").all():
                bar.get_by_role("button", name="Step").click()
                expect(bar.get_by_role("slider", name="Round shown")).to_have_attribute("aria-valuenow", "1")
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            page.context.close()
        browser.close()
    assert wrong == []


def test_the_evidence_is_asked_of_questions_that_there_are() -> None:
    there = {asked.question.split("?")[0] for name in NAMES for asked in questions(name)}
    assert set(EVIDENCE) <= there


def test_the_teachers_page_has_every_question_with_its_answer() -> None:
    script = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "teaching.py"))
    page = teaching().read_text(encoding="utf-8")
    assert script["written"](page) == page, "run python scripts/teaching.py"
    for lesson in LESSONS:
        for asked in questions(lesson.name):
            assert f"**{asked.answer}.** {asked.because}" in page


@pytest.mark.parametrize("k", range(len(LESSONS)), ids=NAMES)
def test_the_teachers_timing_fills_the_lesson(k: int) -> None:
    section = re.split(r"^## ", teaching().read_text(encoding="utf-8"), flags=re.MULTILINE)[k + 1]
    assert section.startswith(f"{k + 1}. {LESSONS[k].title}\n")
    spans = [(int(a), int(b)) for a, b in re.findall(r"^\| (\d+)–(\d+) \|", section, flags=re.MULTILINE)]
    assert spans[0][0] == 0 and spans[-1][1] == LESSONS[k].minutes
    assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(spans))
    assert "**Misconceptions.**" in section and "**Aims:**" in section


def test_the_teachers_page_links_the_apps_lessons() -> None:
    html = teachers_page()
    assert {f"/lessons/{name}.ipynb" for name in NAMES} == set(re.findall(r'href="([^"#]+)"', html))
    assert "<table>" in html
