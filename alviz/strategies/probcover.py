"""ProbCover: the fewest balls that cover the pool."""

import numpy as np

from alviz.checks import number, whole
from alviz.registry import Card
from alviz.strategies.base import CAP, CappedStrategy, Selection, spread
from alviz.strategies.coverage import Coverage, KnownCoverage, covered_by, neighbourhoods, purity_radius
from alviz.strategies.pool import PoolView
from alviz.strategies.vectors import Dense

RADIUS = "None: the largest radius at which a share alpha of the balls about 2,000 samples are pure under k-means pseudo-labels"


class ProbCover(CappedStrategy):
    name = "probcover"
    card = Card(
        title="Probability coverage",
        family="diversity",
        idea="Put a ball of one radius about every sample and label the centre of the ball that covers most samples that nobody has "
        "covered yet; "
        "what a label covers counts no more.",
        formula="argmax_x |{y uncovered : ‖x − y‖ < δ}|, one pick at a time; δ = max {δ : share of pure balls ≥ α}, a ball being pure "
        "when all in it "
        "belong to one k-means cluster",
        needs="features",
        cost="O(n² d) time for n up to the cap, O(n) memory and at most 10 million pairs of neighbours; δ: once in a run, O(n d) for "
        "2,000 balls",
        reference="Yehuda, Dekel, Hacohen and Weinshall, Active learning through a covering lens (2022), Algorithm 1",
        cites=("yehuda2022probcover",),
        shines="The first labels on good self-supervised features: dense regions first, none twice.",
        fails="Features whose neighbours are of other classes; many labels, when all is covered; δ decides everything and "
        "pseudo-labels decide δ.",
        deviation="The features are taken as they are, where the authors scale them to length 1. δ is the exact largest radius for "
        "the sampled balls, not the best of a "
        "grid, and pseudo-labels have at least 2 clusters. All rows are compared (the authors' code leaves out the last n mod 500), "
        "covered samples remain "
        "possible centres, and a sample is never taken twice: when nothing new can be covered the rest is drawn uniformly, which the "
        "paper leaves open.",
        options={
            "delta": f"Radius of the balls; {RADIUS}.",
            "alpha": "Share of the balls that must be pure, when the radius is chosen.",
            "n_clusters": "Number of pseudo-labels, when the radius is chosen; None: the number of classes.",
            "cap": "Candidates that are looked at, drawn uniformly; None: all.",
        },
    )
    needs = ("features",)
    sharding = "two-rounds"
    symmetries = frozenset({"classes"})  # k-means starts from samples drawn by number

    def __init__(self, delta: float | None = None, alpha: float = 0.95, n_clusters: int | None = None, cap: int | None = CAP):
        super().__init__(cap)
        self.delta = number(f"{self.name}: delta", delta, 0, optional=True)
        self.alpha = number(f"{self.name}: alpha", alpha, 0, 1)
        self.n_clusters = whole(f"{self.name}: n_clusters", n_clusters, 1, optional=True)

    def prepare(self, pool: PoolView) -> None:
        """δ is one for all shards."""
        if self.delta is None:
            purity_radius(pool, self.n_clusters, self.alpha)

    def select_among(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Greedy coverage. scores: how many uncovered samples each ball holds at the start; gains: the same of a pick when it was made."""
        delta = purity_radius(pool, self.n_clusters, self.alpha) if self.delta is None else self.delta
        coverage = self._coverage(pool, delta)
        scores = spread(pool, coverage.degrees)
        free = np.ones(len(pool), dtype=bool)
        picks, gains = np.empty(n_queries, dtype=np.int64), np.zeros(n_queries)
        for i in range(n_queries):
            degrees = np.where(free, coverage.degrees, -1)
            row = int(degrees.argmax())
            if not degrees[row]:
                picks[i:] = rng.choice(np.flatnonzero(free), n_queries - i, replace=False)
                break
            picks[i], gains[i], free[row] = row, degrees[row], False
            coverage.take(row, i / n_queries)
        return Selection(pool.candidates[picks], scores, gains)

    def _coverage(self, pool: PoolView, delta: float) -> Coverage | KnownCoverage:
        """What is covered by the labelled samples, and how much each candidate would add."""
        graph = neighbourhoods(pool, delta)
        if graph is not None:
            return KnownCoverage(graph, pool)
        points, known = Dense(pool.resident("features")), Dense(pool.resident_labelled("features"))
        covered = covered_by(known, np.full(len(known), delta), points, pool.progress)
        return Coverage(points, delta, covered, lambda share: pool.progress(0.8 * share))
