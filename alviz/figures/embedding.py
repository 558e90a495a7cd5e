"""The embedding map: the whole pool in the plane, with what is labelled and what was just queried."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alviz.data.dataset import Dataset
from alviz.figures import palette
from alviz.figures.balance import share_sentence
from alviz.figures.base import CLEAR, NEUTRAL, Drawing, bare_axis, escape, label, layout, number, percent, plural, spoken, whole_ticks
from alviz.loop.round import Round

GL_FROM = 1000
"""Above this many points WebGL draws the map, all of it, as it always lies above SVG. SVG needs ten times as long for 5,000 points; a page has few WebGL
contexts, so small maps stay SVG."""

LEGEND_UP_TO = 10
"""With more classes than this the pool is one trace and the legend leaves the classes out."""

Color = Literal["class", "prediction", "score", "round"]


def embedding_map(
    points: NDArray[Any],
    dataset: Dataset,
    round: Round | None,
    labelled_in_round: NDArray[np.int64],
    *,
    color: Color = "class",
    queried: ArrayLike | None = None,
    labels: NDArray[np.int64] | None = None,
    reveal: bool = True,
    title: str = "",
    trustworthiness: float | None = None,
) -> Drawing:
    """All n samples at `points` (n, 2): the pool small and pale, labelled samples ringed, the round's queries as stars on top.

    round: the round shown, or None before the start. labelled_in_round: (n,), −1 = unlabelled; what was labelled after `round` counts as pool.
    color: by "class", "prediction" (round.probabilities), "score" (round.scores) or the "round" in which a sample was labelled.
    queried: dataset indices drawn as stars (default: round.queried). labels: (n,) what the oracle said, −1 = nothing yet (default: the dataset's targets). reveal: show the
    true classes of the pool too; without it only labelled samples show theirs. title: the projection's name, trustworthiness: its quality in [0, 1];
    both stand in the corner. Raises ValueError for points that do not fit the dataset, and for an unknown colour.
    """
    n = len(dataset)
    if points.shape != (n, 2):
        raise ValueError(f"points: wanted ({n}, 2), one row per sample, got {points.shape}")
    if color not in ("class", "prediction", "score", "round"):
        raise ValueError(f"color: wanted 'class', 'prediction', 'score' or 'round', got {color!r}")
    given = (np.empty(0, dtype=np.int64) if round is None else round.queried) if queried is None else queried
    stars = np.asarray(given, dtype=np.int64)
    labelled = (labelled_in_round >= 0) & (labelled_in_round <= (-1 if round is None else round.index))
    said = dataset.targets if labels is None else labels
    pool_class = dataset.targets if reveal else np.full(n, -1, dtype=np.int64)
    known = np.where(labelled & (said >= 0), said, pool_class)
    rings = labelled.copy()
    rings[stars] = False
    pool = ~labelled
    pool[stars] = False
    maker = _Traces(points, dataset, round, known, labelled_in_round, color)
    data = [*maker.pool(np.flatnonzero(pool)), maker.rings(np.flatnonzero(rings)), maker.stars(stars)]
    drawn = [trace for trace in data if len(trace["x"])]
    measured = trustworthiness is not None and np.isfinite(trustworthiness)
    quality = f"trustworthiness {trustworthiness:.2f}" if measured else ""
    corner = " · ".join(filter(None, [escape(title), quality]))
    note: dict[str, Any] = {"text": corner, "x": 0, "y": 0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    note["showarrow"] = False
    if quality:
        note["hovertext"] = "Of each sample's neighbours on the map: how far they are neighbours in the features too. 1 is best."
    look = layout(
        f"embedding {title}",
        xaxis=bare_axis(),
        yaxis=bare_axis(scaleanchor="x"),
        showlegend=True,
        margin={"l": 8, "r": 8, "t": 2, "b": 2},  # thirteen legend entries fit into the 270 pixels of a small page without a scroll bar
        legend={"x": 1, "y": 1, "xanchor": "left", "yanchor": "top", "traceorder": "normal", "bgcolor": CLEAR, "tracegroupgap": 0},
        dragmode="lasso",
        annotations=[note] if corner else [],
    )
    return Drawing({"data": [*maker.legend(drawn), *drawn], "layout": look}, map_reading(dataset, round, labelled, stars, color))


BAR: dict[str, Any] = {"thickness": 10, "len": 0.6, "y": 0, "yanchor": "bottom", "outlinewidth": 0}
"""Colour bars stand below the legend."""


def _entry(name: str, group: str, marker: dict[str, Any]) -> dict[str, Any]:
    return {"type": "scatter", "mode": "markers", "name": name, "legendgroup": group, "x": [None], "y": [None], "marker": marker}


class _Traces:
    """Makes the traces of one map; the three kinds of points share colours and hover text."""

    def __init__(self, points: Any, dataset: Dataset, round: Round | None, known: Any, labelled_in_round: Any, color: Color):
        self.x, self.y = np.ascontiguousarray(points.T, dtype=np.float32)
        self.n = len(points)
        # The more points, the paler each: overlaid they must stay behind the rings.
        self.pale = {"size": 4 if self.n <= GL_FROM else 3, "opacity": 0.5 if self.n <= 1000 else 0.35}
        self.names = dataset.class_names
        self.k = dataset.n_classes
        self.colors = palette.class_colors(self.k)
        self.known = known
        self.labelled_in_round = labelled_in_round
        self.color = color
        self.predicted = None if round is None else round.probabilities.argmax(axis=1)
        self.confidence = None if round is None else round.probabilities.max(axis=1)
        self.scores = None if round is None else round.scores
        self.codes = known if self.predicted is None or color != "prediction" else self.predicted

    def legend(self, drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Traces without points that explain colours and shapes at full strength: a class has the ring of its labelled samples, the pool its
        small point. Clicking an entry still hides what it stands for."""
        entries = []
        if self.color in ("class", "prediction") and self.k <= LEGEND_UP_TO:
            rings = {code for trace in drawn if trace.get("legendgroup") == "labelled" for code in trace["marker"]["color"].tolist()}
            for k, (name, color, shape) in enumerate(zip(self.names, self.colors, palette.ring_numbers(self.k), strict=True)):
                if k in rings or any(trace.get("legendgroup") == f"class {k}" for trace in drawn):
                    entries.append(_entry(label(name), f"class {k}", {"symbol": shape, "size": 9, "color": color, "line": {"width": 2}}))
        groups = {trace.get("legendgroup", "") for trace in drawn}
        if any(group.startswith(("class", "pool")) for group in groups):
            entries.append(_entry("pool", "pool", {"size": 5, "color": palette.POOL}))
        if "labelled" in groups:
            entries.append(
                _entry("labelled", "labelled", {"symbol": palette.ring_numbers(1)[0], "size": 9, "color": NEUTRAL, "line": {"width": 2}})
            )
        return entries

    def pool(self, ids: Any) -> list[dict[str, Any]]:
        if self.color == "round":
            return [self._plain(ids, "pool")]
        if self.color == "score":
            scored = np.zeros(len(ids), dtype=bool) if self.scores is None else np.isfinite(self.scores[ids])
            return [self._plain(ids[~scored], "not scored"), *([self._scored(ids[scored])] if scored.any() else [])]
        codes = self.codes[ids]
        unknown = self._plain(ids[codes < 0], "pool")
        if self.k > LEGEND_UP_TO:
            some = ids[codes >= 0]
            return [unknown, self._trace(some, "pool", {**self.pale, **self._by_class(some)}, "pool")]
        return [unknown, *(self._class(ids[codes == k], k) for k in range(self.k))]

    def rings(self, ids: Any) -> dict[str, Any]:
        # Many rings are drawn smaller; where scores are the subject, fainter.
        size, width = (10, 2) if len(ids) <= 500 else (7, 1.5)
        faint = self.color == "score"
        marker = {
            "size": 7 if faint else size,
            "opacity": 0.5 if faint else 1,
            "line": {"width": 1 if faint else width},
            **self._shapes(ids),
        }
        if self.color == "round":
            rounds = self.labelled_in_round[ids].astype(np.int32)
            last = max(1, int(rounds.max(initial=0)))
            bar = {**BAR, "title": {"text": "round"}, **whole_ticks(last)}
            marker |= {"color": rounds, "colorscale": palette.SEQUENTIAL, "cmin": 0, "cmax": last, "showscale": True, "colorbar": bar}
        elif self.color == "score":
            marker["color"] = palette.POOL
        else:
            marker |= self._by_class(ids)
        return self._trace(ids, "labelled", marker, "labelled")

    def stars(self, ids: Any) -> dict[str, Any]:
        marker = {
            "symbol": "star",
            "size": 13 if len(ids) <= 100 else 9,
            "opacity": 1,
            "color": palette.ACCENT,
            "line": {"width": 0.5, "color": "white"},
        }
        return self._trace(ids, "just queried", marker)

    def _plain(self, ids: Any, name: str) -> dict[str, Any]:
        return self._trace(ids, name, {**self.pale, "color": palette.POOL}, "pool")

    def _class(self, ids: Any, k: int) -> dict[str, Any]:
        return self._trace(ids, label(self.names[k]), {**self.pale, "color": self.colors[k]}, f"class {k}")

    def _scored(self, ids: Any) -> dict[str, Any]:
        assert self.scores is not None
        scores = self.scores[ids]
        low, high = float(scores.min()), float(scores.max())
        # Size grows with the score as well, for eyes that cannot tell the colours apart.
        size = 2.5 + 4.5 * (scores - low) / ((high - low) or 1)
        bar = {**BAR, "title": {"text": "score"}}
        scale = {"colorscale": palette.SEQUENTIAL, "cmin": low, "cmax": high if high > low else low + 1, "showscale": True, "colorbar": bar}
        marker = {"size": size.astype(np.float32), "opacity": 0.6, "line": {"width": 0}, "color": scores.astype(np.float32), **scale}
        return self._trace(ids, "pool", marker, "pool")

    def _by_class(self, ids: Any) -> dict[str, Any]:
        """Colours by class code; −1 gets the pool's colour."""
        return {
            "color": self.codes[ids].astype(np.int16),
            "colorscale": palette.steps([palette.POOL, *self.colors]),
            "cmin": -1.5,
            "cmax": self.k - 0.5,
        }

    def _shapes(self, ids: Any) -> dict[str, Any]:
        shapes = np.array([palette.NO_CLASS_RING, *palette.ring_numbers(self.k)], dtype=np.int16)
        return {"symbol": shapes[self.known[ids] + 1]}

    def _trace(self, ids: Any, name: str, marker: dict[str, Any], group: str = "") -> dict[str, Any]:
        """One trace; group: the legend entry that stands for it (none: it has its own)."""
        codes, names = self._texts(ids)
        columns = [ids]
        template = "<b>#%{customdata[0]:d}</b> %{text}"
        if self.confidence is not None:
            columns.append(self.confidence[ids])
            template += " (%{customdata[1]:.0%})"
        if self.scores is not None and len(ids) and np.isfinite(scores := self.scores[ids]).all():
            columns.append(scores)
            template += "<br>score %{customdata[2]:.3g}"
        return {
            "type": "scattergl" if self.n > GL_FROM else "scatter",
            "mode": "markers",
            "name": name,
            **({"legendgroup": group, "showlegend": False} if group else {}),
            "x": self.x[ids],
            "y": self.y[ids],
            "marker": marker,
            "customdata": np.stack(columns, axis=1).astype(np.float32),
            "hovertemplate": template + "<extra></extra>",
            "alviz_ids": ids.astype(np.int32),
            "alviz_codes": codes,
            "alviz_names": names,
        }

    def _texts(self, ids: Any) -> tuple[Any, list[str]]:
        """Codes and names of the hover texts "class, predicted class": only the pairs that occur are spelt out."""
        width = self.k + 1
        predicted = np.full(len(ids), -1) if self.predicted is None else self.predicted[ids]
        pairs = (self.known[ids] + 1) * width + predicted + 1
        present = np.flatnonzero(np.bincount(pairs, minlength=width * width))
        place = np.zeros(width * width, dtype=np.uint16)
        place[present] = np.arange(len(present))
        names = ["class not known", *map(escape, self.names)]
        return place[pairs], [names[pair // width] + (f"<br>predicted {names[pair % width]}" if pair % width else "") for pair in present]


def map_reading(dataset: Dataset, round: Round | None, labelled: Any, stars: Any, color: Color) -> str:
    """What the map in these colours says, in a sentence. labelled: (n,) bool; stars: dataset indices."""
    n = len(dataset)
    done = int(labelled.sum())
    if round is None:
        return f"Nothing is labelled yet: {plural(n, 'sample')} in the pool."
    if color == "class":
        return share_sentence(round, dataset)
    if color == "prediction":
        predicted = np.bincount(round.probabilities.argmax(axis=1), minlength=dataset.n_classes) / n
        top = int(predicted.argmax())
        text = f"The model takes {percent(predicted[top])} of all samples for {spoken(dataset.class_names[top])}"
        seen = dataset.targets >= 0
        return text + (
            f", which {percent((dataset.targets[seen] == top).mean())} are." if seen.any() else ", more than for any other class."
        )
    if color == "score":
        finite = np.empty(0) if round.scores is None else round.scores[np.isfinite(round.scores)]
        if len(finite) == 0:
            return f"Round {round.index} was chosen without scores." if round.index else "The initial pool was chosen without scores."
        low, middle, high = (number(float(value)) for value in np.quantile(finite, [0, 0.5, 1]))
        return f"Round {round.index}'s scores run from {low} to {high}; the middle sample has {middle}."
    verb = "is" if done == 1 else "are"
    return f"{done:,} of {plural(n, 'sample')} ({percent(done / n)}) {verb} labelled, {len(stars):,} of them in round {round.index}."
