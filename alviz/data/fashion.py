"""`fashion-mini` (shipped with alviz) and `fashion-mnist` (from Debian's package, or from files you point at)."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.mnist import IDX_FILES, OPTIONS, read_part
from alviz.data.public import Public, Root, pool_and_test
from alviz.registry import Card

CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")


def fashion_mini() -> Dataset:
    """6,000 Fashion-MNIST pictures to label and 2,000 to test on (600 and 200 per class), with features from an ImageNet network.

    images: uint8 (n, 28, 28). features: float32 (n, 128), the first principal components (found on the pool) of EfficientNet-Lite0's 1,280 pooled
    features at 96 × 96 pixels, mean 0 and an average variance of 1 over the pool. Ids are those of `fashion-mnist`: the place in the original files.
    """
    with files("alviz.data").joinpath("files/fashion-mini.npz").open("rb") as file, np.load(file, allow_pickle=False) as table:
        test = _mini_part("fashion-mini (test)", table, "test", None)
        return _mini_part("fashion-mini", table, "train", test)


def _mini_part(name: str, table: Any, part: str, test: Dataset | None) -> Dataset:
    ids = [f"{part}/{i:05d}" for i in table[f"{part}_rows"]]
    features = table[f"{part}_features"].astype(np.float32) * table["feature_scale"]
    targets = table[f"{part}_targets"].astype(np.int64)
    return Dataset(name, ids, table[f"{part}_images"], features, targets, CLASS_NAMES, test=test, extractor="efficientnet-lite0 + pca")


def fashion_mnist(root: Root = None, download: bool = False) -> Dataset:
    """60,000 pictures of clothes to label and 10,000 to test on, uint8 (n, 28, 28), ten classes of equal size; features come from an extractor.

    root: the folder with the four original files (…-ubyte or …-ubyte.gz), or the one that torchvision was given as root. None looks where Debian's
    package dataset-fashion-mnist puts them, then in torchvision's layout under ./data and ~/data. download: whether torchvision may fetch missing files.
    Raises FileNotFoundError saying what was looked for, where, and how to get it, and ValueError for a file that is not what its name says.
    """
    source = Public("fashion-mnist", "FashionMNIST/raw", IDX_FILES, 31, zipped=True)

    def fetch(root: str) -> None:
        from torchvision.datasets import FashionMNIST

        FashionMNIST(root, download=True)

    folder = source.folder(root, download, fetch, first=[DEBIAN_FOLDER], instead="apt-get install dataset-fashion-mnist")
    return pool_and_test(source.name, lambda part: read_part(source, folder, part, len(CLASS_NAMES)), CLASS_NAMES, source.spec(root))


registry.add(
    "fashion-mini",
    fashion_mini,
    Card(
        title="Fashion, small",
        idea="6,000 real pictures of clothes in ten classes, with features of a network that knows ImageNet: active learning on real images at once.",
        needs="nothing (shipped with alviz)",
        reference="Fashion-MNIST: Xiao, Rasul and Vollgraf 2017 (MIT licence). Features: EfficientNet-Lite0, Tan and Le 2019.",
        cites=("xiao2017fashion", "tan2019efficientnet"),
        shines="Margin and alamp, most of all when the classes are thinned to ir ≈ 0.75.",
        fails="k-center: shirts, coats and pullovers are confused everywhere, not at the rim.",
    ),
)
registry.add(
    "fashion-mnist",
    fashion_mnist,
    Card(
        title="Fashion-MNIST",
        idea="All 60,000 pictures of clothes in ten classes.",
        needs="Debian's package dataset-fashion-mnist, its four files in a folder (root), or download=True",
        cost="47 MB in memory; a few seconds for the first PCA, then from the cache",
        reference="Xiao, Rasul and Vollgraf 2017; used by Zhan et al.",
        cites=("xiao2017fashion",),
        options=OPTIONS,
    ),
)
