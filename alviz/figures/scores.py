"""How the strategy's scores spread over the pool, and where the picks lie."""

import numpy as np
from numpy.typing import ArrayLike

from alviz.figures import palette
from alviz.figures.base import Drawing, axis, layout, nothing, percent, plural
from alviz.loop.round import Round

BINS = 40


def score_histogram(round: Round | None, queried: ArrayLike | None = None) -> Drawing:
    """Histogram of the round's acquisition scores; stars on the line below are the picks (`queried`, dataset indices, default: the round's)."""
    if round is None or round.scores is None or not np.isfinite(round.scores).any():
        what = "Step once to see scores" if round is None or round.index == 0 else f"Round {round.index} was chosen without scores"
        return nothing(f"{what}.", "scores")
    picks = np.asarray(round.queried if queried is None else queried, dtype=np.int64)
    scores = round.scores[np.isfinite(round.scores)]
    picked = round.scores[picks]
    at = np.isfinite(picked)
    counts, edges = _bins(scores)
    bars = {
        "type": "bar",
        "name": "pool",
        "x": (edges[:-1] + edges[1:]) / 2,
        "y": counts.astype(np.int32),
        "width": float(edges[1] - edges[0]),
        "marker": {"color": palette.POOL, "line": {"width": 0}},
        "hovertemplate": "%{y:,d} samples around %{x:.3g}<extra></extra>",
    }
    ids = picks[at].astype(np.int32)
    stars = {
        "type": "scatter",
        "mode": "markers",
        "name": "just queried",
        "x": picked[at],
        "y": np.full(len(ids), -0.06 * counts.max()),
        "marker": {"symbol": "star", "size": 11, "color": palette.ACCENT, "opacity": 0.8},
        "cliponaxis": False,
        "customdata": ids,
        "hovertemplate": "<b>#%{customdata}</b> score %{x:.3g}<extra></extra>",
        "alviz_ids": ids,
    }
    look = layout("scores", bargap=0, xaxis=axis(f"score in round {round.index}", showgrid=False), yaxis=axis("samples"), showlegend=True)
    return Drawing({"data": [bars, stars], "layout": look}, _reading(round, scores, picked[at]))


def _bins(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = float(scores.min()), float(scores.max())
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300):
        half = 0.5 * (abs(low) or 1)
        return np.array([len(scores)]), np.array([low - half, low + half])
    counts, edges = np.histogram(scores, bins=BINS)
    return counts, edges


def _reading(round: Round, scores: np.ndarray, picked: np.ndarray) -> str:
    if scores.min() == scores.max():
        return (
            f"Round {round.index} gave all {plural(len(scores), 'sample')} the same score."
            if len(scores) > 1
            else f"Round {round.index} had one sample to score."
        )
    if len(picked) == 0:
        return f"None of round {round.index}'s picks has a score."
    beaten = percent((scores < np.median(picked)).mean())
    if len(picked) == 1:
        return f"Round {round.index}'s pick scores higher than {beaten} of the samples it was chosen from."
    return f"Half of round {round.index}'s {len(picked):,} picks score higher than {beaten} of the samples they were chosen from."
