"""Thinning reaches what it promises, from the pool only, and the spec brings the same pool back."""

from dataclasses import replace

import numpy as np
import pytest

import alviz
from alviz.data import classes as data_classes
from alviz.data import content_hash, create, from_arrays, imbalance_ratio, rules, thin, thin_power, thin_ratio


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
        ("1:2:…:10", "1:10"),
        ("1:2:...:10, seed=2, TEST", "1:10, seed=2, test"),
        ("power-law=30", "power-law=30"),
        ("only= 3,1", "only=3, 1"),
        ("merge=0;1:19", "merge=0; 1:19"),
        ("ir=0.5, test ; ood=8, 9", "ir=0.5, test; ood=8, 9"),
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


def test_a_pool_changed_twice_says_so_in_its_spec():
    assert thin_ratio(thin(balanced(3, 50), 0.3), 2).spec is None
    assert thin_ratio(create("digits", imbalance="ir=0.3"), 2).spec["params"] == {"imbalance": "ir=0.3; 1:2"}


@pytest.mark.parametrize(
    "bad", ["ir", "ir=x", "0.75", "1:", "2:3", "ir=0.5,3", "ir=0.5,seed=-1", "ir=1e3", 0.75, "", "1:2;", "only", "none; 1:2"]
)
def test_other_texts(bad):
    with pytest.raises(ValueError, match="imbalance must be none, ir=<number>, 1:<number>, "):
        alviz.data.create("digits", imbalance=bad)


# ---- long tails, test sets, other tasks


@pytest.mark.parametrize(("classes", "ratio"), [(10, 100), (100, 50), (2, 4), (1, 7)])
def test_a_power_law_is_a_line_in_logarithms(classes, ratio):
    sizes = counts(thin_power(balanced(classes, 2000), ratio))
    assert sizes[0] == 2000
    alpha = np.log(ratio) / np.log(max(classes, 2))
    assert np.allclose(np.log(sizes), np.log(2000) - alpha * np.log(np.arange(1, classes + 1)), atol=0.03)
    if classes > 1:
        assert sizes[0] / sizes[-1] == pytest.approx(ratio, rel=0.03)


def test_the_test_set_is_thinned_only_when_asked():
    assert counts(create("digits", imbalance="1:10").test).tolist() == [40] * 10
    both = create("digits", imbalance="1:10, test")
    assert counts(both.test).tolist() == [4, 8, 12, 16, 20, 24, 28, 32, 36, 40]
    assert both.ids == create("digits", imbalance="1:10").ids


def by_id(dataset):
    return {name: dataset.class_names[k] for name, k in zip(dataset.ids, dataset.targets, strict=True) if k >= 0}


def test_a_subset_of_the_classes():
    whole, some = create("fashion-mini"), create("fashion-mini", imbalance="only=Sandal, bag")
    assert some.class_names == ("Sandal", "Bag")
    for part, all_of_it in ((some, whole), (some.test, whole.test)):
        assert by_id(part) == {name: k for name, k in by_id(all_of_it).items() if k in ("Sandal", "Bag")}
    rows = {name: i for i, name in enumerate(whole.ids)}
    assert np.array_equal(some.images, whole.images[[rows[name] for name in some.ids]])


def test_paper_002_merged_positives_at_one_to_nineteen():
    whole, pool = create("fashion-mini"), create("fashion-mini", imbalance="merge=Sneaker, Ankle boot; 1:19")
    assert pool.class_names == ("Sneaker + Ankle boot", "rest")
    assert counts(pool).tolist() == [round(4800 / 19), 4800]
    assert counts(pool)[0] / len(pool) == pytest.approx(0.05, abs=0.001)
    positive = {name for name, k in by_id(pool).items() if k != "rest"}
    assert positive <= {name for name, k in by_id(whole).items() if k in ("Sneaker", "Ankle boot")}
    assert counts(pool.test).tolist() == [400, 1600]


def test_classes_nobody_asked_for_stay_in_the_pool_without_a_target():
    whole, pool = create("fashion-mini"), create("fashion-mini", imbalance="ood=Bag, Coat, Dress")
    assert pool.ids == whole.ids
    assert pool.class_names == ("T-shirt/top", "Trouser", "Pullover", "Sandal", "Shirt", "Sneaker", "Ankle boot")
    strangers = ("Bag", "Coat", "Dress")
    assert by_id(pool) == {name: k for name, k in by_id(whole).items() if k not in strangers}
    assert by_id(pool.test) == {name: k for name, k in by_id(whole.test).items() if k not in strangers}
    assert len(pool.test) == 1400


def test_a_run_skips_classes_nobody_asked_for():
    pool = create("digits", imbalance="ood=8, 9")
    run = alviz.Run(pool, n_queries=40)
    run.step()
    for finished in run.rounds:
        assert np.array_equal(finished.labels, pool.targets[finished.queried])
        assert 0 < (finished.labels < 0).sum() < 40
        assert np.isfinite(finished.metrics["accuracy"])
    asked = np.concatenate([finished.queried for finished in run.rounds])
    assert len(set(asked)) == 80  # nobody is asked twice about a stranger
    assert run.n_labelled == (pool.targets[asked] >= 0).sum()


def named(*class_names):
    y = np.repeat(np.arange(len(class_names)), 4)
    return replace(from_arrays(features=np.arange(len(y))[:, None], targets=y, class_names=class_names), spec={"name": "x", "params": {}})


def test_classes_by_place_where_their_names_hold_commas():
    dataset = named("shark, white", "1", "0", "cat; dog")
    for rule, classes in (("only=#0, 1", ("shark, white", "1")), ("only=0, 1, #3", ("0", "1", "cat; dog"))):
        some = rules.apply(dataset, rule)
        assert some.class_names == classes
        assert rules.apply(dataset, some.spec["params"]["imbalance"]).ids == some.ids
    assert data_classes.only(dataset, [2, 3]).class_names == ("0", "cat; dog")


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("only=cat", "wanted two or more different classes of 'arrays', got"),
        ("only=cat, cat", "wanted two or more different classes"),
        ("only=cat, cot", "has no class 'cot'; did you mean 'cat'"),
        ("only=cat, #9", "has no class '#9'; it has"),
        ("merge=cat, dog, hen", "merge must leave a class for the rest"),
        ("ood=cat, dog", "ood must leave two classes or more, got 2 of 3"),
        ("ood=", "wanted one or more different classes"),
        ("ood=cat; ir=0.1", "cannot be thinned: 4 of its 12 labels are unknown"),
        ("power-law=100", "power-law=100 leaves no sample in the smallest class"),
    ],
)
def test_tasks_that_make_no_sense(rule, wanted):
    with pytest.raises(ValueError, match=wanted):
        rules.apply(named("cat", "dog", "hen"), rule)
