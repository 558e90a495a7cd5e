"""The lessons' pages: the list, the teacher's page, the lessons themselves, and the links between them."""

import re

import pytest

from alviz.app.lessons import LESSONS, questions


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
