"""Thumbnails: hundreds of pictures in one widget, sent as a single sprite sheet."""

import io
import math
from collections.abc import Sequence

import numpy as np
import traitlets

from alviz.panels.theme import Themed, script

MOST = 400
"""More pictures than this are not shown: nobody looks at them, and the page would crawl."""


class Thumbnails(Themed):
    """A grid of pictures (or of small text cards, where the samples have none) with captions; click, or arrow keys and the space bar, to select.

    Fill it with `show`. From Python: empty: the sentence shown while there is nothing; label: the grid's accessible name; pointed: the dataset index
    that is outlined because another view points at it, or None. Both ways: selected: list of dataset indices. From the page: hovered: a dataset
    index or None.
    """

    _esm = script("thumbnails.js")

    items = traitlets.List(traitlets.Dict()).tag(sync=True)
    sprite = traitlets.Bytes(b"").tag(sync=True)
    beside = traitlets.Bytes(b"").tag(sync=True)
    cell = traitlets.List(traitlets.Int(), default_value=[0, 0]).tag(sync=True)
    columns = traitlets.Int(1).tag(sync=True)
    hidden = traitlets.Int(0).tag(sync=True)
    label = traitlets.Unicode("Samples").tag(sync=True)
    empty = traitlets.Unicode("Nothing to show yet.").tag(sync=True)
    selected = traitlets.List(traitlets.Int()).tag(sync=True, echo_update=False)
    pointed = traitlets.Int(None, allow_none=True).tag(sync=True)
    hovered = traitlets.Int(None, allow_none=True).tag(sync=True, echo_update=False)

    def show(
        self,
        ids: Sequence[int] | np.ndarray,
        images: np.ndarray | None = None,
        titles: Sequence[str] | None = None,
        lines: Sequence[Sequence[str]] | None = None,
        flags: Sequence[str] | None = None,
        more: int = 0,
        beside: np.ndarray | None = None,
    ) -> None:
        """Show samples in the given order, in one message; the selection is kept.

        ids: dataset indices, m of them. images: uint8 (m, H, W[, C]) with C = 1, 3 or 4, or None (text cards). titles: the first caption line of each,
        "Sample 17" where not given. lines: further caption lines of each; what follows a tab in one is a number at its right end. flags: "right", "wrong" (the model's prediction) or "" for each.
        beside: pictures of the same form as `images`, each to be shown at the left of its sample's own, or None.
        more: further samples that the caller left out. Only the first `MOST` are shown (and sent); the grid says how many are left out.
        """
        m = len(ids)
        for name, values in (("images", images), ("beside", beside), ("titles", titles), ("lines", lines), ("flags", flags)):
            if values is not None and len(values) != m:
                raise ValueError(f"{name} has {len(values)} entries; wanted one for each of the {m} ids")
        count = min(m, MOST)
        items = [
            {
                "id": int(ids[i]),
                "title": f"Sample {int(ids[i]):,}" if titles is None else str(titles[i]),
                "lines": [] if lines is None else [str(line) for line in lines[i]],
                "flag": "" if flags is None else flags[i],
            }
            for i in range(count)
        ]
        columns = max(1, math.isqrt(max(count - 1, 0)) + 1)
        with self.hold_sync():
            self.items = items
            self.hidden = m - count + more
            self.columns = columns
            self.hovered = None
            if images is None or count == 0:
                self.sprite, self.beside, self.cell = b"", b"", [0, 0]
            else:
                self.sprite = sprite_sheet(images[:count], columns)
                self.beside = b"" if beside is None else sprite_sheet(beside[:count], columns)
                self.cell = [int(images.shape[2]), int(images.shape[1])]


def sprite_sheet(images: np.ndarray, columns: int) -> bytes:
    """One PNG with all pictures, row by row.

    images: uint8 (m, H, W[, C]), C = 1 (grey), 3 (RGB) or 4 (RGBA). columns: pictures per row; cells left over are black.
    Raises ValueError for another dtype or shape.
    """
    from PIL import Image

    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[3:] not in ((), (1,), (3,), (4,)):
        raise ValueError(f"images are {images.dtype} {images.shape}; wanted uint8 (m, height, width) or (m, height, width, 1, 3 or 4)")
    m, height, width = images.shape[:3]
    channels = images.shape[3:] if images.shape[3:] != (1,) else ()
    rows = -(-m // columns)
    cells = np.zeros((rows * columns, height, width, *channels), np.uint8)
    cells[:m] = images.reshape(m, height, width, *channels)
    sheet = cells.reshape(rows, columns, height, width, *channels).swapaxes(1, 2).reshape(rows * height, columns * width, *channels)
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, format="PNG", compress_level=1)
    return file.getvalue()
