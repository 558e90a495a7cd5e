"""Farthest-first traversal of points that live on a device."""

from typing import Any

import numpy as np

from alviz.progress import Progress, silent
from alviz.strategies.device import Floats, Indices, block_rows, host, namespace


class ResidentFarthestFirst:
    """`FarthestFirst` for torch tensors on a device that is quick at plain work: all distances after every pick, from float64 differences.

    points: (n, d). free: (n,) bool, the points that may be picked. centres: (l, d), where points are. The same picks but for near-ties (sums
    are added up in another order there); the memory beside the points is one block and a few numbers per point.
    """

    def __init__(self, points: Any, free: Any, n_picks: int, centres: Any, progress: Progress = silent):
        self.points = points
        self.free = free
        self.centres = centres
        self.n_picks = n_picks
        self.progress = progress
        xp = self._xp = namespace(points)
        self._nearest = xp.full(len(points), float("inf"), dtype=xp.float64, device=points.device)
        self._seen = 0  # centres, initial ones and picks

    def distances(self) -> Floats:
        """(n,) distance of every point to its nearest initial centre, NaN when there is none. To be asked before any pick."""
        while self._seen < len(self.centres):
            self._see(self.centres[self._seen])
        return host(self._xp.sqrt(self._nearest)) if self._seen else np.full(len(self.points), np.nan)

    def run(self) -> tuple[Indices, Floats]:
        """The picks (rows of points, in order) and each one's distance to its nearest centre then, NaN for a first one without centres."""
        self.distances()
        xp = self._xp
        free = xp.asarray(self.free, copy=True)
        picks, gains = np.empty(self.n_picks, dtype=np.int64), np.empty(self.n_picks)
        for i in range(self.n_picks):
            if self._seen:
                picks[i] = int(xp.argmax(xp.where(free, self._nearest, -xp.ones_like(self._nearest))))
                gains[i] = float(self._nearest[picks[i]]) ** 0.5
            else:
                picks[i], gains[i] = self._central(), np.nan
            free[picks[i]] = False
            self._see(self.points[picks[i]])
        return picks, gains

    def _see(self, centre: Any) -> None:
        """Let every point see one more centre (d,)."""
        self.progress(self._seen / (len(self.centres) + self.n_picks))
        self._nearest = self._xp.minimum(self._nearest, self._squares_to(centre))
        self._seen += 1

    def _central(self) -> int:
        """The free point nearest to the mean of the free points."""
        xp = self._xp
        weights = xp.astype(self.free, xp.float64)
        weights /= xp.sum(weights)
        mean = sum(weights[rows] @ xp.astype(self.points[rows], xp.float64) for rows in self._blocks())
        square = self._squares_to(mean)
        return int(xp.argmin(xp.where(self.free, square, square + float("inf"))))

    def _squares_to(self, centre: Any) -> Any:
        """(n,) squared distances to one point (d,)."""
        xp = self._xp
        centre = xp.astype(centre, xp.float64)
        parts = []
        for rows in self._blocks():
            difference = xp.astype(self.points[rows], xp.float64) - centre
            parts.append(xp.vecdot(difference, difference))
        return xp.concat(parts)

    def _blocks(self) -> list[slice]:
        step = block_rows(self.points.shape[1], 16)
        return [slice(a, a + step) for a in range(0, len(self.points), step)]
