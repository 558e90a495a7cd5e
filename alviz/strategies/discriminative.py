"""Discriminative active learning: the candidates that can be told most surely from everything labelled."""

from collections.abc import Iterator

import numpy as np

from alviz.checks import number, whole
from alviz.learners.blocks import by_blocks
from alviz.learners.perceptron import F32, Perceptrons, adam
from alviz.learners.scale import Scale
from alviz.progress import Progress
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, ranking, spread
from alviz.strategies.device import Array, Floats, Indices
from alviz.strategies.pool import PoolView

HIDDEN = 64
LR = 0.01
SIDE = 64
"""Labelled samples in a mini-batch of the discriminator, and as many unlabelled ones."""

RATIO = 10
"""Unlabelled samples that a discriminator is trained on, for every labelled one."""

LOOK = 10
"""Steps between two looks at the accuracy, at least."""


class DiscAl(QueryStrategy):
    name = "disc-al"
    card = Card(
        title="Discriminative active learning",
        family="diversity",
        idea="Train a small network to tell labelled samples from unlabelled ones, and label those that it takes for unlabelled most surely: "
        "the labelled set has nothing like them. The batch is chosen in portions, each counting as labelled for the next one.",
        formula="argmax P(unlabelled | φ(x)), P trained on labelled ∪ chosen against the rest",
        needs="embeddings (or features)",
        cost=f"O(mini_queries · (steps · {2 * SIDE} + n) · d · {HIDDEN}) time; O(n + {RATIO + 1} L d) memory",
        reference="Gissin and Shalev-Shwartz, Discriminative active learning (2019), Algorithm 1",
        cites=("gissin2019discriminative",),
        shines="Regions without any label: they are found and covered, whatever the classes and the model.",
        fails="It knows nothing of the classes, so what lies between two of them is as good as anything else; outliers come first.",
        deviation=f"One hidden layer of {HIDDEN} units trained with Adam (learning rate {LR:g}) where the authors have three of 256; mini-batches hold as many "
        "labelled as unlabelled samples, which is the balance of the classes that the paper asks for (the weights in the authors' code are both "
        f"1). As in their code a discriminator is trained on {RATIO} unlabelled samples drawn for each labelled one, but all candidates can be "
        "chosen. With nothing labelled the first portion is drawn at random.",
        options={
            "mini_queries": "Portions that a batch is chosen in (the authors: 10 on MNIST, 20 on representations).",
            "accuracy": "Training of a discriminator stops when so many of its samples are told right, so that it does not get sure of everything.",
            "steps": "Mini-batches that a discriminator is trained on, at most.",
        },
    )
    needs = ("embeddings",)
    symmetries = frozenset({"classes"})  # samples are drawn by number

    def __init__(self, mini_queries: int = 10, accuracy: float = 0.98, steps: int = 500):
        self.mini_queries = whole(f"{self.name}: mini_queries", mini_queries, 1)
        self.accuracy = number(f"{self.name}: accuracy", accuracy, 0, 1, above=True)
        self.steps = whole(f"{self.name}: steps", steps, 1)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The portions one after another. scores: P(unlabelled) under the first discriminator; gains: under each pick's own."""
        free, known = pool.embeddings, pool.labelled_signal("embeddings")
        scores = np.full(len(free), np.nan)
        gains = np.full(n_queries, np.nan)
        picks = np.empty(n_queries, dtype=np.int64)
        left = np.arange(len(free))
        portions = np.array_split(np.arange(n_queries), min(self.mini_queries, n_queries))
        for i, portion in enumerate(portions):
            picked = picks[: portion[0]]
            labelled = np.concatenate([known, free[picked]])
            if len(labelled):
                logits = self._unlabelled(labelled, free, left, rng, _within(pool.progress, i, len(portions)))
                chosen = ranking(logits, n=len(portion))
                gains[portion] = _sigmoid(logits[chosen])
                if np.isnan(scores).all():
                    scores[left] = _sigmoid(logits)
            else:
                chosen = rng.permutation(len(left))[: len(portion)]
            picks[portion] = left[chosen]
            left = np.delete(left, chosen)
        pool.progress(1.0)
        return Selection(pool.candidates[picks], spread(pool, scores), gains)

    def _unlabelled(self, labelled: Array, free: Array, left: Indices, rng: np.random.Generator, progress: Progress) -> Floats:
        """(len(left),) logit of being unlabelled for the rows `left` of `free`, under a new discriminator."""
        some = left if len(left) <= RATIO * len(labelled) else left[np.sort(rng.choice(len(left), RATIO * len(labelled), replace=False))]
        scale = Scale(np.concatenate([labelled, free[some]]), "feature")
        nets = discriminator(scale(labelled), scale(free[some]), self.accuracy, self.steps, rng, progress)

        def logit(block: F32) -> F32:
            progress(1.0)
            return outputs(nets, scale(block))

        return by_blocks(logit, free)[left].astype(np.float64)


def discriminator(labelled: F32, unlabelled: F32, accuracy: float, steps: int, rng: np.random.Generator, progress: Progress) -> Perceptrons:
    """A network that tells labelled (l, d) from unlabelled (m, d) samples, trained until it is right on `accuracy` of them, each side counting half.

    A mini-batch has as many of one side as of the other; in a pass over the larger side the smaller one comes again and again.
    """
    nets = Perceptrons.random([rng], labelled.shape[1], HIDDEN, 2)
    gradient = np.empty_like(nets.flat)
    update = adam(nets.flat, gradient, LR)
    size = min(SIDE, max(len(labelled), len(unlabelled)))
    sides = np.repeat([0, 1], size)
    mine, theirs = endless(len(labelled), size, rng), endless(len(unlabelled), size, rng)
    between = max(LOOK, -(-max(len(labelled), len(unlabelled)) // size))
    for step in range(steps):
        progress(step / steps)
        nets.gradient(np.concatenate([labelled[next(mine)], unlabelled[next(theirs)]]), sides, None, gradient)
        update()
        if (step + 1) % between == 0:
            right = (outputs(nets, labelled) < 0).mean() / 2 + (outputs(nets, unlabelled) > 0).mean() / 2
            if right >= accuracy:
                break
    return nets


def outputs(nets: Perceptrons, x: F32) -> F32:
    """(n,) logit of being unlabelled."""
    both = nets.logits(nets.hidden(x))[0]
    result: F32 = both[:, 1] - both[:, 0]
    return result


def endless(n: int, size: int, rng: np.random.Generator) -> Iterator[Indices]:
    """`size` of the numbers 0 … n − 1 again and again, none for the second time before all others had their turn."""
    queue = np.empty(0, dtype=np.int64)
    while True:
        while len(queue) < size:
            queue = np.concatenate([queue, rng.permutation(n)])
        yield queue[:size]
        queue = queue[size:]


def _within(progress: Progress, i: int, parts: int) -> Progress:
    """Reports of the i-th of so many equal parts."""
    return lambda share: progress((i + share) / parts)


def _sigmoid(logits: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
    return result
