"""The 2D picture: what the model believes about every point of the plane, and which samples it asks for."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alviz.data.dataset import Dataset
from alviz.figures import palette
from alviz.figures.base import NEUTRAL, SPACE, Drawing, bare_axis, escape, label, layout, percent, plural

DRAWN = 1500
"""Pool points drawn at most, as SVG and up to four times on a page; a larger pool is thinned to a fixed random subset."""

NEAR = 0.1
"""A pick is near the boundary when it is among this share of the pool closest to it."""

SIDE = 64
"""Points per side of the grid on which a field is computed."""

Kind = Literal["boundary", "probability", "score"]


def toy_plane(
    dataset: Dataset,
    labelled: ArrayLike,
    queried: ArrayLike,
    grid_x: NDArray[Any],
    grid_y: NDArray[Any],
    field: NDArray[Any] | None,
    kind: Kind = "boundary",
    *,
    probabilities: NDArray[Any] | None = None,
    labels: NDArray[np.int64] | None = None,
    accuracy: float | None = None,
    title: str = "",
    picking: bool = False,
) -> Drawing:
    """The pool of a 2D dataset over a field computed on the grid grid_x (w,) × grid_y (h,), both ascending.

    kind "boundary": field (h, w, K) class probabilities, drawn as regions of the most probable class and the line between them.
    "probability": the same, the more certain the deeper. "score": field (h, w), the strategy's score, higher = label sooner (NaN: none);
    `probabilities` (h, w, K), where given, add the line. field None: points only. labelled: dataset indices of all labelled samples; queried: those of the shown round (stars). labels: (n,) what the
    oracle said (default: the dataset's targets). accuracy: in [0, 1], told in the reading; title: keeps the zooms of several planes apart; picking: the
    queries are not labelled yet, so that the line is the one before them.
    Raises ValueError for a dataset that is not 2D, a field of another shape and an unknown kind.
    """
    if dataset.features is None or dataset.features.shape[1] != 2:
        raise ValueError(
            f"dataset {dataset.name!r}: wanted features (n, 2), got {None if dataset.features is None else dataset.features.shape}"
        )
    if kind not in ("boundary", "probability", "score"):
        raise ValueError(f"kind: wanted 'boundary', 'probability' or 'score', got {kind!r}")
    plane = (len(grid_y), len(grid_x))
    wanted = plane if kind == "score" else (*plane, dataset.n_classes)
    if field is not None and field.shape != wanted:
        raise ValueError(f"field: wanted {wanted} for kind {kind!r}, got {field.shape}")
    believed = probabilities if kind == "score" else field
    if believed is not None and believed.shape != (*plane, dataset.n_classes):
        raise ValueError(f"probabilities: wanted {(*plane, dataset.n_classes)}, got {believed.shape}")
    grid = (np.asarray(grid_x, dtype=np.float32), np.asarray(grid_y, dtype=np.float32))
    stars = np.asarray(queried, dtype=np.int64)
    rings = np.setdiff1d(np.asarray(labelled, dtype=np.int64), stars)
    said = dataset.targets if labels is None else labels
    data = []
    if field is not None:
        data.append(_score(field, grid) if kind == "score" else _regions(field, grid, certain=kind == "probability"))
    if believed is not None:
        data += boundary_lines(believed, grid)
    data += _points(dataset, rings, stars, said)
    look = layout(f"toy {title}", xaxis=bare_axis(), yaxis=bare_axis(scaleanchor="x"), showlegend=True, dragmode="lasso")
    return Drawing({"data": data, "layout": look}, _reading(dataset, rings, stars, believed, grid, accuracy, picking))


def grid(dataset: Dataset, side: int = SIDE) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Coordinates (side,) along x and along y that cover a 2D pool with some room around."""
    features = dataset.features
    assert features is not None
    low, high = features.min(axis=0), features.max(axis=0)
    room = 0.06 * (high - low)
    x, y = (np.linspace(low[i] - room[i], high[i] + room[i], side, dtype=np.float32) for i in (0, 1))
    return x, y


def boundary_points(probabilities: NDArray[Any], grid_x: NDArray[Any], grid_y: NDArray[Any]) -> NDArray[np.float64]:
    """(m, 2) points of the decision boundary: the middles of grid edges between nodes (h, w) of different most probable classes."""
    top = probabilities.argmax(axis=2)
    rows, columns = np.nonzero(top[:, 1:] != top[:, :-1])
    across = np.stack([(grid_x[columns] + grid_x[columns + 1]) / 2, grid_y[rows]], axis=1)
    rows, columns = np.nonzero(top[1:] != top[:-1])
    along = np.stack([grid_x[columns], (grid_y[rows] + grid_y[rows + 1]) / 2], axis=1)
    return np.concatenate([across, along]).astype(np.float64)


def _regions(probabilities: Any, grid: Any, certain: bool) -> dict[str, Any]:
    """The most probable class as colour and, where `certain`, its lead over chance as opacity: z = class + lead, one ramp of opacity per class."""
    k = probabilities.shape[2]
    top = probabilities.argmax(axis=2)
    lead = (probabilities.max(axis=2) - 1 / k) / (1 - 1 / k) if certain and k > 1 else np.full(top.shape, 0.5)
    low, high = (0.03, 0.5) if certain else (0.14, 0.14)
    colors = palette.class_colors(k)
    scale = [stop for i, c in enumerate(colors) for stop in ((i / k, palette.faded(c, low)), ((i + 1) / k, palette.faded(c, high)))]
    z = (top + np.clip(lead, 0.002, 0.998)).astype(np.float32)
    return _heat(grid, z, colorscale=scale, zmin=0, zmax=k, showscale=False)


def _score(scores: Any, grid: Any) -> dict[str, Any]:
    finite = scores[np.isfinite(scores)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    scale = [(0.0, palette.faded(palette.SCORE, 0)), (1.0, palette.faded(palette.SCORE, 0.85))]
    bar = {"title": {"text": "score"}, "thickness": 10, "len": 0.6, "outlinewidth": 0}
    z = scores.astype(np.float32)
    return _heat(grid, z, colorscale=scale, zmin=low, zmax=high if high > low else low + 1, showscale=True, colorbar=bar, zsmooth="best")


def _heat(grid: Any, z: Any, **more: Any) -> dict[str, Any]:
    return {"type": "heatmap", "x": grid[0], "y": grid[1], "z": z, "hoverinfo": "skip", **more}


def boundary_lines(probabilities: Any, grid: Any, color: str = NEUTRAL, dash: str = "solid") -> list[dict[str, Any]]:
    """Traces of the lines where one class overtakes the others: zero contours of p_k − max of the rest. For two classes one of the lines is enough.

    probabilities: (h, w, K); grid: x (w,) and y (h,), both ascending.
    """
    k = probabilities.shape[2]
    lines = []
    for i in range(k) if k > 2 else range(k - 1):
        ahead = probabilities[:, :, i] - np.delete(probabilities, i, axis=2).max(axis=2)
        if (ahead > 0).any() and (ahead <= 0).any():
            levels = {"start": 0, "end": 0, "size": 1, "coloring": "none", "showlabels": False}
            z = ahead.astype(np.float32)
            look = {"color": color, "width": 2, "dash": dash}
            line = {"type": "contour", "x": grid[0], "y": grid[1], "z": z, "contours": levels, "line": look}
            lines.append({**line, "hoverinfo": "skip", "showscale": False, "showlegend": False, "name": "boundary"})
    return lines


def _points(dataset: Dataset, rings: Any, stars: Any, said: Any) -> list[dict[str, Any]]:
    n, k = len(dataset), dataset.n_classes
    colors, shapes = palette.class_colors(k), palette.symbols(k)
    pool = np.ones(n, dtype=bool)
    pool[rings] = pool[stars] = False
    # The same subset in every round, drawn at random because pools often come with their classes taking turns.
    chosen = np.zeros(n, dtype=bool)
    chosen[np.random.default_rng(0).permutation(n)[:DRAWN]] = True
    pool &= chosen
    traces = []
    for i, (name, color, shape) in enumerate(zip(dataset.class_names, colors, shapes, strict=True)):
        marker = {"size": 3, "opacity": 0.4, "color": color, "symbol": shape}
        traces.append(_trace(dataset, np.flatnonzero(pool & (dataset.targets == i)), label(name), marker, dataset.targets))
    traces.append(
        _trace(
            dataset,
            np.flatnonzero(pool & (dataset.targets < 0)),
            "pool",
            {"size": 3, "opacity": 0.4, "color": palette.POOL},
            dataset.targets,
        )
    )
    codes = said[rings].astype(np.int16)
    # Filled and outlined in white here, not rings as on the map: a ring drowns in a field of its own class's colour.
    marker = {
        "size": 10,
        "opacity": 1,
        "line": {"width": 1.5, "color": "white"},
        "symbol": [[palette.NO_CLASS, *shapes][code + 1] for code in codes],
        "color": codes,
        "colorscale": palette.steps([palette.POOL, *colors]),
        "cmin": -1.5,
        "cmax": k - 0.5,
    }
    traces.append(_trace(dataset, rings, "labelled", marker, said))
    star = {"symbol": "star", "size": 13, "color": palette.ACCENT, "line": {"width": 0.5, "color": "white"}}
    traces.append(_trace(dataset, stars, "just queried", star, said))
    return [trace for trace in traces if len(trace["x"])]


def _trace(dataset: Dataset, ids: Any, name: str, marker: dict[str, Any], classes: Any) -> dict[str, Any]:
    assert dataset.features is not None
    codes = (classes[ids] + 1).astype(np.uint16)
    shared = {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "marker": marker,
        "x": dataset.features[ids, 0],
        "y": dataset.features[ids, 1],
    }
    ids = ids.astype(np.int32)
    hover = {"customdata": ids, "hovertemplate": "<b>#%{customdata}</b> %{text}<extra></extra>"}
    names = ["class not known", *map(escape, dataset.class_names)]
    return {**shared, **hover, "alviz_ids": ids, "alviz_codes": codes, "alviz_names": names}


def _reading(dataset: Dataset, rings: Any, stars: Any, believed: Any, grid: Any, accuracy: float | None, picking: bool) -> str:
    done = len(rings) + len(stars)
    known = accuracy is not None and np.isfinite(accuracy)
    told = f"accuracy is {100 * accuracy:.1f}{SPACE}%" if known else ""  # type: ignore[operator]
    edge = np.empty((0, 2)) if believed is None else boundary_points(believed, *grid)
    if len(stars) and len(edge):
        from scipy.spatial import cKDTree

        asked = np.ones(len(dataset), dtype=bool)
        asked[rings] = False
        distance, _ = cKDTree(edge).query(dataset.features)
        near = int((distance[stars] <= np.quantile(distance[asked], NEAR)).sum())
        verb = "lies" if near == 1 else "lie"
        whose, line = ("your", "the boundary") if picking else ("this round's", "the new boundary")
        text = f"{near} of {whose} {plural(len(stars), 'pick')} {verb} among the {percent(NEAR)} of the pool nearest to {line}"
    elif believed is not None and not len(edge):
        text = "The model gives one class to the whole plane: there is no boundary yet"
    else:
        text = f"{plural(done, 'sample')} of {len(dataset):,} {'is' if done == 1 else 'are'} labelled"
    return text + (f"; {told}." if told else ".")
