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
