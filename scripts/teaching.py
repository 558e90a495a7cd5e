"""Write the lessons' questions and answers into docs/teaching.md, between the markers of each lesson.

python scripts/teaching.py
"""

import re

from alviz.app.lessons import LESSONS, questions, teaching


def block(name: str) -> str:
    """The questions of one lesson as Markdown, with their answers and why."""
    parts = []
    for k, asked in enumerate(questions(name), 1):
        choices = "".join(f"\n   - {choice}" for choice in asked.choices)
        parts.append(f"{k}. *{asked.question}*{choices}\n\n   **{asked.answer}.** {asked.because}")
    return "\n\n".join(parts)


def written(text: str) -> str:
    """The page with the blocks of all lessons as the notebooks have them. Raises ValueError for a lesson without markers."""
    for lesson in LESSONS:
        markers = f"<!-- {lesson.name} -->", f"<!-- /{lesson.name} -->"
        if not all(marker in text for marker in markers):
            raise ValueError(f"docs/teaching.md has no markers {' … '.join(markers)}")
        pattern = re.compile(f"{re.escape(markers[0])}.*?{re.escape(markers[1])}", re.DOTALL)
        text = pattern.sub(lambda _, lesson=lesson, markers=markers: f"{markers[0]}\n{block(lesson.name)}\n{markers[1]}", text)
    return text


if __name__ == "__main__":
    page = teaching()
    page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")
