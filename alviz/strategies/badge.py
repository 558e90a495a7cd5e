"""BADGE: k-means++ seeding on gradient embeddings, factored."""

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, spread
from alviz.strategies.centres import measured
from alviz.strategies.device import host
from alviz.strategies.pool import PoolView
from alviz.strategies.seeding import SquaredDistanceSampling


class Badge(QueryStrategy):
    name = "badge"
    card = Card(
        title="BADGE",
        family="gradient",
        idea="Sample a batch whose last-layer gradients are long (the model is unsure) and point in different directions (the samples differ).",
        formula="g(x) = (p(x) − onehot(ŷ)) ⊗ h(x) under the predicted label ŷ; first argmax ‖g‖, then each x with probability "
        "proportional to its squared distance to the nearest pick, min over picks y of ‖g(x) − g(y)‖²",
        needs="probabilities and embeddings (or features)",
        cost="at most O(n(K + d)) time per pick, done for many picks at once and only when draws ask for it; O(n) memory beside the two "
        "factors: no n × (K·d) matrix",
        reference="Ash et al., Deep batch active learning by diverse, uncertain gradient lower bounds (2020), Algorithm 1",
        cites=("ash2020badge",),
        shines="Diversity and uncertainty without a weight between them; batches of any size.",
        fails="Fixed features that the classifier does not shape; a confident model has gradients near 0.",
        deviation="The first pick is the longest gradient, as in the authors' code (the paper leaves it open: other codes sample it, "
        "uniformly or by length). When every candidate coincides with a pick, the rest is drawn uniformly. Draws go through rejection "
        "from upper bounds: the same distribution, with another use of the random numbers.",
    )
    needs = ("gradients",)
    sharding = "two-rounds"
    symmetries = frozenset({"classes"})

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """k-means++ seeding. scores: ‖g‖; gains: squared distance to the nearest earlier pick (‖g‖² of the first)."""
        gradients = measured(pool.gradients, pool.progress)
        norms = host(gradients.squared_norms)
        first = int(norms.argmax())
        picks, gains = SquaredDistanceSampling(gradients, rng, first=first, progress=pool.progress).run(n_queries)
        gains[0] = norms[first]
        return Selection(pool.candidates[picks], spread(pool, np.sqrt(norms)), gains)
