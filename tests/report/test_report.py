"""Reports: what the page says is what the runs say, whatever things are called, and it needs nothing from outside."""

import itertools
import json
import platform
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from alviz.app.cli import cli
from alviz.report import write
from alviz.report.offline import in_script, plain
from alviz.studies import Store
from alviz.studies.compare import go_on, table
from alviz.studies.grid import Comparison, parse, read

SPEC = {"datasets": ["digits"], "learners": ["logistic"], "strategies": ["random", "margin"], "rounds": 2, "seeds": 3, "n_queries": 20}
EVIL = "</script><script>alert(1)</script>"
VOID = {"meta", "br", "img", "link", "input", "hr"}


@dataclass
class Element:
    """What the parser found: a tag, its attributes, the text in it, and its elements."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(child if isinstance(child, str) else child.text + " " for child in self.children).split())

    def all(self, tag: str = "", **attributes: str) -> list["Element"]:
        found = [self] if (not tag or self.tag == tag) and attributes.items() <= self.attributes.items() else []
        return found + [one for child in self.children if isinstance(child, Element) for one in child.all(tag, **attributes)]


class Tree(HTMLParser):
    """The elements of a page; refuses what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.path = [Element("")]
        self.feed(page)
        assert len(self.path) == 1
        self.root = self.path[0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.path[-1].children.append(made)
        if tag not in VOID:
            self.path.append(made)

    def handle_endtag(self, tag: str) -> None:
        assert self.path.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.path[-1].children.append(data)


def opened(path: Path) -> Element:
    return Tree(path.read_text(encoding="utf-8")).root


def standings(page: Element, which: int = 0) -> dict[str, dict[str, Element]]:
    """Row -> column -> cell of a table of results."""
    found = [one for one in page.all("table") if one.attributes.get("class") == "numbers"][which]
    columns = [one.text for one in found.all("th", scope="col")]
    rows = [row for body in found.all("tbody") for row in body.all("tr")]
    return {row.all("th")[0].text.removesuffix(" (reference)"): dict(zip(columns[1:], row.all("td"), strict=True)) for row in rows}


def numbers(cell: Element) -> list[float]:
    return [float(found.replace("−", "-").replace(",", "")) for found in re.findall(r"[+−]?\d[\d.,]*", cell.text)]


@pytest.fixture(scope="module")
def grid() -> Comparison:
    return parse(SPEC)


@pytest.fixture(scope="module")
def store(grid: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Store:
    kept = Store(f"sqlite:///{tmp_path_factory.mktemp('report') / 'runs.db'}")
    assert go_on(grid, kept, workers=0).failed == []
    return kept


@pytest.fixture(scope="module")
def runs(grid: Comparison, store: Store) -> dict[str, pd.DataFrame]:
    """strategy -> accuracy, a row per seed and a column per label count."""
    return {name: own.pivot(index="seed", columns="n_labelled", values="accuracy") for name, own in table(grid, store).groupby("strategy")}


@pytest.fixture(scope="module")
def path(grid: Comparison, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(grid, store, tmp_path_factory.mktemp("page") / "report.html", metrics=("accuracy", "log_loss"))


@pytest.fixture(scope="module")
def page(path: Path) -> Element:
    return opened(path)


def worth(own: pd.DataFrame) -> np.ndarray:
    """The AUBC of each run, by trapezoids of 20 labels each."""
    a, b, c = own.to_numpy().T
    return (20 * (a + b) / 2 + 20 * (b + c) / 2) / 40


def test_the_table_says_what_the_runs_say(page: Element, runs: dict[str, pd.DataFrame]) -> None:
    rows = standings(page)
    assert set(rows) == {"random", "margin"}
    for name, own in runs.items():
        last, area = own[60].to_numpy(), worth(own)
        assert rows[name]["seeds"].text == "3"
        for column, values in (("accuracy at the end, %", last), ("AUBC, %", area)):  # three seeds: their mean, and what they span
            assert numbers(rows[name][column]) == [round(100 * x, 1) for x in (values.mean(), values.min(), values.max())]
    gains = worth(runs["margin"]) - worth(runs["random"])
    assert numbers(rows["margin"]["AUBC against random, points"]) == [round(100 * x, 1) for x in (gains.mean(), gains.min(), gains.max())]
    flips = [abs(np.dot(signs, gains)) >= abs(gains.sum()) - 1e-12 for signs in itertools.product((1, -1), repeat=3)]
    assert float(rows["margin"]["p (Holm)"].text) == np.mean(flips)
    assert rows["random"]["p (Holm)"].text == "–"


def test_the_labels_saved_are_those_between_two_crossings(page: Element, runs: dict[str, pd.DataFrame]) -> None:
    level = min(own.max(axis=1).min() for own in runs.values())

    def needed(accuracy: pd.Series) -> float:
        points = list(accuracy.items())
        if points[0][1] >= level:
            return float(points[0][0])
        (x0, y0), (x1, y1) = next(pair for pair in itertools.pairwise(points) if pair[1][1] >= level)
        return x0 + (level - y0) / (y1 - y0) * (x1 - x0)

    saved = [needed(runs["random"].loc[seed]) - needed(runs["margin"].loc[seed]) for seed in range(3)]
    cell = standings(page)["margin"][f"labels saved to {100 * level:.1f} %"]
    assert numbers(cell) == [round(x) for x in (np.mean(saved), min(saved), max(saved))]


def test_the_best_is_in_bold_also_where_less_is_better(page: Element, grid: Comparison, store: Store) -> None:
    last = table(grid, store).query("round == 2").groupby("strategy")[["accuracy", "log_loss"]].mean()
    for which, (metric, best) in enumerate((("accuracy", last.accuracy.idxmax()), ("log_loss", last.log_loss.idxmin()))):
        column = {"accuracy": "accuracy at the end, %", "log_loss": "log loss at the end"}[metric]
        bold = {name for name, row in standings(page, which).items() if row[column].all("strong")}
        assert bold == {best}


def test_the_findings_name_the_best_and_the_doubt_first(page: Element, runs: dict[str, pd.DataFrame]) -> None:
    findings = page.all("section")[0].text
    best = max(runs, key=lambda name: worth(runs[name]).mean())
    assert f"{best} is best with {100 * worth(runs[best]).mean():.1f} % accuracy" in findings
    assert "In doubt: 3 seeds cannot decide" in findings
    assert page.text.index("What came out") < page.text.index("Table 1")


def test_figures_hold_the_means_of_the_runs(page: Element, runs: dict[str, pd.DataFrame]) -> None:
    figures = json.loads(page.all("script", id="data")[0].text)
    assert [one.attributes["data-figure"] for one in page.all("div", role="img")] == list(figures)
    curves = next(one for one in figures.values() if one["name"].endswith("curves"))
    lines = {trace["name"]: trace for trace in curves["data"] if "name" in trace}
    for name, own in runs.items():
        assert lines[name]["x"] == [20, 40, 60]
        assert lines[name]["y"] == pytest.approx(own.mean().tolist(), rel=1e-5)
    drawn = {one["name"].split("-", 2)[2] for one in figures.values()}
    assert drawn == {"curves", "labels", "overlap", "time", "wins", "penalties", "ranks"}


def test_who_cannot_see_or_run_scripts_reads_the_same(page: Element) -> None:
    plots = page.all("div", role="img")
    captions = page.all("figcaption")
    assert len(plots) == len(captions) == 13  # seven of accuracy; six of log loss, as the overlap is the same
    for plot, caption in zip(plots, captions, strict=True):
        title, reading = plot.attributes["aria-label"].split(". ", 1)
        assert title in caption.text
        assert caption.text.endswith(" ".join(reading.split()))
    assert all(head.attributes.get("scope") in ("row", "col") for head in page.all("th"))
    ids = [one.attributes["id"] for one in page.all() if "id" in one.attributes]
    assert len(set(ids)) == len(ids)
    assert {link.attributes["href"][1:] for link in page.all("a") if link.attributes["href"].startswith("#")} <= set(ids)
    assert {one.attributes["aria-labelledby"] for one in page.all("section")} <= set(ids)
    assert page.all("html")[0].attributes["lang"] == "en" and page.all("title")[0].text == "random and margin on digits"
    assert "which did not run here" in page.all("p", id="undrawn")[0].text


def test_nothing_is_asked_of_anybody(path: Path, page: Element) -> None:
    loads = ("src", "srcset", "poster", "action", "formaction", "background", "ping", "data", "xlink:href")
    assert not [one for one in page.all() for name in loads if name in one.attributes]
    assert all(re.match(r"#|data:application/json;", one.attributes["href"]) for one in page.all() if "href" in one.attributes)
    assert not {one.tag for one in page.all()} & {"link", "iframe", "object", "embed", "base", "form", "img"}
    assert not re.search(r"url\(|@import", "".join(one.text for one in page.all("style")))
    (policy,) = [one.attributes["content"] for one in page.all("meta") if one.attributes.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["base-uri"] == "'none'"
    assert all(source.startswith("'sha256-") for source in rules["script-src"].split())
    assert not re.search(r"https?:|\*", policy)
    assert path.stat().st_size < 8_000_000
    assert len(page.all("script", id="data")[0].text) < 60_000


def test_names_from_data_do_nothing(store: Store, tmp_path: Path) -> None:
    name = f"<img src=x onerror=alert(1)> {{{{ 7 * 7 }}}} {EVIL}"
    hostile = parse(
        {
            **SPEC,
            "name": name,
            "datasets": [{"name": "digits", "label": EVIL}],
            "strategies": ["random", {"name": "margin", "label": "\"'><b onclick=alert(1)>&amp;"}],
        }
    )
    found = opened(write(hostile, store, tmp_path / "report.html"))
    assert len(found.all("script")) == 3 and not found.all("img") and not [one for one in found.all() if "onclick" in one.attributes]
    assert found.all("title")[0].text == found.all("h1")[0].text == name
    assert EVIL in [one.text for one in found.all("h3")]
    assert "\"'><b onclick=alert(1)>&amp;" in standings(found)
    assert "<" not in found.all("script", id="data")[0].text


def test_json_in_a_script_says_the_same_without_ending_it() -> None:
    value = {"a": "</script><!--\u2028&\u2029>", "b": [1.5, None, "é"]}
    text = in_script(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_numbers_of_figures_are_rounded_and_gaps_are_null() -> None:
    value = {"x": np.array([1, 2], dtype=np.int32), "y": np.array([0.123456789, np.nan]), "z": (np.float32(0.5), np.inf, "name")}
    assert plain(value) == {"x": [1, 2], "y": [0.123457, None], "z": [0.5, None, "name"]}


def test_what_is_not_finished_is_said(store: Store, tmp_path: Path) -> None:
    longer = parse({**SPEC, "seeds": 5, "strategies": ["random", "margin", "entropy"]})
    found = opened(write(longer, store, tmp_path / "report.html"))
    assert "Not finished: 9 of 15 runs" in found.all("section")[0].text
    (missing,) = [one for one in found.all("table") if one.all("th")[0].text == "Runs"]
    told = {row.all("th")[0].text: row.all("td")[0].text for row in missing.all("tbody")[0].all("tr")}
    assert told == {
        "digits, random": "seeds 3, 4: not begun",
        "digits, margin": "seeds 3, 4: not begun",
        "digits, entropy": "seeds 0, 1, 2, 3, 4: not begun",
    }
    assert standings(found)["entropy"]["AUBC, %"].text == "–"
    assert "With 3 of 5 seeds finished so far: " in found.text


def test_a_seed_that_only_some_have_finished_waits(store: Store, runs: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    one = parse({**SPEC, "strategies": ["entropy"], "seeds": [1]})
    try:
        assert go_on(one, store, workers=0).failed == []
        found = opened(write(parse({**SPEC, "strategies": ["random", "margin", "entropy"]}), store, tmp_path / "report.html"))
        rows = standings(found)
        assert {name: row["seeds"].text for name, row in rows.items()} == {"random": "1", "margin": "1", "entropy": "1"}
        assert numbers(rows["random"]["AUBC, %"])[0] == pytest.approx(100 * worth(runs["random"])[1], abs=0.051)
        assert "With 1 of 3 seeds finished so far: " in found.text
    finally:
        store.delete(*(run for run in [store.run_of(cell.key) for cell in one.cells()] if run is not None))


def test_a_longer_grid_counts_runs_that_stopped_half_way(store: Store, tmp_path: Path) -> None:
    found = opened(write(parse({**SPEC, "rounds": 4}), store, tmp_path / "report.html"))
    assert "seeds 0, 1, 2: 3 of 5 rounds" in found.text


def test_the_page_has_what_makes_it_again(page: Element, grid: Comparison, tmp_path: Path) -> None:
    _, commands, file = (one.text for one in page.all("pre"))
    (tmp_path / "grid.json").write_text(page.all("details")[-1].all("pre")[0].text, encoding="utf-8")
    assert read(tmp_path / "grid.json").key == grid.key == parse(json.loads(file)).key
    assert commands == "alviz compare grid.json alviz report grid.json --metric accuracy --metric log_loss"


def test_versions_are_there_and_neither_user_nor_machine(
    store: Store, page: Element, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = page.all("section", **{"aria-labelledby": "again"})[0].all("p")[-1].text
    assert f"Python {platform.python_version()}" in said and f"numpy {np.__version__}" in said
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("USERPROFILE", "/home/ada")
    private = parse(
        {**SPEC, "name": "of /home/ada/pictures", "datasets": [{"name": "digits", "label": "digits (root=/home/ada/pictures)"}]}
    )
    text = write(private, store, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "/home/ada" not in text and "digits (root=~/pictures)" in text


def test_cards_bring_their_references(page: Element) -> None:
    said = page.all("section", **{"aria-labelledby": "methods"})[0].text
    for reference in ("Scheffer", "Alpaydin", "Cox"):
        assert reference in said
    listed = page.all("details")[0].all("pre")[0].text
    assert [listed.count(key) for key in ("{scheffer2001margin,", "{alpaydin1998digits,", "{cox1958logistic,")] == [1, 1, 1]


def test_a_single_arm_and_a_grid_without_random_are_reported_too(store: Store, tmp_path: Path) -> None:
    alone = opened(write(parse({**SPEC, "strategies": ["margin"]}), store, tmp_path / "alone.html"))
    assert list(standings(alone)["margin"]) == ["seeds", "accuracy at the end, %", "AUBC, %"]
    assert not alone.all("strong")
    assert "Critical difference: not drawn." in alone.text
    chosen = opened(write(parse(SPEC), store, tmp_path / "chosen.html", reference="margin"))
    assert "AUBC against margin, points" in standings(chosen)["random"]
    assert "--reference margin" in chosen.all("pre")[1].text


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"metrics": ["acuracy"]}, "metric: accuracy, .* were measured, got 'acuracy'"),
        ({"reference": "badge"}, "reference: one of random, margin is wanted, got 'badge'"),
    ],
)
def test_what_cannot_be_reported_is_refused_and_nothing_is_written(
    grid: Comparison, store: Store, tmp_path: Path, wanted: dict[str, object], message: str
) -> None:
    (tmp_path / "report.html").write_text("the one before")
    with pytest.raises(ValueError, match=message):
        write(grid, store, tmp_path / "report.html", **wanted)  # type: ignore[arg-type]
    assert [one.read_text() for one in tmp_path.iterdir()] == ["the one before"]


def test_the_command_writes_it_and_refuses_what_was_never_run(store: Store, tmp_path: Path) -> None:
    (tmp_path / "grid.json").write_text(json.dumps(SPEC))
    (tmp_path / "other.json").write_text(json.dumps({**SPEC, "n_queries": 7}))
    where = ["--store", store.url, "--output", str(tmp_path / "out.html")]
    made = CliRunner().invoke(cli, ["report", str(tmp_path / "grid.json"), *where, "--metric", "log_loss"])
    assert made.exit_code == 0 and "out.html" in made.output and "MB" in made.output
    assert "log loss at the end" in standings(opened(tmp_path / "out.html"))["margin"]
    refused = CliRunner().invoke(cli, ["report", str(tmp_path / "other.json"), "--store", store.url, "--output", str(tmp_path / "no.html")])
    assert refused.exit_code == 2 and "nothing of this grid has been done yet" in refused.output
    assert not (tmp_path / "no.html").exists()
    with pytest.raises(ValueError, match=r"written as \.html, got 'report.pdf'"):
        write(parse(SPEC), store, "report.pdf")
