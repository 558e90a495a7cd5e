"""CoreGCN and UncertainGCN: a graph network over the pool learns to tell labelled samples from unlabelled ones."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from alviz.checks import choice, whole
from alviz.progress import Progress
from alviz.registry import Card
from alviz.strategies.base import CappedStrategy, Selection, ranking, spread
from alviz.strategies.device import Array, Floats
from alviz.strategies.farthest import FarthestFirst, Rows
from alviz.strategies.pool import PoolView

HIDDEN = 128
DROPOUT = 0.3
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 5e-4
UNLABELLED_WEIGHT = 1.2
"""λ: what the unlabelled nodes' loss counts."""

CONFIDENT = 0.1
"""s_margin: the labelled-score that UncertainGCN asks for."""

F32 = NDArray[np.float32]


class SimilarityGraph:
    """The adjacency A = (S − diag S) D⁻¹ + I over n samples, never written out: S has the rank of the features.

    S: cosine similarities, or (1 + cosine)/2 where a feature is negative, so that no edge is. D: sums of the edges of a node; one without
    any keeps its self loop alone. features: (n, d), any floats.
    """

    def __init__(self, features: Array):
        x = np.array(features, dtype=np.float64, order="C")
        largest = np.abs(x).max(axis=1, keepdims=True)  # first, so that no square overflows or vanishes
        x /= np.where(largest > 0, largest, 1.0)
        norms = np.linalg.norm(x, axis=1, keepdims=True)
        x /= np.where(norms > 0, norms, 1.0)
        self.x = x
        self.offset = 1.0 if (x < 0).any() else 0.0
        self.own = (self.offset + np.einsum("ij,ij->i", x, x)) / (1.0 + self.offset)
        degree = self._similarities(np.ones(len(x))) - self.own
        self.inverse = np.where(degree > 1e-9 * len(x), 1.0 / np.where(degree > 0, degree, 1.0), 0.0)

    def times(self, v: Floats) -> Floats:
        """A v, for v (n,) or (n, m)."""
        scaled = (v.T * self.inverse).T
        result: Floats = self._similarities(scaled) - (scaled.T * self.own).T + v
        return result

    def transposed_times(self, v: Floats) -> Floats:
        """Aᵀ v, for v (n,)."""
        result: Floats = (self._similarities(v) - self.own * v) * self.inverse + v
        return result

    def _similarities(self, v: Floats) -> Floats:
        result: Floats = (self.x @ (self.x.T @ v) + self.offset * v.sum(axis=0)) / (1.0 + self.offset)
        return result


class GraphNetwork:
    """Two graph convolutions over a SimilarityGraph: h = relu(A X W₁ + b₁), s = σ(A h w₂ + b₂) is how labelled a sample looks.

    Weights are drawn from rng, uniformly in ±1/√(width of the layer's output). `smoothed` A X (n, d) is the same in every epoch, so that
    an epoch costs n d h and not n².
    """

    def __init__(self, features: Array, rng: np.random.Generator):
        self.graph = SimilarityGraph(features)
        self.smoothed: F32 = self.graph.times(self.graph.x).astype(np.float32)
        limit = HIDDEN**-0.5
        self.w1: F32 = rng.uniform(-limit, limit, (self.smoothed.shape[1], HIDDEN)).astype(np.float32)
        self.b1: F32 = rng.uniform(-limit, limit, HIDDEN).astype(np.float32)
        self.w2: F32 = rng.uniform(-1, 1, HIDDEN).astype(np.float32)
        self.b2: F32 = rng.uniform(-1, 1, 1).astype(np.float32)

    def hidden(self) -> F32:
        """(n, h) what the second convolution sees."""
        h = self.smoothed @ self.w1
        h += self.b1
        return np.maximum(h, 0, out=h)

    def scores(self, hidden: F32) -> Floats:
        """(n,) labelled-scores in (0, 1)."""
        logits = self.graph.times((hidden @ self.w2).astype(np.float64)) + float(self.b2[0])
        result: Floats = 0.5 + 0.5 * np.tanh(logits / 2)
        return result

    def gradients(self, n_unlabelled: int, mask: F32 | None = None) -> list[F32]:
        """Of −mean log s over the labelled − λ mean log(1 − s) over the unlabelled, for [w1, b1, w2, b2]; the first n_unlabelled nodes have no label.

        mask: (n, h) factors of the hidden units (dropout).
        """
        h = self.hidden()
        thinned = h if mask is None else h * mask
        s = self.scores(thinned)
        n_labelled = len(s) - n_unlabelled
        outer = np.concatenate([UNLABELLED_WEIGHT * s[:n_unlabelled] / n_unlabelled, (s[n_unlabelled:] - 1) / max(n_labelled, 1)])
        inner = self.graph.transposed_times(outer).astype(np.float32)
        back = np.outer(inner, self.w2)
        if mask is not None:
            back *= mask
        back *= h > 0
        return [self.smoothed.T @ back, back.sum(axis=0), thinned.T @ inner, np.array([outer.sum()], dtype=np.float32)]

    def train(self, n_unlabelled: int, epochs: int, rng: np.random.Generator, progress: Progress) -> None:
        """Adam with weight decay, all nodes at once in every epoch."""
        weights = [self.w1, self.b1, self.w2, self.b2]
        first, second = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
        keep = np.float32(1 - DROPOUT)
        for epoch in range(epochs):
            progress(epoch / epochs)
            mask = (rng.random((len(self.smoothed), HIDDEN), dtype=np.float32) < keep).astype(np.float32) / keep
            for w, m, v, gradient in zip(weights, first, second, self.gradients(n_unlabelled, mask), strict=True):
                gradient += np.float32(WEIGHT_DECAY) * w
                m += np.float32(0.1) * (gradient - m)
                v += np.float32(0.001) * (gradient**2 - v)
                rate = np.float32(LEARNING_RATE / (1 - 0.9 ** (epoch + 1)))
                w -= rate * m / (np.sqrt(v / np.float32(1 - 0.999 ** (epoch + 1))) + np.float32(1e-8))


class CoreGcn(CappedStrategy):
    name = "core-gcn"
    card = Card(
        title="CoreGCN (graph network)",
        family="diversity",
        idea="Join all samples in a graph by how alike they are, and train a small graph network to tell the labelled ones from the others. "
        "Then cover the pool, as k-center does, in the features that this network has learnt.",
        formula="A = (S − I) D⁻¹ + I with S cosine similarities, D their sums; h = relu(A X W₁ + b₁); s = σ(A h w₂ + b₂); minimised: "
        f"−mean log s over the labelled − {UNLABELLED_WEIGHT} · mean log(1 − s) over the unlabelled. core: k-center on h; uncertain: smallest |s − {CONFIDENT}|",
        needs="embeddings (or features)",
        cost=f"O(epochs · n d h) time with h = {HIDDEN} hidden units, n the samples looked at, and k-center in h dimensions; O(n (d + h)) memory: A is "
        "never written out",
        reference="Caramalau, Bhattarai and Kim, Sequential graph convolutional network for active learning (2021)",
        cites=("caramalau2021coregcn",),
        shines="Groups that no label has reached stand out: their neighbours are unlabelled too.",
        fails="Every sample is joined to every other, so that in a large pool all see nearly the same neighbourhood; a network per round for a cover that "
        "often resembles that of k-center.",
        deviation="A is never formed: a product with it goes through the features, which is exact. Where features are negative (the authors' come from a ReLU) "
        "an edge weighs (1 + cosine)/2. Nothing labelled: the second term is trained alone, and k-center starts at the centre.",
        options={
            "method": "core: k-center on the network's hidden features; uncertain: UncertainGCN, the samples that are unlabelled for near certain.",
            "epochs": "Passes over the graph in training (the paper: 200).",
            "cap": "Larger pools are cut to this many candidates, drawn uniformly (the paper: 10,000); None: all of them.",
        },
    )
    needs = ("embeddings",)
    trains = True
    symmetries = frozenset({"classes"})

    def __init__(self, method: Literal["core", "uncertain"] = "core", epochs: int = 200, cap: int | None = 10_000):
        self.method = choice(f"{self.name}: method", method, ("core", "uncertain"))
        self.epochs = whole(f"{self.name}: epochs", epochs, 1)
        super().__init__(cap)

    def select_among(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """core: scores are distances to the nearest labelled sample, gains those to the nearest centre; uncertain: scores are −|s − s_margin|."""
        m = len(pool)
        both = np.concatenate([pool.embeddings, pool.labelled_signal("embeddings")])
        network = GraphNetwork(both, rng)
        network.train(m, self.epochs, rng, lambda share: pool.progress(0.9 * share))
        hidden = network.hidden()
        if self.method == "uncertain":
            scores = -np.abs(network.scores(hidden)[:m] - CONFIDENT)
            return Selection(pool.candidates[ranking(scores, n=n_queries)], spread(pool, scores))
        traversal = FarthestFirst(
            hidden[:m], np.ones(m, dtype=bool), n_queries, Rows(hidden[m:]), lambda share: pool.progress(0.9 + 0.1 * share)
        )
        distances = traversal.distances()
        picks, gains = traversal.run()
        return Selection(pool.candidates[picks], spread(pool, distances), gains)
