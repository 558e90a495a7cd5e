"""The README's library example works when pasted."""

import re
from pathlib import Path

import pytest

import alviz

README = Path(__file__).parent.parent / "README.md"


def test_the_library_examples_work_when_pasted(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 7
    names: dict[str, object] = {}  # pasted one after the other into one session
    try:
        for block in blocks:
            exec(compile(block, "README.md", "exec"), names)
        assert "flat" in alviz.strategies.available()
    finally:
        alviz.strategies.registry._entries.pop("flat", None)
    assert "accuracy" in capsys.readouterr().out


def test_the_readme_opens_with_a_picture_and_names_both_commands() -> None:
    text = README.read_text(encoding="utf-8")
    picture = re.search(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert picture and (README.parent / picture[1]).stat().st_size > 10_000
    assert text.index(picture[0]) < text.index("make app") < text.index("```python")
    assert "make test" in text
