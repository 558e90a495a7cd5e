"""The cards laid out: families, fields and the docs page."""

from pathlib import Path

import pytest

from alviz.strategies import available, card, handbook, registry

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_strategy_stands_under_one_heading():
    names = [name for names in handbook.families().values() for name in names]
    assert sorted(names) == available()
    assert set(handbook.families()) <= set(handbook.HEADINGS.values())


@pytest.mark.parametrize("name", available())
def test_the_fields_say_what_the_card_says(name):
    fields, shown = handbook.fields(name), card(name)
    assert fields["Cost"].startswith(shown.cost) and fields["Fails"] == shown.fails and fields["Paper"] == shown.reference
    assert all(fields.values())
    assert [line.split(" = ")[0] for line in fields.get("Options", "").splitlines()] == list(registry.parameters(name))


def test_a_formula_keeps_its_signs_in_markdown():
    assert handbook.escaped("a_b * [c] | <d>") == r"a\_b \* \[c\] \| \<d>"


def test_the_docs_page_is_the_cards():
    written = (DOCS / "strategies.md").read_text(encoding="utf-8")
    assert written == handbook.markdown(), "run: alviz strategies --markdown > docs/strategies.md"


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'margin'"):
        handbook.fields("margn")
