"""Where the time of each round went."""

from collections.abc import Sequence

import numpy as np

from alviz.figures import palette
from alviz.figures.base import CLEAR, Drawing, axis, layout, nothing, number, percent
from alviz.loop.round import PHASES, Round


def phase_times(rounds: Sequence[Round], shown_round: int | None = None) -> Drawing:
    """Seconds per phase, one stacked bar per round."""
    if not any(sum(finished.seconds.values()) for finished in rounds):
        return nothing("No round has been timed yet.", "times")
    index = np.array([finished.index for finished in rounds], dtype=np.int32)
    shapes = ("", "/", "x", "\\", ".")
    data = [
        {
            "type": "bar",
            "name": phase,
            "x": index,
            "y": np.array([finished.seconds.get(phase, 0.0) for finished in rounds]),
            "marker": {"color": color, "line": {"width": 0}, "pattern": {"shape": shape, "size": 5, "solidity": 0.35}},
            "hovertemplate": f"round %{{x}}, {phase}: %{{y:.3g}} s<extra></extra>",
        }
        for phase, color, shape in zip(PHASES, palette.class_colors(len(PHASES)), shapes, strict=True)
    ]
    look = layout(
        "times",
        barmode="stack",
        bargap=0.25,
        showlegend=True,
        legend={"traceorder": "reversed", "bgcolor": CLEAR},
        xaxis=axis("round", showgrid=False, tickformat="d"),
        yaxis=axis("seconds"),
    )
    shown = rounds[-1 if shown_round is None else shown_round]
    total = sum(shown.seconds.values())
    if total == 0:
        return Drawing({"data": data, "layout": look}, f"Round {shown.index} was not timed.")
    longest = max(shown.seconds, key=lambda phase: shown.seconds[phase])
    share = percent(shown.seconds[longest] / total)
    return Drawing(
        {"data": data, "layout": look}, f'Round {shown.index} took {number(total, 2)} s, {share} of it in the phase "{longest}".'
    )
