import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

import alviz
from alviz import initial
from alviz.panels.initial import InitialPools
from alviz.panels.starts import Starts

SMALL = {"dataset": "moons", "params": {"n": 120, "n_test": 50}, "n_initial": 6, "n_queries": 4, "steps": 2, "seeds": 2}


@pytest.fixture(autouse=True)
def cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path))


def opened(**config: Any) -> InitialPools:
    page = InitialPools(Starts(**{**SMALL, "pools": ["kmeans-equal", "random", "k-center"], **config}))
    page.starts.wait(60)
    return page


@pytest.fixture
def page() -> InitialPools:
    return opened()


def press(page: InitialPools, name: str) -> None:
    page.header.buttons[name].click()
    page.starts.wait(60)
    assert page.starts.error == ""


def stars(page: InitialPools, k: int) -> list[int]:
    found: list[int] = next(t["alviz_ids"].tolist() for t in page.maps.plots[k].figure["data"] if t["marker"].get("symbol") == "star")
    return found


def test_before_the_start_the_maps_are_there_without_stars(page: InitialPools) -> None:
    assert [cell.layout.display for cell in page.maps.cells] == [None, None, None, "none"]
    for plot in page.maps.plots[:3]:
        assert plot.alt == "120 samples, none chosen yet."
    assert page.header.buttons["Run"].disabled and page.header.buttons["Step"].disabled
    assert "Press Start" in page.figures.counts.empty and "Press Run" in page.figures.curves.empty
    assert page.figures.overlap.empty and page.figures.pictures.empty


def test_start_shows_what_round_0_of_a_run_would_label(page: InitialPools) -> None:
    press(page, "Start")
    dataset = alviz.data.create("moons", **SMALL["params"])
    for k, name in enumerate(["kmeans-equal", "random", "k-center"]):
        run = alviz.Run(dataset, initial=name, n_queries=6, seed=0)
        assert stars(page, k) == run.rounds[0].queried.tolist()
        counts = run.rounds[0].class_counts
        title = re.sub("<[^>]*>", "", page.maps.titles[k].value)
        assert f"{(counts > 0).sum()}/2 classes · ir {counts.std() / counts.mean():.2f}" in title
        np.testing.assert_array_equal(page.figures.counts.figure["data"][0]["z"][k], counts)
    assert "3 pools of 6 samples" in page.header.line.value


def test_run_goes_over_all_seeds_and_step_adds_one(page: InitialPools) -> None:
    press(page, "Start")
    press(page, "Run")
    assert "2/2 seeds" in page.header.line.value
    dataset = alviz.data.create("moons", **SMALL["params"])
    accuracy = []
    for seed in (0, 1):
        run = alviz.Run(dataset, learner="linear-svm", strategy="margin", initial="k-center", n_initial=6, n_queries=4, seed=seed)
        run.goto(2)
        accuracy.append([finished.metrics["accuracy"] for finished in run.rounds])
    lines = {trace["name"]: trace for trace in page.figures.curves.figure["data"] if "fill" not in trace}
    np.testing.assert_allclose(lines["k-center"]["y"], np.mean(accuracy, axis=0))
    assert lines["k-center"]["x"].tolist() == [6, 10, 14]
    assert "2 seeds, which decide little" in page.figures.curves.alt
    assert "Means over 2 seeds" in page.figures.table.value
    press(page, "Step")
    assert "3/3 seeds" in page.header.line.value
    press(page, "Undo")
    assert len(page.starts.results) == 2
    page.header.buttons["Run"].click()
    page.starts.wait(60)
    assert "all 2 seeds are done" in page.starts.error.lower()


def test_overlap_is_measured_against_a_random_start_even_where_none_was_asked_for() -> None:
    page = opened(pools=["k-center"])
    press(page, "Start")
    press(page, "Step")
    start, reference = (page.starts.results[0][name] for name in ("k-center", "random"))
    wanted = []
    for r in range(3):
        mine, its = ({int(i) for part in one.labelled[: r + 1] for i in part} for one in (start, reference))
        wanted.append(len(mine & its) / len(mine | its))
    line = next(trace for trace in page.figures.overlap.figure["data"] if trace.get("name") == "k-center")
    np.testing.assert_allclose(line["y"], wanted)


def test_other_settings_ask_for_the_right_button(page: InitialPools) -> None:
    press(page, "Start")
    press(page, "Step")
    assert "settings changed" not in page.header.line.value
    page.settings.fields["steps"].value = 1
    assert "settings changed: press Run" in page.header.line.value
    press(page, "Run")
    assert [len(seed["random"].accuracy) for seed in page.starts.results] == [2, 2]
    page.settings.fields["n_initial"].value = 8
    assert "settings changed: press Start" in page.header.line.value
    press(page, "Start")
    assert page.starts.results == [] and len(stars(page, 0)) == 8


def test_data_without_pictures_grey_out_and_leave_out_what_needs_them() -> None:
    page = opened(pools=["rotation-loss", "random"])
    assert page.starts.config["pools"] == ["random"]
    assert page.starts.notice == "Left out, because moons does not have it: rotation-loss needs images."
    entries = {entry["value"]: entry for entry in page.settings.pools[0].options}
    assert entries["vae-loss"]["disabled"] and entries["vae-loss"]["why"] == "needs images"
    assert not entries["kmeans-equal"]["disabled"]


def test_the_same_pool_twice_is_refused_with_a_sentence() -> None:
    page = opened(pools=["random", "random"])
    page.header.buttons["Start"].click()
    page.starts.wait(60)
    assert "once only" in page.starts.error


def test_bins_reach_the_pools_that_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alviz.initial.deep.pretext.losses", lambda task, images, *rest: np.arange(len(images), dtype=float))
    page = opened(dataset="digits", params={}, pools=["vae-loss", "random"], n_initial=4)
    n = len(page.starts.dataset)  # type: ignore[arg-type]
    press(page, "Start")
    assert stars(page, 0) == [n - 1, n - 2, n - 3, n - 4]
    assert page.settings.fields["bins"].layout.display is None
    page.settings.fields["bins"].value = "2"
    assert "press Start" in page.header.line.value
    press(page, "Start")
    assert stars(page, 0) == [n - 1, n - 2, 0, 1]
    assert [item["id"] for item in page.figures.pictures.items] == [n - 1, n - 2, 0, 1]
    page.figures.which.value = "random"
    assert [item["id"] for item in page.figures.pictures.items] == stars(page, 1)


@pytest.fixture
def folder(tmp_path: Any) -> str:
    """12 pictures, 6 black and 6 white ones, without a class."""
    root = tmp_path / "pictures"
    root.mkdir()
    for k in range(12):
        Image.fromarray(np.full((8, 8), 255 * (k % 2), dtype=np.uint8)).save(root / f"{k}.png")
    return str(root)


def test_clusters_are_asked_for_where_nobody_knows_the_classes(folder: str) -> None:
    params = {"root": folder, "extractor": "pixels"}
    page = opened(dataset="folder", params=params, pools=["kmeans-equal", "random", "probcover"], n_initial=4)
    assert page.starts.error == ""
    assert page.starts.config["pools"] == ["random"]
    assert page.starts.notice.startswith("Left out, because pictures does not have it: kmeans-equal needs the number of classes (or")
    assert page.settings.fields["clusters"].layout.display is None
    entries = {entry["value"]: entry for entry in page.settings.pools[0].options}
    assert entries["kmeans-equal"]["disabled"]
    page.settings.fields["clusters"].value = 2
    entries = {entry["value"]: entry for entry in page.settings.pools[0].options}
    assert not entries["kmeans-equal"]["disabled"] and not entries["probcover"]["disabled"]
    page.settings.pools[1].value = "kmeans-equal"
    press(page, "Start")
    chosen = page.starts.chosen[1].indices
    black = page.starts.dataset.images[chosen].reshape(4, -1).mean(axis=1) < 128  # type: ignore[union-attr]
    assert black.sum() == 2
    page.settings.fields["clusters"].value = 3
    assert "settings changed: press Start" in page.header.line.value
    assert dict(page.url.share or {})["clusters"] == "3"
    page.settings.fields["clusters"].value = None
    page.header.buttons["Start"].click()
    page.starts.wait(60)
    assert "needs the number of classes" in page.starts.error


def test_data_without_labels_let_choose_but_not_run(folder: str) -> None:
    page = opened(dataset="folder", params={"root": folder, "extractor": "pixels"}, pools=["random"], n_initial=4)
    press(page, "Start")
    assert page.header.buttons["Run"].disabled and page.header.buttons["Step"].disabled
    assert not page.figures.counts.figure["data"] and "not known" in page.figures.counts.empty
    assert "page Label" in page.figures.curves.empty and "page Label" in page.figures.overlap.empty
    assert "4 samples" in page.maps.titles[0].value


def test_bins_are_hidden_where_no_pool_has_them(page: InitialPools) -> None:
    assert page.settings.fields["bins"].layout.display == "none"


def test_cancelling_keeps_the_finished_pools(page: InitialPools, monkeypatch: pytest.MonkeyPatch) -> None:
    def choose(self: Any, dataset: Any, n: int, rng: Any, progress: Any) -> Any:
        page.starts.cancel()
        progress(0.5)

    with monkeypatch.context() as patch:
        patch.setattr(initial.registry.factory("random"), "choose", choose)
        page.header.buttons["Start"].click()
        page.starts.wait(60)
    assert "Cancelled" in page.starts.notice
    assert [one.name for one in page.starts.chosen] == ["kmeans-equal"]
    told = [title.value for title in page.maps.titles[:3]]
    assert "classes" in told[0] and "not chosen yet" in told[1] and "not chosen yet" in told[2]
    press(page, "Step")
    assert set(page.starts.results[0]) == {"kmeans-equal", "random"}


def test_a_seed_that_fails_leaves_the_others(page: InitialPools, monkeypatch: pytest.MonkeyPatch) -> None:
    press(page, "Start")
    press(page, "Step")

    def fails(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("alviz.panels.starts.started", fails)
    page.header.buttons["Step"].click()
    page.starts.wait(60)
    assert "the disk is full" in page.starts.error
    assert len(page.starts.results) == 1


def test_the_address_sets_the_page_and_says_it_again(page: InitialPools) -> None:
    page.url.query = {"dataset": "digits", "pools": "typiclust,random", "bins": "5", "seeds": "3", "steps": "x", "run": "abc"}
    page.starts.wait(60)
    config = page.starts.config
    assert (config["dataset"], config["pools"], config["bins"], config["seeds"], config["steps"]) == (
        "digits",
        ["typiclust", "random"],
        5,
        3,
        2,
    )
    assert config["n_initial"] == 20
    assert "steps=x" in page.starts.notice and "abc" not in page.starts.notice
    share = dict(page.url.share or {})
    assert share["pools"] == "typiclust,random" and share["dataset"] == "digits" and "n_initial" not in share
    twin = opened()
    twin.url.query = share
    twin.starts.wait(60)
    assert {key: twin.starts.config[key] for key in share} == {key: config[key] for key in share}


@pytest.mark.parametrize("value", ["random,random", "random,<b>", "random,k-center,typiclust,probcover,max-herding", ""])
def test_pools_in_the_address_that_make_no_sense_are_said(page: InitialPools, value: str) -> None:
    page.url.query = {"pools": value}
    assert page.starts.config["pools"] == ["kmeans-equal", "random", "k-center"]
    assert "pools=" in page.starts.notice
    assert "<b>" not in page.header.message.value


def test_marks_are_shared_by_all_views(page: InitialPools) -> None:
    press(page, "Start")
    page.maps.plots[0].selected = [3, 5]
    assert page.starts.selected == [3, 5]
    assert page.maps.plots[2].selection.tolist() == [3, 5]
    assert list(page.figures.pictures.selected) == [3, 5]
