"""The lessons' pages: the list, the teacher's page, the lessons themselves, and the links between them."""

import asyncio
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alviz.app.cli import cli
from alviz.app.kernels import VisitorKernels
from alviz.app.lessons import LESSONS, questions
from alviz.app.saved_lessons import SavedLessons


def links(html: str) -> list[str]:
    return re.findall(r'href="([^"#]+)"', html)


def test_home_leads_to_the_list_and_the_list_to_every_lesson(ask) -> None:
    home, listed = (answer.body.decode() for answer in ask("/", "/lessons"))
    assert "/lessons" in links(home)
    assert {"/lessons/teacher", *(f"/lessons/{lesson.name}" for lesson in LESSONS)} <= set(links(listed))
    for lesson in LESSONS:
        assert lesson.title in listed and lesson.summary in listed


def test_the_teachers_page_is_served(ask) -> None:
    (answer,) = ask("/lessons/teacher")
    html = answer.body.decode()
    assert answer.code == 200 and "Misconceptions" in html
    assert f"/lessons/{LESSONS[0].name}.ipynb" in links(html)


def test_a_link_to_a_notebook_leads_to_its_lesson(ask) -> None:
    moved, unknown = ask(f"/lessons/{LESSONS[1].name}.ipynb", "/lessons/none-such")
    assert (moved.code, moved.headers["Location"]) == (302, f"/lessons/{LESSONS[1].name}")
    assert unknown.code == 404 and "There is no page at this address." in unknown.body.decode()


def test_a_lesson_is_saved_once_for_all_who_ask(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    async def make(saved: SavedLessons, name: str) -> None:
        made.append(name)
        saved.path(name).write_text(f"the file of {name}", encoding="utf-8")

    monkeypatch.setattr(SavedLessons, "make", make)
    name = LESSONS[1].name
    first, again, unknown, listed = ask(f"/lessons/{name}.html", f"/lessons/{name}.html", "/lessons/none-such.html", "/lessons")
    for answer in (first, again):
        assert (answer.code, answer.body.decode()) == (200, f"the file of {name}")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.html"'
    assert made == [name]
    assert unknown.code == 404
    assert {f"/lessons/{lesson.name}.html" for lesson in LESSONS} <= set(links(listed.body.decode()))


def test_a_lesson_is_not_saved_where_memory_is_taken_and_a_failure_is_one_sentence(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(saved: SavedLessons, name: str) -> None:
        raise RuntimeError("its process was ended")

    monkeypatch.setattr(SavedLessons, "make", fail)
    (failed,) = ask(f"/lessons/{LESSONS[0].name}.html")
    assert failed.code == 500 and "could not answer this request" in failed.body.decode()
    monkeypatch.setattr(VisitorKernels, "room", lambda manager: False)
    (full,) = ask(f"/lessons/{LESSONS[0].name}.html")
    assert full.code == 503


@pytest.mark.slow
def test_the_process_that_saves_a_lesson_says_why_it_failed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="There is no lesson 'none-such'"):
        asyncio.run(SavedLessons(tmp_path).make("none-such"))


def test_the_lessons_are_in_the_menu_of_every_page(ask) -> None:
    gallery, listed, teacher = (answer.body.decode() for answer in ask("/gallery", "/lessons", "/lessons/teacher"))
    assert '<a href="/lessons">Lessons</a>' in gallery
    assert '<a href="/lessons" aria-current="page">Lessons</a>' in listed
    assert '<a href="/lessons" aria-current="true">Lessons</a>' in teacher


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["none-such"], "There is no lesson 'none-such': choose 1-what-is-it"), (["2-uncertainty", "-o", "lesson.pdf"], "written as .html")],
)
def test_the_command_refuses_in_one_sentence(arguments: list[str], sentence: str) -> None:
    told = CliRunner().invoke(cli, ["lesson", *arguments])
    assert told.exit_code == 2 and sentence in told.stderr


@pytest.mark.slow
def test_a_lesson_comes_with_its_text_and_without_its_answers(ask) -> None:
    name = LESSONS[1].name
    (answer,) = ask(f"/lessons/{name}")
    html = answer.body.decode()
    assert "Blind spot one" in html and html.count('class="shell-cell"') >= len(questions(name))
    assert html.count("<h1") == 1
    for asked in questions(name):
        assert asked.because not in html
    assert {f"/lessons/{LESSONS[0].name}", f"/lessons/{LESSONS[2].name}"} <= set(links(html))
