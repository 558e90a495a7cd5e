"""BatchBALD: the batch whose labels together say most about which of the draws is right."""

from typing import Any

import numpy as np

from alviz.checks import whole
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, ranking, spread
from alviz.strategies.device import Array, Floats, Indices, beside, block_rows, host, namespace
from alviz.strategies.information import times_log
from alviz.strategies.pool import POSTERIORS, PoolView
from alviz.strategies.posterior import mutual_information

TIE = 1e-10
"""Gains (in nats) that differ by less are equal: the rounding of float64 products stays far below."""

NOTHING = 1e-6
"""When no candidate would add more nats than this, the draws are told apart and nothing is left to learn."""

FORGOTTEN = 1e-10
"""Nats that the configurations left out in one step could still add, all of them together."""

PART = 65_536
"""Candidates whose first scores are computed between two reports."""

FIRST = 64
"""Candidates looked at first in every step; then twice as many, and so on, while the best may still be among the rest."""


class Configurations:
    """The labels that the picks so far may turn out to have: how probable each set of labels is, and what it would leave of the draws.

    weights (C,): probability of a configuration (over its chance to be kept, where they were sampled). beliefs (C, T): probability of each draw
    given those labels. At most `limit` configurations are kept; the others are left out by their weight times the entropy of their
    beliefs, which bounds what they could add to any sum of gains from then on.
    """

    def __init__(self, n_draws: int, limit: int):
        self.weights = np.ones(1)
        self.beliefs = np.full((1, n_draws), 1.0 / n_draws)
        self.limit = limit
        self.sampled = False

    def add(self, p: Array, rng: np.random.Generator) -> None:
        """One more pick, with the predictions p (T, K) of the draws: every configuration splits into K."""
        joint = (self.beliefs[:, None, :] * p.T).reshape(-1, p.shape[0])
        given = joint.sum(axis=1)
        possible = given > 0
        weights = np.repeat(self.weights, p.shape[1])[possible] * given[possible]
        beliefs = joint[possible] / given[possible, None]
        left = weights * -(beliefs * np.log(np.where(beliefs > 0, beliefs, 1.0))).sum(axis=1)
        order = np.argsort(-left, kind="stable")
        left = left[order]
        alive = int((np.cumsum(left[::-1])[::-1] > FORGOTTEN).sum())
        order, left = order[:alive], left[:alive]
        weights = weights[order]
        if alive > self.limit:
            self.sampled = True
            chance = inclusion(left, self.limit)
            kept = np.flatnonzero(np.diff(np.floor(np.cumsum(chance) + rng.random()), prepend=0.0) > 0)  # systematic sampling
            order, weights = order[kept], weights[kept] / chance[kept]
        self.weights, self.beliefs = weights, beliefs[order]

    def gains(self, p: Any) -> Floats:
        """(r,) nats that the label of each of r more samples would add, from the draws p (T, r, K), numpy or torch, float64, which is written over."""
        xp = namespace(p)
        t, r, k = p.shape
        weights, beliefs = beside(self.weights, p), beside(self.beliefs, p)
        rows = xp.reshape(p, (t, r * k))
        between = weights @ times_log(beliefs @ rows)
        within = (weights @ beliefs) @ times_log(rows)
        gained: Floats = host(xp.sum(xp.reshape(within - between, (r, k)), axis=1))
        return gained


def inclusion(sizes: Floats, total: int) -> Floats:
    """Chances min(1, c · size) that add up to `total`, for sizes > 0 in descending order, more of them than `total`."""
    tails = np.cumsum(sizes[::-1])[::-1]
    # The first that is not certain: with i certain ones, c = (total − i) / tails[i], and c · sizes[i] < 1.
    i = int(np.argmax((total - np.arange(total)) * sizes[:total] < tails[:total]))
    return np.concatenate([np.ones(i), np.minimum(1.0, (total - i) * sizes[i:] / tails[i])])


class BatchBald(QueryStrategy):
    name = "batch-bald"
    card = Card(
        title="BatchBALD",
        family="posterior",
        idea="Build the batch whose labels together say most about which of the draws is right. A second copy of a sample adds little, so "
        "the batch does not fill up with look-alikes as BALD's does.",
        formula="greedily argmax_x I(y₁, …, y_j, y; ω) = argmax_x Σ_c P(c) [H(Σ_t P(t|c) p_t(·|x)) − Σ_t P(t|c) H(p_t(·|x))], "
        "c: the labels that the picks so far may have",
        needs="draws of the posterior (a committee or stochastic passes)",
        cost="O(nTK) once, then per pick O(r C T K) for the r candidates whose old gain (an upper bound) reaches the best new one, "
        "C ≤ configurations; O(C T) memory beside blocks",
        reference="Kirsch, van Amersfoort and Gal, BatchBALD: efficient and diverse batch acquisition for deep Bayesian active learning "
        "(2019), Algorithm 1",
        cites=("kirsch2019batchbald",),
        shines="Pools full of near-duplicates; many draws (the paper uses 100) and batches of 5 to 40.",
        fails="T draws can be told apart with ln T nats: ten disagreeing members are used up after a handful of picks, and the rest of the batch is plain BALD. "
        "Very confident draws use them up sooner.",
        deviation="The paper samples label configurations independently by their probability, once K^j grows too large; here they are sampled by how much "
        "they can still add, weighted to stay unbiased: less noise for the same number, and exact for longer. Old gains "
        "are upper bounds while all configurations are kept, and in expectation afterwards; the authors compute all gains anew. Once no "
        "candidate adds 1e-6 nats, the authors' code orders candidates by rounding; here BALD's own order takes over.",
        options={"configurations": "Sets of labels of the earlier picks that are kept; beyond that many they are sampled."},
    )
    needs = (POSTERIORS,)

    def __init__(self, configurations: int = 500):
        self.configurations = whole(f"{self.name}: configurations", configurations, 1)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Lazy greedy. scores: BALD; gains: nats that each pick adds to the batch."""
        posterior = pool.resident(next(name for name in POSTERIORS if name in pool.provides))
        bald = np.empty(len(pool))
        for a in range(0, len(pool), PART):
            pool.progress(0.0)
            bald[a : a + PART] = mutual_information(host(posterior[:, a : a + PART]))
        known = Configurations(posterior.shape[0], self.configurations)
        bounds = bald.copy()
        picks = np.empty(n_queries, dtype=np.int64)
        gains = np.zeros(n_queries)
        for i in range(n_queries):
            best = best_by_bounds(posterior, bounds, known, i, lambda share, i=i: pool.progress((i + share) / n_queries))
            if bounds[best] <= NOTHING:
                rest = bald.copy()
                rest[picks[:i]] = -np.inf
                picks[i:] = ranking(np.round(rest, 12), n=n_queries - i)
                break
            picks[i], gains[i] = best, bounds[best]
            bounds[best] = -np.inf
            known.add(np.asarray(host(posterior[:, best]), dtype=np.float64), rng)
        return Selection(pool.candidates[picks], spread(pool, bald), gains)


def best_by_bounds(posterior: Any, bounds: Floats, known: Configurations, step: int, progress: Any) -> int:
    """The position of the largest gain, ties by the lowest; `bounds` (−inf: picked) hold the gains of those looked at afterwards.

    Positions are looked at in the order of their bounds, until no bound reaches the best gain.
    """
    if step == 0:  # the first gains are BALD itself
        return int(np.flatnonzero(bounds >= bounds.max() - TIE)[0])
    fresh = np.zeros(len(bounds), dtype=bool)
    top, size = -np.inf, FIRST
    while True:
        rest = np.flatnonzero(~fresh & (bounds > max(top - TIE, -np.inf)))
        if not len(rest):
            return int(np.flatnonzero(fresh & (bounds >= top - TIE))[0])
        some = rest if len(rest) <= size else rest[np.argpartition(-bounds[rest], size)[:size]]
        size *= 2
        some = np.sort(some)
        bounds[some] = gains_of(posterior, some, known, progress)
        fresh[some] = True
        top = max(top, float(bounds[some].max()))


def gains_of(posterior: Any, rows: Indices, known: Configurations, progress: Any) -> Floats:
    """(len(rows),) gains of some of the candidates, in blocks."""
    xp = namespace(posterior)
    step = block_rows(max(len(known.weights), posterior.shape[0]) * posterior.shape[2], 16)
    out = np.empty(len(rows))
    for a in range(0, len(rows), step):
        progress(a / len(rows))
        out[a : a + step] = known.gains(xp.astype(posterior[:, rows[a : a + step]], xp.float64))
    return out
