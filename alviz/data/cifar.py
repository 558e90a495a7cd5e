"""`cifar10`, `cifar100` and `svhn`: small colour pictures, from torchvision's files."""

from pathlib import Path
from typing import Any

import numpy as np

from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.mnist import OPTIONS
from alviz.data.public import Public, Root, pool_and_test
from alviz.registry import Card

BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")


def cifar10(root: Root = None, download: bool = False) -> Dataset:
    """50,000 pictures in ten classes to label and 10,000 to test on, uint8 (n, 32, 32, 3); features come from an extractor.

    root: the folder `cifar-10-batches-py`, or the one that torchvision was given as root; download and errors: as for `fashion_mnist`. torchvision
    compares the files with their published checksums before it reads them, so nothing else is ever unpacked.
    """
    return _cifar("CIFAR10", Public("cifar10", "cifar-10-batches-py", BATCHES, 170), root, download)


def cifar100(root: Root = None, download: bool = False) -> Dataset:
    """50,000 pictures in 100 classes to label and 10,000 to test on, uint8 (n, 32, 32, 3); the rest is as for `cifar10` (folder `cifar-100-python`)."""
    return _cifar("CIFAR100", Public("cifar100", "cifar-100-python", ("train", "test", "meta"), 169), root, download)


def _cifar(reader: str, source: Public, root: Root, download: bool) -> Dataset:
    from torchvision import datasets

    read = getattr(datasets, reader)
    folder = source.folder(root, download, lambda root: read(root, download=True)).absolute()
    if folder.name != source.below:
        raise FileNotFoundError(f"{source.name}: the files must lie in a folder called {source.below}, they are in {folder}")
    try:
        parts = {part: read(str(folder.parent), train=part == "train") for part in ("train", "test")}
    except RuntimeError as error:
        raise ValueError(
            f"{source.name}: the files in {folder} are damaged: their checksums are not the published ones; delete them and get them again"
        ) from error

    def part(which: str) -> dict[str, Any]:
        return {"images": np.ascontiguousarray(parts[which].data), "targets": np.array(parts[which].targets, dtype=np.int64)}

    return pool_and_test(source.name, part, parts["train"].classes, source.spec(root))


def svhn(root: Root = None, download: bool = False) -> Dataset:
    """73,257 house numbers to label and 26,032 to test on, uint8 (n, 32, 32, 3), ten classes; features come from an extractor.

    root: the folder with `train_32x32.mat` and `test_32x32.mat`; download and errors: as for `fashion_mnist`.
    """
    source = Public("svhn", ".", ("train_32x32.mat", "test_32x32.mat"), 246)

    def fetch(root: str) -> None:
        from torchvision.datasets import SVHN

        for split in ("train", "test"):
            SVHN(root, split=split, download=True)

    folder = source.folder(root, download, fetch)
    return pool_and_test(source.name, lambda part: _svhn_part(folder / f"{part}_32x32.mat"), "0123456789", source.spec(root))


def _svhn_part(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        table = loadmat(path, variable_names=["X", "y"])
        images, labels = table["X"], table["y"].reshape(-1).astype(np.int64)
    except Exception as error:  # damaged files fail in many ways
        raise ValueError(f"{path} cannot be read: {error}") from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != len(labels) or labels.min() < 1 or labels.max() > 10:
        raise ValueError(f"{path} does not hold what it should: X is {images.dtype} {images.shape}, y has {len(labels)} labels")
    return {"images": np.ascontiguousarray(images.transpose(3, 0, 1, 2)), "targets": labels % 10}


registry.add(
    "cifar10",
    cifar10,
    Card(
        title="CIFAR-10",
        idea="60,000 colour pictures of 32 × 32 pixels: animals and vehicles in ten classes.",
        needs="torchvision's files in a folder (root), or download=True (170 MB)",
        cost="184 MB in memory",
        reference="Krizhevsky 2009; used by Chandra et al. and Zhan et al. (thinned 1:2:…:10 as CIFAR10-imb).",
        cites=("krizhevsky2009cifar",),
        fails="Learners on pixels or their principal components: it takes a network.",
        options=OPTIONS,
    ),
)
registry.add(
    "cifar100",
    cifar100,
    Card(
        title="CIFAR-100",
        idea="60,000 colour pictures of 32 × 32 pixels in 100 classes of 600.",
        needs="torchvision's files in a folder (root), or download=True (169 MB)",
        cost="184 MB in memory",
        reference="Krizhevsky 2009; used by Aggarwal et al., Chandra et al. and Zhan et al.",
        cites=("krizhevsky2009cifar",),
        fails="Small budgets: 200 labels are two per class.",
        options=OPTIONS,
    ),
)
registry.add(
    "svhn",
    svhn,
    Card(
        title="SVHN",
        idea="99,289 digits cut out of photographs of house numbers, with their neighbours at the rim.",
        needs="train_32x32.mat and test_32x32.mat in a folder (root), or download=True (246 MB)",
        cost="305 MB in memory",
        reference="Netzer, Wang, Coates, Bissacco, Wu and Ng 2011; used by Zhan et al.",
        cites=("netzer2011svhn",),
        fails="Features of pixels: light digits on dark and dark ones on light are far apart.",
        options=OPTIONS,
    ),
)
