"""FALCUN: uncertain samples whose predictions differ from those of the picks so far, in probability space only."""

import numpy as np

from alviz.checks import number
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, spread
from alviz.strategies.device import Array, Floats
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import margin

COLUMNS = 16384
"""Samples whose distances are taken together: they stay in the processor's cache."""


class Falcun(QueryStrategy):
    name = "falcun"
    card = Card(
        title="FALCUN",
        family="hybrid",
        idea="Draw samples that the model is unsure of and whose class probabilities differ from those of the samples drawn before. "
        "Everything happens among the K probabilities, so it is quick however many features there are.",
        formula="drawn one by one with probability ∝ (u + D)^γ; u = 1 − (p₁ − p₂); D = min(u, min over picks q of Σ_c |p_c − q_c|), "
        "scaled to 0 … 1 over the samples not drawn yet",
        needs="probabilities",
        cost="O(n K b) time, O(n K) memory",
        reference="Gilhuber et al., FALCUN: a simple and efficient deep active learning strategy (2024), equations 1 to 6",
        cites=("gilhuber2024falcun",),
        shines="Large batches, where picking by margin alone takes the same confusion again and again.",
        fails="Probabilities that are badly calibrated; two different samples with equal probabilities count as copies.",
        deviation="As in the authors' code: D is scaled afresh at every pick, over what is left. scikit-activeml's copy keeps the scaled values "
        "for the next minimum, and does not scale at the first pick. When all weights are 0 the draw is uniform; the authors draw uniformly "
        "already when all that is left has D = 0, where u still decides here.",
        options={"gamma": "How strongly the draw prefers the most relevant samples: 10 is the authors' value, 0 random sampling."},
    )
    needs = ("probabilities",)
    symmetries = frozenset({"classes"})

    def __init__(self, gamma: float = 10.0):
        self.gamma = number(f"{self.name}: gamma", gamma, 0)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Drawn one by one. scores: the uncertainty u; gains: u + D at the draw."""
        p = np.ascontiguousarray(np.asarray(pool.probabilities).T)
        unsure = 1.0 - margin(pool.probabilities)
        nearest = unsure.copy()
        free = np.ones(len(pool), dtype=bool)
        picks = np.empty(n_queries, dtype=np.int64)
        gains = np.empty(n_queries)
        for i in range(n_queries):
            pool.progress(i / n_queries)
            relevance = np.where(free, unsure + scaled(nearest, free), 0.0)
            picks[i] = pick = drawn(relevance, free, self.gamma, rng)
            gains[i], free[pick] = relevance[pick], False
            approach(nearest, p, p[:, pick])
        return Selection(pool.candidates[picks], spread(pool, unsure), gains)


def scaled(values: Floats, free: np.ndarray) -> Floats:
    """Values brought to 0 … 1 over the free samples; 0 everywhere when those are all equal."""
    least, most = values.min(where=free, initial=np.inf), values.max(where=free, initial=-np.inf)
    result: Floats = (values - least) / (most - least) if most > least else np.zeros_like(values)
    return result


def drawn(relevance: Floats, free: np.ndarray, gamma: float, rng: np.random.Generator) -> int:
    """One free position with probability ∝ relevance^gamma; uniform over the free ones when no relevance is above 0."""
    most = relevance.max()
    if most > 0 and gamma > 0:
        with np.errstate(divide="ignore"):
            logs = np.log(relevance / most)  # −∞ where there is none; the largest is 0, so that no power overflows
        weights = np.exp(gamma * logs)
    else:
        weights = free.astype(np.float64)
    total = np.cumsum(weights)
    # Strictly below the total, so that the position found has a weight above 0.
    share = min(rng.random() * total[-1], np.nextafter(total[-1], 0.0))
    return int(np.searchsorted(total, share, side="right"))


def approach(nearest: Floats, p: Array, q: Array) -> None:
    """Let `nearest` (m,) see the pick with probabilities q (K,): the smaller of itself and Σ_c |p_c − q_c|, p (K, m)."""
    for a in range(0, p.shape[1], COLUMNS):
        distance = np.zeros(min(COLUMNS, p.shape[1] - a), dtype=p.dtype)
        for row, value in zip(p, q, strict=True):
            distance += np.abs(row[a : a + COLUMNS] - value)
        np.minimum(nearest[a : a + COLUMNS], distance, out=nearest[a : a + COLUMNS])
