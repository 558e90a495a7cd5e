"""`fashion-mini` (shipped with alviz) and `fashion-mnist` (from Debian's package, or from files you point at)."""

import gzip
import math
import struct
import zlib
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.registry import Card

CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FILES = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"), "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}
_IDX_UINT8 = 0x08


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


def fashion_mnist(root: str | None = None) -> Dataset:
    """60,000 pictures of clothes to label and 10,000 to test on, uint8 (n, 28, 28), ten classes of equal size; features come from an extractor.

    root: the folder with the four original files (…-ubyte or …-ubyte.gz), or the one that torchvision was given as root. None looks where Debian's
    package dataset-fashion-mnist puts them, then in torchvision's layout under ./data and ~/data. Nothing is downloaded. Raises FileNotFoundError
    saying what was looked for, where, and how to get it, and ValueError for a file that is not what its name says.
    """
    folder = _find(places(root), root)
    return _full("fashion-mnist", folder, "train", _full("fashion-mnist (test)", folder, "test", None))


def _full(name: str, folder: Path, part: str, test: Dataset | None) -> Dataset:
    images, labels = (read_idx(_file(folder, file)) for file in FILES[part])
    if images.ndim != 3 or labels.shape != images.shape[:1] or labels.max() >= len(CLASS_NAMES):
        raise ValueError(f"the {part} files in {folder} do not fit together: images {images.shape}, labels {labels.shape}")
    ids = [f"{part}/{i:05d}" for i in range(len(images))]
    return Dataset(name, ids, images, None, labels.astype(np.int64), CLASS_NAMES, test=test)


def places(root: str | None = None) -> list[Path]:
    """The folders where the files are looked for, in this order."""
    if root is None:
        return [DEBIAN_FOLDER, *(base / "FashionMNIST" / "raw" for base in (Path("data"), Path.home() / "data"))]
    base = Path(root).expanduser()
    return [base, base / "FashionMNIST" / "raw"]


def _find(folders: list[Path], root: str | None) -> Path:
    wanted = [name for names in FILES.values() for name in names]
    missing = {folder: [name for name in wanted if _file(folder, name) is None] for folder in folders}
    for folder, names in missing.items():
        if not names:
            return folder
    # The folder that holds most of the files is the one meant; what it lacks is worth saying.
    nearest = min(missing.values(), key=len)
    looked = " or ".join(str(folder) for folder in folders)
    raise FileNotFoundError(
        f"fashion-mnist: {', '.join(f'{name}[.gz]' for name in nearest)} not found in {looked}. "
        "Get the files with: apt-get install dataset-fashion-mnist" + ("; or give their folder as root" if root is None else "")
    )


def _file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def read_idx(path: Path | None) -> NDArray[np.uint8]:
    """The uint8 array in an IDX file (two zero bytes, type 0x08, number of axes, their lengths as big-endian int32, then the bytes), gzipped or not.

    Raises ValueError when the file is something else or is cut short.
    """
    assert path is not None
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if len(content) < 4 or content[:3] != bytes([0, 0, _IDX_UINT8]):
        raise ValueError(f"{path} is not an IDX file of bytes: it starts with {content[:4].hex() or 'nothing'}, not 000008")
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise ValueError(f"{path} is cut short: {len(content)} bytes, its header alone has {header}")
    shape = struct.unpack(f">{content[3]}i", content[4:header])
    if len(content) - header != math.prod(shape):
        raise ValueError(f"{path} does not hold what it says: {len(content) - header} bytes of data for the shape {shape}")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


registry.add(
    "fashion-mini",
    fashion_mini,
    Card(
        title="Fashion, small",
        idea="6,000 real pictures of clothes in ten classes, with features of a network that knows ImageNet: active learning on real images at once.",
        needs="nothing (shipped with alviz)",
        reference="Fashion-MNIST: Xiao, Rasul and Vollgraf 2017 (MIT licence). Features: EfficientNet-Lite0, Tan and Le 2019.",
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
        needs="Debian's package dataset-fashion-mnist, or its four files in a folder (root); nothing is downloaded",
        cost="47 MB in memory; a few seconds for the first PCA, then from the cache",
        reference="Xiao, Rasul and Vollgraf 2017; used in paper 004.",
    ),
)
