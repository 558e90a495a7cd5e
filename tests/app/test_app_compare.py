"""`alviz compare`: what is said before, while and after a grid is worked on."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from alviz.app.cli import cli
from alviz.studies import Store

GRID = {
    "datasets": [{"name": "gaussians", "n": 30, "n_test": 20}],
    "strategies": ["margin", "random"],
    "rounds": 1,
    "seeds": 2,
    "n_queries": 4,
}


def compared(folder: Path, *options: str, **changes: Any) -> Result:
    """What `alviz compare` says of GRID with changes, in this process."""
    (folder / "grid.json").write_text(json.dumps({**GRID, **changes}))
    store = f"sqlite:///{folder / 'runs.db'}"
    return CliRunner().invoke(cli, ["compare", str(folder / "grid.json"), "--workers", "0", "--store", store, *options])


def test_a_table_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    said = compared(tmp_path, "--table", "found.xlsx")
    assert said.exit_code == 2 and "tables are written as csv or parquet, not 'xlsx'" in said.output
    assert Store(f"sqlite:///{tmp_path / 'runs.db'}").runs() == []


def test_cells_that_fail_for_one_reason_say_it_once(tmp_path: Path) -> None:
    # 4 + 1 · 40 samples, of 30: four cells cannot be made; the two with 4 a round can.
    said = compared(tmp_path, n_queries=[4, 40], n_initial=4)
    output = " ".join(said.output.split())
    assert said.exit_code == 2 and "4 of 8 runs could not be made" in output
    assert "margin, seed 0: 1 × 40 labels after round 0 need 44 samples" in output
    assert "3 more, for the same reason as the first: 1 × 40 labels after round 0 need 44 samples" in output
    assert output.count("need 44 samples") == 2
