"""mnist, emnist, svhn, CIFAR, food101 and tiny-imagenet from small stand-ins for their files, written here as their makers describe them."""

import gzip
import hashlib
import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torchvision
from PIL import Image

from alviz.data import create

RNG = np.random.default_rng(0)
SIZES = {"train": 40, "test": 20}


def idx(array):
    return struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}i", *array.shape) + array.tobytes()


def write_idx(folder, names, classes, first=0):
    folder.mkdir(parents=True, exist_ok=True)
    parts = {}
    for part, (images, labels) in names.items():
        n = SIZES[part]
        parts[part] = RNG.integers(0, 256, (n, 28, 28), dtype=np.uint8), (first + np.arange(n) % classes).astype(np.uint8)
        (folder / f"{images}.gz").write_bytes(gzip.compress(idx(parts[part][0])))
        (folder / labels).write_bytes(idx(parts[part][1]))
    return parts


MNIST = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"), "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """None of the files in any of the usual places."""
    for name in ("work", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize("place", ["work/data", "home/data", "mine"])
def test_mnist(nowhere, place):
    parts = write_idx(nowhere / place / "MNIST" / "raw", MNIST, 10)
    dataset = create("mnist", **({"root": nowhere / "mine"} if place == "mine" else {}))
    for part, name in ((dataset, "train"), (dataset.test, "test")):
        assert np.array_equal(part.images, parts[name][0])
        assert part.targets.tolist() == parts[name][1].tolist()
        assert part.ids[1] == f"{name}/00001"
    assert dataset.class_names == tuple("0123456789")


@pytest.mark.parametrize(("split", "classes", "first"), [("balanced", 47, 0), ("byclass", 62, 0), ("letters", 26, 1), ("digits", 10, 0)])
def test_emnist(tmp_path, split, classes, first):
    names = {part: tuple(f"emnist-{split}-{part}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1")) for part in SIZES}
    parts = write_idx(tmp_path, names, classes, first)
    dataset = create("emnist", root=tmp_path, split=split)
    assert np.array_equal(dataset.images, parts["train"][0].transpose(0, 2, 1))
    assert dataset.targets.tolist() == (parts["train"][1].astype(int) - first).tolist()
    theirs = [name for name in torchvision.datasets.EMNIST.classes_split_dict[split] if name != "N/A"]
    assert list(dataset.class_names) == theirs
    with pytest.raises(ValueError, match="split must be one of balanced, byclass"):
        create("emnist", split="all")


def test_svhn(tmp_path):
    parts = {}
    for part, n in SIZES.items():
        parts[part] = RNG.integers(0, 256, (32, 32, 3, n), dtype=np.uint8), 1 + np.arange(n) % 10
        scipy.io.savemat(tmp_path / f"{part}_32x32.mat", {"X": parts[part][0], "y": parts[part][1][:, None].astype(np.uint8)})
    dataset = create("svhn", root=tmp_path, extractor="pixels")
    assert np.array_equal(dataset.images[7], parts["train"][0][:, :, :, 7])
    assert dataset.targets[:11].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]  # "10" is the digit 0
    (tmp_path / "test_32x32.mat").write_bytes(b"no matlab")
    with pytest.raises(ValueError, match=r"test_32x32.mat cannot be read"):
        create("svhn", root=tmp_path)


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """write(name): the files of cifar10 or cifar100 with ten pictures each, and torchvision knowing their checksums."""

    def write(name):
        reader = {"cifar10": torchvision.datasets.CIFAR10, "cifar100": torchvision.datasets.CIFAR100}[name]
        folder = tmp_path / reader.base_folder
        folder.mkdir()
        pictures, labels = [], []

        def dump(file, content):
            (folder / file).write_bytes(pickle.dumps(content, protocol=2))
            return [file, hashlib.md5((folder / file).read_bytes()).hexdigest()]

        lists = {}
        for which in ("train_list", "test_list"):
            lists[which] = []
            for file, _ in getattr(reader, which):
                rows = RNG.integers(0, 256, (10, 3072), dtype=np.uint8)
                said = [int(k) for k in RNG.integers(0, 10, 10)]
                lists[which].append(dump(file, {"data": rows, "labels" if name == "cifar10" else "fine_labels": said}))
                pictures.append(rows.reshape(10, 3, 32, 32).transpose(0, 2, 3, 1))
                labels.append(said)
            monkeypatch.setattr(reader, which, lists[which])
        names = [f"thing {k}" for k in range(10)]
        file, checksum = dump(reader.meta["filename"], {reader.meta["key"]: names})
        monkeypatch.setattr(reader, "meta", {**reader.meta, "md5": checksum})
        return folder, np.concatenate(pictures), np.concatenate(labels), names

    return write


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar(cifar, name):
    folder, pictures, labels, names = cifar(name)
    for root in (folder, folder.parent):
        dataset = create(name, root=root, extractor="pixels")
        n = len(dataset)
        assert np.array_equal(dataset.images, pictures[:n])
        assert np.array_equal(dataset.test.images, pictures[n:])
        assert dataset.targets.tolist() + dataset.test.targets.tolist() == labels.tolist()
        assert dataset.class_names == tuple(names)
    last = folder / ("test_batch" if name == "cifar10" else "test")
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{name}: the files in .* are damaged: their checksums are not the published ones"):
        create(name, root=folder)


def save_picture(path, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (3, 4, 3), dtype=np.uint8)).resize(size).save(path, "JPEG")


def test_food101(tmp_path):
    root = tmp_path / "food-101"
    lists = {
        "train": {"pie": ["pie/1", "pie/2"], "apple_tart": ["apple_tart/5"]},
        "test": {"pie": ["pie/9"], "apple_tart": ["apple_tart/7"]},
    }
    for part, by_class in lists.items():
        (root / "meta").mkdir(parents=True, exist_ok=True)
        (root / "meta" / f"{part}.json").write_text(json.dumps(by_class))
        for names in by_class.values():
            for name in names:
                save_picture(root / "images" / f"{name}.jpg")
    dataset = create("food101", root=tmp_path, size=16)
    assert dataset.ids == ["apple_tart/5", "pie/1", "pie/2"]
    assert dataset.test.ids == ["apple_tart/7", "pie/9"]
    assert dataset.targets.tolist() == [0, 1, 1]
    assert dataset.class_names == ("apple tart", "pie")
    assert dataset.images.shape == (3, 16, 16, 3)
    assert np.array_equal(dataset.source(0), np.asarray(Image.open(root / "images" / "apple_tart" / "5.jpg")))
    again = create(dataset.spec["name"], **dataset.spec["params"])
    assert np.array_equal(again.images, dataset.images)
    (root / "images" / "pie" / "2.jpg").unlink()
    with pytest.raises(ValueError, match=r"food101: 1 of 5 pictures in .* cannot be read, the first is pie/2 \(unreadable\)"):
        create("food101", root=tmp_path, size=16)


def test_tiny_imagenet(tmp_path):
    root = tmp_path / "tiny-imagenet-200"
    for code in ("n02", "n01", "n03"):
        for i in range(2):
            save_picture(root / "train" / code / "images" / f"{code}_{i}.JPEG", (64, 64))
    for i in range(3):
        save_picture(root / "val" / "images" / f"val_{i}.JPEG", (64, 64))
    (root / "wnids.txt").write_text("n02\nn01\nn03\n")
    (root / "words.txt").write_text("n01\tcrane, machine\nn02\tgoldfish, Carassius auratus\nn03\tcrane\nn09\tother\n")
    (root / "val" / "val_annotations.txt").write_text(
        "".join(f"val_{i}.JPEG\t{code}\t0\t0\t9\t9\n" for i, code in enumerate(("n02", "n03", "n01")))
    )
    dataset = create("tiny-imagenet", root=root, extractor="pixels")
    assert dataset.class_names == ("crane (n01)", "goldfish", "crane (n03)")
    assert dataset.ids == [f"train/{code}_{i}" for code in ("n01", "n02", "n03") for i in range(2)]
    assert dataset.targets.tolist() == [0, 0, 1, 1, 2, 2]
    assert dataset.test.targets.tolist() == [1, 2, 0]
    assert dataset.images.shape == (6, 64, 64, 3)
    assert np.array_equal(dataset.images[3], np.asarray(Image.open(root / "train" / "n02" / "images" / "n02_1.JPEG")))


FILES = {
    "mnist": "train-images-idx3-ubyte",
    "emnist": "emnist-balanced-train-images-idx3-ubyte",
    "svhn": "train_32x32.mat",
    "cifar10": "data_batch_1",
    "cifar100": "meta",
    "food101": "meta/train.json",
    "tiny-imagenet": "wnids.txt",
}


@pytest.mark.parametrize("name", FILES)
def test_missing_files_are_named_with_the_place_and_the_command(nowhere, monkeypatch, name):
    for reader in ("MNIST", "EMNIST", "SVHN", "CIFAR10", "CIFAR100", "Food101"):
        monkeypatch.setattr(torchvision.datasets, reader, None)  # nothing may even try
    with pytest.raises(FileNotFoundError) as caught:
        create(name, root=nowhere / "mine")
    message = str(caught.value)
    for piece in (
        f"{name}: ",
        FILES[name],
        str(nowhere / "mine"),
        f"alviz.data.create('{name}', root='{nowhere / 'mine'}', download=True)",
    ):
        assert piece in message
    with pytest.raises(FileNotFoundError, match=rf"Put the files into {Path.cwd()}/data"):
        create(name)
    with pytest.raises(ValueError, match="download must be True or False"):
        create(name, download="yes")


def test_a_download_happens_when_asked_and_only_once(nowhere, monkeypatch):
    calls = []

    def download(root, download):
        calls.append((root, download))
        write_idx(Path(root) / "MNIST" / "raw", MNIST, 10)

    monkeypatch.setattr(torchvision.datasets, "MNIST", download)
    for _ in range(2):
        dataset = create("mnist", download=True)
    assert calls == [(str(Path.cwd() / "data"), True)]
    assert "download" not in dataset.spec["params"]

    def fails(root, download):
        raise OSError("no route to host\nand more")

    monkeypatch.setattr(torchvision.datasets, "MNIST", fails)
    with pytest.raises(FileNotFoundError, match=r"mnist could not be downloaded to .*: no route to host and more$"):
        create("mnist", root=nowhere / "other", download=True)
