"""Information density: what the model is unsure of, weighed by how much of the pool looks like it."""

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from alviz.checks import choice, number
from alviz.progress import Progress
from alviz.registry import Card
from alviz.strategies.base import ScoringStrategy
from alviz.strategies.device import Array, Floats, block_rows, host, namespace
from alviz.strategies.mini_batch import Base, uncertainty
from alviz.strategies.pool import PoolView


class DensityWeighted(ScoringStrategy):
    name = "density-weighted"
    card = Card(
        title="Density-weighted uncertainty",
        family="hybrid",
        idea="Uncertainty alone finds outliers that tell little about the rest. So it is multiplied by how similar a sample is, on average, "
        "to all candidates.",
        formula="u(x) · max(0, 1/n Σ_y cos(x, y))^β over all candidates y, with u the entropy, 1 − margin or 1 − p₁",
        needs="embeddings (or features) and probabilities",
        cost="O(n(d + K)) time, O(n) memory, exact: with cosine similarity the mean over the pool is one product with the mean unit vector. "
        "(With distances in place of cosines it would be O(n² d).)",
        reference="Settles and Craven, An analysis of active learning strategies for sequence labeling tasks (2008), information density; "
        "Settles, Active learning literature survey (2009), section 3.6",
        cites=("settles2008analysis", "settles2009survey"),
        shines="Pools with outliers or noise, and features that are 0 or more, such as word counts or a network's activations.",
        fails="Rare classes, which have few neighbours; a batch of near-duplicates from one dense region; features whose mean was taken away, "
        "where directions cancel out.",
        deviation="A mean similarity below 0 counts as 0, so that any power of it exists; such samples come last, the most uncertain of them first.",
        options={
            "beta": "How much density counts: 0 is uncertainty alone, 1 as in the paper.",
            "base": "The uncertainty: the entropy as in the paper, 1 − margin, or 1 − p₁.",
        },
    )
    needs = ("embeddings", "probabilities")
    sharding = None  # the density is relative to the whole pool

    def __init__(self, beta: float = 1.0, base: Base = "entropy"):
        self.beta = number(f"{self.name}: beta", beta, 0)
        self.base = choice(f"{self.name}: base", base, get_args(Base))

    def score(self, pool: PoolView) -> Array:
        """u · density^β."""
        density = np.maximum(mean_cosine(pool.resident("embeddings"), pool.progress), 0.0)
        result: Floats = uncertainty(self.base, pool.probabilities) * density**self.beta
        return result

    def parts(self, pool: PoolView) -> Mapping[str, Array]:
        """Uncertainty and density."""
        return {
            "uncertainty": uncertainty(self.base, pool.probabilities),
            "density": mean_cosine(pool.resident("embeddings"), pool.progress),
        }

    def tiebreak(self, pool: PoolView) -> Array:
        """u."""
        return uncertainty(self.base, pool.probabilities)


def mean_cosine(x: Any, progress: Progress) -> Floats:
    """(n,) mean cosine similarity of every row of x (n, d) to all rows, itself among them; a row of zeros has 0 with every other."""
    xp = namespace(x)
    step = block_rows(x.shape[1], 16)
    total: Any = 0.0
    for a in range(0, len(x), step):
        progress(0.5 * a / len(x))
        total = total + xp.sum(units(x[a : a + step]), axis=0)
    mean = total / len(x)
    out = np.empty(len(x))
    for a in range(0, len(x), step):
        progress(0.5 + 0.5 * a / len(x))
        out[a : a + step] = host(xp.sum(units(x[a : a + step]) * mean, axis=1))
    return out


def units(rows: Any) -> Any:
    """The rows (m, d) in float64 at length 1, those of zeros as they are."""
    xp = namespace(rows)
    wide = np.array(rows, dtype=np.float64, order="C") if isinstance(rows, np.ndarray) else xp.astype(rows, xp.float64)
    largest = xp.max(xp.abs(wide), axis=1, keepdims=True)  # first, so that no square overflows or vanishes
    wide = wide / xp.where(largest > 0, largest, xp.ones_like(largest))
    lengths = xp.sqrt(xp.sum(wide * wide, axis=1, keepdims=True))
    return wide / xp.where(lengths > 0, lengths, xp.ones_like(lengths))
