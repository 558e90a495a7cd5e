"""SIMILAR: submodular information measures between a batch, what it should resemble and what it should not."""

from typing import Literal

import numpy as np

from alviz.checks import choice, number, whole
from alviz.registry import Card
from alviz.strategies.base import CAP, CappedStrategy, Selection, ranking, spread
from alviz.strategies.device import Array, beside, namespace
from alviz.strategies.directions import Directions, Floats, Similarity, best_similarity, directions, sum_of_cosines
from alviz.strategies.lazy import Coverage
from alviz.strategies.pool import PoolView

OBJECTIVES = ("FLQMI", "FLCG", "FLCMI", "GCMI")

COSINE = Similarity()


class Similar(CappedStrategy):
    name = "similar"
    card = Card(
        title="SIMILAR",
        family="class balance",
        idea="Choose the batch that shares most with what you want more of (labelled samples of rare classes) and, depending on the objective, "
        "least with what you have. Samples are compared by what they would teach the model: by their gradients.",
        formula="A batch, Q wanted, P to be avoided, U the pool, s = (1 + cos)/2. FLQMI: Σ_{q∈Q} max_{a∈A} s_qa + η Σ_{a∈A} max_{q∈Q} s_qa. "
        "GCMI: Σ_{a∈A} Σ_{q∈Q} s_qa. FLCG: Σ_{i∈U} [max_{a∈A} s_ia − ν max_{p∈P} s_ip]₊. "
        "FLCMI: Σ_{i∈U} [min(max_{a∈A} s_ia, η max_{q∈Q} s_iq) − ν max_{p∈P} s_ip]₊",
        needs="probabilities and embeddings (or features)",
        cost="FLQMI O(n |Q| (K + d)), GCMI O(n K d); FLCG and FLCMI O(n² (K + d)) for the first gains, then products only where a pick depends "
        "on them; O(n (K + d)) memory",
        reference="Kothawade, Beck, Killamsetty and Iyer, SIMILAR: submodular information measures based active learning in realistic scenarios "
        "(2021), table 1",
        cites=("kothawade2021similar",),
        shines="Rare classes of which a few samples are labelled (FLQMI); pools full of copies (FLCG); pools with classes nobody asked for (FLCMI).",
        fails="Rare classes that have no label yet; GCMI picks near-copies, as nothing in it asks for a varied batch.",
        deviation="The authors hand Q and P in; here they come from the labels. Rare: classes with some labels, but fewer than the mean over all classes; "
        "Q: their labelled samples, or all labelled ones where no class is rare. P: all labelled samples (FLCG), the labelled ones outside Q "
        "(FLCMI). With `unwanted`, P are the samples of that class and Q never has any of them. Where Q is empty, it is the pool "
        "(the paper's choice for plain active learning). Gradients of the last layer's weights, without the bias.",
        options={
            "objective": "FLQMI (rare classes), GCMI (rare classes, relevance only), FLCG (no copies of what is labelled), FLCMI (rare classes and unlike the rest)",
            "eta": "η ≥ 0, the weight of resembling Q (against covering all of it, in FLQMI)",
            "nu": "ν ≥ 0, how strictly what resembles P is avoided (FLCG, FLCMI)",
            "unwanted": "the number of a class that stands for samples nobody asked for (out of distribution), or None",
            "cap": "how many candidates are looked at, drawn uniformly from a larger pool; None: all of them (cheap for FLQMI and GCMI once there are labels)",
        },
    )
    needs = ("gradients",)
    symmetries = frozenset({"classes"})  # two samples that only cover each other tie in FLCG: the lowest index decides

    def __init__(
        self,
        objective: Literal["FLQMI", "FLCG", "FLCMI", "GCMI"] = "FLQMI",
        eta: float = 1.0,
        nu: float = 1.0,
        unwanted: int | None = None,
        cap: int | None = CAP,
    ):
        super().__init__(cap)
        self.objective = choice(f"{self.name}: objective", objective, OBJECTIVES)
        self.eta = number(f"{self.name}: eta", eta, 0)
        self.nu = number(f"{self.name}: nu", nu, 0)
        self.unwanted = whole(f"{self.name}: unwanted", unwanted, 0, optional=True)

    def sets(self, pool: PoolView) -> tuple[Array, Array]:
        """((l,) bool: labelled samples in Q, (l,) bool: in P)."""
        counts = pool.class_counts
        rare = (counts < counts.mean())[pool.labels]
        unwanted = pool.labels == (-1 if self.unwanted is None else self.unwanted)
        wanted = rare & ~unwanted if (rare & ~unwanted).any() else ~unwanted
        if self.unwanted is not None:
            return wanted, unwanted
        return wanted, ~wanted if self.objective == "FLCMI" else np.ones(len(rare), dtype=bool)

    def select_among(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Exact greedy picks. scores: gain as the first pick; gains: gain of each pick when it was made."""
        wanted, avoided = self.sets(pool)
        candidates, query, private = gradient_directions(pool, wanted, avoided)
        if self.objective == "GCMI":
            target = query if len(query) else candidates
            scores = 0.5 * (len(target) + sum_of_cosines(candidates, target))
            scores = np.round(scores, 10)  # copies must tie, whatever the rounding of their products
            picks = ranking(scores, n=n_queries)
            return Selection(pool.candidates[picks], spread(pool, scores), scores[picks])
        coverage = self.coverage(pool, candidates, query, private)
        scores = coverage.gains()
        picks, gains = coverage.run(n_queries)
        return Selection(pool.candidates[picks], spread(pool, scores), gains)

    def coverage(self, pool: PoolView, candidates: Directions, query: Directions, private: Directions) -> Coverage:
        """FLQMI covers Q; the others cover the pool, above what P covers and (FLCMI) up to what Q does."""
        if self.objective == "FLQMI":
            relevance = best_similarity(candidates, query, COSINE) if len(query) else np.ones(len(candidates))
            points = query if len(query) else None
            return Coverage(candidates, points, COSINE, bonus=self.eta * relevance, progress=pool.progress)
        base = self.nu * best_similarity(candidates, private, COSINE)
        caps: Floats | None = None
        if self.objective == "FLCMI":
            caps = self.eta * (best_similarity(candidates, query, COSINE) if len(query) else np.ones(len(candidates)))
        return Coverage(candidates, None, COSINE, base=base, caps=caps, progress=pool.progress)


def gradient_directions(pool: PoolView, wanted: Array, avoided: Array) -> list[Directions]:
    """Directions of the last layer's gradients of candidates (under the predicted label), and of some labelled samples (under their label)."""
    gradients = pool.gradients
    p, embeddings = pool.labelled_signal("probabilities"), pool.resident_labelled("embeddings")
    residuals = p - (np.arange(pool.n_classes) == pool.labels[:, None]).astype(p.dtype)
    xp = namespace(gradients.right)
    tables = [(xp.astype(gradients.left, gradients.right.dtype), gradients.right)]
    for chosen in (wanted, avoided):
        rows = np.flatnonzero(chosen)
        tables.append((xp.astype(beside(residuals[rows], embeddings), embeddings.dtype), embeddings[rows]))
    return directions(*tables)
