"""Grids of runs in the Compare page's address."""

from pathlib import Path

import pytest

from alviz.panels.compare import Compare
from alviz.panels.comparing import Comparing
from alviz.studies import Store

GRID = {
    "datasets": ["digits", {"name": "moons", "overlap": 0.2}],
    "learners": [{"name": "knn", "n_neighbors": 3}, "logistic"],
    "imbalances": ["none", "merge=0, 1; 1:19"],
    "n_queries": [10, 20],
    "rounds": 3,
    "seeds": [4],
    "name": "mine, and more",
}


def test_a_grid_that_is_kept_nowhere_is_linked_whole() -> None:
    page = Compare(Comparing(None, **GRID))
    page.comparing.wait(60)
    page._share()
    there = Compare(Comparing(None))
    there.url.query = page.url.share
    there.comparing.wait(60)
    assert page.comparing.grid is not None and there.comparing.grid == page.comparing.grid
    assert there.comparing.notice == "" and there.url.share == page.url.share


def test_a_comparison_made_elsewhere_is_put_together_again(tmp_path: Path) -> None:
    page = Compare(Comparing(Store(f"sqlite:///{tmp_path / 'there.db'}"), datasets=["moons"], seeds=2))
    page.url.query = {"comparison": "f" * 32, "datasets": "moons", "seeds": "2", "measure": "best"}
    page.comparing.wait(60)
    assert page.comparing.spec["datasets"] == ["moons"] and page.comparing.spec["seeds"] == 2
    assert "press Run to make it here" in page.comparing.notice and "measure=best" in page.comparing.notice


@pytest.mark.parametrize(
    "grid",
    [
        {"seeds": "100000"},
        {"datasets": '[{"name":"table","path":"/etc/passwd"}]'},
        {"datasets": "[" * 3000},
        {"strategies": "<b>"},
        {"rounds": "-1"},
        {"n_queries": "a,b"},
        {"seeds": "0," * 9000},
        {"learners": '[{"name":"knn","n_neighbors":-3}]'},
    ],
)
def test_a_grid_that_makes_no_sense_is_left_out(grid: dict[str, str]) -> None:
    page = Compare(Comparing(None))
    before = page.comparing.spec
    page.url.query = grid
    page.comparing.wait(60)
    assert page.comparing.spec == before and page.comparing.notice.startswith(
        f"Left out of the address, because it is unknown here, one too many or out of range: {next(iter(grid))}="
    )


def test_own_data_are_not_in_the_link_of_a_grid(tmp_path: Path) -> None:
    page = Compare(Comparing(None, datasets=["digits", {"name": "folder", "root": str(tmp_path)}], rounds=2))
    page.comparing.wait(60)
    page._share()
    assert page.url.share == {"rounds": "2"} and "Your own data" in page.sharing.widget.gap
