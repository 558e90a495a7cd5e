"""kmeans: samples, not cluster numbers; nearest, distinct."""

import numpy as np
import pytest

import alviz
from alviz.progress import Cancelled
from alviz.strategies import PoolView, create, lloyd
from alviz.strategies.arrays import Arrays


def blobs(k, per, d=3, spread=0.05, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    centres = rng.permutation(k * 10).reshape(k, -1)[:, :1] * np.ones(d) + rng.normal(size=(k, d))
    which = np.repeat(np.arange(k), per)
    return (centres[which] + spread * rng.normal(size=(k * per, d))).astype(dtype), which


def medoids(x, which, free):
    """The free sample nearest to the mean of each blob's free samples."""
    out = []
    for c in np.unique(which):
        rows = free[which[free] == c]
        out.append(int(rows[((x[rows] - x[rows].mean(axis=0)) ** 2).sum(axis=1).argmin()]))
    return sorted(out)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("minibatch", [False, True])
def test_separate_blobs_give_their_medoids(dtype, minibatch, monkeypatch):
    x, which = blobs(6, 40, dtype=dtype)
    labels = np.full(240, -1)
    labels[::7] = 0
    free = np.flatnonzero(labels < 0)
    if minibatch:
        monkeypatch.setattr(lloyd, "FULL", 0)
    # k-means++ may start two centroids in one blob; over some seeds the best start is the global optimum.
    picks = [sorted(alviz.query("kmeans", 6, labels=labels, features=x, seed=s).tolist()) for s in range(8)]
    if minibatch:  # centroids of mini-batches are near the means, not on them
        assert any([which[i] for i in chosen] == [0, 1, 2, 3, 4, 5] for chosen in picks)
    else:
        assert medoids(x.astype(float), which, free) in picks
    assert all((labels[chosen] < 0).all() and len(set(chosen)) == 6 for chosen in picks)


def test_one_centroid_is_the_mean():
    x = np.random.default_rng(0).normal(size=(200, 4))
    expected = ((x - x.mean(axis=0)) ** 2).sum(axis=1).argmin()
    picks, scores = alviz.query("kmeans", 1, labels=np.full(200, -1), features=x, return_scores=True)
    assert picks.tolist() == [expected]
    np.testing.assert_allclose(scores, -np.linalg.norm(x - x.mean(axis=0), axis=1), rtol=1e-6)


def test_copies_give_distinct_samples():
    # Two places, three centroids: the third takes what is left of the copies.
    x = np.array([[5.0, 0], [0, 0], [0, 0], [5, 0]])
    picks, scores = alviz.query("kmeans", 3, labels=np.full(4, -1), features=x, return_scores=True)
    assert len(set(picks.tolist())) == 3
    assert {tuple(x[i]) for i in picks} == {(5.0, 0.0), (0.0, 0.0)}
    assert scores.tolist() == [0, 0, 0, 0]


def test_minibatches_report_and_cancel(monkeypatch):
    monkeypatch.setattr(lloyd, "FULL", 0)
    x = np.random.default_rng(0).normal(size=(7000, 3))
    reports = []

    def pool(progress):
        return PoolView(
            Arrays({"embeddings": x}), np.arange(7000), np.empty(0, np.int64), np.empty(0, np.int64), 1, 7000, progress=progress
        )

    create("kmeans").select(pool(reports.append), 12, np.random.default_rng(0))
    assert reports == sorted(reports) and len(reports) > 20 and reports[-1] <= 1

    def stop(share):
        if share > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        create("kmeans").select(pool(stop), 12, np.random.default_rng(0))


@pytest.mark.parametrize("labelled", [False, True])
def test_kmeans_pp_draws_by_squared_distance(labelled):
    # Four candidates and two labelled samples, two picks: every sequence against its probability.
    x = np.array([[0.0, 0], [9, 9], [1, 0], [0, 3], [5, 5], [-2, 1]])
    free, draws = range(2, 6), 1000
    counts = {(i, j): 0 for i in free for j in free if i != j}
    for seed in range(draws):
        picks = alviz.query("kmeans-pp", 2, labels=np.array([0, 1, -1, -1, -1, -1]), features=x, seed=seed, labelled=labelled)
        counts[int(picks[0]), int(picks[1])] += 1
    statistic = 0.0
    for (i, j), count in counts.items():
        centres = [x[0], x[1]] if labelled else []
        before = {a: min((((x[a] - c) ** 2).sum() for c in centres), default=1.0) for a in free}
        after = {a: min(((x[a] - c) ** 2).sum() for c in [*centres, x[i]]) for a in free}
        expected = draws * before[i] / sum(before.values()) * after[j] / sum(after.values())
        statistic += (count - expected) ** 2 / expected
    assert statistic < 31.3  # chi-square, 11 degrees of freedom, 1 in 1,000


def test_kmeans_pp_scores_and_gains():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    labelled = np.arange(0, 60, 6)
    free = np.setdiff1d(np.arange(60), labelled)
    pool = PoolView(Arrays({"embeddings": x}), free, labelled, np.zeros(10, np.int64), 1, 60)
    got = create("kmeans-pp", labelled=True).select(pool, 15, rng)
    exact = x.astype(float)
    np.testing.assert_allclose(got.scores[free], [min(np.linalg.norm(exact[i] - exact[j]) for j in labelled) for i in free], rtol=1e-5)
    for t, (pick, gain) in enumerate(zip(got.indices, got.gains, strict=True)):
        np.testing.assert_allclose(gain, min(((exact[pick] - exact[j]) ** 2).sum() for j in [*labelled, *got.indices[:t]]), rtol=1e-5)
    plain = create("kmeans-pp").select(pool, 15, rng)
    assert np.isnan(plain.scores).all() and np.isnan(plain.gains[0]) and np.isfinite(plain.gains[1:]).all()
    with pytest.raises(ValueError, match="labelled must be True or False"):
        create("kmeans-pp", labelled=1)


def test_kmeans_pp_leaves_labelled_places_alone():
    # With the labelled set as centres, copies of labelled samples are drawn last.
    x = np.repeat(np.eye(6) * 3, 2, axis=0)
    labels = np.full(12, -1)
    labels[:6:2] = 0  # one of each of the first three pairs
    for seed in range(20):
        picks = alviz.query("kmeans-pp", 9, labels=labels, features=x, seed=seed, labelled=True)
        assert sorted(i // 2 for i in picks[:3]) == [3, 4, 5]
