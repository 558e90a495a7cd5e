"""A folder of pictures: which files are pictures, which class each belongs to, and what is left out."""

import os
import unicodedata
from dataclasses import dataclass, field

from alviz.data.decoding import SUFFIXES
from alviz.data.report import Skipped
from alviz.progress import Progress, silent

LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""What systems leave in folders without a dot before its name."""

DEEPEST = 100
"""Folders inside folders that are looked through."""
MOST_OTHERS, OTHERS = 100_000, 10
"""With more files than MOST_OTHERS that are no pictures, and OTHERS times as many as there are pictures, it is the wrong folder (a home, a whole disk)."""


@dataclass(frozen=True)
class Found:
    """A file that looks like a picture. name: its path inside the folder, with "/" and as valid text. part: "train" or "test" where the layout says so."""

    name: str
    path: str
    class_name: str | None
    part: str | None = None


@dataclass
class Scan:
    """What a folder (its full path: root) holds. found: sorted by name."""

    root: str
    found: list[Found] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def scan(root: "str | os.PathLike[str]", labels: bool, progress: Progress = silent) -> Scan:
    """Look through a folder. labels: whether its first-level folders are classes. progress: is told 0 in every folder, and may raise Cancelled. Raises
    ValueError where it is no folder that can be read, or holds a great many other files and hardly a picture.

    The first level of folders are the classes; whatever lies deeper belongs to them, and files beside them have no class. A folder whose only (visible)
    entries are two folders `train` and `test` is a pool and a test set, each with its classes one level further down. Links are followed unless they
    lead back into what is read already. Hidden files are left out.
    """
    if not isinstance(root, str | os.PathLike) or not os.fspath(root):
        raise ValueError(f"root must be a folder, got {root!r}")
    top = os.path.abspath(os.path.expanduser(os.fspath(root)))
    if not os.path.isdir(top):
        raise ValueError(f"{text(top)!r} is a file, not a folder" if os.path.exists(top) else f"there is no folder {text(top)!r}")
    result = Scan(top)
    try:
        visible = sorted(entry.name for entry in os.scandir(top) if not _hidden(entry.name))
    except OSError as error:
        raise ValueError(f"root {text(top)!r} cannot be read: {error.strerror}") from error
    parted = labels and visible == ["test", "train"] and all(os.path.isdir(os.path.join(top, name)) for name in visible)
    _walk(result, top, (), [os.path.realpath(top)], 1 if parted else 0, labels, progress)
    by_name: dict[str, Found] = {}
    for one in sorted(result.found, key=lambda one: (one.name, os.fsencode(one.path))):
        if by_name.setdefault(one.name, one) is not one:
            result.skipped.append(Skipped(one.name, "name taken by another file"))
    result.found = list(by_name.values())
    return result


def text(name: str) -> str:
    r"""A file name as valid, composed text: bytes that are not UTF-8 become \xNN."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "backslashreplace"))


def _walk(result: Scan, folder: str, inside: tuple[str, ...], read: list[str], level: int, labels: bool, progress: Progress) -> int:
    """Go through `folder`, which lies `inside` these folders; gives the number of pictures (−1: it cannot be read). read: real paths of all trees that are being read."""
    progress(0.0)
    if len(result.skipped) > max(MOST_OTHERS, OTHERS * len(result.found)):
        some = f"{len(result.found):,} pictures among {len(result.skipped) + len(result.found):,} files so far"
        raise ValueError(f"{text(result.root)!r} does not look like a folder of pictures ({some}): choose one further inside")
    if len(inside) > DEEPEST:
        result.skipped.append(Skipped("/".join(inside) + "/", "too deep"))
        return -1
    count = 0
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        result.skipped.append(Skipped("/".join(inside) + "/", "unreadable"))
        return -1
    for entry in entries:
        path = (*inside, text(entry.name))
        name = "/".join(path)
        if _hidden(entry.name):
            result.skipped.append(Skipped(name, "hidden"))
            continue
        try:
            is_folder = entry.is_dir()
            exists = os.path.exists(entry.path)
        except OSError:  # a link that leads to itself
            is_folder = exists = False
        if not exists:
            result.skipped.append(Skipped(name, "link to nothing"))
        elif is_folder:
            real = os.path.realpath(entry.path)
            if entry.is_symlink() and any(_within(real, other) or _within(other, real) for other in read):
                result.skipped.append(Skipped(name + "/", "link back into the folder"))
                continue
            if entry.is_symlink():
                read.append(real)
            below = _walk(result, entry.path, path, read, level, labels, progress)
            if below == 0:
                result.skipped.append(Skipped(name + "/", "folder without pictures"))
            count += max(below, 0)
        elif not entry.is_file():
            result.skipped.append(Skipped(name, "not a file"))
        elif os.path.splitext(entry.name)[1].lower() not in SUFFIXES:
            result.skipped.append(Skipped(name, "not a picture"))
        else:
            class_name = path[level] if labels and len(path) > level + 1 else None
            result.found.append(Found(name, entry.path, class_name, path[0] if level else None))
            count += 1
    return count


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in LITTER


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
