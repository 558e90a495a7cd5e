"""Lloyd's k-means, a few iterations at a time, so that it can be cancelled and repeats to the bit."""

import warnings

import numpy as np

from alviz.progress import Progress
from alviz.strategies.pool import Array, Indices

ITERATIONS = 100
"""At most."""

STEP = 5
WORK = 100_000_000
"""Iterations between two reports of progress at samples × dimensions × clusters = `WORK` or more; more when it is less."""


def lloyd(points: Array, k: int, rng: np.random.Generator, progress: Progress) -> tuple[Array, Indices]:
    """(centroids (k, d), cluster of every row (n,)) of Lloyd's algorithm from a k-means++ start. points: (n, d), n ≥ k."""
    from sklearn.cluster import KMeans, kmeans_plusplus
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    step = int(np.clip(WORK // (points.size * k), STEP, ITERATIONS))
    centroids = kmeans_plusplus(points, k, random_state=int(rng.integers(2**31)))[0]
    # One thread: sums over threads, in any order, would give other centroids from the same seed.
    with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # too few distinct points, or a step is over: both are expected
        for done in range(0, ITERATIONS, step):
            progress(done / ITERATIONS)
            model = KMeans(k, init=centroids, n_init=1, max_iter=step, random_state=0).fit(points)
            centroids = model.cluster_centers_
            if model.n_iter_ < step:
                break
    progress(1.0)
    return centroids, model.labels_.astype(np.int64)
