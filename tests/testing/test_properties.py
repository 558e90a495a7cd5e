"""pools() draws what it says, and check_strategy_property finds what only odd pools show."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from alviz.registry import Card
from alviz.strategies import ScoringStrategy, create
from alviz.strategies.pool import POSTERIORS
from alviz.testing import check_strategy_property, pools, random_arrays, random_pool, random_scene, selected
from alviz.testing.invariance import without_ties


@pytest.fixture(scope="module")
def drawn():
    cases = []

    @settings(max_examples=300, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(pools())
    def collect(case):
        cases.append(case)

    collect()
    return cases


def test_every_kind_of_pool_is_drawn(drawn):
    kinds = Counter()
    for case in drawn:
        scene = case.scene
        n, k = len(scene.targets), scene.weights.shape[1]
        p, x = scene.arrays["probabilities"], scene.arrays["features"]
        kinds["budget is the pool"] += case.n_queries == len(scene.candidates)
        kinds["one pick"] += case.n_queries == 1
        kinds["one candidate"] += len(scene.candidates) == 1
        kinds["nothing labelled"] += not len(scene.labelled)
        kinds["one label"] += len(scene.labelled) == 1
        kinds["one class labelled"] += len(scene.labelled) > 1 and (scene.labels == 0).all() and k > 1
        kinds["one class"] += k == 1
        kinds["100 classes"] += k == 100
        kinds["float32"] += p.dtype == np.float32
        kinds["constant features"] += n > 1 and (x == x[0]).all()
        kinds["duplicates"] += 1 < len(np.unique(x, axis=0)) < n
        kinds["certain"] += k > 1 and (p.max(axis=1) == 1).all()
        kinds["uniform"] += k > 1 and (p == p[0, 0]).all()
        kinds["tied"] += len(np.unique(p, axis=0)) < n
        kinds["nothing special"] += len(np.unique(np.column_stack([p, x]), axis=0)) == n
    assert min(kinds.values()) >= 4, kinds


def test_every_pool_is_one(drawn):
    for case in drawn:
        scene = case.scene
        n, k = len(scene.targets), scene.weights.shape[1]
        assert 1 <= case.n_queries <= len(scene.candidates)
        assert not set(scene.candidates) & set(scene.labelled)
        assert (np.diff(scene.candidates) > 0).all() and (np.diff(scene.labelled) > 0).all()
        assert np.array_equal(scene.targets[scene.labelled], scene.labels)
        assert scene.targets.max() < k
        for name in ("probabilities", "previous_probabilities", *POSTERIORS):
            array = scene.arrays[name]
            assert array.shape[-2:] == (n, k)
            assert np.allclose(array.sum(axis=-1), 1, atol=1e-5)
        assert {len(scene.arrays[name]) for name in ("features", "embeddings", "images", "predicted_loss")} == {n}


def test_without_labels_can_be_left_out():
    @settings(max_examples=50, derandomize=True, database=None, deadline=None)
    @given(pools(max_n=6, without_labels=False))
    def some_label(case):
        assert len(case.scene.labelled)
        assert len(case.scene.targets) <= 6

    some_label()


CARD = Card(title="t", idea="i")


class Made(ScoringStrategy):
    card = CARD
    needs = ("probabilities",)

    def __init__(self):
        self.name = "made for this test"

    def score(self, pool):
        return 1 - pool.probabilities.max(axis=1)


class RelativeToSpread(Made):
    """Divides by 0 where all are equally certain."""

    def score(self, pool):
        s = super().score(pool)
        with np.errstate(invalid="ignore"):
            return (s - s.min()) / (s.max() - s.min())


class ByQuotient(Made):
    needs = ("features",)

    def score(self, pool):
        x = pool.features - pool.features.mean(axis=0)
        with np.errstate(invalid="ignore"):
            return (x / np.linalg.norm(x, axis=1, keepdims=True))[:, 0]


class TenClassesAtMost(Made):
    def score(self, pool):
        return np.zeros(10)[pool.probabilities.argmax(axis=1)]


class NeedsEveryClass(Made):
    def score(self, pool):
        with np.errstate(all="ignore"):
            return super().score(pool) + pool.class_counts.max() / pool.class_counts.min() * 0


class Forgetful(Made):
    def score(self, pool):
        pool.run_cache["n"] = pool.run_cache.get("n", 0) + 1
        return super().score(pool) + np.arange(len(pool)) * (pool.run_cache["n"] > 1)


def test_a_good_strategy_passes():
    check_strategy_property(Made)
    check_strategy_property(lambda: create("badge"), derandomize=False, max_examples=5)


@pytest.mark.parametrize("wrong", [RelativeToSpread, ByQuotient, TenClassesAtMost, NeedsEveryClass, Forgetful])
def test_what_breaks_on_odd_pools_is_found(wrong):
    with pytest.raises((ValueError, IndexError, AssertionError)) as failure:
        check_strategy_property(wrong)
    assert "PoolCase(n=" in "\n".join(getattr(failure.value, "__notes__", ()))


# ---- the pools themselves ------------------------------------------------------------------------------------------------------------


def test_no_position_is_a_candidate():
    pool = random_pool(random_arrays(), 12)
    assert np.array_equal(pool.candidates, np.arange(30, 60))
    assert len(pool.labelled) == 12


def test_refit_really_trains():
    arrays = random_arrays(n=30, n_classes=3)
    arrays["features"][0] = 10.0
    pool = random_pool(arrays, 6, n_classes=3, one_class=True)
    after = pool.refit(np.array([20, 21]), np.array([2, 2]))
    assert np.array_equal(after.candidates, [i for i in range(15, 30) if i not in (20, 21)])
    assert np.array_equal(after.labels, [0] * 6 + [2, 2])
    x = arrays["features"]
    means = {0: x[pool.labelled].mean(axis=0), 2: x[[20, 21]].mean(axis=0)}
    for row, i in enumerate(after.candidates):
        weights = {c: np.exp(-((x[i] - mean) ** 2).sum()) for c, mean in means.items()}
        expected = [weights[0] / sum(weights.values()), 0, weights[2] / sum(weights.values())]
        assert np.allclose(after.probabilities[row], expected)
        assert np.allclose(after.predict(x[i : i + 1])[0], expected)
    assert np.array_equal(after.previous_probabilities, arrays["probabilities"][after.candidates])
    assert np.allclose(after.dropout_posterior[0], after.probabilities)
    again = after.refit(np.array([22]), np.array([1]))
    assert (again.probabilities[:, 1] > 0).all()


def test_the_truth_is_for_oracles():
    assert random_pool(random_arrays(), 12).true_targets is None
    pool = random_pool(random_arrays(), 12, oracle=True)
    assert np.array_equal(pool.true_targets[pool.labelled], pool.labels)


def test_renumbered_scenes_are_the_same_pool():
    scene = without_ties(0)
    order = np.random.default_rng(1).permutation(60)
    other = scene.samples_renumbered(order)
    a, b = scene.pool(oracle=True), other.pool(oracle=True)
    back = np.argsort(order[b.candidates])
    for name in scene.arrays:
        rows = b.signal(name)[:, back] if name in POSTERIORS else b.signal(name)[back]
        assert np.array_equal(a.signal(name), rows)
    assert np.array_equal(np.sort(order[b.labelled]), a.labelled)
    assert np.array_equal(b.labels, a.true_targets[order[b.labelled]])
    assert np.array_equal(b.true_targets, a.true_targets[order])
    assert np.array_equal(scene.samples_renumbered(np.arange(60)).labels, scene.labels)

    order = np.array([2, 0, 3, 1])
    c = scene.classes_renumbered(order).pool(oracle=True)
    assert np.array_equal(c.probabilities, a.probabilities[:, order])
    assert np.allclose(c.predict(c.features), a.predict(a.features)[:, order])
    assert np.array_equal(order[c.labels], a.labels)
    assert np.array_equal(order[c.true_targets], a.true_targets)
    assert np.array_equal(c.class_counts, a.class_counts[order])
    extra, label = c.candidates[:1], np.array([0])
    assert np.allclose(c.refit(extra, label).probabilities, a.refit(extra, order[label]).probabilities[:, order])
    assert np.array_equal(np.sort(a.class_counts), [1, 2, 3, 4])


def test_selected_gives_the_whole_selection():
    scene = random_scene(random_arrays(), 12)
    chosen = selected(Made(), scene, 5)
    expected = 1 - scene.arrays["probabilities"][30:].max(axis=1)
    assert np.allclose(chosen.scores[30:], expected)
    assert np.array_equal(chosen.indices, 30 + np.argsort(-expected)[:5])
