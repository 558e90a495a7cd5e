"""The lessons: each runs, every guess can be made and tells its answer, the list and the teacher's page agree with the notebooks."""

import itertools
import json
import re
import runpy
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from alviz.app.lessons import LESSONS, around, notebook, questions, teachers_page, teaching

NAMES = [lesson.name for lesson in LESSONS]

LOCK_ALL = """
import json
from alviz.panels.guess import TALLY
told = {}
for _one in TALLY.guesses.values():
    _right = _one.choices.index(_one.answer) if _one.choices else _one.answer
    assert _one.lock(_right)
    _one.wait(300)
    _shown = len(_one.shown.widget.children)
    told[_one.question] = {"outcome": _one.outcome, "error": _one.error, "shown": _shown, "reveals": _one.reveal is not None}
print(json.dumps(told))
"""


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


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_runs_and_every_guess_tells_its_answer(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    lesson = nbformat.read(notebook(name), as_version=4)
    assert all(not cell.outputs for cell in lesson.cells if cell.cell_type == "code")  # answers are not stored in the file
    lesson.cells.append(nbformat.v4.new_code_cell(LOCK_ALL))
    NotebookClient(lesson, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert "application/vnd.jupyter.widget-view+json" in lesson.cells[-2].outputs[0].data
    printed = "".join(output.text for output in lesson.cells[-1].outputs if output.output_type == "stream" and output.name == "stdout")
    told = json.loads(printed)
    assert list(told) == [asked.question for asked in questions(name)]
    for question, found in told.items():
        assert (found["outcome"], found["error"]) == ("right", ""), question
        assert found["shown"] == found["reveals"], question


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
