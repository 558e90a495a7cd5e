"""The score of a match: who led after each round, what both ended with, and what random picks would have reached."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.figures.base import plural, shorten, spoken
from alviz.figures.curves import value_text
from alviz.loop.round import Round
from alviz.panels.match import DRAWS, Turn


@dataclass(frozen=True)
class Score:
    """won, lost, level: rounds after which the person's accuracy was higher, lower, equal. yours, its: accuracy in [0, 1] after the last of them, random: the mean
    of the random runs there (NaN: none finished). target: the lower of both; your_labels, its_labels: with how many labels each first reached it.
    """

    won: int
    lost: int
    level: int
    yours: float
    its: float
    random: float
    target: float
    your_labels: int
    its_labels: int


def score(turns: Sequence[Turn], reference: NDArray[np.float64]) -> Score:
    """The score after the last of `turns`, of which there is at least the start. reference: (s, rounds + 1) accuracies of random runs."""
    yours, its = ([side.metrics["accuracy"] for side in sides] for sides in zip(*((t.yours, t.its) for t in turns), strict=True))
    ahead = [np.sign(a - b) for a, b in zip(yours[1:], its[1:], strict=True)]
    target = min(yours[-1], its[-1])
    n_labelled = [turn.yours.n_labelled for turn in turns]
    reached = [next(n for n, value in zip(n_labelled, values, strict=True) if value >= target) for values in (yours, its)]
    random = float(reference[:, len(turns) - 1].mean()) if len(reference) else math.nan
    return Score(ahead.count(1), ahead.count(-1), ahead.count(0), yours[-1], its[-1], random, target, *reached)


def points(share: float) -> str:
    """A difference of shares: "1.2 points"."""
    return f"{abs(100 * share):.1f} point" + ("" if f"{abs(100 * share):.1f}" == "1.0" else "s")


def against(yours: float, its: float, rival: str) -> str:
    """Who is ahead, as a clause: "you are 1.2 points ahead of margin"."""
    if points(yours - its) == points(0.0):
        return f"you and {rival} are level"
    return f"you are {points(yours - its)} {'ahead of' if yours > its else 'behind'} {rival}"


def headline(found: Score, rival: str) -> str:
    """The result of a match, in a sentence."""
    gap = points(found.yours - found.its)
    if gap == points(0.0):
        return f"You and {rival} are level."
    return f"You beat {rival} by {gap}." if found.yours > found.its else f"{rival} beat you by {gap}."


def percent(share: float) -> str:
    """An accuracy: "86.4 %"."""
    return "–" if math.isnan(share) else value_text(share, "accuracy")


def table(turns: Sequence[Turn], reference: NDArray[np.float64], rival: str) -> str:
    """Accuracy after every round, of both and of random picks, as HTML; the better one is ticked."""
    rows = ""
    for r, turn in enumerate(turns):
        yours, its = turn.yours.metrics["accuracy"], turn.its.metrics["accuracy"]
        random = float(reference[:, r].mean()) if len(reference) else math.nan
        cells = [won(yours, r > 0 and yours > its), won(its, r > 0 and its > yours), percent(random)]
        rows += f'<tr><th scope="row">{r}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
    head = "".join(f'<th scope="col">{text}</th>' for text in ("Round", "You", escape(shorten(rival, 14)), "Random"))
    done = "" if len(reference) >= DRAWS else f", {len(reference)} so far"
    note = f"Held-out accuracy; ✓ the better of you two. Random: mean of {DRAWS} runs from the same start{done}."
    return (
        f'<div class="alviz-scroll"><table class="alviz-table alviz-score"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="alviz-reading">{note}</p>'
    )


def won(share: float, best: bool) -> str:
    """A cell of the table."""
    return f'<b><span aria-label="better">✓</span> {percent(share)}</b>' if best else percent(share)


def card(found: Score, rival: str, rounds: int, undone: int) -> str:
    """The score card as HTML."""
    rows = [
        ("Rounds won", f"you {found.won}, {rival} {found.lost}" + (f", level {found.level}" if found.level else "")),
        ("Final accuracy", f"you {percent(found.yours)}, {rival} {percent(found.its)}, random {percent(found.random)}"),
        (f"Labels to {percent(found.target)}", f"you {found.your_labels:,}, {rival} {found.its_labels:,}"),
    ]
    if not math.isnan(found.random):
        rows.append(("Against random", against(found.yours, found.random, "random's mean")))
    if undone:
        rows.append(("Taken back", f"{plural(undone, 'round')}, after the labels were seen"))
    words = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in rows)
    one = "One match on one seed decides nothing: play other seeds before you believe it."
    return f'<div class="alviz-method"><p class="alviz-result">{escape(headline(found, rival))}</p><dl>{words}</dl><p class="alviz-reading">{one}</p></div>'


def difference(turn: Turn, before: Turn, dataset: Dataset, rival: str) -> str:
    """What the strategy did differently in a round, in a sentence. before: the turn before, whose models both sides picked with."""
    yours, its = turn.yours, turn.its
    shared = len(np.intersect1d(yours.queried, its.queried))
    if shared == len(yours.queried):
        return f"{rival} picked exactly what you picked."
    both = "none" if shared == 0 else f"{shared:,}"
    text = f"{rival} picked {both} of your {plural(len(yours.queried), 'sample')}: it took {counted(its, dataset)}, you {counted(yours, dataset)}"
    gaps = [lead(side.queried, past) for side, past in ((its, before.its), (yours, before.yours))]
    if f"{gaps[0]:.2f}" == f"{gaps[1]:.2f}":
        return f"{text}; both asked where their models were equally sure."
    word = "less" if gaps[0] < gaps[1] else "more"
    return (
        f"{text}; it asked where its model was {word} sure (mean gap between its two likeliest classes {gaps[0]:.2f}, yours {gaps[1]:.2f})."
    )


def counted(finished: Round, dataset: Dataset) -> str:
    """The classes of a round's labels: "3 A and 2 B"."""
    counts = np.bincount(finished.labels[finished.labels >= 0], minlength=dataset.n_classes)
    order = [k for k in np.argsort(-counts, kind="stable") if counts[k]]
    names = [spoken(name) for name in dataset.class_names]
    if len(order) > 4:
        return f"{len(order)} classes, {names[order[0]]} most often"
    words = [f"{counts[k]} {'of ' if names[k] != dataset.class_names[k] else ''}{names[k]}" for k in order]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def lead(samples: NDArray[np.int64], before: Round) -> float:
    """Mean difference between the two largest class probabilities of `samples` under the model of the round `before`."""
    p = np.sort(before.probabilities[samples].astype(np.float64), axis=1)
    return float((p[:, -1] - (p[:, -2] if p.shape[1] > 1 else 0)).mean())
