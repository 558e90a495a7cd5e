"""fashion-mini as shipped, and fashion-mnist from files: a small stand-in for the original ones is written here."""

import gzip
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.svm import LinearSVC

import alviz.data
from alviz.data import create, fashion

NAMES = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"), "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}


def idx(array):
    """The IDX format written from its description."""
    return struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}i", *array.shape) + array.tobytes()


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    sizes = {"train": 60, "test": 20}
    return {part: (rng.integers(0, 256, (n, 28, 28), dtype=np.uint8), (np.arange(n) % 10).astype(np.uint8)) for part, n in sizes.items()}


def write(folder, parts, zipped=True):
    folder.mkdir(parents=True, exist_ok=True)
    for part, names in NAMES.items():
        for name, array in zip(names, parts[part], strict=True):
            content = idx(array)
            (folder / (f"{name}.gz" if zipped else name)).write_bytes(gzip.compress(content) if zipped else content)
    return folder


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No Fashion-MNIST in any of the usual places."""
    for name in ("work", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(fashion, "DEBIAN_FOLDER", tmp_path / "usr" / "share")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_mini_has_the_promised_pictures():
    dataset = create("fashion-mini")
    assert dataset.images.shape == (6000, 28, 28)
    assert dataset.test.images.shape == (2000, 28, 28)
    assert np.bincount(dataset.targets).tolist() == [600] * 10
    assert np.bincount(dataset.test.targets).tolist() == [200] * 10
    assert dataset.class_names == (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    assert len(np.unique(dataset.images, axis=0)) > 5990
    # What everyone knows of Fashion-MNIST: the mean pixel is 0.286 of full brightness with deviation 0.353, and so the first labels go.
    assert dataset.images.mean() / 255 == pytest.approx(0.286, abs=0.005)
    assert dataset.images.std() / 255 == pytest.approx(0.353, abs=0.005)
    known = {"train": [9, 0, 0, 3, 0, 2, 7, 2, 5, 5], "test": [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]}
    checked = 0
    for part, labels in (("train", dataset), ("test", dataset.test)):
        for name, target in zip(labels.ids, labels.targets, strict=True):
            place, row = name.split("/")
            assert place == part
            if int(row) < 10:
                assert known[part][int(row)] == target
                checked += 1
    assert checked > 0


def test_mini_features_are_those_of_a_network_that_knows_images():
    dataset = create("fashion-mini")
    x = dataset.features
    assert x.shape == (6000, 128)
    assert x.dtype == np.float32
    assert abs(x.mean(axis=0)).max() < 0.01
    assert x.var(axis=0).mean() == pytest.approx(1.0, abs=0.01)
    assert (np.diff(x.var(axis=0)) <= 0).all()
    scores = []
    for seed in range(3):
        rows = np.random.default_rng(seed).choice(6000, 200, replace=False)
        scores.append(LinearSVC(C=0.01).fit(x[rows], dataset.targets[rows]).score(dataset.test.features, dataset.test.targets))
    assert np.mean(scores) > 0.74


def test_mini_is_small_and_needs_no_heavy_package():
    folder = Path(fashion.__file__).parent / "files"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 6_000_000
    code = "import sys, alviz.data as d; d.create('fashion-mini'); print([m for m in ('torch', 'sklearn', 'scipy', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("inside", ["", "FashionMNIST/raw"])
def test_full_from_a_folder_pointed_at(tmp_path, parts, zipped, inside):
    write(tmp_path / "mine" / inside, parts, zipped)
    dataset = create("fashion-mnist", root=tmp_path / "mine")
    assert np.array_equal(dataset.images, parts["train"][0])
    assert np.array_equal(dataset.test.images, parts["test"][0])
    assert dataset.targets.tolist() == parts["train"][1].tolist()
    assert dataset.ids[:2] == ["train/00000", "train/00001"]
    assert dataset.extractor == "pca"
    assert dataset.features.shape == (60, 60)
    assert dataset.test.features.shape == (20, 60)
    assert dataset.spec == {"name": "fashion-mnist", "params": {"root": str(tmp_path / "mine"), "extractor": "pca"}}


@pytest.mark.parametrize("place", ["usr/share", "work/data/FashionMNIST/raw", "home/data/FashionMNIST/raw"])
def test_full_is_found_by_itself(nowhere, parts, place):
    write(nowhere / place, parts)
    assert len(create("fashion-mnist")) == 60


def test_missing_files_are_named_with_the_places_and_the_command(nowhere, parts):
    with pytest.raises(FileNotFoundError) as caught:
        create("fashion-mnist")
    message = str(caught.value)
    for piece in ("train-images-idx3-ubyte", str(nowhere / "usr" / "share"), "apt-get install dataset-fashion-mnist", "root"):
        assert piece in message
    folder = write(nowhere / "some", parts)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"fashion-mnist: t10k-labels-idx1-ubyte\[.gz\] not found in .*some or "):
        create("fashion-mnist", root=folder)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (gzip.compress(b"\x00\x00\x0d\x01\x00\x00\x00\x01\x00"), "is not an IDX file of bytes: it starts with 00000d01"),
        (gzip.compress(b""), "is not an IDX file of bytes: it starts with nothing"),
        (
            gzip.compress(struct.pack(">BBBBi", 0, 0, 8, 1, 20) + b"abc"),
            r"does not hold what it says: 3 bytes of data for the shape \(20,\)",
        ),
        (gzip.compress(b"\x00\x00\x08\x03\x00"), "is cut short: 5 bytes, its header alone has 16"),
        (gzip.compress(bytes(1000))[:-9], "cannot be read"),
        (gzip.compress(bytes(1000))[:12] + b"\xff" * 20, "cannot be read"),
        (b"plain", "cannot be read"),
        (gzip.compress(idx(np.zeros(7, np.uint8))), "do not fit together"),
    ],
    ids=["floats", "empty", "short", "short header", "broken off", "corrupt", "not gzip", "other length"],
)
def test_damaged_files(tmp_path, parts, content, wanted):
    folder = write(tmp_path / "some", parts)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(content)
    with pytest.raises(ValueError, match=wanted):
        alviz.data.create("fashion-mnist", root=folder)
