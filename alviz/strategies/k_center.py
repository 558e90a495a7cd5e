"""Greedy k-center (core-set selection)."""

from typing import Any

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, spread
from alviz.strategies.device import Array, Floats, Indices, beside
from alviz.strategies.farthest import FarthestFirst, Rows
from alviz.strategies.pool import PoolView
from alviz.strategies.resident import ResidentFarthestFirst


class KCenter(QueryStrategy):
    name = "k-center"
    card = Card(
        title="k-center (core-set)",
        family="diversity",
        idea="Cover the pool: label again and again the sample that is farthest from everything labelled so far.",
        formula="argmax over candidates x of min over centres y of ‖x − y‖; centres: the labelled set and the picks so far",
        needs="embeddings (or features)",
        cost="at most O(n d (L + b)); products are put off and done together, and only where a pick depends on them",
        reference="Gonzalez (1985); Sener and Savarese, Active learning for convolutional neural networks: a core-set approach (2018)",
        cites=("gonzalez1985kcenter", "sener2018coreset"),
        shines="Covers the feature space whatever the model thinks; no two picks are near-duplicates.",
        fails="Loves outliers, and distances in many dimensions say little: below random in several studies with few labels.",
        deviation="The greedy 2-approximation, as in all studies we follow, not the mixed-integer program. With nothing labelled it starts at the "
        "candidate nearest to the candidates' mean, which the paper leaves open. pca=32 reduces the features first, as Zhan et al. (2022) do.",
        options={"pca": "Dimensions to which PCA reduces the features first; None: as they are."},
    )
    needs = ("embeddings",)
    sharding = "two-rounds"

    def __init__(self, pca: int | None = None):
        if pca is not None and (isinstance(pca, bool) or not isinstance(pca, int | np.integer) or pca < 1):
            raise ValueError(f"k-center: pca must be None or a whole number of dimensions ≥ 1, got {pca!r}")
        self.pca = pca

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Exact greedy picks. scores: distance to the nearest labelled sample; gains: distance to the nearest centre at the pick."""
        traversal, rows = self._traversal(pool, n_queries, rng)
        scores = traversal.distances()[rows]
        picks, gains = traversal.run()
        return Selection(pool.candidates[np.searchsorted(rows, picks)], spread(pool, scores), gains)

    def score(self, pool: PoolView) -> Floats:
        """(m,) distance of every candidate to its nearest labelled sample, NaN where nothing is labelled."""
        traversal, rows = self._traversal(pool, 1, np.random.default_rng(pool.seed))
        scores: Floats = traversal.distances()[rows]
        return scores

    def _traversal(self, pool: PoolView, n_picks: int, rng: np.random.Generator) -> tuple[FarthestFirst | ResidentFarthestFirst, Indices]:
        """The traversal and the row of each candidate in it."""
        everyone = np.arange(len(pool))
        if self.pca is not None:
            points, labelled = reduced(pool, self.pca, rng)
            return FarthestFirst(points, np.ones(len(points), dtype=bool), n_picks, Rows(labelled), pool.progress), everyone
        few = 2 * len(pool) < pool.n
        rows = everyone if few else pool.candidates
        table = pool.resident_table("embeddings")
        free = np.zeros(len(pool) if few else pool.n, dtype=bool)
        free[rows] = True
        if on_device(table):
            points = pool.resident("embeddings") if few else table
            centres = pool.resident_labelled("embeddings")
            return ResidentFarthestFirst(points, beside(free, points), n_picks, centres, pool.progress), rows
        points = pool.embeddings if few else pool.table("embeddings")
        same_table = pool.labelled_source is pool.source
        known = Rows(pool.table("embeddings"), pool.labelled) if same_table else Rows(pool.labelled_signal("embeddings"))
        return FarthestFirst(points, free, n_picks, known, pool.progress), rows


def on_device(x: Any) -> bool:
    """Whether x is a tensor that is not in the host's memory."""
    return str(getattr(x, "device", "cpu")) != "cpu"


def reduced(pool: PoolView, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Candidates and labelled samples on the first `size` principal components of both together.

    Where there are no more dimensions, or no more samples, than that, a rotation would change no distance and is left out.
    """
    points, labelled = pool.embeddings, pool.labelled_signal("embeddings")
    if size >= min(points.shape[1], len(points) + len(labelled)):
        return points, labelled
    from sklearn.decomposition import PCA

    both = np.concatenate([points, labelled])
    with np.errstate(invalid="ignore"):  # copies of one sample have no variance to share out
        both = PCA(size, random_state=int(rng.integers(2**31))).fit_transform(both)
    return both[: len(points)], both[len(points) :]
