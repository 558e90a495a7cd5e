"""LCMD against explicit clusters, distances and sums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alviz
from alviz.strategies import PoolView, centres, create, lcmd
from alviz.strategies.arrays import Arrays


def explicit_gradients(p, h):
    residual = p - np.eye(p.shape[1])[p.argmax(axis=1)]
    return (residual[:, :, None] * h[:, None, :]).reshape(len(p), -1)


def reference(x, free, labelled, b):
    """Picks and distances at the pick. Everything computed again for every pick; sums and distances that agree to 1e-9 are equal."""
    x = np.asarray(x, dtype=np.float64)
    chosen, gains = [int(i) for i in labelled], []
    for _ in range(b):
        left = [int(i) for i in free if i not in chosen]
        if not chosen:
            lengths = [(x[i] ** 2).sum() for i in left]
            chosen.append(left[int(np.argmax(lengths))])
            gains.append(np.nan)
            continue
        owner, square = {}, {}
        for i in [int(i) for i in free]:
            to = [((x[i] - x[c]) ** 2).sum() for c in chosen]
            owner[i], square[i] = int(np.argmin(to)), min(to)
        sizes = np.zeros(len(chosen))
        for i in square:
            sizes[owner[i]] += square[i]
        largest = [c for c in range(len(chosen)) if sizes[c] >= sizes.max() * (1 - 1e-9)]
        inside = [i for i in left if owner[i] in largest]
        far = max(square[i] for i in inside)
        pick = next(i for i in inside if square[i] >= far * (1 - 1e-9))
        gains.append(np.sqrt(square[pick]))
        chosen.append(pick)
    return chosen[len(labelled) :], gains


def run(signals, labelled, b, **options):
    n = len(next(iter(signals.values())))
    free = np.setdiff1d(np.arange(n), labelled)
    pool = PoolView(Arrays(signals), free, np.array(labelled, dtype=np.int64), np.zeros(len(labelled), dtype=int), 3, n)
    return create("lcmd", **options).select(pool, b, np.random.default_rng(0)), free


def points(seed, n=40, d=3, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) + 4 * rng.integers(0, 3, size=(n, 1))).astype(dtype)


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labelled", [[], [7], [0, 3, 5, 11, 12]])
@pytest.mark.parametrize("seed", range(4))
def test_picks_and_gains(seed, labelled, dtype, small, monkeypatch):
    if small:
        monkeypatch.setattr(lcmd, "ROWS", 6)
        monkeypatch.setattr(centres, "CENTRES", 2)
    x = points(seed, dtype=dtype)
    b = 40 - len(labelled) if seed == 0 else 12
    got, free = run({"embeddings": x}, labelled, b)
    picks, gains = reference(x, free, labelled, b)
    assert got.indices.tolist() == picks
    np.testing.assert_allclose(got.gains, gains, rtol=1e-6)
    exact = x.astype(float)
    near = [min(np.linalg.norm(exact[i] - exact[j]) for j in labelled) if labelled else np.linalg.norm(exact[i]) for i in free]
    np.testing.assert_allclose(got.scores[free], near, rtol=1e-4)
    assert np.isnan(got.scores[labelled]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labelled", [[], [1, 2]])
@pytest.mark.parametrize("seed", range(3))
def test_gradients(seed, labelled, dtype):
    rng = np.random.default_rng(seed)
    p, h = rng.dirichlet(np.ones(3), size=30).astype(dtype), rng.normal(size=(30, 4)).astype(dtype)
    signals = {"probabilities": p, "embeddings": h}
    g = explicit_gradients(p, h)
    for space, x in (("auto", g), ("gradients", g), ("embeddings", h)):
        got, free = run(signals, labelled, 10, space=space)
        assert got.indices.tolist() == reference(x, free, labelled, 10)[0]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_small_grids_full_of_ties(data):
    # Whole numbers: equal points, equal distances and equal sums are frequent, and exact.
    n = data.draw(st.integers(2, 12))
    x = np.array(data.draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=n, max_size=n)), dtype=np.float32)
    n_labelled = data.draw(st.integers(0, n - 1))
    labelled = list(range(n_labelled))
    b = data.draw(st.integers(1, n - n_labelled))
    got, free = run({"embeddings": x}, labelled, b)
    picks, gains = reference(x, free, labelled, b)
    assert got.indices.tolist() == picks
    np.testing.assert_allclose(got.gains, gains, rtol=1e-6)


def test_the_largest_cluster_comes_first_not_the_farthest_point():
    # Centres 0 and 100. One point 30 from the second centre; forty points 6 … 10 from the first: 40 · 64 > 900. k-center would take 130.
    x = np.concatenate([[0.0, 100.0, 130.0], np.linspace(6, 10, 40)])[:, None]
    picks = alviz.query("lcmd", 2, labels=np.array([0, 0] + [-1] * 41), features=x)
    assert picks.tolist() == [42, 2]
    assert alviz.query("k-center", 1, labels=np.array([0, 0] + [-1] * 41), features=x).tolist() == [2]


def test_all_equal_takes_the_lowest():
    assert alviz.query("lcmd", 4, labels=np.array([0, -1, -1, -1, -1]), features=np.full((5, 2), 3.0)).tolist() == [1, 2, 3, 4]
    assert alviz.query("lcmd", 3, labels=np.full(5, -1), features=np.zeros((5, 2))).tolist() == [0, 1, 2]


def test_clusters_far_from_the_origin():
    # Spread 0.01 at 1,000: float32 products about the origin could not tell these points apart.
    x = (1000 + 0.01 * np.random.default_rng(0).normal(size=(30, 3))).astype(np.float32)
    got, free = run({"embeddings": x}, [0, 1], 10)
    assert got.indices.tolist() == reference(x, free, [0, 1], 10)[0]


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_sizes_that_single_precision_cannot_square(scale):
    x = (points(1) * scale).astype(np.float32)
    got, free = run({"embeddings": x}, [0, 1], 10)
    assert got.indices.tolist() == reference(x.astype(float) / scale, free, [0, 1], 10)[0]


def test_torch_tensors_give_the_same_picks():
    torch = pytest.importorskip("torch")
    x = points(3, n=300, d=8, dtype=np.float32)
    assert run({"embeddings": torch.tensor(x)}, [0, 5], 60)[0].indices.tolist() == run({"embeddings": x}, [0, 5], 60)[0].indices.tolist()


def test_space_needs_its_signal():
    assert create("lcmd", space="embeddings").needs == ("embeddings",)
    with pytest.raises(ValueError, match="probabilities"):
        alviz.query("lcmd", 1, labels=np.full(4, -1), features=np.ones((4, 2)), space="gradients")
    with pytest.raises(ValueError, match="space must be one of auto, gradients, embeddings"):
        create("lcmd", space="pixels")
