"""Stochastic batches: BALD's scores, with noise that keeps a batch from being all of one kind."""

from typing import Literal

import numpy as np

from alviz.checks import choice, number
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, finite, ranking, spread
from alviz.strategies.device import Floats
from alviz.strategies.pool import POSTERIORS, PoolView
from alviz.strategies.posterior import mutual_information

VARIANTS = ("power", "softmax", "softrank")
"""How the chance to be drawn follows from the score."""


class PowerBald(QueryStrategy):
    name = "power-bald"
    card = Card(
        title="PowerBALD",
        family="posterior",
        idea="Draw the batch at random, without replacement, with chances that grow with BALD's score. After the first labels the scores of all others "
        "would change, and the noise stands for that change.",
        formula="p(x) ∝ s(x)^β with s BALD's score; softmax: e^{βs}; softrank: rank^{−β}. Drawn as the b largest of β ln s + Gumbel noise",
        needs="draws of the posterior (a committee or stochastic passes)",
        cost="O(TnK + n log n), and T predictions of the whole pool",
        reference="Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal, Stochastic batch acquisition: a simple baseline for deep "
        "active learning (2023), section 3",
        cites=("kirsch2023stochastic",),
        shines="Large batches, redundant pools: as good as BatchBALD in the paper at the cost of BALD.",
        fails="Batches of one or two, where the noise only hurts; β has to fit: 0 is random, ∞ is BALD.",
        deviation="Scores of 0 have no chance in p ∝ s^β: they are drawn uniformly once no other candidate is left. Equal scores get their ranks by index.",
        options={
            "beta": "How closely the chances follow the score: 0 is uniform, 1 the paper's value.",
            "variant": "power takes the score itself, softmax its exponential, softrank its rank.",
        },
    )
    needs = (POSTERIORS,)
    symmetries = frozenset({"classes"})

    def __init__(self, beta: float = 1.0, variant: Literal["power", "softmax", "softrank"] = "power"):
        self.beta = number(f"{self.name}: beta", beta, 0)
        self.variant = choice(f"{self.name}: variant", variant, VARIANTS)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Gumbel top-k: the b largest of log chance + Gumbel noise are a draw without replacement. scores: BALD."""
        scores = finite(mutual_information(pool.posterior), self.name)
        noise = rng.gumbel(size=len(scores))
        chances = log_chances(scores, self.beta, self.variant)
        chosen = ranking(chances + noise, noise, n_queries)
        return Selection(pool.candidates[chosen], spread(pool, scores))


def log_chances(scores: Floats, beta: float, variant: str) -> Floats:
    """(m,) logarithms of what the chances to be drawn first are proportional to; −inf where there is none."""
    if variant == "softmax":
        return beta * scores
    if variant == "softrank":
        ranks = np.empty(len(scores))
        ranks[ranking(scores)] = np.arange(1, len(scores) + 1)
        return -beta * np.log(ranks)
    some = scores > 0
    if beta == 0:
        return np.zeros(len(scores))
    return np.where(some, beta * np.log(np.where(some, scores, 1.0)), -np.inf)
