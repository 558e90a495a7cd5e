"""ProbCover against the greedy algorithm on the full distance matrix, and its radius against the definition of purity."""

import numpy as np
import pytest

import alviz
from alviz.progress import silent
from alviz.strategies import PoolView, coverage, create
from alviz.strategies.arrays import Arrays
from alviz.strategies.coverage import Coverage, purity_radius, within
from alviz.strategies.probcover import ProbCover
from alviz.strategies.vectors import Dense


def pool_of(x, labelled=(), candidates=None, k=3, **options):
    n = len(x)
    labelled = np.array(labelled, dtype=np.int64)
    candidates = np.setdiff1d(np.arange(n), labelled) if candidates is None else np.array(candidates)
    return PoolView(Arrays({"features": x}), candidates, labelled, labelled % k, k, n, **options)


def distance_matrix(x):
    x = x.astype(np.float64)
    return np.array([[np.sqrt(((a - b) ** 2).sum()) for b in x] for a in x])


def naive(x, labelled, candidates, b, delta):
    """Greedy picks (fewer than b when all is covered), gains, and the first degrees."""
    near = distance_matrix(x) < delta
    covered = set(np.flatnonzero(near[labelled].any(axis=0)).tolist()) | set(labelled)
    picks, gains, first = [], [], None
    while len(picks) < b:
        degree = {i: sum(near[i, j] and j not in covered for j in candidates) for i in candidates if i not in picks}
        first = degree if first is None else first
        best = max(degree.values())
        if best == 0:
            break
        pick = min(i for i in degree if degree[i] == best)
        picks.append(pick)
        gains.append(best)
        covered |= {j for j in candidates if near[pick, j]}
    return picks, gains, first


@pytest.fixture(params=["one block", "many blocks", "nothing kept", "some kept"])
def memory(request, monkeypatch):
    if request.param != "one block":
        monkeypatch.setattr(coverage, "BLOCK_BYTES", 0)
        monkeypatch.setattr(coverage, "COLUMNS", 7)
        monkeypatch.setattr(coverage, "EDGES", {"many blocks": 10**6, "nothing kept": 0, "some kept": 300}[request.param])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(6))
def test_picks_gains_and_scores(memory, seed, dtype):
    rng = np.random.default_rng(seed)
    n = 70
    # Even: points of a grid with copies, where many distances equal the radius exactly. Odd: no ties.
    x = (rng.normal(size=(n, 3)) if seed % 2 else rng.integers(0, 6, size=(n, 2)) + 1000).astype(dtype)
    labelled = np.sort(rng.choice(n, [0, 1, 10][seed % 3], replace=False))
    candidates = np.setdiff1d(np.arange(n), labelled)[: 70 if seed < 3 else 40]
    delta = [1.0, 0.5, 2.0, 1.2, np.sqrt(2), 3.0][seed]
    b = len(candidates) if seed == 4 else 15
    got = ProbCover(delta=delta).select(pool_of(x, labelled, candidates), b, rng)
    picks, gains, first = naive(x, labelled.tolist(), candidates.tolist(), b, delta)
    assert got.indices[: len(picks)].tolist() == picks
    assert got.gains.tolist() == gains + [0.0] * (b - len(picks))
    assert len(set(got.indices.tolist())) == b
    expected = np.full(n, np.nan)
    expected[list(first)] = list(first.values())
    np.testing.assert_array_equal(got.scores, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_near_ties_are_decided_in_float64(dtype):
    # Far from the origin float32 products know nothing of distances near 5: 3² + 4² = 25 is not inside, its lower neighbours are.
    x = np.array([[0.0, 0], [3, 4], [3, 3.9375], [0, 5], [0, 4.96875], [0, 0]]) + 4096
    inside = within(Dense(x.astype(dtype)), Dense(x.astype(dtype)), 5.0)
    assert inside[0].tolist() == [True, False, True, False, True, True]
    assert within(Dense(x.astype(dtype)), Dense(x.astype(dtype)), 0.0)[0].tolist() == [True, False, False, False, False, True]


def test_by_hand():
    # On a line, radius 1.5: 1 covers 0, 1, 2; then 11 covers 10, 11; then 20 alone; then nothing is left to cover.
    x = np.array([0.0, 1, 2, 10, 11, 20])[:, None]
    got = ProbCover(delta=1.5).select(pool_of(x), 6, np.random.default_rng(0))
    assert got.indices[:3].tolist() == [1, 3, 5]
    assert got.gains.tolist() == [3, 2, 1, 0, 0, 0]
    assert got.scores.tolist() == [2, 3, 2, 2, 2, 1]
    # A label at 2 covers 1 and 2; 0 stays, and a covered sample may be picked for it: 0 and 1 would both cover it.
    got = ProbCover(delta=1.5).select(pool_of(x, [2]), 2, np.random.default_rng(0))
    assert got.indices.tolist() == [3, 0]


def test_when_all_is_covered_the_rest_is_uniform():
    x = np.zeros((6, 2))
    picks = np.array([ProbCover(delta=1.0).select(pool_of(x), 2, np.random.default_rng(s)).indices for s in range(600)])
    assert (picks[:, 0] == 0).all()
    counts = np.bincount(picks[:, 1], minlength=6)
    assert counts[0] == 0
    assert ((counts[1:] - 120) ** 2 / 120).sum() < 18.5  # chi-square, 4 degrees of freedom, 1 in 1,000


@pytest.mark.parametrize("unit", [2.0**-130, 2.0**-60, 2.0**50, 2.0**100, 2.0**125])
@pytest.mark.parametrize("name", ["probcover", "dcom"])
def test_units_change_nothing(name, unit):
    # Squares of float32 numbers that vanish or overflow: the picks are those of the same points in other units.
    rng = np.random.default_rng(3)
    x, p = rng.integers(-4, 5, size=(60, 3)).astype(np.float32), rng.dirichlet(np.ones(3), size=60)
    labelled = np.array([4, 9, 33])
    picks = []
    for u in (1.0, unit):
        arrays = Arrays({"features": x * np.float32(u), "probabilities": p})
        pool = PoolView(arrays, np.setdiff1d(np.arange(60), labelled), labelled, np.array([0, 1, 2]), 3, 60)
        picks.append(create(name, delta=2.1 * u).select(pool, 12, np.random.default_rng(0)).indices.tolist())
    assert picks[0] == picks[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_ball_that_holds_everything(dtype):
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(dtype)
    got = alviz.query("probcover", 3, labels=np.full(20, -1), features=x, delta=1e90, return_selection=True)
    assert got.gains.tolist() == [20, 0, 0] and (got.scores == 20).all()


def test_no_row_is_left_out():
    # The authors' code compares len // batch whole batches of rows: the tail has no edges. Here the dense spot lies in the tail.
    x = np.concatenate([np.arange(0, 3000, 3.0), np.full(30, -50.0)])[:, None]
    got = ProbCover(delta=1.0).select(pool_of(x), 1, np.random.default_rng(0))
    assert got.indices.tolist() == [1000]
    assert got.gains.tolist() == [30]


def test_degrees_follow_coverage(memory):
    # Edges into covered neighbours must go: after every pick the degrees are those counted anew.
    rng = np.random.default_rng(3)
    x = rng.normal(size=(50, 2))
    near = distance_matrix(x) < 0.8
    covered = rng.random(50) < 0.2
    state = Coverage(Dense(x), 0.8, covered, silent)
    for pick in rng.permutation(50)[:20]:
        new = near[pick] & ~covered
        assert state.take(int(pick), 0.5) == new.sum()
        covered |= new
        np.testing.assert_array_equal(state.degrees, (near & ~covered).sum(axis=1))


def pure_share(distances, pseudo, delta):
    return np.mean([all(pseudo[j] == pseudo[i] for j in np.flatnonzero(row < delta)) for i, row in enumerate(distances)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("alpha", [0.5, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_radius_is_the_largest_pure_one(monkeypatch, seed, alpha, dtype):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 2)).astype(dtype)
    centroids = x[:3]
    monkeypatch.setattr(coverage, "lloyd", lambda points, k, *rest, **options: (centroids, None))
    distances = distance_matrix(x)
    pseudo = distances[:, :3].argmin(axis=1)
    delta = purity_radius(pool_of(x), 3, alpha)
    assert pure_share(distances, pseudo, delta * (1 - 1e-12)) >= alpha - 1e-12  # sums in another order
    larger = np.sort(distances[distances > delta * (1 + 1e-9)])[0]
    assert pure_share(distances, pseudo, larger) < alpha


def test_radius_of_a_sample_of_balls(monkeypatch):
    # Two tight groups 10 apart: whatever balls are looked at, they are pure up to there.
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.random((40, 2)) / 1000, rng.random((50, 2)) / 1000 + [10, 0]])
    monkeypatch.setattr(coverage, "CENTRES", 7)
    monkeypatch.setattr(coverage, "CLUSTERED", 20)
    monkeypatch.setattr("alviz.strategies.device.BLOCK_BYTES", 500)
    assert purity_radius(pool_of(x), 2, 0.95) == pytest.approx(10, abs=0.01)


def test_radius_belongs_to_the_run():
    x = np.random.default_rng(0).normal(size=(80, 3))
    first = purity_radius(pool_of(x, seed=4), None, 0.95)
    cache = {}
    later = pool_of(x, range(30), seed=4, run_cache=cache)
    assert purity_radius(later, None, 0.95) == first  # another round: the same radius, so that a resumed run goes on as it was
    assert list(cache.values()) == [first]
    cache[next(iter(cache))] = 7.0
    assert purity_radius(later, None, 0.95) == 7.0
    assert purity_radius(later, None, 0.5) != 7.0
    assert purity_radius(later, 5, 0.95) != 7.0
    got = ProbCover().select(later, 10, np.random.default_rng(0))
    assert got.indices.tolist() == ProbCover(delta=7.0).select(later, 10, np.random.default_rng(0)).indices.tolist()


def test_one_cluster_has_no_radius():
    x = np.ones((20, 2))
    assert purity_radius(pool_of(x), None, 0.95) == np.inf
    got = ProbCover().select(pool_of(x), 3, np.random.default_rng(0))
    assert got.gains.tolist() == [20, 0, 0]


def test_dense_regions_first():
    # It shines: three dense groups and scattered samples; three picks, one in each group, the largest first.
    rng = np.random.default_rng(0)
    groups = [rng.normal(size=(size, 2)) / 20 + centre for size, centre in ((30, [0, 0]), (50, [10, 0]), (40, [0, 10]))]
    x = np.concatenate([*groups, rng.uniform(20, 60, size=(30, 2))])
    picks = ProbCover(delta=1.0).select(pool_of(x), 3, rng).indices
    assert np.searchsorted([30, 80, 120], picks, side="right").tolist() == [1, 2, 0]


def test_tensors_give_the_same_picks():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(120, 3)).astype(np.float32)
    for options in ({}, {"delta": 0.7}):
        ours = [ProbCover(**options).select(pool_of(points, [4, 9]), 15, np.random.default_rng(1)) for points in (x, torch.tensor(x))]
        assert ours[0].indices.tolist() == ours[1].indices.tolist()
        assert ours[0].gains.tolist() == ours[1].gains.tolist()


def test_large_pools_are_cut_and_say_so():
    x = np.random.default_rng(0).normal(size=(90, 3))
    got = ProbCover(delta=1.0, cap=40).select(pool_of(x, [1, 2]), 5, np.random.default_rng(0))
    assert got.note.startswith("40 of 88 candidates")
    assert np.isfinite(got.scores).sum() == 40


@pytest.mark.filterwarnings("ignore:The maximum purity")
def test_as_in_scikit_activeml():
    pool_module = pytest.importorskip("skactiveml.pool")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(150, 4))
    labelled = [3, 77, 91]
    ours = ProbCover(delta=1.3).select(pool_of(x, labelled), 25, rng)
    # Theirs draws among equal degrees: pick by pick, ours must be the first of their best.
    theirs = pool_module.ProbCover(n_classes=3, deltas=[1.3], random_state=0)
    y = np.full(150, np.nan)
    y[labelled] = 0
    for pick, gain in zip(ours.indices, ours.gains, strict=True):
        utilities = theirs.query(x, y, batch_size=1, return_utilities=True)[1][0]
        assert np.nanargmax(utilities) == pick
        assert utilities[pick] == gain
        y[pick] = 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delta": -1}, "probcover: delta must be None or a number ≥ 0, got -1"),
        ({"alpha": 1.5}, "probcover: alpha must be a number in 0 … 1"),
        ({"n_clusters": 0}, "probcover: n_clusters must be None or a whole number ≥ 1"),
        ({"cap": 0}, "probcover: cap must be"),
    ],
)
def test_wrong_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        ProbCover(**options)
