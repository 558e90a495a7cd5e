"""`mnist` and `emnist`, from their IDX files."""

import string
from pathlib import Path
from typing import Any

import numpy as np

from alviz.checks import choice
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.idx import read_idx
from alviz.data.public import Public, Root, pool_and_test
from alviz.registry import Card

IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
OPTIONS = {
    "root": "The folder with the files, or the one that torchvision was given as root; by default ./data and ~/data.",
    "download": "Whether missing files may be downloaded.",
}
LIKE_CAPITALS = "cijklmopsuvwxyz"
"""Small letters that EMNIST's merged splits do not tell from capitals."""
_MERGED = string.digits + string.ascii_uppercase + "".join(sorted(set(string.ascii_lowercase) - set(LIKE_CAPITALS)))
SPLITS = {
    "balanced": _MERGED,
    "byclass": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "bymerge": _MERGED,
    "letters": string.ascii_lowercase,
    "digits": string.digits,
    "mnist": string.digits,
}


def mnist(root: Root = None, download: bool = False) -> Dataset:
    """60,000 handwritten digits to label and 10,000 to test on, uint8 (n, 28, 28); features come from an extractor.

    root, download and errors: as for `fashion_mnist`.
    """
    source = Public("mnist", "MNIST/raw", IDX_FILES, 12, zipped=True)

    def fetch(root: str) -> None:
        from torchvision.datasets import MNIST

        MNIST(root, download=True)

    folder = source.folder(root, download, fetch)
    return pool_and_test(source.name, lambda part: read_part(source, folder, part, 10), string.digits, source.spec(root))


def emnist(root: Root = None, download: bool = False, split: str = "balanced") -> Dataset:
    """Handwritten letters and digits, uint8 (n, 28, 28), upright; features come from an extractor.

    split: "balanced" (47 classes, 112,800 + 18,800), "byclass" (62, 697,932 + 116,323; paper 004), "bymerge" (47, the same pictures), "letters" (26), "digits" or
    "mnist" (10). root, download and errors: as for `fashion_mnist`.
    """
    names = SPLITS[choice("split", split, SPLITS)]
    files = tuple(f"emnist-{split}-{part}-{kind}" for part in ("train", "test") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    source = Public("emnist", "EMNIST/raw", files, 562, zipped=True)

    def fetch(root: str) -> None:
        from torchvision.datasets import EMNIST

        EMNIST(root, split, download=True)

    def part(which: str) -> dict[str, Any]:
        # The letters split counts from 1. Pictures lie on their side in all of them.
        fields = read_part(source, folder, which, len(names), first=1 if split == "letters" else 0)
        return {**fields, "images": np.ascontiguousarray(fields["images"].transpose(0, 2, 1))}

    folder = source.folder(root, download, fetch)
    return pool_and_test(source.name, part, names, source.spec(root, **({} if split == "balanced" else {"split": split})))


def read_part(source: Public, folder: Path, part: str, n_classes: int, first: int = 0) -> dict[str, Any]:
    """Images and targets of "train" or "test" from two of the four IDX files. first: the label of the first class."""
    pair = source.wanted[:2] if part == "train" else source.wanted[2:]
    images, labels = (read_idx(source.file(folder, name)) for name in pair)
    targets = labels.astype(np.int64) - first
    fit = images.ndim == 3 and labels.shape == images.shape[:1] and len(labels) and targets.min() >= 0 and targets.max() < n_classes
    if not fit:
        raise ValueError(f"the {part} files in {folder} do not fit together: images {images.shape}, labels {labels.shape}")
    return {"images": images, "targets": targets}


registry.add(
    "mnist",
    mnist,
    Card(
        title="MNIST",
        idea="70,000 handwritten digits: easy, and the set that most papers begin with.",
        needs="its four files in a folder (root), or download=True (12 MB)",
        cost="47 MB in memory; a few seconds for the first PCA, then from the cache",
        reference="LeCun, Bottou, Bengio and Haffner 1998; used by Chandra et al. and Zhan et al.",
        cites=("lecun1998gradient",),
        fails="Strategies that are hard to tell apart: a few hundred labels do.",
        options=OPTIONS,
    ),
)
registry.add(
    "emnist",
    emnist,
    Card(
        title="EMNIST",
        idea="Handwritten digits and letters in up to 62 classes.",
        needs="the four files of a split in a folder (root), or download=True (562 MB)",
        cost="88 MB in memory (byclass: 547 MB)",
        reference="Cohen, Afshar, Tapson and van Schaik 2017; used by Zhan et al.",
        cites=("cohen2017emnist",),
        fails="Strategies that predict losses or features along the way: too many classes (Zhan et al. 2022).",
        options={**OPTIONS, "split": "Which of its six parts: balanced, byclass, bymerge, letters, digits or mnist."},
    ),
)
