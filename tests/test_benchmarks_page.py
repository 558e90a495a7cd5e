"""What the page benchmark computes without a page: medians, verdicts, the table, and its section of the document."""

from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    import page

    return page


def test_seconds_are_judged_by_their_median_and_show_the_largest(page: ModuleType) -> None:
    row = page.seconds("a click", [0.9, 0.1, 0.2], 0.3, "engine 0.05 s")
    assert row.cells() == ("a click", "0.20 s (most 0.90 s of 3; engine 0.05 s)", "≤ 0.30 s", "met")
    assert page.seconds("a click", [2.0, 0.25, 1.0, 0.5], 0.7).cells()[1:] == ("0.75 s (most 2.00 s of 4)", "≤ 0.70 s", "missed")
    assert page.seconds("one visit", [2.5], None).cells() == ("one visit", "2.50 s", "", "")


@pytest.mark.parametrize(("value", "verdict"), [(0.2999, "met"), (0.3, "met"), (0.3001, "missed")])
def test_the_verdict_compares_what_was_measured_not_what_is_shown(page: ModuleType, value: float, verdict: str) -> None:
    row = page.Row("a click", value, "s", 0.3)
    assert row.cells()[1] == "0.30 s"
    assert row.verdict == verdict


def test_nothing_may_happen_where_the_target_is_none_at_all(page: ModuleType) -> None:
    assert page.Row("errors", 0, "", 0).cells() == ("errors", "0", "0", "met")
    assert page.Row("errors", 2, "", 0, "one; other").cells() == ("errors", "2 (one; other)", "0", "missed")


def test_megabytes_keep_one_place_below_a_hundred(page: ModuleType) -> None:
    assert page.Row("bytes", 3.14, "MB", 15.0).cells()[1:3] == ("3.1 MB", "≤ 15.0 MB")
    assert page.Row("memory", 1234.5, "MB", 260, "PSS 90 MB").cells()[1:] == ("1,234 MB (PSS 90 MB)", "≤ 260 MB", "missed")


def test_the_report_is_a_table_with_a_line_for_every_row(page: ModuleType) -> None:
    lines = page.report([page.Row("first", 1.0, "s", 2.0), page.Row("second", 300.0, "MB")]).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["what", "measured", "target", ""]
    assert set("".join(cells[1])) == {"-", ":"}
    assert cells[2:] == [["first", "1.00 s", "≤ 2.00 s", "met"], ["second", "300 MB", "", ""]]
