"""Training schemes on pretrained networks: fine-tune, fine-tune-thresholded, transfer, auto-switch. Their networks are small stand-ins."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

import alviz
from alviz import learners
from alviz.data import extractors, from_arrays
from alviz.data.extractors.pretrained import PretrainedExtractor
from alviz.learners.base import ConstantModel, Samples
from alviz.learners.fine_tune import FineTune, FineTuneThresholded
from alviz.learners.pretrained import Backbone
from alviz.loop.signals import inputs
from alviz.progress import Cancelled


class Tiny(PretrainedExtractor):
    """Eight random filters and their means: a network without BatchNorm, whose features training with a vanishing rate cannot change."""

    normalisation = ((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    own_side = 64

    def __init__(self):
        super().__init__(None, 32, "float32")

    def find(self):
        raise AssertionError("its weights are in no file")

    @property
    def network(self):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            return nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()).requires_grad_(False)


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path / "cache"))
    real = Backbone.extractor
    monkeypatch.setattr(Backbone, "extractor", lambda self: Tiny() if self.network == "efficientnet-lite0" else real(self))


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """A file with random weights of a ResNet-18."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        state = models.resnet18(weights=None).state_dict()
    path = tmp_path_factory.mktemp("weights") / "resnet.pth"
    torch.save(state, path)
    return path


def stripes(n, seed=0, k=2):
    """Noisy pictures (n, 24, 24) with horizontal, vertical or no stripes."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    wave = 60 * np.sin(np.arange(24) * 1.5)
    shapes = np.stack([np.tile(wave[:, None], (1, 24)), np.tile(wave, (24, 1)), np.zeros((24, 24))])
    return (128 + shapes[y] + rng.normal(0, 15, (n, 24, 24))).clip(0, 255).astype(np.uint8), y


def groups(n, seed=0, k=2):
    """Well separated features (n, 5)."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    return (8 * np.eye(k, 5)[y] + rng.normal(size=(n, 5))).astype(np.float32), y


def fit(learner, x, y, seed=0, **options):
    return learner.fit(x, y, rng=np.random.default_rng(seed), **options)


# ---- fine-tune ---------------------------------------------------------------------------------------------------------------------


def test_defaults_are_those_of_paper_000():
    learner = FineTune()
    expected = {"epochs": 80, "optimizer": "sgd", "lr": 0.01, "weight_decay": 0.001, "schedule": "plateau", "patience": 10}
    assert {name: learner.recipe[name] for name in expected} == expected
    assert learner.backbone.network == "efficientnet-lite0"
    assert learner.provides == {"embeddings", "module"}


def test_fine_tuning_starts_from_the_weights_in_the_file(resnet):
    learner = FineTune(network="resnet18", weights=resnet, size=32)
    given = torch.load(resnet, weights_only=True)
    images, _ = stripes(4)
    network = learner.network(images, 3)
    own = network.trunk.state_dict()
    assert set(own) == {name for name in given if not name.startswith("fc.")}
    assert all(torch.equal(own[name], given[name]) for name in own)
    assert network.head.weight.shape == (3, 512)
    assert all(weight.requires_grad for weight in network.parameters())
    network.heavy = False  # all of it in float32, as what it is compared with
    with torch.inference_mode():
        embedded = network.eval().embed(torch.from_numpy(images)[:, None] / 255).numpy()
    extracted = extractors.create("resnet18", weights=resnet, size=32, precision="float32").extract(images)
    np.testing.assert_allclose(embedded, extracted, atol=0.02 * extracted.max())  # a network may compute in bfloat16


def test_training_moves_all_weights_and_a_vanishing_rate_none_of_them():
    images, y = stripes(20)
    colour = np.stack([images, images // 2, 255 - images], axis=3)
    for pictures in (images, colour):
        given = Tiny().extract(pictures)
        rounding = 0.02 * given.max()  # a network may compute in bfloat16
        still = fit(FineTune(epochs=2, lr=1e-12), pictures, y)
        np.testing.assert_allclose(still.embed(pictures), given, atol=rounding)
        moved = fit(FineTune(epochs=10, lr=0.1), pictures, y)
        assert np.abs(moved.embed(pictures) - given).max() > 2 * rounding
        start = Tiny().network.state_dict()
        assert all(not torch.equal(tensor, start[name]) for name, tensor in moved.module.trunk.state_dict().items())


@pytest.mark.parametrize("name", ["fine-tune", "fine-tune-thresholded"])
def test_fine_tuning_learns(name):
    images, y = stripes(40)
    fresh, truth = stripes(90, seed=1)
    seen = []
    model = fit(learners.create(name, epochs=25), images, y, n_classes=3, progress=seen.append)
    proba = model.predict_proba(fresh)
    assert (proba.argmax(axis=1) == truth).mean() > 0.9
    assert (proba[:, 2] == 0).all()
    assert seen == sorted(seen) and seen[-1] == 1.0
    again = fit(learners.create(name, epochs=25), images, y, n_classes=3)
    assert np.array_equal(again.predict_proba(fresh), proba)


@pytest.mark.parametrize("name", ["fine-tune", "fine-tune-thresholded"])
def test_fine_tuning_on_very_little(name, resnet):
    images, y = stripes(3)
    learner = learners.create(name, network="resnet18", weights=resnet, size=64, epochs=1)
    for n in (2, 3):
        assert fit(learner, images[:n], y[:n]).predict_proba(images).sum(axis=1) == pytest.approx(1.0)
    assert isinstance(fit(learner, images[:1], y[:1], n_classes=3), ConstantModel)


def test_cancelling_comes_through():
    images, y = stripes(20)

    def cancel(share):
        if share > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit(FineTune(epochs=10), images, y, progress=cancel)


# ---- fine-tune-thresholded ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def imbalanced():
    images, y = stripes(60, k=3)
    keep = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:4], np.flatnonzero(y == 2)[:8]]
    return images[keep], np.array([1, 4, 2])[y[keep]]  # 20 labels of class 1, 4 of class 4, 8 of class 2, none of 0 and 3


def test_thresholding_divides_by_the_priors(imbalanced):
    images, y = imbalanced
    plain = fit(FineTune(epochs=3), images, y, n_classes=5)
    thresholded = fit(FineTuneThresholded(epochs=3), images, y, n_classes=5)
    p = plain.predict_proba(images)
    # Buda et al. 2018, section 2.3.2: each output divided by the share of its class in the training set; then rows sum to 1 again.
    divided = np.zeros_like(p)
    for c, count in ((1, 20), (2, 8), (4, 4)):
        divided[:, c] = p[:, c] / (count / 32)
    expected = divided / divided.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(thresholded.predict_proba(images), expected, rtol=1e-4, atol=1e-7)
    assert (thresholded.predict_proba(images)[:, [0, 3]] == 0).all()
    assert np.abs(expected - p).max() > 0.1  # it does matter here
    np.testing.assert_allclose(thresholded.classify(thresholded.embed(images)), expected, rtol=1e-4, atol=1e-7)
    logits = thresholded.logits(images)
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), expected, rtol=1e-4, atol=1e-7)


def test_thresholding_balanced_labels_changes_nothing():
    images, y = stripes(20)
    plain, thresholded = (fit(kind(epochs=2), images, y).predict_proba(images) for kind in (FineTune, FineTuneThresholded))
    np.testing.assert_allclose(thresholded, plain, rtol=1e-5)


def test_thresholding_reaches_the_stochastic_passes(imbalanced):
    images, y = imbalanced
    passes = [
        fit(kind(epochs=2, dropout=0.5), images, y, n_classes=5).dropout_proba(images, 3, np.random.default_rng(0))
        for kind in (FineTune, FineTuneThresholded)
    ]
    divided = passes[0][..., [1, 2, 4]] / (np.array([20, 8, 4]) / 32)
    np.testing.assert_allclose(passes[1][..., [1, 2, 4]], divided / divided.sum(axis=2, keepdims=True), rtol=1e-4, atol=1e-7)


# ---- transfer ----------------------------------------------------------------------------------------------------------------------


def pictures_only(n=40, n_test=12):
    images, y = stripes(n)
    return from_arrays(images=images, targets=y, test=stripes(n_test, seed=1))


def test_transfer_is_the_extractor_and_the_shallow_learner(resnet):
    dataset = pictures_only()
    settings = {"network": "resnet18", "weights": str(resnet), "size": 32}
    learner = learners.create("transfer", **settings, base="logistic", params={"C": 3.0})
    run = alviz.Run(dataset, learner=learner, n_queries=10, seed=1)
    run.step()
    extractor = extractors.create(**{"name": "resnet18", **{k: settings[k] for k in ("weights", "size")}})
    features, tests = extractor.extract(dataset.images), extractor.extract(dataset.test.images)
    labelled = run.state.labelled
    hand = learners.create("logistic", C=3.0).fit(features[labelled], dataset.targets[labelled], rng=np.random.default_rng(0))
    np.testing.assert_allclose(run.rounds[-1].probabilities, hand.predict_proba(features), rtol=1e-3, atol=1e-5)
    right = (hand.predict_proba(tests).argmax(axis=1) == dataset.test.targets).mean()
    assert run.rounds[-1].metrics["accuracy"] == pytest.approx(right)
    assert run.dataset.extractor == "resnet18"
    assert run.config()["extractor"] == "resnet18"


def test_transfer_uses_the_features_that_a_dataset_brings():
    features, y = groups(30)
    dataset = from_arrays(images=stripes(30)[0], features=features, targets=y)
    run = alviz.Run(dataset, learner=learners.create("transfer", network="timm:none-such"), n_queries=10)
    assert run.dataset is dataset
    hand = learners.create("linear-svm").fit(features[run.state.labelled], y[run.state.labelled], rng=np.random.default_rng(0))
    assert np.allclose(run.model().predict_proba(features), hand.predict_proba(features))


def test_transfer_replaces_the_default_features_but_no_other_learner_does(resnet):
    dataset = alviz.data.with_features(pictures_only(), "pca")
    learner = learners.create("transfer", network="resnet18", weights=str(resnet), size=32)
    run = alviz.Run(dataset, learner=learner, n_queries=10)
    assert run.dataset.extractor == run.dataset.test.extractor == "resnet18"
    assert run.dataset.features.shape == (40, 512)
    assert alviz.Run(dataset, learner="linear-svm", n_queries=10).dataset is dataset
    assert alviz.Run(pictures_only(), learner="linear-svm", n_queries=10).dataset.extractor == "pca"
    again = run.fork(strategy="random")
    assert again.dataset is run.dataset


def test_a_dataset_keeps_its_spec(resnet):
    dataset = alviz.data.create("digits").take(np.arange(40))
    dataset = alviz.data.Dataset(
        "digits", dataset.ids, dataset.images, None, dataset.targets, dataset.class_names, spec={"name": "digits", "params": {}}
    )
    learner = learners.create("transfer", network="resnet18", weights=str(resnet), size=32)
    run = alviz.Run(dataset, learner=learner, n_queries=10)
    assert run.config()["dataset"] == {"name": "digits", "params": {}}
    assert "alviz.learners.create('transfer', network='resnet18'" in run.to_python()


def test_missing_weights_stop_a_run_before_it_begins(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("transfer", "auto-switch", "fine-tune"):
        with pytest.raises(FileNotFoundError, match=r"needs the file resnet18-f37072fd.pth.*download=True"):
            alviz.Run(pictures_only(), learner=learners.create(name, network="resnet18"), n_queries=10)


# ---- auto-switch -------------------------------------------------------------------------------------------------------------------


def switching(**options):
    return learners.create("auto-switch", **{"epochs": 25, **options})


def test_auto_switch_takes_transfer_where_features_tell_the_classes_apart_and_pictures_do_not():
    features, y = groups(30)
    x = Samples(np.full((30, 24, 24), 100, np.uint8), features)
    model = fit(switching(), x, y)
    assert model.scheme == "transfer"
    # All pictures are the same, so a network says one class for all: right for half of every fold of six, by hand.
    assert model.note == "transfer 1.00, fine-tuning 0.50: transfer"
    fresh, truth = groups(50, seed=1)
    fresh = Samples(np.full((50, 24, 24), 100, np.uint8), fresh)
    assert (model.predict_proba(fresh).argmax(axis=1) == truth).all()
    assert np.array_equal(model.embed(fresh), fresh.features)


def test_auto_switch_takes_fine_tuning_where_pictures_tell_the_classes_apart_and_features_do_not():
    images, y = stripes(30)
    x = Samples(images, np.ones((30, 5), np.float32))
    model = fit(switching(), x, y)
    assert model.scheme == "fine-tune"
    assert model.note == "transfer 0.50, fine-tuning 1.00: fine-tuning"
    fresh, truth = stripes(50, seed=1)
    fresh = Samples(fresh, np.ones((50, 5), np.float32))
    assert (model.predict_proba(fresh).argmax(axis=1) == truth).mean() > 0.9
    assert np.array_equal(model.embed(fresh), model.model.embed(fresh.images))


def test_equally_good_schemes_leave_it_at_transfer():
    images, y = stripes(30)
    model = fit(switching(), Samples(images, groups(30)[0]), y)
    assert model.note == "transfer 1.00, fine-tuning 1.00: transfer"


class Recorded(learners.Learner):
    """Remembers what it was trained on, and is right about whatever it has seen: class 0 for all else."""

    def __init__(self):
        self.trained_on = []

    def fit(self, x, y, *, n_classes, rng, progress, unlabelled=None, previous=None):
        progress(0.5)
        self.trained_on.append(np.asarray(x).reshape(len(x), -1)[:, 0].astype(int))
        return ConstantModel(0, n_classes)


@pytest.mark.parametrize("folds", [1, 2, 5])
def test_both_schemes_are_tested_on_the_same_stratified_fifths(folds):
    n = 40
    y = np.array([0] * 30 + [1] * 10)
    x = Samples(np.arange(n, dtype=np.uint8)[:, None, None] * np.ones((1, 24, 24), np.uint8), np.arange(n, dtype=np.float32)[:, None])
    learner, seen = switching(folds=folds), []
    learner.transfer, learner.fine_tune = Recorded(), Recorded()
    model = fit(learner, x, y, progress=seen.append)
    assert model.note == "transfer 0.75, fine-tuning 0.75: transfer"
    assert len(learner.fine_tune.trained_on) == folds
    assert len(learner.transfer.trained_on) == folds + 1
    assert np.array_equal(learner.transfer.trained_on[-1], np.arange(n))
    tested = []
    for mine, other in zip(learner.transfer.trained_on, learner.fine_tune.trained_on, strict=False):
        assert np.array_equal(mine, other)
        held = np.setdiff1d(np.arange(n), mine)
        assert np.bincount(y[held]).tolist() == [6, 2]
        tested.append(held)
    assert len(np.unique(np.concatenate(tested))) == 8 * folds
    assert seen == sorted(seen) and seen[-1] == 1.0
    other = switching(folds=folds)
    other.transfer, other.fine_tune = Recorded(), Recorded()
    fit(other, x, y, seed=1)
    assert not np.array_equal(other.transfer.trained_on[0], learner.transfer.trained_on[0])


def test_auto_switch_on_very_little():
    images, y = stripes(4)
    x = Samples(images, groups(4)[0])
    assert isinstance(fit(switching(), x[:1], y[:1], n_classes=3), ConstantModel)
    for n in (2, 3, 4):
        assert fit(switching(epochs=1), x[:n], y[:n]).predict_proba(x).sum(axis=1) == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r"takes Samples \(images and features\), got ndarray"):
        fit(switching(), images, y)


def test_imbalanced_means_the_schemes_of_paper_001():
    learner, plain = switching(), switching(imbalanced=False)
    assert isinstance(learner.fine_tune, FineTuneThresholded)
    assert type(plain.fine_tune) is FineTune
    assert (learner.transfer.base.class_weight, plain.transfer.base.class_weight) == ("balanced", None)
    assert learners.create("auto-switch").fine_tune.recipe["epochs"] == 60


def test_a_run_with_auto_switch_shows_the_switch(resnet):
    learner = learners.create("auto-switch", network="resnet18", weights=str(resnet), size=32, epochs=1, folds=1)
    run = alviz.Run(pictures_only(), learner=learner, strategy="margin", n_queries=8)
    run.step()
    for finished in run.rounds:
        assert finished.note.startswith("transfer 0.") or finished.note.startswith("transfer 1.")
    assert run.rounds[-1].note.endswith(run.model().note)
    assert run.view().signal("embeddings").shape[1] == 512
    assert run.view().signal("probabilities").shape == (24, 2)


def test_what_a_learner_of_both_gets():
    dataset = pictures_only()
    with pytest.raises(ValueError, match="learner 'auto-switch' takes features, and dataset 'arrays' has none"):
        inputs(dataset, switching())
    with pytest.raises(ValueError, match="learner 'auto-switch' takes images"):
        inputs(from_arrays(features=groups(6)[0], targets=groups(6)[1]), switching())
    dataset = alviz.data.with_features(dataset, "pixels")
    x = inputs(dataset, switching())[np.array([3, 1])]
    assert len(x) == 2
    assert np.array_equal(x.images, dataset.images[[3, 1]]) and np.array_equal(x.features, dataset.features[[3, 1]])


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("fine-tune", {"network": "pca"}, "network must be an extractor that is a pretrained network"),
        ("fine-tune", {"network": "resnet19"}, "unknown extractor 'resnet19'; did you mean 'resnet18'"),
        ("fine-tune", {"size": 8}, "size must be None or a whole number in 32 … 1024, got 8"),
        ("fine-tune", {"epochs": 0}, "epochs must"),
        ("fine-tune-thresholded", {"warm_start": True}, "no parameter 'warm_start'"),
        ("transfer", {"base": "lenet"}, "base must be a learner that takes features, and 'lenet' takes images"),
        ("transfer", {"params": {"gamma": 1}}, "'linear-svm' has no parameter 'gamma'"),
        ("auto-switch", {"folds": 6}, "folds must be a whole number in 1 … 5"),
        ("auto-switch", {"imbalanced": 1}, "imbalanced must be True or False"),
        ("auto-switch", {"base": "knn"}, "'knn' has no parameter 'class_weight'"),
    ],
)
def test_settings_that_cannot_be(name, params, words):
    with pytest.raises(ValueError, match=words):
        learners.create(name, **params)
