"""The papers' grids: each can be run, its claims are about arms that it has, and a verdict is what hand computation says."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import alviz
from alviz.loop.metrics import ROUND_METRICS, metric_name
from alviz.report.views import VIEWS
from alviz.studies import Store
from alviz.studies.compare import go_on
from alviz.studies.findings import ARMS, places, usual_arms
from alviz.studies.grid import parse, read
from alviz.studies.statistics import Curves

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
GRIDS = sorted(path.stem for path in (FOLDER / "papers").glob("*.toml"))


@pytest.fixture(scope="module")
def papers() -> ModuleType:
    sys.path.insert(0, str(FOLDER))
    try:
        import papers

        return papers
    finally:
        sys.path.remove(str(FOLDER))


# ---- every grid ----


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_parses_and_its_claims_are_about_what_it_has(papers: ModuleType, name: str) -> None:
    grid, section = read(FOLDER / "papers" / f"{name}.toml"), papers.section_of(name)
    assert len(grid.seeds) >= 10
    arms = section.arms or usual_arms(grid)
    there = [str(place) for place in places(grid, arms)]
    assert arms in ARMS and section.reference in there
    known = [metric_name(metric) for metric in ROUND_METRICS]
    assert set(section.metrics) <= set(known)
    assert section.claims
    for claim in section.claims:
        assert {claim.better, claim.than} <= set(there) and claim.better != claim.than
        assert claim.metric in known
        assert 0 <= claim.round <= grid.rounds
        assert any(claim.settings in part.label for part in grid.datasets)
    for figure in section.figures:
        assert figure["view"] in [view.name for view in VIEWS]
        assert set(figure) <= {"view", "metric", "setting"}


def test_every_grid_has_its_place_on_the_page(papers: ModuleType) -> None:
    page = papers.DOCUMENT.read_text(encoding="utf-8")
    assert papers.names() == GRIDS
    for name in (*GRIDS, "summary"):
        assert page.count(f"<!-- {name} -->") == page.count(f"<!-- /{name} -->") == 1


def test_the_page_shows_figures_that_are_there(papers: ModuleType) -> None:
    page = papers.DOCUMENT.read_text(encoding="utf-8")
    shown = {part.split(")")[0] for part in page.split("](figures/")[1:]}
    assert shown == {path.name for path in papers.FIGURES.iterdir()}
    assert all(path.stat().st_size <= 100_000 for path in papers.FIGURES.iterdir())


# ---- measures and verdicts ----


def curves(**values: list[list[float]]) -> Curves:
    """Of two seeds and budgets 10, 20, 30."""
    return Curves("accuracy", np.array([10, 20, 30]), np.array([0, 1]), {arm: np.array(rows) for arm, rows in values.items()})


@pytest.mark.parametrize(
    ("measure", "by_hand"),
    [
        ("mean", [0.05, 0.10]),  # the selections only: (0.10 + 0.00) / 2 and (0.10 + 0.10) / 2
        ("aubc", [0.05, 0.075]),  # trapezia: (0 + 2 · 0.10 + 0.00) / 4 and (0 + 2 · 0.10 + 0.10) / 4
        ("first", [0.0, 0.0]),
        ("final", [0.0, 0.1]),
        ("narrowing", [0.10, 0.0]),  # without the round that both share
        ("widening", [-0.10, 0.0]),
    ],
)
def test_measures_are_those_computed_by_hand(papers: ModuleType, measure: str, by_hand: list[float]) -> None:
    given = curves(a=[[0.5, 0.8, 0.8], [0.6, 0.8, 0.9]], b=[[0.5, 0.7, 0.8], [0.6, 0.7, 0.8]])
    found = papers.differences({"here": given}, papers.Claim("", "a", "b", measure=measure))
    assert found == pytest.approx(np.array([by_hand]))


def test_labels_are_saved_on_the_way_to_the_mean_of_the_other(papers: ModuleType) -> None:
    given = curves(a=[[0.5, 0.75, 0.8], [0.5, 0.75, 0.8]], b=[[0.5, 0.6, 0.7], [0.5, 0.6, 0.7]])
    # b is at 0.6 with 20 labels, a on its line from 0.5 to 0.75 with 14: 6 of 30 labels.
    found = papers.differences({"here": given}, papers.Claim("", "a", "b", measure="labels", round=1))
    assert found == pytest.approx(np.array([[0.2, 0.2]]))


def test_smaller_is_better_where_it_is(papers: ModuleType) -> None:
    given = Curves("ir", np.array([10, 20]), np.array([0]), {"a": np.array([[0.5, 0.2]]), "b": np.array([[0.5, 0.6]])}, False)
    assert papers.differences({"here": given}, papers.Claim("", "a", "b", measure="final")) == pytest.approx(np.array([[0.4]]))


def test_the_interval_is_over_seeds_of_the_mean_over_settings(papers: ModuleType) -> None:
    one = curves(a=[[0.5, 0.8, 0.8], [0.5, 0.8, 0.8]], b=[[0.5, 0.7, 0.7], [0.5, 0.6, 0.6]])
    other = curves(a=[[0.5, 0.8, 0.8], [0.5, 0.8, 0.8]], b=[[0.5, 0.6, 0.6], [0.5, 0.7, 0.7]])
    claim = papers.Claim("", "a", "b")
    both = papers.over_seeds(papers.differences({"one": one, "other": other}, claim))
    assert (both.mean, both.half) == (pytest.approx(0.15), pytest.approx(0.0))  # each seed is 0.10 ahead in one and 0.20 in the other
    alone = papers.over_seeds(papers.differences({"one": one, "other": other}, papers.Claim("", "a", "b", settings="one")))
    assert (alone.mean, alone.half) == (pytest.approx(0.15), pytest.approx(12.706 * 0.05, rel=1e-3))  # t(0.975, 1), s / √2 = 0.05
    with pytest.raises(ValueError, match="one, other"):
        papers.differences({"one": one, "other": other}, papers.Claim("", "a", "b", settings="third"))


@pytest.mark.parametrize(
    ("mean", "half", "said"), [(0.1, 0.3, "reproduced"), (0.3, 0.3, "close, not decided"), (-0.6, 0.3, "not reproduced")]
)
def test_a_claim_of_no_difference_holds_within_its_margin(papers: ModuleType, mean: float, half: float, said: str) -> None:
    assert papers.judged(papers.Interval(mean, half), 0.5) == said
    assert said in papers.VERDICTS


def test_the_summary_counts(papers: ModuleType) -> None:
    rows = papers.summary({"a": ["reproduced", "contradicted"], "b": ["reproduced"]}).splitlines()
    assert [cell.strip() for cell in rows[2].strip("|").split("|")] == ["a", "2", "1", "", "", "", "1"]
    assert [cell.strip() for cell in rows[-1].strip("|").split("|")] == ["all", "3", "2", "0", "0", "0", "1"]


# ---- a small grid, whole ----


@pytest.fixture(scope="module")
def small(papers: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """(grid, section, store) of two strategies and three seeds in the plane."""
    plane = {"name": "gaussians", "n": 100, "n_test": 50}
    grid = parse({"datasets": [plane], "strategies": ["random", "margin"], "n_queries": 5, "rounds": 2, "seeds": 3})
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('papers') / 'runs.db'}")
    go_on(grid, store, workers=0)
    claims = (papers.Claim("margin is above random", "margin", "random", paper="+9"),)
    return grid, papers.Section("It says so.", "It is small.", claims, ({"view": "curves"},), metrics=("accuracy", "ir")), store


def test_a_section_has_the_numbers_of_runs_made_by_hand(papers: ModuleType, small: tuple) -> None:
    grid, section, store = small
    text, said = papers.report("small", section, grid, store)
    dataset = alviz.data.create("gaussians", n=100, n_test=50)
    gains, lasts = [], []
    for seed in range(3):
        runs = [alviz.Run(dataset, learner="linear-svm", strategy=name, n_queries=5, seed=seed) for name in ("margin", "random")]
        for run in runs:
            run.goto(2)
        mine, its = ([100 * finished.metrics["accuracy"] for finished in run.rounds] for run in runs)
        gains.append((mine[1] - its[1] + mine[2] - its[2]) / 2)
        lasts.append(mine[2])
    assert "6 runs of 3 seeds, 5 to 15 labels." in text and "It says so." in text and "It is small." in text
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in text.splitlines() if line[:1] == "|"}
    half = 4.302653 * np.std(gains, ddof=1) / np.sqrt(3)  # t(0.975, 2) of any printed table
    assert rows["margin"][0] == f"{np.mean(gains):+.1f} ± {half:.1f}"
    assert rows["margin"][2].split(" ±")[0] == f"{np.mean(lasts):.1f}"
    claimed = rows["margin is above random"]
    assert claimed[2] == "+9" and claimed[3] == rows["margin"][0]
    lead, ahead = np.mean(gains) - half, np.mean(gains) + half
    by_hand = "reproduced" if lead > 0 else "contradicted" if ahead < 0 else None
    assert said == [by_hand or ("same ordering, not decided" if np.mean(gains) > 0 else "not reproduced")] == [claimed[-1]]


def test_a_section_says_what_is_not_finished(papers: ModuleType, small: tuple) -> None:
    grid, section, store = small
    longer = parse({**grid.spec(), "seeds": 4})
    text, _ = papers.report("small", section, longer, store)
    assert "8 runs of 4 seeds, 5 to 15 labels; 2 runs are not finished." in text


@pytest.mark.usefixtures("chromium_path")
def test_figures_are_drawn_with_names_and_a_light_ground(
    papers: ModuleType, small: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("playwright")
    grid, section, store = small
    monkeypatch.setattr(papers, "FIGURES", tmp_path)
    monkeypatch.syspath_prepend(str(FOLDER))
    [(path, reading)] = papers.drawn("small", section, grid, store)
    picture = path.read_text(encoding="utf-8")
    assert path.name == "small-1.svg" and picture.startswith("<svg")
    assert " margin</text>" in picture and " random</text>" in picture and "rgb(255, 255, 255)" in picture
    assert "3 seeds" in reading
