"""Learning loss: the module's loss, what its gradients reach, and that it ranks losses it has not seen."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from test_strategy_adversarial import bars

from alviz import data, learners
from alviz.learners.deep.loss_module import LossModule, stages
from alviz.learners.deep.networks import lenet, resnet18
from alviz.loop import Run
from alviz.strategies import create
from alviz.testing.hashing import state_hash
from alviz.testing.pools import random_arrays, random_pool


def small(share=1.0, margin=1.0, weight=1.0):
    torch.manual_seed(0)
    network = lenet((1, 12, 12), 3, [0.3], [0.2], 0.0)
    return network, LossModule(network, stages(network), torch.rand(2, 1, 12, 12), margin, weight, share)


# ---- the module ----------------------------------------------------------------------------------------------------------------------


def test_layers_that_are_looked_at():
    _, module = small()
    assert [layer.in_features for layer in module.layers] == [6, 16, 120, 84]
    deep = resnet18(3, 4, [0.5] * 3, [0.2] * 3, stem="7x7", dropout=0.0, size=None)
    assert [layer.in_features for layer in LossModule(deep, stages(deep), torch.rand(1, 3, 32, 32), 1, 1, 1).layers] == [64, 128, 256, 512]
    assert deep.training and deep.trunk.bn1.num_batches_tracked == 0


def test_it_sees_the_means_of_the_layers():
    network, module = small()
    x = torch.rand(5, 1, 12, 12)
    with torch.no_grad(), module.watching():
        network(x)
        found = module()
        z = (x - network.mean) / network.std
        first = network.trunk[0](z)
        second = network.trunk[1](first)
        third = network.hidden[0](second.flatten(1)).relu()
        fourth = network.hidden[1](third).relu()
        seen = [first.mean((2, 3)), second.mean((2, 3)), third, fourth]
        hidden = [layer(each).clamp(min=0) for layer, each in zip(module.layers, seen, strict=True)]
        expected = module.last(torch.cat(hidden, 1))[:, 0]
    torch.testing.assert_close(found, expected)
    assert not module.seen and not any(layer._forward_hooks for layer in network.modules())


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_loss_of_pairs(size):
    network, module = small(margin=0.7, weight=3.0)
    x, losses = torch.rand(size, 1, 12, 12), torch.rand(size) * 3
    with module.watching():
        network(x)
        predicted = module().detach().numpy()
        found = float(module.loss(losses, 0.0).detach())
    pairs = [(i, size - 1 - i) for i in range(size // 2)]
    terms = [max(0.0, 0.7 - (1 if losses[i] > losses[j] else -1) * (predicted[i] - predicted[j])) for i, j in pairs]
    assert found == pytest.approx(3 * np.mean(terms) if terms else 0.0, rel=1e-5)


def test_its_gradients_reach_the_network_only_at_first():
    for over, reaches in ((0.0, True), (0.59, True), (0.6, False), (1.0, False)):
        network, module = small(share=0.6)
        with module.watching():
            network(torch.rand(6, 1, 12, 12))
            module.loss(torch.rand(6, requires_grad=True), over).backward()
        assert any(p.grad is not None and p.grad.any() for p in network.parameters()) == reaches
        assert all(p.grad is not None for p in module.parameters())


# ---- what it is for ------------------------------------------------------------------------------------------------------------------


def noisy(n, seed, of):
    """Samples of three classes, a third of them close to those of another: some are hard, and one can see which."""
    rng = np.random.default_rng(seed)
    x, y = bars(n, seed)
    hard = rng.random(n) < 0.4
    faded = np.where(hard[:, None, None], 60 + (x.astype(float) - 60) * 0.55 + rng.normal(0, 30, x.shape), x)
    pictures = np.clip(faded, 0, 255).astype(np.uint8)
    if of == "pictures":
        return pictures, y
    points = rng.normal(size=(n, 4)) * np.where(hard, 1.6, 0.5)[:, None] + 2 * np.eye(3, 4)[y]
    return points.astype(np.float32), y


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("of", ["pictures", "features"])
def test_predicted_losses_rank_true_ones(of, seed):
    base = learners.create("lenet", epochs=30, batch_size=32) if of == "pictures" else learners.create("mlp", epochs=60)
    x, y = noisy(400, seed, of)
    held_out, right = noisy(300, seed + 10, of)
    model = create("lpl").learner(base).fit(x, y, n_classes=3, rng=np.random.default_rng(seed))
    p = model.predict_proba(held_out)
    true, predicted = -np.log(np.maximum(p[np.arange(300), right], 1e-12)), model.predicted_loss(held_out)
    assert (p.argmax(1) == right).mean() > 0.6  # and the network still learns what it is for
    rng = np.random.default_rng(0)
    draws = [spearmanr(true[rows], predicted[rows])[0] for rows in rng.integers(300, size=(500, 300))]
    assert np.quantile(draws, 0.005) > 0.1, np.quantile(draws, [0.005, 0.5, 0.995])


@pytest.mark.parametrize("name", ["lenet", "mlp", "mlp-dropout"])
def test_models_and_seeds(name):
    x, y = noisy(60, 3, "pictures" if name == "lenet" else "features")
    base = learners.create(name, epochs=3)
    wrapped = create("lpl").learner(base)
    assert wrapped.provides == base.provides | {"predicted_loss"} and wrapped.takes == base.takes
    one, two, other = (wrapped.fit(x, y, n_classes=5, rng=np.random.default_rng(seed)) for seed in (4, 4, 5))
    before = state_hash(one)
    found = one.predicted_loss(x)
    assert found.shape == (60,) and np.isfinite(found).all() and state_hash(one) == before
    np.testing.assert_array_equal(found, two.predicted_loss(x))
    assert not np.allclose(found, other.predicted_loss(x))
    np.testing.assert_array_equal(found[5:9], one.predicted_loss(x[5:9]))  # whatever is asked with it
    assert (one.predict_proba(x)[:, 3:] == 0).all()
    assert hasattr(one, "dropout_proba") == ("dropout" in name)


def test_little_to_train_on():
    for shape in ((2, 12, 12), (3, 14, 13, 3)):
        x = np.random.default_rng(0).integers(0, 256, size=shape, dtype=np.uint8)
        wrapped = create("lpl").learner(learners.create("lenet", epochs=2, batch_size=2))
        model = wrapped.fit(x, np.arange(len(x)) % 2, rng=np.random.default_rng(0))
        assert np.isfinite(model.predicted_loss(x)).all()
        assert wrapped.fit(x[:1], np.zeros(1, dtype=int), n_classes=2, rng=np.random.default_rng(0)).predict_proba(x)[:, 0].all()


def test_a_run_asks_for_the_largest():
    x, y = noisy(120, 5, "pictures")
    dataset = data.from_arrays(images=x, targets=y, test=noisy(30, 6, "pictures"), name="bars")
    run = Run(dataset, learner=learners.create("lenet", epochs=4), strategy="lpl", n_queries=10, n_initial=40)
    step = run.step()
    rest = np.setdiff1d(np.arange(120), run.rounds[0].queried)
    predicted = run.model(0).predicted_loss(x[rest])
    np.testing.assert_array_equal(step.queried, rest[np.argsort(-predicted, kind="stable")[:10]])
    np.testing.assert_allclose(step.scores[rest], predicted, rtol=1e-6)


def test_one_class_leaves_nothing_to_train():
    dataset = data.from_arrays(np.random.default_rng(0).normal(size=(40, 2)), targets=[0] * 40, class_names=("a", "b"), name="one class")
    run = Run(dataset, learner="mlp", strategy="lpl", n_queries=5)
    assert run.step().note == "Chosen uniformly: with labels of fewer than two classes nothing is trained."
    picks = {
        tuple(create("lpl").select(random_pool(random_arrays(), 5, one_class=True), 3, np.random.default_rng(s)).indices) for s in range(9)
    }
    assert len(picks) > 5


def test_other_learners_are_refused():
    with pytest.raises(
        ValueError, match=r"needs predicted loss, which learner 'linear-svm' does not give; learners that do: .*lenet.*mlp.*resnet18"
    ):
        Run("fashion-mini", learner="linear-svm", strategy="lpl")
    with pytest.raises(ValueError, match=r"learners that do: mlp, mlp-dropout$"):
        Run("gaussians", learner="knn", strategy="lpl")
