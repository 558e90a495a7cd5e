"""Replays: the page knows of every round what the run knows, fits into 8 MB, and needs nothing from outside."""

import base64
import gzip
import html
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import alviz
from alviz.app.cli import cli
from alviz.report import replay, write_replay
from alviz.report.replay import DETAILS, MOST_BYTES, render
from alviz.studies import Store

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def content(page: str) -> Any:
    """The data of a page, its arrays unpacked."""

    def unpacked(value: Any) -> Any:
        if isinstance(value, list):
            return [unpacked(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "packed" in value:
            return np.frombuffer(gzip.decompress(base64.b64decode(value["packed"])), value["dtype"]).reshape(value["shape"])
        return {key: unpacked(item) for key, item in value.items()}

    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return unpacked(json.loads(found))


def spread(values: np.ndarray, starts: list[int]) -> list[list[int]]:
    """What belongs to each round."""
    return [values[a:b].tolist() for a, b in itertools.pairwise(starts)]


@pytest.fixture(scope="module")
def runs() -> dict[str, alviz.Run]:
    """Two runs on the same digits; the second stops a round earlier."""
    digits = alviz.data.create("digits")
    made = {name: alviz.Run(digits, learner="logistic", strategy=name, n_queries=10, seed=1) for name in ("margin", "random")}
    made["margin"].goto(3)
    made["random"].goto(2)
    return made


@pytest.fixture(scope="module")
def page(runs: dict[str, alviz.Run]) -> str:
    return render(runs)


def test_every_round_is_as_in_the_run(page: str, runs: dict[str, alviz.Run]) -> None:
    told = content(page)
    assert [side["name"] for side in told["sides"]] == ["margin", "random"]
    for side, run in zip(told["sides"], runs.values(), strict=True):
        rounds = run.rounds
        assert spread(told["ids"][side["queried"]], side["starts"]) == [one.queried.tolist() for one in rounds]
        assert spread(side["labels"], side["starts"]) == [one.labels.tolist() for one in rounds]
        assert [one["accuracy"] for one in side["rounds"]] == pytest.approx([one.metrics["accuracy"] for one in rounds], rel=1e-5)
        assert [one["labels"] for one in side["rounds"]] == [one.n_labelled for one in rounds]
        np.testing.assert_array_equal(side["counts"], [one.class_counts for one in rounds])
        np.testing.assert_array_equal(side["predictions"], [one.probabilities.argmax(axis=1)[told["ids"]] for one in rounds])
        guessed = spread(side["guesses"], side["starts"])
        assert guessed[0] == [-1] * 10
        assert guessed[2] == rounds[1].probabilities[rounds[2].queried].argmax(axis=1).tolist()
    np.testing.assert_array_equal(told["truth"], runs["margin"].dataset.targets[told["ids"]])


def test_the_map_is_the_projection_and_everybody_has_a_place(page: str, runs: dict[str, alviz.Run]) -> None:
    told = content(page)
    expected = alviz.projections.project(runs["margin"].dataset, "pca").points
    np.testing.assert_array_equal(told["points"], expected)
    assert sorted(told["pictures"]["places"].tolist()) == list(range(len(expected)))  # digits are small: all have their picture


def test_the_pictures_are_those_of_their_samples(page: str, runs: dict[str, alviz.Run]) -> None:
    import io

    from PIL import Image

    pictures = content(page)["pictures"]
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(pictures["webp"]))).convert("L")).astype(float)
    images = runs["margin"].dataset.images
    assert images is not None
    width, height = pictures["cell"]
    assert (height, width) == images.shape[1:3]
    for cell in (0, 7, 900, 1396):
        row, column = divmod(cell, pictures["columns"])
        shown = sheet[row * height : (row + 1) * height, column * width : (column + 1) * width].ravel()
        likest = np.abs(images.reshape(len(images), -1).astype(float) - shown).mean(axis=1).argmin()
        assert likest == pictures["places"][cell]


def test_readings_and_table_say_what_the_runs_say(page: str, runs: dict[str, alviz.Run]) -> None:
    told = content(page)
    last = runs["margin"].rounds[3]
    guesses = runs["margin"].rounds[2].probabilities[last.queried].argmax(axis=1)
    right = int((guesses == last.labels).sum())
    assert told["sides"][0]["rounds"][3]["queries"] == f"10 samples by margin; the model had {right} of 10 right."
    assert len(told["curve_readings"]) == 4
    (row,) = re.findall(r'<tr data-round="3">(.*?)</tr>', page)
    assert re.findall(r"<td>(.*?)</td>", row) == ["40", f"{100 * last.metrics['accuracy']:.1f}\N{NO-BREAK SPACE}%", "–", "–"]
    assert html.escape("alviz.strategies.create('margin')", quote=True).replace("&#x27;", "&#39;") in page


def test_nothing_is_asked_of_anybody(page: str) -> None:
    markup = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert not re.search(r"\b(src|href|srcset|action|data|poster)=", markup)
    assert not re.search(r"<(link|iframe|object|embed|base|form|img)\b", markup)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(rule.split(" ", 1) for rule in html.unescape(policy).split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert all(source.startswith("'sha256-") for source in rules["script-src"].split() if source != "'unsafe-eval'")
    assert not re.search(r"https?:|\*", policy)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert not re.search(r"url\(|@import", style)


def test_names_from_data_do_nothing() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 3)).astype(np.float32)
    pool = alviz.data.from_arrays(features=features, targets=np.arange(40) % 2, class_names=[EVIL, "b"], name=EVIL)
    found = render({EVIL: alviz.Run(pool, learner="logistic", strategy="random", n_queries=4)})
    assert found.count("<script") == 3 and "<img" not in found
    assert html.escape(EVIL) in found
    told = content(found)
    assert told["sides"][0]["name"] == told["classes"]["names"][0] == EVIL and told["pictures"] is None


def test_a_large_pool_is_thinned_and_the_page_says_so() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 20_000)
    features = (rng.normal(size=(20_000, 3)) + targets[:, None]).astype(np.float32)
    run = alviz.Run(alviz.data.from_arrays(features=features, targets=targets), learner="logistic", strategy="margin", n_queries=30)
    run.goto(2)
    found = render(run)
    told = content(found)
    assert len(told["ids"]) == DETAILS[0].drawn and len(set(told["ids"].tolist())) == DETAILS[0].drawn
    assert spread(told["ids"][told["sides"][0]["queried"]], told["sides"][0]["starts"]) == [one.queried.tolist() for one in run.rounds]
    assert "It shows 12,000 of 20,000 samples: all that were queried, and others at random." in found


def test_four_runs_of_fifteen_rounds_fit(tmp_path: Path) -> None:
    pool = alviz.data.create("fashion-mini")
    made = [alviz.Run(pool, strategy=name, n_queries=50) for name in ("random", "margin", "random", "entropy")]
    for run in made:
        run.goto(15)
    one, four = (write_replay(which, tmp_path / "replay.html").stat().st_size for which in (made[1], made))
    assert one < four <= MOST_BYTES == 8_000_000
    names = [side["name"] for side in content((tmp_path / "replay.html").read_text(encoding="utf-8"))["sides"]]
    assert names == ["random, seed 0", "margin", "random, seed 0 (2)", "entropy"]


def test_what_is_too_large_is_taken_in_less_detail_or_refused(
    page: str, runs: dict[str, alviz.Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MOST_BYTES", len(page.encode()) - 1)
    monkeypatch.setattr(replay, "DETAILS", (DETAILS[0], replay.Detail(500, 100, 8, 24)))
    less = content(render(runs))
    assert len(less["ids"]) == 500 and len(less["pictures"]["places"]) == 100
    assert set(less["sides"][0]["queried"][:10].tolist()) <= set(less["pictures"]["places"].tolist())
    monkeypatch.setattr(replay, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="choose fewer or shorter runs"):
        render(runs)


def test_a_plane_has_what_every_model_believes_of_it() -> None:
    run = alviz.Run("moons", learner="logistic", strategy="margin", n_queries=5)
    run.goto(2)
    told = content(render(run))
    x, y = told["grid"]
    field = told["sides"][0]["field"]
    assert field.shape == (3, 2, len(y), len(x))
    for r, i, j in ((0, 3, 40), (2, 50, 10)):
        believed = run.model(r).predict_proba(np.array([[x[j], y[i]]], dtype=np.float32))[0]
        np.testing.assert_allclose(field[r, :, i, j] / 255, believed, atol=0.004)


def test_what_cannot_be_shown_is_refused(runs: dict[str, alviz.Run], tmp_path: Path) -> None:
    other = alviz.Run("moons", learner="logistic", n_queries=5)
    for wrong, message in (
        ([], "one to 4 runs, got 0"),
        ([runs["margin"]] * 5, "one to 4 runs, got 5"),
        ([runs["margin"], other], "need the same data and classes, got 'digits' and 'moons"),
    ):
        with pytest.raises(ValueError, match=message):
            render(wrong)
    with pytest.raises(ValueError, match="unknown projection 'map'"):
        render(runs, "map")
    with pytest.raises(ValueError, match=r"written as \.html, got 'replay.pdf'"):
        write_replay(runs, "replay.pdf")


def test_the_command_writes_kept_runs(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    digits = alviz.data.create("digits")
    kept = [alviz.Run(digits, learner="logistic", strategy=name, n_queries=10, store=store) for name in ("margin", "random")]
    kept[0].goto(2)
    where = ["--store", store.url, "-o", str(tmp_path / "out.html")]
    made = CliRunner().invoke(cli, ["replay", *(run.id or "" for run in kept), *where])
    assert made.exit_code == 0, made.output
    assert "out.html" in made.output and "MB" in made.output
    told = content((tmp_path / "out.html").read_text(encoding="utf-8"))
    assert [len(side["rounds"]) for side in told["sides"]] == [3, 1]
    assert spread(told["ids"][told["sides"][0]["queried"]], told["sides"][0]["starts"]) == [one.queried.tolist() for one in kept[0].rounds]
    refused = CliRunner().invoke(cli, ["replay", "nobody", *where])
    assert refused.exit_code == 2 and "there is no run 'nobody'" in refused.output
