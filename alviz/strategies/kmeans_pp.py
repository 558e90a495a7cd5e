"""k-means++: D² sampling on features."""

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, spread
from alviz.strategies.centres import measured
from alviz.strategies.pool import PoolView
from alviz.strategies.seeding import SquaredDistanceSampling
from alviz.strategies.vectors import Dense, nearest


class KMeansPlusPlus(QueryStrategy):
    name = "kmeans-pp"
    card = Card(
        title="k-means++",
        family="diversity",
        idea="Draw samples one by one, each with probability proportional to its squared distance to the nearest one drawn before: "
        "spread out like k-center, but dense regions get their share and outliers are no certainty.",
        formula="P(x) ∝ min over centres y of ‖x − y‖²; centres: the picks so far (and with labelled=True the labelled set); first pick "
        "uniform where there is no centre",
        needs="embeddings (or features)",
        cost="at most O(n d (L + b)), done in matrix products and only when draws ask for it; O(n) memory",
        reference="Arthur and Vassilvitskii, k-means++: the advantages of careful seeding (2007); KMeans in the words of Zhan et al. (2022)",
        cites=("arthur2007kmeanspp", "zhan2022survey"),
        shines="A quick spread over the pool with randomness; batches of any size.",
        fails="Does not know what the model is unsure of; without labelled=True it may ask again for what is labelled already.",
        deviation="Zhan et al. describe KMeans as this sampling; their code runs the whole of k-means, which is the strategy kmeans here. When every "
        "candidate coincides with a centre, the rest is drawn uniformly.",
        options={"labelled": "Whether the labelled samples are centres from the start, so that picks keep away from them."},
    )
    needs = ("embeddings",)
    sharding = "two-rounds"
    symmetries = frozenset({"classes"})

    def __init__(self, labelled: bool = False):
        if not isinstance(labelled, bool):
            raise ValueError(f"{self.name}: labelled must be True or False, got {labelled!r}")
        self.labelled = labelled

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """D² sampling. scores: distance to the nearest labelled sample where that counts; gains: squared distance to the nearest centre."""
        points = measured(Dense.centred(pool.resident("embeddings")), pool.progress)
        centres, scores = None, np.full(pool.n, np.nan)
        if self.labelled and len(pool.labelled):
            centres = Dense(pool.resident_labelled("embeddings"), points.origin)
            scores = spread(pool, np.sqrt(nearest(points, centres, 1, lambda share: pool.progress(0.3 * share))[0][:, 0]))
        report = pool.progress if centres is None else lambda share: pool.progress(0.3 + 0.7 * share)
        picks, gains = SquaredDistanceSampling(points, rng, centres=centres, progress=report).run(n_queries)
        return Selection(pool.candidates[picks], scores, gains)
