"""`from_huggingface`: a dataset that the package `datasets` has saved on disk."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.checks import number, whole
from alviz.data import decoding
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.hashing import hash_text
from alviz.data.originals import Pictures, assembled
from alviz.data.split import remembered
from alviz.data.thumbnails import Item, Thumbnails
from alviz.progress import Progress, silent
from alviz.registry import Card

IMAGE = "Image"
LABEL = "ClassLabel"


def from_huggingface(
    path: "str | os.PathLike[str]",
    image: str | None = None,
    label: str | None = None,
    test: float = 0.2,
    seed: int = 0,
    size: int = 128,
    progress: Progress = silent,
) -> Dataset:
    """A dataset of pictures that was saved with `datasets.save_to_disk`, through the package `datasets`.

    path: the folder. Of several splits `train` is the pool and `test` the test set; where there is no `test`, a share of the pool is set aside as in `from_folder`.
    image, label: the columns with pictures and classes; None: the only one of its kind (label: ClassLabel, or else no labels). Classes are in the order that the column
    states; of a column of text or numbers they are sorted; −1 and None are unknown. test, seed, size, progress, thumbnails and report: as in
    `from_folder`. ids: 16 digits over the picture's content, repeated pictures get -2, -3, … Raises ValueError where the package or the folder is missing,
    or a column or split is not there.
    """
    share, seed, size = number("test", test, 0.0, 0.9), whole("seed", seed), whole("size", size, 8, 1024)
    folder = Path(path).expanduser().absolute()
    parts = _parts(folder)
    pool = parts["train"]
    image, label = _column(pool, image, IMAGE, "image"), _column(pool, label, LABEL, "label")
    if image is None:
        raise ValueError(
            f"{folder.name!r} has no column with pictures, only {', '.join(map(repr, pool.features))}; "
            "for embeddings use from_table(datasets.load_from_disk(path).to_pandas())"
        )
    rows = [(name, i) for name, part in parts.items() for i in range(len(part))]
    raw = {name: _undecoded(part, image) for name, part in parts.items()}

    def content(row: tuple[str, int]) -> bytes:
        cell = raw[row[0]][row[1]][image]
        if cell is None:
            return b""
        given: bytes = cell["bytes"] if cell["bytes"] is not None else Path(cell["path"]).read_bytes()
        return given

    key = hash_text(["huggingface", str(folder), image, label])
    stamps = {name: _stamp(part) for name, part in parts.items()}
    with Thumbnails(key, size) as thumbnails:
        items = {f"{row[0]}/{row[1]:06d}": row for row in rows}
        names = thumbnails.decode(
            [Item(name, [stamps[row[0]], row[1]], lambda row=row: content(row)) for name, row in items.items()],  # type: ignore[misc]
            lambda done: progress(0.95 * done),
        )
        found = [items[name] for name in names]
        if not any(part == "train" for part, _ in found):
            raise ValueError(f"{folder.name!r} has no picture that can be read")
        targets, classes = _targets(parts, label, found)
        ids = _ids([thumbnails.hash(name)[:16] for name in names])
        if len(parts) == 2:
            held, new = np.array([part == "test" for part, _ in found]), 0
        else:
            held, new = remembered(hash_text([key, share, seed]), ids, targets, share, seed)
        pictures = Pictures(names, ids, targets, held, lambda i: decoding.pixels(content(found[i])))
        params = {"path": str(folder), "image": image, "label": label, "test": share, "seed": seed, "size": size}
        spec = {"name": "huggingface", "params": params}
        dataset = assembled(folder.name, pictures, thumbnails, classes, skipped=thumbnails.skipped, new=new, spec=spec)
    progress(1.0)
    return dataset


def _parts(folder: Path) -> dict[str, Any]:
    """The splits used: "train", and "test" where there is one."""
    if not folder.is_dir():
        raise ValueError(f"path must be a folder made by datasets.save_to_disk, there is none at {str(folder)!r}")
    try:
        from datasets import load_from_disk
    except ImportError as error:
        raise ValueError("reading a Hugging Face dataset needs a package that is not installed: pip install datasets") from error
    try:
        saved = load_from_disk(str(folder))
    except Exception as error:  # whatever the package makes of a folder that is something else
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{str(folder)!r} is not a folder made by datasets.save_to_disk: {reason}") from error
    if not isinstance(saved, dict):
        return {"train": saved}
    if "train" not in saved and len(saved) != 1:
        raise ValueError(f"{folder.name!r} has the splits {', '.join(map(repr, saved))}; wanted 'train', or a single one")
    pool = saved["train"] if "train" in saved else next(iter(saved.values()))
    return {"train": pool, "test": saved["test"]} if "test" in saved and len(saved) > 1 else {"train": pool}


def _column(part: Any, chosen: str | None, kind: str, setting: str) -> str | None:
    if chosen is not None:
        if chosen not in part.features:
            raise ValueError(f"{setting} must be one of the columns {', '.join(map(repr, part.features))}, got {chosen!r}")
        return chosen
    found = [name for name, feature in part.features.items() if type(feature).__name__ == kind]
    if len(found) > 1:
        raise ValueError(f"there are several columns for {setting}: {', '.join(map(repr, found))}; say which")
    return found[0] if found else None


def _undecoded(part: Any, image: str) -> Any:
    from datasets import Image

    return part.select_columns([image]).cast_column(image, Image(decode=False))


def _stamp(part: Any) -> str:
    """Changes with the files that a split lies in."""
    files = [file["filename"] for file in part.cache_files]
    return hash_text([[file, os.stat(file).st_size, os.stat(file).st_mtime_ns] for file in files])


def _targets(parts: dict[str, Any], label: str | None, found: Sequence[tuple[str, int]]) -> tuple[NDArray[np.int64], list[str]]:
    if label is None:
        return np.full(len(found), -1, dtype=np.int64), []
    columns = {name: list(part[label]) for name, part in parts.items()}
    said = [columns[part][i] for part, i in found]
    names = getattr(parts["train"].features[label], "names", None)
    if names is not None:
        return np.array([-1 if value is None else value for value in said], dtype=np.int64), [str(name) for name in names]
    known = sorted({value for value in said if value not in (None, "", -1)})
    number_of = {value: k for k, value in enumerate(known)}
    return np.array([number_of.get(value, -1) for value in said], dtype=np.int64), [str(value) for value in known]


def _ids(hashes: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    ids = []
    for one in hashes:
        seen[one] = seen.get(one, 0) + 1
        ids.append(one if seen[one] == 1 else f"{one}-{seen[one]}")
    return ids


registry.add(
    "huggingface",
    from_huggingface,
    Card(
        title="A Hugging Face dataset on disk",
        idea="Pictures that the package datasets has saved in a folder.",
        needs="the package datasets; path: a folder made by its save_to_disk",
        options={
            "path": "The folder.",
            "image": "Column with the pictures; by default the only one.",
            "label": "Column with the classes; by default the only ClassLabel.",
            "test": "Share of every class that is set aside where there is no test split; 0: none.",
            "seed": "Another seed sets other pictures aside.",
            "size": "Side of the square thumbnails in pixels.",
            "progress": "Called with the share that is done.",
        },
    ),
)
