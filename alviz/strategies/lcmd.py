"""LCMD: from the largest cluster, the sample farthest from its centre."""

from typing import Literal

import numpy as np

from alviz.checks import choice
from alviz.progress import Progress
from alviz.registry import Card
from alviz.strategies.base import Need, QueryStrategy, Selection, spread
from alviz.strategies.centres import Centres, measured
from alviz.strategies.device import Array, Floats, Indices, host
from alviz.strategies.pool import PoolView
from alviz.strategies.vectors import Dense, Vectors, squared_distances

ROWS = 4096
"""Candidates per matrix product."""


class LargestClusterMaximumDistance(QueryStrategy):
    name = "lcmd"
    card = Card(
        title="LCMD",
        family="diversity",
        idea="Every sample belongs to its nearest centre (labelled or picked), and clusters are as large as their squared distances add up to. "
        "Label the sample farthest from the centre of the largest cluster, make it a centre too, and go on.",
        formula="c* = argmax over centres c of Σ_{x in cluster c} ‖x − c‖²; then argmax over x in cluster c* of ‖x − c*‖; with no centre argmax ‖x‖",
        needs="last-layer gradients (from probabilities and embeddings), or embeddings (or features)",
        cost="O(n(d + K)(L + b)) time, O(n) memory",
        reference="Holzmüller, Zaverkin, Kästner and Steinwart, A framework and benchmark for deep batch active learning for regression (2023), "
        "selection method LCMD in mode TP (training samples are centres, too)",
        cites=("holzmuller2023lcmd",),
        shines="Spreads like k-center, but dense regions get more and lone outliers less; nothing is random.",
        fails="Does not know what the model is unsure of unless gradients tell; pools in one even cloud, where cluster sizes say little.",
        deviation="The paper's regression kernels give way to the last layer of a classifier: gradients under the predicted label (their "
        "last-layer kernel is space='embeddings'). No random sketching: factored gradients are exact. Where all clusters have size 0, the lowest index.",
        options={
            "space": "What distances are taken between: auto takes gradients where there are probabilities, else embeddings (or features).",
        },
    )
    needs: tuple[Need, ...] = (("gradients", "embeddings"),)  # type: ignore[misc]

    def __init__(self, space: Literal["auto", "gradients", "embeddings"] = "auto"):
        self.space = choice(f"{self.name}: space", space, ("auto", "gradients", "embeddings"))
        if space != "auto":
            self.needs = (space,)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """Exact picks. scores: distance to the nearest labelled sample (‖x‖ where nothing is labelled); gains: that to the centre at the pick."""
        points, labelled, norms = self._points(pool)
        clusters = Clusters(points, labelled, n_queries, pool.progress)
        scores = np.sqrt(clusters.squares) if len(labelled) else norms
        picks, gains = clusters.run(n_queries, int(norms.argmax()))
        return Selection(pool.candidates[picks], spread(pool, scores), gains)

    def _points(self, pool: PoolView) -> tuple[Vectors, Vectors, Floats]:
        """Candidates, labelled samples, and the candidates' lengths."""
        given = {"probabilities", "embeddings"} <= pool.provides or "gradients" in pool.provides
        if self.space == "gradients" or (self.space == "auto" and given):
            gradients = measured(pool.gradients, pool.progress)
            return gradients, pool.labelled_gradients, np.sqrt(host(gradients.squared_norms))
        x = pool.resident("embeddings")
        points, centred = measured(Dense(x), pool.progress), measured(Dense.centred(x), pool.progress)
        lengths = np.sqrt(host(points.squared_norms))
        # About the mean, distances are the same but their rounding is smaller: worth a subtraction per product for points far from 0.
        points = centred if host(points.squared_norms).mean() > 4 * host(centred.squared_norms).mean() else points
        return points, Dense(pool.resident_labelled("embeddings"), points.origin), lengths


class Clusters:
    """The candidates, each with its nearest centre: `closest` (n,) numbers of centres, `squares` (n,) squared distances.

    Centres are the labelled samples, then the picks. Equal distances stay with the earlier centre. Distances come from products in the
    dtype of the data, with a bound `error` (n,) on their rounding; where that leaves a decision open, float64 decides: which centre is
    nearer, which cluster larger, which sample farther.
    """

    def __init__(self, points: Vectors, labelled: Vectors, n_picks: int, progress: Progress):
        n = len(points)
        self.points = points
        self.centres = Centres(points, labelled)
        self.squares = np.full(n, np.inf)
        self.closest = np.zeros(n, dtype=np.int64)
        self._error = np.zeros(n)
        self._norms = host(points.squared_norms)
        largest = float(self._norms.max())
        self._double = not 1e-20 < largest < 1e30  # float32 products would vanish or overflow
        self._exact = points.take(slice(0, 0)).double().noise
        self._progress = progress
        self._share, self._weight = 0.0, len(labelled) / 20 / (len(labelled) / 20 + n_picks)
        for number, some in self.centres.parts():
            if number < len(labelled):
                self._share = self._weight * number / len(labelled)
                self._add(number, some)

    def run(self, n_picks: int, first: int) -> tuple[Indices, Floats]:
        """The picks (rows) and the distance of each to its centre when it was picked: NaN for a first one without centres."""
        gains = np.empty(n_picks)
        free = np.ones(len(self.points), dtype=bool)
        for i in range(n_picks):
            self._share = self._weight + (1 - self._weight) * i / n_picks
            number = len(self.centres)
            pick = self._farthest(free) if number else first
            if number:
                self._measure(np.array([pick]), int(self.closest[pick]))
            gains[i], free[pick] = np.sqrt(self.squares[pick]) if number else np.nan, False
            self.centres.picks.append(pick)
            self._add(number, self.centres.one(number))
            self.squares[pick] = self._error[pick] = 0.0
        return np.array(self.centres.picks, dtype=np.int64), gains

    def _add(self, number: int, some: Vectors) -> None:
        """Let every candidate see centres, the first of which has this number."""
        far = host(some.squared_norms)
        exact = some.double()
        e = self._exact if self._double else self.points.noise
        some = exact if self._double else some
        for a in range(0, len(self.points), ROWS):
            self._progress(self._share)
            rows = slice(a, a + ROWS)
            points = self.points.take(rows)
            found = squared_distances(points.double() if self._double else points, some)
            square = np.asarray(host(found), dtype=np.float64)
            norms, best, error = self._norms[rows], self.squares[rows], self._error[rows]
            column = square.argmin(axis=1)
            least = square[np.arange(len(square)), column]
            noise = 2 * e * (norms + far[column])
            doubtful = np.abs(least - best) <= noise + error
            if len(far) > 1:  # another of the new centres may be as near
                square[np.arange(len(square)), column] = np.inf
                doubtful |= (least <= best + noise + error) & (square.min(axis=1) - least <= noise + 2 * e * (norms + far.max()))
            closer = least < best
            best[closer], error[closer] = least[closer], noise[closer]
            self.closest[rows][closer] = column[closer] + number
            self._settle(np.flatnonzero(doubtful) + a)

    def _settle(self, rows: Indices) -> None:
        """Give the rows their nearest of all centres in float64."""
        for a in range(0, len(rows), ROWS):
            part = rows[a : a + ROWS]
            points = self.points.take(part).double()
            best, closest = np.full(len(part), np.inf), np.zeros(len(part), dtype=np.int64)
            for number, some in self.centres.parts():
                self._progress(self._share)
                square = host(squared_distances(points, some.double()))
                column = square.argmin(axis=1)
                least = square[np.arange(len(part)), column]
                closer = least < best
                best[closer], closest[closer] = least[closer], column[closer] + number
            self.squares[part], self.closest[part], self._error[part] = best, closest, 0.0

    def _farthest(self, free: Array) -> int:
        """The free row farthest from its centre in the largest cluster; ties: lowest row."""
        sizes = self._sizes()
        slack = self._sizes(self._error)
        rivals = np.flatnonzero(sizes + slack >= (sizes - slack).max())
        if len(rivals) > 1:
            for cluster in rivals[slack[rivals] > 0]:
                rows = np.flatnonzero((self.closest == cluster) & (self._error > 0))
                self._measure(rows, int(cluster))
            sizes = self._sizes()
            rivals = rivals[sizes[rivals] >= sizes[rivals].max() * (1 - 1e-12)]
        inside = self.closest == rivals[0] if len(rivals) == 1 else np.isin(self.closest, rivals)
        rows = np.flatnonzero(inside & free)
        reach = self.squares[rows] + self._error[rows]
        last = rows[reach >= (self.squares[rows] - self._error[rows]).max()]
        if len(last) > 1:
            for cluster in np.unique(self.closest[last]):
                self._measure(last[(self.closest[last] == cluster) & (self._error[last] > 0)], int(cluster))
        return int(last[self.squares[last].argmax()])

    def _measure(self, rows: Indices, cluster: int) -> None:
        """Bring the squared distances of rows to their common centre to float64."""
        centre = self.centres.one(cluster).double()
        for a in range(0, len(rows), ROWS):
            self._progress(self._share)
            part = rows[a : a + ROWS]
            self.squares[part], self._error[part] = host(squared_distances(self.points.take(part).double(), centre))[:, 0], 0.0

    def _sizes(self, weights: Floats | None = None) -> Floats:
        """(centres,) sums of the squared distances, or of other weights, by cluster."""
        weights = self.squares if weights is None else weights
        return np.asarray(np.bincount(self.closest, weights=weights, minlength=len(self.centres)), dtype=np.float64)
