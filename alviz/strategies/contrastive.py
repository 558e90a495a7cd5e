"""CCAL: samples that mean the same as the labelled ones and look different, for pools with classes nobody asked for."""

from typing import Literal

import numpy as np

from alviz.checks import choice, number, whole
from alviz.progress import Progress
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, ranking, spread
from alviz.strategies.device import Array, Floats, Indices
from alviz.strategies.diversified import sweeps
from alviz.strategies.pool import PoolView

ROWS = 1024
"""Candidates compared with the labelled samples at once."""

TURNS = 4
"""Rotations by 90° that the distinctive features are taken of."""

_SEED = 0xCCA1


class Ccal(QueryStrategy):
    name = "ccal"
    card = Card(
        title="CCAL (contrastive coding)",
        family="hybrid",
        idea="For pools with classes nobody asked for: only samples that mean the same as a labelled one are wanted (semantic score), and among them those "
        "that look least like the labelled ones of their class (distinctive score). Both are read from networks that learn without labels to "
        "recognise a picture after a crop, a flip and a change of light.",
        formula="tanh(k · S(x) − t) + D(x), S: largest cosine to a labelled sample, D: 1 − (2 cos(x, a) − cos(x, b) + cos(a, b)) with a, b the nearest labelled "
        "samples of the class, averaged over four rotations; cosine sums scaled to 0 … 1 over the candidates",
        needs="images, or features, which then stand in for both codes",
        cost="two encoders, trained once in a run on at most 300 mini-batches (half a minute on two cores for 6,000 × 28 × 28), and five codes per picture; per query "
        "O(n L w) time with codes of w numbers, O(n w) memory",
        reference="Du, Zhao, Chen, Chai, Chen and Li, Contrastive coding for active learning under class distribution mismatch (2021); Zhan et al., A comparative "
        "survey of deep active learning (2022), equation 9; encoders: Chen et al., SimCLR (2020) and Tack et al., CSI (2020)",
        cites=("du2021ccal", "zhan2022survey", "chen2020simclr", "tack2020csi"),
        shines="Pools where most samples belong to classes nobody wants: far fewer queries are wasted on them.",
        fails="Where every class is wanted there is nothing to keep out, and it stays close to what it knows: a class without labels is never asked for. Codes that "
        "were trained briefly tell little about photographs.",
        deviation="Small encoders and minutes of training; the authors train a ResNet-18 for 700 to 2,000 epochs on four GPUs, and average the codes of ten augmented "
        "copies where we take the picture as it is. As in their code a candidate belongs to the class of its nearest labelled sample and each class "
        "gets an equal share; we hand out places in sweeps, so that a class without candidates leaves its share to the others. k = 50 and t = 45 are "
        "their slope 100 and threshold 0.9. A class with one label: b = a. Nothing labelled: drawn uniformly.",
        options={
            "k": "Slope of the tanh.",
            "t": "Threshold: the semantic score counts from t/k on.",
            "codes": "trained: encoders trained on the pool's pictures, where there are any; given: the features serve as both codes.",
            "epochs": "Passes over the pool in training an encoder, cut at 300 mini-batches of 128 pictures.",
        },
    )
    needs = (("images", "features"),)
    trains = True
    symmetries = frozenset({"classes"})

    def __init__(self, k: float = 50.0, t: float = 45.0, codes: Literal["trained", "given"] = "trained", epochs: int = 10):
        self.k = number(f"{self.name}: k", k, 0, 1e6, above=True)
        self.t = number(f"{self.name}: t", t, 0, 1e6)
        self.codes = choice(f"{self.name}: codes", codes, ("trained", "given"))
        self.epochs = whole(f"{self.name}: epochs", epochs, 1)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The best of every class in turn. scores: equation 9."""
        if not len(pool.labelled):
            picks = np.sort(rng.choice(pool.candidates, n_queries, replace=False))
            return Selection(picks, np.full(pool.n, np.nan), note="Nothing is labelled yet, so these were drawn uniformly.")
        trained = "images" in pool.provides and (self.codes == "trained" or "features" not in pool.provides)
        if trained:
            semantic, distinctive = self._trained(pool, lambda share: pool.progress(0.9 * share))
            x, known = (semantic[pool.candidates], distinctive[pool.candidates]), (semantic[pool.labelled], distinctive[pool.labelled])
        else:
            features, labelled = pool.features, pool.labelled_signal("features")
            x, known = (features, features[:, None]), (labelled, labelled[:, None])
        start = 0.9 if trained else 0.0
        s, d, pseudo = cosines(*x, *known, pool.labels, pool.n_classes, lambda share: pool.progress(start + (1 - start) * share))
        scores = joint(s, d, self.k, self.t)
        picks = sweeps(ranking(scores), pseudo, n_queries)
        note = "" if trained or self.codes == "given" else "There are no pictures, so the features stand in for the codes."
        return Selection(pool.candidates[picks], spread(pool, scores), note=note)

    def _trained(self, pool: PoolView, progress: Progress) -> tuple[Array, Array]:
        """((n, w) semantic, (n, TURNS, w) distinctive codes of the whole table: they follow from the pictures and the run's seed, and are kept."""
        from alviz.strategies.deep.contrast import codes

        found: list[Array] = []
        for turns in (1, TURNS):
            key = (self.name, self.epochs, turns)
            if key not in pool.run_cache:
                rng = np.random.default_rng([pool.seed, _SEED, turns])
                share = len(found) / 2
                pool.run_cache[key] = codes(
                    pool.table("images"),
                    turns,
                    self.epochs,
                    rng,
                    lambda part, share=share: progress(share + part / 2),  # type: ignore[misc]
                )
            found.append(pool.run_cache[key])
        return found[0][:, 0], found[1]


def joint(semantic: Floats, distinctive: Floats, k: float, t: float) -> Floats:
    """Equation 9 of Zhan et al. (2022), tanh(k S − t) + D, for scores in 0 … 1."""
    result: Floats = np.tanh(k * semantic - t) + distinctive
    return result


def cosines(
    x: Array, x_turned: Array, known: Array, known_turned: Array, labels: Indices, n_classes: int, progress: Progress
) -> tuple[Floats, Floats, Indices]:
    """(semantic score, distinctive score, class of the nearest labelled sample) of m candidates: (m,) each, scores in 0 … 1.

    x (m, w) and known (l, w): semantic codes of candidates and labelled samples, l ≥ 1; x_turned (m, r, w), known_turned (l, r, w): distinctive
    ones of r rotations. Scores are scaled over the candidates, distinctive ones for each class apart; where all are the same they are 0 and 1.
    Equally near labelled samples: the first decides.
    """
    m = len(x)
    nearest, pseudo, closeness = np.empty(m), np.empty(m, dtype=np.int64), np.empty(m)
    low, high = np.full(n_classes, np.inf), np.full(n_classes, -np.inf)
    unit_known = unit(known)
    groups = [(c, [unit(known_turned[labels == c, r]) for r in range(x_turned.shape[1])]) for c in np.unique(labels)]
    for a in range(0, m, ROWS):
        progress(a / m)
        rows = slice(a, min(a + ROWS, m))
        similar = unit(x[rows]) @ unit_known.T
        best = similar.argmax(axis=1)
        nearest[rows], pseudo[rows] = similar[np.arange(len(best)), best], labels[best]
        sides = [unit(x_turned[rows, r]) for r in range(x_turned.shape[1])]
        for c, theirs in groups:
            close = np.mean([_closeness(mine, others) for mine, others in zip(sides, theirs, strict=True)], axis=0)
            low[c], high[c] = min(low[c], close.min()), max(high[c], close.max())
            here = pseudo[rows] == c
            closeness[rows][here] = close[here]
    span = high[pseudo] - low[pseudo]
    distinctive = 1.0 - np.where(span > 0, closeness - low[pseudo], 0.0) / np.where(span > 0, span, 1.0)
    spread_out = nearest.max() - nearest.min()
    semantic = (nearest - nearest.min()) / (spread_out if spread_out > 0 else 1.0)
    return semantic, distinctive, pseudo


def _closeness(x: Floats, known: Floats) -> Floats:
    """(rows,) 2 cos(x, a) − cos(x, b) + cos(a, b), a and b the two of `known` nearest to x (b = a where there is one); unit rows."""
    similar, every = x @ known.T, np.arange(len(x))
    a = similar.argmax(axis=1)
    first = similar[every, a]
    similar[every, a] = -np.inf
    b = similar.argmax(axis=1) if len(known) > 1 else a
    second = similar[every, b] if len(known) > 1 else first
    result: Floats = 2 * first - second + np.einsum("ij,ij->i", known[a], known[b])
    return result


def unit(x: Array) -> Floats:
    """Rows of length 1 in float64; zero rows stay."""
    x = np.array(x, dtype=np.float64, order="C")
    largest = np.abs(x).max(axis=1, keepdims=True)  # first, so that no square overflows or vanishes
    x /= np.where(largest > 0, largest, 1.0)
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    x /= np.where(norms > 0, norms, 1.0)
    return x
