"""grad-norm and egl against explicit gradients."""

import numpy as np
import pytest

import alviz
from alviz.strategies import Gradients, PoolView, create, gradients
from alviz.strategies.arrays import Arrays


def explicit_length(p, h, y):
    """Length of the gradient of −log p_y in the last layer's weights, entry by entry."""
    total = 0.0
    for c, pc in enumerate(p):
        for hj in h:
            total += ((float(pc) - (c == y)) * float(hj)) ** 2
    return np.sqrt(total)


def setting(seed, n=30, k=4, d=5, dtype=np.float64):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.4), size=n)
    h = rng.normal(size=(n, d))
    p[3], h[3] = p[2], h[2]  # a copy
    p[4] = 1 / k  # no prediction: the first class
    p[5] = np.eye(k)[k - 1]  # certain
    h[6] = 0
    return p.astype(dtype), h.astype(dtype)


def brute(p, h):
    predicted = [explicit_length(a, b, int(np.argmax(a))) for a, b in zip(p, h, strict=True)]
    expected = [sum(float(a[y]) * explicit_length(a, b, y) for y in range(len(a))) for a, b in zip(p, h, strict=True)]
    return np.array(predicted), np.array(expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("seed", range(4))
def test_scores_and_picks(seed, k, dtype):
    p, h = setting(seed, k=k, dtype=dtype)
    labels = np.full(30, -1)
    labels[[0, 9, 20]] = 0
    free = np.flatnonzero(labels < 0)
    for name, wanted in zip(("grad-norm", "egl"), brute(p, h), strict=True):
        picks, scores = alviz.query(name, 27, labels=labels, probabilities=p, embeddings=h, return_scores=True)
        np.testing.assert_allclose(scores[free], wanted[free], rtol=1e-6, atol=1e-12)
        order = sorted(free, key=lambda i: (-scores[i], i))
        assert picks.tolist() == order
        at = picks.tolist()
        assert at.index(2) + 1 == at.index(3)  # copies: the lower index first
        if k == 2:  # both labels are the same distance apart in p: egl = √2 · 2 p (1 − p) · ‖h‖
            closed = 2 * np.sqrt(2) * p[:, 0] * p[:, 1] * np.linalg.norm(h, axis=1)
            np.testing.assert_allclose(
                wanted[:0] if name == "grad-norm" else scores[free],
                wanted[:0] if name == "grad-norm" else closed[free],
                rtol=1e-5,
                atol=1e-7,
            )


def test_by_hand():
    p, h = np.array([[0.5, 0.5], [0.9, 0.1], [1.0, 0.0]]), np.array([[3.0, 4.0], [6.0, 8.0], [100.0, 0.0]])
    norm = alviz.query("grad-norm", 3, labels=np.full(3, -1), probabilities=p, embeddings=h, return_scores=True)
    egl = alviz.query("egl", 3, labels=np.full(3, -1), probabilities=p, embeddings=h, return_scores=True)
    np.testing.assert_allclose(norm[1], [5 * np.sqrt(0.5), np.sqrt(2), 0], atol=1e-12)
    np.testing.assert_allclose(egl[1], [5 * np.sqrt(0.5), 10 * np.sqrt(2) * 0.18, 0], atol=1e-12)
    assert norm[0].tolist() == egl[0].tolist() == [0, 1, 2]


def test_the_predicted_label_has_the_shortest_gradient():
    # What makes grad-norm a lower bound (Ash et al., Proposition 1).
    p, h = setting(8)
    for a, b in zip(p, h, strict=True):
        lengths = [explicit_length(a, b, y) for y in range(4)]
        assert lengths[int(np.argmax(a))] <= min(lengths) + 1e-12
    predicted, expected = brute(p, h)
    assert (expected >= predicted - 1e-12).all()


def test_a_nearly_certain_model_keeps_its_order():
    # 1 − p_y of 1e-9 … 1e-12: as a difference of squares this would drown in rounding.
    doubt = 10.0 ** -np.arange(9, 13)
    p = np.stack([1 - doubt, doubt], axis=1)
    np.testing.assert_allclose(gradients.expected_residual(p), 2 * np.sqrt(2) * doubt, rtol=1e-4)
    picks = alviz.query("egl", 4, labels=np.full(4, -1), probabilities=p[::-1], embeddings=np.ones((4, 3)))
    assert picks.tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize("name", ["grad-norm", "egl"])
def test_blocks_and_torch(name, monkeypatch):
    torch = pytest.importorskip("torch")
    p, h = setting(1, n=500)
    none = np.empty(0, dtype=np.int64)

    def picks(signals):
        pool = PoolView(Arrays(signals), np.arange(500), none, none, 4, 500)
        return create(name).select(pool, 50, np.random.default_rng(0)).indices.tolist()

    whole = picks({"probabilities": p, "embeddings": h})
    monkeypatch.setattr(gradients, "block_rows", lambda *_: 7)
    assert picks({"probabilities": p, "embeddings": h}) == whole
    assert picks({"probabilities": p, "embeddings": torch.tensor(h)}) == whole
    assert picks({"probabilities": torch.tensor(p), "embeddings": torch.tensor(h)}) == whole


def test_factors():
    p, h = setting(2)
    got = Gradients.of(p, h)
    for i in range(30):
        assert got.left[i].tolist() == [pc - (c == int(np.argmax(p[i]))) for c, pc in enumerate(p[i])]
    np.testing.assert_allclose(np.sqrt(got.squared_norms), brute(p, h)[0], rtol=1e-9, atol=1e-12)
    assert got.right is h
