"""from_arrays, content hashes, the registry's front door and the contract that Dataset checks."""

import json
import subprocess
import sys

import numpy as np
import pytest

import alviz.data
from alviz.data import content_hash, create, from_arrays


def test_features_and_targets():
    dataset = from_arrays(features=[[1, 2], [3, 4], [5, 6]], targets=[0, -1, 2])
    assert dataset.features.dtype == np.float32
    assert dataset.targets.tolist() == [0, -1, 2]
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.spec is None
    assert dataset.source(1).tolist() == [3.0, 4.0]


def test_images_with_a_test_set_and_names():
    pictures = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4)
    dataset = from_arrays(images=pictures, targets=[0, 0], test=(pictures[:1], [1]), class_names=["cat", "dog"])
    assert dataset.test.class_names == ("cat", "dog")
    assert np.array_equal(dataset.test.images, pictures[:1])
    assert np.array_equal(dataset.source(1), pictures[1])


def test_classes_seen_only_in_the_test_set_count():
    assert from_arrays(features=np.eye(2), targets=[0, 1], test=(np.eye(2), [2, 0])).class_names == ("0", "1", "2")


def test_both_kinds_with_a_dataset_as_test_set():
    pictures, x = np.zeros((3, 2, 2), np.uint8), np.eye(3)
    test = from_arrays(features=x, images=pictures, targets=[0, 1, 1], class_names=["a", "b"])
    assert from_arrays(features=x, images=pictures, targets=[1, 1, 0], test=test).class_names == ("a", "b")


def test_ids_come_from_content_so_added_rows_change_no_other():
    x = np.random.default_rng(0).normal(size=(6, 3))
    x[4] = x[1]
    some, more = (from_arrays(features=rows, class_names=["a"]).ids for rows in (x, np.vstack([np.ones((1, 3)), x])))
    assert more[1:] == some
    assert some[4] == f"{some[1]}-2"
    assert from_arrays(features=x, class_names=["a"], ids=list("uvwxyz")).ids == list("uvwxyz")


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({}, "features and images are both missing"),
        ({"features": [1.0, 2.0]}, r"features must be an \(n, d\) array of numbers, got float64 \(2,\)"),
        ({"features": [["a"]]}, r"features must be an \(n, d\) array of numbers"),
        ({"features": [[np.nan]], "targets": [0]}, "features must be finite float32 numbers, row 0, column 0 holds nan"),
        ({"features": [[1.0, 2.0], [3.0]]}, "features must be an array, got rows of different lengths"),
        ({"features": [[0.0], [1e300], [2e300]], "targets": [0] * 3}, r"row 1, column 0 holds 1e\+300 \(2 rows like that\)"),
        ({"features": np.empty((2, 0)), "targets": [0, 1]}, r"features must be an \(n, d\) array of numbers, got float64 \(2, 0\)"),
        ({"features": np.eye(2), "targets": [0, -2]}, "targets must be −1 .* got -2"),
        (
            {"features": np.eye(2), "targets": [0, 10**12]},
            "targets must lie below 10,000 where class_names is missing, got 1,000,000,000,000",
        ),
        ({"features": np.eye(2), "targets": [0, 1], "class_names": "ab"}, "class_names must be a list of names, got 'ab'"),
        ({"features": np.eye(2), "targets": [0, 1], "class_names": ["a", " "]}, "class_names must not be empty"),
        ({"features": np.eye(2), "targets": [0, 1], "class_names": range(10_001)}, "10,001 classes: 10,000 at most"),
        ({"features": np.eye(2), "targets": [0, 1], "test": (np.eye(2),)}, "got a tuple of 1"),
        ({"images": np.zeros((2, 4, 4))}, r"images must be a uint8 .* got float64 \(2, 4, 4\)"),
        ({"features": np.eye(2), "targets": [0.0, 1.0]}, "targets must be a one-dimensional array of whole numbers"),
        ({"features": np.eye(2), "targets": [0, 1, 1]}, "targets has 3 rows, ids has 2"),
        ({"features": np.eye(2), "targets": [0, 5], "class_names": ["a", "b"]}, "targets must lie in −1 … 1"),
        ({"features": np.eye(2)}, "class_names is missing"),
        ({"features": np.eye(2), "class_names": ["a", "a"]}, "class_names must differ"),
        ({"features": np.eye(2), "targets": [0, 1], "ids": ["x", "x"]}, "1 of 2 ids occur more than once"),
        ({"features": np.eye(2), "targets": [0, 1], "test": np.eye(2)}, r"test must be a tuple \(x, targets\) or a Dataset, got ndarray"),
        ({"features": np.eye(2), "targets": [0, 1], "test": (np.eye(3), [0, 1, 1])}, "the test set's features must have the shape"),
        ({"features": np.eye(2), "images": np.zeros((2, 2, 2), np.uint8), "test": (np.eye(2), [0, 1])}, "test must be a Dataset"),
        ({"features": np.empty((0, 2)), "class_names": ["a"]}, r"features must be an \(n, d\) array of numbers, got float64 \(0, 2\)"),
    ],
)
def test_bad_arrays(arguments, wanted):
    with pytest.raises(ValueError, match=wanted):
        from_arrays(**arguments)


def test_content_hash_is_of_the_content():
    pictures, x = np.arange(27, dtype=np.uint8).reshape(3, 3, 3), np.eye(3, dtype=np.float32)
    given = {"features": x, "images": pictures, "targets": [0, 1, 1], "ids": ["a", "b", "c"]}
    same = content_hash(from_arrays(**given))
    assert content_hash(from_arrays(**given, name="other")) == same
    assert content_hash(from_arrays(**{**given, "features": np.asfortranarray(x)})) == same
    changed_picture = pictures.copy()
    changed_picture[2, 2, 2] += 1
    others = [
        {**given, "features": x * 2},
        {**given, "images": changed_picture},
        {**given, "targets": [0, 1, 0]},
        {**given, "ids": ["a", "b", "d"]},
        {**given, "ids": ["a", "c", "b"]},
        {**given, "images": None},
    ]
    assert len({same, *(content_hash(from_arrays(**other)) for other in others)}) == 7


def test_content_hash_is_the_same_in_another_process():
    code = "import alviz.data as d; print(d.content_hash(d.create('moons', n=50, n_test=20)))"
    runs = {subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() for _ in range(2)}
    assert runs == {content_hash(create("moons", n=50, n_test=20))}


def test_every_dataset_has_a_card_and_says_what_it_breaks():
    names = alviz.data.available()
    assert {"gaussians", "moons", "circles", "xor", "checkerboard", "spirals", "rare-blob", "outliers", "duplicates"} < set(names)
    assert {"digits", "fashion-mini", "fashion-mnist"} < set(names)
    for name in names:
        card = alviz.data.card(name)
        assert card.title
        assert card.idea
        if name not in ("fashion-mnist",):
            assert card.fails


def test_unknown_names_and_parameters():
    with pytest.raises(ValueError, match="unknown dataset 'fashon-mini'; did you mean 'fashion-mini'"):
        create("fashon-mini")
    with pytest.raises(ValueError, match="dataset 'digits' has no parameter 'size'"):
        create("digits", size=3)


def test_the_spec_is_plain_json():
    dataset = create("gaussians", n=np.int64(100), n_test=50, centers=np.array([[0.0, 0.0], [1.0, 1.0]]), seed=2)
    assert json.loads(json.dumps(dataset.spec)) == dataset.spec
    assert dataset.spec["params"] == {"n": 100, "n_test": 50, "centers": [[0.0, 0.0], [1.0, 1.0]], "seed": 2}
    assert content_hash(create(dataset.spec["name"], **dataset.spec["params"])) == content_hash(dataset)


def test_digits():
    dataset = create("digits")
    assert dataset.images.shape == (1397, 8, 8)
    assert dataset.images.max() == 255
    assert np.bincount(dataset.test.targets).tolist() == [40] * 10
    assert not set(dataset.ids) & set(dataset.test.ids)
    x = dataset.features.astype(float)
    assert x.shape == (1397, 64)
    assert abs(x.mean(axis=0)).max() < 1e-4
    assert x.var(axis=0).mean() == pytest.approx(1.0, abs=1e-4)
    from sklearn.datasets import load_digits

    original = load_digits()
    assert np.array_equal(dataset.targets, original.target[[int(i) for i in dataset.ids]])
    assert np.allclose(dataset.images * (16 / 255), original.images[[int(i) for i in dataset.ids]], atol=0.04)
