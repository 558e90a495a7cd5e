"""EPIG: what a label would tell about predictions elsewhere."""

from collections.abc import Callable
from typing import Any

import numpy as np

from alviz.checks import whole
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, ranking, spread
from alviz.strategies.device import Floats, beside, block_rows, host, namespace
from alviz.strategies.information import times_log
from alviz.strategies.pool import POSTERIORS, PoolView

NOISE = 1e-5
"""How far a score from float32 products may be from the true one: some hundred roundings of numbers around 1."""


class Epig(QueryStrategy):
    name = "epig"
    card = Card(
        title="EPIG",
        family="posterior",
        idea="Label the sample whose label would say most about the labels of other samples of the pool. BALD asks what it says about the "
        "model, even about parts of it that no prediction depends on.",
        formula="(1/|X*|) Σ_{x*} I(y; y* | x, x*), with p(y, y*) = (1/T) Σ_t p_t(y|x) p_t(y*|x*)",
        needs="draws of the posterior (a committee or stochastic passes)",
        cost="O(n |X*| T K²) time, most of it logarithms; memory for blocks only",
        reference="Bickford Smith, Kirsch, Farquhar, Gal, Foster and Rainforth, Prediction-oriented Bayesian active learning (2023)",
        cites=("bickfordsmith2023epig",),
        shines="Pools with outliers and rare oddities, which BALD loves and no prediction needs.",
        fails="Slow with 100 classes; near-duplicates in a batch stay; few draws give a rough estimate.",
        deviation="The inputs to predict are a random part of the whole pool, labelled samples included: never the test set. The batch is the b highest "
        "scores, each as if it were the only one, as in the authors' code.",
        options={"targets": "Samples of the pool whose predictions should become better."},
    )
    needs = (POSTERIORS,)
    symmetries = frozenset({"classes"})

    def __init__(self, targets: int = 100):
        self.targets = whole(f"{self.name}: targets", targets, 1)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The highest scores; with float32 draws those near the last place are computed again in float64."""
        posterior = pool.resident(next(name for name in POSTERIORS if name in pool.provides))
        target = beside(pool.target_posterior(self.targets), posterior)
        xp = namespace(posterior)
        scores = expected_gain(posterior, target, pool.progress)
        if posterior.dtype != xp.float64:
            last = np.partition(scores, -n_queries)[-n_queries]
            close = np.flatnonzero(scores >= last - NOISE)
            scores[close] = expected_gain(xp.astype(posterior[:, close], xp.float64), xp.astype(target, xp.float64), pool.progress)
        return Selection(pool.candidates[ranking(np.round(scores, 13), n=n_queries)], spread(pool, scores))


def expected_gain(posterior: Any, target: Any, progress: Callable[[float], None]) -> Floats:
    """(m,) mean over the targets (T, s, K) of the mutual information in nats between their label and each candidate's (T, m, K).

    With a = p(y) p(y*) and r = p(y, y*)/a, the information is Σ a r ln r, and r − 1 is a mean over the draws of products of relative deviations: so
    it is exactly 0 where the draws of either agree, and float32 products lose nothing to cancellation.
    """
    xp = namespace(posterior)
    draws, m, k = posterior.shape
    size = target.shape[1]
    elsewhere, weight = relative(target)
    elsewhere = xp.reshape(elsewhere, (draws, size * k)) / draws
    weight = xp.reshape(weight, (size * k,)) / size
    out = np.empty(m)
    step = block_rows(size * k * k, 2 * posterior.dtype.itemsize)
    for a in range(0, m, step):
        progress(a / m)
        here, mean = relative(posterior[:, a : a + step])
        r = xp.permute_dims(xp.reshape(here, (draws, -1)), (1, 0)) @ elsewhere
        r += 1
        out[a : a + step] = host(xp.sum(xp.reshape(times_log(r) @ weight, mean.shape) * mean, axis=1))
    return out


def relative(draws: Any) -> tuple[Any, Any]:
    """((T, m, K) deviations of the draws from their mean over that mean, 0 where that is 0; (m, K) their mean)."""
    xp = namespace(draws)
    offsets = draws - draws[:1]  # exactly 0 where the draws are equal
    offset = xp.mean(offsets, axis=0)
    mean = draws[0] + offset
    deviations = offsets - offset
    return deviations / xp.where(mean > 0, mean, xp.ones_like(mean)), mean
