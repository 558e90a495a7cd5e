"""From a picture file to pixels: every mode and size becomes upright RGB; what cannot be read gets a reason."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm"]
    + [".avif", ".jp2", ".j2k", ".ico", ".tga", ".pcx"]
)
"""Files whose names end like this (in small or capital letters) are taken for pictures."""

MOST_PIXELS = 178_956_970
"""Larger pictures are not opened: a file of a few kilobytes can ask for gigabytes of memory. (Where Pillow itself refuses.)"""

DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
MINIATURE = (8, 9)


class Unreadable(Exception):
    """A picture that cannot be used; its text is the reason as a report counts it ("3 broken")."""


def picture(content: bytes, near: int | None = None) -> "Image":
    """The (first) picture in a file's bytes as an RGB image, turned as its EXIF data say. Raises Unreadable.

    near: where a small copy will do, its side in pixels: JPEG files are then decoded at a fraction of their size. Transparency is laid on white.
    More than 8 bits per channel are stretched: the picture's own darkest and brightest values become 0 and 255.
    """
    from PIL import Image, UnidentifiedImageError

    if not content:
        raise Unreadable("empty")
    try:
        opened = Image.open(io.BytesIO(content))
        if opened.width * opened.height > MOST_PIXELS:
            raise Unreadable("too large")
        if near is not None:
            opened.draft("RGB", (near, near))
        opened.load()
        return _upright(_rgb(opened), opened)
    except Unreadable:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise Unreadable("too large") from error
    except UnidentifiedImageError as error:
        raise Unreadable("not a picture inside") from error
    except Exception as error:  # a file can be broken in as many ways as there are decoders
        raise Unreadable("broken") from error


def pixels(content: bytes) -> NDArray[np.uint8]:
    """The picture in a file's bytes at its full size, uint8 (H, W, 3). Raises Unreadable."""
    return np.asarray(picture(content))


def thumbnail(content: bytes, size: int) -> NDArray[np.uint8]:
    """The middle square of the picture in a file's bytes, uint8 (size, size, 3). Raises Unreadable."""
    from PIL import Image

    found = picture(content, near=size)
    side = min(found.size)
    left, top = (found.width - side) / 2, (found.height - side) / 2
    square = found.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
    return np.asarray(square)


def miniature(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture as 8 × 9 grey fields, uint8: enough to see that two pictures look alike (`alviz.data.duplicates`). small: uint8 (H, W, 3)."""
    from PIL import Image

    height, width = MINIATURE
    return np.asarray(Image.fromarray(small).convert("L").resize((width, height), Image.Resampling.BOX))


def _rgb(opened: "Image") -> "Image":
    from PIL import Image

    if opened.mode in DEEP_MODES:
        values = np.nan_to_num(np.asarray(opened).astype(np.float64))
        low, high = values.min(), values.max()
        grey = np.round((values - low) * (255.0 / max(high - low, 1e-300)))
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if "transparency" in opened.info or opened.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        clear = opened.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    return opened.convert("RGB")


def _upright(plain: "Image", opened: "Image") -> "Image":
    from PIL.Image import Transpose

    turns: dict[Any, Transpose] = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        orientation = opened.getexif().get(0x0112)
    except Exception:  # broken EXIF data leave the picture as good as it was
        return plain
    return plain.transpose(turns[orientation]) if orientation in turns else plain
