"""The methods themselves, against formulas written out here, scikit-learn and torch."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from alviz import learners
from alviz.learners import linear_svm
from alviz.learners.adapter import SklearnLearner, as_learner
from alviz.learners.calibration import fold_of, n_folds, temperature
from alviz.learners.linear_svm import LinearSVM
from alviz.learners.perceptron import Perceptrons, Training, train
from alviz.learners.scale import Scale

torch = pytest.importorskip("torch")


def blobs(n, d, k, seed=0, gap=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(k, size=n)
    y[: 4 * k] = np.arange(4 * k) % k
    centres = np.random.default_rng(100).normal(size=(k, d)) * gap
    return (centres[y] + rng.normal(size=(n, d))).astype(np.float32), y.astype(np.int64)


def fit(name, x, y, seed=0, **params):
    return learners.create(name, **params).fit(x, y, rng=np.random.default_rng(seed))


def softmax(s):
    e = np.exp(np.asarray(s, np.float64) - np.max(s, axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def scaled(x):
    """Centred, mean squared norm 1."""
    x = x.astype(np.float64)
    centred = x - x.mean(axis=0)
    return centred / np.sqrt((centred**2).sum(axis=1).mean())


# ---- scale and calibration ---------------------------------------------------------------------------------------------------------------


def test_scale_by_definition():
    x = np.random.default_rng(0).normal(3, [1, 5, 0.1], size=(50, 3)).astype(np.float32)
    z = Scale(x)(x)
    np.testing.assert_allclose(z, scaled(x), atol=1e-5)
    np.testing.assert_allclose(Scale(x, "feature")(x), scaled(x) * np.sqrt(3), atol=1e-5)


def test_temperature_is_the_best_on_a_grid():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(200, 4)) * 2
    y = np.array([rng.choice(4, p=p) for p in softmax(scores / 0.7)])

    def loss(t):
        return -np.log(softmax(scores / t)[np.arange(200), y]).mean()

    grid = np.linspace(0.1, 10, 20_000)
    assert temperature(scores, y) == pytest.approx(grid[np.argmin([loss(t) for t in grid])], abs=1e-3)


def test_temperature_stays_in_its_range():
    scores = np.array([[3.0, -3.0], [-2.0, 2.0]])
    assert temperature(scores, np.array([0, 1])) == 0.1  # no mistake at all: the loss falls for ever
    assert temperature(scores, np.array([1, 0])) == 10.0


@pytest.mark.parametrize(("counts", "folds"), [((5, 9, 3), 3), ((2, 50), 2), ((1, 50), 1), ((0, 4, 7), 3)])
def test_folds_are_stratified(counts, folds):
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    assert n_folds(y) == folds
    fold = fold_of(y, folds)
    for c in np.unique(y):
        sizes = np.bincount(fold[y == c], minlength=folds)
        assert sizes.max() - sizes.min() <= 1 and sizes.min() >= 1


# ---- linear-svm --------------------------------------------------------------------------------------------------------------------------


def primal_objective(weights, bias, z, sign, cost):
    """LIBLINEAR's L2-regularised squared hinge loss, the intercept penalised with the weights."""
    return 0.5 * (weights @ weights + bias**2) + (cost * np.maximum(0, 1 - sign * (z @ weights + bias)) ** 2).sum()


@pytest.mark.parametrize("weight", [None, "balanced"])
@pytest.mark.parametrize("one_by_one", [False, True])
def test_linear_svm_reaches_the_optimum_of_every_border(monkeypatch, weight, one_by_one):
    from scipy.optimize import minimize

    monkeypatch.setattr(linear_svm, "AT_ONCE", 0 if one_by_one else 10**9)
    x, y = blobs(80, 20, 4)
    y[:30] = 0
    model = fit("linear-svm", x, y, C=0.7, class_weight=weight)
    z = scaled(x)
    rare = len(y) / (4 * np.bincount(y)) if weight else np.ones(4)
    for c in range(4):
        sign = np.where(y == c, 1, -1)
        cost = 0.7 * np.where(y == c, rare[c], 1.0)
        best = minimize(lambda v, s=sign, m=cost: primal_objective(v[:-1], v[-1], z, s, m), np.zeros(21), options={"gtol": 1e-8}).fun
        reached = primal_objective(model.weights[:, c].astype(float), float(model.bias[c]), z, sign, cost)
        assert best * (1 - 1e-6) <= reached <= best * (1 + 1e-3)


def test_linear_svm_probabilities_by_definition():
    x, y = blobs(90, 5, 3)
    model = fit("linear-svm", x, y)
    fold = fold_of(y, 3)
    scores = np.empty((90, 3))
    for i in range(3):
        kept = x[fold != i].astype(np.float64)
        mean = kept.mean(axis=0)
        norm = np.sqrt(((kept - mean) ** 2).sum(axis=1).mean())
        svm = LinearSVC(dual=False, tol=1e-8).fit((kept - mean) / norm, y[fold != i])
        scores[fold == i] = svm.decision_function((x[fold == i] - mean) / norm)
    grid = np.geomspace(0.1, 10, 5000)
    heat = grid[np.argmin([-np.log(softmax(scores / t)[np.arange(90), y]).mean() for t in grid])]
    whole = LinearSVC(dual=False, tol=1e-8).fit(scaled(x), y).decision_function(scaled(x))
    assert model.temperature == pytest.approx(heat, rel=5e-3)
    np.testing.assert_allclose(model.predict_proba(x), softmax(whole / heat), atol=5e-3)


def test_linear_svm_with_two_classes_is_a_logistic_function_of_the_distance():
    x, y = blobs(60, 3, 2, gap=0.5)
    model = fit("linear-svm", x, y * 2)  # columns 0 and 2
    s = LinearSVC(dual=False, tol=1e-8).fit(scaled(x), y).decision_function(scaled(x))
    proba = model.predict_proba(x)
    np.testing.assert_allclose(proba[:, 2], 1 / (1 + np.exp(-2 * s / model.temperature)), atol=1e-2)
    assert (proba[:, 1] == 0).all()


def test_linear_svm_is_not_calibrated_on_single_labels():
    x, y = blobs(12, 3, 3)
    y[y == 2] = 0
    y[0] = 2
    model = fit("linear-svm", x, y)
    np.testing.assert_allclose(model.predict_proba(x), softmax(model.scores(x)), atol=1e-6)


def test_linear_svm_probabilities_are_better_than_uncalibrated_ones():
    x, y = blobs(150, 10, 4)
    fresh, truth = blobs(1000, 10, 4, seed=5)
    model = fit("linear-svm", x, y)

    def loss(proba):
        return -np.log(proba[np.arange(1000), truth]).mean()

    assert loss(model.predict_proba(fresh)) < loss(softmax(model.scores(fresh)))


def test_balanced_weights_find_more_of_the_rare_class():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [190, 10])
    x = (rng.normal(size=(200, 2)) + 1.5 * y[:, None]).astype(np.float32)
    fresh = (rng.normal(size=(500, 2)) + 1.5).astype(np.float32)
    for name in ("linear-svm", "logistic"):
        found = [(fit(name, x, y, class_weight=w).predict_proba(fresh).argmax(axis=1) == 1).mean() for w in (None, "balanced")]
        assert found[1] > found[0] + 0.2


# ---- rbf-svm, logistic, knn, forest ------------------------------------------------------------------------------------------------------


def test_rbf_svm_is_the_svc_of_scikit_learn():
    x, y = blobs(90, 4, 3)
    z = scaled(x)
    fold = fold_of(y, 3)
    splits = [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(3)]
    svm = SVC(C=2.0, gamma=0.8, class_weight="balanced")
    expected = CalibratedClassifierCV(svm, ensemble=False, cv=splits).fit(z, y).predict_proba(z)
    model = fit("rbf-svm", x, y, C=2.0, gamma=0.8, class_weight="balanced")
    np.testing.assert_allclose(model.predict_proba(x), expected, atol=5e-3)
    lone, few = x[:9], np.array([0, 1, 2, 0, 1, 0, 1, 0, 1])
    expected = softmax(SVC(C=3.0, gamma=1.0).fit(scaled(lone), few).decision_function(scaled(lone)))
    np.testing.assert_allclose(fit("rbf-svm", lone, few).predict_proba(lone), expected, atol=2e-3)


def test_rbf_svm_curves_its_border():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)).astype(np.float32)
    y = (np.hypot(*x.T) > 1.2).astype(np.int64)
    assert (fit("rbf-svm", x[:150], y[:150]).predict_proba(x[150:]).argmax(axis=1) == y[150:]).mean() > 0.9


@pytest.mark.parametrize("k", [2, 4])
def test_logistic_is_the_one_of_scikit_learn(k):
    x, y = blobs(90, 4, k)
    expected = LogisticRegression(C=5.0, tol=1e-8).fit(scaled(x), y).predict_proba(scaled(x))
    np.testing.assert_allclose(fit("logistic", x, y, C=5.0).predict_proba(x), expected, atol=1e-3)


def test_knn_by_brute_force():
    x, y = blobs(40, 3, 3)
    fresh, _ = blobs(50, 3, 3, seed=3)
    distances = np.linalg.norm(fresh[:, None] - x[None], axis=2)
    votes = y[np.argsort(distances, axis=1)[:, :4]]
    expected = np.stack([(votes == c).mean(axis=1) for c in range(3)], axis=1)
    np.testing.assert_allclose(fit("knn", x, y, n_neighbors=4).predict_proba(fresh), expected, atol=1e-12)


def test_knn_asks_everyone_while_there_are_few():
    x, y = blobs(12, 3, 3)
    expected = np.bincount(y[:7], minlength=3) / 7
    np.testing.assert_allclose(fit("knn", x[:7], y[:7], n_neighbors=50).predict_proba(x), np.tile(expected, (12, 1)), atol=1e-12)


def test_forest_grown_in_steps_is_the_forest_grown_at_once():
    from sklearn.ensemble import RandomForestClassifier

    x, y = blobs(60, 4, 3)
    whole = RandomForestClassifier(25, random_state=int(np.random.default_rng(9).integers(2**31)), max_depth=3).fit(x, y)
    model = fit("forest", x, y, seed=9, n_estimators=25, max_depth=3)
    np.testing.assert_allclose(model.predict_proba(x), whole.predict_proba(x), atol=1e-12)


# ---- any scikit-learn classifier ---------------------------------------------------------------------------------------------------------


def test_sklearn_classifier_with_missing_classes():
    x, y = blobs(40, 3, 2)
    expected = GaussianNB().fit(x, y).predict_proba(x)
    estimator = GaussianNB()
    model = SklearnLearner(estimator).fit(x, y * 3, n_classes=5, rng=np.random.default_rng(0))
    np.testing.assert_allclose(model.predict_proba(x)[:, [0, 3]], expected, atol=1e-6)
    assert not hasattr(estimator, "classes_")  # the one handed in stays unfitted


def test_random_state_comes_from_the_generator_also_inside_a_pipeline():
    x, y = blobs(60, 3, 2, gap=0.3)
    learner = as_learner(make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", max_iter=5, tol=None)))
    fits = [learner.fit(x, y, rng=np.random.default_rng(seed)).predict_proba(x) for seed in (1, 1, 2)]
    assert (fits[0] == fits[1]).all() and (fits[0] != fits[2]).any()
    fixed = as_learner(make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", max_iter=5, tol=None, random_state=4)))
    fits = [fixed.fit(x, y, rng=np.random.default_rng(seed)).predict_proba(x) for seed in (1, 2)]
    assert (fits[0] == fits[1]).all()


def test_a_classifier_that_gives_nan_is_named():
    class Broken(BaseEstimator):
        def fit(self, x, y):
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, x):
            return np.full((len(x), len(self.classes_)), np.nan)

    x, y = blobs(20, 3, 2)
    with pytest.raises(ValueError, match=r"Broken\.predict_proba gave NaN"):
        as_learner(Broken()).fit(x, y, rng=np.random.default_rng(0)).predict_proba(x)


def test_as_learner():
    learner = learners.create("knn")
    assert as_learner(learner) is learner
    assert as_learner("knn").name == "knn"
    assert as_learner(GaussianNB()).name == "GaussianNB"
    for wrong, words in ((GaussianNB, "the class GaussianNB"), (LinearSVC(), "got LinearSVC"), (3, "got int")):
        with pytest.raises(ValueError, match=words):
            as_learner(wrong)
    with pytest.raises(ValueError, match="unknown learner 'lineer-svm'"):
        as_learner("lineer-svm")
    with pytest.raises(ValueError, match="estimator must be"):
        SklearnLearner(GaussianNB)


# ---- perceptrons -------------------------------------------------------------------------------------------------------------------------


def torch_weights(nets, t):
    return [torch.tensor(w[t].copy(), dtype=torch.float64, requires_grad=True) for w in (nets.w1, nets.b1, nets.w2, nets.b2)]


def torch_loss(weights, x, y, mask=None):
    w1, b1, w2, b2 = weights
    hidden = torch.relu(torch.tensor(x, dtype=torch.float64) @ w1 + b1)
    if mask is not None:
        hidden = hidden * torch.tensor(mask, dtype=torch.float64)
    return torch.nn.functional.cross_entropy(hidden @ w2 + b2, torch.tensor(y))


@pytest.mark.parametrize("masked", [False, True])
def test_gradient_is_the_one_of_automatic_differentiation(masked):
    rng = np.random.default_rng(0)
    nets = Perceptrons.random([np.random.default_rng(t) for t in range(3)], 5, 7, 4)
    x = rng.normal(size=(3, 11, 5)).astype(np.float32)
    y = rng.integers(4, size=(3, 11))
    mask = (rng.random((3, 11, 7)) < 0.7).astype(np.float32) / np.float32(0.7) if masked else None
    gradient = np.empty_like(nets.flat)
    nets.gradient(x, y, mask, gradient)
    for t in range(3):
        weights = torch_weights(nets, t)
        torch_loss(weights, x[t], y[t], None if mask is None else mask[t]).backward()
        expected = np.concatenate([w.grad.numpy().ravel() for w in weights])
        np.testing.assert_allclose(gradient[t], expected, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_training_takes_the_steps_of_torch(optimizer):
    x, y = blobs(20, 3, 3)
    how = Training(hidden=6, optimizer=optimizer, lr=0.02, epochs=25, weight_decay=0.01)
    nets = train(x, y, 3, [5], how, lambda _: None)
    weights = torch_weights(Perceptrons.random([np.random.default_rng(5)], 3, 6, 3), 0)
    if optimizer == "adam":
        steps = torch.optim.Adam(weights, lr=0.02, weight_decay=0.01)
    else:
        steps = torch.optim.SGD(weights, lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.01)
    for _ in range(25):
        steps.zero_grad()
        torch_loss(weights, x, y).backward()
        steps.step()
    expected = np.concatenate([w.detach().numpy().ravel() for w in weights])
    np.testing.assert_allclose(nets.flat[0], expected, atol=2e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_members_trained_together_equal_members_trained_alone(dropout):
    x, y = blobs(50, 4, 3)
    how = Training(hidden=8, dropout=dropout, epochs=4, batch_size=16)
    together = train(x, y, 3, [11, 12, 13], how, lambda _: None)
    for t, seed in enumerate([11, 12, 13]):
        alone = train(x, y, 3, [seed], how, lambda _: None)
        np.testing.assert_allclose(together.flat[t], alone.flat[0], atol=1e-6)
    assert not np.allclose(together.flat[0], together.flat[1], atol=0.1)


def test_first_member_of_an_ensemble_is_the_mlp_of_the_same_generator():
    x, y = blobs(50, 4, 3)
    params = {"epochs": 4, "batch_size": 16}
    committee = fit("ensemble", x, y, seed=3, size=4, params=params)
    single = fit("mlp", x, y, seed=3, **params)
    np.testing.assert_allclose(committee.committee_proba(x)[0], single.predict_proba(x), atol=1e-6)


def test_every_epoch_sees_every_sample_once(monkeypatch):
    x, y = np.arange(10, dtype=np.float32)[:, None], np.arange(10) % 2
    seen = []
    monkeypatch.setattr(Perceptrons, "gradient", lambda self, x, y, mask, into: (seen.append((x, y)), into.fill(0)))
    train(x, y, 2, [1, 2], Training(epochs=2, batch_size=4), lambda _: None)
    assert [batch.shape[1] for batch, _ in seen] == [4, 4, 2, 4, 4, 2]
    for epoch in (seen[:3], seen[3:]):
        rows = np.concatenate([batch[:, :, 0] for batch, _ in epoch], axis=1)
        assert (np.sort(rows, axis=1) == np.arange(10)).all()
        assert (rows[0] != rows[1]).any()
        assert (np.concatenate([labels for _, labels in epoch], axis=1) == rows % 2).all()


def test_progress_is_called_before_every_mini_batch():
    x, y = blobs(50, 4, 3)
    seen = []
    learners.create("ensemble", params={"epochs": 3, "batch_size": 16}).fit(x, y, rng=np.random.default_rng(0), progress=seen.append)
    np.testing.assert_allclose(seen, [*(np.arange(12) / 12), 1.0])


def test_mlp_probabilities_are_the_softmax_of_its_logits_and_embed_is_the_last_hidden_layer():
    x, y = blobs(50, 4, 3)
    model = fit("mlp", x, y * 2, epochs=10, hidden=9)
    np.testing.assert_allclose(model.predict_proba(x), softmax(model.logits(x)), atol=1e-6)
    assert np.isneginf(model.logits(x)[:, [1, 3]]).all()
    embedded = model.embed(x)
    assert embedded.shape == (50, 9) and (embedded >= 0).all()
    np.testing.assert_allclose(embedded @ model.nets.w2[0] + model.nets.b2[0], model.logits(x)[:, [0, 2, 4]], atol=1e-4)


def test_ensemble_is_the_mean_of_its_members_and_embeds_side_by_side():
    x, y = blobs(50, 4, 3)
    model = fit("ensemble", x, y, size=3, params={"epochs": 10, "hidden": 6})
    members = model.committee_proba(x)
    assert members.shape == (3, 50, 3)
    np.testing.assert_allclose(model.predict_proba(x), members.mean(axis=0), atol=1e-12)
    hidden = [np.maximum(model.scale(x) @ model.nets.w1[t] + model.nets.b1[t], 0) for t in range(3)]
    np.testing.assert_allclose(model.embed(x) @ model.embed(x).T, np.mean([h @ h.T for h in hidden], axis=0), rtol=1e-4)


@pytest.mark.parametrize("base", ["knn", GaussianNB()])
def test_ensemble_of_other_bases_sees_bootstrap_resamples(base):
    x, y = blobs(50, 4, 3)
    base = as_learner(base)
    model = learners.create("ensemble", base=base, size=4).fit(x, y, n_classes=4, rng=np.random.default_rng(0))
    members = model.committee_proba(x)
    assert members.shape == (4, 50, 4) and (members[..., 3] == 0).all()
    np.testing.assert_allclose(model.predict_proba(x), members.mean(axis=0), atol=1e-12)
    assert all((members[0] != members[t]).any() for t in (1, 2, 3))


def test_dropout_draws():
    x, y = blobs(60, 4, 3)
    model = fit("mlp-dropout", x, y, epochs=30, dropout=0.4)
    draws = model.dropout_proba(x, 200, np.random.default_rng(1))
    assert draws.shape == (200, 60, 3)
    np.testing.assert_allclose(draws.sum(axis=2), 1, atol=1e-6)
    assert (draws.std(axis=0) > 1e-4).any()
    assert (draws == model.dropout_proba(x, 200, np.random.default_rng(1))).all()
    assert (draws[:, 7:9] == model.dropout_proba(x[7:9], 200, np.random.default_rng(1))).all()
    # by definition: every hidden unit is out with probability 0.4 (200 · 64 coin flips), what is left counts 1 / 0.6
    hidden = np.maximum(model.scale(x) @ model.nets.w1[0] + model.nets.b1[0], 0)
    kept = np.random.default_rng(1).random((200, 64)) >= 0.4
    expected = softmax((hidden[None] * kept[:, None] / 0.6) @ model.nets.w2[0] + model.nets.b2[0])
    np.testing.assert_allclose(draws, expected, atol=1e-5)


def test_mlp_without_dropout_has_no_dropout_draws():
    model = fit("mlp", *blobs(20, 3, 2), epochs=2)
    assert not isinstance(model, learners.HasDropout)
    assert learners.create("mlp").provides == {"embeddings", "module"}
    assert learners.create("mlp", dropout=0.1).provides == {"embeddings", "module", "dropout_posterior"}
    assert learners.create("ensemble").provides == {"committee_posterior"}


def test_mlp_curves_its_border():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)).astype(np.float32)
    y = ((x > 0).sum(axis=1) == 1).astype(np.int64)
    for name in ("mlp", "ensemble", "mlp-dropout"):
        assert (fit(name, x[:200], y[:200]).predict_proba(x[200:]).argmax(axis=1) == y[200:]).mean() > 0.9


def test_learners_are_listed_without_heavy_imports():
    code = (
        "import sys, alviz.learners as l; [l.create(n) for n in l.simple()];"
        "print([m for m in ('sklearn', 'torch', 'scipy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_linear_svms_trained_in_threads_are_those_trained_alone() -> None:
    rng = np.random.default_rng(0)
    sets = [(rng.normal(size=(60, 64)).astype(np.float32), rng.integers(0, 5, 60)) for _ in range(60)]

    def weights(one: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return LinearSVM().fit(*one, n_classes=5, rng=np.random.default_rng(0)).weights  # type: ignore[attr-defined]

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(weights, sets))
    for one, found in zip(sets, together, strict=True):
        np.testing.assert_array_equal(found, weights(one))
