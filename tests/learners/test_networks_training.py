"""How networks are trained, held against loops written out by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from alviz import learners
from alviz.learners.deep import networks, pooled
from alviz.learners.deep.networks import Network
from alviz.learners.deep.pooled import PooledConv
from alviz.learners.deep.training import Recipe, augmented, train
from alviz.progress import silent

# ---- convolution and pooling in one product ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "padding"), [((3, 2, 28, 28), 0), ((2, 1, 15, 13), 2), ((5, 3, 12, 19), 0), ((1, 6, 14, 14), 2)])
def test_the_pooled_convolution_is_a_convolution_and_then_pooling(shape, padding):
    torch.manual_seed(0)
    layer = PooledConv(shape[1], 4, padding).double()
    x = torch.randn(shape, dtype=torch.double, requires_grad=True)
    plain = nn.functional.relu(nn.functional.max_pool2d(nn.functional.conv2d(x, layer.weight, layer.bias, padding=padding), 2))
    mine = layer(x)
    torch.testing.assert_close(mine, plain)
    for loss in (lambda out: (out**2).sum(), lambda out: out.sum()):
        wanted = torch.autograd.grad(loss(plain), [x, layer.weight, layer.bias], retain_graph=True)
        got = torch.autograd.grad(loss(mine), [x, layer.weight, layer.bias], retain_graph=True)
        for a, b in zip(got, wanted, strict=True):
            torch.testing.assert_close(a, b)


def test_the_pooled_convolution_can_be_differentiated_twice():
    torch.manual_seed(0)
    layer = PooledConv(1, 1).double()
    assert torch.autograd.gradgradcheck(layer, (torch.randn(1, 1, 6, 6, dtype=torch.double, requires_grad=True),))


def test_the_network_called_lenet_is_lenet_5():
    network = networks.lenet((1, 28, 28), 10, [0.0], [1.0], 0.0)
    assert sum(p.numel() for p in network.parameters()) == 61_706
    assert sum(p.numel() for p in networks.lenet((1, 32, 32), 10, [0.0], [1.0], 0.0).trunk.parameters()) == 156 + 2416


@pytest.mark.parametrize(("stem", "first"), [("7x7", 3 * 64 * 49), ("3x3", 3 * 64 * 9)])
def test_the_network_called_resnet18_has_its_size_and_stem(stem, first):
    network = networks.resnet18(3, 1000, [0.0] * 3, [1.0] * 3, stem=stem, dropout=0.0, size=None)
    assert sum(p.numel() for p in network.parameters()) == 11_689_512 - 3 * 64 * 49 + first
    with torch.inference_mode():
        rows = network.eval().trunk.layer1(network.trunk.maxpool(network.trunk.conv1(torch.zeros(1, 3, 32, 32)))).shape[-1]
    assert rows == {"7x7": 8, "3x3": 32}[stem]


# ---- augmentation ------------------------------------------------------------------------------------------------------------------


def shifted(picture, dy, dx):
    """One picture (C, H, W) moved up by dy and left by dx, black coming in: pixel by pixel."""
    out = np.zeros_like(picture)
    _, height, width = picture.shape
    for i in range(height):
        for j in range(width):
            if 0 <= i + dy < height and 0 <= j + dx < width:
                out[:, i, j] = picture[:, i + dy, j + dx]
    return out


@pytest.mark.parametrize("how", ["shift", "shift+flip"])
@pytest.mark.parametrize("shape", [(40, 1, 16, 16), (40, 3, 9, 24)])
def test_every_picture_is_shifted_and_flipped_on_its_own(how, shape):
    rng = np.random.default_rng(0)
    batch = rng.random(shape).astype(np.float32)
    moved = augmented(torch.from_numpy(batch), how, np.random.default_rng(1)).numpy()
    down, across = (max(1, round(side / 8)) for side in shape[2:])
    found = []
    for before, after in zip(batch, moved, strict=True):
        ways = {
            (dy, dx, flip): shifted(before, dy, dx)[:, :, :: -1 if flip else 1]
            for dy in range(-down, down + 1)
            for dx in range(-across, across + 1)
            for flip in ((False, True) if how == "shift+flip" else (False,))
        }
        found += [way for way, picture in ways.items() if np.array_equal(picture, after)]
    assert len(found) == len(batch)
    for k, values in enumerate(zip(*found, strict=True)):
        allowed = [2 * down + 1, 2 * across + 1, 2 if how == "shift+flip" else 1][k]
        assert len(set(values)) > allowed // 2 and len(set(values)) <= allowed


def test_nothing_is_drawn_and_nothing_moves_without_augmentation():
    batch = torch.rand(4, 1, 8, 8)
    rng = np.random.default_rng(0)
    assert augmented(batch, "none", rng) is batch
    assert rng.random() == np.random.default_rng(0).random()


# ---- optimisers, schedule, early stop ----------------------------------------------------------------------------------------------


def tiny():
    """A linear classifier of 12 × 12 pictures, the smallest Network there is, with known weights."""
    network = Network(nn.Flatten(), 144, (), 3, [0.5], [0.25])
    rng = np.random.default_rng(5)
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(rng.normal(size=(3, 144)) * 0.05))
        network.head.bias.copy_(torch.from_numpy(rng.normal(size=3) * 0.05))
    return network


def data(n=20):
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, size=(n, 12, 12), dtype=np.uint8), rng.integers(0, 3, size=n)


def by_hand(x, y, recipe, seed):
    """The same training in float64 with the gradient and the update written out. Gives weights (3, 145), learning rates and losses per epoch."""
    network = tiny()
    w = np.hstack([network.head.weight.detach().numpy(), network.head.bias.detach().numpy()[:, None]]).astype(np.float64)
    z = np.hstack([((x / 255 - 0.5) / 0.25).reshape(len(x), -1), np.ones((len(x), 1))])
    velocity, m, v, step = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w), 0
    lr, best, bad, rates, losses = recipe.lr, np.inf, 0, [], []
    stop_best, waited = np.inf, 0
    rng = np.random.default_rng(seed)
    for _ in range(recipe.epochs):
        total = 0.0
        rates.append(lr)
        for rows in np.array_split(rng.permutation(len(x)), -(-len(x) // recipe.batch_size)):
            scores = z[rows] @ w.T
            p = np.exp(scores - scores.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            total += -np.log(p[np.arange(len(rows)), y[rows]]).sum()
            gradient = (p - np.eye(3)[y[rows]]).T @ z[rows] / len(rows) + recipe.weight_decay * w
            if recipe.optimizer == "sgd":
                velocity = recipe.momentum * velocity + gradient
                w = w - lr * (gradient + recipe.momentum * velocity)
            else:
                step += 1
                m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
                w = w - lr * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        losses.append(total / len(x))
        if recipe.schedule == "plateau":  # a tenth once it has failed to fall for more than `patience` epochs in a row
            best, bad = (losses[-1], 0) if losses[-1] < best * (1 - 1e-4) else (best, bad + 1)
            if bad > recipe.patience:
                lr, bad = lr / 10, 0
        stop_best, waited = (losses[-1], 0) if losses[-1] < stop_best * (1 - 1e-4) else (stop_best, waited + 1)
        if recipe.early_stop is not None and waited >= recipe.early_stop:
            break
    return w, rates, losses


def ours(x, y, recipe, seed):
    network, reports = tiny(), []
    images, labels = torch.from_numpy(x)[:, None], torch.from_numpy(y)
    train(network, images, labels, torch.arange(3), recipe, np.random.default_rng(seed), reports.append)
    w = np.hstack([network.head.weight.detach().numpy(), network.head.bias.detach().numpy()[:, None]])
    return w, len(reports)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=3, batch_size=8, optimizer="sgd", lr=0.02, momentum=0.9, weight_decay=0.01),
        Recipe(epochs=3, batch_size=8, optimizer="sgd", lr=0.02, momentum=0.0),
        Recipe(epochs=3, batch_size=8, optimizer="adam", lr=0.003, weight_decay=0.01),
        Recipe(epochs=2, batch_size=64, optimizer="adam", lr=0.003),
    ],
)
def test_optimisers_take_the_steps_written_out_by_hand(recipe):
    x, y = data()
    wanted, _, _ = by_hand(x, y, recipe, 9)
    got, steps = ours(x, y, recipe, 9)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    assert steps == recipe.epochs * -(-len(x) // recipe.batch_size)


def contradictory(n=40):
    """Four pictures many times over with labels at random: the loss soon stands, give or take what the order of the samples does."""
    x, _ = data(4)
    return x[np.arange(n) % 4], np.random.default_rng(7).integers(0, 3, size=n)


def test_the_plateau_schedule_takes_a_tenth_of_the_rate_where_the_loss_stands():
    x, y = contradictory()
    recipe = Recipe(epochs=40, batch_size=10, optimizer="sgd", lr=0.01, momentum=0.0, schedule="plateau", patience=2)
    wanted, rates, _ = by_hand(x, y, recipe, 1)
    assert len(set(rates)) >= 3 and rates[0] == 0.01
    got, _ = ours(x, y, recipe, 1)
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4)
    constant, _ = ours(x, y, replace(recipe, schedule="constant"), 1)
    assert np.abs(constant - wanted).max() > 10 * np.abs(got - wanted).max()


def test_training_stops_early_where_the_loss_stands():
    x, y = contradictory()
    recipe = Recipe(epochs=60, batch_size=10, optimizer="sgd", lr=0.01, momentum=0.0, early_stop=3)
    wanted, _, losses = by_hand(x, y, recipe, 1)
    assert 4 < len(losses) < 60
    got, steps = ours(x, y, recipe, 1)
    assert steps == 4 * len(losses)
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4)


def test_classes_without_labels_take_no_part():
    x, y = data()
    two = np.where(y == 1, 2, y)
    network = tiny()
    before = network.head.weight.detach().clone()
    recipe = Recipe(epochs=2, batch_size=8, optimizer="sgd", lr=0.1)
    train(network, torch.from_numpy(x)[:, None], torch.from_numpy(two), torch.tensor([0, 2]), recipe, np.random.default_rng(0), silent)
    assert torch.equal(network.head.weight[1], before[1])
    assert not torch.equal(network.head.weight[0], before[0])


@pytest.mark.parametrize(("n", "batch_size", "sizes"), [(3, 2, [3]), (9, 8, [5, 4]), (64, 64, [64]), (65, 64, [33, 32]), (5, 2, [3, 2])])
def test_mini_batches_are_even_and_never_of_one(n, batch_size, sizes):
    seen = []
    network = tiny()
    network.head.register_forward_hook(lambda layer, given, out: seen.append(len(out)))
    images, y = torch.zeros(n, 1, 12, 12, dtype=torch.uint8), torch.arange(n) % 3
    train(network, images, y, torch.arange(3), Recipe(epochs=1, batch_size=batch_size), np.random.default_rng(0), silent)
    assert seen == sizes


# ---- bfloat16 ----------------------------------------------------------------------------------------------------------------------


def test_bfloat16_stays_near_float32(monkeypatch):
    """On any machine: what a trunk gives in bfloat16, and a step of training with it."""
    images = np.random.default_rng(0).integers(0, 256, size=(12, 20, 20), dtype=np.uint8)
    x, y = torch.from_numpy(images)[:, None], torch.arange(12) % 4
    given, moved = {}, {}
    for half in (False, True):
        monkeypatch.setattr(networks, "fast_bfloat16", lambda where, half=half: half)
        torch.manual_seed(0)
        network = networks.resnet18(1, 4, [0.5], [0.3], stem="7x7", dropout=0.0, size=None)
        with torch.no_grad():
            given[half] = network.eval().embed(x / 255)
        start = network.head.weight.detach().clone()
        recipe = Recipe(epochs=1, batch_size=16, optimizer="sgd", lr=0.1, momentum=0.0)
        train(network, x, y, torch.arange(4), recipe, np.random.default_rng(0), silent)
        moved[half] = network.head.weight.detach() - start
    assert given[True].dtype == torch.float32
    assert not torch.equal(given[True], given[False])
    assert (given[True] - given[False]).norm() < 0.03 * given[False].norm()
    assert (moved[True] - moved[False]).norm() < 0.1 * moved[False].norm()


def test_the_pooled_convolution_in_bfloat16_stays_near_float32(monkeypatch):
    torch.manual_seed(0)
    layer = PooledConv(2, 8, padding=2)
    x = torch.rand(64, 2, 16, 16, requires_grad=True)
    out, gradients = {}, {}
    for half in (False, True):
        monkeypatch.setattr(pooled, "fast_bfloat16", lambda where, half=half: half)
        out[half] = layer(x)
        gradients[half] = torch.autograd.grad((out[half] ** 2).sum(), [x, layer.weight, layer.bias])
    assert out[True].dtype == torch.float32 and not torch.equal(out[True], out[False])
    assert (out[True] - out[False]).abs().max() < 0.01 * out[False].abs().max()
    for got, wanted in zip(gradients[True], gradients[False], strict=True):
        assert (got - wanted).norm() < 0.1 * wanted.norm()


# ---- dropout -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def thinned():
    """A ResNet whose dropout stands before a linear head, and pictures."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, size=(10, 16, 16), dtype=np.uint8)
    learner = learners.create("resnet18", stem="7x7", epochs=1, batch_size=8, dropout=0.3)
    return learner.fit(x, np.arange(10) % 3, rng=np.random.default_rng(0)), x


def test_passes_thin_the_embedding_alone_and_their_mean_tends_to_the_closed_form(thinned):
    """Logits are linear in the mask m_j / (1 − q): mean W h + b, variance Σ_j (W_cj h_j)² q / (1 − q)."""
    model, x = thinned
    draws = 4000
    posterior = model.dropout_proba(x[:3], draws, np.random.default_rng(1))
    assert posterior.shape == (draws, 3, 3)
    np.testing.assert_allclose(posterior.sum(axis=2), 1, atol=1e-9)
    h = model.embed(x[:3]).astype(np.float64)
    w, b = (t.numpy().astype(np.float64) for t in (model.module.head.weight, model.module.head.bias))
    logs = np.log(posterior)
    found = logs[..., 1:] - logs[..., :1]  # differences of logits: what the softmax leaves of them
    contrast = w[1:] - w[:1]
    mean, variance = h @ contrast.T + (b[1:] - b[0]), (h**2) @ (contrast**2).T * 0.3 / 0.7
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=5 * np.sqrt(variance.max() / draws))
    np.testing.assert_allclose(found.var(axis=0), variance, rtol=0.2)


def test_passes_differ_repeat_with_the_generator_and_leave_the_model_alone(thinned):
    model, x = thinned
    buffers = {name: b.clone() for name, b in model.module.named_buffers()}
    assert any("running_mean" in name for name in buffers)
    first, again, other = (model.dropout_proba(x, 4, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()
    assert all((first[i] != first[j]).any() for i in range(4) for j in range(i))
    assert all(torch.equal(b, buffers[name]) for name, b in model.module.named_buffers())
    assert not any(part.training for part in model.module.modules())


def test_lenet_thins_its_hidden_layers_one_network_per_draw():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, size=(6, 12, 12), dtype=np.uint8)
    model = learners.create("lenet", epochs=1, dropout=0.5).fit(x, np.arange(6) % 2, rng=np.random.default_rng(0))
    posterior = model.dropout_proba(x, 3, np.random.default_rng(4))
    masks = np.random.default_rng(4)
    net = model.module
    with torch.inference_mode():
        z0 = net.base(torch.from_numpy(x)[:, None] / 255)
        for t in range(3):
            z = z0
            for layer in net.hidden:
                kept = torch.from_numpy(masks.random(layer.out_features) < 0.5).float() / 0.5
                z = nn.functional.relu(layer(z)) * kept
            expected = net.head(z).softmax(dim=1).numpy()
            np.testing.assert_allclose(posterior[t], expected, atol=1e-5)


def test_passes_of_a_network_without_dropout_are_refused():
    from alviz.learners.deep.model import DropoutNetworkModel

    model = DropoutNetworkModel(tiny(), np.arange(3), 3, (12, 12))
    with pytest.raises(ValueError, match="no dropout layers, so stochastic passes would all be the same"):
        model.dropout_proba(np.zeros((2, 12, 12), np.uint8), 3, np.random.default_rng(0))
