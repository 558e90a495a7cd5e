"""k-center: the naive greedy algorithm in float64, pick by pick."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alviz
from alviz.progress import Cancelled
from alviz.strategies import PoolView, create
from alviz.strategies.arrays import Arrays
from alviz.strategies.farthest import FarthestFirst, Rows, quick_norms, squared_norms
from alviz.strategies.resident import ResidentFarthestFirst


def naive(x, labels, b):
    x = x.astype(np.float64)
    free = labels < 0
    nearest = np.full(len(x), np.inf)
    for j in np.flatnonzero(~free):
        nearest = np.minimum(nearest, ((x - x[j]) ** 2).sum(axis=1))
    before = np.sqrt(np.where(free & np.isfinite(nearest), nearest, np.nan))
    picks, gains = [], []
    for _ in range(b):
        if np.isinf(nearest).any():
            rows = np.flatnonzero(free)
            pick = rows[((x[rows] - x[rows].mean(axis=0)) ** 2).sum(axis=1).argmin()]
            gains.append(np.nan)
        else:
            pick = np.where(free, nearest, -1).argmax()
            gains.append(np.sqrt(nearest[pick]))
        picks.append(int(pick))
        free[pick] = False
        nearest = np.minimum(nearest, ((x - x[pick]) ** 2).sum(axis=1))
    return picks, np.array(gains), before


def data(kind, n, d, seed=0):
    rng = np.random.default_rng(seed)
    if kind == "gaussian":
        return rng.normal(size=(n, d))
    if kind == "far from the origin":  # float32 products cancel
        return rng.normal(size=(n, d)) + 200
    if kind == "tight clusters":
        return (rng.normal(size=(12, d)) * 10)[rng.integers(12, size=n)] + rng.normal(size=(n, d)) * 0.01
    if kind == "duplicates":
        return rng.normal(size=(n // 8, d))[rng.integers(n // 8, size=n)]
    if kind == "lattice":  # exact ties everywhere
        return rng.integers(0, 3, size=(n, d)).astype(float)
    if kind == "all the same":
        return np.full((n, d), 3.3)
    if kind == "one-hot":
        return np.eye(d)[rng.integers(d, size=n)]
    if kind == "heavy tails":
        return rng.standard_cauchy(size=(n, d))
    if kind == "tiny":  # squares vanish in float32
        return rng.normal(size=(n, d)) * 1e-25
    return rng.normal(size=(n, d)) * 1e20  # squares overflow in float32


KINDS = [
    "gaussian",
    "far from the origin",
    "tight clusters",
    "duplicates",
    "lattice",
    "all the same",
    "one-hot",
    "heavy tails",
    "tiny",
    "huge",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "d", "b", "labelled"), [(60, 2, 60, 0), (400, 5, 150, 30), (2500, 24, 120, 4), (2500, 24, 60, 900), (900, 7, 40, 800)]
)
def test_picks_and_distances(kind, dtype, n, d, b, labelled):
    x = data(kind, n, d).astype(dtype)
    labels = np.full(n, -1)
    labels[np.random.default_rng(1).choice(n, labelled, replace=False)] = 0
    b = min(b, n - labelled)
    source = Arrays({"embeddings": x})
    pool = PoolView(source, np.flatnonzero(labels < 0), np.flatnonzero(labels == 0), labels[labels == 0], 1, n)
    got = create("k-center").select(pool, b, np.random.default_rng(0))
    picks, gains, before = naive(x, labels, b)
    assert got.indices.tolist() == picks
    scale = np.abs(x).max()
    np.testing.assert_allclose(got.gains / scale, gains / scale, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(got.scores / scale, before / scale, rtol=1e-5, atol=1e-6)


def traversed(x, labelled, b):
    """The traversal of a pool after b picks, and these."""
    free = np.ones(len(x), dtype=bool)
    free[:labelled] = False
    traversal = FarthestFirst(x, free, b, Rows(x[:labelled]))
    traversal.distances()
    return traversal, traversal.run()[0].tolist()


def behind(n, labelled):
    labels = np.full(n, -1)
    labels[:labelled] = 0
    return labels


@pytest.mark.parametrize(("spread", "groups"), [(0.3, 5), (1.0, 2)])
def test_only_the_largest_bounds_are_caught_up(spread, groups):
    rng = np.random.default_rng(3)
    x = (rng.normal(size=(40, 16))[rng.integers(40, size=6000)] + spread * rng.normal(size=(6000, 16))).astype(np.float32)
    traversal, picks = traversed(x, 100, 100)
    assert picks == naive(x, behind(6000, 100), 100)[0]
    seen = traversal._seen
    assert (seen == 100).sum() > 1000  # never caught up
    assert len(np.unique(seen)) >= groups  # and groups that have seen different numbers of centres


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_blocks(kind, dtype, monkeypatch):
    for name, value in {"ROWS": 50, "CENTRES": 7, "FEW": 9, "PAIRS": 5, "PIECE": 4, "MANY": 3, "AHEAD": 2}.items():
        monkeypatch.setattr(f"alviz.strategies.farthest.{name}", value)
    x = data(kind, 700, 6, seed=5).astype(dtype)
    assert traversed(x, 20, 90)[1] == naive(x, behind(700, 20), 90)[0]


def test_float64_products_where_float32_ones_tell_nothing_apart():
    x = data("far from the origin", 1500, 24).astype(np.float32) + 2000
    traversal, picks = traversed(x, 5, 60)
    assert traversal._dtype == np.float64 and picks == naive(x, behind(1500, 5), 60)[0]
    assert traversed(x - 2200, 5, 60)[0]._dtype == np.float32
    copies = np.repeat(data("gaussian", 20, 6), 100, axis=0).astype(np.float32)  # where float64 would not either
    traversal, picks = traversed(copies, 5, 60)
    assert traversal._dtype == np.float32 and picks == naive(copies, behind(2000, 5), 60)[0]


@pytest.mark.parametrize("d", [1, 127, 128, 129, 300])
def test_quick_norms(d):
    x = data("gaussian", 5000, d).astype(np.float32)
    exact = (x.astype(np.float64) ** 2).sum(axis=1)
    np.testing.assert_allclose(quick_norms(x), exact, rtol=min(d, 128) * 6e-8)
    np.testing.assert_allclose(quick_norms(np.asfortranarray(x)[::-1]), exact[::-1], rtol=min(d, 128) * 6e-8)
    np.testing.assert_allclose(squared_norms(x), exact, rtol=1e-13)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_small_pool(draw):
    n = draw.draw(st.integers(1, 40))
    d = draw.draw(st.integers(1, 4))
    values = st.sampled_from([-1.0, 0.0, 0.1, 0.2, 0.30000000000000004, 1.0, 1000.0])
    x = np.array(draw.draw(st.lists(st.lists(values, min_size=d, max_size=d), min_size=n, max_size=n)))
    labels = np.array(draw.draw(st.lists(st.sampled_from([-1, 0]), min_size=n, max_size=n)))
    labels[draw.draw(st.integers(0, n - 1))] = -1
    b = draw.draw(st.integers(1, int((labels < 0).sum())))
    picks = naive(x, labels, b)[0]
    assert alviz.query("k-center", b, labels=labels, features=x).tolist() == picks


@pytest.mark.parametrize("layout", ["fortran", "strided", "read-only", "reversed"])
def test_memory_layouts(layout):
    x = data("gaussian", 500, 6).astype(np.float32)
    labels = np.full(500, -1)
    labels[:20] = 0
    expected = naive(x, labels, 50)[0]
    given = {
        "fortran": np.asfortranarray(x),
        "strided": np.repeat(x, 2, axis=1)[:, ::2],
        "reversed": x[::-1].copy()[::-1],
        "read-only": x.copy(),
    }[layout]
    given.flags.writeable = False
    assert alviz.query("k-center", 50, labels=labels, features=given).tolist() == expected


def test_candidates_restrict_picks_but_labelled_are_still_centres():
    x = data("gaussian", 300, 4)
    labels = np.full(300, -1)
    labels[250:] = 0
    for m in (40, 200):  # fewer and more than half of the pool
        candidates = np.arange(m)
        only = np.concatenate([x[:m], x[250:]])
        only_labels = np.concatenate([labels[:m], labels[250:]])
        expected = naive(only, only_labels, 25)[0]
        assert alviz.query("k-center", 25, labels=labels, features=x, candidates=candidates).tolist() == expected


def test_pca_is_greedy_on_the_principal_components():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 20)) @ np.diag(np.linspace(5, 0.1, 20)) + 3
    labels = np.full(200, -1)
    labels[:10] = 0
    centred = x - x.mean(axis=0)
    components = centred @ np.linalg.svd(centred, full_matrices=False)[2][:4].T
    expected = naive(components, labels, 30)[0]
    assert alviz.query("k-center", 30, labels=labels, features=x, pca=4).tolist() == expected
    assert alviz.query("k-center", 30, labels=labels, features=x, pca=20).tolist() == naive(x, labels, 30)[0]


@pytest.mark.parametrize("pca", [0, -1, 1.5, True, "32"])
def test_pca_is_a_number_of_dimensions(pca):
    with pytest.raises(ValueError, match="pca must be None or a whole number of dimensions"):
        create("k-center", pca=pca)


def test_alias():
    x = data("gaussian", 50, 3)
    labels = np.full(50, -1)
    np.testing.assert_array_equal(
        alviz.query("coreset", 5, labels=labels, features=x), alviz.query("k-center", 5, labels=labels, features=x)
    )


def test_progress_rises_and_cancels_within_the_labelled_set_too():
    x = data("gaussian", 5000, 8)
    reports = []

    def pool(progress):
        labelled = np.arange(2000)
        return PoolView(
            Arrays({"embeddings": x}), np.arange(2000, 5000), labelled, np.zeros(2000, dtype=np.int64), 1, 5000, progress=progress
        )

    create("k-center").select(pool(reports.append), 50, np.random.default_rng(0))
    assert reports == sorted(reports) and reports[0] == 0 and 0.9 < reports[-1] <= 1 and len(reports) > 60
    assert sum(share < 0.6 for share in reports) > 8  # while the distances to the labelled samples are computed

    def stop(share):
        raise Cancelled

    with pytest.raises(Cancelled):
        create("k-center").select(pool(stop), 50, np.random.default_rng(0))


def test_grid_scores_are_distances_to_the_labelled_samples():
    x = data("gaussian", 100, 2)
    labelled = np.arange(7)
    view = PoolView(Arrays({"embeddings": x}), np.arange(7, 100), labelled, np.zeros(7, dtype=np.int64), 1, 100)
    grid = np.random.default_rng(1).normal(size=(400, 2))
    scores = create("k-center").score(view.of_points(Arrays({"embeddings": grid}), 400))
    np.testing.assert_allclose(scores, np.sqrt(((grid[:, None] - x[:7]) ** 2).sum(axis=2)).min(axis=1), rtol=1e-12)


def on_device(x):
    """A tensor on a GPU if there is one, else on the host."""
    torch = pytest.importorskip("torch")
    return torch.from_numpy(x).to("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("blocks", [64 * 2**20, 4000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labelled", [0, 30])
@pytest.mark.parametrize("kind", KINDS)
def test_points_on_a_device(kind, labelled, dtype, blocks, monkeypatch):
    monkeypatch.setattr("alviz.strategies.device.BLOCK_BYTES", blocks)
    x = data(kind, 300, 5).astype(dtype)
    labels = np.full(300, -1)
    labels[np.random.default_rng(1).choice(300, labelled, replace=False)] = 0
    points, free = on_device(x), on_device(labels < 0)
    traversal = ResidentFarthestFirst(points, free, 60, points[on_device(np.flatnonzero(labels == 0))])
    scores, (picked, gains) = traversal.distances(), traversal.run()
    picks, expected, before = naive(x, labels, 60)
    assert picked.tolist() == picks
    scale = np.abs(x).max()
    np.testing.assert_allclose(gains / scale, expected / scale, rtol=1e-9)
    np.testing.assert_allclose(scores[labels < 0] / scale, before[labels < 0] / scale, rtol=1e-9)
    assert (free == on_device(labels < 0)).all()


@pytest.mark.parametrize("m", [40, 200])
def test_pools_on_a_device(m, monkeypatch):
    monkeypatch.setattr("alviz.strategies.k_center.on_device", lambda x: not isinstance(x, np.ndarray))
    x = data("gaussian", 300, 4)
    labels = np.full(300, -1)
    labels[250:] = 0
    expected = alviz.query("k-center", 25, labels=labels, features=x, candidates=np.arange(m), return_selection=True)
    got = alviz.query("k-center", 25, labels=labels, features=on_device(x), candidates=np.arange(m), return_selection=True)
    assert got.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(got.gains, expected.gains)
    np.testing.assert_allclose(got.scores, expected.scores)


def test_cancel_on_a_device():
    def stop(share):
        raise Cancelled

    points, reports = on_device(data("gaussian", 50, 3)), []
    free = on_device(np.ones(50, dtype=bool))
    with pytest.raises(Cancelled):
        ResidentFarthestFirst(points, free, 5, points[:2], stop).run()
    ResidentFarthestFirst(points, free, 5, points[:2], reports.append).run()
    assert reports == sorted(reports) and len(reports) == 7 and reports[-1] < 1
