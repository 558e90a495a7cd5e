"""A replay opened from the disk, offline: stepped, scrubbed, played and hovered, by mouse and by keys."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

import alviz
from alviz.report import write_replay

pytestmark = pytest.mark.browser

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def runs() -> dict[str, alviz.Run]:
    digits = alviz.data.create("digits")
    made = {name: alviz.Run(digits, learner="logistic", strategy=name, n_queries=10) for name in ("margin", "random")}
    for run in made.values():
        run.goto(3)
    return {"margin": made["margin"], EVIL: made["random"]}


@pytest.fixture(scope="module")
def address(runs: dict[str, alviz.Run], tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_replay(runs, tmp_path_factory.mktemp("replay") / "replay.html").as_uri()


@pytest.fixture
def opened(chromium: Any, address: str) -> Iterator[Any]:
    """Opens the replay in a new page; no dialog, error or request may come of it."""
    contexts, wrong = [], []

    def open_(**settings: Any) -> Any:
        contexts.append(chromium.new_context(viewport={"width": 1280, "height": 800}, **settings))
        page = contexts[-1].new_page()
        page.on("request", lambda request: None if request.url.startswith((address, "blob:")) else wrong.append(request.url))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.goto(address)
        page.wait_for_selector("html[data-round='0']")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


def drawn(page: Any, round: int) -> None:
    """Wait until `round` is what all figures show."""
    page.wait_for_selector(f"html[data-round='{round}']")
    expect(page.locator("#where")).to_have_text(f"round {round} of 3")


def test_keys_buttons_and_slider_go_through_the_rounds(opened: Any, runs: dict[str, alviz.Run]) -> None:
    page = opened()
    expect(page.get_by_role("button", name="Back")).to_be_disabled()
    for key, round in (("ArrowRight", 1), ("PageDown", 2), ("PageUp", 1), ("ArrowLeft", 0), ("End", 3), ("Home", 0)):
        page.keyboard.press(key)
        drawn(page, round)
    page.get_by_role("button", name="Next").click()
    drawn(page, 1)
    slider = page.get_by_role("slider", name="Round shown")
    slider.fill("2")
    drawn(page, 2)
    for side, run in enumerate(runs.values()):
        finished = run.rounds[2]
        heading = page.locator(".maps h2").nth(side)
        expect(heading).to_contain_text(f"30 labels · {100 * finished.metrics['accuracy']:.1f}\N{NO-BREAK SPACE}%")
        items = page.locator(".queries ol").nth(side).locator("li")
        names = [run.dataset.class_names[label] for label in finished.labels]
        assert items.locator("b").all_inner_texts() == names
    assert page.locator(".queries h2 .name").all_inner_texts() == ["margin", EVIL]
    stars = page.evaluate("document.querySelector('.map').data.at(-1).places.length")
    assert stars == 10
    page.keyboard.press(" ")  # plays to the end, and stops there
    drawn(page, 3)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_hovering_a_sample_tells_it_on_every_map(opened: Any, runs: dict[str, alviz.Run]) -> None:
    page = opened()
    page.keyboard.press("End")
    drawn(page, 3)
    finished = runs["margin"].rounds[3]
    x, y = page.evaluate(
        """() => {
      const plot = document.querySelector(".map"), { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect(), stars = plot.data.at(-1);
      return [box.left + xaxis._offset + xaxis.l2p(stars.x[9]), box.top + yaxis._offset + yaxis.l2p(stars.y[9])];
    }"""
    )
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)
    card = page.locator("#card")
    number, names = finished.queried[9], runs["margin"].dataset.class_names
    expect(card).to_contain_text(f"#{number}labelled {names[finished.labels[9]]} in round 3")
    expect(card).to_contain_text(f"predicted: {names[finished.probabilities[number].argmax()]}")
    assert card.locator(".picture").count() == 1
    assert page.locator(".pointer:visible").count() == 2
    page.locator(".queries li").first.hover()
    expect(card).to_contain_text(f"#{finished.queried[0]}")
    page.mouse.move(2, 2)
    expect(card).to_be_hidden()


def test_the_colours_follow_the_menu(opened: Any, runs: dict[str, alviz.Run]) -> None:
    page = opened(color_scheme="dark")
    page.get_by_label("Colour by").select_option("prediction")
    page.wait_for_selector("html[data-color='prediction']")
    counts = json.loads(page.evaluate("JSON.stringify(Array.from(document.querySelector('.map').data.at(-3).marker.color))"))
    assert counts == runs["margin"].rounds[0].probabilities.argmax(axis=1).tolist()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_its_figures_are_saved_at_the_size_of_a_slide_and_it_prints(opened: Any) -> None:
    page = opened()
    with page.expect_download() as started:
        page.get_by_role("button", name="Save as PNG").nth(2).click()
    assert started.value.suggested_filename == "learning-curve.png"
    head = Path(started.value.path()).read_bytes()[:24]
    assert [int.from_bytes(head[at : at + 4], "big") for at in (16, 20)] == [1920, 1080]
    page.emulate_media(media="print")
    assert page.locator("button:visible, input:visible").count() == 0
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
