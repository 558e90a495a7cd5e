"""Initial pools: quotas by the rules, randomness from the generator, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alviz import initial
from alviz.data.dataset import Dataset
from alviz.initial.base import table_of
from alviz.initial.clusters import allot
from alviz.progress import Cancelled

NAMES = ["kmeans-equal", "kmeans-proportional", "random"]
CENTERS = np.array([[0, 0], [20, 0], [0, 20]], dtype=np.float32)


def blobs(sizes=(60, 30, 10), images=False, classes=3):
    """Far-apart blobs in shuffled order; the target says which blob."""
    rng = np.random.default_rng(7)
    targets = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    features = CENTERS[targets] + rng.normal(scale=0.5, size=(len(targets), 2)).astype(np.float32)
    pictures = None
    if images:
        pictures = np.repeat(np.array([0, 120, 255], dtype=np.uint8)[targets], 16).reshape(-1, 4, 4)
    return Dataset(
        "blobs",
        [str(i) for i in range(len(targets))],
        pictures,
        None if images else features,
        targets.astype(np.int64),
        tuple("abc"[:classes]),
    )


def chosen(name, dataset, n, seed=0, **params):
    return initial.create(name, **params).choose(dataset, n, np.random.default_rng(seed))


def per_blob(dataset, indices):
    return np.bincount(dataset.targets[indices], minlength=3).tolist()


def test_names_and_cards():
    assert set(NAMES) <= set(initial.available())
    for name in NAMES:
        card = initial.card(name)
        assert card.idea
        assert card.reference
        assert card.fails


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [1, 2, 37, 100])
def test_distinct_indices_of_the_dataset(name, n):
    indices = chosen(name, blobs(), n)
    assert indices.dtype == np.int64
    assert len(set(indices.tolist())) == n
    assert indices.min() >= 0
    assert indices.max() < 100


@pytest.mark.parametrize("name", NAMES)
def test_all_randomness_comes_from_the_generator(name):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    dataset = blobs()
    first = chosen(name, dataset, 20, seed=1)
    np.testing.assert_array_equal(first, chosen(name, dataset, 20, seed=1))
    assert set(first.tolist()) != set(chosen(name, dataset, 20, seed=2).tolist())
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("name", NAMES)
def test_labels_are_not_looked_at(name):
    dataset = blobs()
    blind = Dataset("blind", dataset.ids, None, dataset.features, np.full(100, -1, dtype=np.int64), dataset.class_names)
    np.testing.assert_array_equal(chosen(name, dataset, 20), chosen(name, blind, 20))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [0, -1, 101])
def test_n_out_of_range_is_refused(name, n):
    with pytest.raises(ValueError, match=r"initial pool of .* 100 of dataset 'blobs'"):
        chosen(name, blobs(), n)


def test_random_is_uniform():
    dataset = blobs()
    times = np.zeros(100)
    for seed in range(2000):
        times[chosen("random", dataset, 10, seed=seed)] += 1
    # 2,000 draws with p = 0.1: 200 ± 13.4; five deviations for a hundred samples.
    assert np.abs(times - 200).max() < 67


@pytest.mark.parametrize("images", [False, True], ids=["features", "pixels"])
def test_equal_shares(images):
    dataset = blobs(images=images)
    assert per_blob(dataset, chosen("kmeans-equal", dataset, 15)) == [5, 5, 5]
    assert per_blob(dataset, chosen("kmeans-equal", dataset, 17)) == [6, 6, 5]


def test_a_cluster_that_is_too_small_gives_all_it_has():
    dataset = blobs()
    assert per_blob(dataset, chosen("kmeans-equal", dataset, 60)) == [25, 25, 10]


@pytest.mark.parametrize("images", [False, True], ids=["features", "pixels"])
def test_proportional_shares(images):
    dataset = blobs(images=images)
    assert per_blob(dataset, chosen("kmeans-proportional", dataset, 20)) == [12, 6, 2]
    # 0.6·8 = 4.8, 2.4, 0.8, rounded down: 4, 2, 0; two are left for the two largest.
    assert per_blob(dataset, chosen("kmeans-proportional", dataset, 8)) == [5, 3, 0]


def test_large_pictures_count_by_the_means_of_their_blocks():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 70, 50, 3), dtype=np.uint8)
    dataset = Dataset("large", list("abc"), pixels, None, np.zeros(3, np.int64), ("x",))
    # At most 32 a side: blocks of 3 × 3 pixels, narrower at the far edges.
    blocks = [[pixels[:, y : y + 3, x : x + 3].mean(axis=(1, 2)) for x in range(0, 50, 3)] for y in range(0, 70, 3)]
    wanted = np.array(blocks).transpose(2, 0, 1, 3).reshape(3, -1) / 255
    assert table_of(dataset).dtype == np.float32
    np.testing.assert_allclose(table_of(dataset), wanted, rtol=1e-5)


def test_within_a_cluster_at_random():
    dataset = blobs((3, 3, 94))
    large = np.flatnonzero(dataset.targets == 2)
    seen = set()
    for seed in range(100):
        seen.update(chosen("kmeans-proportional", dataset, 10, seed=seed).tolist())
    assert len(seen & set(large.tolist())) == len(large)


def test_the_number_of_clusters_can_be_given():
    dataset = blobs((50, 40, 10))
    assert per_blob(dataset, chosen("kmeans-equal", dataset, 12, clusters=3)) == [4, 4, 4]
    assert len(chosen("kmeans-equal", dataset, 12, clusters=1)) == 12
    assert len(set(chosen("kmeans-equal", dataset, 100, clusters=500).tolist())) == 100
    with pytest.raises(ValueError, match="clusters must be None or a whole number ≥ 1"):
        initial.create("kmeans-equal", clusters=0)


def test_unknown_number_of_classes_is_asked_for():
    dataset = blobs()
    unnamed = Dataset("folder", dataset.ids, None, dataset.features, np.full(100, -1, dtype=np.int64), ())
    with pytest.raises(ValueError, match="give `clusters`"):
        chosen("kmeans-equal", unnamed, 9)
    assert per_blob(dataset, chosen("kmeans-equal", unnamed, 9, clusters=3)) == [3, 3, 3]


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_equal_samples():
    same = Dataset("same", [str(i) for i in range(20)], None, np.ones((20, 2), np.float32), np.zeros(20, np.int64), tuple("abc"))
    for name in NAMES:
        assert len(set(chosen(name, same, 7).tolist())) == 7


@pytest.mark.parametrize("name", ["kmeans-equal", "kmeans-proportional"])
def test_cancelling(name):
    def cancel(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        initial.create(name).choose(blobs(), 10, np.random.default_rng(0), cancel)


def test_quotas_by_hand():
    assert allot(np.array([10, 10, 10]), 10, proportional=False).tolist() == [4, 3, 3]
    assert allot(np.array([1, 10, 10]), 12, proportional=False).tolist() == [1, 6, 5]
    assert allot(np.array([2, 0, 98]), 10, proportional=False).tolist() == [2, 0, 8]
    assert allot(np.array([5, 9, 9]), 2, proportional=False).tolist() == [0, 1, 1]
    assert allot(np.array([5, 9, 9]), 5, proportional=True).tolist() == [1, 2, 2]
    assert allot(np.array([34, 33, 33]), 50, proportional=True).tolist() == [18, 16, 16]


@settings(max_examples=200, deadline=None)
@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=8), share=st.floats(0, 1), proportional=st.booleans())
def test_quotas_always_add_up(sizes, share, proportional):
    total = sum(sizes)
    n = round(share * total)
    if n == 0:
        return
    quotas = allot(np.array(sizes), n, proportional=proportional)
    assert quotas.sum() == n
    assert (quotas >= 0).all()
    assert (quotas <= sizes).all()
    if proportional:
        assert (quotas >= np.floor(np.array(sizes) * n / total - 1e-9)).all()
    else:
        # Whoever has more to give stands at one level, give or take the remainder.
        open_ = quotas < sizes
        assert not open_.any() or quotas.max() <= quotas[open_].min() + 1
