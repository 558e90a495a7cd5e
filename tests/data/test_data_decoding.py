"""Every mode, size and rotation ends as upright RGB; thumbnails are the middle square."""

import io

import numpy as np
import pytest
from PIL import Image

from alviz.data.decoding import Unreadable, pixels, thumbnail
from alviz.data.duplicates import alike

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (6, 9), dtype=np.uint8)


def saved(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_plain_modes_keep_their_pixels():
    assert np.array_equal(pixels(saved(Image.fromarray(COLOUR))), COLOUR)
    assert np.array_equal(pixels(saved(Image.fromarray(GREY))), np.repeat(GREY[:, :, None], 3, axis=2))
    assert np.array_equal(pixels(saved(Image.fromarray(GREY > 99))), np.repeat((GREY > 99)[:, :, None] * np.uint8(255), 3, axis=2))
    few = Image.fromarray(COLOUR).quantize(256)
    assert np.array_equal(pixels(saved(few)), np.asarray(few.convert("RGB")))


def test_transparency_is_laid_on_white():
    alpha = RNG.integers(0, 256, GREY.shape, dtype=np.uint8)
    wanted = 255 + (COLOUR - 255.0) * (alpha / 255.0)[:, :, None]
    assert abs(pixels(saved(Image.fromarray(np.dstack([COLOUR, alpha])))) - wanted).max() <= 1
    wanted = 255 + (GREY - 255.0) * (alpha / 255.0)
    assert abs(pixels(saved(Image.fromarray(np.dstack([GREY, alpha]), "LA")))[:, :, 0] - wanted).max() <= 1
    palette = Image.new("P", (4, 4), 3)
    palette.putpalette([7] * 768)
    assert (pixels(saved(palette, transparency=3)) == 255).all()


def test_cmyk():
    ink = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    red, green, blue = pixels(saved(ink, "TIFF"))[4, 4].astype(int)
    assert red < 60
    assert min(green, blue) > 180


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.array([[0, 1000], [2000, 4000]], np.uint16), "PNG"),
        (np.array([[0, 1000], [2000, 4000]], np.int32), "TIFF"),
        (np.array([[-1, 0], [1, 3]], np.float32), "TIFF"),
        (np.array([[-1, 0], [1, 3]], np.float32) * 1e-3, "TIFF"),
    ],
)
def test_deep_pictures_are_stretched(values, kind):
    low, high = values.min(), values.max()
    wanted = np.round((values - low) / (high - low) * 255.0)
    assert abs(pixels(saved(Image.fromarray(values), kind))[:, :, 1] - wanted).max() <= 1


def test_a_deep_picture_of_one_value_or_with_nan():
    assert (pixels(saved(Image.fromarray(np.full((3, 3), 7, np.uint16)))) == 0).all()
    assert pixels(saved(Image.fromarray(np.array([[np.nan, 1], [0, np.inf]], np.float32)), "TIFF")).shape == (2, 2, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_their_exif_data_say(orientation):
    """The stored picture is what the camera saw, turned away; after reading it must be what it saw. Turns written out from the EXIF standard's table."""
    stored_as = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(np.ascontiguousarray(stored_as(COLOUR))), exif=exif)
    assert np.array_equal(pixels(content), COLOUR)


def test_broken_exif_data_leave_the_picture_as_it_is():
    content = saved(Image.fromarray(COLOUR), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff garbage")
    assert pixels(content).shape == COLOUR.shape


def test_the_first_frame_of_an_animation():
    frames = [Image.new("RGB", (5, 5), colour) for colour in ("red", "blue")]
    assert (pixels(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))[0, 0] == [255, 0, 0]).all()


@pytest.mark.parametrize(("width", "height"), [(80, 40), (40, 80), (57, 33), (1, 300), (7, 7), (1600, 1200)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_thumbnails_are_the_middle_square(width, height, kind):
    across = np.linspace(0.0, 255.0, width)
    side = min(width, height)
    picture = np.broadcast_to(across[None, :, None], (height, width, 3)).astype(np.uint8)
    small = thumbnail(saved(Image.fromarray(picture), kind), 16)
    assert small.shape == (16, 16, 3)
    left = (width - side) / 2
    wanted = np.interp(left + (np.arange(16) + 0.5) * side / 16 - 0.5, np.arange(width), across)
    assert abs(small[8, 1:15, 0] - wanted[1:15]).max() <= 10


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"plain text", "not a picture inside"),
        (saved(Image.fromarray(RNG.integers(0, 256, (99, 99, 3), dtype=np.uint8)))[:3000], "broken"),
        (saved(Image.fromarray(RNG.integers(0, 256, (99, 99, 3), dtype=np.uint8)), "JPEG")[:3000], "broken"),
        (b"GIF89a", "not a picture inside"),
    ],
)
def test_what_cannot_be_read(content, reason):
    with pytest.raises(Unreadable, match=f"^({reason}|broken)$"):
        pixels(content)


# ---- near-duplicates


def test_alike_agrees_with_comparing_every_pair():
    base = RNG.integers(0, 256, (30, 8, 9))
    noisy = np.clip(base[RNG.integers(0, 30, 90)] + RNG.integers(-1, 2, (90, 8, 9)), 0, 255)
    minis = np.concatenate([base, noisy]).astype(np.uint8)
    bits = (minis[:, :, 1:] > minis[:, :, :-1]).reshape(len(minis), -1)
    near = (bits[:, None] != bits[None]).sum(axis=2) <= 3
    near &= abs(minis[:, None].astype(float) - minis[None]).mean(axis=(2, 3)) <= 5
    found = alike(minis)
    together = np.eye(len(minis), dtype=bool)
    for group in found:
        together[np.ix_(group, group)] = True
        assert group == sorted(group)
    # Every picture has its original within reach, so joining the first one that is alike joins all that belong together.
    linked = near.copy()
    for k in range(len(minis)):
        linked |= linked[:, k : k + 1] & linked[k : k + 1]
    assert np.array_equal(together, linked)
    assert len(found) > 10


def test_plain_pictures_of_other_brightness_are_not_alike():
    assert alike(np.array([np.full((8, 9), v) for v in (0, 100, 103, 200)], np.uint8)) == [[1, 2]]


def test_thousands_of_copies_are_one_group():
    base = RNG.integers(0, 256, (2, 8, 9), dtype=np.uint8)
    which = RNG.integers(0, 2, 1000)
    assert sorted(alike(base[which])) == sorted(np.flatnonzero(which == k).tolist() for k in (0, 1))
