"""Lazy greedy maximisation of coverage: the exact greedy picks, with few of the products."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.progress import Progress, silent
from alviz.strategies.device import Array, Indices, host, namespace
from alviz.strategies.directions import COLUMNS, ROWS, Directions, Floats, Similarity

FIRST = 64
"""Candidates that are brought up to date together at first; twice as many each time that is not enough."""

PAIRS = 16_000_000
"""Pairs of a candidate and a point that it covers better than the point is covered: kept, with their similarity, where there are no more."""

HISTORY = 16
"""Changes of coverage that are remembered, per point; candidates that have missed older ones are evaluated afresh."""


@dataclass(frozen=True)
class Pairs:
    """For every candidate some points with their similarity: those from starts[i] to starts[i + 1]."""

    starts: Indices
    points: NDArray[np.int32]
    similarities: Array

    @classmethod
    def of(cls, found: list[list[tuple[Indices, Indices, Array]]], m: int) -> "Pairs":
        """Pairs of m candidates. found: for each ROWS candidates in turn, (candidate, counted within them; point; similarity) in parts."""
        sizes = np.zeros(m, dtype=np.int64)
        points, similarities = [], []
        for block, parts in enumerate(found):
            row = np.concatenate([part[0] for part in parts])
            order = np.argsort(row, kind="stable")
            first = block * ROWS
            sizes[first : first + ROWS] = np.bincount(row, minlength=min(ROWS, m - first))
            points.append(np.concatenate([part[1] for part in parts])[order])
            similarities.append(np.concatenate([part[2] for part in parts])[order])
            parts.clear()
        return cls(np.concatenate([[0], np.cumsum(sizes)]), np.concatenate(points), np.concatenate(similarities))

    def gains(self, rows: Indices, weights: Floats, cover: Floats) -> Floats:
        """(rows,) Σ w (s − cover)₊ over the points of each."""
        out = np.zeros(len(rows))
        for k, i in enumerate(rows):
            own = slice(self.starts[i], self.starts[i + 1])
            points = self.points[own]
            part = self.similarities[own] - cover[points]
            np.maximum(part, 0.0, out=part)
            out[k] = part @ weights[points]
        return out


class Coverage:
    """Greedy maximiser of F(A) = Σ_j w_j max(base_j, max_{i ∈ A} min(s_ij, caps_j)) + Σ_{i ∈ A} bonus_i over sets A of candidates i.

    candidates, points: directions whose similarity is s; points None: the candidates themselves (then s is computed once for both
    orders). weights (default 1), base (default 0), caps (default none): per point, ≥ 0. bonus: per candidate (default 0).

    The gain of a candidate falls as picks are made (F is submodular), so what it was bounds it from above. A pick changes the cover of the
    points that it is nearest to only; a candidate is brought up to date, with the others that rival for the next pick, over the
    points whose cover has changed since it was last looked at. Once there are few enough pairs of a candidate and a point that it covers
    better than the picks do (there never are more of them later), these are kept, and products with them are needed no more.
    Candidates that rounding could confuse are compared in float64. The picks are those of the naive algorithm with ties (1e-13 of Σ w) to the lowest row.
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
        self.share = 0.0  # of the work that is done, once there are gains
        self.pairs: Pairs | None = None
        self.value = self._sweep(self._few())
        covered = self.value + float(self.weights @ self.cover)  # at least Σ w s over the points that a candidate covers better
        self.slack = similarity.error(self.eps, covered, float(self.weights.sum())) + self.eps * np.abs(self.bonus)
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
            self.share = 0.3 + 0.7 * t / n_picks
            self.progress(self.share)
            if self.pairs is None and 0 < t < n_picks - 1 and self._few():
                self.value = np.minimum(self.value, self._sweep(True))
                self.stamp[:] = t
                upper = np.where(upper > -np.inf, np.minimum(upper, self.value + self.slack), upper)
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

    def _few(self) -> bool:
        """Whether the pairs to keep are few enough, judged by some of the candidates."""
        m, n = len(self.rows), len(self.columns)
        if m * n <= PAIRS:
            return True
        some, found = np.arange(0, m, -(-m // FIRST)), 0
        for b in range(0, n, COLUMNS):
            s = self.similarity(self.rows.cosines(some, self.columns, slice(b, b + COLUMNS)))
            found += int((host(s) > self.cover[b : b + COLUMNS]).sum())
        return found / len(some) * m <= 0.9 * PAIRS

    def _sweep(self, keep: bool) -> Floats:
        """(m,) gain of every candidate now. keep: keep the pairs that count from now on."""
        m, n = len(self.rows), len(self.columns)
        gain = np.zeros(m)
        found: list[list[tuple[Indices, Indices, Array]]] = [[] for _ in range(0, m, ROWS)]
        for a in range(0, m, ROWS):
            rows = slice(a, min(a + ROWS, m))
            for b in range(a if self.symmetric else 0, n, ROWS):
                self.progress(self.share if self.share else 0.3 * min(1.0, (a + ROWS * b / n) / m))
                columns = slice(b, min(b + ROWS, n))
                s = self.similarity(self.rows.cosines(rows, self.columns, columns))
                self._add(s, columns, gain[rows], found[a // ROWS] if keep else None)
                if self.symmetric and b > a:
                    self._add(s.T, rows, gain[columns], found[b // ROWS] if keep else None)
        if keep:
            self.pairs = Pairs.of(found, m)
        return gain + self.bonus

    def _add(self, s: Any, columns: slice, gain: Floats, found: list[tuple[Indices, Indices, Array]] | None = None) -> None:
        """Enter what the points `columns`, of similarity s to some candidates, add to these candidates' gains; and the pairs found."""
        cover = self._beside(self.cover[columns], s)
        if self.caps is not None:
            s = namespace(s).minimum(s, self._beside(self.caps[columns], s))
        if found is not None:
            s, cover = host(s), host(cover)
            i, j = np.nonzero(s > cover)
            values = s[i, j]
            gain += np.bincount(i, (values - self.cover[columns][j]) * self.weights[columns][j], minlength=len(gain))
            found.append((i.astype(np.int32), (j + columns.start).astype(np.int32), values))
            return
        if self.caps is not None or self.cover[columns].any():
            s = s - cover
            s[s < 0] = 0
        gain += host(s @ self._beside(self.weights[columns], s))

    def _refresh(self, rows: Indices, t: int) -> None:
        """Bring the gains of some candidates up to date; they never rise."""
        before = self.value[rows]
        if self.pairs is not None:
            self.value[rows] = self.pairs.gains(rows, self.weights, self.cover) + self.bonus[rows]
        else:
            old = self.stamp[rows] < self.oldest
            if old.any():
                self._afresh(rows[old])
            self._catch_up(rows[~old], t)
        self.value[rows] = np.clip(self.value[rows], 0.0, before)
        self.stamp[rows] = t

    def _afresh(self, rows: Indices) -> None:
        for a in range(0, len(rows), ROWS):
            self.progress(self.share)
            some = rows[a : a + ROWS]
            gain = self.bonus[some]
            for b in range(0, len(self.columns), COLUMNS):
                columns = slice(b, b + COLUMNS)
                self._add(self.similarity(self.rows.cosines(some, self.columns, columns)), columns, gain)
            self.value[some] = gain

    def _catch_up(self, rows: Indices, t: int) -> None:
        """Take off what the picks since each candidate's stamp have covered: Σ w (clip(s, cover then, cover now) − cover then)."""
        rows = rows[np.argsort(-self.stamp[rows], kind="stable")]
        for a in range(0, len(rows), ROWS):
            self.progress(self.share)
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

    @staticmethod
    def _beside(values: Floats, s: Any) -> Any:
        """values in the dtype of s, where s lives."""
        if isinstance(s, np.ndarray):
            return values.astype(s.dtype)
        return namespace(s).asarray(values, dtype=s.dtype, device=s.device)
