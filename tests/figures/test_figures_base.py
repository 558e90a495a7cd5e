import numpy as np
import pytest

from alviz.figures.base import Drawing, axis, escape, nothing, number, percent, plural, shorten, spoken, whole_ticks

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.0004, "under 0.1 %"),
        (0.004, "0.4 %"),
        (0.02, "2 %"),
        (0.0314, "3.1 %"),
        (0.3149, "31 %"),
        (0.996, "99.6 %"),
        (0.9999, "over 99.9 %"),
        (1, "100 %"),
    ],
)
def test_a_share_is_read_as_people_would(share: float, text: str) -> None:
    assert percent(share) == text.replace(" %", NBSP + "%")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234.5, "1,234"), (0.12345, "0.123"), (-2.5, "−2.50"), (0.00001234, "1.23e-05"), (12.0, "12.0"), (1e7, "10,000,000")],
)
def test_a_number_has_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_nouns_follow_their_count() -> None:
    assert (plural(1, "label"), plural(0, "label"), plural(2000, "label")) == ("1 label", "0 labels", "2,000 labels")


def test_names_are_escaped_for_plotly() -> None:
    assert escape("<b>A</b> & %{x}\n$\\alpha$") == "&lt;b&gt;A&lt;/b&gt; &amp; %&#123;x} &#36;\\alpha&#36;"


def test_long_names_are_cut() -> None:
    assert shorten("a" * 24) == "a" * 24
    assert shorten("a" * 25) == "a" * 24 + "…"
    assert shorten("two\nlines") == "two lines"


def test_our_own_keys_become_plotly_ones() -> None:
    trace = {
        "type": "scatter",
        "x": np.array([1.0, 2.0, 3.0]),
        "y": np.array([1.0, 2.0, 3.0]),
        "alviz_ids": np.array([7, 8, 9]),
        "alviz_codes": np.array([1, 0, 1], dtype=np.uint8),
        "alviz_names": ["cat", "dog"],
    }
    drawn = Drawing({"data": [trace], "layout": {}}, "A sentence.").plotly()
    assert list(drawn.data[0].text) == ["dog", "cat", "dog"]
    assert "alviz_ids" in trace, "the figure itself is left as it was"


def test_an_empty_picture_says_why() -> None:
    drawing = nothing("Nothing <yet>.")
    assert drawing.reading == "Nothing <yet>."
    assert drawing.figure["layout"]["annotations"][0]["text"] == "Nothing &lt;yet&gt;."
    assert drawing.plotly().data == ()


def test_an_axis_without_a_title_keeps_no_room_for_one() -> None:
    assert "title" not in axis()
    assert axis("labels")["title"]["text"] == "labels"


@pytest.mark.parametrize(("most", "between"), [(1, False), (4, False), (5, True), (600, True)])
def test_counts_have_no_ticks_between_whole_numbers(most: float, between: bool) -> None:
    ticks = whole_ticks(most)
    assert ticks["tickformat"] == ",d"
    assert ("dtick" not in ticks) == between
    assert between or ticks["dtick"] == 1


def test_a_class_that_is_a_number_is_said_to_be_a_class() -> None:
    assert spoken("7") == "class 7"
    assert spoken("Ankle boot") == "Ankle boot"
    assert spoken("B7") == "B7"
