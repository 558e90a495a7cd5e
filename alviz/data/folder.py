"""`from_folder`: your own pictures as a Dataset."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from alviz.checks import number, whole
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.hashing import hash_text
from alviz.data.naming import class_list
from alviz.data.originals import Pictures, assembled, item, opened
from alviz.data.report import Report, Skipped
from alviz.data.scan import Found, scan, text
from alviz.data.split import remembered
from alviz.data.thumbnails import Thumbnails
from alviz.progress import Progress, silent
from alviz.registry import Card

SIZE = 128
"""Side of the thumbnails in pixels: what the usual networks and a grid on the screen need; the originals stay where they are."""


def from_folder(
    root: "str | os.PathLike[str]",
    test: float = 0.2,
    seed: int = 0,
    size: int = SIZE,
    labels: bool = True,
    class_names: Sequence[str] | None = None,
    progress: Progress = silent,
) -> Dataset:
    """A dataset from a folder of pictures, one sub-folder per class; without sub-folders, or with labels=False, nothing is labelled yet.

    images: uint8 (n, size, size, 3), the middle square of each picture, upright, in colour, memory-mapped from the cache (`alviz.data.cache`), where a second
    reading finds it; changed files are noticed. `dataset.source(i)` is the original at full size, `dataset.files[i]` its path, `dataset.report` what
    was read, what was not and why, and which pictures look alike. Classes are the first level of folders (what lies deeper belongs to them); pictures beside
    them have no label (target −1). A folder that holds just two folders, `train` and `test`, is taken as a pool and a test set with classes inside.

    test: share of each class that is set aside for testing (in 0 … 0.9; of two pictures and more at least one on each side); 0, or no labels at all: no test set.
    seed: another one sets others aside. Files that are added later join the pool, and none that was there changes sides, as long as the cache is kept.
    size: side of the thumbnails, 8 … 1024. class_names: the order of the classes, and classes that have no folder yet; folders that it does not
    name come after it, sorted. progress: may raise Cancelled; nothing is left behind then.

    ids: the path inside the folder, "#", and 16 digits over the file's content, so a changed file is a new sample. Raises ValueError where the
    folder is not there, cannot be read or has no picture, or a setting is out of range.
    """
    share, seed, size = number("test", test, 0.0, 0.9), whole("seed", seed), whole("size", size, 8, 1024)
    named = None if class_names is None else class_list(class_names)
    if not isinstance(labels, bool):
        raise ValueError(f"labels must be True or False, got {labels!r}")
    scanned = scan(root, labels, progress)
    key = hash_text(["folder", scanned.root, labels])
    with Thumbnails(key, size) as thumbnails:
        names = thumbnails.decode([item(one.name, one.path) for one in scanned.found], lambda done: progress(0.95 * done))
        read = set(names)
        decoded = [one for one in scanned.found if one.name in read]
        found = [one for one in decoded if one.part != "test" or one.class_name is not None]
        useless = [one for one in decoded if one.part == "test" and one.class_name is None]
        skipped = [*scanned.skipped, *thumbnails.skipped, *(Skipped(one.name, "test picture without a class") for one in useless)]
        if not any(one.part != "test" for one in found):
            raise ValueError(_nothing(scanned.root, skipped))
        ids = [f"{one.name}#{thumbnails.hash(one.name)[:16]}" for one in found]
        classes = _classes(found, named)
        number_of = {name: k for k, name in enumerate(classes)}
        targets = np.array([-1 if one.class_name is None else number_of[one.class_name] for one in found], dtype=np.int64)
        if found[0].part is None:
            held, new = remembered(hash_text([key, share, seed]), ids, targets, share, seed)
        else:
            held, new = np.array([one.part == "test" for one in found]), 0
        progress(0.97)
        title = text(os.path.basename(scanned.root)) or "folder"
        files = [one.path for one in found]
        pictures = Pictures([one.name for one in found], ids, targets, held, lambda i: opened(files[i]), files)
        spec = {"name": "folder", "params": _params(scanned.root, share, seed, size, labels, classes)}
        dataset = assembled(title, pictures, thumbnails, classes, skipped=skipped, new=new, spec=spec)
    progress(1.0)
    return dataset


def _classes(found: Sequence[Found], named: Sequence[str] | None) -> list[str]:
    """All class names: those that were named, in that order, then the other folders, sorted."""
    named = named or []
    return [*named, *sorted({one.class_name for one in found if one.class_name is not None}.difference(named))]


def _nothing(root: str, skipped: Sequence[Skipped]) -> str:
    what = f"; skipped: {Report('pictures', 0, skipped=tuple(skipped)).why()}" if skipped else "; it is empty"
    return f"there is no picture in {text(root)!r} that can be read{what}"


def _params(root: str, share: float, seed: int, size: int, labels: bool, classes: Sequence[str]) -> dict[str, Any]:
    """What makes the dataset again; the classes with it, so that a new folder gives no stored label another meaning."""
    params: dict[str, Any] = {"root": root, "test": share, "seed": seed, "size": size, "labels": labels}
    return {**params, "class_names": list(classes)} if classes else params


registry.add(
    "folder",
    from_folder,
    Card(
        title="A folder of pictures",
        idea="Your own pictures: one sub-folder per class, or none at all and nobody has labelled anything yet.",
        needs="root: the folder; JPEG, PNG, GIF, TIFF, WebP and what else Pillow reads",
        cost="about 100 to 300 pictures of 500 × 400 a second on two cores when they are first seen, seconds after that; 3 · size² bytes of disk each",
        options={
            "root": "The folder.",
            "test": "Share of every class that is set aside for testing; 0: none, the measures are then cross-validated.",
            "seed": "Another seed sets other pictures aside.",
            "size": "Side of the square thumbnails that learners and extractors see, in pixels.",
            "labels": "Off: the names of sub-folders are not classes, and no picture has a label.",
            "class_names": "Order of the classes, and classes that have no folder yet.",
            "progress": "Called with the share that is done.",
        },
    ),
)
