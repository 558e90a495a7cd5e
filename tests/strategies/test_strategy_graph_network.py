"""CoreGCN and UncertainGCN: the graph written out in full, the network by hand, and what it is for."""

import numpy as np
import pytest

import alviz
from alviz.strategies import graph_network
from alviz.strategies.graph_network import CONFIDENT, DROPOUT, UNLABELLED_WEIGHT, GraphNetwork, SimilarityGraph

KINDS = ("positive", "any sign", "duplicates", "with a zero row", "all zero", "opposite", "one")


def points(kind, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(14, 5))
    return {
        "positive": np.abs(x),
        "any sign": x,
        "duplicates": np.abs(x[rng.integers(0, 3, size=14)]),
        "with a zero row": np.vstack([np.zeros((1, 5)), np.abs(x)]),
        "all zero": np.zeros((4, 5)),
        "opposite": np.array([[1.0, 2.0], [-1.0, -2.0]]),
        "one": x[:1],
    }[kind]


def adjacency(x):
    """(S − I) D⁻¹ + I, one entry after the other."""
    n = len(x)
    s = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            length = np.sqrt((x[i] ** 2).sum() * (x[j] ** 2).sum())
            cosine = (x[i] * x[j]).sum() / length if length > 0 else 0.0
            s[i, j] = 0.0 if i == j else (1 + cosine) / 2 if (x < 0).any() else cosine
    a = np.eye(n)
    for j in range(n):
        degree = s[:, j].sum()
        if degree > 1e-12:
            a[:, j] += s[:, j] / degree
    return a


def forward(x, w1, b1, w2, b2):
    """(hidden, scores) of two convolutions with the adjacency written out."""
    a = adjacency(x)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    hidden = np.maximum(a @ (x / np.where(length > 0, length, 1)) @ w1 + b1, 0)
    return hidden, 1 / (1 + np.exp(-(a @ hidden @ w2 + b2)))


def loss(scores, m):
    value = -UNLABELLED_WEIGHT * np.log(1 - scores[:m]).mean()
    return value - np.log(scores[m:]).mean() if len(scores) > m else value


@pytest.mark.parametrize("kind", KINDS)
def test_products_with_the_adjacency(kind):
    x = points(kind)
    graph, a = SimilarityGraph(x), adjacency(x)
    rng = np.random.default_rng(1)
    v, w = rng.normal(size=len(x)), rng.normal(size=(len(x), 3))
    np.testing.assert_allclose(graph.times(v), a @ v, atol=1e-12)
    np.testing.assert_allclose(graph.times(w), a @ w, atol=1e-12)
    np.testing.assert_allclose(graph.transposed_times(v), a.T @ v, atol=1e-12)


def test_adjacency_by_hand():
    # Unit vectors at 0°, 60° and 90°: cosines 1/2, 0 and √3/2.
    x = np.array([[3.0, 0.0], [0.5, 0.75**0.5], [0.0, 2.0]])
    half, other = 0.5, 0.75**0.5
    degree = np.array([half, half + other, other])
    expected = np.array([[0, half, 0], [half, 0, other], [0, other, 0]]) / degree + np.eye(3)
    graph = SimilarityGraph(x)
    np.testing.assert_allclose(np.column_stack([graph.times(e) for e in np.eye(3)]), expected, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_scale_does_not_matter(scale):
    x = points("positive")
    np.testing.assert_allclose(SimilarityGraph(scale * x).times(np.ones(14)), adjacency(x).sum(axis=1), atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_forward_pass(kind):
    x = points(kind)
    network = GraphNetwork(x, np.random.default_rng(2))
    hidden, scores = forward(x, network.w1, network.b1, network.w2, network.b2)
    np.testing.assert_allclose(network.hidden(), hidden, atol=1e-5)
    np.testing.assert_allclose(network.scores(network.hidden()), scores, atol=1e-5)


@pytest.mark.parametrize("n_unlabelled", [9, 14])
def test_gradients_are_those_of_the_loss(n_unlabelled):
    x = points("any sign")
    network = GraphNetwork(x, np.random.default_rng(3))
    weights = [w.astype(np.float64) for w in (network.w1, network.b1, network.w2, network.b2)]
    rng = np.random.default_rng(4)
    for at, gradient in enumerate(network.gradients(n_unlabelled)):
        direction = rng.normal(size=gradient.shape)
        ends = []
        for step in (1e-5, -1e-5):
            moved = [w + step * direction if i == at else w for i, w in enumerate(weights)]
            ends.append(loss(forward(x, *moved)[1], n_unlabelled))
        np.testing.assert_allclose((gradient * direction).sum(), (ends[0] - ends[1]) / 2e-5, rtol=1e-3, atol=1e-5)


def test_training_is_that_of_torch(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(graph_network, "WEIGHT_DECAY", 0.2)  # of which one sees something in four steps
    x, m, masks = points("positive"), 9, []
    network = GraphNetwork(x, np.random.default_rng(3))
    first = [torch.from_numpy(np.array(w, dtype=np.float64)) for w in (network.w1, network.b1, network.w2, network.b2)]
    ours = network.gradients
    monkeypatch.setattr(network, "gradients", lambda n, mask=None: masks.append(mask) or ours(n, mask))
    network.train(m, 4, np.random.default_rng(5), lambda share: None)
    kept = np.stack(masks)
    assert set(np.unique(kept).tolist()) == {0.0, float(np.float32(1) / np.float32(1 - DROPOUT))}
    assert abs((kept > 0).mean() - (1 - DROPOUT)) < 0.02  # of 7,168 units: three standard errors are 0.016

    w1, b1, w2, b2 = weights = [w.requires_grad_() for w in first]
    a, z = torch.from_numpy(adjacency(x)), torch.from_numpy(x / np.linalg.norm(x, axis=1, keepdims=True))
    adam = torch.optim.Adam(weights, lr=graph_network.LEARNING_RATE, weight_decay=0.2)
    for mask in kept:
        scores = torch.sigmoid(a @ ((a @ z @ w1 + b1).relu() * torch.from_numpy(mask)) @ w2 + b2)
        adam.zero_grad()
        (-UNLABELLED_WEIGHT * torch.log(1 - scores[:m]).mean() - torch.log(scores[m:]).mean()).backward()
        adam.step()
    for found, expected in zip((network.w1, network.b1, network.w2, network.b2), weights, strict=True):
        np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-4)


def groups(seed, sizes=(60, 60, 12)):
    """Groups around three directions of the positive octant; only the first two have labels (6 each)."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(3), sizes)
    x = np.abs(np.eye(3, 8)[group] + 0.05 * rng.normal(size=(len(group), 8)))
    labels = np.full(len(group), -1)
    for g in (0, 1):
        labels[rng.choice(np.flatnonzero(group == g), 6, replace=False)] = g
    return x, labels, group


def test_the_network_tells_labelled_groups_from_the_other():
    for seed in range(3):
        x, labels, group = groups(seed)
        order = np.concatenate([np.flatnonzero(labels < 0), np.flatnonzero(labels >= 0)])
        m = int((labels < 0).sum())
        network = GraphNetwork(x[order], np.random.default_rng(seed))
        before = loss(network.scores(network.hidden()), m)
        network.train(m, 200, np.random.default_rng(seed), lambda share: None)
        scores = network.scores(network.hidden())
        assert loss(scores, m) < before
        foreign = group[order[:m]] == 2
        assert scores[:m][foreign].max() < scores[:m][~foreign].min()


@pytest.mark.parametrize("method", ["core", "uncertain"])
def test_the_unlabelled_group_is_reached(method):
    for seed in range(3):
        x, labels, group = groups(seed)
        picks = alviz.query("core-gcn", 4, labels=labels, features=x, seed=seed, method=method)
        assert group[picks[0]] == 2  # a tenth of the candidates
        if method == "uncertain":
            assert (group[picks] == 2).all()


def test_core_covers_and_uncertain_asks_for_confidence():
    x, labels, _ = groups(0)
    free = np.flatnonzero(labels < 0)
    order = np.concatenate([free, np.flatnonzero(labels >= 0)])
    rng = np.random.default_rng([7])  # what query gives the strategy with seed 7
    network = GraphNetwork(x[order], rng)
    network.train(len(free), 30, rng, lambda share: None)
    hidden, scores = forward(x[order], network.w1, network.b1, network.w2, network.b2)
    asked = alviz.query("core-gcn", 5, labels=labels, features=x, seed=7, method="uncertain", epochs=30)
    gaps = np.abs(scores[: len(free)] - CONFIDENT)
    assert asked.tolist() == free[np.argsort(gaps, kind="stable")[:5]].tolist()
    asked = alviz.query("core-gcn", 5, labels=labels, features=x, seed=7, epochs=30, return_selection=True)
    centres = list(range(len(free), len(x)))
    for pick, gain in zip(asked.indices, asked.gains, strict=True):
        distance = np.array([min(np.linalg.norm(hidden[i] - hidden[j]) for j in centres) for i in range(len(free))])
        assert free[distance.argmax()] == pick
        np.testing.assert_allclose(gain, distance.max(), rtol=1e-3)
        centres.append(int(distance.argmax()))


def test_nothing_labelled_and_cap():
    x, _, _ = groups(1)
    assert len(set(alviz.query("core-gcn", 9, labels=np.full(len(x), -1), features=x, epochs=5).tolist())) == 9
    asked = alviz.query("core-gcn", 3, labels=np.full(len(x), -1), features=x, epochs=5, cap=20, return_selection=True)
    assert np.isfinite(asked.scores).sum() == 0 and "20 of 132 candidates" in asked.note
    asked = alviz.query("core-gcn", 3, labels=np.full(len(x), -1), features=x, epochs=5, cap=20, method="uncertain", return_selection=True)
    assert np.isfinite(asked.scores).sum() == 20


def test_bad_settings():
    with pytest.raises(ValueError, match="core-gcn: method must be one of core, uncertain, got 'k'"):
        alviz.strategies.create("core-gcn", method="k")
