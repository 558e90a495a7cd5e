"""MaxHerding and uncertainty herding against the papers' algorithms on full matrices."""

import numpy as np
import pytest
import torch

import alviz
from alviz.strategies import PoolView, create, lazy
from alviz.strategies.arrays import Arrays


def kernel(x, y, scale):
    """exp(−‖x − y‖²/scale²) of rows of unit length, by differences."""
    return np.array([[np.exp(-((a - b) ** 2).sum() / scale**2) for b in y] for a in x])


def unit(x):
    x = x.astype(np.float64)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def herding(x, labels, n_picks, weights, scale):
    """(picks, gains): mean over all samples of weight · best kernel to a labelled sample or pick, maximised greedily."""
    k = kernel(unit(x), unit(x), scale)
    chosen = list(np.flatnonzero(labels >= 0))

    def coverage(rows):
        return (weights * k[rows].max(axis=0)).mean() if rows else 0.0

    picks, gains = [], []
    for _ in range(n_picks):
        free = [i for i in range(len(x)) if i not in chosen]
        gain = np.array([coverage([*chosen, i]) - coverage(chosen) for i in free])
        at = int(np.flatnonzero(gain >= gain.max() - 1e-13)[0])
        picks.append(free[at])
        gains.append(gain[at])
        chosen.append(free[at])
    return picks, gains


def closest(x):
    """The smallest distance between two rows of unit length that differ, 1 when there is none."""
    rows = unit(x) if len(x) else x
    apart = [np.linalg.norm(a - b) for i, a in enumerate(rows) for b in rows[:i] if np.linalg.norm(a - b) > 1e-3]
    return min(apart, default=1.0)


def pool(seed, n=40, kind="normal", dtype=np.float64):
    rng = np.random.default_rng([seed, 11])
    x = rng.normal(size=(n, 4)).astype(dtype)
    if kind == "copies":
        x = x[rng.integers(0, n // 3, n)]
    if kind == "constant":
        x = np.repeat(x[:1], n, axis=0)
    return x, rng.dirichlet(np.ones(3), size=n), rng


LABELLED = {"none": 0, "one": 1, "some": 9}


def labelling(rng, n, how):
    labels = np.full(n, -1)
    labels[rng.choice(n, LABELLED[how], replace=False)] = rng.integers(0, 3, LABELLED[how])
    return labels


@pytest.fixture(params=[False, True], ids=["one block", "blocks"])
def blocks(request, monkeypatch):
    if request.param:
        for name, size in {"ROWS": 8, "COLUMNS": 8, "FIRST": 2, "PAIRS": 100}.items():
            monkeypatch.setattr(lazy, name, size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["normal", "copies", "constant"])
@pytest.mark.parametrize("how", LABELLED)
@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_max_herding(blocks, dtype, kind, how, scale):
    x, _, rng = pool(int(10 * scale), kind=kind, dtype=dtype)
    labels = labelling(rng, len(x), how)
    free = np.flatnonzero(labels < 0)
    b = len(free) if kind == "constant" else 15
    expected, gains = herding(x, labels, b, np.ones(len(x)), scale)
    view = PoolView(Arrays({"features": x}), free, np.flatnonzero(labels >= 0), labels[labels >= 0], 3, len(x))
    got = create("max-herding", length_scale=scale).select(view, b, np.random.default_rng(0))
    assert got.indices.tolist() == expected
    np.testing.assert_allclose(got.gains, gains, atol=1e-10)
    np.testing.assert_allclose(got.scores[got.indices[0]], gains[0], rtol=1e-5, atol=1e-12)
    assert np.isnan(got.scores[labels >= 0]).all()


@pytest.mark.parametrize("kind", ["normal", "copies"])
@pytest.mark.parametrize("how", LABELLED)
@pytest.mark.parametrize(
    "options", [{}, {"uncertainty": "entropy"}, {"uncertainty": "least-confidence", "length_scale": 0.7, "temperature": 3.0}]
)
def test_uncertainty_herding(blocks, kind, how, options):
    x, p, rng = pool(5, kind=kind)
    labels = labelling(rng, len(x), how)
    q = p ** (1 / options.get("temperature", 1.0))
    q /= q.sum(axis=1, keepdims=True)
    top = np.sort(q, axis=1)
    doubt = {
        "margin": 1 - top[:, -1] + top[:, -2],
        "entropy": -(q * np.log(q)).sum(axis=1),
        "least-confidence": 1 - top[:, -1],
    }[options.get("uncertainty", "margin")]
    weights = doubt if (labels >= 0).any() else np.ones(len(x))
    scale = options.get("length_scale") or closest(x[labels >= 0])
    expected, _ = herding(x, labels, 15, weights, scale)
    got = alviz.query("uncertainty-herding", 15, labels=labels, features=x, probabilities=p, **options)
    assert got.tolist() == expected


def test_narrow_kernel_follows_uncertainty():
    x, p, _ = pool(2)
    labels = np.full(len(x), -1)
    labels[:3] = 0
    got = alviz.query("uncertainty-herding", 10, labels=labels, features=x, probabilities=p, length_scale=0.001)
    assert got.tolist() == alviz.query("margin", 10, labels=labels, probabilities=p).tolist()


def test_first_pick_is_the_centre_of_the_largest_group():
    # Three groups of directions; nothing labelled. The first pick covers the largest group, the next ones the others in order of size.
    groups = np.repeat(np.eye(3), [5, 9, 3], axis=0)
    assert groups[alviz.query("max-herding", 3, labels=np.full(17, -1), features=groups)].argmax(axis=1).tolist() == [1, 0, 2]


def test_certain_models_leave_the_lowest_indices():
    x, _, _ = pool(0)
    labels = np.full(40, -1)
    labels[[0, 5]] = 0
    p = np.eye(3)[np.arange(40) % 3]
    assert alviz.query("uncertainty-herding", 4, labels=labels, features=x, probabilities=p).tolist() == [1, 2, 3, 4]


def test_zero_features_are_a_direction_of_their_own():
    x = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.01], [0.0, 0.0], [0.0, 0.0]])
    assert alviz.query("max-herding", 2, labels=np.full(5, -1), features=x).tolist() == [0, 1]


@pytest.mark.parametrize("unit", [2.0**-135, 2.0**125])
@pytest.mark.parametrize("name", ["max-herding", "uncertainty-herding"])
def test_lengths_without_an_inverse_in_float32(name, unit):
    # Only directions count, so the unit of the features does not (a power of two changes no digit; the small ones here have few).
    rng = np.random.default_rng(5)
    x = rng.integers(-4, 5, size=(40, 3)).astype(np.float32)
    labels = np.where(np.arange(40) < 6, np.arange(40) % 3, -1)
    p = rng.dirichlet(np.ones(3), size=40)
    usual, other = (alviz.query(name, 8, labels=labels, features=f, probabilities=p) for f in (x, x * np.float32(unit)))
    assert usual.tolist() == other.tolist()


def test_probabilities_a_little_below_zero():
    p = np.array([[-5e-4, 1.0005], [0.5, 0.5], [0.7, 0.3], [0.2, 0.8]])
    labels = np.array([0, -1, -1, -1])
    got = alviz.query(
        "uncertainty-herding", 3, labels=labels, features=np.eye(4), probabilities=p[[1, 0, 2, 3]], temperature=2.0, return_selection=True
    )
    assert sorted(got.indices.tolist()) == [1, 2, 3] and np.isfinite(got.scores[1:]).all()
    assert got.scores[1] == 0  # the model is certain there


def test_tensors():
    x, _, rng = pool(4, dtype=np.float32)
    labels = labelling(rng, 40, "some")
    free, lab = np.flatnonzero(labels < 0), np.flatnonzero(labels >= 0)
    chosen = [
        create("max-herding").select(PoolView(Arrays({"features": f}), free, lab, labels[lab], 3, 40), 10, rng).indices.tolist()
        for f in (x, torch.from_numpy(x))
    ]
    assert chosen[0] == chosen[1]


@pytest.mark.parametrize("seed", range(4))
def test_scikit_activeml_agrees(seed):
    skactiveml = pytest.importorskip("skactiveml.pool")
    x, _, rng = pool(seed, n=120)
    labels = labelling(rng, 120, "some" if seed % 2 else "none")
    strategy = skactiveml.MaxHerding(metric_dict={"gamma": 1 / 0.8**2}, missing_label=-1, random_state=0)
    theirs, utilities = strategy.query(x, labels, batch_size=20, return_utilities=True)
    ours = alviz.query("max-herding", 20, labels=labels, features=x, length_scale=0.8)
    for step, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if a != b:  # two samples that only cover each other: theirs takes either, and from there on the two may differ
            np.testing.assert_allclose(utilities[step, a], utilities[step, b], rtol=1e-9)
            break
    assert ours[:5].tolist() == theirs[:5].tolist()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("max-herding", {"length_scale": 0}, "length_scale must be a number ≥ 0.001"),
        ("uncertainty-herding", {"uncertainty": "guess"}, "uncertainty must be one of margin, entropy, least-confidence"),
        ("uncertainty-herding", {"temperature": 0}, "temperature must be a number ≥ 0.01"),
    ],
)
def test_bad_parameters(name, options, message):
    with pytest.raises(ValueError, match=message):
        create(name, **options)
