"""kmeans: samples, not cluster numbers; nearest, distinct."""

import numpy as np
import pytest

import alviz
from alviz.progress import Cancelled
from alviz.strategies import PoolView, create, kmeans
from alviz.strategies.query import Arrays


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
        monkeypatch.setattr(kmeans, "FULL", 0)
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


def test_nearest_samples_are_distinct_and_lowest_first():
    # Both centroids are nearest to samples 1 and 2, which are equal; the first takes 1, the second 2, the third the next best.
    points = np.array([[5.0, 0], [0, 0], [0, 0], [1, 0]])
    pool = PoolView(Arrays({"embeddings": points}), np.arange(4), np.empty(0, np.int64), np.empty(0, np.int64), 1, 4)
    picks, distances = kmeans.nearest_samples(points, np.array([[0.1, 0], [0.1, 0], [0.1, 0]]), pool)
    assert picks.tolist() == [1, 2, 3]
    np.testing.assert_allclose(distances, [4.9, 0.1, 0.1, 0.9])


def test_minibatches_report_and_cancel(monkeypatch):
    monkeypatch.setattr(kmeans, "FULL", 0)
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
