import numpy as np
import pytest

from alviz.figures import accuracy_html, accuracy_reading, accuracy_table

NBSP = "\u00a0"
# Three seeds: mean 0.80, s = 0.02, t(0.975, 2) = 4.302653.
THREE = np.array([[0.78, 0.6], [0.80, 0.7], [0.82, np.nan]])


def test_means_come_with_students_interval():
    (row,) = accuracy_table({"margin": THREE})
    first, second = row.cells
    assert (first.seeds, second.seeds) == (3, 2)
    assert first.mean == pytest.approx(0.80)
    assert first.half_width == pytest.approx(4.302653 * 0.02 / np.sqrt(3), rel=1e-6)
    assert second.mean == pytest.approx(0.65)


def test_one_seed_has_no_interval():
    (row,) = accuracy_table({"margin": np.array([[0.802]])})
    assert row.cells[0].mean == 0.802
    assert np.isnan(row.cells[0].half_width)
    assert "<b>80.2</b></td>" in accuracy_html([row])


def test_the_table_escapes_names_and_marks_the_best():
    rows = accuracy_table({"<script>": THREE, "random": THREE - 0.1})
    page = accuracy_html(rows)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert page.count('scope="row"') == 2
    assert '<td style="text-align:right"><b>80.0</b> ± 5.0</td>' in page
    assert '<td style="text-align:right">70.0 ± 5.0</td>' in page
    assert "Selection 1" in page and "Selection 2" in page


def test_the_reading_says_whether_the_seeds_decide():
    spread = np.array([[-0.001], [0.0], [0.001]])
    apart = accuracy_table({"random": 0.7 + spread, "margin": 0.8 + spread})
    assert (
        accuracy_reading(apart)
        == f"After selection 1 margin has 80.0{NBSP}%, 10.0 points more than random; the 95{NBSP}% intervals over 3 seeds lie apart."
    )
    near = accuracy_table({"random": 0.7 + 10 * spread, "margin": 0.71 + 10 * spread})
    assert accuracy_reading(near).endswith(f"1.0 points more than random; the 95{NBSP}% intervals over 3 seeds overlap.")
    single = accuracy_table({"random": np.array([[0.7]]), "margin": np.array([[0.8]])})
    assert accuracy_reading(single).endswith("one seed decides nothing.")


def test_nothing_measured_is_said():
    assert "Step to fill the table." in accuracy_html([])
    rows = accuracy_table({"margin": np.full((3, 2), np.nan)})
    assert accuracy_reading(rows) == "No accuracy has been measured yet."
    assert "nan" not in accuracy_html(rows)


def test_strategies_must_have_as_many_selections():
    with pytest.raises(ValueError, match=r"^accuracies: wanted"):
        accuracy_table({"a": np.zeros((3, 2)), "b": np.zeros((3, 1))})


def test_an_interval_wider_than_all_that_can_be_says_only_that():
    shown = accuracy_html(accuracy_table({"margin": np.array([[0.3], [0.9]]), "random": np.array([[0.3], [0.31]])}))
    assert "60.0</b> ± over 100" in shown
    assert "30.5 ± 6.4" in shown  # t(0.975, 1) · s/√2 = 12.706 · 0.5 points
