"""Links: every setting goes into the address and comes back from it, parts are hidden and locked, and the script makes what is shown."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alviz.panels.compare import Compare
from alviz.panels.comparing import Comparing
from alviz.panels.duel import Duel
from alviz.panels.explore import Explore
from alviz.panels.initial import InitialPools
from alviz.panels.label import Label
from alviz.panels.label_state import LabelBench
from alviz.panels.match import Match
from alviz.panels.share import AWAY
from alviz.panels.starts import Starts
from alviz.panels.toy import Toy
from alviz.panels.versus import Versus
from alviz.panels.workbench import Workbench
from alviz.studies import Store


def said(script: str) -> str:
    """What a script prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(script, {"__name__": "__main__"})
    return printed.getvalue()


@pytest.fixture
def explored() -> Iterator[Explore]:
    page = Explore(Workbench(dataset="moons", strategy="entropy", n_queries=4, budget=40, seed=3))
    page.workbench.wait(60)
    yield page
    page.workbench.wait(60)


def opened(query: dict[str, str], store: Store | None = None) -> Explore:
    page = Explore(Workbench(store=store))
    page.url.query = query
    page.workbench.wait(60)
    return page


def picks(page: Explore) -> list[list[int]]:
    assert page.workbench.view is not None
    return [finished.queried.tolist() for finished in page.workbench.view.rounds]


def test_a_link_opens_the_same_elsewhere(explored: Explore) -> None:
    bench = explored.workbench
    bench.start()
    bench.wait(60)
    bench.run_to_end()
    bench.wait(60)
    bench.look_at(shown=5)
    explored.looks["color"].value = "score"
    explored.looks["measure"].value = "log_loss"
    explored.slow.toggle.value = True
    there = opened(explored.url.share)
    assert picks(there) == picks(explored)
    assert there.workbench.view is not None and there.workbench.view.shown == 5
    assert (there.looks["color"].value, there.looks["measure"].value) == ("score", "log_loss")
    assert there.slow.toggle.value
    assert there.url.share == explored.url.share
    assert there.workbench.notice == ""


def test_a_kept_run_is_resumed_here_and_made_again_elsewhere(tmp_path: Path) -> None:
    here, elsewhere = (Store(f"sqlite:///{tmp_path / name}.db") for name in ("here", "elsewhere"))
    page = opened({"dataset": "moons", "n_queries": "4", "rounds": "3"}, here)
    link = page.url.share
    assert link["rounds"] == "3" and link["run"] == here.runs()[0]["id"]
    again = opened(link, here)
    assert len(here.runs()) == 1 and picks(again) == picks(page)
    other = opened(link, elsewhere)
    assert len(elsewhere.runs()) == 1 and picks(other) == picks(page)
    assert "not kept on this machine: it was made again" in other.workbench.notice


def test_what_is_hidden_and_locked_stays_so_in_the_link() -> None:
    page = opened({"hide": "confusion,undo", "lock": "learner,strategy,seed"})
    parts = page.sharing.parts
    away = {name for name, part in parts.items() if all(AWAY in widget._dom_classes for widget in part.widgets)}
    assert away == {"confusion", "undo"}
    assert {name for name in ("dataset", "learner", "strategy", "seed", "budget") if page.settings.fields[name].locked} == {
        "learner",
        "strategy",
        "seed",
    }
    assert all(field.locked for field in page.settings.options["learner"].fields.values())
    assert page.url.share == {"hide": "confusion,undo", "lock": "learner,strategy,seed"}


@pytest.mark.parametrize(
    "query",
    [
        {"hide": "nothing-like-it"},
        {"lock": "<b>"},
        {"round": "²"},
        {"rounds": "9" * 5000},
        {"seed": "٣" * 40},
        {"color": "blue"},
        {"map": "mercator"},
        {"measure": ""},
        {"slow": "very"},
    ],
)
def test_what_makes_no_sense_is_left_out_and_said(query: dict[str, str]) -> None:
    page = opened(query)
    ((key, value),) = query.items()
    assert f"{key}={value[:40]}" in page.workbench.notice and len(page.workbench.notice) < 300
    assert page.url.share == {} and page.workbench.error == ""


def test_a_duel_is_linked_with_the_settings_of_its_rivals_and_of_its_card(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    page = Explore(Workbench(store=store, dataset="moons", n_queries=4, budget=16, rivals=["random", "typiclust"]))
    settings = page.settings
    assert settings.rival_options[0].widget.layout.display == "none", "random has nothing to set"
    settings.rival_options[1].fields["neighbours"].value = 5
    chosen = {"neighbours": 5}
    assert page.workbench.config["options"] == {"rival.typiclust": chosen}
    page.rivals.metric.value, page.rivals.seeds.value = "macro_f1", 3
    page.workbench.start()
    page.workbench.wait(60)
    page.workbench.run_to_end()
    page.workbench.wait(60)
    for there in (opened(page.url.share), opened(page.url.share, store)):
        view = there.workbench.view
        assert view is not None and view.track.duel[2].config()["strategy"]["params"] == chosen
        assert there.workbench.config["options"]["rival.typiclust"] == chosen
        assert (there.rivals.metric.value, there.rivals.seeds.value) == ("macro_f1", 3)
        for mine, other in zip(page.workbench.view.track.duel, view.track.duel, strict=True):  # type: ignore[union-attr]
            assert [r.queried.tolist() for r in mine.rounds] == [r.queried.tolist() for r in other.rounds]
    planned = opened({name: text for name, text in page.url.share.items() if name not in ("run", "rounds")})
    assert "'typiclust', neighbours=5" in planned._python()
    settings.rivals.value = ["random"]
    assert "rival.typiclust" not in page.workbench.config["options"]


def test_what_is_left_out_is_said_beside_the_run_that_the_address_names() -> None:
    page = opened({"dataset": "moons", "n_queries": "4", "rounds": "1", "color": "blue", "random": "1", "rival.kmeans.x": "3"})
    assert len(picks(page)) == 2
    for part in ("color=blue", "random=1", "rival.kmeans.x=3"):
        assert part in page.workbench.notice


def test_the_script_of_explore_makes_its_run(explored: Explore) -> None:
    bench = explored.workbench
    planned = explored._python()
    bench.start()
    bench.wait(60)
    bench.run_to_end()
    bench.wait(60)
    for text in (planned, explored._python()):
        scope: dict[str, Any] = {}
        exec(text, scope)
        assert [finished.queried.tolist() for finished in scope["run"].rounds] == picks(explored)


def test_a_toy_link_opens_the_same_runs_elsewhere() -> None:
    page = Toy(Duel(dataset="moons", strategies=["margin", "random"], learner="logistic", n_queries=4))
    page.duel.make(2, 1)
    page.duel.wait(60)
    page.planes.kind.value = "boundary"
    page.duel.wait(60)
    there = Toy(Duel())
    there.url.query = page.url.share
    there.duel.wait(60)
    assert [[r.queried.tolist() for r in run.rounds] for run in there.duel.runs] == [
        [r.queried.tolist() for r in run.rounds] for run in page.duel.runs
    ]
    assert (there.duel.position, there.duel.shown, there.duel.config["kind"]) == (2, 1, "boundary")
    printed = said(page.sharing._texts["python"]()).splitlines()
    for line, run in zip(printed, page.duel.runs, strict=True):
        assert line.startswith(f"{run.name} [") and str(round(run.rounds[2].metrics["accuracy"], 3)) in line


def test_the_script_of_the_initial_pools_makes_their_runs() -> None:
    page = InitialPools(Starts(dataset="moons", pools=["random", "kmeans-equal"], n_initial=6, n_queries=4, steps=1, learner="logistic"))
    page.starts.wait(60)
    page.starts.step()
    page.starts.wait(60)
    printed = said(page.sharing._texts["python"]()).splitlines()
    assert [line.split(" ")[0] for line in printed] == ["random", "kmeans-equal"]


def test_the_script_of_a_comparison_makes_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    page = Compare(
        Comparing(None, datasets=["moons"], learners=["logistic"], strategies=["random", "margin"], rounds=1, seeds=1, n_queries=4)
    )
    text = page._python().replace("go_on(grid, store)", "go_on(grid, store, workers=0)")
    printed = said(text)
    heading, _, *lines = printed.splitlines()
    assert heading.split() == ["strategy", "margin", "random"] and [line.split()[0] for line in lines] == ["4", "8"]


def test_the_form_of_the_label_page_is_linked_without_what_is_a_persons_own() -> None:
    page = Label(LabelBench(pictures="practice"))
    page.url.opened = True
    fields = page.form.fields
    fields["pictures"].value, fields["folder"].value, fields["annotator"].value = "folder", "/home/ada/private", "ada"
    fields["classes"].value, fields["n_queries"].value, fields["learner"].value = "cat\ndog & co", 7, "ensemble"
    fields["strategy"].value = "bald"
    assert "private" not in str(page.url.share) and "ada" not in page.url.share.values()
    there = Label(LabelBench())
    there.url.query = {**page.url.share, "folder": "/etc"}
    assert there.bench.config == {**page.bench.config, "folder": "", "annotator": ""}
    there.url.query = {"strategy": "bald", "learner": "knn", "n_queries": "0"}
    assert "strategy=bald" in there.bench.notice and "n_queries=0" in there.bench.notice


def test_a_match_is_shared_as_it_was_set_up() -> None:
    page = Versus(Match(dataset="moons", strategy="entropy", learner="logistic", n_queries=4, steps=2, seed=5))
    page._share()
    there = Versus(Match())
    there.url.query = {**page.url.share, "lock": "strategy", "hide": "score"}
    for one in (page, there):
        one.match.wait(60)
    assert there.match.config == page.match.config and there.settings.fields["strategy"].locked
    assert there.url.share == {**page.url.share, "hide": "score", "lock": "strategy"}
    with pytest.raises(ValueError, match="begins with Start"):
        there.sharing._texts["python"]()
    there.match.start()
    there.match.wait(60)
    assert "strategy=alviz.strategies.create('entropy')" in there.sharing._texts["python"]()


def test_a_match_is_linked_as_it_stands_and_scripted() -> None:
    page = Versus(Match(dataset="moons", learner="logistic", n_queries=4, steps=3))
    match = page.match
    match.start()
    match.wait(60)
    for _ in range(2):
        match.revealed = 0
        match.fill()
        match.step()
        match.wait(60)
    page.stage.bar.unsure.value = True
    match.revealed = 1
    looking = page.url.share
    match.revealed = 0
    match.choose(match.candidates[:2])
    for link, revealed, picks in ((looking, 1, []), (page.url.share, 0, match.picks)):
        there = Versus(Match())
        there.url.query = link
        there.match.wait(60)
        assert (there.match.error, there.match.notice) == ("", "") and there.url.share == link
        assert (there.match.revealed, there.match.picks, there.match.unsure) == (revealed, picks, True)
        for mine, other in zip(match.turns, there.match.turns, strict=True):
            assert mine.yours.queried.tolist() == other.yours.queried.tolist()
            assert mine.its.probabilities.tobytes() == other.its.probabilities.tobytes()
    printed = said(page.sharing._texts["python"]())
    assert printed.count(f"{match.turns[2].yours.metrics['accuracy']:.3f}"[:5]) >= 1
    page.settings.fields["seed"].value = 9
    assert "picks" not in page.url.share and "settings have changed" in page.sharing.widget.gap


@pytest.mark.parametrize("picks", ["1,2,3,4_", "1,1,2,3_", "4000000,1,2,3_", "_" * 60, "a", "1;2"])
def test_picks_that_cannot_be_get_a_sentence(picks: str) -> None:
    page = Versus(Match())
    page.url.query = {"dataset": "moons", "learner": "logistic", "n_queries": "5", "picks": picks}
    page.match.wait(60)
    assert page.match.error or "picks=" in page.match.notice


def test_initial_pools_are_linked_with_what_was_run() -> None:
    page = InitialPools(Starts(dataset="moons", pools=["random", "kmeans-equal"], n_initial=6, n_queries=4, steps=1, learner="logistic"))
    page.starts.start()
    page.starts.wait(60)
    page.starts.step()
    page.starts.wait(60)
    page.figures.which.value = "kmeans-equal"
    page.starts.method = "pca"
    assert page.url.share["done"] == "1"
    there = InitialPools(Starts())
    there.url.query = page.url.share
    there.starts.wait(60)
    assert there.starts.error == "" and there.url.share == page.url.share
    assert (there.figures.which.value, there.starts.method) == ("kmeans-equal", "pca")
    for name in page.starts.results[0]:
        assert there.starts.results[0][name].accuracy.tolist() == page.starts.results[0][name].accuracy.tolist()


def test_marked_samples_and_the_size_of_the_pool_are_linked(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    page = opened({"dataset": "moons", "n": "300", "n_queries": "4", "rounds": "1", "speed": "2", "selected": "7,12"}, store)
    assert page.workbench.selected == [7, 12] and len(page.workbench.view.dataset) == 300  # type: ignore[union-attr]
    assert page.sample.found is not None and page.sample.found.sample == 12
    here, there = opened(page.url.share, store), opened(page.url.share)
    assert here.workbench.selected == there.workbench.selected == [7, 12] and here.url.share == page.url.share
    assert there.slow.player.speed == 2


def test_own_data_are_asked_for_and_nothing_that_a_link_names_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("a,b,kind\n" + "".join(f"{i},{i % 7},{'xy'[i % 2]}\n" for i in range(40)))
    params = {"path": str(tmp_path / "mine.csv"), "target": "kind", "test": 0.25}
    page = Explore(Workbench(dataset="table", params=params, learner="logistic", n_queries=4))
    page.workbench.wait(60)
    page._share()
    assert "do not come with a link" in page.sharing.widget.gap
    assert str(tmp_path) not in str(page.url.share)
    there = opened({**page.url.share, "data.path": str(tmp_path / "mine.csv")})
    assert there.workbench.config["params"] == {"target": "kind", "test": 0.25}
    assert "Say which file" in there.workbench.notice and "table" not in str(there.workbench.dataset and there.workbench.dataset.spec)
    there.settings.source.fields["table"]["path"].value = params["path"]
    there.workbench.wait(60)
    assert there.workbench.dataset.class_names == ("x", "y")  # type: ignore[union-attr]
