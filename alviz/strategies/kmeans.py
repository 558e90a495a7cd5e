"""k-means: the sample nearest to each of as many centroids as there are labels to ask for."""

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, spread
from alviz.strategies.lloyd import FULL, PASSES, centroids, least_squares, representatives
from alviz.strategies.pool import PoolView


class KMeansStrategy(QueryStrategy):
    name = "kmeans"
    card = Card(
        title="k-means",
        family="diversity",
        idea="Cluster the candidates into as many clusters as there are labels to ask for, and label the sample nearest to each centroid.",
        formula="for each centroid c in turn: argmin ‖x − c‖ over the candidates not taken yet",
        needs="embeddings (or features)",
        cost=f"O(n d b) per iteration; mini-batches ({PASSES} passes) when n·d·b is above {FULL:,}",
        reference="Zhdanov, Diverse mini-batch active learning (2019), without weights; compared in Zhan et al. (2022)",
        cites=("zhdanov2019diverse", "zhan2022survey"),
        shines="Typical samples of every region: good with few labels and good features.",
        fails="Does not know what is labelled already, nor what the model is unsure of.",
        deviation="Public code that returns cluster numbers as sample indices is wrong; these are samples, all distinct.",
    )
    needs = ("embeddings",)
    symmetries = frozenset({"classes"})

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """One sample per centroid, in the order of the centroids. scores: minus the distance to the nearest centroid."""
        points = pool.embeddings
        centres = centroids(points, n_queries, rng, lambda share: pool.progress(0.8 * share)).astype(points.dtype, copy=False)
        picks = representatives(points, centres, lambda share: pool.progress(0.8 + 0.1 * share))
        squares = least_squares(points, centres, lambda share: pool.progress(0.9 + 0.1 * share))
        return Selection(pool.candidates[picks], spread(pool, -np.sqrt(squares)))
