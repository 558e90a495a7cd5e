"""Strategies started with nothing labelled; cards and menus of all initial pools."""

import numpy as np
import pytest

import alviz
from alviz import initial, strategies
from alviz.data.dataset import Dataset
from alviz.progress import Cancelled
from alviz.strategies import PoolView
from alviz.strategies.arrays import Arrays

NAMES = ["k-center", "max-herding", "probcover", "typiclust"]


def blobs(n=120, images=False, known=True):
    rng = np.random.default_rng(2)
    targets = np.arange(n) % 4
    features = (6 * np.eye(4)[targets] + rng.normal(size=(n, 4))).astype(np.float32)
    pixels = rng.integers(0, 256, (n, 4, 4), dtype=np.uint8) if images else None
    names = tuple("abcd") if known else ()
    labels = targets.astype(np.int64) if known else np.full(n, -1, dtype=np.int64)
    return Dataset("blobs", [str(i) for i in range(n)], pixels, None if images else features, labels, names)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_the_pool_is_the_strategys_own_selection(name, seed):
    dataset = blobs()
    chosen = initial.create(name).choose(dataset, 9, np.random.default_rng(seed))
    source = Arrays({"features": dataset.features, "embeddings": dataset.features})
    nothing = np.empty(0, dtype=np.int64)
    shared = int(np.random.default_rng(seed).integers(2**31))
    view = PoolView(source, np.arange(len(dataset)), nothing, nothing, 4, len(dataset), seed=shared)
    wanted = strategies.create(name).select(view, 9, np.random.default_rng(seed)).indices
    np.testing.assert_array_equal(chosen, wanted)
    assert chosen.dtype == np.int64


def test_every_seed_clusters_anew():
    pools = [initial.create("typiclust").choose(blobs(), 9, np.random.default_rng(seed)).tolist() for seed in range(4)]
    assert len({tuple(pool) for pool in pools}) > 1


@pytest.mark.parametrize(("name", "params"), [("k-center", {"pca": 2}), ("max-herding", {"length_scale": 0.5})])
def test_the_same_as_query_on_arrays(name, params):
    dataset = blobs()
    chosen = initial.create(name, **params).choose(dataset, 6, np.random.default_rng([3]))
    wanted = alviz.query(name, 6, labels=np.full(len(dataset), -1), features=dataset.features, seed=3, **params)
    np.testing.assert_array_equal(chosen, wanted)


def test_k_center_by_hand():
    line = np.array([[0.0], [1.0], [2.0], [3.0], [10.0]], dtype=np.float32)
    dataset = Dataset("line", list("abcde"), None, line, np.zeros(5, np.int64), ("x",))
    # The mean is 3.2: 3.0 is nearest; then 10, then 0, then 1 and 2 tie at distance 1 and the lower index wins.
    assert initial.create("k-center").choose(dataset, 4, np.random.default_rng(0)).tolist() == [3, 4, 0, 1]


@pytest.mark.parametrize("name", NAMES)
def test_pixels_stand_in_for_features(name):
    dataset = blobs(images=True)
    flat = Dataset(
        "flat",
        dataset.ids,
        None,
        dataset.images.reshape(120, -1).astype(np.float32) / np.float32(255),
        dataset.targets,
        dataset.class_names,
    )
    mine, its = (initial.create(name).choose(d, 5, np.random.default_rng(0)) for d in (dataset, flat))
    np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("name", NAMES)
def test_cancelling(name):
    def cancel(share):
        raise Cancelled

    with pytest.raises(Cancelled):
        initial.create(name).choose(blobs(), 5, np.random.default_rng(0), cancel)


def test_the_parameters_are_the_strategys():
    assert initial.registry.parameters("typiclust") == strategies.registry.parameters("typiclust")
    with pytest.raises(ValueError, match="has no parameter 'neighbors'"):
        initial.create("typiclust", neighbors=3)
    with pytest.raises(ValueError, match="neighbours must be"):
        initial.create("typiclust", neighbours=0)


def test_a_number_of_classes_that_is_not_known_is_asked_for():
    dataset = blobs(known=False)
    assert "n_clusters" in initial.unmet("probcover", dataset)
    with pytest.raises(ValueError, match="needs the number of classes"):
        initial.create("probcover").choose(dataset, 4, np.random.default_rng(0))
    assert len(initial.create("probcover", n_clusters=4).choose(dataset, 4, np.random.default_rng(0))) == 4
    assert [name for name in initial.available() if not initial.unmet(name, dataset)] == ["k-center", "max-herding", "random", "typiclust"]


@pytest.mark.parametrize("name", initial.available())
def test_every_card_says_what_there_is_to_know(name):
    card = initial.card(name)
    assert set(card.options) == set(initial.registry.parameters(name))
    for what in ("title", "idea", "formula", "needs", "cost", "reference", "shines", "fails"):
        assert getattr(card, what), what


@pytest.mark.parametrize("name", NAMES)
def test_a_run_starts_with_it(name):
    dataset = blobs()
    run = alviz.Run(dataset, initial=name, n_queries=6, seed=4)
    np.testing.assert_array_equal(run.rounds[0].queried, initial.create(name).choose(dataset, 6, np.random.default_rng([4, 0, 1])))
    assert run.config()["initial"]["name"] == name
