"""What every learner promises, held against the networks that take pictures."""

import random

import numpy as np
import pytest
import torch

from alviz import learners
from alviz.learners.network import moments
from alviz.progress import Cancelled

pytestmark = pytest.mark.filterwarnings("error")

CHEAP = {
    "lenet": {"epochs": 30, "batch_size": 16, "lr": 3e-3},
    "lenet-dropout": {"epochs": 20, "batch_size": 16, "lr": 3e-3, "dropout": 0.2},
    "resnet18": {"epochs": 3, "batch_size": 16, "stem": "7x7"},
}
NAMES = list(CHEAP)


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    """Blocks of 16 pictures, so that few are computed for nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alviz.learners.deep.model.ROWS", 16)
        yield


def make(name, **changes):
    return learners.create(name.removesuffix("-dropout"), **{**CHEAP[name], **changes})


def blobs(n, k, seed=0, shape=(16, 16)):
    """A bright square for each class at its own place, in noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    x = rng.integers(0, 60, size=(n, *shape), dtype=np.uint8)
    for i, c in enumerate(y):
        row, column = divmod(c, 4)
        x[i, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 180
    return x, y.astype(np.int64)


def fit(name, x, y, seed=0, changes=None, **kwargs):
    return make(name, **(changes or {})).fit(x, y, rng=np.random.default_rng(seed), **kwargs)


def check_proba(proba, n, k):
    assert proba.shape == (n, k)
    assert np.isfinite(proba).all() and (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, atol=1e-6)


def state(model):
    """Weights, buffers, modes and whether gradients are kept."""
    tensors = {name: tensor.clone() for name, tensor in [*model.module.named_parameters(), *model.module.named_buffers()]}
    return tensors, [part.training for part in model.module.modules()], [p.requires_grad for p in model.module.parameters()]


def same(one, other):
    return all(torch.equal(one[0][name], other[0][name]) for name in one[0]) and one[1:] == other[1:]


@pytest.fixture(scope="module", params=NAMES)
def trained(request):
    """(name, pictures, labels, model) of three of the five classes."""
    x, y = blobs(48, 3)
    return request.param, x, y, fit(request.param, x, np.array([1, 2, 4])[y], n_classes=5)


def test_a_changed_weight_is_seen():
    x, y = blobs(8, 2)
    model = fit("lenet", x, y, changes={"epochs": 1})
    before = state(model)
    model.module.trunk[0].weight[0, 0, 0, 0] += 1e-6
    assert not same(state(model), before)


def test_separated_blobs_are_learned_and_columns_keep_class_order_while_classes_are_missing(trained):
    _, _, _, model = trained
    fresh, truth = blobs(48, 3, seed=1)
    proba = model.predict_proba(fresh)
    check_proba(proba, 48, 5)
    assert (proba[:, [0, 3]] == 0).all()
    assert (proba.argmax(axis=1) == np.array([1, 2, 4])[truth]).mean() > 0.9
    assert np.isneginf(model.logits(fresh)[:, [0, 3]]).all()


def test_embeddings_and_classes_fit_together(trained):
    _, x, _, model = trained
    np.testing.assert_allclose(model.classify(model.embed(x)), model.predict_proba(x), atol=1e-6)
    seen = model.logits(x)[:, [1, 2, 4]].astype(np.float64)
    expected = np.exp(seen) / np.exp(seen).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(x)[:, [1, 2, 4]], expected, atol=1e-6)


def test_rows_do_not_depend_on_what_is_asked_with_them(trained):
    name, _, _, model = trained
    pool, _ = blobs(40, 3, seed=2)
    whole, embedded = model.predict_proba(pool), model.embed(pool)
    for rows in ([39], [0, 0], np.arange(15, 18), np.arange(39, -1, -1)):
        assert (model.predict_proba(pool[rows]) == whole[rows]).all()
        assert (model.embed(pool[rows]) == embedded[rows]).all()
    assert model.predict_proba(pool[:0]).shape == (0, 5)
    if name.endswith("dropout"):
        ask = [model.dropout_proba(pool[rows], 3, np.random.default_rng(0)) for rows in (np.arange(40), np.arange(39, -1, -1))]
        assert (ask[0] == ask[1][:, ::-1]).all()


def test_asking_changes_nothing(trained):
    name, x, _, model = trained
    before, randomness = state(model), torch.get_rng_state()
    model.predict_proba(x), model.logits(x), model.embed(x), model.classify(model.embed(x))
    if name.endswith("dropout"):
        model.dropout_proba(x, 3, np.random.default_rng(0))
    assert same(state(model), before)
    assert torch.equal(torch.get_rng_state(), randomness)
    assert not any(before[1]) and not any(before[2])


@pytest.mark.parametrize("name", NAMES)
def test_training_repeats_bit_for_bit_and_leaves_global_randomness_alone(name):
    x, y = blobs(24, 3, shape=(20, 20))  # large enough for bfloat16
    changes = {"epochs": 1, "augment": "shift+flip"}
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    torch.manual_seed(3)
    before = (str(np.random.get_state()), random.getstate(), torch.get_rng_state().tolist())  # noqa: NPY002
    first = fit(name, x, y, 7, changes)
    assert (str(np.random.get_state()), random.getstate(), torch.get_rng_state().tolist()) == before  # noqa: NPY002
    torch.manual_seed(4)
    assert same(state(fit(name, x, y, 7, changes)), state(first))
    assert not same(state(fit(name, x, y, 8, changes)), state(first))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("counts", "batch_size"), [((1, 1), 16), ((2, 1), 2), ((5, 4), 8)])
def test_few_labels_and_batches_that_would_leave_one_sample(name, counts, batch_size):
    x, _ = blobs(sum(counts), 2)
    y = np.repeat(np.arange(len(counts)), counts)
    check_proba(fit(name, x, y, changes={"epochs": 1, "batch_size": batch_size}).predict_proba(x), len(y), len(counts))


@pytest.mark.parametrize("name", NAMES)
def test_one_class_is_certain(name):
    x, _ = blobs(4, 2)
    for n in (1, 4):
        assert (fit(name, x[:n], np.full(n, 2), n_classes=5).predict_proba(x) == np.eye(5)[[2] * 4]).all()


def test_a_hundred_classes():
    x, _ = blobs(200, 16)
    labels = np.arange(200) % 100
    check_proba(fit("lenet", x, labels, changes={"epochs": 1}).predict_proba(x), 200, 100)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *(("lenet-dropout", shape) for shape in ((12, 12), (13, 17), (28, 28, 1), (15, 12, 3))),
        ("resnet18", (8, 8, 3)),
        ("resnet18", (20, 17)),
    ],
)
def test_grey_and_coloured_pictures_of_any_size(name, shape):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, size=(6, *shape), dtype=np.uint8), np.arange(6) % 2
    check_proba(fit(name, x, y, changes={"epochs": 1}).predict_proba(x), 6, 2)


@pytest.mark.parametrize("name", NAMES)
def test_pictures_may_be_read_only_or_strided_and_stay_as_they_are(name):
    x, y = blobs(12, 3)
    changes = {"epochs": 1}
    expected = fit(name, x, y, changes=changes).predict_proba(x)
    frozen, labels = x.copy(), y.copy()
    frozen.flags.writeable = labels.flags.writeable = False
    wide = np.zeros((12, 16, 32), np.uint8)
    wide[:, :, ::2] = x
    for given, said in ((frozen, labels), (np.asfortranarray(x), y.astype(np.int32)), (wide[:, :, ::2], y)):
        copy = given.copy()
        assert (fit(name, given, said, changes=changes).predict_proba(given) == expected).all()
        assert (given == copy).all()


@pytest.mark.parametrize("name", NAMES)
def test_pictures_without_any_spread(name):
    x = np.full((6, 16, 16), 7, np.uint8)
    check_proba(fit(name, x, np.arange(6) % 2, changes={"epochs": 2}).predict_proba(x), 6, 2)


def test_normalisation_is_that_of_the_training_pictures():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, size=(5, 12, 12, 3), dtype=np.uint8)
    x[..., 1] = 9
    mean, std = moments(x)
    np.testing.assert_allclose(mean, [(x[..., c] / 255.0).mean() for c in range(3)])
    np.testing.assert_allclose(std, [(x[..., 0] / 255.0).std(), 1.0, (x[..., 2] / 255.0).std()])


@pytest.mark.parametrize("name", ["lenet", "resnet18"])
def test_progress_rises_to_one_and_cancelling_at_any_report_leaves_nothing_behind(name):
    x, y = blobs(12, 3)
    changes = {"epochs": 1 if name == "resnet18" else 2, "batch_size": 4}
    reports = []
    expected = fit(name, x, y, changes=changes, progress=reports.append).predict_proba(x)
    assert reports == sorted(reports) and reports[0] >= 0 and reports[-1] == 1.0
    assert len(reports) > 3
    before = torch.get_rng_state()
    learner = make(name, **changes)
    for stop in (0, len(reports) // 2, len(reports) - 1):
        calls = []

        def progress(fraction, calls=calls, stop=stop):
            calls.append(fraction)
            if len(calls) == stop + 1:
                raise Cancelled

        with pytest.raises(Cancelled):
            learner.fit(x, y, rng=np.random.default_rng(0), progress=progress)
    assert torch.equal(torch.get_rng_state(), before)
    assert (learner.fit(x, y, rng=np.random.default_rng(0)).predict_proba(x) == expected).all()


@pytest.mark.parametrize(
    ("x", "y", "k", "words"),
    [
        (np.zeros((3, 16, 16), np.uint8), np.zeros(2, int), None, "x has 3 rows, y has 2"),
        (np.zeros((0, 16, 16), np.uint8), np.zeros(0, int), None, "y is empty"),
        (np.zeros((2, 16, 16), np.uint8), np.array([0.0, 1.0]), None, "integers"),
        (np.zeros((2, 16, 16), np.uint8), np.array([0, 5]), 3, "0 … 2"),
        (np.zeros((2, 16, 16)), np.array([0, 1]), None, r"takes uint8 images \(n, H, W\) or \(n, H, W, C\), got float64"),
        (np.zeros((2, 256), np.uint8), np.array([0, 1]), None, r"got uint8 \(2, 256\)"),
        (np.zeros((2, 16, 7), np.uint8), np.array([0, 1]), None, r"at least \d+ × \d+ pixels, got 16 × 7"),
    ],
)
@pytest.mark.parametrize("name", ["lenet", "resnet18"])
def test_bad_input_is_refused(name, x, y, k, words):
    with pytest.raises(ValueError, match=words):
        fit(name, x, y, n_classes=k)


def test_a_model_asked_about_anything_but_pictures_says_so(trained):
    model = trained[3]
    with pytest.raises(ValueError, match=r"x must be uint8 images .*, got float64 \(2, 16, 16\)"):
        model.predict_proba(np.zeros((2, 16, 16)))


@pytest.mark.parametrize("name", ["lenet", "resnet18"])
def test_training_that_diverges_says_what_to_change(name):
    x, y = blobs(12, 3)
    with pytest.raises(ValueError, match=r"training diverged in epoch \d+: the loss is .*; lr = 1e\+30 may be too large"):
        fit(name, x, y, changes={"optimizer": "sgd", "lr": 1e30, "epochs": 9})


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("lenet", {"epochs": 0}, "epochs must"),
        ("lenet", {"batch_size": 1}, "batch_size must be a whole number ≥ 2"),
        ("lenet", {"optimizer": "lbfgs"}, "optimizer must be one of adam, sgd"),
        ("lenet", {"lr": 0}, "lr must"),
        ("lenet", {"weight_decay": -1}, "weight_decay must"),
        ("lenet", {"schedule": "cosine"}, "schedule must"),
        ("lenet", {"patience": 0}, "patience must"),
        ("lenet", {"early_stop": 0}, "early_stop must"),
        ("lenet", {"augment": "blur"}, "augment must"),
        ("lenet", {"dropout": 1.0}, "dropout must"),
        ("lenet", {"warm_start": 1}, "warm_start must be True or False"),
        ("resnet18", {"stem": "5x5"}, "stem must be one of 7x7, 3x3"),
        ("resnet18", {"size": 4}, "size must"),
    ],
)
def test_bad_settings_are_refused(name, params, words):
    with pytest.raises(ValueError, match=words):
        learners.create(name, **params)


def test_what_is_provided_is_what_models_offer(trained):
    name, _, _, model = trained
    assert ("dropout_posterior" in make(name).provides) == isinstance(model, learners.HasDropout) == name.endswith("dropout")
    assert {"embeddings", "module"} <= make(name).provides and isinstance(model, learners.Embeds)


def test_pictures_are_resized_where_a_size_is_asked_for():
    x, y = blobs(8, 2)
    model = fit("resnet18", x, y, changes={"epochs": 1, "size": 24, "stem": "3x3"})
    with torch.inference_mode():
        batch = torch.from_numpy(x)[:, None] / 255
        larger = torch.nn.functional.interpolate(batch, size=(24, 24), mode="bilinear", antialias=True)
        assert torch.equal(model.module(batch), model.module(larger))


def test_a_warm_start_goes_on_from_the_weights_of_the_round_before():
    x, y = blobs(24, 3)
    first = fit("lenet", x, y, changes={"epochs": 3})
    still = {"warm_start": True, "epochs": 1, "lr": 1e-30}
    warm = fit("lenet", x, y, seed=1, changes=still, previous=first)
    assert all(torch.equal(a, b) for a, b in zip(warm.module.parameters(), first.module.parameters(), strict=True))
    cold = fit("lenet", x, y, seed=1, changes={**still, "warm_start": False}, previous=first)
    assert not torch.equal(cold.module.head.weight, first.module.head.weight)
    constant = learners.ConstantModel(0, 3)
    fresh = fit("lenet", x, y, seed=1, changes=still, previous=constant)
    assert same(state(fresh), state(cold))


def test_a_warm_start_keeps_what_it_knows_where_a_class_was_added():
    x, y = blobs(24, 3)
    first = fit("lenet", x, y, changes={"epochs": 3})
    more = np.where(np.arange(len(y)) % 8 == 0, 3, y)
    warm = fit("lenet", x, more, seed=1, changes={"warm_start": True, "epochs": 1, "lr": 1e-30}, previous=first)
    assert torch.equal(warm.module.head.weight[:3], first.module.head.weight) and len(warm.module.head.weight) == 4
    assert np.array_equal(warm.embed(x), first.embed(x))
    np.testing.assert_allclose(warm.logits(x)[:, :3], first.logits(x), atol=1e-6)


def test_members_of_a_committee_start_where_they_were():
    x, y = blobs(24, 3)
    settings = {"epochs": 1, "batch_size": 8, "warm_start": True}
    learner = learners.create("ensemble", base="lenet", size=2, params=settings)
    first = learner.fit(x, y, rng=np.random.default_rng(0))
    still = learners.create("ensemble", base="lenet", size=2, params={**settings, "lr": 1e-30})
    warm = still.fit(x, y, previous=first, rng=np.random.default_rng(1))
    for now, before in zip(warm.members, first.members, strict=True):
        assert same(state(now), state(before))
