"""BADGE: k-means++ seeding on gradient embeddings, factored."""

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, spread
from alviz.strategies.farthest import Floats
from alviz.strategies.pool import Gradients, PoolView


class Badge(QueryStrategy):
    name = "badge"
    card = Card(
        title="BADGE",
        family="gradient",
        idea="Sample a batch whose last-layer gradients are long (the model is unsure) and point in different directions (the samples differ).",
        formula="g(x) = (p(x) − onehot(ŷ)) ⊗ h(x) under the predicted label ŷ; first argmax ‖g‖, then each x with probability "
        "proportional to its squared distance to the nearest pick, min over picks y of ‖g(x) − g(y)‖²",
        needs="probabilities and embeddings (or features)",
        cost="O(n(K + d)) time per pick, O(n) memory beside the two factors: no n × (K·d) matrix",
        reference="Ash et al., Deep batch active learning by diverse, uncertain gradient lower bounds (2020)",
        shines="Diversity and uncertainty without a weight between them; batches of any size.",
        fails="Fixed features that the classifier does not shape; a confident model has gradients near 0.",
        deviation="The first pick is the longest gradient, as in the authors' code (the paper leaves it open: other codes sample it, "
        "uniformly or by length). When every candidate coincides with a pick, the rest is drawn uniformly.",
    )
    needs = ("gradients",)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """k-means++ seeding. scores: ‖g‖; gains: squared distance to the nearest earlier pick (‖g‖² of the first)."""
        gradients = pool.gradients
        norms = gradients.squared_norms
        nearest = norms.copy()
        picks = np.empty(n_queries, dtype=np.int64)
        gains = np.empty(n_queries)
        free = np.ones(len(pool), dtype=bool)
        for i in range(n_queries):
            pool.progress(i / n_queries)
            pick = int(norms.argmax()) if i == 0 else drawn(nearest, free, rng)
            picks[i], gains[i], free[pick] = pick, nearest[pick], False
            distance = squared_distances(gradients, pick)
            nearest = distance if i == 0 else np.minimum(nearest, distance)
            nearest[pick] = 0.0
        return Selection(pool.candidates[picks], spread(pool, np.sqrt(norms)), gains)


def squared_distances(gradients: Gradients, pick: int) -> Floats:
    """(m,) ‖g_i − g_pick‖² from the factors; what rounding alone can leave is 0, so that duplicates of a pick are never drawn."""
    residuals, embeddings, norms = gradients.residuals, gradients.embeddings, gradients.squared_norms
    product = (residuals @ residuals[pick]) * (embeddings @ embeddings[pick])
    size = norms + norms[pick]
    distance = size - 2.0 * product
    noise = 8.0 * np.sqrt(embeddings.shape[1]) * np.finfo(embeddings.dtype).eps
    distance[distance <= noise * size] = 0.0
    return distance


def drawn(weights: Floats, free: np.ndarray, rng: np.random.Generator) -> int:
    """One position with probability proportional to its weight; uniform over the free ones when all weights are 0."""
    total = np.cumsum(weights)
    if total[-1] <= 0:
        return int(rng.choice(np.flatnonzero(free)))
    # Strictly below the total, so that the position found has a weight above 0: it is never one that was picked.
    share = min(rng.random() * total[-1], np.nextafter(total[-1], 0.0))
    return int(np.searchsorted(total, share, side="right"))
