"""Average ranks and which of them differ."""

import numpy as np

from alviz.figures import palette
from alviz.figures.base import NEUTRAL, SPACE, Drawing, axis, escape, label, layout, name_rows, number, plural, shorten
from alviz.studies.statistics import Ranks


def critical_difference_diagram(found: Ranks) -> Drawing:
    """Average ranks (Demšar 2006, figure 1, one row an arm): the best on top, a bar down the right side for each group of arms that do not differ
    significantly, and above all the critical difference.
    """
    k = len(found.arms)
    rows = np.arange(k, dtype=np.int32)
    step = 0.035 * max(k - 1, 1)
    bars = [(found.arms.index(clique[0]), found.arms.index(clique[-1])) for clique in found.cliques]
    columns = [k + step * (4 + i) for i in range(len(bars))]  # beyond the number of an arm of the last rank
    lines = [
        {"type": "line", "x0": x, "x1": x, "y0": first - 0.25, "y1": last + 0.25, "line": {"color": NEUTRAL, "width": 4}}
        for x, (first, last) in zip(columns, bars, strict=True)
    ]
    stalks = [
        {"type": "line", "x0": 1, "x1": rank, "y0": i, "y1": i, "line": {"color": NEUTRAL, "width": 1}}
        for i, rank in enumerate(found.average.tolist())
    ]
    reach = min(found.critical_difference, k - 1.0)
    ruler = {"type": "line", "x0": 1, "x1": 1 + reach, "y0": -1, "y1": -1, "line": {"color": palette.MAIN, "width": 3}}
    note = {
        "x": 1,
        "y": -1,
        "text": f"critical difference {number(found.critical_difference)}",
        "showarrow": False,
        "xanchor": "left",
        "yshift": 9,
        "font": {"size": 11},
    }
    dots = {
        "type": "scatter",
        "mode": "markers+text",
        "x": found.average,
        "y": rows,
        "text": [f"{SPACE}{rank:.2f}" for rank in found.average.tolist()],
        "textposition": "middle right",
        "textfont": {"size": 11},
        "marker": {"color": palette.MAIN, "size": 9},
        "customdata": np.array([escape(arm) for arm in found.arms], dtype=object),
        "hovertemplate": "%{customdata}<br>average rank %{x:.2f}<extra></extra>",
    }
    look = layout(
        "critical difference",
        xaxis=axis(
            "average rank; bars join what does not differ" if bars else "average rank",
            range=[1 - 0.02 * k, max([k, *columns]) + 2 * step],
            tickvals=list(range(1, k + 1, 1 + (k - 1) // 12)),
        ),
        yaxis={**name_rows([label(arm) for arm in found.arms]), "range": [k - 0.4, -1 - 0.1 * max(k, 7)]},
        shapes=[*stalks, *lines, ruler],
        annotations=[note],
    )
    return Drawing({"data": [dots], "layout": look}, _ranks_reading(found))


def _ranks_reading(found: Ranks) -> str:
    first = shorten(found.arms[0])
    blocks = plural(found.blocks, "setting and seed").replace("setting and seeds", "settings and seeds")
    left = f" ({found.left_out} left out because an arm has no finished run there)" if found.left_out else ""
    p = "under 0.001" if found.p_value < 0.001 else f"{found.p_value:.2g}"
    start = f"Over {blocks}{left} {first} ranks best ({found.average[0]:.2f})"
    if found.p_value >= found.alpha:
        return f"{start}, but the Friedman test finds no difference between the {len(found.arms)} (p{SPACE}={SPACE}{p})."
    alike = [arm for clique in found.cliques if found.arms[0] in clique for arm in clique if arm != found.arms[0]]
    text = f"{start}; the ranks differ (Friedman test, p{SPACE}{'<' if found.p_value < 0.001 else '='}{SPACE}{p.removeprefix('under ')})"
    if not alike:
        return f"{text} and all others are significantly worse."
    worse = len(found.arms) - 1 - len(alike)
    names = ", ".join(shorten(arm) for arm in alike[:3]) + (f" and {len(alike) - 3} more" if len(alike) > 3 else "")
    rest = f", {worse} {'is' if worse == 1 else 'are'} worse" if worse else ""
    return f"{text}; {names} {'does' if len(alike) == 1 else 'do'} not differ significantly from it{rest}."
