"""`food101` and `tiny-imagenet`: photographs in files, with lists of what belongs where."""

import json
from pathlib import Path
from typing import Any

from alviz.checks import whole
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.mnist import OPTIONS
from alviz.data.originals import Listed, from_list
from alviz.data.public import Public, Root
from alviz.progress import Progress, silent
from alviz.registry import Card

TINY_IMAGENET = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"


def food101(root: Root = None, download: bool = False, size: int = 96, progress: Progress = silent) -> Dataset:
    """75,750 photographs of 101 dishes to label and 25,250 to test on, as thumbnails uint8 (n, size, size, 3), memory-mapped (see `from_folder`).

    root: the folder `food-101`, or the one that torchvision was given as root; download and errors: as for `fashion_mnist`. size: side in pixels.
    """
    source = Public("food101", "food-101", ("meta/train.json", "meta/test.json", "images"), 4_996)
    size = whole("size", size, 8, 1024)

    def fetch(root: str) -> None:
        from torchvision.datasets import Food101

        Food101(root, download=True)

    folder = source.folder(root, download, fetch)
    lists = {part: _json(folder / "meta" / f"{part}.json") for part in ("train", "test")}
    classes = sorted(lists["train"])
    pictures = [
        Listed(name, str(folder / "images" / f"{name}.jpg"), k, part == "test")
        for part in ("train", "test")
        for k, dish in enumerate(classes)
        for name in lists[part].get(dish, [])
    ]
    names = [dish.replace("_", " ") for dish in classes]
    return from_list("food101", folder, pictures, names, size, source.spec(root, **({} if size == 96 else {"size": size})), progress)


def tiny_imagenet(root: Root = None, download: bool = False, progress: Progress = silent) -> Dataset:
    """100,000 photographs of 200 things to label and 10,000 to test on (the published validation set: the test set has no labels), uint8 (n, 64, 64, 3).

    root: the folder `tiny-imagenet-200`, or the one that it lies in; download and errors: as for `fashion_mnist`.
    """
    source = Public("tiny-imagenet", "tiny-imagenet-200", ("wnids.txt", "words.txt", "train", "val/val_annotations.txt", "val/images"), 248)

    def fetch(root: str) -> None:
        from torchvision.datasets.utils import download_and_extract_archive

        download_and_extract_archive(TINY_IMAGENET, root)

    folder = source.folder(root, download, fetch)
    codes = sorted(line.strip() for line in _lines(folder / "wnids.txt"))
    number = {code: k for k, code in enumerate(codes)}
    words = dict(line.split("\t", 1) for line in _lines(folder / "words.txt") if "\t" in line)
    pictures = [
        Listed(f"train/{path.stem}", str(path), number[code], False)
        for code in codes
        for path in sorted((folder / "train" / code / "images").glob("*.JPEG"))
    ]
    for line in _lines(folder / "val" / "val_annotations.txt"):
        file, code = line.split("\t")[:2]
        if code not in number:
            raise ValueError(f"tiny-imagenet: val_annotations.txt names the class {code!r}, wnids.txt does not")
        pictures.append(Listed(f"val/{Path(file).stem}", str(folder / "val" / "images" / file), number[code], True))
    # Two things go by the same word (crane, the bird and the machine): those keep their codes.
    said = [words.get(code, code).split(",")[0].strip() for code in codes]
    names = [word if said.count(word) == 1 else f"{word} ({code})" for word, code in zip(said, codes, strict=True)]
    return from_list("tiny-imagenet", folder, pictures, names, 64, source.spec(root), progress)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold lists of pictures by class, got {type(content).__name__}")
    return content


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


PROGRESS = {"progress": "Called with the share that is done."}

registry.add(
    "food101",
    food101,
    Card(
        title="Food-101",
        idea="101,000 photographs of 101 dishes.",
        needs="torchvision's files in a folder (root), or download=True (5 GB)",
        cost="2.8 GB of disk for the thumbnails, made once; little memory",
        reference="Bossard, Guillaumin and Van Gool 2014; used by Aggarwal et al.",
        cites=("bossard2014food101",),
        fails="Learners on pixels: plates look alike.",
        options={**OPTIONS, "size": "Side of the thumbnails in pixels.", **PROGRESS},
    ),
)
registry.add(
    "tiny-imagenet",
    tiny_imagenet,
    Card(
        title="Tiny ImageNet",
        idea="110,000 photographs of 64 × 64 pixels in 200 classes of ImageNet.",
        needs="the unpacked tiny-imagenet-200.zip in a folder (root), or download=True (248 MB)",
        cost="1.4 GB of disk for the pictures, made once; little memory",
        reference="Le and Yang 2015; used by Chandra et al. and Zhan et al.",
        cites=("le2015tinyimagenet",),
        fails="Strategies that predict losses or features along the way: too many classes (Zhan et al. 2022).",
        options={**OPTIONS, **PROGRESS},
    ),
)
