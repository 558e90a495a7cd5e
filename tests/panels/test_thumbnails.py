"""Thumbnails: the sprite sheet and the items."""

import io

import numpy as np
import pytest
from PIL import Image

from alviz.panels.thumbnails import MOST, Thumbnails, sprite_sheet


def cut(sheet, index, columns, width, height):
    """Cell `index` of a decoded sheet, counted row by row."""
    top, left = index // columns * height, index % columns * width
    return sheet[top : top + height, left : left + width]


@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
def test_every_picture_lies_in_its_cell(channels):
    images = np.random.default_rng(0).integers(0, 256, (7, 5, 4, *channels), dtype=np.uint8)
    sheet = np.asarray(Image.open(io.BytesIO(sprite_sheet(images, 3))))
    assert sheet.shape[:2] == (3 * 5, 3 * 4)
    for i, image in enumerate(images):
        np.testing.assert_array_equal(cut(sheet, i, 3, 4, 5), image[..., 0] if channels == (1,) else image)


@pytest.mark.parametrize("images", [np.zeros((2, 4, 4)), np.zeros((2, 4), np.uint8), np.zeros((2, 4, 4, 2), np.uint8)])
def test_other_pictures_are_refused(images):
    with pytest.raises(ValueError, match="wanted uint8"):
        sprite_sheet(images, 1)


def test_show_pairs_items_with_cells():
    images = np.random.default_rng(1).integers(0, 256, (5, 6, 3), dtype=np.uint8)[:, :, :, None].repeat(3, 3)
    grid = Thumbnails()
    grid.show(np.array([9, 4, 7, 1, 0]), images, titles=list("abcde"), lines=[["x"]] * 5, flags=["right", "wrong", "", "", ""])
    assert grid.items[1] == {"id": 4, "title": "b", "lines": ["x"], "flag": "wrong"}
    assert grid.cell == [3, 6]
    sheet = np.asarray(Image.open(io.BytesIO(grid.sprite)))
    for i in range(5):
        np.testing.assert_array_equal(cut(sheet, i, grid.columns, 3, 6), images[i])


def test_pictures_beside_lie_in_the_same_cells():
    images, beside = np.random.default_rng(1).integers(0, 256, (2, 5, 6, 3), dtype=np.uint8)
    grid = Thumbnails()
    grid.show(range(5), images, beside=beside)
    sheet = np.asarray(Image.open(io.BytesIO(grid.beside)))
    for i in range(5):
        np.testing.assert_array_equal(cut(sheet, i, grid.columns, 3, 6), beside[i])
    grid.show(range(5), images)
    assert grid.beside == b""
    with pytest.raises(ValueError, match="beside has 3 entries"):
        grid.show(range(5), images, beside=beside[:3])


def test_samples_without_pictures_become_text_cards():
    grid = Thumbnails()
    grid.show([1], np.zeros((1, 2, 2), np.uint8))
    grid.show([2000])
    assert (grid.sprite, grid.cell) == (b"", [0, 0])
    assert grid.items == [{"id": 2000, "title": "Sample 2,000", "lines": [], "flag": ""}]


def test_more_than_the_most_are_counted_not_sent():
    m = MOST + 25
    grid = Thumbnails()
    grid.show(range(m), np.zeros((m, 2, 2), np.uint8))
    assert [item["id"] for item in grid.items] == list(range(MOST))
    assert grid.hidden == 25
    width, height = Image.open(io.BytesIO(grid.sprite)).size
    assert width // 2 * (height // 2) < m


def test_nothing_to_show():
    grid = Thumbnails()
    grid.show([1], np.zeros((1, 2, 2), np.uint8))
    grid.show([], np.zeros((0, 2, 2), np.uint8))
    assert (grid.items, grid.sprite, grid.hidden) == ([], b"", 0)


def test_columns_that_do_not_match_the_ids_are_refused():
    with pytest.raises(ValueError, match="titles has 1 entries; wanted one for each of the 2 ids"):
        Thumbnails().show([1, 2], titles=["only one"])


def test_selection_is_kept_when_other_samples_come():
    grid = Thumbnails(selected=[3])
    grid.show([1, 2])
    assert grid.selected == [3]


def test_what_the_caller_left_out_is_counted_too():
    grid = Thumbnails()
    grid.show(np.arange(MOST + 5), more=20)
    assert grid.hidden == 25
