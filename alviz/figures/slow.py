"""Slow motion: a round walked through phase by phase, on the map and in a strip beside it."""

from typing import Any

import numpy as np

from alviz.figures import palette
from alviz.figures.base import NEUTRAL, Drawing, bare_axis, escape, layout
from alviz.figures.embedding import GL_FROM
from alviz.figures.slow_strip import MAP, axes, placed, scale, star, strip
from alviz.figures.slow_words import words
from alviz.figures.toy import boundary_lines
from alviz.figures.walk import Stop, Walk


def slow_motion(walk: Walk, stop: Stop) -> Drawing:
    """The round at one stop (see `alviz.figures.walk.stops`).

    "scores": the pool in the colours of its scores. "ranking": those above the batch's cut stand out. "picks": stars, the newest largest. "labels":
    the picks in their classes' colours and marks, a ring around those that the model had predicted otherwise. "model": the samples whose prediction has
    changed, in the new class's; on a plane the boundary before (dotted) and after. The pool's arrays are the same at every stop, so that a page that has them
    needs little more.
    """
    maker = _Map(walk)
    data = {"scores": maker.scores, "ranking": maker.ranking, "picks": maker.picks, "labels": maker.labels, "model": maker.model}[
        stop.phase
    ](stop)
    beside, place = strip(walk, stop)
    drawn = [trace for trace in data if len(trace["x"])]
    look = layout(
        f"slow motion {walk.title}",  # not the map's: plotly would keep this fixed range for the map, which has none
        xaxis=bare_axis(domain=MAP, range=maker.range(0), automargin=False),
        yaxis=bare_axis(range=maker.range(1), scaleanchor="x", automargin=False),
        margin={"l": 8, "r": 8, "t": 2, "b": 2},
        dragmode="lasso",
        barmode="overlay",
        **axes(place),
    )
    corner = {"x": 0, "y": 0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom", "showarrow": False}
    look["annotations"] = [*look["annotations"], *maker.numbered(stop), {**corner, "text": escape(walk.title)}]
    return Drawing({"data": [*drawn, *beside], "layout": look}, words(walk, stop))


CROWD = 5000
"""Of larger pools the points are smaller: one would see a single blot."""


class _Map:
    """Makes the traces of the map; the pool's are the same arrays at every stop."""

    def __init__(self, walk: Walk):
        self.walk = walk
        self.x, self.y = np.ascontiguousarray(walk.points.T, dtype=np.float32)
        self.many = len(walk.points) > GL_FROM
        self.small = min(1.0, (CROWD / max(len(walk.points), 1)) ** 0.25)
        self.k = walk.dataset.n_classes
        self.names = walk.dataset.class_names

    def range(self, axis: int) -> list[float]:
        """Fixed, so that marks that come and go move nothing."""
        values = (self.x, self.y)[axis]
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        room = 0.05 * ((high - low) or 1)
        return [low - room, high + room]

    def scores(self, _: Stop) -> list[dict[str, Any]]:
        return [*self._pool(0.6), self._rings()]

    def ranking(self, stop: Stop) -> list[dict[str, Any]]:
        above = self.walk.ranked[: min(self.walk.cut, placed(self.walk, stop))]
        marker = {"symbol": "circle-open", "size": 11, "opacity": 1, "color": "var(--alviz-text)", "line": {"width": 1.5}}
        return [*self._pool(0.35), self._rings(), self._trace(above, "above the cut", marker)]

    def picks(self, stop: Stop) -> list[dict[str, Any]]:
        marked = self.walk.now.queried[: stop.picks]
        earlier, fresh = marked[: stop.picks - stop.new], marked[stop.picks - stop.new :]
        small, large = (11, 18) if len(self.walk.now.queried) <= 100 else (8, 12)
        return [
            *self._pool(0.35),
            self._rings(),
            self._trace(earlier, "picked", star(small)),
            self._trace(fresh, "just picked", star(large)),
        ]

    def labels(self, _: Stop) -> list[dict[str, Any]]:
        walk = self.walk
        surprising = walk.now.queried[walk.surprises]
        ring = {"symbol": "circle-open", "size": 21, "opacity": 1, "color": palette.ACCENT, "line": {"width": 2}}
        given = self._trace(walk.now.queried, "labelled now", self._classes(walk.now.labels, 12), walk.now.labels)
        return [*self._pool(0.35, flat=True), self._rings(), self._trace(surprising, "surprises", ring), given]

    def model(self, _: Stop) -> list[dict[str, Any]]:
        walk = self.walk
        lines = []
        if walk.moved is not None:
            grid = (np.asarray(walk.moved.x, dtype=np.float32), np.asarray(walk.moved.y, dtype=np.float32))
            if walk.moved.before is not None:
                lines += boundary_lines(walk.moved.before, grid, NEUTRAL, "dot")
            lines += boundary_lines(walk.moved.now, grid, "var(--alviz-text)")
        ids = walk.rest if walk.before is None else walk.flipped
        marker = self._classes(walk.predicted[ids], 4 if walk.before is None else 9 if len(ids) <= 500 else 6)
        changed = self._trace(ids, "predicted" if walk.before is None else "changed", marker, walk.predicted[ids])
        return [*lines, *self._pool(0.3, flat=True), self._rings(0.4), changed, self._trace(walk.now.queried, "labelled now", star(9))]

    def numbered(self, stop: Stop) -> list[dict[str, Any]]:
        """The number of a pick that is marked by itself."""
        if stop.phase != "picks" or stop.new != 1:
            return []
        i = int(self.walk.now.queried[stop.picks - 1])
        at = {"x": float(self.x[i]), "y": float(self.y[i]), "xref": "x", "yref": "y", "yshift": 17, "showarrow": False}
        return [{**at, "text": f"<b>{stop.picks}</b>", "bgcolor": "var(--alviz-surface)", "borderpad": 1}]

    def _pool(self, opacity: float, flat: bool = False) -> list[dict[str, Any]]:
        """The pool in the colours of its scores, the highest on top; larger means higher as well, for eyes that cannot tell the colours apart. flat: without both."""
        walk = self.walk
        ids = walk.ranked[::-1]
        plain = {"size": round((3 if self.many else 4) * self.small, 1), "opacity": opacity, "color": palette.POOL}
        others = self._trace(walk.unscored, "not scored", plain)
        if flat or not len(ids):
            return [others, self._trace(ids, "pool", plain)]
        assert walk.now.scores is not None
        scores, colors = walk.now.scores[ids], scale(walk)
        size = self.small * (2.5 + 4.5 * (scores - colors["cmin"]) / (colors["cmax"] - colors["cmin"]))
        scored = self._trace(
            ids,
            "pool",
            {"size": size.astype(np.float32), "opacity": opacity, "line": {"width": 0}, "color": scores.astype(np.float32), **colors},
        )
        scored["hovertemplate"] = "<b>#%{customdata:d}</b><br>score %{marker.color:.3g}<extra></extra>"
        return [others, scored]

    def _rings(self, opacity: float = 0.5) -> dict[str, Any]:
        look = {"opacity": opacity, "color": palette.POOL} if self.small == 1 else {"opacity": 0.8, "color": "var(--alviz-text)"}
        marker = {"symbol": palette.ring_numbers(1)[0], "size": 7, **look, "line": {"width": 1}}
        return self._trace(self.walk.labelled, "labelled before", marker)

    def _classes(self, codes: Any, size: int) -> dict[str, Any]:
        """Colours and shapes by class; −1: no answer."""
        shapes = np.array([palette.NO_CLASS_NUMBER, *palette.symbol_numbers(self.k)], dtype=np.int16)
        return {
            "size": size,
            "opacity": 1,
            "symbol": shapes[codes + 1],
            "color": codes.astype(np.int16),
            "colorscale": palette.steps([palette.POOL, *palette.class_colors(self.k)]),
            "cmin": -1.5,
            "cmax": self.k - 0.5,
            "line": {"width": 1 if size > 6 else 0, "color": "white"},
        }

    def _trace(self, ids: Any, name: str, marker: dict[str, Any], codes: Any = None) -> dict[str, Any]:
        """codes: the class of every sample, told when pointed at."""
        ids = np.asarray(ids, dtype=np.int64)
        own = ids.astype(np.int32)
        hover: dict[str, Any] = {"customdata": own, "hovertemplate": "<b>#%{customdata:d}</b><extra></extra>"}
        if codes is not None:
            hover["alviz_codes"] = (codes + 1).astype(np.uint16)
            hover["alviz_names"] = ["no label", *map(escape, self.names)]
            hover["hovertemplate"] = "<b>#%{customdata:d}</b> %{text}<extra></extra>"
        return {
            "type": "scattergl" if self.many else "scatter",
            "mode": "markers",
            "name": name,
            "x": self.x[ids],
            "y": self.y[ids],
            "marker": marker,
            "unselected": {"marker": {"opacity": marker["opacity"]}},  # what was selected before is not what the walk is about
            **hover,
            "alviz_ids": own,
        }
