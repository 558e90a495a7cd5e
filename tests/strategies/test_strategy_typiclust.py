"""TypiClust and TCM against their definitions in plain loops, on given clusterings; the clustering by what k-means is."""

import numpy as np
import pytest

from alviz.progress import silent
from alviz.strategies import PoolView, create, lloyd, typiclust, vectors
from alviz.strategies.arrays import Arrays
from alviz.strategies.typiclust import Tcm, TypiClust


def pool_of(x, labelled=(), candidates=None, k=3, probabilities=None):
    n = len(x)
    labelled = np.array(labelled, dtype=np.int64)
    candidates = np.setdiff1d(np.arange(n), labelled) if candidates is None else np.array(candidates)
    arrays = {"features": x} | ({} if probabilities is None else {"probabilities": probabilities})
    return PoolView(Arrays(arrays), candidates, labelled, labelled % k, k, n)


def given_clusters(monkeypatch, cluster):
    """Let k-means find this clustering (n,) of the whole table; the strategy sees labelled samples first."""

    def clustered(points, k, pool):
        return cluster[np.concatenate([pool.labelled, pool.candidates])]

    monkeypatch.setattr(typiclust, "clustered", clustered)


def naive(x, cluster, labelled, candidates, b, neighbours=20):
    """Pick after pick: the cluster with the fewest labels, then the largest, small ones last; in it the most typical candidate."""
    taken, picks, scores = list(labelled), [], {}
    everyone = list(labelled) + list(candidates)
    while len(picks) < b:
        best = None
        for c in set(cluster[everyone]):
            members = [i for i in everyone if cluster[i] == c]
            free = [i for i in members if i in candidates and i not in picks]
            if not free:
                continue
            original = [i for i in members if i in candidates]
            key = (len(members) < 5, sum(i in taken for i in members), -len(members), min(original))
            if best is None or key < best[0]:
                best = (key, members, free)
        _, members, free = best
        mean = {}
        for i in members:
            distances = sorted(np.sqrt(((x[i].astype(float) - x[j]) ** 2).sum()) for j in members if j != i)
            mean[i] = np.mean(distances[: min(neighbours, len(members) - 1)]) if len(members) > 1 else 0.0
            if i in candidates and len(members) > 1:
                scores[i] = -mean[i]
        pick = min(free, key=lambda i: (mean[i], i))
        picks.append(pick)
        taken.append(pick)
    return picks, scores


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(8))
def test_picks_and_scores(monkeypatch, seed, dtype):
    rng = np.random.default_rng(seed)
    n = 60
    x = (rng.normal(size=(n, 4)) if seed % 2 else rng.integers(0, 3, size=(n, 2))).astype(dtype)  # odd: no ties; even: ties and copies
    cluster = rng.integers(0, 9, size=n) ** 2 // 9
    labelled = np.sort(rng.choice(n, [0, 1, 12, 30][seed % 4], replace=False))
    candidates = np.setdiff1d(np.arange(n), labelled)[: 60 if seed < 4 else 25]
    b = len(candidates) if seed in (3, 6) else 10
    neighbours = 20 if seed < 4 else 3
    given_clusters(monkeypatch, cluster)
    monkeypatch.setattr(typiclust, "MATRIX", 1024 if seed in (1, 2, 4, 7) else 3)  # at once, or in blocks
    monkeypatch.setattr(vectors, "ROWS", 5)
    monkeypatch.setattr(vectors, "COLUMNS", 7)
    got = TypiClust(neighbours=neighbours).select(pool_of(x, labelled, candidates), b, rng)
    picks, scores = naive(x, cluster, labelled.tolist(), candidates.tolist(), b, neighbours)
    assert got.indices.tolist() == picks
    expected = np.full(n, np.nan)
    expected[list(scores)] = list(scores.values())
    np.testing.assert_allclose(got.scores, expected, rtol=1e-9, atol=1e-12)
    assert got.note == ""


def test_by_hand(monkeypatch):
    # Two clusters on a line: five points (the middle one is typical) and six, one of them labelled.
    x = np.array([[0.0], [1], [2], [3], [4], [100], [101], [102], [103], [104], [110]])
    given_clusters(monkeypatch, np.array([0] * 5 + [1] * 6))
    got = TypiClust(neighbours=2).select(pool_of(x, [7]), 2, np.random.default_rng(0))
    # 0, 1 labels: the smaller cluster comes first. Mean distances 1.5, 1, 1, 1, 1.5: the lowest of three equal ones.
    # Then both have one label, and the larger has (101 to 100 and 102: 1) the lowest of the best, at position 6.
    assert got.indices.tolist() == [1, 6]
    np.testing.assert_allclose(got.scores[:5], [-1.5, -1, -1, -1, -1.5])


def test_small_clusters_come_last(monkeypatch):
    x = np.arange(11.0)[:, None]
    given_clusters(monkeypatch, np.array([0] * 4 + [1] * 7))
    got = TypiClust().select(pool_of(x), 11, np.random.default_rng(0))
    assert set(got.indices[:7].tolist()) == set(range(4, 11))
    assert set(got.indices[7:].tolist()) == set(range(4))


def test_large_clusters_are_sampled_and_say_so(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 2))
    given_clusters(monkeypatch, np.array([0] * 60 + [1] * 30))
    got = TypiClust(cap=50).select(pool_of(x, [3, 4]), 3, rng)
    assert got.note.startswith("In 1 of 2 clusters only some 40 samples")  # 40² + 30² = 50²
    assert np.isfinite(got.scores[:60]).sum() == 40
    assert np.isfinite(got.scores[60:]).all()
    assert TypiClust(cap=68).select(pool_of(x, [3, 4]), 3, rng).note == ""  # 60² + 30² = 67.1²
    everyone = TypiClust(cap=1).select(pool_of(x, [3, 4]), 88, rng)
    assert len(set(everyone.indices.tolist())) == 88


def test_clusters_share_the_pairs():
    rng = np.random.default_rng(0)
    for _ in range(200):
        sizes, cap = rng.integers(1, 40, size=rng.integers(1, 8)), int(rng.integers(1, 120))
        fits = [c for c in range(1, 40) if (np.minimum(sizes, c) ** 2).sum() <= cap**2]
        got = typiclust.limit(sizes, cap)
        assert np.minimum(sizes, got).tolist() == np.minimum(sizes, max(fits, default=1)).tolist()


@pytest.mark.parametrize("mini_batches", [False, True])
def test_one_pick_in_every_cluster(monkeypatch, mini_batches):
    # It shines with clusters: eight groups, the labels of three are known, five picks find the five others.
    if mini_batches:
        monkeypatch.setattr(typiclust, "FULL", 0)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(8), 15)
        x = (50 * np.eye(8)[group] + rng.normal(size=(120, 8))).astype(np.float32)
        picks = TypiClust().select(pool_of(x, [0, 16, 40]), 5, rng).indices
        assert sorted(group[picks].tolist()) == [3, 4, 5, 6, 7]


def test_clusters_are_those_of_k_means(monkeypatch):
    # Lloyd's fixed point: every sample is in the cluster whose mean is nearest.
    monkeypatch.setattr(lloyd, "TOLERANCE", 0.0)
    x = np.random.default_rng(5).normal(size=(200, 3))
    cluster = typiclust.clustered(x, 6, pool_of(x))
    means = np.array([x[cluster == c].mean(axis=0) for c in range(6)])
    for i in range(200):
        distances = [((x[i] - mean) ** 2).sum() for mean in means]
        assert distances[cluster[i]] <= min(distances) + 1e-9


def test_equally_many_clusters_of_the_same_samples_are_kept(monkeypatch):
    # Labels move samples from one side to the other; a sample that is left out makes another table.
    x = np.random.default_rng(6).normal(size=(90, 3))
    made = []
    monkeypatch.setattr(typiclust, "_clustered", lambda points, k, rng, pool: (made.append(points), np.argsort(points[:, 0]) % k)[1])
    cache = {}
    for labelled, candidates, k in (([3, 8], None, 6), ([3, 8, 50, 51], None, 6), ([3], None, 6), ([3], None, 7), ([3], range(4, 89), 7)):
        pool = pool_of(x, labelled, candidates)
        pool.run_cache = cache
        rows = [*labelled, *pool.candidates]
        whole = np.argsort(x[sorted(rows), 0]) % k
        found = typiclust.clustered(x[rows], k, pool)
        assert found.tolist() == [whole[sorted(rows).index(i)] for i in rows]
    assert [len(points) for points in made] == [90, 90, 86]


def test_number_of_clusters(monkeypatch):
    asked = []

    def clustered(points, k, pool):
        asked.append(k)
        return np.arange(len(points)) % k

    monkeypatch.setattr(typiclust, "clustered", clustered)
    x = np.random.default_rng(0).normal(size=(50, 2))
    for labelled, b, limit in (([], 4, 500), ([1, 2, 3], 4, 500), ([1, 2, 3], 4, 5), (list(range(30)), 20, 500)):
        TypiClust(max_clusters=limit).select(pool_of(x, labelled), b, np.random.default_rng(0))
    assert asked == [4, 7, 5, 50]


def test_mean_distance_of_one_point():
    assert np.isnan(typiclust.mean_distance(vectors.Dense(np.ones((1, 2))), 20, silent)).all()


def test_as_in_scikit_activeml(monkeypatch):
    pool_module = pytest.importorskip("skactiveml.pool")
    rng = np.random.default_rng(1)
    cluster = np.repeat(np.arange(8), np.arange(24, 40, 2))  # sizes all differ, and exceed the 20 neighbours
    x = rng.normal(size=(len(cluster), 6))
    labelled = [0, 50]
    y = np.full(len(x), np.nan)
    y[labelled] = [0, 1]

    class Given:
        def __init__(self, n_clusters):
            pass

        def fit_predict(self, points):
            return cluster

    theirs = pool_module.TypiClust(cluster_algo=Given, k=20, random_state=0).query(x, y, batch_size=6)
    given_clusters(monkeypatch, cluster)
    ours = TypiClust().select(pool_of(x, labelled), 6, rng).indices
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("mini_batches", [False, True])
def test_tensors_give_the_same_picks(monkeypatch, mini_batches):
    torch = pytest.importorskip("torch")
    if mini_batches:
        monkeypatch.setattr(typiclust, "FULL", 0)
    x = np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32)
    ours = [TypiClust().select(pool_of(points, [4, 9]), 15, np.random.default_rng(1)).indices for points in (x, torch.tensor(x))]
    assert ours[0].tolist() == ours[1].tolist()


def test_tcm_switches_to_margin():
    rng = np.random.default_rng(0)
    x, p = rng.normal(size=(60, 3)), rng.dirichlet(np.ones(3), size=60)
    for n_labelled, other in ((0, "typiclust"), (5, "typiclust"), (6, "margin"), (20, "margin")):
        pool = pool_of(x, range(n_labelled), probabilities=p)
        got = Tcm(labels_per_class=2).select(pool, 7, np.random.default_rng(3))
        expected = create(other).select(pool, 7, np.random.default_rng(3))
        assert got.indices.tolist() == expected.indices.tolist()
        np.testing.assert_array_equal(got.scores, expected.scores)
    pool = pool_of(x, probabilities=p)
    assert Tcm(labels_per_class=0).select(pool, 7, rng).indices.tolist() == create("margin").select(pool, 7, rng).indices.tolist()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: TypiClust(neighbours=0), "typiclust: neighbours must be a whole number ≥ 1, got 0"),
        (lambda: TypiClust(max_clusters=1.5), "typiclust: max_clusters must be"),
        (lambda: TypiClust(cap=0), "typiclust: cap must be None or a whole number ≥ 1"),
        (lambda: Tcm(labels_per_class=-1), "tcm: labels_per_class must be"),
    ],
)
def test_wrong_parameters(made, message):
    with pytest.raises(ValueError, match=message):
        made()
