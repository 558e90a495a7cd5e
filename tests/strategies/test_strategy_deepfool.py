"""DeepFool: closed form on linear models, one input at a time on bent ones, changed labels on pictures."""

import numpy as np
import pytest
import torch
from test_strategy_adversarial import CPU, bars, bent, collected
from torch import nn

from alviz import data, learners
from alviz.learners.deep.attacks import DeepFool
from alviz.learners.deep.training import tensor_of
from alviz.loop import Run
from alviz.strategies import create


def linear(weights, bias):
    net = nn.Linear(*weights.T.shape).requires_grad_(False)
    net.weight.copy_(torch.tensor(weights))
    net.bias.copy_(torch.tensor(bias))
    return net


def closed_form(weights, bias, seen, x):
    """min over k ≠ y of |f_k − f_y| / ‖w_k − w_y‖ for every x, over the seen classes."""
    weights, bias = weights[seen], bias[seen]
    out = []
    for f in x @ weights.T + bias:
        y = f.argmax()
        out.append(min((f[y] - f[k]) / np.linalg.norm(weights[k] - weights[y]) for k in range(len(seen)) if k != y))
    return np.array(out)


@pytest.mark.parametrize("seed", range(3))
def test_on_a_linear_model_it_is_the_closed_form(seed):
    rng = np.random.default_rng(seed)
    weights, bias, x = rng.normal(size=(6, 8)), rng.normal(size=6), rng.normal(size=(200, 8)).astype(np.float32)
    weights[4] *= 50  # a class without labels, which would win everywhere
    seen = np.array([0, 1, 2, 3, 5])
    distance, margin, change = collected(linear(weights, bias), x, seen, DeepFool(steps=50, pictures=False, overshoot=0.02, classes=10))
    np.testing.assert_allclose(distance, closed_form(weights, bias, seen, x), rtol=2e-4, atol=1e-5)
    assert (margin >= 0).all()
    before, after = ((points @ weights.T + bias)[:, seen].argmax(1) for points in (x, x + 1.02 * change))
    assert (before != after).mean() > 0.99


@pytest.mark.parametrize("learner", ["logistic", "linear-svm"])
def test_scores_in_a_run_are_the_closed_form(learner):
    rng = np.random.default_rng(4)
    y = rng.integers(0, 4, size=160)
    x = (3 + rng.normal(size=(160, 6)) + 2 * np.eye(4, 6)[y]).astype(np.float32)
    run = Run(data.from_arrays(x, targets=y, name="four groups"), learner=learner, strategy="deepfool", n_queries=12, n_initial=60)
    step = run.step()
    model = run.model(0)
    weights = model.weights.T.astype(np.float64) * float(model.scale.factor)
    bias = model.bias - weights @ model.scale.mean
    expected = closed_form(weights, bias, np.arange(4), x.astype(np.float64))
    asked = ~np.isnan(step.scores)
    assert asked.sum() == 100
    np.testing.assert_allclose(-step.scores[asked], expected[asked], rtol=1e-3, atol=1e-5)
    order = np.argsort(expected[asked])[:12]
    np.testing.assert_allclose(expected[step.queried], expected[asked][order], rtol=1e-3, atol=1e-5)


def by_the_paper(net, x, seen, eta, steps):
    """Algorithm 2 for one input, its gradients by automatic differentiation in float64: Σ r."""
    start, total = torch.tensor(x, dtype=torch.float64), np.zeros(len(x))
    label = int(net(start)[seen].argmax())
    for _ in range(steps):
        at = start + (1 + eta) * torch.tensor(total)
        f = net(at)[seen].numpy()
        if f.argmax() != label:
            break
        jacobian = torch.autograd.functional.jacobian(net, at).numpy()[seen]
        w, gap = jacobian - jacobian[label], f - f[label]
        others = [k for k in range(len(seen)) if k != label]
        k = min(others, key=lambda k: abs(gap[k]) / np.linalg.norm(w[k]))
        total = total + abs(gap[k]) / np.linalg.norm(w[k]) ** 2 * w[k]
    return total


@pytest.mark.parametrize("seed", range(4))
def test_against_one_input_at_a_time(seed):
    x, seen = np.random.default_rng(seed).normal(size=(40, 5)).astype(np.float32), np.array([0, 1, 3])
    distance, margin, change = collected(bent(seed), x, seen, DeepFool(steps=50, pictures=False, overshoot=0.02, classes=10))
    double = bent(seed).double()
    expected = np.array([by_the_paper(double, row, seen, 0.02, 50) for row in x])
    over = margin >= 0
    assert over.mean() > 0.8
    np.testing.assert_allclose(change[over], expected[over], rtol=5e-3, atol=1e-4)
    np.testing.assert_allclose(distance[over], np.linalg.norm(expected[over], axis=1), rtol=5e-3, atol=1e-4)
    assert (np.array([np.linalg.norm(row) for row in expected[over]]) > 0).all()


def test_only_the_most_probable_classes_are_tried():
    # At the origin the second class follows at once, but its border is far: the gap hardly changes with x.
    net = linear(np.array([[1.0, 0.0], [0.9, 0.0], [-4.0, 0.0]]), np.array([1.0, 0.9, 0.5]))
    x = np.zeros((1, 2), dtype=np.float32)
    for classes, expected in ((1, 0.1 / 0.1), (2, 0.5 / 5.0)):
        distance, _, _ = collected(net, x, np.arange(3), DeepFool(steps=50, pictures=False, overshoot=0.02, classes=classes))
        np.testing.assert_allclose(distance, expected, rtol=1e-5)


def test_on_a_border_the_distance_is_nothing():
    net = linear(np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2))
    distance, margin, _ = collected(net, np.ones((3, 2), dtype=np.float32), np.arange(2), create("deepfool").attack(np.ones((3, 2))))
    assert not distance.any() and not margin.any()


def test_a_pixel_at_its_end_takes_no_part():
    # The border lies beyond black for the first pixel and beyond white for the second: the way leads along the other two, in one step.
    weights, bias = np.array([[0.0, 0.0, 0.0, 0.0], [-2.0, 3.0, 0.3, -0.4]]), np.array([0.0, -3.1])
    x = np.array([[[0, 255], [102, 102]]], dtype=np.uint8)
    net = nn.Sequential(nn.Flatten(), linear(weights, bias))
    distance, margin, change = collected(net, x, np.arange(2), DeepFool(steps=1, pictures=True, overshoot=0.02, classes=1))
    gap = 3.1 - (3.0 + 0.4 * 0.3 - 0.4 * 0.4)
    np.testing.assert_allclose(distance, gap / 0.5, rtol=1e-4)
    np.testing.assert_allclose(change.ravel(), [0, 0, gap * 0.3 / 0.25, -gap * 0.4 / 0.25], atol=1e-5)
    assert margin >= 0


@pytest.mark.parametrize("channels", [1, 3])
def test_on_pictures_the_label_changes(channels):
    grey, y = bars(80, 5)
    x = grey if channels == 1 else np.stack([grey, 255 - grey, grey // 2], axis=3)
    model = learners.create("lenet", epochs=25).fit(x, y, n_classes=4, rng=np.random.default_rng(0))
    attack = create("deepfool").attack(x)
    distance, margin, change = collected(model.module, x, model.classes, attack)
    start = tensor_of(x, CPU)
    moved = (start + 1.02 * torch.from_numpy(change)).clamp(0, 1)
    with torch.no_grad():
        before, after = (model.module(batch)[:, model.classes].argmax(1).numpy() for batch in (start, moved))
    assert (margin >= 0).mean() > 0.9
    assert np.array_equal(before != after, margin >= 0)
    kept = start.numpy() + change
    assert kept.min() >= -1e-6 and kept.max() <= 1 + 1e-6
    # far shorter than what random changes of the same length need to do anything
    rng = np.random.default_rng(1)
    noise = rng.normal(size=change.shape)
    noise *= (distance / np.sqrt((noise**2).sum(axis=(1, 2, 3))))[:, None, None, None]
    with torch.no_grad():
        shaken = model.module(torch.from_numpy((start.numpy() + noise).astype(np.float32)))[:, model.classes].argmax(1).numpy()
    assert (before != shaken).mean() < 0.3


def test_settings_are_checked():
    with pytest.raises(ValueError, match=r"deepfool: overshoot must be a number in 0 … 1, got 2"):
        create("deepfool", overshoot=2)
    with pytest.raises(ValueError, match=r"deepfool: classes must be a whole number ≥ 1, got 0"):
        create("deepfool", classes=0)
