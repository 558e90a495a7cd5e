"""from_huggingface against a stand-in for the package `datasets`, with just the calls that its documentation names."""

import io
import sys
from types import ModuleType

import numpy as np
import pytest
from PIL import Image as Pictures

from alviz.data import create, from_huggingface


class Image:
    def __init__(self, decode=True):
        self.decode = decode


class ClassLabel:
    def __init__(self, names):
        self.names = names


class Value:
    pass


class Table:
    """A split: columns of equal length."""

    def __init__(self, columns, features, file):
        self.columns, self.features, self.cache_files = columns, features, [{"filename": str(file)}]

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def __getitem__(self, key):
        return self.columns[key] if isinstance(key, str) else {name: column[key] for name, column in self.columns.items()}

    def select_columns(self, names):
        return Table({n: self.columns[n] for n in names}, {n: self.features[n] for n in names}, self.cache_files[0]["filename"])

    def cast_column(self, name, feature):
        assert feature.decode is False
        return self


def png(seed):
    array = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    file = io.BytesIO()
    Pictures.fromarray(array).save(file, "PNG")
    return array, file.getvalue()


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """save(splits) -> folder; the stand-in package gives the splits back for it."""
    package = ModuleType("datasets")
    package.Image = Image
    contents = {}

    def load_from_disk(path):
        if path not in contents:
            raise FileNotFoundError(f"Directory {path} is neither a Dataset directory nor a DatasetDict directory.")
        return contents[path]

    package.load_from_disk = load_from_disk
    monkeypatch.setitem(sys.modules, "datasets", package)
    arrow = tmp_path / "data.arrow"
    arrow.write_bytes(b"x")

    def save(splits, labels=("b", "a"), kind=ClassLabel):
        def table(rows):
            cells = [None if seed is None else {"bytes": png(seed)[1], "path": None} for seed, _ in rows]
            feature = kind(list(labels)) if kind is ClassLabel else kind()
            return Table({"picture": cells, "kind": [k for _, k in rows]}, {"picture": Image(), "kind": feature}, arrow)

        folder = tmp_path / "saved"
        folder.mkdir(exist_ok=True)
        contents[str(folder)] = {name: table(rows) for name, rows in splits.items()} if isinstance(splits, dict) else table(splits)
        return folder

    return save


def test_one_split_is_divided(saved):
    folder = saved([(seed, seed % 2) for seed in range(10)] + [(None, 0), (50, -1)])
    dataset = from_huggingface(folder, size=12)
    assert dataset.class_names == ("b", "a")
    assert np.bincount(dataset.test.targets).tolist() == [1, 1]
    assert sorted(dataset.targets.tolist()) == [-1] + [0] * 4 + [1] * 4
    assert [(one.name, one.reason) for one in dataset.report.skipped] == [("train/000010", "empty")]
    wanted = {png(seed)[0].tobytes(): seed % 2 for seed in range(10)}
    for part in (dataset, dataset.test):
        for i in np.flatnonzero(part.targets >= 0):
            assert wanted[np.ascontiguousarray(part.images[i]).tobytes()] == part.targets[i]
            assert np.array_equal(part.source(i), part.images[i])
    again = create(dataset.spec["name"], **dataset.spec["params"])
    assert again.ids == dataset.ids
    assert again.spec["params"]["extractor"] == "pca"


def test_train_and_test_as_they_are(saved):
    dataset = from_huggingface(saved({"train": [(0, 0), (1, 1), (0, 0)], "test": [(7, 1)]}), size=12)
    assert dataset.targets.tolist() == [0, 1, 0]
    assert dataset.test.targets.tolist() == [1]
    assert dataset.ids[2] == f"{dataset.ids[0]}-2"


def test_classes_as_text(saved):
    folder = saved({"everything": [(0, "x"), (1, None), (2, "a"), (3, "")]}, kind=Value)
    assert from_huggingface(folder, size=12).targets.tolist() == [-1] * 4  # nothing says that this column holds classes
    dataset = from_huggingface(folder, label="kind", size=12, test=0)
    assert dataset.class_names == ("a", "x")
    assert dataset.targets.tolist() == [1, -1, 0, -1]


def test_what_cannot_be_read(saved, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"path must be a folder made by datasets.save_to_disk, there is none at"):
        from_huggingface(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"is not a folder made by datasets.save_to_disk: Directory .* is neither"):
        from_huggingface(tmp_path)
    with pytest.raises(ValueError, match="label must be one of the columns 'picture', 'kind', got 'klass'"):
        from_huggingface(saved([(0, 0)]), label="klass")
    with pytest.raises(ValueError, match="has the splits 'a', 'b'; wanted 'train', or a single one"):
        from_huggingface(saved({"a": [(0, 0)], "b": [(0, 0)]}))
    with pytest.raises(ValueError, match="has no picture that can be read"):
        from_huggingface(saved([(None, 0)]))
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match="needs a package that is not installed: pip install datasets"):
        from_huggingface(tmp_path)
