"""Label in a real Chromium: labelling with keys, and coming back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gestures import no_sideways_scrolling, press, says
from PIL import Image

pytestmark = pytest.mark.browser


def ready(page: Any) -> None:
    """Wait until a picture is on the screen and the keys are free."""
    page.wait_for_function(
        "() => { const key = document.querySelector('.alviz-stage-class'), picture = document.querySelector('.alviz-stage-picture');"
        " return key && !key.disabled && picture.naturalWidth > 0 }"
    )


def strike(page: Any, key: str) -> None:
    ready(page)
    page.keyboard.press(key)


def picture(page: Any) -> str:
    ready(page)
    return str(page.locator(".alviz-stage-caption").inner_text())


def practise(page: Any, address: str, per_round: int = 4) -> None:
    page.goto(f"{address}label")
    page.get_by_label("Pictures per round", exact=True).fill(str(per_round))
    page.get_by_label("Your name", exact=True).fill("Ada")
    press(page, "Start labelling")
    says(page, f"picture 1 of {per_round}")
    ready(page)


def test_keys_label_skip_leave_out_and_undo_and_a_reload_loses_nothing(app_url: str, page: Any) -> None:
    practise(page, app_url)
    first = picture(page)
    strike(page, "8")
    says(page, "picture 2 of 4")
    says(page, "last: Sneaker")
    strike(page, "s")
    says(page, "picture 3 of 4")
    strike(page, "n")
    says(page, "picture 4 of 4")
    assert page.evaluate("location.search").startswith("?run=")
    fourth = picture(page)
    page.reload()
    says(page, "picture 4 of 4")
    assert picture(page) == fourth
    strike(page, "0")
    says(page, "Round 1 · picture 1 of 4")  # trained
    says(page, "2 labels")
    for left in (4, 3, 2, 1):
        strike(page, "u")
        says(page, f"Round 0 · picture {left} of 4")
    assert picture(page) == first
    strike(page, "u")
    says(page, "nothing left to undo")
    assert no_sideways_scrolling(page)


def test_keys_stay_quiet_while_somebody_types_and_while_they_are_held(app_url: str, page: Any) -> None:
    practise(page, app_url)
    box = page.get_by_label("Class folders in", exact=True)
    box.fill("")
    box.press_sequentially("123sun")
    assert box.input_value() == "123sun"
    page.get_by_role("button", name="Sort into class folders", exact=True).focus()
    ready(page)
    page.locator("body").dispatch_event("keydown", {"key": "2", "code": "Digit2", "repeat": True})
    page.locator("body").dispatch_event("keydown", {"key": "3", "code": "Digit3", "ctrlKey": True})
    strike(page, "4")
    says(page, "picture 2 of 4")
    labelled = page.locator(".alviz-stage-count").all_inner_texts()
    assert labelled == ["0", "0", "0", "1", "0", "0", "0", "0", "0", "0"]


def test_the_keyboard_alone_reaches_everything(app_url: str, page: Any) -> None:
    page.goto(f"{app_url}label")
    page.get_by_role("button", name="Start labelling", exact=True).focus()
    page.keyboard.press("Enter")
    says(page, "picture 1 of 20")
    ready(page)
    page.locator(".alviz-stage-class").first.focus()
    page.keyboard.press("Tab")
    outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle + document.activeElement.className")
    assert outline == "solidalviz-stage-class"
    page.keyboard.press("Space")
    says(page, "last: Trouser")
    strike(page, "+")
    page.keyboard.type("Hat 9")
    page.keyboard.press("Enter")
    says(page, "last: Hat 9")
    says(page, "picture 3 of 20")
    strike(page, "5")  # the keys are back with the pictures
    says(page, "last: Coat")


def test_labels_and_predictions_are_downloaded(app_url: str, page: Any, tmp_path: Path) -> None:
    practise(page, app_url)
    for key in "1234":
        strike(page, key)
    says(page, "Round 1 · picture 1 of 4")
    for which, name, rows in ((0, "labels", 4), (1, "predictions", 5996)):
        with page.expect_download() as caught:
            page.get_by_role("button", name="CSV", exact=True).nth(which).click()
        assert caught.value.suggested_filename == f"fashion-mini-{name}.csv"
        caught.value.save_as(tmp_path / name)
        assert len((tmp_path / name).read_text().splitlines()) == rows + 1
    page.get_by_label("Class folders in", exact=True).fill(str(tmp_path / "sorted"))
    press(page, "Sort into class folders")
    says(page, "4 pictures of 4 classes are in")
    assert sorted(path.name for path in (tmp_path / "sorted").iterdir()) == ["Dress", "Pullover", "T-shirt_top", "Trouser"]


def test_a_hundred_classes_are_found_by_typing_and_own_pictures_fit(app_url: str, page: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for k, (height, width) in enumerate([(3, 3), (60, 1400), (1400, 60), (300, 400), (90, 90), (64, 48)]):
        Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(tmp_path / f"{k} <b>odd & name.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    names = [f"class {k:03d} {'with a name that goes on ' * 6 if k % 9 == 0 else ''}" for k in range(100)]
    page.goto(f"{app_url}label")
    page.get_by_label("Pictures", exact=True).first.select_option("folder")
    page.get_by_label("Folder", exact=True).fill(str(tmp_path))
    page.get_by_label("Classes, one a line", exact=True).fill("\n".join(names))
    page.get_by_label("Pictures per round", exact=True).fill("6")
    press(page, "▸ How the pictures are chosen")
    page.get_by_label("Features", exact=True).select_option("pca")
    press(page, "Start labelling")
    says(page, "picture 1 of 6")
    says(page, "6 pictures read")
    for k in range(6):
        ready(page)
        frame, shown = (page.locator(one).bounding_box() for one in (".alviz-stage-frame", ".alviz-stage-picture"))
        assert shown["width"] <= frame["width"] + 1 and shown["height"] <= frame["height"] + 1
        assert max(shown["width"] / frame["width"], shown["height"] / frame["height"]) > 0.4
        page.keyboard.press("/")
        page.keyboard.type(f"{90 + k:03d}")
        page.wait_for_function("() => document.querySelectorAll('.alviz-stage-class:not([hidden])').length === 1")
        page.keyboard.press("Enter")
        says(page, f"last: class {90 + k:03d}")
    says(page, "Every picture has an answer")
    assert no_sideways_scrolling(page)


def test_an_earlier_answer_is_changed_with_a_click_and_a_picture_is_looked_at_closely(app_url: str, page: Any) -> None:
    practise(page, app_url)
    for key in "12":
        strike(page, key)
        says(page, f"picture {int(key) + 1} of 4")
    third = picture(page)
    said = page.locator(".alviz-stage-said")
    page.wait_for_function("() => [...document.querySelectorAll('.alviz-stage-small')].every(one => one.naturalWidth > 0)")
    assert said.all_inner_texts() == ["Trouser", "T-shirt/top"]
    said.nth(1).click()
    says(page, "Your answer was: T-shirt/top")
    strike(page, "8")
    says(page, "picture 3 of 4")
    assert picture(page) == third and said.all_inner_texts() == ["Sneaker", "Trouser"]
    transform = "() => document.querySelector('.alviz-stage-picture').style.transform"
    strike(page, "z")
    says(page, "Whole picture")
    assert page.evaluate(transform) == "scale(3)"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.querySelector('.alviz-stage-picture').style.transformOrigin") == "60% 50%"
    page.keyboard.press("Escape")
    assert page.evaluate(transform) == ""
    page.locator(".alviz-stage-picture").click()
    assert page.evaluate(transform) == "scale(3)"
    strike(page, "s")
    says(page, "picture 4 of 4")
    ready(page)
    assert page.evaluate(transform) == ""


def test_a_second_tab_gets_one_sentence(app_url: str, page: Any) -> None:
    practise(page, app_url)
    other = page.context.new_page()
    other.goto(page.url)
    says(other, "picture 1 of 4")
    strike(page, "1")
    says(page, "picture 2 of 4")
    strike(other, "2")
    says(other, "changed in another tab or process")
    strike(page, "3")
    says(page, "picture 3 of 4")
    other.reload()
    says(other, "picture 3 of 4")
    other.close()
