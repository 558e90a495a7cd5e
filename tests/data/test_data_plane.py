"""The 2D pools: sizes, settings that mean the same everywhere, and the geometry each one promises."""

import random

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import alviz.data

PLANE = ["gaussians", "mixture", "moons", "circles", "xor", "checkerboard", "spirals", "rare-blob", "outliers", "duplicates"]
SHAPES = ["moons", "circles", "xor", "checkerboard", "spirals"]


def knn_accuracy(dataset, k=15):
    fit = KNeighborsClassifier(k).fit(dataset.features, dataset.targets)
    return fit.score(dataset.test.features, dataset.test.targets)


@pytest.mark.parametrize("name", PLANE)
def test_defaults(name):
    dataset = alviz.data.create(name)
    assert len(dataset) == (5000 if name == "gaussians" else 2000)
    assert len(dataset.test) == 500
    assert dataset.features.shape == (len(dataset), 2)
    assert dataset.class_names == ("A", "B")
    assert abs(np.bincount(dataset.targets) / len(dataset) - 0.5).max() < 0.01
    assert np.bincount(dataset.test.targets).tolist() == [250, 250]
    assert not set(dataset.ids) & set(dataset.test.ids)


@pytest.mark.parametrize("name", [name for name in PLANE if name not in ("outliers", "mixture")])
def test_scale_is_standard(name):
    x = alviz.data.create(name).features.astype(float)
    # Copies are drawn after the scaling, so `duplicates` has it only as closely as 100 points can.
    tolerance = 0.3 if name == "duplicates" else 1e-4
    assert abs(x.mean(axis=0)).max() < tolerance
    assert abs(x.var(axis=0).mean() - 1.0) < tolerance


@pytest.mark.parametrize("name", PLANE)
def test_class_ratio_is_that_of_the_pool_only(name):
    dataset = alviz.data.create(name, n=1100, n_test=300, class_ratio=0.1)
    assert np.bincount(dataset.targets).tolist() == [1000, 100]
    assert np.bincount(dataset.test.targets).tolist() == [150, 150]


@pytest.mark.parametrize("name", PLANE)
@pytest.mark.parametrize("share", [0.2, 1.0])
def test_label_noise_flips_exactly_that_share_of_the_pool(name, share):
    clean = alviz.data.create(name, n=500)
    noisy = alviz.data.create(name, n=500, label_noise=share)
    assert (clean.targets != noisy.targets).sum() == round(share * 500)
    assert np.array_equal(clean.features, noisy.features)
    assert np.array_equal(clean.test.targets, noisy.test.targets)
    assert np.array_equal(clean.test.features, noisy.test.features)


@pytest.mark.parametrize("name", PLANE)
def test_a_seed_is_a_dataset_and_global_state_plays_no_part(name):
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    first = alviz.data.create(name, n=300, seed=4)
    assert np.array_equal(before[0], np.random.get_state()[1])  # noqa: NPY002
    assert before[1] == random.getstate()
    np.random.seed(2)  # noqa: NPY002
    again = alviz.data.create(name, n=300, seed=4)
    other = alviz.data.create(name, n=300, seed=5)
    assert alviz.data.content_hash(first) == alviz.data.content_hash(again)
    assert alviz.data.content_hash(first.test) == alviz.data.content_hash(again.test)
    assert not np.array_equal(first.features, other.features)
    assert first.ids == other.ids


@pytest.mark.parametrize("name", PLANE)
def test_the_smallest_pool_has_every_class(name):
    dataset = alviz.data.create(name, n=20, n_test=20, class_ratio=0.01)
    assert np.bincount(dataset.targets).tolist() == [19, 1]


@pytest.mark.parametrize("name", PLANE)
@pytest.mark.parametrize(
    ("setting", "value", "wanted"),
    [
        ("n", 19, "n must be a whole number in 20"),
        ("n", 100.5, "n must be a whole number"),
        ("n_test", 0, "n_test must be a whole number in 20"),
        ("class_ratio", 0.0, "class_ratio must be a number in 0.01 … 1, got 0.0"),
        ("class_ratio", 1.5, "class_ratio must"),
        ("overlap", -0.1, "overlap must be a number in 0 … 1, got -0.1"),
        ("spread", float("nan"), "spread must be a number .* got nan"),
        ("label_noise", "much", "label_noise must be a number in 0 … 1, got 'much'"),
        ("seed", -1, "seed must be a whole number"),
        ("seed", True, "seed must be a whole number"),
    ],
)
def test_settings_out_of_range(name, setting, value, wanted):
    with pytest.raises(ValueError, match=wanted):
        alviz.data.create(name, **{setting: value})


@pytest.mark.parametrize("name", SHAPES)
def test_without_overlap_the_classes_are_apart(name):
    assert knn_accuracy(alviz.data.create(name, n=4000, spread=0.5 if name != "checkerboard" else 0.8), k=1) > 0.99


@pytest.mark.parametrize("name", ["gaussians", "mixture", "circles", "xor", "checkerboard", "spirals", "outliers"])
def test_full_overlap_leaves_nothing_to_learn(name):
    assert abs(knn_accuracy(alviz.data.create(name, n_test=4000, overlap=1.0)) - 0.5) < 0.04


def test_full_overlap_gives_the_moons_one_centre():
    apart, together = (alviz.data.create("moons", n=20_000, overlap=overlap) for overlap in (0.0, 1.0))
    gaps = [np.linalg.norm(d.features[d.targets == 0].mean(0) - d.features[d.targets == 1].mean(0)) for d in (apart, together)]
    assert gaps[0] > 1.0
    assert gaps[1] < 0.03


@pytest.mark.parametrize("name", PLANE)
def test_more_overlap_or_spread_makes_the_task_harder(name):
    low, high, wide = (
        alviz.data.create(name, n_test=2000, **s) for s in ({"overlap": 0.05}, {"overlap": 0.8}, {"overlap": 0.05, "spread": 2.5})
    )
    assert knn_accuracy(low) > knn_accuracy(high) + 0.05
    assert knn_accuracy(low) > knn_accuracy(wide) + 0.02


@pytest.mark.parametrize("name", ["circles", "xor", "checkerboard"])
def test_no_line_separates_these(name):
    dataset = alviz.data.create(name, n_test=2000)
    line = LogisticRegression().fit(dataset.features, dataset.targets)
    assert line.score(dataset.test.features, dataset.test.targets) < 0.65


def test_checkerboard_fields_alternate():
    dataset = alviz.data.create("checkerboard", n=4000, spread=0.9, squares=6)
    x = dataset.features - dataset.features.min(axis=0)
    # Six fields filled to 0.9 reach over 5.9 field widths; half a gap of slack on the left.
    cells = np.floor(5.9 * x / x.max(axis=0) + 0.05).astype(int)
    parity = cells.sum(axis=1) % 2
    assert len(np.unique(cells, axis=0)) == 36
    assert (parity == dataset.targets).all() or (parity != dataset.targets).all()


def test_rare_blob_lies_behind_the_other_class():
    dataset = alviz.data.create("rare-blob", n=2000, rare=0.1)
    x, second = dataset.features[:, 0], dataset.targets == 1
    blob = second & (x < x[~second].mean())
    assert blob.sum() == 100
    assert x[blob].max() < x[~second].min() + 0.2
    test = dataset.test
    assert ((test.targets == 1) & (test.features[:, 0] < -2.5)).sum() == 25


def test_outliers_are_far_off_and_only_in_the_pool():
    dataset = alviz.data.create("outliers", n=2000, share=0.05)
    radius = np.linalg.norm(dataset.features, axis=1)
    assert (radius >= 3.999).sum() == 100
    assert radius.max() <= 8.001
    assert np.linalg.norm(dataset.test.features, axis=1).max() < 4.5
    assert abs(dataset.targets[radius > 3.999].mean() - 0.5) < 0.15


def test_duplicates_are_copies_to_the_last_bit():
    dataset = alviz.data.create("duplicates", n=2000, copies=20)
    rows, group, sizes = np.unique(dataset.features, axis=0, return_inverse=True, return_counts=True)
    assert sizes.tolist() == [20] * 100
    assert all(len(set(dataset.targets[group.ravel() == g])) == 1 for g in range(len(rows)))
    assert len(np.unique(dataset.test.features, axis=0)) == 500


@pytest.mark.parametrize(("overlap", "spread"), [(0.1, 1.0), (0.28, 1.0), (0.28, 2.0), (0.7, 0.5)])
def test_bayes_accuracy_of_two_gaussians(overlap, spread):
    dataset = alviz.data.create("gaussians", n=50_000, n_test=100_000, overlap=overlap, spread=spread)
    distance = -2.0 * norm.ppf(overlap / 2.0)
    assert dataset.bayes_accuracy == pytest.approx(norm.cdf(distance / (2.0 * spread)), abs=1e-9)
    if spread == 1.0:
        assert dataset.bayes_accuracy == pytest.approx(1.0 - overlap / 2.0, abs=1e-9)
    # The nearest-mean rule is the Bayes rule here.
    means = np.stack([dataset.features[dataset.targets == k].mean(axis=0) for k in (0, 1)])
    nearest = np.linalg.norm(dataset.test.features[:, None] - means, axis=2).argmin(axis=1)
    assert np.mean(nearest == dataset.test.targets) == pytest.approx(dataset.bayes_accuracy, abs=0.005)


@pytest.mark.parametrize("name", ["outliers", "duplicates"])
def test_the_same_bound_holds_for_the_pools_built_on_them(name):
    assert alviz.data.create(name, overlap=0.3).bayes_accuracy == pytest.approx(0.85)


def test_chosen_centers_and_spreads_are_drawn_as_given():
    centers, spreads = [[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]], [1.0, 0.5, 2.0]
    dataset = alviz.data.create("gaussians", n=60_000, overlap=None, centers=centers, spreads=spreads, spread=0.5)
    groups = [dataset.features[dataset.targets == k].astype(float) for k in range(3)]
    found = np.array([g.mean(axis=0) for g in groups])
    unit = np.linalg.norm(found[1] - found[0]) / 4.0
    assert np.allclose((found - found[0]) / unit, centers, atol=0.05)
    assert np.allclose([g.std(axis=0).mean() / unit for g in groups], [0.5, 0.25, 1.0], rtol=0.02)


def test_bayes_accuracy_of_uneven_gaussians_by_monte_carlo():
    centers, spreads = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 2.0]]), np.array([1.0, 0.5, 1.5])
    dataset = alviz.data.create("gaussians", overlap=None, centers=centers, spreads=spreads)
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=400_000)
    x = centers[y] + spreads[y, None] * rng.standard_normal((len(y), 2))
    density = np.exp(-0.5 * ((x[:, None] - centers) ** 2).sum(axis=2) / spreads**2) / spreads**2
    assert dataset.bayes_accuracy == pytest.approx(np.mean(density.argmax(axis=1) == y), abs=0.003)


def test_overlap_sets_the_distance_of_the_nearest_classes():
    dataset = alviz.data.create("gaussians", n=60_000, classes=4, overlap=0.2)
    groups = [dataset.features[dataset.targets == k].astype(float) for k in range(4)]
    sigma = np.mean([g.std(axis=0).mean() for g in groups])
    means = np.array([g.mean(axis=0) for g in groups])
    distances = np.linalg.norm(means[:, None] - means, axis=2)[np.triu_indices(4, 1)]
    assert 2.0 * norm.cdf(-distances.min() / sigma / 2.0) == pytest.approx(0.2, abs=0.01)


def test_class_ratio_of_many_classes_falls_geometrically():
    counts = np.bincount(alviz.data.create("gaussians", n=1111, classes=4, class_ratio=0.125).targets)
    assert counts.sum() == 1111
    assert np.allclose(counts[1:] / counts[:-1], 0.5, atol=0.01)


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"centers": [[0, 0], [0, 0]]}, "centers must be different points"),
        ({"centers": [[0, 0, 0], [1, 1, 1]]}, "centers must be different points"),
        ({"centers": [[0, 0]]}, "classes must be a whole number in 2 … 10, got 1"),
        ({"classes": 11}, "classes must be a whole number in 2 … 10, got 11"),
        ({"spreads": [1.0]}, "spreads must be 2 positive numbers"),
        ({"spreads": [1.0, -1.0]}, "spreads must be 2 positive numbers"),
        ({"overlap": None}, "overlap=None needs centers"),
    ],
)
def test_bad_blobs(params, wanted):
    with pytest.raises(ValueError, match=wanted):
        alviz.data.create("gaussians", **params)


@pytest.mark.parametrize(
    ("name", "params", "wanted"),
    [
        ("checkerboard", {"squares": 3}, "squares must be even"),
        ("spirals", {"turns": 9}, "turns must be a number in 0.5 … 5"),
        ("rare-blob", {"rare": 0.9}, "rare must be a number in 0.01 … 0.5"),
        ("outliers", {"share": 0}, "share must be a number"),
        ("duplicates", {"copies": 1}, "copies must be a whole number in 2 … 100"),
    ],
)
def test_bad_settings_of_one_pool(name, params, wanted):
    with pytest.raises(ValueError, match=wanted):
        alviz.data.create(name, **params)
