"""BAIT: batches that leave the least Fisher information of the pool unexplained."""

import numpy as np

from alviz.checks import number, whole
from alviz.progress import Progress
from alviz.registry import Card
from alviz.strategies.base import CAP, CappedStrategy, Selection, spread
from alviz.strategies.device import Array, Floats, Indices, block_rows
from alviz.strategies.pool import PoolView

ROWS = 1024
"""Samples per matrix product, at most."""

RIDGE = 1e-5
"""The least ridge, and one over the largest, as a share of the features' mean squared length: beyond, float64 cannot tell what M is."""

TIE = 1e-9
"""Changes of the trace that agree to this share are equal: forward the lower index is taken, backward the later pick is dropped."""


class Bait(CappedStrategy):
    name = "bait"
    card = Card(
        title="BAIT (top-k)",
        family="gradient",
        idea="A sample's Fisher information says how firmly its label would hold the weights of the last layer. Choose the batch under which the whole pool would be "
        "predicted with the least error: pick twice as many greedily, then drop the least useful ones one by one.",
        formula="argmin over batches S of tr(M⁻¹ F) with M = λI + (Σ_{x labelled} I(x) + b Σ_{x in S} I(x))/(L + b), F = mean of I(x) over pool "
        "and labelled, I(x) = Σ_y p_y g_y g_yᵀ, g_y = (p − onehot(y)) ⊗ h",
        needs="probabilities and embeddings (or features)",
        cost="O((n + L) K² d²) once for F, then O(n k K d + (K d)²·k) per step, 3b steps, by Woodbury's identity; memory O(n k² + n d + (K d)²) "
        "in float64, with K·d ≤ dimensions",
        reference="Ash, Goel, Krishnamurthy and Kakade, Gone fishing: neural active learning with Fisher embeddings (2021), Algorithm 1; "
        "top k classes: Huseljic et al., Fast Fishing: approximating BAIT for efficient and scalable deep active image classification (2024)",
        cites=("ash2021bait", "huseljic2024fishing"),
        shines="Batches chosen as a whole, for the pool that is there; strong with few labels and good features.",
        fails="Many classes and long features: (K·d)² numbers. It trusts the probabilities, and repeats their errors.",
        deviation="Exact: greedy steps, backward steps, the trace. Approximated: the expectation runs over the top_k most probable classes, their "
        "probabilities divided by their sum (top_k=None: all, as in the paper); features with K·d above dimensions are first rotated onto their "
        "strongest directions about 0 (the authors do not reduce them), which the selection's note reports. A sample of the batch weighs b times a "
        f"labelled one in M, as in the authors' code. With nothing labelled, M is λI at first. λ counts as at least {RIDGE:g} and at most {1 / RIDGE:g} "
        "times the mean squared length of h: float64 cannot tell more.",
        options={
            "cap": "Candidates looked at, at most; a larger pool is cut to that many drawn uniformly (None: all).",
            "top_k": "How many of the most probable classes the expectation runs over (None: all, exact).",
            "ridge": "λ, the weight of the prior; larger makes the first picks count less.",
            "dimensions": "Largest K·d kept; longer features are reduced to fit.",
        },
    )
    needs = ("gradients",)

    def __init__(self, cap: int | None = CAP, top_k: int | None = 2, ridge: float = 1.0, dimensions: int = 1024):
        super().__init__(cap)
        self.top_k = whole(f"{self.name}: top_k", top_k, 1, optional=True)
        self.ridge = number(f"{self.name}: ridge", ridge, 1e-6)
        self.dimensions = whole(f"{self.name}: dimensions", dimensions, 1)

    def select_among(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Forward to 2b, backward to b. scores and gains: by how much tr(M⁻¹ F) falls with a sample alone, and with each pick when it was made.

        Picks stay in the order in which they were made; those dropped again are left out.
        """
        p = np.concatenate([pool.probabilities, pool.labelled_signal("probabilities")]).astype(np.float64).clip(0.0)
        h = np.concatenate([pool.embeddings, pool.labelled_signal("embeddings")])
        exponent = int(np.frexp(np.abs(h).max())[1]) - 1
        h = h / 2.0**exponent  # exact, and so is the ridge that goes with it: squares neither overflow nor vanish
        d = max(1, self.dimensions // p.shape[1])
        note = ""
        if d < h.shape[1]:
            h, kept = reduced(h, d, pool.progress)
            note = f"Features reduced to {h.shape[1]} directions, which keep {kept:.0%} of their squared length (dimensions)."
        h = h.astype(np.float64)
        mean = float(np.einsum("ij,ij->", h, h)) / len(h)
        ridge = self.ridge * 2.0 ** float(np.clip(-2 * exponent, -900, 900))
        ridge = min(max(ridge, RIDGE * mean), mean / RIDGE) if mean else 1.0
        factors = Factors.of(p, h, p.shape[1] if self.top_k is None else min(self.top_k, p.shape[1]))
        search = Search(factors, len(pool), n_queries, ridge, pool.progress)
        scores = search.scores()
        picks, gains = search.run(min(2 * n_queries, len(pool)))
        return Selection(pool.candidates[picks], spread(pool, scores), gains, note=note)


def reduced(h: Array, d: int, progress: Progress) -> tuple[Array, float]:
    """(rows of h on the d directions that keep most of their squared length (m, d), the share of it that they keep)."""
    moment = np.zeros((h.shape[1], h.shape[1]))
    for a in range(0, len(h), ROWS):
        progress(0.0)
        block = h[a : a + ROWS].astype(np.float64)
        moment += block.T @ block
    values, vectors = np.linalg.eigh(moment)
    values = values[::-1].clip(0.0)
    kept = float(values[:d].sum() / values.sum()) if values.sum() > 0 else 1.0
    return h @ vectors[:, ::-1][:, :d].astype(h.dtype), kept


class Factors:
    """V_i (k, K·d) with I(x_i) = V_iᵀ V_i, never formed for more than a few rows: row y is √p̃_y (p − onehot(y)) ⊗ h.

    p: (m, K), h: (m, d), both float64. top: (m, k) the classes that count, root: (m, k) √p̃, their probabilities over their sum.
    """

    def __init__(self, p: Floats, h: Floats, top: Indices, root: Floats):
        self.p, self.h, self.top, self.root = p, h, top, root

    @classmethod
    def of(cls, p: Floats, h: Floats, k: int) -> "Factors":
        """The factors for the k most probable classes (equal ones: the lower number)."""
        top = np.argsort(-p, axis=1, kind="stable")[:, :k]
        weight = np.take_along_axis(p, top, axis=1)
        return cls(p, h, top, np.sqrt(weight / weight.sum(axis=1, keepdims=True)))

    def take(self, rows: slice | Indices) -> "Factors":
        """Some of the rows."""
        return Factors(self.p[rows], self.h[rows], self.top[rows], self.root[rows])

    def __len__(self) -> int:
        return len(self.p)

    @property
    def size(self) -> int:
        """K·d."""
        return self.p.shape[1] * self.h.shape[1]

    @property
    def step(self) -> int:
        """Samples whose k × K and K × K numbers are formed at once."""
        classes, k = self.p.shape[1], self.top.shape[1]
        return min(ROWS, block_rows(classes * max(classes, 2 * k), 16))

    def residuals(self, rows: slice | Indices) -> Floats:
        """(rows, k, K) √p̃_y (p − onehot(y))."""
        out = np.repeat(self.p[rows][:, None, :], self.top.shape[1], axis=1)
        np.put_along_axis(out, self.top[rows][:, :, None], np.take_along_axis(out, self.top[rows][:, :, None], axis=2) - 1, axis=2)
        out *= self.root[rows][:, :, None]
        return out

    def explicit(self, row: int) -> Floats:
        """(k, K·d) V of one row."""
        some = np.array([row])
        result: Floats = (self.residuals(some)[0][:, :, None] * self.h[row][None, None, :]).reshape(-1, self.size)
        return result

    def products(self, rows: slice, u: Floats) -> Floats:
        """(rows, k, r) V uᵀ for u (r, K·d): ⟨a ⊗ h, u⟩ = Σ_c a_c ⟨h, u_c⟩, so u meets h first, and then the few classes."""
        along = (self.h[rows] @ u.reshape(-1, self.h.shape[1]).T).reshape(-1, len(u), self.p.shape[1])
        mean = np.einsum("irc,ic->ir", along, self.p[rows])
        own = np.take_along_axis(along, self.top[rows][:, None, :], axis=2)
        return (mean[:, :, None] - own).transpose(0, 2, 1) * self.root[rows][:, :, None]

    def information(self, progress: Progress, share: float, start: int = 0) -> Floats:
        """(K·d, K·d) Σ VᵀV over the rows from `start` on: for each pair of classes, Σ_i (Σ_y residual_a residual_b) h_i h_iᵀ."""
        classes, d = self.p.shape[1], self.h.shape[1]
        out = np.zeros((classes, d, classes, d))
        for a in range(start, len(self), self.step):
            rows = slice(a, min(len(self), a + self.step))
            residuals, h = self.residuals(rows), self.h[rows]
            weights = np.einsum("iya,iyb->iab", residuals, residuals)
            for c in range(classes):
                progress(share * (a - start + self.step * c / classes) / (len(self) - start + self.step))
                out[c, :, c:] += (h.T @ (weights[:, c, c:, None] * h[:, None, :]).reshape(len(h), -1)).reshape(d, classes - c, d)
        for c in range(classes):
            for lower in range(c):
                out[c, :, lower] = out[lower, :, c].T
        return out.reshape(self.size, self.size)


class Search:
    """Greedy search over batches for the least tr(M⁻¹ F).

    Per candidate two k × k matrices are kept up to date: inside = V M⁻¹ Vᵀ and across = V M⁻¹ F M⁻¹ Vᵀ. Adding a candidate to M lowers the trace by
    tr((I + inside)⁻¹ across), taking one away raises it by tr((I − inside)⁻¹ across) (Woodbury).
    """

    def __init__(self, factors: Factors, n_candidates: int, n_queries: int, ridge: float, progress: Progress):
        m, n_labelled = n_candidates, len(factors) - n_candidates
        self.factors, self.m, self.n_queries, self.progress = factors, m, n_queries, progress
        scale = 1 / (n_labelled + n_queries)
        information = factors.information(progress, 0.2) / len(factors)
        start = ridge * np.eye(factors.size)
        if n_labelled:
            start += factors.information(lambda share: progress(0.2 + 0.1 * share), 1.0, start=m) * scale
        inverse = np.linalg.inv(start)
        inverse = (inverse + inverse.T) / 2
        self.state = State(inverse, inverse @ information @ inverse)
        factors.root[:m] *= np.sqrt(n_queries * scale)  # from now on V holds the weight of a candidate within M
        k = factors.root.shape[1]
        self.inside, self.across = np.empty((m, k, k)), np.empty((m, k, k))
        for a in range(0, m, factors.step):
            progress(0.3 + 0.1 * a / m)
            rows = slice(a, min(m, a + factors.step))
            self.inside[rows], self.across[rows] = self._quadratic(rows, self.state.inverse), self._quadratic(rows, self.state.weighted)

    def _quadratic(self, rows: slice, matrix: Floats) -> Floats:
        """(rows, k, k) V matrix Vᵀ: class block by class block of the matrix."""
        residuals, h = self.factors.residuals(rows), self.factors.h[rows]
        classes, d = residuals.shape[2], h.shape[1]
        blocks = matrix.reshape(classes, d, classes, d)
        out = np.zeros((len(h), residuals.shape[1], residuals.shape[1]))
        for c in range(classes):
            along = (h @ blocks[c].reshape(d, -1)).reshape(len(h), classes, d)  # hᵀ matrix_{c·}
            square = np.einsum("ibd,id->ib", along, h)
            out += residuals[:, :, c, None] * np.einsum("iyb,ib->iy", residuals, square)[:, None, :]
        return out

    def scores(self) -> Floats:
        """(m,) by how much each candidate alone lowers the trace."""
        return self._change(np.arange(self.m), 1.0)

    def run(self, forward: int) -> tuple[Indices, Floats]:
        """The picks, in the order in which they were made, and what each gained then."""
        picks: list[int] = []
        gains: list[float] = []
        free = np.ones(self.m, dtype=bool)
        steps = 2 * forward - self.n_queries
        for i in range(forward):
            self.progress(0.4 + 0.6 * i / steps)
            rows = np.flatnonzero(free)
            change = self._change(rows, 1.0)
            best = int(np.flatnonzero(change >= change.max() - TIE * abs(change.max()))[0])
            picks.append(int(rows[best]))
            gains.append(max(0.0, float(change[best])))
            free[picks[-1]] = False
            self._commit(picks[-1], 1.0)
        if forward > self.n_queries:
            self._keep(np.array(picks))
        for i in range(forward - self.n_queries):
            self.progress(0.4 + 0.6 * (forward + i) / steps)
            change = self._change(np.arange(self.m), -1.0)
            worst = int(np.flatnonzero(change <= change.min() + TIE * abs(change.min()))[-1])
            self._commit(worst, -1.0)
            left = np.delete(np.arange(self.m), worst)
            self._keep(left)
            del picks[worst], gains[worst]
        return np.array(picks, dtype=np.int64), np.array(gains)

    def _keep(self, rows: Indices) -> None:
        """Go on with these candidates only."""
        self.factors = self.factors.take(rows)
        self.inside, self.across, self.m = self.inside[rows], self.across[rows], len(rows)

    def _change(self, rows: Indices, sign: float) -> Floats:
        """(rows,) tr((I ± inside)⁻¹ across)."""
        k = self.inside.shape[1]
        return trace_of_quotients(np.eye(k) + sign * self.inside[rows], self.across[rows])

    def _commit(self, row: int, sign: float) -> None:
        """Add a candidate to M (sign 1) or take it away (−1), and bring everything up to date."""
        k = self.inside.shape[1]
        middle = np.linalg.inv(np.eye(k) + sign * self.inside[row]) * sign
        centre = middle @ self.across[row] @ middle
        both = self.state.times(self.factors.explicit(row))
        self.state.change(both[:k], both[k:], middle, centre)
        for a in range(0, self.m, self.factors.step):
            rows = slice(a, min(self.m, a + self.factors.step))
            along = self.factors.products(rows, both)
            left, right = along[:, :, :k], along[:, :, k:]
            turned = left @ middle
            self.inside[rows] -= turned @ left.transpose(0, 2, 1)
            cross = turned @ right.transpose(0, 2, 1)
            self.across[rows] -= cross + cross.transpose(0, 2, 1) - left @ centre @ left.transpose(0, 2, 1)


class State:
    """M⁻¹ and M⁻¹ F M⁻¹ under changes of low rank, which are collected and worked in together: `inverse` and `weighted` lag behind.

    A change is M⁻¹ − uᵀ A u and M⁻¹ F M⁻¹ − uᵀ A w − wᵀ A u + uᵀ C u with u = V M⁻¹ and w = V M⁻¹ F M⁻¹.
    """

    def __init__(self, inverse: Floats, weighted: Floats):
        self.inverse, self.weighted = inverse, weighted
        self._rows = max(1, len(inverse) // 8)
        self._clear()

    def _clear(self) -> None:
        self._u = self._w = np.empty((0, len(self.inverse)))
        self._a = self._c = np.empty((0, 0))

    def times(self, v: Floats) -> Floats:
        """(2k, K·d) v M⁻¹, then v M⁻¹ F M⁻¹, for v (k, K·d)."""
        along, across = v @ self._u.T, v @ self._w.T
        u = v @ self.inverse - along @ self._a @ self._u
        w = v @ self.weighted - along @ self._a @ self._w - (across @ self._a - along @ self._c) @ self._u
        return np.concatenate([u, w])

    def change(self, u: Floats, w: Floats, a: Floats, c: Floats) -> None:
        """Note a change; work all of them in when they are many."""
        self._u, self._w = np.concatenate([self._u, u]), np.concatenate([self._w, w])
        self._a, self._c = _diagonal(self._a, a), _diagonal(self._c, c)
        if len(self._u) >= self._rows:
            cross = self._u.T @ (self._a @ self._w)
            self.inverse -= self._u.T @ (self._a @ self._u)
            self.weighted -= cross + cross.T - self._u.T @ (self._c @ self._u)
            self._clear()


def _diagonal(one: Floats, two: Floats) -> Floats:
    """The block-diagonal matrix of both."""
    out = np.zeros((len(one) + len(two),) * 2)
    out[: len(one), : len(one)], out[len(one) :, len(one) :] = one, two
    return out


def trace_of_quotients(a: Floats, b: Floats) -> Floats:
    """(m,) tr(a_i⁻¹ b_i) for positive definite a (m, k, k) and b (m, k, k): elimination without pivots, for all at once. Overwrites both."""
    k = a.shape[1]
    for j in range(k):
        pivot = a[:, j, j].copy()
        for r in range(j + 1, k):
            factor = (a[:, r, j] / pivot)[:, None]
            a[:, r, j:] -= factor * a[:, j, j:]
            b[:, r] -= factor * b[:, j]
    trace = np.zeros(len(a))
    for j in range(k - 1, -1, -1):
        b[:, j] -= np.einsum("ir,irc->ic", a[:, j, j + 1 :], b[:, j + 1 :])
        b[:, j] /= a[:, j, j, None]
        trace += b[:, j, j]
    return trace
