"""ALFA-Mix: samples whose prediction flips when a little of a labelled class is mixed into their features."""

from typing import Literal

import numpy as np

from alviz.checks import choice, number
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, spread
from alviz.strategies.changed import answers, blocks, representatives
from alviz.strategies.device import Array, Floats
from alviz.strategies.pool import PoolView


class AlfaMix(QueryStrategy):
    name = "alfa-mix"
    card = Card(
        title="ALFA-Mix (feature mixing)",
        family="hybrid",
        idea="Mix a little of each labelled class's mean into a sample's features and see whether the prediction flips: where it does, the "
        "sample has features that the model does not know yet. Cluster those that flip, and label the sample nearest to each centroid.",
        formula="x is a candidate where argmax p((1 − α) ⊙ x + α ⊙ z_c) ≠ argmax p(x) for the mean z_c of some class c; α = step, 2·step, … "
        "below 1, until there are more candidates than labels to ask for; then k-means on x/‖x‖ to b clusters",
        needs="features, labels, and the model's predictions for changed features",
        cost="O(n K) predictions per value of α, of samples that have not flipped yet; then k-means of the candidates, O(n d b) per iteration",
        reference="Parvaneh et al., Active learning by feature mixing (2022), section 3",
        cites=("parvaneh2022alfamix",),
        shines="Few labels on strong features: it asks for uncertain samples of every region.",
        fails="A model that knows one class only never flips: then the picks are random. Distances between raw pixels mean little.",
        deviation="The paper's closed form for α, and its learned α, take the gradient of the loss in the features, which a model that only predicts "
        "does not give. We take one α for all dimensions (mixing=line) or the authors' random α per dimension (mixing=random, one draw for all "
        "classes); α grows by steps as in their code. Classes without labels share the mean of all labelled samples, as there; with nothing "
        "labelled, and where too few samples flip, the rest is drawn uniformly.",
        options={
            "step": "How much larger α gets from one round of mixing to the next; smaller steps keep to samples nearer to the border.",
            "mixing": "line takes the same α in every dimension, random in each dimension a normal draw with mean and deviation α/2, cut to 0 … α.",
        },
    )
    needs = ("features", "predict")
    symmetries = frozenset({"classes"})

    def __init__(self, step: float = 0.03125, mixing: Literal["line", "random"] = "line"):
        self.step = number(f"{self.name}: step", step, 0.001, 0.999)
        self.mixing = choice(f"{self.name}: mixing", mixing, ("line", "random"))

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Representatives of the samples that flip. scores: minus the α at which they do, NaN where none did."""
        flips = self._flips(pool, n_queries, rng)
        rows = np.flatnonzero(~np.isnan(flips))
        picks = rows[:0]
        if len(rows):
            picks = representatives(pool, rows, min(n_queries, len(rows)), rng, lambda share: pool.progress(0.7 + 0.3 * share))
        others = np.flatnonzero(np.isnan(flips))
        if len(picks) < n_queries:
            picks = np.concatenate([picks, rng.choice(others, n_queries - len(picks), replace=False)])
        return Selection(pool.candidates[picks], spread(pool, -flips))

    def _flips(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Floats:
        """(m,) the first α at which the prediction differs from the one for the sample itself, NaN where none was found."""
        x, anchors = pool.features, class_means(pool)
        flips = np.full(len(pool), np.nan)
        if not len(anchors):
            return flips
        first = np.empty(len(pool), dtype=np.int64)
        for part in blocks(np.arange(len(pool)), x.shape[1]):
            pool.progress(0.1 * part[0] / len(pool))
            first[part] = answers(pool, np.ascontiguousarray(x[part]))
        alphas = np.arange(1, int(np.ceil(1 / self.step))) * self.step
        for i, alpha in enumerate(alphas):
            for part in blocks(np.flatnonzero(np.isnan(flips)), x.shape[1]):
                shares = self._shares(alpha, (len(part), x.shape[1]), rng).astype(x.dtype)
                kept, left = (1 - shares) * x[part], part
                for anchor in anchors:
                    pool.progress(0.1 + 0.6 * (i + part[0] / len(pool)) / len(alphas))
                    stay = answers(pool, kept + shares * anchor) == first[left]
                    if not stay.all():
                        flips[left[~stay]] = alpha
                        kept, left = kept[stay], left[stay]
                        shares = shares[stay] if len(shares) > 1 else shares
                    if not len(left):
                        break
            if np.count_nonzero(~np.isnan(flips)) > min(n_queries, len(pool) - 1):
                break
        return flips

    def _shares(self, alpha: float, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        """α: (1, 1), or for each sample and each dimension (m, d)."""
        if self.mixing == "line":
            return np.array([[alpha]])
        normal = rng.standard_normal(shape, dtype=np.float32)
        normal += 1
        normal *= alpha / 2
        return np.clip(normal, 0.0, alpha, out=normal)


def class_means(pool: PoolView) -> Array:
    """(c, d) mean features of every class with labels, and of all labelled samples where some class has none; no rows without labels."""
    x = pool.labelled_signal("features")
    means = [x[pool.labels == c].mean(axis=0, dtype=np.float64) for c in np.flatnonzero(pool.class_counts)]
    if 0 < len(means) < pool.n_classes:
        means.append(x.mean(axis=0, dtype=np.float64))
    return np.array(means, dtype=x.dtype).reshape(-1, x.shape[1])
