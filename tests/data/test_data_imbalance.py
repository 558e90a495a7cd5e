"""Thinning reaches what it promises, from the pool only, and the spec brings the same pool back."""

import numpy as np
import pytest

import alviz.data
from alviz.data import content_hash, create, from_arrays, imbalance_ratio, thin, thin_ratio


def balanced(classes, per_class):
    y = np.repeat(np.arange(classes), per_class)
    return from_arrays(features=np.arange(len(y), dtype=float)[:, None], targets=y)


def counts(dataset):
    return np.bincount(dataset.targets, minlength=dataset.n_classes)


def test_imbalance_ratio_by_hand():
    assert imbalance_ratio([1, 1, 4]) == pytest.approx(np.sqrt(2.0) / 2.0)
    assert imbalance_ratio([7, 7, 7, 7]) == 0.0
    assert imbalance_ratio([9, 0, 0, 0, 0]) == pytest.approx(2.0)  # √(K − 1)


@pytest.mark.parametrize("bad", [[], [0, 0], [[1, 2]], [-1, 3]])
def test_imbalance_ratio_needs_samples(bad):
    with pytest.raises(ValueError, match="counts must be samples per class"):
        imbalance_ratio(bad)


@pytest.mark.parametrize("ir", [0.1, 0.5, 0.75, 1.2, 2.0])
@pytest.mark.parametrize("classes", [6, 10, 100])
def test_thin_reaches_the_ratio(classes, ir):
    thinned = thin(balanced(classes, 500), ir, seed=3)
    sizes = counts(thinned)
    assert sizes.std() / sizes.mean() == pytest.approx(ir, abs=0.005)
    assert sizes.min() >= 1
    assert sizes.max() == 500


def test_thinned_like_the_papers_keeps_what_the_papers_kept():
    # Papers 000 and 001, table of datasets: CIFAR-100 (500 per class) at ir 0.740 has 171.68 images per class, σ 126.98.
    sizes = counts(thin(balanced(100, 500), 0.740))
    assert sizes.mean() == pytest.approx(171.68, rel=0.02)
    assert sizes.std() == pytest.approx(126.98, rel=0.02)


def test_sizes_fall_geometrically_in_an_order_of_the_seed():
    first, second = (counts(thin(balanced(10, 2000), 0.75, seed)) for seed in (0, 1))
    assert sorted(first) == sorted(second)
    assert first.tolist() != second.tolist()
    falling = np.sort(first)[::-1]
    assert np.allclose(falling[1:] / falling[:-1], (falling[-1] / falling[0]) ** (1 / 9), rtol=0.01)


def test_a_pool_less_balanced_than_asked_is_levelled():
    y = np.repeat([0, 1, 2], [1000, 100, 50])
    thinned = thin(from_arrays(features=np.arange(len(y))[:, None], targets=y), 0.3)
    assert imbalance_ratio(counts(thinned)) == pytest.approx(0.3, abs=0.01)
    assert counts(thinned)[1:].tolist() == [min(100, counts(thinned)[0]), 50]


@pytest.mark.parametrize(("classes", "ir"), [(2, 1.1), (4, 1.8)])
def test_a_ratio_out_of_reach(classes, ir):
    with pytest.raises(ValueError, match=rf"ir={ir} cannot be reached with class sizes .* possible: 0.00 … "):
        thin(balanced(classes, 100), ir)


def test_samples_kept_are_samples_of_the_pool_and_the_test_set_stays():
    whole = create("gaussians", n=1000, n_test=100)
    thinned = thin(whole, 0.5)
    rows = {name: i for i, name in enumerate(whole.ids)}
    kept = [rows[name] for name in thinned.ids]
    assert kept == sorted(set(kept))
    assert np.array_equal(thinned.features, whole.features[kept])
    assert np.array_equal(thinned.targets, whole.targets[kept])
    assert thinned.test is whole.test
    assert thinned.bayes_accuracy == whole.bayes_accuracy


def test_paper_004_profile():
    assert counts(thin_ratio(balanced(10, 600), 10)).tolist() == [60, 120, 180, 240, 300, 360, 420, 480, 540, 600]


def test_paper_002_one_to_nineteen():
    assert counts(thin_ratio(balanced(2, 1900), 19)).tolist() == [100, 1900]


def test_thin_ratio_of_an_uneven_pool_keeps_the_proportions():
    y = np.repeat([0, 1, 2], [90, 40, 300])
    assert counts(thin_ratio(from_arrays(features=np.arange(len(y))[:, None], targets=y), 3)).tolist() == [20, 40, 60]


def test_what_cannot_be_thinned():
    unknown = from_arrays(features=np.zeros((5, 1)), class_names=["a", "b"])
    with pytest.raises(ValueError, match="5 of its 5 labels are unknown"):
        thin(unknown)
    missing = from_arrays(features=np.zeros((5, 1)), targets=[0] * 5, class_names=["a", "b"])
    with pytest.raises(ValueError, match="class 'b' has no sample"):
        thin_ratio(missing)
    with pytest.raises(ValueError, match="leaves no sample in the smallest class"):
        thin_ratio(balanced(3, 5), 100)


@pytest.mark.parametrize(
    ("imbalance", "canonical"),
    [
        ("ir=0.75", "ir=0.75"),
        (" ir = .5 , seed = 3", "ir=0.5, seed=3"),
        ("1:10", "1:10"),
        ("1:2.5,seed=1", "1:2.5, seed=1"),
        ("ir=1", "ir=1"),
    ],
)
def test_the_spec_makes_the_same_pool_again(imbalance, canonical):
    dataset = create("digits", imbalance=imbalance)
    assert dataset.spec == {"name": "digits", "params": {"imbalance": canonical}}
    assert content_hash(create(dataset.spec["name"], **dataset.spec["params"])) == content_hash(dataset)


def test_text_and_function_are_the_same_thing():
    assert content_hash(create("digits", imbalance="ir=0.6, seed=2")) == content_hash(thin(create("digits"), 0.6, seed=2))
    assert thin(create("digits"), 0.6, seed=2).spec["params"] == {"imbalance": "ir=0.6, seed=2"}


@pytest.mark.parametrize("nothing", [None, "none"])
def test_no_imbalance(nothing):
    assert create("digits", imbalance=nothing).spec == {"name": "digits", "params": {}}


def test_a_pool_thinned_twice_has_no_spec():
    assert thin_ratio(thin(balanced(3, 50), 0.3), 2).spec is None
    assert thin_ratio(create("digits", imbalance="ir=0.3"), 2).spec is None


@pytest.mark.parametrize("bad", ["ir", "ir=x", "0.75", "1:", "2:3", "ir=0.5,3", "ir=0.5,seed=-1", "ir=1e3", 0.75, ""])
def test_other_texts(bad):
    with pytest.raises(ValueError, match="imbalance must be none, ir=<number> or 1:<number>"):
        alviz.data.create("digits", imbalance=bad)
