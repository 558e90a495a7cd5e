"""Datasets made of single pictures: thumbnails to learn from, the originals to look at, and a report."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data import decoding, duplicates
from alviz.data.dataset import Dataset
from alviz.data.report import Report, Skipped
from alviz.data.scan import text
from alviz.data.thumbnails import Item, Thumbnails
from alviz.progress import Progress

MOST_BYTES = 1 << 30
"""Larger files are no pictures, whatever their names say."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """n pictures that were decoded. names: theirs in the Thumbnails. ids: n strings. targets: (n,) int64. held: (n,) bool, in the test set.

    source: gives the original of one as uint8 (H, W, 3). files: where the originals lie, or None.
    """

    names: Sequence[str]
    ids: Sequence[str]
    targets: NDArray[np.int64]
    held: NDArray[np.bool_]
    source: Callable[[int], Any]
    files: Sequence[str] | None = None


def assembled(
    title: str,
    pictures: Pictures,
    thumbnails: Thumbnails,
    class_names: Sequence[str],
    *,
    skipped: Sequence[Skipped] = (),
    new: int = 0,
    spec: dict[str, Any] | None = None,
) -> Dataset:
    """Pool, test set (None where nothing is held out) and report. What the thumbnails take is kept."""
    p = pictures
    counts = np.bincount(p.targets[p.targets >= 0], minlength=len(class_names))
    groups = duplicates.alike(thumbnails.miniatures(p.names))
    report = Report(
        "pictures",
        read=len(p.names),
        set_aside=int(p.held.sum()),
        unlabelled=int((p.targets < 0).sum()),
        new=new,
        skipped=tuple(sorted(skipped, key=lambda one: one.name)),
        duplicates=tuple(tuple(p.names[i] for i in group) for group in groups),
        lonely=tuple(class_names[int(k)] for k in np.flatnonzero(counts == 1)),
    )

    def part(name: str, rows: NDArray[np.int64], **more: Any) -> Dataset:
        return Dataset(
            name,
            [p.ids[i] for i in rows],
            thumbnails.array([p.names[i] for i in rows]),
            None,
            p.targets[rows],
            tuple(class_names),
            source_of=lambda i: p.source(int(rows[i])),
            files=None if p.files is None else [p.files[i] for i in rows],
            **more,
        )

    aside = part(f"{title} (test)", np.flatnonzero(p.held)) if p.held.any() else None
    dataset = part(title, np.flatnonzero(~p.held), test=aside, spec=spec, report=report)
    thumbnails.keep()
    return dataset


def item(name: str, path: str) -> Item:
    """A picture file to be read."""
    try:
        about = os.stat(path)
        stamp = [about.st_size, about.st_mtime_ns, about.st_ctime_ns]
    except OSError:
        stamp = []

    def read() -> bytes:
        if stamp and stamp[0] > MOST_BYTES:
            raise decoding.Unreadable("too large")
        return Path(path).read_bytes()

    return Item(name, stamp, read)


def opened(path: str) -> NDArray[np.uint8]:
    """The picture in a file, uint8 (H, W, 3) at full size, upright. Raises ValueError where it cannot be read any more."""
    try:
        return decoding.pixels(Path(path).read_bytes())
    except (OSError, decoding.Unreadable) as error:
        raise ValueError(f"{text(path)} cannot be read any more: {error}") from error


@dataclass(frozen=True)
class Listed:
    """A picture in a list. name: its id. path: its file. target: its class. test: whether it belongs to the test set."""

    name: str
    path: str
    target: int
    test: bool


def from_list(
    name: str, root: Path, listed: Sequence[Listed], class_names: Sequence[str], size: int, spec: dict[str, Any], progress: Progress
) -> Dataset:
    """The dataset `name` from pictures under `root`, as thumbnails of `size` pixels (see `from_folder`). Raises ValueError where one cannot be read."""
    with Thumbnails(f"{name} {root.absolute()}", size) as thumbnails:
        names = thumbnails.decode([item(one.name, one.path) for one in listed], progress)
        if thumbnails.skipped:
            first = thumbnails.skipped[0]
            raise ValueError(
                f"{name}: {len(thumbnails.skipped):,} of {len(listed):,} pictures in {root} cannot be read, the first is {first.name} ({first.reason})"
            )
        pictures = Pictures(
            names,
            names,
            np.array([one.target for one in listed], dtype=np.int64),
            np.array([one.test for one in listed], dtype=bool),
            lambda i: opened(listed[i].path),
            [one.path for one in listed],
        )
        return assembled(name, pictures, thumbnails, class_names, spec=spec)
