"""Many pictures as one array of thumbnails on disk: each decoded once, found again by what it holds."""

import base64
import hashlib
import os
import secrets
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data import cache, notes
from alviz.data.decoding import MINIATURE, Unreadable, miniature, thumbnail
from alviz.data.hashing import hash_text
from alviz.data.report import Skipped
from alviz.progress import Progress

VERSION = 1
"""Raise it when the same file gives another thumbnail than before."""
WORKERS = min(8, os.cpu_count() or 1)
MOST_IN_MEMORY = 2 << 30
"""Bytes of thumbnails that stay in memory where the cache cannot be written; more of them are refused."""
Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Item:
    """A picture to be read. name: unique. stamp: JSON-able values that change whenever the content does. read: its bytes (may raise OSError)."""

    name: str
    stamp: list[Any]
    read: Callable[[], bytes]


@dataclass(frozen=True)
class _Known:
    """A thumbnail that exists: hash of the file's bytes, its miniature, and where it stands (array, row)."""

    hash: str
    miniature: str
    array: int
    row: int


class Thumbnails:
    """The thumbnails of one source. Use it as a context: `decode` all items, take the arrays wanted with `array`, then `keep`.

    key: names the source. size: side in pixels. Thumbnails of items whose stamp has not changed come from the arrays kept last time; the others are decoded in
    threads, into a file that is removed again on leaving. Arrays are memory-mapped and named by the pictures they hold; one
    appears under its name only when it is whole. Where the cache cannot be written everything stays in memory, with a warning; `decode` and `array` raise
    ValueError where that would be too much.
    """

    def __init__(self, key: str, size: int):
        self.key = hash_text([VERSION, key, size])
        self.size = size
        self.skipped: list[Skipped] = []
        self._known: dict[str, _Known] = {}
        self._stamps: dict[str, list[Any]] = {}
        self._failed: dict[str, str] = {}
        self._arrays: list[Images | None] = []
        self._kept: list[str] = []
        self._placed: dict[str, tuple[int, int]] = {}
        self._scratch: Path | None = None

    def __enter__(self) -> "Thumbnails":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._arrays.clear()
        if self._scratch is not None:
            with suppress(OSError):
                self._scratch.unlink()

    def decode(self, items: Sequence[Item], progress: Progress) -> list[str]:
        """The names of the items that are pictures, in order; `skipped` says what became of the others. Raises Cancelled from `progress`."""
        before = notes.read("pictures", self.key) or {"arrays": [], "files": {}}
        self._arrays = [cache.look_up("pictures", name) for name in before["arrays"]]
        fresh = []
        for item in items:
            self._stamps[item.name] = item.stamp
            stamp, *rest = before["files"].get(item.name, [None])
            if stamp != item.stamp:
                fresh.append(item)
            elif len(rest) == 1:
                self._failed[item.name] = rest[0]
            elif (kept := self._arrays[rest[2]]) is None or rest[3] >= len(kept):
                fresh.append(item)
            else:
                self._known[item.name] = _Known(*rest)
        self._decode(fresh, progress)
        self.skipped = [Skipped(item.name, self._failed[item.name]) for item in items if item.name in self._failed]
        return [item.name for item in items if item.name in self._known]

    def hash(self, name: str) -> str:
        """32 hex digits over the bytes of a picture's file."""
        return self._known[name].hash

    def miniatures(self, names: Sequence[str]) -> Images:
        """(n, 8, 9) grey fields of each, for finding near-duplicates."""
        content = b"".join(base64.b64decode(self._known[name].miniature) for name in names)
        return np.frombuffer(content, dtype=np.uint8).reshape(len(names), *MINIATURE)

    def array(self, names: Sequence[str]) -> Images:
        """uint8 (n, size, size, 3), memory-mapped: the thumbnails of `names` in this order."""
        key = hash_text([VERSION, self.size, [self._known[name].hash for name in names]])
        found = cache.look_up("pictures", key, len(names))
        if found is None:
            room, part = self._room(len(names))
            for row, name in enumerate(names):
                known = self._known[name]
                source = self._arrays[known.array]
                assert source is not None
                room[row] = source[known.row]
            found = room if part is None else self._settle(room, part, key)
        for row, name in enumerate(names):
            self._placed[name] = (len(self._kept), row)
        self._kept.append(key)
        return found

    def keep(self) -> None:
        """Remember the arrays taken since the beginning, and remove those of last time that nothing needs any more."""
        files: dict[str, list[Any]] = {name: [self._stamps[name], reason] for name, reason in self._failed.items()}
        for name, place in self._placed.items():
            known = self._known[name]
            files[name] = [self._stamps[name], known.hash, known.miniature, *place]
        before = notes.read("pictures", self.key)
        notes.write("pictures", self.key, {"arrays": self._kept, "files": files})
        for name in set(() if before is None else before["arrays"]).difference(self._kept):
            with suppress(OSError):  # in use elsewhere, on systems where that prevents it
                self._path(name).unlink()

    def _decode(self, items: Sequence[Item], progress: Progress) -> None:
        progress(0.0)
        if not items:
            progress(1.0)
            return
        room, self._scratch = self._room(len(items))
        place = len(self._arrays)
        self._arrays.append(room)
        waiting: deque[Future[tuple[str, str, Images] | str]] = deque()
        with warnings.catch_warnings(), ThreadPoolExecutor(WORKERS) as pool:
            warnings.simplefilter("ignore")  # what Pillow warns about is either in the report or harmless
            try:
                for row in range(len(items)):
                    while len(waiting) < 4 * WORKERS and row + len(waiting) < len(items):
                        waiting.append(pool.submit(_read, items[row + len(waiting)], self.size))
                    result = waiting.popleft().result()
                    if isinstance(result, str):
                        self._failed[items[row].name] = result
                    else:
                        content, small, pixels = result
                        room[row] = pixels
                        self._known[items[row].name] = _Known(content, small, place, row)
                    progress((row + 1) / len(items))
            finally:
                for future in waiting:
                    future.cancel()

    def _room(self, n: int) -> tuple[Images, Path | None]:
        """An array to be filled, in a file of the cache where that can be written (its path), else in memory."""
        shape = (n, self.size, self.size, 3)
        part = self._path(secrets.token_hex(8)).with_suffix(".part")
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            room: Images = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
            if hasattr(os, "posix_fallocate"):  # a full disk must show here: writing to a map that has no room ends the process
                with part.open("r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, part.stat().st_size)
            return room, part
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            if (needed := n * self.size * self.size * 3) > MOST_IN_MEMORY:
                wanted = f"{n:,} pictures need {needed / 1e9:.1f} GB in {part.parent}"
                raise ValueError(
                    f"{wanted}, which cannot be written ({error.strerror}): make room, or set ALVIZ_CACHE to another folder"
                ) from error
            warnings.warn(f"cannot keep pictures in {part.parent} ({error}); they stay in memory and will be read again next time")
            return np.empty(shape, dtype=np.uint8), None

    def _settle(self, room: Images, part: Path, key: str) -> Images:
        try:
            assert isinstance(room, np.memmap)
            room.flush()
            os.replace(part, self._path(key))
        except OSError as error:
            warnings.warn(f"cannot keep pictures in {part.parent} ({error}); they will be read again next time")
            return room
        found = cache.look_up("pictures", key, len(room))
        return room if found is None else found

    def _path(self, key: str) -> Path:
        return cache.folder() / "pictures" / f"{key}.npy"


def _read(item: Item, size: int) -> tuple[str, str, Images] | str:
    """(hash, miniature, thumbnail) of a picture, or why there is none."""
    try:
        content = item.read()
        small = thumbnail(content, size)
    except Unreadable as error:
        return str(error)
    except OSError:
        return "unreadable"
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    return digest, base64.b64encode(miniature(small).tobytes()).decode("ascii"), small
