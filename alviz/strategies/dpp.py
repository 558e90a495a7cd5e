"""Active-DPP: batches from a determinantal point process of features weighted by uncertainty."""

from typing import Literal

import numpy as np

from alviz.checks import choice, number
from alviz.registry import Card
from alviz.strategies.base import CAP, CappedStrategy, Selection, ranking, spread
from alviz.strategies.device import Array, Floats, Indices
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import confidence, entropy, margin

SAMPLED = 2000
"""Candidates at most when an RBF kernel is sampled from: its eigenvectors cost O(n³)."""

NOTHING = 1e-10
"""A candidate adds nothing where its similarity to the picks explains all but this share of it."""


class ActiveDpp(CappedStrategy):
    name = "active-dpp"
    card = Card(
        title="Active-DPP",
        family="hybrid",
        idea="Choose a batch as a determinantal point process does: the volume spanned by the samples is large when each is uncertain and no two are "
        "alike.",
        formula="P(A) ∝ det L_A with L_ij = u_i^(γ/2) s(x_i, x_j) u_j^(γ/2); s = exp(−‖x − y‖²/v), v the mean squared distance of two candidates, or the "
        "cosine. Greedy: argmax over candidates of det L_{A∪{i}}/det L_A, again and again",
        needs="probabilities and embeddings (or features)",
        cost=f"greedy O(n b (d + b)) time and O(n b) memory; sampling: cosine O(n d² + d³ + n b³), RBF O(n³), on at most {SAMPLED:,} candidates",
        reference="Bıyık, Wang, Anari and Sadigh, Batch active learning using determinantal point processes (2019); greedy: Chen, Zhang and Zhou, Fast "
        "greedy MAP inference for determinantal point process (2018), Algorithm 1; sampling: Kulesza and Taskar (2011), Algorithm 1",
        cites=("biyik2019dpp", "chen2018dpp", "kulesza2011kdpp"),
        shines="Redundant pools: copies have determinant 0 together, and uncertainty and diversity need one knob only.",
        fails="Does not know what is labelled; an outlier is different from everything; in many dimensions all samples look equally different.",
        deviation="The paper's width comes from the box around the data and is useless in many dimensions; ours is the mean squared distance. Samples are drawn "
        "exactly, not by a Markov chain. When nothing adds volume any more (copies, or more picks than the kernel has rank) the rest is "
        "taken by uncertainty.",
        options={
            "uncertainty": "u: entropy, margin 1 − (p₁ − p₂), or least-confidence 1 − p₁",
            "gamma": "γ ≥ 0, the weight of uncertainty against diversity",
            "kernel": "similarity s: rbf, or cosine (rank at most d)",
            "sample": "draw the batch from the process instead of taking its most probable one, greedily",
            "cap": "how many candidates are looked at, drawn uniformly from a larger pool; None: all of them",
        },
    )
    needs = ("probabilities", "embeddings")
    symmetries = frozenset({"classes"})

    def __init__(
        self,
        uncertainty: Literal["entropy", "margin", "least-confidence"] = "entropy",
        gamma: float = 1.0,
        kernel: Literal["rbf", "cosine"] = "rbf",
        sample: bool = False,
        cap: int | None = CAP,
    ):
        super().__init__(cap)
        self.uncertainty = choice(f"{self.name}: uncertainty", uncertainty, ("entropy", "margin", "least-confidence"))
        self.gamma = number(f"{self.name}: gamma", gamma, 0)
        self.kernel = choice(f"{self.name}: kernel", kernel, ("rbf", "cosine"))
        if not isinstance(sample, bool):
            raise ValueError(f"{self.name}: sample must be True or False, got {sample!r}")
        self.sample = sample
        if sample and kernel == "rbf":
            self.cap = SAMPLED if self.cap is None else min(self.cap, SAMPLED)

    def select_among(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """scores: uncertainty; gains: ln det L_{A∪{i}} − ln det L_A of each greedy pick, −∞ left out as NaN where the rank has run out."""
        doubt = self.doubt(pool.probabilities)
        quality = (doubt / max(doubt.max(), 1e-300)) ** (self.gamma / 2) if self.gamma else np.ones(len(doubt))
        x = scaled(pool.embeddings, self.kernel)
        if self.sample:
            factors = spectrum(x, quality, self.kernel)
            picks, gains = drawn(factors, n_queries, rng, pool), None
        else:
            picks, gains = greedy(x, quality, self.kernel, n_queries, pool)
            gains = gains + self.gamma * np.log(max(doubt.max(), 1e-300))
        picks = completed(picks, doubt, n_queries)
        if gains is not None:
            gains = np.concatenate([gains, np.full(n_queries - len(gains), np.nan)])
        return Selection(pool.candidates[picks], spread(pool, doubt), gains)

    def doubt(self, p: Array) -> Floats:
        """(m,) uncertainty of each row of p (m, K), at least 0."""
        if self.uncertainty == "entropy":
            return np.maximum(entropy(p), 0.0)
        return np.maximum(1.0 - (margin(p) if self.uncertainty == "margin" else confidence(p)), 0.0)


def scaled(x: Array, kernel: str) -> Floats:
    """Points in float64 of which the kernel is exp(−‖x − y‖²) (rbf: less their mean, over √(mean squared distance)) or ⟨x, y⟩ (cosine)."""
    out = np.array(x, dtype=np.float64, order="C")
    if kernel == "rbf":
        out -= out.mean(axis=0)
        spread_ = 2 * np.einsum("ij,ij->i", out, out).mean()
        return out / np.sqrt(spread_) if spread_ > 0 else out
    length = np.sqrt(np.einsum("ij,ij->i", out, out))
    out /= np.where(length > 0, length, 1.0)[:, None]
    return out


def similarities(x: Floats, rows: int | slice, kernel: str, squares: Floats) -> Floats:
    """Kernel of some points with all of them."""
    product = x @ x[rows].T
    if kernel == "cosine":
        return product
    product *= 2
    product -= squares if product.ndim == 1 else squares[:, None]
    product -= squares[rows]
    result: Floats = np.exp(np.minimum(product, 0.0, out=product), out=product)
    return result


def greedy(x: Floats, quality: Floats, kernel: str, n_picks: int, pool: PoolView) -> tuple[Indices, Floats]:
    """(picks, ln of the volume that each added): at most n_picks, fewer when no candidate adds any.

    rows (t, m) are the Cholesky rows of L for the picks so far; left is what L_ii keeps after them.
    """
    m = len(x)
    squares = np.einsum("ij,ij->i", x, x)
    whole = quality**2 * (squares if kernel == "cosine" else 1.0)
    left = whole.copy()
    rows = np.zeros((min(n_picks, m), m))
    picks: list[int] = []
    gains: list[float] = []
    for t in range(n_picks):
        pool.progress(t / n_picks)
        left[left <= NOTHING * whole] = 0.0
        best = left.max()
        if best <= 0:
            break
        pick = int(np.flatnonzero(left >= best * (1 - 1e-12))[0])
        picks.append(pick)
        gains.append(float(np.log(left[pick])))
        row = similarities(x, pick, kernel, squares)
        row *= quality * quality[pick]
        row -= rows[:t, pick] @ rows[:t]
        row /= np.sqrt(left[pick])
        rows[t] = row
        left -= row**2
        left[pick] = 0.0
    return np.array(picks, dtype=np.int64), np.array(gains)


def spectrum(x: Floats, quality: Floats, kernel: str) -> tuple[Floats, Floats]:
    """(eigenvalues > 0 of L (r,), eigenvectors (m, r)); from the d × d dual where L is linear and d < m."""
    weighted = x * quality[:, None]
    if kernel == "cosine" and x.shape[1] < len(x):
        values, vectors = np.linalg.eigh(weighted.T @ weighted)
        keep = values > NOTHING * max(values.max(), 1e-300)
        return values[keep], weighted @ vectors[:, keep] / np.sqrt(values[keep])
    s = similarities(x, slice(None), kernel, np.einsum("ij,ij->i", x, x))
    s *= quality[:, None]
    s *= quality
    values, vectors = np.linalg.eigh(s)
    keep = values > NOTHING * max(values.max(), 1e-300)
    return values[keep], vectors[:, keep]


def drawn(factors: tuple[Floats, Floats], n_picks: int, rng: np.random.Generator, pool: PoolView) -> Indices:
    """A sample of size min(n_picks, rank) from the process: some eigenvectors, then points from the projection onto their span."""
    values, vectors = factors
    size = min(n_picks, len(values))
    basis = vectors[:, chosen_values(values, size, rng)]
    picks = np.empty(size, dtype=np.int64)
    weights = np.einsum("ij,ij->i", basis, basis)
    rows = np.zeros((size, len(basis)))
    for t in range(size):
        pool.progress(t / max(1, size))
        weights[picks[:t]] = 0.0
        np.maximum(weights, 0.0, out=weights)
        share = np.cumsum(weights)
        pick = int(np.searchsorted(share, min(rng.random() * share[-1], np.nextafter(share[-1], 0.0)), side="right"))
        rows[t] = (basis @ basis[pick] - rows[:t, pick] @ rows[:t]) / np.sqrt(weights[pick])
        weights -= rows[t] ** 2
        picks[t] = pick
    return picks


def chosen_values(values: Floats, size: int, rng: np.random.Generator) -> Indices:
    """`size` positions J with probability ∝ Π_{j∈J} values_j, by elementary symmetric polynomials (in logarithms: they overflow)."""
    log = np.log(values)
    r = len(values)
    e = np.full((size + 1, r + 1), -np.inf)  # e[k, n]: ln of the k-th polynomial of the first n values
    e[0] = 0.0
    for n in range(1, r + 1):
        e[1:, n] = np.logaddexp(e[1:, n - 1], e[:-1, n - 1] + log[n - 1])
    chosen = []
    k = size
    for n in range(r, 0, -1):
        if k == 0:
            break
        if np.log(rng.random()) < log[n - 1] + e[k - 1, n - 1] - e[k, n]:
            chosen.append(n - 1)
            k -= 1
    return np.array(chosen[::-1], dtype=np.int64)


def completed(picks: Indices, doubt: Floats, n_queries: int) -> Indices:
    """The picks, and after them the most uncertain of the rest, n_queries in all."""
    rest = ranking(doubt)
    rest = rest[~np.isin(rest, picks)]
    return np.concatenate([picks, rest])[:n_queries]
