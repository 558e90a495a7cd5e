"""The basic iterative attack, the torch modules it asks, and training on adversarial copies."""

import numpy as np
import pytest
import torch
from torch import nn

import alviz
from alviz import data, learners
from alviz.learners.base import ConstantModel, Learner
from alviz.learners.deep import attacks
from alviz.learners.deep.attacks import BasicIterative, attacked
from alviz.learners.deep.training import tensor_of
from alviz.loop import Run
from alviz.progress import silent
from alviz.strategies import create
from alviz.strategies.adversarial import deviation
from alviz.testing.pools import random_arrays, random_pool

CPU = torch.device("cpu")


def bars(n, seed, side=12):
    """Pictures (n, side, side): a noisy bright bar that stands, lies or is missing."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    x = rng.normal(60, 25, size=(n, side, side))
    for i in range(n):
        at = rng.integers(2, side - 3)
        if y[i] == 0:
            x[i, at : at + 2] += 90
        elif y[i] == 1:
            x[i, :, at : at + 2] += 90
    return np.clip(x, 0, 255).astype(np.uint8), y


@pytest.fixture(scope="module")
def pictures():
    """A dataset of pictures whose pool has one class that no label may have been given to."""
    x, y = bars(150, 0)
    tested, right = bars(60, 1)
    return data.from_arrays(images=x, targets=y, test=(tested, right), name="bars")


@pytest.fixture(scope="module")
def lenet_run(pictures):
    return Run(pictures, learner=learners.create("lenet", epochs=12), strategy="random", n_queries=10, n_initial=45)


def bent(seed, d=5, k=4):
    """A network with a bend, its weights without gradients."""
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Linear(d, 9), nn.Tanh(), nn.Linear(9, k)).requires_grad_(False)
    for p in net.parameters():
        p.copy_(torch.randn(p.shape, generator=generator))
    return net.eval()


def collected(module, inputs, seen, attack):
    """(distance, margin, change) of all inputs, in their order; each comes once."""
    parts = list(attacked(module, inputs, seen, attack, silent))
    rows = np.concatenate([part.rows for part in parts])
    assert sorted(rows) == list(range(len(inputs)))
    order = np.argsort(rows)
    distance, margin = (np.concatenate([getattr(part, name) for part in parts])[order] for name in ("distance", "margin"))
    return distance, margin, torch.cat([part.change for part in parts]).numpy()[order]


# ---- the attack ----------------------------------------------------------------------------------------------------------------------


def by_the_paper(net, x, seen, step, steps):
    """One input at a time, with the cross-entropy of the predicted label: the change, or None."""
    start = torch.tensor(x, dtype=torch.float64)
    change = torch.zeros_like(start)
    label = int(net(start)[seen].argmax())
    for _ in range(steps + 1):
        moved = (start + change).requires_grad_()
        logits = net(moved)[seen]
        if int(logits.argmax()) != label:
            return change.numpy()
        loss = nn.functional.cross_entropy(logits[None], torch.tensor([label]))
        change = change + step * torch.autograd.grad(loss, moved)[0].sign()
    return None


@pytest.mark.parametrize("seed", range(4))
def test_against_one_input_at_a_time(seed):
    net, seen = bent(seed), np.array([0, 2, 3])
    x = np.random.default_rng(seed).normal(size=(40, 5)).astype(np.float32)
    distance, margin, change = collected(net, x, seen, BasicIterative(step=0.07, steps=15, pictures=False))
    double = bent(seed).double()
    expected = [by_the_paper(double, row, seen, 0.07, 15) for row in x]
    moved = np.array([row is not None for row in expected])
    assert moved.any() and np.array_equal(margin >= 0, moved)
    np.testing.assert_allclose(change[moved], [row for row in expected if row is not None], atol=1e-5)
    np.testing.assert_allclose(distance[moved], [np.linalg.norm(row) for row in expected if row is not None], rtol=1e-4)


def test_steps_to_a_straight_border():
    # f = w·x + b falls by step · ‖w‖₁ with every step along the signs, so ⌈f / (step · ‖w‖₁)⌉ of them cross the border.
    w, b = np.array([2.0, -1.0, 0.5]), 0.3
    net = nn.Linear(3, 2).requires_grad_(False)
    net.weight.copy_(torch.tensor(np.stack([-w / 2, w / 2])))
    net.bias.copy_(torch.tensor([-b / 2, b / 2]))
    x = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    steps = np.ceil(np.abs(x @ w + b) / (0.05 * np.abs(w).sum()))
    distance, margin, _ = collected(net, x, np.arange(2), BasicIterative(step=0.05, steps=100, pictures=False))
    np.testing.assert_allclose(distance, steps * 0.05 * np.sqrt(3), rtol=1e-5)
    np.testing.assert_allclose(margin, steps * 0.05 * np.abs(w).sum() - np.abs(x @ w + b), atol=1e-5)


def test_certainty_does_not_stop_it():
    net = nn.Linear(2, 2, bias=False).requires_grad_(False)
    net.weight.copy_(torch.tensor([[500.0, 0.0], [-500.0, 0.0]]))
    x = torch.tensor([[1.0, 0.0]], requires_grad=True)
    assert not torch.autograd.grad(nn.functional.cross_entropy(net(x), torch.tensor([0])), x)[0].any()  # the loss itself says nothing
    distance, margin, change = collected(net, x.detach().numpy(), np.arange(2), BasicIterative(step=0.3, steps=9, pictures=False))
    assert margin >= 0
    np.testing.assert_allclose(change, [[-1.2, 0.0]], rtol=1e-5)
    np.testing.assert_allclose(distance, 1.2, rtol=1e-5)


def test_few_at_a_time(monkeypatch):
    net, x = bent(7), np.random.default_rng(7).normal(size=(50, 5)).astype(np.float32)
    attack = BasicIterative(step=0.05, steps=12, pictures=False)
    at_once = collected(net, x, np.arange(4), attack)
    for rows in (1, 7, 50):
        monkeypatch.setattr(attacks, "ROWS", rows)
        for one, other in zip(collected(net, x, np.arange(4), attack), at_once, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_on_pictures_the_label_changes(lenet_run, pictures):
    model, x = lenet_run.model(), pictures.images[:60]
    distance, margin, change = collected(model.module, x, model.classes, BasicIterative(step=0.02, steps=60, pictures=True))
    start = tensor_of(x, CPU)
    with torch.no_grad():
        before, after = (model.module(batch)[:, model.classes].argmax(1) for batch in (start, start + torch.from_numpy(change)))
    assert (margin >= 0).mean() > 0.9
    assert np.array_equal((before != after).numpy(), margin >= 0)
    moved = start.numpy() + change
    assert moved.min() >= 0 and moved.max() <= 1 + 1e-6
    assert np.abs(change[distance > 0]).max() > 0


def test_deviation():
    rng = np.random.default_rng(0)
    x = (1000 + rng.normal(size=(300, 7)) * np.arange(1, 8)).astype(np.float32)
    assert deviation(x) == pytest.approx(np.sqrt(x.astype(np.float64).var(axis=0).mean()), rel=1e-9)
    images = rng.integers(0, 256, size=(50, 4, 5, 3), dtype=np.uint8)
    assert deviation(images) == pytest.approx(np.sqrt((images / 255).var(axis=0).mean()), rel=1e-9)
    assert deviation(np.full((9, 3), 0.1, dtype=np.float32)) == 1.0
    steps = [create("adversarial-bim", step=0.2).attack(scale * x).step for scale in (1, 50)]
    np.testing.assert_allclose(steps, 0.2 * np.sqrt(x.astype(np.float64).var(axis=0).mean()) * np.array([1, 50]), rtol=1e-6)


# ---- the strategy --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adversarial-bim", "deepfool"])
@pytest.mark.parametrize("learner", ["mlp", "logistic", "linear-svm"])
def test_it_asks_near_the_border(name, learner):
    run = Run("gaussians", learner=learner, strategy=name, n_queries=30, n_initial=40, seed=1)
    selection = run.strategy.select(run.view(), 30, np.random.default_rng(0))
    p = run.view().table("probabilities")
    gap = np.abs(p[:, 0] - p[:, 1])
    unlabelled = run.view().candidates
    assert gap[selection.indices].max() < np.quantile(gap[unlabelled], 0.1)
    scores = selection.scores[selection.indices]
    assert scores[0] == np.nanmax(selection.scores) and (np.diff(scores) <= 0).all()
    assert np.isnan(selection.scores[run.state.labelled]).all()
    assert run.step() is not None


@pytest.mark.parametrize("name", ["adversarial-bim", "deepfool"])
def test_on_pictures(name, lenet_run, pictures):
    run = lenet_run.fork(strategy=name)
    chosen = run.step()
    scores = chosen.scores[chosen.queried]
    assert (np.diff(scores[~np.isnan(scores)]) <= 0).all() and chosen.scores[chosen.queried[0]] == np.nanmax(chosen.scores)
    p = run.view(0).table("probabilities")
    kept = ~np.isnan(chosen.scores)
    sure = np.sort(p[kept], axis=1)
    ranks = [np.argsort(np.argsort(v)) for v in (sure[:, -1] - sure[:, -2], -chosen.scores[kept])]
    assert np.corrcoef(ranks)[0, 1] > 0.5  # far from the border where the model is sure


def test_those_that_keep_their_label_rank_last():
    pool = random_pool(random_arrays(seed=3), 12, seed=3)
    selection = create("adversarial-bim", steps=3).select(pool, 30, np.random.default_rng(0))
    kept = np.isnan(selection.scores[selection.indices])
    assert 0 < kept.sum() < 30 and not kept[: -kept.sum()].any()
    assert selection.note == f"{kept.sum()} of 30 candidates kept their label through 3 steps and rank last."


def test_without_a_border_the_choice_is_uniform():
    untold = data.from_arrays(np.random.default_rng(0).normal(size=(40, 2)), targets=[0] * 39 + [1], name="one class")
    run = Run(untold, learner="mlp", strategy="deepfool", n_queries=5, n_initial=5, seed=3)
    assert isinstance(run.model(), ConstantModel)
    assert run.step().note.startswith("Chosen uniformly")
    counts = np.zeros(60)
    pool = random_pool(random_arrays(), 12, one_class=True)
    for seed in range(400):
        counts[create("adversarial-bim").select(pool, 3, np.random.default_rng(seed)).indices] += 1
    # chi-square with 29 degrees of freedom: 58.3 in 1 of 1,000
    assert ((counts[30:] - 40) ** 2 / 40).sum() < 58.3


def test_arrays_have_no_network():
    with pytest.raises(ValueError, match="needs a torch network, which arrays cannot give: use it in a Run"):
        alviz.query("adversarial-bim", 3, labels=[0, 1, -1, -1, -1], features=np.eye(5))
    with pytest.raises(ValueError, match="deepfool: train_on_copies must be True or False, got 1"):
        create("deepfool", train_on_copies=1)
    with pytest.raises(ValueError, match=r"needs module, which learner 'knn' does not give; learners that do: .*logistic.*mlp"):
        Run("gaussians", learner="knn", strategy="deepfool")


# ---- shallow learners as torch modules -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mlp", "mlp-dropout", "logistic", "linear-svm"])
def test_modules_say_what_their_models_say(name):
    rng = np.random.default_rng(2)
    y = rng.choice([0, 1, 3], size=60)
    x = (5 + rng.normal(size=(60, 4)) + 2 * np.eye(4)[y]).astype(np.float32)
    model = learners.create(name).fit(x, y, n_classes=5, rng=np.random.default_rng(0))
    state = torch.get_rng_state()
    logits = model.module(tensor_of(x, CPU)).numpy()
    assert torch.equal(torch.get_rng_state(), state)
    assert logits.shape == (60, 5) and not model.module.training and not any(p.requires_grad for p in model.module.parameters())
    warmth = getattr(model, "temperature", 1.0)
    e = np.exp(logits[:, [0, 1, 3]].astype(np.float64) / warmth)
    np.testing.assert_allclose(model.predict_proba(x)[:, [0, 1, 3]], e / e.sum(axis=1, keepdims=True), atol=1e-5)
    assert "module" in learners.create(name).provides


# ---- adversarial copies --------------------------------------------------------------------------------------------------------------


class Watched(Learner):
    """Another learner, whose trainings are written down."""

    def __init__(self, base):
        self.base, self.seen, self.takes = base, [], base.takes

    @property
    def provides(self):
        return self.base.provides

    def fit(self, x, y, **options):
        self.seen.append((x, y))
        return self.base.fit(x, y, **options)


@pytest.mark.parametrize("name", ["deepfool", "adversarial-bim"])
@pytest.mark.parametrize("learner", ["mlp", "lenet"])
def test_copies_enter_training(name, learner, pictures):
    base = Watched(learners.create("lenet", epochs=30) if learner == "lenet" else learners.create("mlp", epochs=30))
    dataset = pictures if learner == "lenet" else data.create("gaussians", n=120, n_test=40)
    strategy = create(name, steps=300, train_on_copies=True)
    run = Run(dataset, learner=base, strategy=strategy, n_queries=5, n_initial=45, seed=2)
    assert len(base.seen[0][1]) == 45  # there is no model yet that could be attacked
    run.step()
    x, y = base.seen[1]
    labelled = run.state.labelled
    inputs = dataset.images if learner == "lenet" else dataset.features
    assert np.array_equal(x[:50], inputs[labelled]) and np.array_equal(y[:50], run.state.labels[labelled])
    # those that the attack brings over a border of the model of the round before stand there once more, beyond it, with the label they have
    before = run.model(0)
    over = collected(before.module, x[:50], before.classes, strategy.attack(x[:50]))[1] >= 0
    assert over.mean() > 0.9 and x.dtype == inputs.dtype
    assert len(x) == 50 + over.sum() and np.array_equal(y[50:], y[:50][over])
    there, here = (before.predict_proba(part).argmax(1) for part in (x[50:], x[:50][over]))
    assert (there != here).mean() > 0.97
    assert run.n_labelled == 50 and run.rounds[-1].class_counts.sum() == 50
    picks = [finished.queried.tolist() for finished in run.rounds]
    run.undo()
    run.step()
    assert [finished.queried.tolist() for finished in run.rounds] == picks
    assert np.array_equal(base.seen[-1][0], x)


def test_learners_without_a_network_stay_as_they_are():
    knn = learners.create("knn")
    assert create("deepfool", train_on_copies=True).learner(knn) is knn
    mlp = learners.create("mlp")
    assert create("deepfool").learner(mlp) is mlp
