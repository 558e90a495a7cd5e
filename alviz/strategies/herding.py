"""MaxHerding and uncertainty herding: greedy kernel coverage."""

from typing import Literal

import numpy as np

from alviz.checks import choice, number
from alviz.registry import Card
from alviz.strategies.base import CAP, CappedStrategy, Selection, spread
from alviz.strategies.device import Array
from alviz.strategies.directions import Directions, Floats, Similarity, best_similarity, directions
from alviz.strategies.lazy import PAIRS, Coverage
from alviz.strategies.near_pairs import near_pairs
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import confidence, entropy, margin

LEAST = 1e-3
"""The smallest length scale; samples of unit length that are closer than this count as copies of one another."""

_COST = (
    "O(n² d) for the first gains, then products only for candidates that rival for a pick and points whose cover has changed; O(n d) memory and "
    f"at most {PAIRS:,} kernel values"
)
_CAP = "how many candidates are looked at and covered, drawn uniformly from a larger pool; None: all of them"


class MaxHerding(CappedStrategy):
    name = "max-herding"
    card = Card(
        title="MaxHerding",
        family="diversity",
        idea="Label again and again the sample that makes the pool best covered, where a sample is covered as well as it resembles the most "
        "similar labelled one. Coverage fades smoothly with distance, so there is no radius to get wrong.",
        formula="argmax over candidates x of Σ_j [k(x, x_j) − c_j]₊ over labelled and unlabelled x_j, c_j = max over labelled samples and picks y "
        "of k(y, x_j); k(x, y) = exp(−‖x − y‖²/σ²) on features of unit length",
        needs="features",
        cost=_COST,
        reference="Bae, Noh and Sutherland, Generalized coverage for more robust low-budget active learning (2024), Algorithm 1",
        cites=("bae2024maxherding",),
        shines="Very few labels on good (self-supervised) features: it begins with typical samples and spreads from there.",
        fails="With many labels it goes on covering what is well known already; it never looks at the model.",
        deviation="None in the picks, other than among ties (lowest index). The authors' code draws at most 35,000 candidates, ours `cap`. A sample "
        "whose features are all 0 counts as orthogonal to every other.",
        options={
            "length_scale": "σ, the distance at which similarity has fallen to 1/e (unit vectors are at most 2 apart; the paper takes 1)",
            "cap": _CAP,
        },
    )
    needs = ("features",)
    sharding = "two-rounds"
    symmetries = frozenset({"classes"})  # two samples that only cover each other tie: the lowest index decides

    def __init__(self, length_scale: float = 1.0, cap: int | None = CAP):
        super().__init__(cap)
        self.length_scale = number(f"{self.name}: length_scale", length_scale, LEAST)

    def select_among(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Exact greedy picks. scores: what each candidate would add to the mean coverage as the first pick; gains: what each pick added."""
        similarity = Similarity(self.length_scale)
        near = near_pairs(pool, similarity)
        if near is not None:
            covered = len(pool) + len(pool.labelled)
            picks, gains, first = near.herd(pool.candidates, n_queries, pool.progress)
            return Selection(picks, spread(pool, first / covered), gains / covered)
        candidates, labelled = directions((pool.resident("features"),), (pool.resident_labelled("features"),))
        return herd(pool, n_queries, candidates, labelled, similarity, np.ones(len(pool)))


class UncertaintyHerding(CappedStrategy):
    name = "uncertainty-herding"
    card = Card(
        title="Uncertainty herding",
        family="hybrid",
        idea="MaxHerding in which every sample counts by how unsure the model is of it. The kernel narrows as the labelled samples crowd together, "
        "so the method turns from covering the pool into picking uncertain samples by itself.",
        formula="argmax over candidates x of Σ_j u_j [k(x, x_j) − c_j]₊ with u = 1 − (p₁ − p₂) and k, c as in MaxHerding; "
        "σ = smallest distance between two labelled samples",
        needs="probabilities and features",
        cost=f"{_COST}; O(L² d) for σ",
        reference="Bae, Oliveira and Sutherland, Uncertainty herding: one active learning method for all label budgets (2025), Algorithm 1",
        cites=("bae2025herding",),
        shines="Any budget: close to MaxHerding with few labels and to margin with many, without a switch to set.",
        fails="Over-confident probabilities, which hide most of the pool; one pair of labelled near-copies makes the kernel narrow at once.",
        deviation="The paper fits the temperature on labelled samples held out from a second training; a strategy cannot train, and the learners "
        "here calibrate by themselves, so the temperature is an option. With fewer than two different labelled samples σ is 1, and with "
        f"nothing labelled every u is 1 (MaxHerding). Labelled samples closer than {LEAST:g} count as copies and do not set σ.",
        options={
            "uncertainty": "u: margin 1 − (p₁ − p₂), entropy, or least-confidence 1 − p₁",
            "length_scale": "σ of the kernel; None: the smallest distance between two labelled samples, anew in every round",
            "temperature": "divides the log probabilities before u is taken; above 1 for over-confident models",
            "cap": _CAP,
        },
    )
    needs = ("probabilities", "features")
    sharding = "two-rounds"

    def __init__(
        self,
        uncertainty: Literal["margin", "entropy", "least-confidence"] = "margin",
        length_scale: float | None = None,
        temperature: float = 1.0,
        cap: int | None = CAP,
    ):
        super().__init__(cap)
        self.uncertainty = choice(f"{self.name}: uncertainty", uncertainty, ("margin", "entropy", "least-confidence"))
        self.length_scale = number(f"{self.name}: length_scale", length_scale, LEAST, optional=True)
        self.temperature = number(f"{self.name}: temperature", temperature, 0.01)

    def select_among(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Exact greedy picks. scores: what each candidate would add to the mean weighted coverage; gains: what each pick added."""
        tables = (pool.resident("features"),), (pool.resident_labelled("features"),)
        scale = self.length_scale
        if scale is None:
            scale = nearest_pair(directions(tables[1], single=False)[0], pool)
        similarity = Similarity(scale)
        candidates, labelled = directions(*tables, single=similarity.single)
        weights = np.ones(len(pool)) if not len(pool.labelled) else self.weights(tempered(pool.probabilities, self.temperature))
        return herd(pool, n_queries, candidates, labelled, similarity, weights)

    def weights(self, p: Array) -> Floats:
        """(m,) uncertainty of each row of p (m, K), at least 0."""
        if self.uncertainty == "entropy":
            return np.maximum(entropy(p), 0.0)
        sure = margin(p) if self.uncertainty == "margin" else confidence(p)
        return np.maximum(1.0 - sure, 0.0)


def herd(
    pool: PoolView, n_queries: int, candidates: Directions, labelled: Directions, similarity: Similarity, weights: Floats
) -> Selection:
    """Greedy weighted coverage of the candidates; what the labelled samples cover themselves adds nothing to any gain."""
    base = best_similarity(candidates, labelled, similarity)
    coverage = Coverage(candidates, None, similarity, weights=weights, base=base, progress=pool.progress)
    scores = coverage.gains()
    picks, gains = coverage.run(n_queries)
    covered = len(pool) + len(pool.labelled)
    return Selection(pool.candidates[picks], spread(pool, scores / covered), gains / covered)


def tempered(p: Array, temperature: float) -> Array:
    """softmax(ln p / temperature) of each row of p (m, K)."""
    if temperature == 1:
        return p
    powered = (p.clip(0.0) / p.max(axis=1, keepdims=True)).astype(np.float64) ** (1 / temperature)
    result: Array = powered / powered.sum(axis=1, keepdims=True)
    return result


def nearest_pair(labelled: Directions, pool: PoolView) -> float:
    """The smallest distance between two unit vectors that are no copies; 1 where there are no two such. labelled: in float64."""
    least, step = np.inf, 1024
    for a in range(0, len(labelled), step):
        for b in range(0, a + 1, step):
            pool.progress(0.0)
            square = 2 - 2 * labelled.cosines(slice(a, a + step), labelled, slice(b, b + step))
            apart = square[square > LEAST**2]
            least = min(least, float(apart.min())) if len(apart) else least
    return float(np.sqrt(least)) if np.isfinite(least) else 1.0
