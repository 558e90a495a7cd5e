"""The paper benchmarks, with tiny settings: their numbers are those of runs made by hand, and their statistics are right."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import alviz

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def _importable() -> object:
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))


@pytest.fixture
def common() -> ModuleType:
    import common

    return common


@pytest.fixture
def table31() -> ModuleType:
    import table31

    return table31


def rows_of(text: str) -> dict[str, list[str]]:
    """First cell -> the other cells, of every Markdown row (of equal first cells the first one)."""
    rows: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("|"):
            first, *others = (cell.strip() for cell in line.strip("|").split("|"))
            rows.setdefault(first, others)
    return rows


# ---- what they share ----


def test_an_interval_is_students_t(common: ModuleType) -> None:
    found = common.interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.half == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)  # t(0.975, 2) of any printed table, s = 1
    assert common.interval([5.0]).half == np.inf


@pytest.mark.parametrize(
    ("mean", "half", "said"),
    [(2, 1, "reproduced"), (0.5, 1, "same ordering, not decided"), (-0.5, 1, "not reproduced"), (-2, 1, "contradicted")],
)
def test_a_verdict_follows_the_interval(common: ModuleType, mean: float, half: float, said: str) -> None:
    assert common.verdict(common.Interval(mean, half)) == said


def test_results_keep_the_order_of_the_tasks(common: ModuleType) -> None:
    assert common.over_processes(abs, [-3, 1, -2], 2, "two processes") == [3, 1, 2]
    assert common.over_processes(abs, [-3, 1, -2], 1, "this process") == [3, 1, 2]


def test_only_what_stands_between_the_markers_is_replaced(common: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nafter\n<!-- b -->\nkept\n<!-- /b -->\n")
    common.write_section("a", "new\n", page)
    assert page.read_text() == "before\n<!-- a -->\nnew\n<!-- /a -->\nafter\n<!-- b -->\nkept\n<!-- /b -->\n"
    with pytest.raises(ValueError, match="<!-- c -->"):
        common.write_section("c", "text", page)


def test_the_page_has_a_place_for_every_result(common: ModuleType) -> None:
    page = common.DOCUMENT.read_text(encoding="utf-8")
    for name in ("table31", "table31-sweep", "table31-holds"):
        assert page.count(f"<!-- {name} -->") == page.count(f"<!-- /{name} -->") == 1


# ---- table 3.1 ----


@pytest.fixture(scope="module")
def pool() -> alviz.data.Dataset:
    return alviz.data.create("gaussians", n=200, n_test=100, seed=3)


def test_raw_coreset_is_farthest_first_on_the_coordinates(table31: ModuleType, pool: alviz.data.Dataset) -> None:
    run = alviz.Run(pool, learner="mlp", strategy=table31.RawCoreset(), n_queries=5, seed=1)
    run.step()
    chosen = list(run.rounds[0].queried)
    for pick in run.rounds[1].queried:
        distances = np.linalg.norm(pool.features[:, None] - pool.features[chosen], axis=2).min(axis=1)
        assert pick == distances.argmax()
        chosen.append(pick)


def test_ties_by_index_take_the_first_of_the_most_disputed(table31: ModuleType, pool: alviz.data.Dataset) -> None:
    run = alviz.Run(pool, learner="ensemble", strategy=table31.IndexTies(), n_queries=5, seed=1)
    run.step()
    votes = run.model(0).committee_proba(pool.features).argmax(axis=2)
    dissent = np.minimum((votes == 0).sum(axis=0), (votes == 1).sum(axis=0))
    dissent[run.rounds[0].queried] = -1
    naive = sorted(range(len(pool)), key=lambda i: (-dissent[i], i))[:5]
    assert run.rounds[1].queried.tolist() == naive
    assert run.rounds[1].queried.tolist() != alviz.Run(pool, learner="ensemble", n_queries=5, seed=1).rounds[0].queried.tolist()


def test_one_network_of_the_ensemble_is_the_mlp_of_the_same_seed(table31: ModuleType, pool: alviz.data.Dataset) -> None:
    five = alviz.Run(pool, learner="ensemble", strategy="random", n_queries=5, seed=1)
    one = alviz.Run(pool, learner="mlp", strategy="random", n_queries=5, seed=1)
    for run in (five, one):
        run.goto(2)
    assert table31._of_first(five) == pytest.approx([finished.metrics["accuracy"] for finished in one.rounds])


def test_places_are_ranks_in_the_pool(table31: ModuleType, pool: alviz.data.Dataset) -> None:
    run = alviz.Run(pool, learner="mlp", strategy="random", n_queries=5, seed=1)
    run.goto(3)
    picks = np.concatenate([finished.queried for finished in run.rounds[1:]])
    x = pool.features.astype(float)
    a, b = (x[pool.targets == k].mean(axis=0) for k in (0, 1))
    to_line = np.abs((x - (a + b) / 2) @ (b - a))  # the best boundary halves the way between the centres
    to_centre = np.minimum(np.linalg.norm(x - a, axis=1), np.linalg.norm(x - b, axis=1))
    naive = [100 * np.mean([(d < d[i]).sum() for i in picks]) / (len(x) - 1) for d in (to_line, to_centre)]
    assert table31.place(pool, run) == pytest.approx(naive)


def made_up(table31: ModuleType, random: list[float], picked: list[float], ensembles: list[float]) -> np.ndarray:
    """Accuracies (seeds, arms, 2, 4) with these values everywhere; the first network has one point less."""
    accuracies = np.zeros((len(random), len(table31.ARMS), 2, 4))
    columns = (random, picked, picked, ensembles, ensembles)
    for arm, values in enumerate(columns):
        accuracies[:, arm] = np.array(values)[:, None, None] - np.array([0.0, 1.0])[None, :, None]
    return accuracies


def test_readings_and_orderings(table31: ModuleType) -> None:
    ordered = made_up(table31, [80, 81, 82], [78, 79, 80.3], [83, 84, 85.3])
    for reading, gap in zip(table31.READINGS, (3.1, 3.1, 4.1), strict=True):
        upper, lower = table31.differences(ordered, table31.RAW, reading)
        assert upper.mean == pytest.approx(gap) and lower.mean == pytest.approx(1.9)
        assert table31.ordering(upper, lower) == "reproduced"
    turned = made_up(table31, [80, 81, 82], [83, 84, 85.3], [78, 79, 80.3])
    said = table31.ordering(*table31.differences(turned, table31.HIDDEN))
    assert said == "contradicted: Ensembles below Random and Coreset above Random"
    noisy = made_up(table31, [80, 80, 80], [79, 84, 74], [81, 74, 86])
    assert table31.ordering(*table31.differences(noisy, table31.RAW)) == "same ordering, not decided"


def test_the_chance_of_three_seeds_is_counted_over_all_triples(table31: ModuleType) -> None:
    accuracies = made_up(table31, [80, 80, 80, 80], [76, 76, 76, 86], [84, 84, 84, 84])
    # Triples without the last seed: Coreset 4 below. With it (three of four): (−4 − 4 + 6) / 3, still below, by less than the paper's gap.
    assert table31.chance(accuracies, table31.RAW, table31.READINGS[0]) == (100.0, 25.0)


def test_table31_prints_what_runs_made_by_hand_give(table31: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    table31.main(["--seeds", "2", "--jobs", "1", "--bayes", "0.9", "--epochs", "20"])
    text = capsys.readouterr().out
    by_hand = []
    for seed in range(2):
        dataset = alviz.data.create("gaussians", overlap=2 * (1 - 0.9), seed=seed)
        learner = alviz.learners.create("ensemble", params={"epochs": 20})
        run = alviz.Run(dataset, learner=learner, strategy="variation-ratio", n_queries=5, seed=seed)
        run.goto(3)
        by_hand.append([100 * finished.metrics["accuracy"] for finished in run.rounds[1:]])
    cells = rows_of(text)["Ensembles"]
    assert [cell.split(" ±")[0] for cell in cells[:3]] == [f"{mean:.1f}" for mean in np.mean(by_hand, axis=0)]
    assert "(85.6)" in cells[2] and "2 seeds, Bayes accuracy 90 %, 20 epochs" in text
    assert sum(reading.endswith(("raw coordinates", "hidden layer")) for reading in rows_of(text)) == 6


def test_the_sweep_has_a_row_per_setting(table31: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table31, "BAYES", (0.95,))
    monkeypatch.setattr(table31, "LABELS", (10, 20))
    monkeypatch.setattr(table31, "BAYES_OF_EPOCHS", (0.86,))
    monkeypatch.setattr(table31, "EPOCHS", (5,))

    def made_up(setting: object, seed: int) -> object:
        values = np.random.default_rng([seed, int(setting.bayes * 100), setting.epochs]).uniform(70, 90, size=(len(table31.ARMS), 2, 4))
        return table31.Outcome(values, np.zeros((len(table31.ARMS), 2)))

    monkeypatch.setattr(table31, "measure", made_up)
    table31.main(["--sweep", "--seeds", "2", "--jobs", "1"])
    rows = rows_of(capsys.readouterr().out)
    assert [name for name in rows if not name.startswith("-")] == ["Bayes", "86 %", "95 %"]
    for name, setting in (("95 %", table31.Setting(0.95)), ("86 %", table31.Setting(0.86, epochs=5))):
        gap = np.mean([o[table31.ENSEMBLES, 0, 3] - o[table31.RANDOM, 0, 3] for o in (made_up(setting, s).accuracies for s in range(2))])
        assert rows[name][0] == str(setting.epochs)
        assert rows[name][2].split(" ±")[0] == f"{gap:+.1f}"
