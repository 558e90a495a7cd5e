"""The boards of a match between a person and a strategy: what may be picked, and what was picked by whom."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alviz.data.dataset import Dataset
from alviz.figures import palette
from alviz.figures.base import NEUTRAL, Drawing, escape, plural
from alviz.figures.toy import DRAWN, toy_plane

NAMED_UP_TO = 25
"""More picks than this have their classes in the hover text only."""


def pick_board(
    pool: Dataset,
    picks: ArrayLike,
    grid_x: NDArray[Any],
    grid_y: NDArray[Any],
    probabilities: NDArray[Any] | None = None,
    *,
    predictions: NDArray[Any] | None = None,
    unsure: bool = False,
) -> Drawing:
    """The pool to pick from: candidates in one grey, labelled samples in their classes, the picks as stars.

    pool: 2D, its targets −1 wherever no label has been given; nothing else of the classes comes to the page. probabilities (h, w, K): the model over the
    grid, drawn as regions with the boundary; unsure: the surer the deeper. predictions (n, K): where given, the candidates are coloured and sized by the model's doubt,
    1 − its largest probability, and their hover texts say what it takes them for. Raises ValueError as `toy_plane` does.
    """
    kind: Any = "probability" if unsure else "boundary"
    labelled = np.setdiff1d(np.flatnonzero(pool.targets >= 0), picks)
    drawing = toy_plane(pool, labelled, picks, grid_x, grid_y, probabilities, kind, title=f"picks {pool.name}", picking=True)
    data = []
    for trace in drawing.figure["data"]:
        if trace.get("name") == "pool":
            size = 8 if len(pool) <= 1000 else 6
            trace = {**trace, "marker": {**trace["marker"], "size": size, "opacity": 0.55, "symbol": "circle"}}
            if predictions is not None:
                trace = _doubted(trace, predictions, pool.class_names)
        elif trace.get("name") == "just queried":
            trace = {**trace, "name": "your picks", "marker": {**trace["marker"], "size": 17}}
        data.append(trace)
    left = len(pool) - len(labelled)
    reading = drawing.reading
    if probabilities is None:
        words = f"{plural(len(np.atleast_1d(picks)), 'sample')} picked (★), {len(labelled):,} labelled"
        reading = f"{words if len(labelled) else 'Nothing is labelled yet'}; the classes of the rest are not shown."
    if predictions is not None:
        reading += " The larger and deeper a point, the less sure the model is of it."
    thinned = f" {DRAWN:,} of {plural(left, 'candidate')} are drawn." if left > DRAWN else ""
    return _framed(Drawing({**drawing.figure, "data": data}, reading + thinned), grid_x, grid_y)


def reveal_board(
    pool: Dataset,
    picks: ArrayLike,
    others: ArrayLike,
    grid_x: NDArray[Any],
    grid_y: NDArray[Any],
    probabilities: NDArray[Any] | None = None,
    *,
    accuracy: float | None = None,
    title: str = "",
) -> Drawing:
    """One side's round beside the other's: its own picks as stars (those that both made as six-pointed ones), the other's alone as open stars, each with its class.

    pool: 2D, its targets −1 wherever neither side was told. picks, others: dataset indices of the two batches. probabilities, accuracy: of this side's
    model after the round. title: keeps the zooms of several boards apart.
    """
    own, other = np.asarray(picks, dtype=np.int64), np.asarray(others, dtype=np.int64)
    alone = np.setdiff1d(other, own)
    told = pool.targets.copy()
    told[alone] = -1  # to this side they are candidates still
    side = replace(pool, targets=told)
    labelled = np.setdiff1d(np.flatnonzero(told >= 0), own)
    drawing = toy_plane(side, labelled, own, grid_x, grid_y, probabilities, "boundary", accuracy=accuracy, title=f"{title} {pool.name}")
    data = []
    for trace in drawing.figure["data"]:
        if trace.get("name") == "pool":
            trace = {**trace, "marker": {**trace["marker"], "size": 4}}
        elif trace.get("name") == "just queried":
            shared = np.isin(trace["alviz_ids"], other)
            symbols = ["hexagram" if both else "star" for both in shared]
            trace = {**trace, **_named(own, probabilities), "name": "picks", "marker": {**trace["marker"], "symbol": symbols, "size": 15}}
        data.append(trace)
    if len(alone):
        assert pool.features is not None
        ids = alone.astype(np.int32)
        open_star = {"symbol": "star-open", "size": 13, "color": NEUTRAL, "opacity": 1, "line": {"width": 1.5}}
        names = ["class not known", *map(escape, pool.class_names)]
        codes = (pool.targets[alone] + 1).astype(np.uint16)
        points = {"x": pool.features[alone, 0], "y": pool.features[alone, 1], "alviz_ids": ids, "alviz_codes": codes, "alviz_names": names}
        hover = {"customdata": ids, "hovertemplate": "<b>#%{customdata}</b> %{text}<extra></extra>"}
        data.append(
            {"type": "scatter", "name": "the other's picks", "marker": open_star, **points, **hover, **_named(alone, probabilities)}
        )
    return _framed(Drawing({**drawing.figure, "data": data}, drawing.reading), grid_x, grid_y)


def _named(picks: NDArray[np.int64], field: NDArray[Any] | None) -> dict[str, Any]:
    """What writes the classes of a few points of a plane beside them; a map is small, and its pictures stand elsewhere."""
    return {
        "mode": "markers+text" if field is not None and len(picks) <= NAMED_UP_TO else "markers",
        "textposition": "top center",
        "textfont": {"size": 11},
    }


def _doubted(trace: dict[str, Any], predictions: NDArray[Any], class_names: tuple[str, ...]) -> dict[str, Any]:
    """The candidates by how unsure the model is of them; size says the same as colour."""
    rows = predictions[trace["alviz_ids"]]
    doubt = (1 - rows.max(axis=1)).astype(np.float32)
    most = 1 - 1 / rows.shape[1]
    scale = {"colorscale": palette.SEQUENTIAL, "cmin": 0.0, "cmax": most, "color": doubt}
    size = (4 + 8 * doubt / (most or 1)).astype(np.float32)
    return {
        **trace,
        "marker": {**trace["marker"], **scale, "size": size, "opacity": 0.8, "line": {"width": 0}},
        "alviz_codes": rows.argmax(axis=1).astype(np.uint16),
        "alviz_names": [f"predicted {escape(name)}" for name in class_names],
        "customdata": np.stack([trace["alviz_ids"], rows.max(axis=1)], axis=1).astype(np.float32),
        "hovertemplate": "<b>#%{customdata[0]:d}</b> %{text} (%{customdata[1]:.0%})<extra></extra>",
    }


def _framed(drawing: Drawing, x: NDArray[Any], y: NDArray[Any]) -> Drawing:
    """Without a legend, which the page gives, cut to the grid, and for clicks rather than for drawing a lasso."""
    look = {**drawing.figure["layout"], "showlegend": False, "margin": {"l": 4, "r": 4, "t": 4, "b": 4}, "dragmode": False}
    look["xaxis"] = {**look["xaxis"], "range": [float(x[0]), float(x[-1])]}
    look["yaxis"] = {**look["yaxis"], "range": [float(y[0]), float(y[-1])]}
    return Drawing({"data": drawing.figure["data"], "layout": look}, drawing.reading)
