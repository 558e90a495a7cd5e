"""Lazy greedy maximisation of facility-location objectives over directions: the exact greedy picks, with few of the products."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.progress import Progress, silent
from alviz.strategies.device import beside, host, namespace
from alviz.strategies.pool import Array, Indices

ROWS = 1024
"""Candidates per matrix product, at most."""

COLUMNS = 4096
"""Points per matrix product, at most."""

FIRST = 64
"""Candidates that are brought up to date together at first; twice as many each time that is not enough."""

HISTORY = 16
"""Changes of coverage that are remembered, per point; candidates that have missed older ones are evaluated afresh."""

Floats = NDArray[np.float64]


class Directions:
    """Unit vectors x/‖x‖ of which only cosines are asked for: rows of one array, or products left_i ⊗ right_i of the rows of two.

    Make them with `directions`. `scaled` are the unit factors in the dtype of the products, `raw` and `inverse` what float64 needs.
    """

    def __init__(self, raw: Sequence[Any], inverse: Sequence[Any], scaled: Sequence[Any]):
        self.raw, self.inverse, self.scaled = raw, inverse, scaled

    def __len__(self) -> int:
        return len(self.raw[0])

    def cosines(self, rows: slice | Indices, others: "Directions", columns: slice | Indices) -> Any:
        """(rows, columns) cosines in the dtype of the products, where the factors live."""
        parts = [a[rows] @ b[columns].T for a, b in zip(self.scaled, others.scaled, strict=True)]
        return parts[0] if len(parts) == 1 else parts[0] * parts[1]

    def exact(self, row: int, others: "Directions", columns: Indices) -> Floats:
        """(columns,) cosines of one vector with some of the others, from float64 products."""
        parts = [a @ b[0] for a, b in zip(others.double(columns), self.double(np.array([row])), strict=True)]
        return np.asarray(host(parts[0] if len(parts) == 1 else parts[0] * parts[1]))

    def double(self, which: Indices) -> list[Any]:
        """The unit factors of some rows in float64."""
        return [namespace(x).astype(x[which], namespace(x).float64) * i[which][:, None] for x, i in zip(self.raw, self.inverse, strict=True)]


def directions(*tables: Sequence[Any], single: bool = True) -> list[Directions]:
    """Directions of each table's rows; a table is (one array,) or (left, right), numpy or torch, widths alike in all tables.

    A vector of length 0 points into a direction of its own: the same for all of them, orthogonal to every other. single: products of
    float32 data are taken in float32, else in float64.
    """
    norms = [[_norms(x) for x in table] for table in tables]
    lost = [any(bool((n[f] == 0).any()) for n in norms) for f in range(len(tables[0]))]
    out = []
    for table, lengths in zip(tables, norms, strict=True):
        raw, inverse, scaled = [], [], []
        for x, n, extra in zip(table, lengths, lost, strict=True):
            xp = namespace(x)
            if extra:
                x = xp.concat([x, xp.astype(n == 0, x.dtype)[:, None]], axis=1)
            i = 1 / xp.where(n == 0, xp.ones_like(n), n)
            dtype = xp.float32 if single and x.dtype == xp.float32 else xp.float64
            raw.append(x)
            inverse.append(i)
            scaled.append(xp.astype(x, dtype) * xp.astype(i, dtype)[:, None])
        out.append(Directions(raw, inverse, scaled))
    return out


def _norms(x: Any) -> Any:
    xp = namespace(x)
    blocks = [x[a : a + COLUMNS] for a in range(0, len(x), COLUMNS)] or [x]
    return xp.concat([xp.sqrt(xp.sum(xp.astype(block, xp.float64) ** 2, axis=1)) for block in blocks])


@dataclass(frozen=True)
class Similarity:
    """A similarity in [0, 1] of two directions with cosine c: exp(−(2 − 2c)/length_scale²), the RBF kernel of unit vectors, or (1 + c)/2."""

    length_scale: float | None = None

    @property
    def single(self) -> bool:
        """Whether float32 products are fine enough for it."""
        return self.length_scale is None or self.length_scale >= 0.05

    def __call__(self, cosine: Any) -> Any:
        """The similarity, written over the cosine where it can be."""
        if self.length_scale is None:
            cosine += 1
            cosine *= 0.5
            return cosine
        cosine -= 1
        cosine *= 2 / self.length_scale**2
        return np.exp(cosine, out=cosine) if isinstance(cosine, np.ndarray) else namespace(cosine).exp(cosine)

    def exactly(self, cosine: Floats) -> Floats:
        """The same of float64 cosines, at most 1."""
        result: Floats = np.minimum(self(cosine), 1.0)
        return result

    def error(self, eps: float, total: Floats, weight: float) -> Floats:
        """What rounding can do to Σ w s with Σ w s = total and Σ w = weight: a cosine of float32 or float64 products is off by some eps."""
        if self.length_scale is None:
            return 8 * eps * (total + 0.5 * weight)
        return 8 * eps * (1 + 2 / self.length_scale**2) * total


class Coverage:
    """Greedy maximiser of F(A) = Σ_j w_j max(base_j, max_{i ∈ A} min(s_ij, caps_j)) + Σ_{i ∈ A} bonus_i over sets A of candidates i.

    candidates, points: directions whose similarity is s; points None: the candidates themselves (then s is computed once for both
    orders). weights (default 1), base (default 0), caps (default none): per point, ≥ 0. bonus: per candidate (default 0).

    The gain of a candidate falls as picks are made (F is submodular), so what it was bounds it from above. A pick changes the cover of the
    points that it is nearest to only; a candidate is brought up to date, with the others that rival for the next pick, over the
    points whose cover has changed since it was last looked at. Candidates that rounding could confuse are compared in
    float64. The picks are those of the naive algorithm with ties (1e-13 of Σ w) to the lowest row.
    """

    def __init__(
        self,
        candidates: Directions,
        points: Directions | None,
        similarity: Similarity,
        *,
        weights: Floats | None = None,
        base: Floats | None = None,
        caps: Floats | None = None,
        bonus: Floats | None = None,
        progress: Progress = silent,
    ):
        self.rows, self.columns = candidates, candidates if points is None else points
        self.symmetric = points is None
        self.similarity = similarity
        self.progress = progress
        n = len(self.columns)
        self.weights = np.ones(n) if weights is None else weights.astype(np.float64)
        self.cover = np.zeros(n) if base is None else base.astype(np.float64)
        self.caps = caps
        self.bonus = np.zeros(len(self.rows)) if bonus is None else bonus.astype(np.float64)
        self.tie = 1e-13 * (float(self.weights.sum()) + float(np.abs(self.bonus).max(initial=0.0)))
        self.changed = np.zeros(n, dtype=np.int64)  # the last pick that changed the cover of a point
        self.history: list[tuple[Indices, Floats]] = []  # what each pick changed: points, and their cover before it
        self.oldest = 0  # candidates that were last looked at before this pick are evaluated afresh
        like = self.rows.scaled[0]
        self.eps = float(namespace(like).finfo(like.dtype).eps)
        self.value, total = self._first()
        self.slack = similarity.error(self.eps, total, float(self.weights.sum())) + self.eps * np.abs(self.bonus)
        self.stamp = np.zeros(len(self.rows), dtype=np.int64)
        self.known = np.full(len(self.rows), -1, dtype=np.int64)  # the pick at which `value` was exact
        self.spent = np.zeros(len(self.rows), dtype=bool)  # candidates that add nothing, now and later

    def gains(self) -> Floats:
        """(m,) gain of every candidate as the first pick. To be asked before `run`."""
        return np.maximum(self.value, 0.0)

    def run(self, n_picks: int) -> tuple[Indices, Floats]:
        """The picks (rows, in order) and the gain of each when it was made."""
        picks, gains = np.empty(n_picks, dtype=np.int64), np.empty(n_picks)
        upper = self.value + self.slack
        for t in range(n_picks):
            self.progress(0.3 + 0.7 * t / n_picks)
            pick = self._next(upper, t)
            picks[t], gains[t] = pick, self.value[pick]
            upper[pick] = -np.inf
            self._cover(pick, t + 1)
        return picks, gains

    def _next(self, upper: Floats, t: int) -> int:
        """The candidate with the largest gain after t picks."""
        size = FIRST
        while True:
            fresh = self.stamp == t
            least = max(0.0, float((self.value - self.slack)[fresh & (upper > -np.inf)].max(initial=0.0)) - self.tie)
            stale = np.flatnonzero(~fresh & (upper >= least))
            if not len(stale):
                break
            if len(stale) > size:
                stale = stale[np.argpartition(upper[stale], len(stale) - size)[len(stale) - size :]]
            self._refresh(stale, t)
            upper[stale] = np.minimum(upper[stale], self.value[stale] + self.slack[stale])
            size *= 2
        rivals = np.flatnonzero(upper >= least)
        best, row = 0.0, -1
        for i in (open_ := rivals[~self.spent[rivals]])[np.argsort(-upper[open_], kind="stable")]:
            if upper[i] < best - self.tie:
                break
            if self.known[i] < t:
                self.value[i], self.known[i] = self._exact(int(i)), t
                self.spent[i] = self.value[i] == 0
                upper[i] = self.value[i] + self.tie
            if self.value[i] > best + self.tie or (row >= 0 and self.value[i] >= best - self.tie and i < row):
                best, row = max(best, float(self.value[i])), int(i)
        return row if row >= 0 else int(rivals[0])  # nothing adds anything any more: every bound is at least 0, so all are rivals

    # What a candidate adds

    def _first(self) -> tuple[Floats, Floats]:
        """(gain of every candidate before any pick, without its cover: Σ w s)."""
        m, n = len(self.rows), len(self.columns)
        gain, total = np.zeros(m), np.zeros(m)
        side = min(ROWS, COLUMNS)
        for a in range(0, m, side):
            rows = slice(a, min(a + side, m))
            for b in range(a if self.symmetric else 0, n, side):
                self.progress(0.3 * min(1.0, (a + side * b / n) / m))
                columns = slice(b, min(b + side, n))
                s = self.similarity(self.rows.cosines(rows, self.columns, columns))
                self._add(s, columns, gain[rows], total[rows])
                if self.symmetric and b > a:
                    self._add(s.T, rows, gain[columns], total[columns])
        return gain + self.bonus, total

    def _add(self, s: Any, columns: slice | Indices, gain: Floats, total: Floats | None) -> None:
        """Enter what the points `columns`, of similarity s to some candidates, add to these candidates' gains."""
        weights, cover = self._beside(self.weights[columns], s), self._beside(self.cover[columns], s)
        whole = host(s @ weights)
        if total is not None:
            total += whole
        if self.caps is None and not self.cover[columns].any():
            gain += whole
            return
        xp = namespace(s)
        part = s - cover if self.caps is None else xp.minimum(s, self._beside(self.caps[columns], s)) - cover
        part[part < 0] = 0
        gain += host(part @ weights)

    def _refresh(self, rows: Indices, t: int) -> None:
        """Bring the gains of some candidates up to date."""
        old = self.stamp[rows] < self.oldest
        if old.any():
            self._afresh(rows[old])
        self._catch_up(rows[~old], t)
        self.value[rows] = np.maximum(self.value[rows], 0.0)
        self.stamp[rows] = t

    def _afresh(self, rows: Indices) -> None:
        for a in range(0, len(rows), ROWS):
            some = rows[a : a + ROWS]
            gain = self.bonus[some]
            for b in range(0, len(self.columns), COLUMNS):
                columns = slice(b, b + COLUMNS)
                self._add(self.similarity(self.rows.cosines(some, self.columns, columns)), columns, gain, None)
            self.value[some] = gain

    def _catch_up(self, rows: Indices, t: int) -> None:
        """Take off what the picks since each candidate's stamp have covered: Σ w (clip(s, cover then, cover now) − cover then)."""
        rows = rows[np.argsort(-self.stamp[rows], kind="stable")]
        for a in range(0, len(rows), ROWS):
            some = rows[a : a + ROWS]
            stamps = self.stamp[some]
            points = np.flatnonzero(self.changed > stamps[-1])
            if 2 * len(points) > len(self.columns):
                points = np.arange(len(self.columns))
            groups = self._then(stamps, points, t)
            for b in range(0, len(points), COLUMNS):
                part = slice(b, b + COLUMNS)
                columns = part if len(points) == len(self.columns) else points[part]
                s = self.similarity(self.rows.cosines(some, self.columns, columns))
                weights, now = self._beside(self.weights[columns], s), self._beside(self.cover[columns], s)
                for group, cover in groups:
                    then = self._beside(cover[part], s)
                    xp = namespace(s)
                    clipped = xp.maximum(s[group], then)
                    clipped = np.minimum(clipped, now, out=clipped) if isinstance(clipped, np.ndarray) else xp.minimum(clipped, now)
                    clipped -= then
                    self.value[some[group]] -= host(clipped @ weights)

    def _then(self, stamps: Indices, points: Indices, t: int) -> list[tuple[slice, Floats]]:
        """(the candidates with one stamp, cover of the points then), for stamps in falling order."""
        cover = self.cover.copy()
        groups = []
        starts = np.flatnonzero(np.diff(stamps, prepend=-1))
        now = t
        for start, stop in zip(starts, [*starts[1:], len(stamps)], strict=True):
            while now > stamps[start]:
                now -= 1
                where, before = self.history[now - self.oldest]
                cover[where] = before
            groups.append((slice(int(start), int(stop)), cover[points]))
        return groups

    def _near(self, row: int) -> tuple[Indices, Floats]:
        """(points that a candidate may cover better than they are covered, its similarity to them in float64, capped)."""
        step = 16 * COLUMNS
        parts = []
        for b in range(0, len(self.columns), step):
            s = self.similarity(self.rows.cosines(slice(row, row + 1), self.columns, slice(b, b + step)))[0]
            limit = self.cover[b : b + step] - self.similarity.error(self.eps, np.ones(1), 1.0)
            parts.append(b + np.flatnonzero(host(s) > limit))
        points = np.concatenate(parts)
        s = self.similarity.exactly(self.rows.exact(row, self.columns, points))
        return points, s if self.caps is None else np.minimum(s, self.caps[points])

    def _exact(self, row: int) -> float:
        """The gain of a candidate from float64 products."""
        points, s = self._near(row)
        gain = float(np.maximum(s - self.cover[points], 0.0) @ self.weights[points]) + float(self.bonus[row])
        return gain if gain > self.tie else 0.0

    def _cover(self, row: int, t: int) -> None:
        """Let pick t cover the points near it."""
        points, s = self._near(row)
        closer = s > self.cover[points]
        points = points[closer]
        self.history.append((points, self.cover[points]))
        self.cover[points] = s[closer]
        self.changed[points] = t
        kept = sum(len(where) for where, _ in self.history)
        while kept > HISTORY * len(self.columns):
            kept -= len(self.history.pop(0)[0])
            self.oldest += 1

    def _beside(self, values: Floats, s: Any) -> Any:
        return values.astype(np.float32 if str(s.dtype).endswith("float32") else np.float64) if isinstance(s, np.ndarray) else namespace(
            s
        ).asarray(values, dtype=s.dtype, device=s.device)


def best_similarity(x: Directions, others: Directions, similarity: Similarity) -> Floats:
    """(len(x),) the largest similarity of each to any of the others, in float64; 0 where there are no others."""
    best = np.zeros(len(x))
    if not len(others):
        return best
    for a in range(0, len(x), ROWS):
        rows = slice(a, min(a + ROWS, len(x)))
        nearest, which = np.full(rows.stop - a, -np.inf), np.zeros(rows.stop - a, dtype=np.int64)
        for b in range(0, len(others), COLUMNS):
            cosines = host(x.cosines(rows, others, slice(b, b + COLUMNS)))
            at = cosines.argmax(axis=1)
            found = cosines[np.arange(len(at)), at]
            closer = found > nearest
            nearest[closer], which[closer] = found[closer], at[closer] + b
        pairs = zip(x.double(np.arange(a, rows.stop)), others.double(which), strict=True)
        exact = np.ones(rows.stop - a)
        for left, right in pairs:
            exact *= host((left * right).sum(axis=1))
        best[rows] = similarity.exactly(exact)
    return best


def sum_of_cosines(x: Directions, others: Directions) -> Floats:
    """(len(x),) the sum of the cosines of each with all of the others, in float64, without the cosines."""
    total: Any = 0
    for b in range(0, len(others), COLUMNS):
        parts = others.double(np.arange(b, min(b + COLUMNS, len(others))))
        total = total + (parts[0].sum(axis=0) if len(parts) == 1 else parts[0].T @ parts[1])
    out = np.zeros(len(x))
    for a in range(0, len(x) if len(others) else 0, COLUMNS):
        rows = np.arange(a, min(a + COLUMNS, len(x)))
        parts = x.double(rows)
        out[rows] = host(parts[0] @ total if len(parts) == 1 else ((parts[0] @ total) * parts[1]).sum(axis=1))
    return out
