"""Replays: one run, or up to four side by side, as one HTML file that can be stepped, scrubbed and hovered without Python or a network."""

import datetime
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz import projections
from alviz.data.dataset import Dataset
from alviz.figures import imbalance_profile, learning_curve, palette
from alviz.figures.balance import NAMED_UP_TO
from alviz.figures.base import plural
from alviz.figures.curves import value_text
from alviz.figures.embedding import LEGEND_UP_TO, map_reading
from alviz.figures.toy import grid
from alviz.loop.round import Round
from alviz.loop.run import Run
from alviz.progress import Progress, silent
from alviz.projections import Projection
from alviz.report import offline
from alviz.report.offline import packed, plain
from alviz.report.pictures import sheet
from alviz.studies.export import atomically

MOST_SIDES = 4
MOST_BYTES = 8_000_000
"""What fits into a mail or a course page."""

COLORS = (("class", "true class"), ("prediction", "prediction"), ("round", "round labelled"))


@dataclass(frozen=True)
class Detail:
    """How much of a pool a page takes along. drawn: samples on the map; pictures: samples with a picture, none longer than `longest` pixels; side: points per
    side of the grid on a plane."""

    drawn: int
    pictures: int
    longest: int
    side: int


DETAILS = (Detail(12_000, 6_000, 48, 64), Detail(8_000, 4_000, 32, 48), Detail(4_000, 3_000, 24, 32), Detail(2_000, 1_500, 16, 24))
"""From the finest on: the first with which the page is small enough."""


def write_replay(
    runs: Run | Sequence[Run] | Mapping[str, Run],
    path: str | Path,
    *,
    projection: Projection | str | None = None,
    progress: Progress = silent,
) -> Path:
    """Write one run, or two to four on the same data side by side, as one HTML file of at most 8 MB that asks nothing of any network; gives its path.

    runs: as a mapping, with the names that they go by. projection: the map, as computed or by its name (default: the plane as it is for 2D data, otherwise PCA). A file
    that is there is replaced once the new one is complete. Raises ValueError for runs on different data, no run or more than four, another ending
    than .html, and runs that do not fit into 8 MB; `progress` may raise Cancelled.
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a replay is written as .html, got {str(path)!r}")
    content = render(runs, projection, progress)
    atomically(target, lambda partial: partial.write_text(content, encoding="utf-8"))
    return target


def render(runs: Run | Sequence[Run] | Mapping[str, Run], projection: Projection | str | None = None, progress: Progress = silent) -> str:
    """The page as text; see `write_replay`."""
    sides = named(runs)
    dataset = _shared(sides)
    if not isinstance(projection, Projection):
        method = projection or projections.available(dataset)[0]
        projection = projections.project(dataset, method, progress=lambda share: progress(0.5 * share))
    if len(projection.points) != len(dataset):
        raise ValueError(f"the projection has {len(projection.points):,} points, {dataset.name!r} has {len(dataset):,} samples")
    for k, detail in enumerate(DETAILS):
        page = _page(sides, dataset, projection, detail, lambda share, k=k: progress(0.5 + 0.5 * (k + share) / len(DETAILS)))  # type: ignore[misc]
        if (size := len(page.encode())) <= MOST_BYTES:
            progress(1.0)
            return page
    raise ValueError(f"the page would take {size / 1e6:.1f} MB, and may take {MOST_BYTES / 1e6:.0f}: choose fewer or shorter runs")


def named(runs: Run | Sequence[Run] | Mapping[str, Run]) -> dict[str, Run]:
    """Name -> run; those of one name get their seed behind it, or a number."""
    if isinstance(runs, Mapping):
        sides = dict(runs)
    else:
        listed = [runs] if isinstance(runs, Run) else list(runs)
        same = [run.name for run in listed]
        sides = {}
        for run in listed:
            name = run.name if same.count(run.name) == 1 else f"{run.name}, seed {run.seed}"
            sides[next(text for k in range(1, 99) if (text := name if k == 1 else f"{name} ({k})") not in sides)] = run
    if not 1 <= len(sides) <= MOST_SIDES:
        raise ValueError(f"a replay shows one to {MOST_SIDES} runs, got {len(sides)}")
    for name, run in sides.items():
        if run.position < 0:
            raise ValueError(f"the run {name!r} has no finished round yet")
    return sides


def _shared(sides: Mapping[str, Run]) -> Dataset:
    """The data of all runs. Raises ValueError where they are not the same."""
    (first, *others) = (run.dataset for run in sides.values())
    for other in others:
        if other is not first and (list(other.ids) != list(first.ids) or other.class_names != first.class_names):
            raise ValueError(f"runs side by side need the same data and classes, got {first.name!r} and {other.name!r}, which differ")
    return first


def _page(sides: Mapping[str, Run], dataset: Dataset, projection: Projection, detail: Detail, progress: Progress) -> str:
    """The page in one detail."""
    kept = _kept(sides, len(dataset), detail.drawn)
    place = np.full(len(dataset), -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    plane = projection.method == "plane" and dataset.features is not None and dataset.features.shape[1] == 2
    told = []
    for k, (name, run) in enumerate(sides.items()):
        share = lambda part, k=k: progress((k + part) / len(sides))  # noqa: E731
        told.append(_side(name, run, dataset, kept, place, detail.side if plane and run.learner.takes == "features" else 0, share))
    curves = _curves(sides)
    k = dataset.n_classes
    content = {
        "classes": {
            "names": list(dataset.class_names),
            "scale": palette.steps([palette.POOL, *palette.class_colors(k)]),
            "rings": [palette.NO_CLASS_RING, *palette.ring_numbers(k)],
            "marks": [palette.NO_CLASS, *palette.symbols(k)],
        },
        "colors": {"accent": palette.ACCENT, "pool": palette.POOL, "rounds": palette.SEQUENTIAL, "line": palette.MAIN},
        "ids": packed(kept.astype(np.int32)),
        "points": packed(projection.points[kept].astype(np.float32)),
        "truth": packed(dataset.targets[kept].astype(np.int16)),
        "grid": [plain(axis) for axis in grid(dataset, detail.side)] if plane else None,
        "sides": told,
        **curves,
        "pictures": None if dataset.images is None else _pictures(sides, dataset.images, kept, place, detail),
    }
    return offline.render(
        "replay",
        content,
        webgl=True,
        title=_title(list(sides), dataset),
        facts=_facts(sides, dataset),
        when=datetime.date.today(),
        names=list(sides),
        swatches=palette.class_colors(len(sides)),
        plane=any(side["field"] for side in told),
        last=max(run.position for run in sides.values()),
        colors=COLORS,
        legend=list(zip(dataset.class_names, palette.class_colors(k), palette.glyphs(k), strict=True)) if k <= LEGEND_UP_TO else [],
        bars=min(k, NAMED_UP_TO) if k <= NAMED_UP_TO else 0,
        caption=_caption(projection, len(kept), len(dataset), content["pictures"], dataset),
        table=_table(sides),
        scripts=_scripts(sides),
    )


def _kept(sides: Mapping[str, Run], n: int, most: int) -> NDArray[np.int64]:
    """The samples on the map, ascending: all that were queried, and others at random up to `most`."""
    queried = np.unique(np.concatenate([finished.queried for run in sides.values() for finished in run.rounds]))
    if n <= most:
        return np.arange(n, dtype=np.int64)
    others = np.setdiff1d(np.arange(n), queried)
    more = np.random.default_rng(0).permutation(others)[: max(0, most - len(queried))]
    return np.sort(np.concatenate([queried, more])).astype(np.int64)


def _side(
    name: str, run: Run, dataset: Dataset, kept: NDArray[np.int64], place: NDArray[np.int64], side: int, progress: Progress
) -> dict[str, Any]:
    """What the page knows of one run. side: points per side of the grid on which its models' probabilities are drawn; 0: they are not."""
    rounds = run.rounds
    small = np.min_scalar_type(max(dataset.n_classes - 1, 1))
    predictions = np.stack([finished.probabilities[kept].argmax(axis=1) for finished in rounds]).astype(small)
    guesses = [np.full(len(rounds[0].queried), -1)]
    sure = [np.zeros(len(rounds[0].queried))]
    for before, finished in itertools.pairwise(rounds):
        asked = before.probabilities[finished.queried]
        guesses.append(asked.argmax(axis=1))
        sure.append(np.rint(100 * asked.max(axis=1)))
    labelled = np.zeros(len(dataset), dtype=bool)
    told = []
    for finished in rounds:
        labelled[finished.queried[finished.labels >= 0]] = True
        told.append(
            {
                "strategy": finished.strategy,
                "labels": finished.n_labelled,
                "worth": " · ".join(filter(None, (plural(finished.n_labelled, "label"), _accuracy(finished)))),
                "accuracy": plain(float(finished.metrics["accuracy"])),
                "map": {color: map_reading(dataset, finished, labelled, finished.queried, color) for color, _ in COLORS},  # type: ignore[arg-type]
                "balance": imbalance_profile(rounds, dataset, shown_round=finished.index).reading,
                "queries": _said(rounds, finished.index),
            }
        )
    profile = imbalance_profile(rounds, dataset).figure
    return {
        "name": name,
        "queried": packed(place[np.concatenate([finished.queried for finished in rounds])].astype(np.int32)),
        "starts": np.cumsum([0, *(len(finished.queried) for finished in rounds)]).tolist(),
        "labels": packed(np.concatenate([finished.labels for finished in rounds]).astype(np.int16)),
        "guesses": packed(np.concatenate(guesses).astype(np.int16)),
        "sure": packed(np.concatenate(sure).astype(np.uint8)),
        "predictions": packed(predictions),
        "counts": packed(np.stack([finished.class_counts for finished in rounds]).astype(np.int32)),
        "rounds": plain(told),
        "balance": plain(profile),
        "field": packed(_field(run, side, progress)) if side else None,
    }


def _said(rounds: Sequence[Round], r: int) -> str:
    """What a round's queries were to the model that had not seen their labels, and what the strategy said of them."""
    finished = rounds[r]
    known = finished.labels >= 0
    if r == 0:
        text = f"{plural(len(finished.queried), 'sample')} by {finished.strategy}, before there was a model."
    elif not known.any():
        text = f"{plural(len(finished.queried), 'sample')} by {finished.strategy}; no label was given."
    else:
        right = int((rounds[r - 1].probabilities[finished.queried].argmax(axis=1) == finished.labels)[known].sum())
        text = f"{plural(len(finished.queried), 'sample')} by {finished.strategy}; the model had {right} of {int(known.sum())} right."
    return f"{text} {finished.note}".strip()


def _accuracy(finished: Round) -> str:
    value = float(finished.metrics["accuracy"])
    return value_text(value, "accuracy") if np.isfinite(value) else ""


def _field(run: Run, side: int, progress: Progress) -> NDArray[np.uint8]:
    """(R, K, side, side) class probabilities of every round's model over the plane, rows along y, in 255ths."""
    points = np.stack([c.ravel() for c in np.meshgrid(*grid(run.dataset, side))], axis=1)
    fields = []
    for finished in run.rounds:
        progress(finished.index / len(run.rounds))
        probabilities = np.asarray(run.model(finished.index).predict_proba(points))
        fields.append(np.rint(255 * probabilities.T).astype(np.uint8).reshape(-1, side, side))
    return np.stack(fields)


def _curves(sides: Mapping[str, Run]) -> dict[str, Any]:
    """The learning curves without a mark, and what is said of them at every round."""
    named = [(name, run.rounds) for name, run in sides.items()]
    first, last = named[0][1], max(run.position for run in sides.values())
    readings = [learning_curve(named, shown_round=min(r, len(first) - 1)).reading for r in range(last + 1)]
    figure = learning_curve(named).figure
    return {"curve": plain({**figure, "data": figure["data"][: len(named)]}), "curve_readings": plain(readings)}


def _pictures(
    sides: Mapping[str, Run], images: NDArray[np.uint8], kept: NDArray[np.int64], place: NDArray[np.int64], detail: Detail
) -> dict[str, Any]:
    """The pictures of the samples on the map: what was queried first of all, round by round, then others as far as there is room."""
    last = max(run.position for run in sides.values())
    queried = [run.rounds[r].queried for r in range(last + 1) for run in sides.values() if r <= run.position]
    others = np.random.default_rng(0).permutation(kept)
    order = np.concatenate([*queried, others])
    chosen = order[np.sort(np.unique(order, return_index=True)[1])][: detail.pictures]
    return {"places": packed(place[chosen].astype(np.int32)), **sheet(images, chosen, detail.longest)}


def _title(names: list[str], dataset: Dataset) -> str:
    *most, final = names
    return f"{', '.join(most)} and {final} on {dataset.name}" if most else f"{final} on {dataset.name}"


def _facts(sides: Mapping[str, Run], dataset: Dataset) -> list[str]:
    """The settings, each said once where all runs share it."""
    runs = list(sides.values())

    def said(word: str, values: list[str]) -> str:
        return f"{word} {', '.join(dict.fromkeys(values))}"

    return [
        plural(len(dataset), "sample"),
        f"{dataset.n_classes:,} classes",
        said("learner", [getattr(run.base_learner, "name", "") or type(run.base_learner).__name__ for run in runs]),
        said("initial pool", [run.rounds[0].strategy for run in runs]),
        said("labels per round", [f"{run.n_queries:,}" for run in runs]),
        said("seed", [str(run.seed) for run in runs]),
    ]


def _caption(projection: Projection, drawn: int, n: int, pictures: dict[str, Any] | None, dataset: Dataset) -> str:
    """What the map is, and what of the pool was left out of the page."""
    text = projection.caption()
    if drawn < n:
        text += f" It shows {drawn:,} of {n:,} samples: all that were queried, and others at random."
    if pictures is not None and (count := pictures["places"]["shape"][0]) < drawn:
        text += f" {count:,} of them have their pictures here, the queried ones first."
    return text


def _table(sides: Mapping[str, Run]) -> list[tuple[int, list[tuple[str, str]]]]:
    """(round, (labels, accuracy) of every run), "–" where there is none."""
    rows = []
    for r in range(max(run.position for run in sides.values()) + 1):
        cells = []
        for run in sides.values():
            if r > run.position:
                cells.append(("–", "–"))
                continue
            cells.append((f"{run.rounds[r].n_labelled:,}", _accuracy(run.rounds[r]) or "–"))
        rows.append((r, cells))
    return rows


def _scripts(sides: Mapping[str, Run]) -> list[tuple[str, str]]:
    """(name, a script that makes the run again) of the runs whose parts were all made by name."""
    scripts = []
    for name, run in sides.items():
        try:
            scripts.append((name, run.to_python()))
        except ValueError:
            continue
    return scripts
