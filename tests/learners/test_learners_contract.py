"""What every learner promises, held against every registered one (and a scikit-learn classifier handed in as it is)."""

import hashlib
import random

import numpy as np
import pytest

from alviz import learners
from alviz.learners.adapter import as_learner
from alviz.progress import Cancelled
from alviz.registry import Card

pytestmark = pytest.mark.filterwarnings("error")

NAMES = [*(name for name in learners.simple() if learners.create(name).takes == "features"), "sklearn"]
QUICK = {
    "mlp": {"epochs": 30, "batch_size": 32},
    "mlp-dropout": {"epochs": 30, "batch_size": 32},
    "ensemble": {"size": 3, "params": {"epochs": 30, "batch_size": 32}},
    "forest": {"n_estimators": 12},
}


def make(name):
    if name == "sklearn":
        from sklearn.tree import DecisionTreeClassifier

        return as_learner(DecisionTreeClassifier(max_features=1))
    return learners.create(name, **QUICK.get(name, {}))


def blobs(n, d, k, seed=0, gap=3.0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    centres = np.random.default_rng(100).normal(size=(k, d)) * gap
    return (centres[y] + rng.normal(size=(n, d))).astype(np.float32), y.astype(np.int64)


def fit(name, x, y, seed=0, **kwargs):
    return make(name).fit(x, y, rng=np.random.default_rng(seed), **kwargs)


def check_proba(proba, n, k):
    assert proba.shape == (n, k)
    assert np.isfinite(proba).all() and (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, atol=1e-6)


def state_hash(thing, seen=None):
    """A hash of every array and number that a model holds, however deep."""
    seen = set() if seen is None else seen
    if isinstance(thing, np.ndarray):
        return hashlib.sha256(thing.tobytes() if thing.dtype != object else repr([state_hash(v, seen) for v in thing]).encode()).hexdigest()
    if id(thing) in seen:
        return "seen"
    if hasattr(thing, "__getstate__") and type(thing).__module__.startswith("sklearn.tree._"):
        thing = thing.__getstate__()
    if isinstance(thing, dict):
        return hashlib.sha256(repr([(str(key), state_hash(value, seen)) for key, value in thing.items()]).encode()).hexdigest()
    if isinstance(thing, list | tuple):
        return hashlib.sha256(repr([state_hash(value, seen) for value in thing]).encode()).hexdigest()
    if hasattr(thing, "__dict__") and not callable(thing):
        seen.add(id(thing))
        return hashlib.sha256(repr([(key, state_hash(value, seen)) for key, value in sorted(vars(thing).items())]).encode()).hexdigest()
    return repr(thing) if isinstance(thing, int | float | str | bool | np.generic | None) else type(thing).__name__


def test_state_hash_sees_a_changed_weight():
    model = fit("mlp", *blobs(20, 2, 2))
    before = state_hash(model)
    model.nets.flat[0, 3] += 1e-6
    assert state_hash(model) != before


def test_expected_names():
    assert {"linear-svm", "rbf-svm", "logistic", "knn", "forest", "mlp", "mlp-dropout", "ensemble"} <= set(learners.available())


@pytest.mark.parametrize("name", NAMES)
class TestEveryLearner:
    def test_learns_separated_blobs(self, name):
        x, y = blobs(60, 4, 3, gap=6)
        fresh, truth = blobs(300, 4, 3, seed=1, gap=6)
        proba = fit(name, x, y).predict_proba(fresh)
        check_proba(proba, 300, 3)
        assert (proba.argmax(axis=1) == truth).mean() > 0.9

    def test_columns_keep_class_order_while_classes_are_missing(self, name):
        x, y = blobs(60, 4, 3)
        labels = np.array([1, 4, 6])[y]
        model = fit(name, x, labels, n_classes=8)
        proba = model.predict_proba(x)
        assert model.n_classes == 8
        check_proba(proba, 60, 8)
        assert (proba[:, [0, 2, 3, 5, 7]] == 0).all()
        assert (proba.argmax(axis=1) == labels).mean() > 0.9

    @pytest.mark.parametrize("counts", [(1, 1), (1, 5), (2, 2), (3, 1, 1), (1, 1, 1, 1)])
    def test_few_labels(self, name, counts):
        x, y = blobs(sum(counts), 3, 2)
        y = np.repeat(np.arange(len(counts)), counts)
        check_proba(fit(name, x, y).predict_proba(x), len(y), len(counts))

    def test_one_class_is_certain(self, name):
        x, _ = blobs(4, 3, 2)
        for n in (1, 4):
            proba = fit(name, x[:n], np.full(n, 2), n_classes=5).predict_proba(x)
            assert (proba == np.eye(5)[[2] * 4]).all()

    def test_a_hundred_classes(self, name):
        x, y = blobs(200, 8, 100)
        check_proba(fit(name, x, y).predict_proba(x), 200, 100)

    def test_does_not_depend_on_rows_asked_together(self, name):
        x, y = blobs(60, 5, 3, gap=0.7)
        model = fit(name, x, y)
        pool, _ = blobs(2500, 5, 3, seed=2, gap=0.7)
        whole = model.predict_proba(pool)
        for rows in ([2499], [0], [1023, 1024], np.arange(700, 1900), np.arange(2499, -1, -1)):
            assert (model.predict_proba(pool[rows]) == whole[rows]).all()
        assert model.predict_proba(pool[:0]).shape == (0, 3)

    def test_fit_repeats_bit_for_bit_and_leaves_global_randomness_alone(self, name):
        x, y = blobs(90, 5, 3, gap=0.7)
        np.random.seed(3)  # noqa: NPY002
        random.seed(3)
        before = (str(np.random.get_state()), random.getstate())  # noqa: NPY002
        first = fit(name, x, y, seed=7).predict_proba(x)
        assert (str(np.random.get_state()), random.getstate()) == before  # noqa: NPY002
        np.random.seed(4)  # noqa: NPY002
        assert (fit(name, x, y, seed=7).predict_proba(x) == first).all()

    def test_asking_does_not_change_the_model(self, name):
        x, y = blobs(60, 4, 3, gap=0.7)
        model = fit(name, x, y)
        model.predict_proba(x[:1])  # libraries may fill caches the first time
        before = state_hash(model)
        model.predict_proba(x)
        for ask in ("embed", "logits", "committee_proba"):
            if hasattr(model, ask):
                getattr(model, ask)(x)
        if hasattr(model, "dropout_proba"):
            model.dropout_proba(x, 4, np.random.default_rng(0))
        assert state_hash(model) == before

    def test_inputs_may_be_float64_strided_or_read_only_and_stay_as_they_are(self, name):
        x, y = blobs(60, 4, 3, gap=0.7)
        expected = fit(name, x, y).predict_proba(x)
        wide = x.astype(np.float64)
        strided = np.asfortranarray(x)
        frozen, frozen_y = x.copy(), y.copy()
        frozen.flags.writeable = frozen_y.flags.writeable = False
        for given, labels in ((wide, y), (strided, y.astype(np.int32)), (frozen, frozen_y)):
            copy = given.copy()
            assert (fit(name, given, labels).predict_proba(given) == expected).all()
            assert (given == copy).all()

    @pytest.mark.parametrize("kind", ["constant", "constant and huge", "huge", "tiny", "far away", "one column constant"])
    def test_extreme_features_give_finite_probabilities(self, name, kind):
        x, y = blobs(30, 3, 2)
        x = {
            "constant": np.ones_like(x),
            "constant and huge": np.full_like(x, 3e37),
            "huge": x * np.float32(1e36),
            "tiny": x * np.float32(1e-30),
            "far away": x + np.float32(1e5),
            "one column constant": np.hstack([x, np.full((30, 1), 7, np.float32)]),
        }[kind]
        model = fit(name, x, y)
        check_proba(model.predict_proba(x), 30, 2)
        if kind in ("huge", "tiny", "far away", "one column constant") and name != "sklearn" and not (name == "forest" and kind == "tiny"):
            assert (model.predict_proba(x).argmax(axis=1) == y).mean() > 0.8
        other = x.copy()
        other[:, -1] = 3e38
        check_proba(model.predict_proba(other), 30, 2)

    def test_progress_rises_to_one(self, name):
        x, y = blobs(60, 4, 3)
        seen = []
        fit(name, x, y, progress=seen.append)
        assert seen == sorted(seen) and seen[0] >= 0 and seen[-1] == pytest.approx(1.0)

    def test_cancelled_comes_through_at_any_report(self, name):
        x, y = blobs(60, 4, 3)
        reports = []
        expected = fit(name, x, y, progress=reports.append).predict_proba(x)
        for stop in {0, len(reports) // 2, len(reports) - 1}:
            learner, calls = make(name), []

            def progress(fraction, calls=calls, stop=stop):
                calls.append(fraction)
                if len(calls) == stop + 1:
                    raise Cancelled

            with pytest.raises(Cancelled):
                learner.fit(x, y, rng=np.random.default_rng(0), progress=progress)
            assert (learner.fit(x, y, rng=np.random.default_rng(0)).predict_proba(x) == expected).all()

    @pytest.mark.parametrize(
        ("x", "y", "k", "words"),
        [
            (np.zeros((3, 2)), np.zeros(2, int), None, "x has 3 rows, y has 2"),
            (np.zeros((0, 2)), np.zeros(0, int), None, "y is empty"),
            (np.zeros((2, 2)), np.array([0.0, 1.0]), None, "integers"),
            (np.zeros((2, 2)), np.array([0, 5]), 3, "0 … 2"),
            (np.zeros((2, 2)), np.array([-1, 1]), 3, "0 … 2"),
            (np.array([[0.0], [np.nan]]), np.array([0, 1]), None, "NaN"),
            (np.array([[0.0], [1e300]]), np.array([0, 1]), None, "float32"),
            (np.zeros((2, 3, 3)), np.array([0, 1]), None, r"\(n, d\)"),
        ],
    )
    def test_bad_input_is_refused(self, name, x, y, k, words):
        with pytest.raises(ValueError, match=words):
            fit(name, x, y, n_classes=k)

    def test_card_and_protocols(self, name):
        learner = make(name)
        assert isinstance(learner.card, Card) and learner.card.idea and learner.card.reference
        model = learner.fit(*blobs(30, 4, 3), rng=np.random.default_rng(0))
        assert isinstance(model, learners.HasCommittee) == ("committee_posterior" in learner.provides)
        assert isinstance(model, learners.HasDropout) == ("dropout_posterior" in learner.provides)


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("linear-svm", {"C": 0}, "C must be a number > 0, got 0"),
        ("linear-svm", {"C": float("nan")}, "C must"),
        ("linear-svm", {"class_weight": "heavy"}, "class_weight must"),
        ("rbf-svm", {"C": -1.0}, "C must"),
        ("rbf-svm", {"gamma": 0}, "gamma must"),
        ("rbf-svm", {"class_weight": {}}, "class_weight must"),
        ("logistic", {"C": "1"}, "C must"),
        ("knn", {"n_neighbors": 0}, "n_neighbors must"),
        ("knn", {"weights": "heavy"}, "weights must"),
        ("forest", {"n_estimators": 2.5}, "n_estimators must"),
        ("forest", {"max_depth": 0}, "max_depth must"),
        ("mlp", {"hidden": 0}, "hidden must"),
        ("mlp", {"dropout": 1.0}, "dropout must"),
        ("mlp", {"optimizer": "lbfgs"}, "optimizer must"),
        ("mlp", {"lr": 0.0}, "lr must"),
        ("mlp", {"epochs": 0}, "epochs must"),
        ("mlp", {"batch_size": -1}, "batch_size must"),
        ("mlp", {"weight_decay": -0.1}, "weight_decay must"),
        ("mlp-dropout", {"dropout": 0.0}, "dropout must"),
        ("mlp-dropout", {"dropout": 1.5}, "dropout must"),
        ("ensemble", {"size": 1}, "size must"),
        ("ensemble", {"base": "nothing-like-it"}, "unknown learner"),
        ("ensemble", {"base": 3}, "base must"),
        ("ensemble", {"params": {"width": 3}}, "no parameter 'width'"),
    ],
)
def test_bad_settings_are_refused(name, params, words):
    with pytest.raises(ValueError, match=words):
        learners.create(name, **params)
