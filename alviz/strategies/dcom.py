"""DCoM: coverage while the model knows little, margin once the labelled balls cover most of the pool."""

import numpy as np

from alviz.checks import number
from alviz.progress import Progress
from alviz.registry import Card
from alviz.strategies.base import CAP, CappedStrategy, Selection, spread
from alviz.strategies.coverage import COLUMNS, Coverage, covered_by, purity_radius
from alviz.strategies.device import Floats, Indices, block_rows, host
from alviz.strategies.pool import PoolView
from alviz.strategies.probcover import RADIUS
from alviz.strategies.uncertainty import margin
from alviz.strategies.vectors import Dense, squared_distances

LEVELS = 22
"""Radii that are tried for every labelled sample, evenly from 0 (the authors: steps of 0.05 up to 1.1)."""


class DCoM(CappedStrategy):
    name = "dcom"
    card = Card(
        title="Dynamic coverage and margin",
        family="hybrid",
        idea="Give every labelled sample the largest ball in which the model mostly agrees with its label, and see how much of the "
        "pool these balls cover. "
        "The less they cover, the more picks go where many uncovered samples lie; the more, the more they go to small margins.",
        formula="argmax S·u(x)/max u + (1 − S)·deg(x)/max deg, u = max (p₁ − p₂) over the pool and the labelled − (p₁ − p₂), deg = uncovered "
        "samples within the mean radius, both maxima over what is not picked yet; "
        "S = (1 + e^(−k(1−a)))/(1 + e^(−k(c−a))) with c the share of samples covered; δᵢ = max {δ : share of predictions in the ball "
        "that equal yᵢ ≥ 0.4 + 0.2 c₀}",
        needs="features and probabilities",
        cost="O(n(n + L) d) time for n up to the cap, O(n) memory and at most 10 million pairs of neighbours",
        reference="Mishal and Weinshall, DCoM: active learning for all learners (2024)",
        cites=("mishal2024dcom",),
        shines="Small and large budgets alike: it begins as ProbCover and ends as margin.",
        fails="Features whose neighbours are of other classes; a confident, wrong model makes the balls too large.",
        deviation="The authors fix a radius when its sample is labelled; here all radii follow from the present model, so that a "
        "round depends on nothing but its labels and model. "
        "The purity threshold uses c₀, the coverage with the first radius throughout (theirs: with the radii so far, those of the "
        f"newest batch at their mean). Of {LEVELS} radii up to `reach` times the first "
        "the largest pure one is taken (theirs: a binary search up to a fixed radius, 1.1 for features of length 1), labelled samples "
        "in a ball count with their label, features are not scaled to length 1, S is not rounded to 3 digits, and a ball covers what lies in it even "
        "where its radius is above the mean (their code then covers only what lies within the mean). a and k are the defaults of their code. Nothing labelled: the first radius, and S ≈ 0.",
        options={
            "delta": f"First radius, that of a ball before labels say more; {RADIUS}.",
            "alpha": "Share of the balls that must be pure, when the first radius is chosen.",
            "reach": "Largest radius, as a multiple of the first.",
            "a": "Coverage at which coverage and margin count about the same.",
            "k": "How sharply margin takes over there.",
            "cap": "Candidates that are looked at, drawn uniformly; None: all.",
        },
    )
    needs = ("features", "probabilities")
    symmetries = frozenset({"classes"})  # k-means starts from samples drawn by number

    def __init__(
        self,
        delta: float | None = None,
        alpha: float = 0.95,
        reach: float = 1.5,
        a: float = 0.8,
        k: float = 50.0,
        cap: int | None = CAP,
    ):
        super().__init__(cap)
        self.delta = number(f"{self.name}: delta", delta, 0, optional=True)
        self.alpha = number(f"{self.name}: alpha", alpha, 0, 1)
        self.reach = number(f"{self.name}: reach", reach, 1)
        self.a = number(f"{self.name}: a", a, 0, 1)
        self.k = number(f"{self.name}: k", k, 0, 500)

    def select_among(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Greedy. scores: the mixture at the start of the query; gains: the mixture of a pick when it was made."""
        first = purity_radius(pool, None, self.alpha) if self.delta is None else self.delta
        points, known = Dense(pool.resident("features")), Dense(pool.resident_labelled("features"))
        probabilities = pool.probabilities
        radius, covered, share = first, np.zeros(len(points), dtype=bool), 0.0
        if len(known):
            radii = np.full(len(known), first)
            if np.isfinite(first):
                before = share_covered(covered_by(known, radii, points, pool.progress), len(known))
                pseudo = np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
                steps = first * self.reach * np.arange(LEVELS + 1) / LEVELS
                radii = pure_radii(known, pool.labels, points, pseudo, steps, 0.4 + 0.2 * before, pool.progress)
            covered = covered_by(known, radii, points, pool.progress)
            radius, share = float(radii.mean()), share_covered(covered, len(known))
        competence = (1 + np.exp(-self.k * (1 - self.a))) / (1 + np.exp(-self.k * (share - self.a)))
        gap = margin(probabilities)
        largest = max(gap.max(), margin(pool.labelled_signal("probabilities")).max(initial=-np.inf))
        unsure = largest - gap
        coverage = Coverage(points, radius, covered, lambda share: pool.progress(0.8 * share))
        free = np.ones(len(pool), dtype=bool)
        picks, gains = np.empty(n_queries, dtype=np.int64), np.empty(n_queries)
        for i in range(n_queries):
            degrees = coverage.degrees
            mixture = competence * unsure / (unsure[free].max() or 1.0) + (1 - competence) * (degrees / max(1, degrees[free].max()))
            if i == 0:
                scores = spread(pool, mixture)
            row = int(np.where(free, mixture, -np.inf).argmax())
            picks[i], gains[i], free[row] = row, mixture[row], False
            coverage.take(row, 0.8 + 0.2 * i / n_queries)
        return Selection(pool.candidates[picks], scores, gains)


def share_covered(covered: np.ndarray, n_labelled: int) -> float:
    """Of the labelled samples, which cover themselves, and the candidates."""
    return float((n_labelled + covered.sum()) / (n_labelled + len(covered)))


def pure_radii(
    centres: Dense, labels: Indices, points: Dense, pseudo: Indices, steps: Floats, threshold: float, progress: Progress
) -> Floats:
    """(centres,) the largest of `steps` (ascending) whose open ball is pure: a share of at least threshold has the centre's label; "
    "else the least step.

    In a ball are points, with their pseudo-labels (points,), and centres, with their labels (centres,).
    """
    out = np.empty(len(centres))
    rows = block_rows(COLUMNS, 16)
    for a in range(0, len(centres), rows):
        some = centres.take(slice(a, a + rows))
        own = labels[a : a + rows]
        agree, every = np.zeros((len(some), len(steps))), np.zeros((len(some), len(steps)))
        for others, theirs in ((centres, labels), (points, pseudo)):
            for c in range(0, len(others), COLUMNS):
                progress(0.0)
                i, j, level = levels(some, others.take(slice(c, c + COLUMNS)), steps)
                flat = i * len(steps) + level
                same = own[i] == theirs[c + j]
                every += np.bincount(flat, minlength=every.size).reshape(every.shape)
                agree += np.bincount(flat[same], minlength=agree.size).reshape(agree.shape)
        every, agree = every.cumsum(axis=1), agree.cumsum(axis=1)
        pure = agree >= threshold * every
        last = len(steps) - 1 - pure[:, ::-1].argmax(axis=1)
        out[a : a + rows] = np.where(pure.any(axis=1), steps[last], steps[0])
    return out


def levels(x: Dense, y: Dense, steps: Floats) -> tuple[Indices, Indices, Indices]:
    """(rows of x, rows of y, the first of `steps` (ascending, from 0) that the distance is below) of all pairs nearer than the last step.

    A distance of 0 is at step 0. Where rounding could tell otherwise, sums of squared float64 differences decide.
    """
    square = host(squared_distances(x, y))
    slack = 2 * x.noise * (host(x.squared_norms)[:, None] + host(y.squared_norms).max(initial=0.0))
    i, j = np.nonzero(square < steps[-1] ** 2 + slack)
    near, slack = square[i, j].astype(np.float64), slack[i, 0]
    low, high = (np.searchsorted(steps, np.sqrt(np.maximum(near + side * slack, 0.0)), side="right") for side in (-1, 1))
    step = block_rows(x.x.shape[1], 32)
    level = np.where(near == 0, 0, low)
    doubtful = np.flatnonzero((low != high) & (near > 0))
    for a in range(0, len(doubtful), step):
        some = doubtful[a : a + step]
        exact = np.sqrt(x.pairs(i[some], y, j[some]))
        level[some] = np.where(exact == 0, 0, np.searchsorted(steps, exact, side="right"))
    inside = level < len(steps)
    return i[inside], j[inside], level[inside]
