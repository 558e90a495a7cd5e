"""D² sampling (k-means++ seeding), exact, with distances computed only where a draw asks for them."""

import numpy as np

from alviz.progress import Progress, silent
from alviz.strategies.centres import Centres
from alviz.strategies.device import Floats, Indices, host, namespace
from alviz.strategies.vectors import Vectors, squared_distances

ROWS = 2048
"""Points per matrix product."""

PATIENCE = 1.0
"""Cost of the proposals turned down, in costs of bringing all bounds up to date, after which that is done."""

PROPOSALS = (32, 512)
"""Proposals drawn at once, at least and at most; between them, as many as there are centres: the more there are, the less one more changes."""


class SquaredDistanceSampling:
    """Picks points one by one, each with probability proportional to D², its squared distance to the nearest centre; picks become centres.

    points: n vectors. centres: vectors of the same kind that are centres from the start. first: the row to pick first; without it and
    without centres the first pick is uniform. weights: (n,) positive; the probability of a point is proportional to weight · D², and of a
    first one to its weight. Points at distance 0 are picked only when nothing else is left, and then uniformly.

    Distances only fall as centres are added. So `upper` (n,), distances to the centres up to some earlier one, bounds them from above, and
    a row proposed with probability proportional to `upper` and accepted with probability D² / upper is a draw proportional to D², whatever
    `upper` is. A batch of proposals is drawn from one `upper`; the picks made on the way only change the later proposals' D², which are known
    from one small matrix product. All bounds are brought up to date, in one large product, when the proposals turned down
    since the last time have cost as much as that will.

    D² of a proposal is computed in float64. `upper` of float32 points comes from float32 products and allows for their rounding, until
    that costs too many proposals (tight clusters): from then on float64 products serve.
    """

    def __init__(
        self,
        points: Vectors,
        rng: np.random.Generator,
        *,
        first: int | None = None,
        centres: Vectors | None = None,
        weights: Floats | None = None,
        progress: Progress = silent,
    ):
        self.points = points
        self.centres = Centres(points, centres)
        self.first = first
        self.weights = weights
        self.rng = rng
        self.progress = progress
        self._upper = np.full(len(points), np.inf)
        self._seen = 0  # centres that every bound knows
        self._wasted = 0.0
        largest = float(points.squared_norms.max())
        self._exact = points.noise < 1e-10 or not 1e-20 < largest < 1e30  # float32 products would do nothing, or overflow
        self._share = 0.0

    def run(self, n_picks: int) -> tuple[Indices, Floats]:
        """The picks (rows, in order) and the D² of each when it was picked: NaN for a first one without centres."""
        gains: list[float] = []
        if not len(self.centres):
            self.centres.picks.append(self._first() if self.first is None else self.first)
            gains.append(np.nan)
        while len(self.centres.picks) < n_picks:
            self._share = len(self.centres.picks) / n_picks
            self.progress(self._share)
            if not self._seen:
                self._refresh()
            cumulative = np.cumsum(self._upper if self.weights is None else self._upper * self.weights)
            if cumulative[-1] <= 0:
                free = np.setdiff1d(np.arange(len(self.points)), self.centres.picks)
                rest = n_picks - len(self.centres.picks)
                self.centres.picks += self.rng.choice(free, rest, replace=False).tolist()
                gains += [0.0] * rest
                break
            gains += self._draw(cumulative, n_picks - len(self.centres.picks))
        return np.array(self.centres.picks, dtype=np.int64), np.array(gains)

    def _first(self) -> int:
        if self.weights is None:
            return int(self.rng.integers(len(self.points)))
        return int(self.rng.choice(len(self.points), p=self.weights / self.weights.sum()))

    def _draw(self, cumulative: Floats, wanted: int) -> list[float]:
        """Make up to `wanted` picks from one batch of proposals, and return their D²."""
        size = int(np.clip(len(self.centres), *PROPOSALS))
        total = cumulative[-1]
        # Strictly below the total, so that what is found has a bound above 0.
        spots = np.minimum(self.rng.random(size) * total, np.nextafter(total, 0.0))
        proposals = np.searchsorted(cumulative, spots, side="right")
        levels = self.rng.random(size) * self._upper[proposals]
        rows, at = np.unique(proposals, return_inverse=True)
        points = self.points.take(rows).double()
        squares = self._to_centres(points)
        among = host(squared_distances(points, points))
        slack = float((squares[at] < 0.5 * self._upper[proposals]).mean()) if self._seen == len(self.centres) else 0.0
        gains: list[float] = []
        used = 0
        for level, j in zip(levels.tolist(), at.tolist(), strict=True):
            if len(gains) == wanted:
                break
            used += 1
            if level < squares[j]:
                self.centres.picks.append(int(rows[j]))
                gains.append(float(squares[j]))
                np.minimum(squares, among[j], out=squares)
                squares[j] = 0.0
        self._upper[rows] = squares
        turned_down = (used - len(gains)) / size
        if slack > 0.5 and not self._exact:  # bounds knew every centre: it is rounding that keeps them high
            self._exact, self._seen = True, 0
        self._wasted += turned_down * (size * (2 * (len(self.centres) + size) + 64) + len(self._upper) / 2)
        if self._wasted > PATIENCE * len(self._upper) * (len(self.centres) - self._seen + 8):
            self._refresh()
        return gains

    def _to_centres(self, rows: Vectors) -> Floats:
        """(rows,) squared distances to the nearest of all centres, in float64."""
        best = np.full(len(rows), np.inf)
        for _, centres in self.centres.parts():
            np.minimum(best, host(namespace(rows.squared_norms).min(squared_distances(rows, centres.double()), axis=1)), out=best)
        return best

    def _refresh(self) -> None:
        """Let every bound see every centre."""
        for _, centres in self.centres.parts(self._seen):
            centres = centres.double() if self._exact else centres
            for a in range(0, len(self.points), ROWS):
                self.progress(self._share)
                rows = slice(a, a + ROWS)
                points = self.points.take(rows)
                bound = self._squares(points.double(), centres) if self._exact else self._bounds(points, centres)
                np.minimum(self._upper[rows], bound, out=self._upper[rows])
        self._upper[self.centres.picks] = 0.0
        self._seen, self._wasted = len(self.centres), 0.0

    @staticmethod
    def _squares(points: Vectors, centres: Vectors) -> Floats:
        square = squared_distances(points, centres)
        return host(namespace(square).min(square, axis=1))

    @staticmethod
    def _bounds(points: Vectors, centres: Vectors) -> Floats:
        """(points,) bounds from above on the squared distance to the nearest of the centres, from products in the dtype of the data."""
        square = points.products(centres)
        xp = namespace(square)
        square *= -2
        square += xp.astype(centres.squared_norms, square.dtype)
        least = np.asarray(host(xp.min(square, axis=1)), dtype=np.float64)
        norms = host(points.squared_norms)
        e = points.noise
        # The nearest centre y has ‖y‖² ≤ 2 ‖x‖² + 2 ‖x − y‖², so rounding is bounded by what is known of x; the last term: underflow.
        bound: Floats = (np.maximum(least + norms, 0.0) + 3 * e * norms) / (1 - 2 * e) + 1e-30
        return bound
