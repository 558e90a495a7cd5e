"""The lessons: which there are, in their order, and the teacher's page."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alviz.app.pages import Page, notebook_dir


@dataclass(frozen=True)
class Lesson(Page):
    """A page whose notebook lies in the folder ``lessons``; ``minutes``: how long it takes."""

    minutes: int


LESSONS = (
    Lesson(
        "1-what-is-it",
        "What is active learning?",
        "A model that chooses what to ask for, the loop it lives in, and what one run can prove.",
        25,
    ),
    Lesson(
        "2-uncertainty",
        "Uncertainty and its blind spots",
        "Ask where the model is unsure: three measures, and two places where that goes wrong.",
        25,
    ),
    Lesson("3-diversity", "Diversity", "Ask for what is unlike everything labelled: what it finds early, and what it falls for.", 25),
    Lesson(
        "4-committees",
        "Committees and dropout",
        "Ask where several models disagree: what disagreement knows that uncertainty does not, and what both miss.",
        25,
    ),
    Lesson(
        "5-batches", "Batches and redundancy", "Ask for many labels at once, and get the same answer many times; what helps against it.", 25
    ),
    Lesson("6-imbalance", "Imbalanced classes", "Rare classes: how not to miss them, and why an even set of labels is not the aim.", 30),
    Lesson(
        "7-cold-start", "The cold start", "The first labels come before there is a model: how to choose them, and how long it matters.", 25
    ),
    Lesson(
        "8-does-it-pay", "Does it pay at all?", "Seeds, intervals and fair comparisons: how to tell a better strategy from a lucky one.", 30
    ),
)


def around(name: str) -> tuple[Lesson | None, Lesson | None]:
    """The lessons before and after the one of that name."""
    at = [lesson.name for lesson in LESSONS].index(name)
    return (LESSONS[at - 1] if at else None), (LESSONS[at + 1] if at + 1 < len(LESSONS) else None)


def notebook(name: str) -> Path:
    """The notebook of a lesson."""
    return notebook_dir() / "lessons" / f"{name}.ipynb"


@dataclass(frozen=True)
class Asked:
    """A question as it stands in a notebook: its choices (none for a number), the answer in words, and why."""

    question: str
    choices: tuple[str, ...]
    answer: str
    because: str


def questions(name: str) -> list[Asked]:
    """The questions of a lesson in their order, read from its notebook without running it. Raises ValueError where one is not written out."""
    found = []
    for call in _calls(notebook(name), "guess"):
        try:
            given: dict[str, Any] = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg and word.arg != "reveal"}
            question = ast.literal_eval(call.args[0])
        except ValueError as error:
            raise ValueError(
                f"{name}: every part of a guess but reveal must be written out, line {call.lineno} of its cell is not"
            ) from error
        answer = given["answer"]
        words = answer if isinstance(answer, str) else f"{answer:,g} {given.get('unit', '')}".rstrip()
        found.append(Asked(question, tuple(given.get("choices", ())), words, given["because"]))
    return found


def _calls(path: Path, function: str) -> Iterator[ast.Call]:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            for node in ast.walk(ast.parse("".join(cell["source"]))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
                    yield node


def teaching() -> Path:
    """The teacher's page as Markdown: the package's own copy, or the repository's when installed editable."""
    app = Path(__file__).parent
    shipped = app / "teaching.md"
    return shipped if shipped.is_file() else app.parents[1] / "docs" / "teaching.md"


def teachers_page() -> str:
    """The teacher's page as HTML, its links to notebooks turned into links to the app's lessons."""
    from nbconvert.filters import markdown2html

    text = teaching().read_text(encoding="utf-8").replace("](../notebooks/lessons/", "](/lessons/")
    text = re.sub(r"\[([\w.]+)\]\([\w.]+\.md\)", r"`docs/\1`", text)  # other pages of docs are not served
    return str(markdown2html(text))
