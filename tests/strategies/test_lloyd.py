"""k-means step by step against plain loops: Lloyd's algorithm, mini-batches, the start, and the threads that share the blocks."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from alviz.progress import Cancelled, silent
from alviz.strategies import lloyd
from alviz.strategies.team import team
from alviz.strategies.vectors import Dense


def plain(x, centres, w):
    """Lloyd's algorithm on everything until nothing changes, no cluster ever empty. The labels after each step, and the last means."""
    history = []
    while len(history) < 2 or (history[-1] != history[-2]).any():
        history.append(((x[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1))
        centres = np.array([np.average(x[history[-1] == c], axis=0, weights=w[history[-1] == c]) for c in range(len(centres))])
    return history, centres


def from_rows(monkeypatch, rows):
    """Let the start be these rows."""
    monkeypatch.setattr(lloyd, "start", lambda table, *_: np.asarray(table.rows(rows), dtype=np.float64))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(4))
def test_as_plain_lloyd_from_the_same_start(seed, dtype, weighted, monkeypatch):
    monkeypatch.setattr(lloyd, "NUMBERS", 1)  # blocks of 256 rows
    monkeypatch.setattr(lloyd, "TOLERANCE", 0.0)
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(900, 5)) + 3 * rng.normal(size=(12, 5))[rng.integers(12, size=900)] + 50).astype(dtype)
    w = rng.uniform(0.1, 2, size=900) if weighted else None
    rows = rng.choice(900, 9, replace=False)
    from_rows(monkeypatch, rows)
    centres, label = lloyd.lloyd(x, 9, rng, silent, w)
    history, means = plain(x.astype(float), x[rows].astype(float), np.ones(900) if w is None else w)
    assert len(history) > 5  # so that some centroids rest while others move
    assert label.tolist() == history[-1].tolist()
    np.testing.assert_allclose(centres, means, rtol=1e-5)


def test_empty_clusters_are_filled(monkeypatch):
    # Three of four centroids start on the same spot: two get nothing, and the rows that lie worst become theirs.
    x = np.array([[0.0], [0], [0], [1], [50], [51], [90]])
    from_rows(monkeypatch, [0, 1, 2, 3])
    centres, label = lloyd.lloyd(x, 4, np.random.default_rng(0), silent)
    assert len(set(label.tolist())) == 4
    np.testing.assert_allclose(sorted(centres[:, 0]), [0.0, 1, 50.5, 90])


def test_fewer_places_than_clusters():
    x = np.repeat([[0.1, 0.2], [5.3, 0.7]], 10, axis=0).astype(np.float32)
    centres, label = lloyd.lloyd(x, 5, np.random.default_rng(0), silent)
    assert len(set(label[:10])) == len(set(label[10:])) == 1 != len(set(label))
    np.testing.assert_allclose(centres[label], x, atol=1e-6)


@pytest.mark.parametrize("factor", [2.0**-120, 2.0**-60, 2.0**60, 2.0**120])
def test_units_change_nothing(factor):
    rng = np.random.default_rng(0)
    x = np.repeat(100 * rng.normal(size=(6, 3)), 20, axis=0) + rng.normal(size=(120, 3))
    one, other = (lloyd.lloyd((x * f).astype(np.float32), 6, np.random.default_rng(1), silent)[1].tolist() for f in (1, factor))
    assert one == other


def test_it_ends_when_little_is_gained(monkeypatch):
    rng = np.random.default_rng(3)
    x, rows = rng.normal(size=(2000, 4)), rng.choice(2000, 30, replace=False)
    from_rows(monkeypatch, rows)
    inertia = []
    for tolerance in (0.0, 1e-4, 0.5):
        monkeypatch.setattr(lloyd, "TOLERANCE", tolerance)
        centres, label = lloyd.lloyd(x, 30, rng, silent)
        inertia.append(((x - centres[label]) ** 2).sum())
    assert inertia[0] < inertia[1] < 1.01 * inertia[0]
    # The first step takes off less than half: it is the last.
    label = ((x[:, None] - x[rows]) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_allclose(centres, [x[label == c].mean(axis=0) for c in range(30)], rtol=1e-9)


def test_mini_batches_are_running_means(monkeypatch):
    monkeypatch.setattr(lloyd, "BATCH", 700)
    monkeypatch.setattr(lloyd, "NUMBERS", 1)
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(1500, 4)) + 20, rng.uniform(0.1, 2, size=1500)
    from_rows(monkeypatch, np.arange(5))
    got = lloyd.in_batches(x, 5, np.random.default_rng(8), silent, w)
    draws = np.random.default_rng(8)
    centres, mass = x[draws.choice(1500, 700, replace=False)[:5]], np.zeros(5)
    for _ in range(lloyd.PASSES):
        order = draws.permutation(1500)
        for at in (0, 700, 1400):
            batch = order[at : at + 700]
            label = ((x[batch][:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
            for i, c in zip(batch, label, strict=True):
                mass[c] += w[i]
                centres[c] += (x[i] - centres[c]) * w[i] / mass[c]
    np.testing.assert_allclose(got, centres, rtol=1e-9)


def test_start_is_the_best_of_some_drawn_by_weight_and_distance(monkeypatch):
    # k = 2, all rows: the first by weight, the second the best of two draws, whose chance is known in closed form.
    monkeypatch.setattr(lloyd, "TRIALS", 1)
    x, w = np.array([[0.0], [1], [3], [8.5]]), np.array([1.0, 2, 0.5, 1])
    counts, expected = np.zeros((4, 4)), np.zeros((4, 4))
    rng = np.random.default_rng(0)
    for _ in range(3000):
        first, second = lloyd.start(Dense(x), 2, rng, silent, w)[:, 0]
        counts[np.flatnonzero(x[:, 0] == first)[0], np.flatnonzero(x[:, 0] == second)[0]] += 1
    squares = (x - x.T) ** 2
    for i in range(4):
        left = np.minimum(squares[i], squares) @ w  # if row j comes second
        chance = w * squares[i] / (w * squares[i]).sum()
        for j in range(4):
            expected[i, j] = w[i] / w.sum() * (chance[left >= left[j]].sum() ** 2 - chance[left > left[j]].sum() ** 2)
    expected *= 3000
    likely = expected > 5
    assert likely.sum() >= 6
    assert ((counts - expected)[likely] ** 2 / expected[likely]).sum() < 31.3  # chi-square, 11 degrees of freedom, 1 in 1,000
    assert counts[expected == 0].sum() == 0


@pytest.mark.parametrize("greedy", [128, 0])
def test_start_finds_separate_groups(greedy, monkeypatch):
    monkeypatch.setattr(lloyd, "GREEDY", greedy)
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(8), 100)
    x = 100 * np.eye(8)[group] + rng.normal(size=(800, 8))
    for seed in range(5):
        found = lloyd.start(Dense(x), 8, np.random.default_rng(seed), silent, np.ones(800))
        assert sorted(found.argmax(axis=1).tolist()) == list(range(8))
        assert all((x == row).all(axis=1).any() for row in found)


def test_a_sample_by_weight_stands_for_all():
    rng = np.random.default_rng(0)
    w = rng.exponential(size=60) ** 2 + 1e-8
    values = rng.normal(size=60) + 2
    sums = []
    for _ in range(4000):
        rows, count = lloyd.drawn_by_weight(w, 12, rng)
        assert len(set(rows.tolist())) == 12
        sums.append((count * values[rows]).sum())
    error = np.std(sums) / np.sqrt(len(sums))
    assert abs(np.mean(sums) - (w * values).sum()) < 4 * error


def test_the_same_to_the_bit_on_any_number_of_threads():
    x = np.random.default_rng(0).normal(size=(3000, 24)).astype(np.float32)
    for method in (lambda r: lloyd.lloyd(x, 20, r, silent)[0], lambda r: lloyd.in_batches(x, 20, r, silent)):
        results = []
        for threads in (1, 2, 3):
            with threadpool_limits(threads, user_api="blas"):
                results.append(method(np.random.default_rng(2)).tobytes())
        assert len(set(results)) == 1


def test_a_team_is_cancelled_and_leaves_blas_as_it_was():
    def threads():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    done = []

    def waited(i):
        done.append((np.ones((40, 40)) @ np.ones((40, 40))).sum())
        return i

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        with pytest.raises(Cancelled), team() as each:
            assert set(threads()) == {1}
            for i in each(lambda i: waited(i), range(10**4)):
                if i == 3:
                    raise Cancelled
        assert threads() == before
    assert len(done) < 10**4


def test_progress_never_goes_back():
    shares: list[float] = []
    lloyd.lloyd(np.random.default_rng(0).normal(size=(500, 3)), 7, np.random.default_rng(0), shares.append)
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert shares[-1] == 1


def test_least_squares(monkeypatch):
    monkeypatch.setattr(lloyd, "NUMBERS", 1)
    rng = np.random.default_rng(0)
    x, c = rng.normal(size=(600, 3)), rng.normal(size=(4, 3))
    np.testing.assert_allclose(lloyd.least_squares(x, c, silent), ((x[:, None] - c) ** 2).sum(axis=2).min(axis=1), rtol=1e-9)
