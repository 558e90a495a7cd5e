"""Vectors: distances and nearest neighbours against explicit float64 matrices of differences."""

import numpy as np
import pytest

from alviz.progress import Cancelled, silent
from alviz.strategies import vectors
from alviz.strategies.device import host
from alviz.strategies.vectors import Dense, Outer, nearest, squared_distances


def explicit(x, y):
    """(m, n) sums of squared float64 differences."""
    return ((x[:, None].astype(np.float64) - y[None].astype(np.float64)) ** 2).sum(axis=2)


def flat(left, right):
    """(n, K·d) float64 outer products, written out."""
    return (left[:, :, None].astype(np.float64) * right[:, None, :].astype(np.float64)).reshape(len(left), -1)


def neighbours(square, k, skip_self):
    square = square.copy()
    if skip_self:
        np.fill_diagonal(square, np.inf)
    order = np.argsort(square, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(square, order, axis=1), order


def table(kind, n, d, rng):
    if kind == "far from the origin":
        return rng.normal(size=(n, d)) + 1000
    if kind == "lattice":  # exact ties
        return rng.integers(0, 3, size=(n, d)).astype(float)
    if kind == "all the same":
        return np.full((n, d), 3.3)
    if kind == "copies":
        return rng.normal(size=(max(1, n // 5), d))[rng.integers(max(1, n // 5), size=n)]
    if kind == "tight clusters":
        return (rng.normal(size=(3, d)) * 10)[rng.integers(3, size=n)] + rng.normal(size=(n, d)) * 1e-3
    return rng.normal(size=(n, d)) * {"gaussian": 1.0, "tiny": 1e-25, "huge": 1e20}[kind]


KINDS = ["gaussian", "far from the origin", "lattice", "all the same", "copies", "tight clusters", "tiny", "huge"]


def kinds_of_array(backend):
    if backend == "numpy":
        return lambda x: x
    torch = pytest.importorskip("torch")
    return lambda x: torch.from_numpy(np.array(x))


@pytest.fixture(params=["whole", "blocks"])
def blocks(request, monkeypatch):
    if request.param == "blocks":
        for name, size in (("ROWS", 7), ("COLUMNS", 5), ("SPARE", 1)):
            monkeypatch.setattr(vectors, name, size)
        monkeypatch.setattr("alviz.strategies.device.BLOCK_BYTES", 1000)


@pytest.mark.filterwarnings("error")
@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("centred", [False, True])
def test_nearest(kind, dtype, backend, centred):
    place = kinds_of_array(backend)
    make = Dense.centred if centred else Dense
    for seed in range(6):
        rng = np.random.default_rng(seed)
        d = int(rng.integers(1, 9))
        x, y = (table(kind, int(rng.integers(1, 40)), d, rng).astype(dtype) for _ in range(2))
        skip_self = len(x) > 1 and seed % 2 == 1
        y = x if skip_self else y
        k = int(rng.integers(1, len(y) + 1 - skip_self))
        asked = make(place(x))
        known = asked if skip_self else Dense(place(y), asked.origin)
        got, rows = nearest(asked, known, k, silent, skip_self=skip_self)
        square, expected = neighbours(explicit(x, y), k, skip_self)
        assert rows.dtype == np.int64 and all(len(set(row)) == k for row in rows.tolist())
        assert rows.tolist() == expected.tolist()
        np.testing.assert_allclose(got, square, rtol=1e-9)
        np.testing.assert_allclose(np.take_along_axis(explicit(x, y), rows, axis=1), square, rtol=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squared_distances(kind, dtype, backend):
    place = kinds_of_array(backend)
    rng = np.random.default_rng(1)
    for m, n, d in ((1, 1, 1), (30, 20, 6), (60, 60, 3)):
        x = table(kind, m, d, rng).astype(dtype)
        y = np.concatenate([x[: n // 2], table(kind, n - n // 2, d, rng).astype(dtype)])
        expected = explicit(x, y)
        square = host(squared_distances(Dense(place(x)), Dense(place(y))))
        assert (square[expected == 0] == 0).all() and (square >= 0).all()
        # What the products give is within a fifth; what they could not give comes from differences.
        np.testing.assert_allclose(square, expected, rtol=0.2 if dtype == np.float32 else 1e-3)
        if kind in ("gaussian", "tiny", "huge"):
            np.testing.assert_allclose(square, expected, rtol=2e-3 if dtype == np.float32 else 1e-9)


def test_near_copies_are_no_copies():
    # One part in 1,000 from the first point, in float32 with 512 dimensions: products alone would see nothing of it.
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(1, 512)), 4, axis=0)
    x[1:] += 1e-3 * rng.normal(size=(3, 512)) * [[1], [3], [2]]
    x = np.concatenate([x, rng.normal(size=(60, 512))]).astype(np.float32)
    square = squared_distances(Dense(x[:1]), Dense(x))[0]
    np.testing.assert_allclose(square[:4], explicit(x[:1], x)[0, :4], rtol=1e-6)
    assert nearest(Dense(x), Dense(x), 4, silent)[1][0].tolist() == [0, 1, 3, 2]


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("dtypes", [(np.float32, np.float32), (np.float64, np.float64), (np.float64, np.float32)])
def test_outer_is_the_explicit_matrix(dtypes, backend):
    place = kinds_of_array(backend)
    rng = np.random.default_rng(3)
    left, right = rng.normal(size=(40, 3)).astype(dtypes[0]), rng.normal(size=(40, 5)).astype(dtypes[1])
    left[20:24], right[20:24] = left[:4], right[:4]  # copies
    right[30] = 0
    x = Outer(place(left), place(right))
    some = x.take(np.array([4, 20, 30, 2]))
    whole = flat(left, right)
    close = 1e-5 if np.float32 in dtypes else 1e-12
    np.testing.assert_allclose(host(x.squared_norms), (whole**2).sum(axis=1), rtol=close)
    np.testing.assert_allclose(host(x.products(some)), whole @ whole[[4, 20, 30, 2]].T, rtol=0, atol=20 * close)
    square, expected = host(squared_distances(x, some)), explicit(whole, whole[[4, 20, 30, 2]])
    np.testing.assert_allclose(square, expected, rtol=10 * close, atol=0)
    np.testing.assert_allclose(
        x.pairs(np.array([0, 7, 30]), x, np.array([20, 8, 1])), explicit(whole, whole)[[0, 7, 30], [20, 8, 1]], rtol=1e-12
    )
    got, rows = nearest(x, x, 6, silent, skip_self=True)
    best, expected_rows = neighbours(explicit(whole, whole), 6, True)
    assert rows.tolist() == expected_rows.tolist()
    np.testing.assert_allclose(got, best, rtol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_parts_and_norms(backend):
    place = kinds_of_array(backend)
    x = np.random.default_rng(0).normal(size=(3000, 4)).astype(np.float32) + 50
    dense = Dense.centred(place(x))
    rows = x - host(dense.origin)
    np.testing.assert_allclose(host(dense.origin), x.mean(axis=0, dtype=np.float64), rtol=1e-5)
    norms = (rows.astype(np.float64) ** 2).sum(axis=1)
    np.testing.assert_allclose(host(dense.squared_norms), norms, rtol=1e-12)
    for which in (slice(5, 9), np.array([7, 1, 2999])):
        for part in (dense.take(which), dense.take(which).double(), Dense(place(x), dense.origin).take(which)):
            assert len(part) == len(rows[which])
            np.testing.assert_allclose(host(part.squared_norms), norms[which], rtol=1e-12)
            np.testing.assert_allclose(host(part.rows(slice(None))), rows[which], rtol=1e-7)
    assert len(Dense(place(x[:0])).squared_norms) == 0 and len(dense) == 3000
    np.testing.assert_array_equal(host(dense.x), x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 30, 700])
def test_noise_bounds_what_rounding_does(dtype, d):
    rng = np.random.default_rng(d)
    for x in (rng.normal(size=(80, d)), rng.random(size=(80, d)), np.full((80, d), 0.1) * rng.random(size=(80, 1))):
        x = Dense(x.astype(dtype))
        norms = x.squared_norms[:, None] + x.squared_norms[None, :]
        computed = norms - 2 * x.products(x).astype(np.float64)
        reference = explicit(x.x.astype(np.longdouble), x.x)
        assert (np.abs(computed - reference) <= x.noise * norms).all()


def test_progress_and_cancel():
    x = Dense(np.random.default_rng(0).normal(size=(5000, 3)))
    reports = []
    nearest(x, x, 3, reports.append)
    assert reports == sorted(reports) and reports[0] == 0 and reports[-1] <= 1 and len(reports) > 10

    def stop(share):
        raise Cancelled

    with pytest.raises(Cancelled):
        nearest(x, x, 3, stop)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(6))
def test_neighbours_without_distances(seed, dtype):
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 3, size=(40, 3)).astype(dtype) if seed % 2 else (rng.normal(size=(40, 3)) + 100).astype(dtype)
    asked = np.concatenate([table[:15], table[:5] + 0.5]).astype(dtype)  # on top of rows, and half-way between: many ties
    known = Dense(table) if seed % 2 else Dense.centred(table)  # rounding about the mean would break the ties of a grid
    for k in (1, 4, 39, 40):
        wanted = np.sort(neighbours(explicit(asked, table), k, False)[1], axis=1)
        assert np.array_equal(vectors.neighbours(Dense(asked, known.origin), known, k, silent), wanted)
