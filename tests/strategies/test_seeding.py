"""D² sampling against probabilities in closed form."""

import numpy as np
import pytest

from alviz.strategies import centres as centres_module
from alviz.strategies import seeding
from alviz.strategies.seeding import SquaredDistanceSampling
from alviz.strategies.vectors import Dense, Outer

# Chi-square quantiles that chance exceeds once in 1,000 times, by degrees of freedom.
QUANTILE = {4: 18.5, 19: 43.8, 23: 49.7, 59: 98.3}


def explicit(points):
    """(n, D) float64 coordinates."""
    if isinstance(points, Dense):
        return np.asarray(points.rows(slice(None)), dtype=np.float64)
    return (np.asarray(points.left, float)[:, :, None] * np.asarray(points.right, float)[:, None, :]).reshape(len(points), -1)


def squares(x, centres):
    return np.array([min(((row - c) ** 2).sum() for c in centres) for row in x])


def sequences(x, first, centres, length, weights=None):
    """{sequence of picks: probability} of D² sampling by the definition; `first` None: by weight when there is no centre."""
    weights = np.ones(len(x)) if weights is None else weights
    out = {(): 1.0}
    for _ in range(length):
        longer = {}
        for picks, p in out.items():
            known = [*centres, *x[list(picks)]]
            if not known:
                share = weights / weights.sum() if first is None else np.eye(len(x))[first]
            else:
                weight = weights * squares(x, known)
                if weight.sum() == 0:
                    weight = np.array([float(i not in picks) for i in range(len(x))])
                share = weight / weight.sum()
            for i in np.flatnonzero(share):
                longer[(*picks, int(i))] = p * share[i]
        out = longer
    return out


def chi_square(points, first, centres, length, draws, seed=0, weights=None):
    """(statistic, degrees of freedom) of drawn sequences against their probabilities."""
    expected = sequences(explicit(points), first, [] if centres is None else explicit(centres), length, weights)
    counts = dict.fromkeys(expected, 0)
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        counts[tuple(SquaredDistanceSampling(points, rng, first=first, centres=centres, weights=weights).run(length)[0].tolist())] += 1
    return sum((counts[s] - draws * p) ** 2 / (draws * p) for s, p in expected.items()), len(expected) - 1


def dense(n=5, d=3, seed=0, dtype=np.float64):
    # Sizes that differ, so that a stale bound is far from the distance.
    rng = np.random.default_rng(seed)
    return Dense((rng.normal(size=(n, d)) * np.array([1, 1, 2, 3, 1, 2][:n])[:, None]).astype(dtype))


def outer(n=5, k=3, d=2, seed=1, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return Outer(rng.normal(size=(n, k)).astype(dtype), rng.normal(size=(n, d)).astype(dtype))


@pytest.mark.parametrize(("proposals", "patience"), [((1, 1), 0.0), ((3, 3), np.inf), ((32, 512), np.inf), ((32, 512), 0.0)])
@pytest.mark.parametrize("make", [dense, outer])
def test_sequences_have_their_probabilities(make, proposals, patience, monkeypatch):
    # Bounds never, sometimes and always brought up to date; one proposal at a time, a few, and many picks from one batch.
    monkeypatch.setattr(seeding, "PROPOSALS", proposals)
    monkeypatch.setattr(seeding, "PATIENCE", patience)
    statistic, freedom = chi_square(make(), 2, None, 4, draws=800)
    assert freedom == 23
    assert statistic < QUANTILE[freedom]


@pytest.mark.parametrize("make", [dense, outer])
def test_single_precision(make):
    points = make(dtype=np.float32)
    sampling = SquaredDistanceSampling(points, np.random.default_rng(0), first=0)
    assert not sampling._exact
    statistic, freedom = chi_square(points, 2, None, 4, draws=800, seed=5)
    assert statistic < QUANTILE[freedom]


def test_first_pick_is_uniform_without_centres():
    statistic, freedom = chi_square(dense(), None, None, 3, draws=1500)
    assert freedom == 59
    assert statistic < QUANTILE[freedom]


def test_weights():
    statistic, freedom = chi_square(dense(), None, None, 3, draws=1500, weights=np.array([1.0, 3, 0.5, 1, 2]))
    assert freedom == 59
    assert statistic < QUANTILE[freedom]


@pytest.mark.parametrize("split", [2, 256])
def test_initial_centres(split, monkeypatch):
    monkeypatch.setattr(centres_module, "CENTRES", split)
    centres = Dense(np.random.default_rng(8).normal(size=(5, 3)))
    statistic, freedom = chi_square(dense(), None, centres, 2, draws=800)
    assert freedom == 19
    assert statistic < QUANTILE[freedom]


def test_torch_tensors_draw_the_same():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(300, 4)).astype(np.float32), rng.normal(size=(300, 20)).astype(np.float32)
    pairs = [
        (Outer(left, right), Outer(torch.tensor(left), torch.tensor(right))),
        (Dense.centred(right), Dense.centred(torch.tensor(right))),
    ]
    for ours, theirs in pairs:
        one, gains = SquaredDistanceSampling(ours, np.random.default_rng(1), first=3).run(120)
        two, others = SquaredDistanceSampling(theirs, np.random.default_rng(1), first=3).run(120)
        assert one.tolist() == two.tolist()
        np.testing.assert_allclose(gains, others, rtol=1e-6)  # the two means are rounded apart


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [dense, outer])
@pytest.mark.parametrize("rows", [7, 2048])
def test_gains_are_squared_distances_at_the_pick(make, dtype, rows, monkeypatch):
    monkeypatch.setattr(seeding, "ROWS", rows)
    monkeypatch.setattr(centres_module, "CENTRES", 5)
    rng = np.random.default_rng(3)
    points = Dense(rng.normal(size=(200, 9)).astype(dtype)) if make is dense else outer(200, 4, 6, dtype=dtype)
    x = explicit(points)
    picks, gains = SquaredDistanceSampling(points, rng, first=11).run(200)
    assert picks[0] == 11 and np.isnan(gains[0]) and sorted(picks) == list(range(200))
    expected = [squares(x[[i]], x[picks[:t]])[0] for t, i in enumerate(picks) if t]
    np.testing.assert_allclose(gains[1:], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_come_last_and_uniformly(dtype):
    # Four distinct points; 20 copies of one of them, far from the origin, where float32 products see distances that are none.
    base = np.array([[1000.0, 1], [1001, 1], [1003, 2], [1007, 5]])
    x = base[[0, 1, 2, 3] + [1] * 20].astype(dtype)
    last = []
    for seed in range(300):
        picks, gains = SquaredDistanceSampling(Dense(x), np.random.default_rng(seed), first=0).run(6)
        assert len({tuple(x[i]) for i in picks[:4]}) == 4
        assert (gains[1:4] > 0).all() and (gains[4:] == 0).all()
        assert len(set(picks)) == 6
        last += picks[4:].tolist()
    copies = np.bincount(last, minlength=24)[[1, *range(4, 24)]]
    assert copies.sum() == 600
    assert ((copies - 600 / 21) ** 2 / (600 / 21)).sum() < 45.3  # 20 degrees of freedom


def test_a_tight_cluster_far_from_the_origin_is_sampled_exactly():
    # Distances of 0.1 at norms of 1,000: rounding in float32 products is as large as they are.
    rng = np.random.default_rng(0)
    x = (1000 + 0.1 * rng.normal(size=(5, 4))).astype(np.float32)
    sampling = SquaredDistanceSampling(Dense(x), np.random.default_rng(0), first=0)
    sampling.run(4)
    assert sampling._exact
    statistic, freedom = chi_square(Dense(x), 2, None, 4, draws=800, seed=2)
    assert statistic < QUANTILE[freedom]


@pytest.mark.parametrize("scale", [1e-25, 1e-12, 1e18, 1e30])
def test_sizes_that_single_precision_cannot_square(scale):
    x = (np.random.default_rng(0).normal(size=(5, 3)) * scale).astype(np.float32)
    statistic, freedom = chi_square(Dense(x), 2, None, 2, draws=600)
    assert freedom == 3
    assert statistic < 16.3


def test_no_weight_at_all_is_uniform():
    draws = [SquaredDistanceSampling(Dense(np.ones((6, 2))), np.random.default_rng(s), first=2).run(2)[0][1] for s in range(600)]
    counts = np.bincount(draws, minlength=6)
    assert counts[2] == 0
    assert ((counts[[0, 1, 3, 4, 5]] - 120) ** 2 / 120).sum() < QUANTILE[4]


def test_distant_groups_are_all_visited():
    # 40 groups at mutual distances of 100, spread 0.01: 40 picks visit all (they miss one with a chance of 40 · 500 · 1e-4 / 1e4).
    rng = np.random.default_rng(0)
    group = rng.integers(0, 40, size=500)
    x = np.eye(40)[group] * 100 + 0.01 * rng.normal(size=(500, 40))
    picks, _ = SquaredDistanceSampling(Dense(x.astype(np.float32)), rng, first=0).run(len(set(group)))
    assert len(set(group[picks])) == len(set(group)) == 40


def test_products_are_few():
    # Counted, not timed: rows multiplied with centres, against one whole pass over the points for every pick.
    class Counting(Dense):
        done = 0

        def products(self, others):
            Counting.done += len(self) * len(others)
            return super().products(others)

        def take(self, rows):
            return Counting(self.rows(rows))

        def double(self):
            return Counting(self.rows(slice(None)).astype(float))

    x = np.random.default_rng(0).normal(size=(20_000, 40)).astype(np.float32)
    SquaredDistanceSampling(Counting(x), np.random.default_rng(0), first=0).run(200)
    assert Counting.done < 0.2 * 20_000 * 200
