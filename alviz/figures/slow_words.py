"""What is said at every stop of a walk through a round."""

import math

import numpy as np

from alviz.figures.base import SPACE, number, percent, plural, spoken
from alviz.figures.slow_strip import placed
from alviz.figures.walk import Stop, Walk


def words(walk: Walk, stop: Stop) -> str:
    """One or two sentences about what is seen."""
    return {"scores": _scores, "ranking": _ranking, "picks": _picks, "labels": _labels, "model": _model}[stop.phase](walk, stop)


def _scores(walk: Walk, _: Stop) -> str:
    now, ranked = walk.now, walk.ranked
    if not len(ranked):
        return f"{now.strategy} gives no scores: it chooses from {plural(len(walk.pool), 'sample')} without any."
    assert now.scores is not None
    scores = now.scores[ranked]
    some = f"all {len(ranked):,}" if len(ranked) == len(walk.pool) else f"{len(ranked):,} of {len(walk.pool):,}"
    who = f"With the model of round {now.index - 1}, {now.strategy} scores {some} unlabelled samples"
    if scores[0] == scores[-1]:
        return f"{who}: all of them {number(float(scores[0]))}."
    low, middle, high = (number(float(score)) for score in (scores[-1], np.median(scores), scores[0]))
    return f"{who}: from {low} to {high}, the middle one {middle}. Deeper colour and larger: higher."


def _ranking(walk: Walk, stop: Stop) -> str:
    now, cut = walk.now, walk.cut
    if not cut:
        return f"Without scores there is no ranking: {now.strategy} goes on to its picks."
    if stop.formed < 1:
        return f"The ranking forms from the top: {placed(walk, stop):,} of {plural(len(walk.ranked), 'score')} have found their place."
    assert now.scores is not None
    scores = now.scores[walk.ranked]
    tied = int((scores == scores[cut - 1]).sum())
    equal = f"; {tied:,} have just that score" if tied > 1 else ""
    first = f"In descending order: the {cut:,} highest of {len(scores):,} scores end at {number(float(scores[cut - 1]))}{equal}. "
    if walk.above_cut == len(now.queried):
        return first + f"{now.strategy} takes just these."
    return first + f"{now.strategy} does not go by rank alone: {walk.above_cut:,} of its {len(now.queried):,} picks will be among them."


def _picks(walk: Walk, stop: Stop) -> str:
    now, b = walk.now, len(walk.now.queried)
    at = np.arange(stop.picks - stop.new, stop.picks)
    if stop.new > 1:
        first = f"Picks {at[0] + 1:,} to {stop.picks:,} of {b:,}"
    else:
        i = int(now.queried[at[0]])
        first = f"Pick {stop.picks:,} of {b:,}: sample {i:,}"
        if walk.before is not None:
            top = int(walk.before.probabilities[i].argmax())
            first += f", predicted {spoken(walk.dataset.class_names[top])} ({percent(float(walk.before.probabilities[i, top]))})"
    if now.index == 0:
        return (
            f"{first}. {now.strategy} chose it before there was a model."
            if b == 1
            else f"{first}, chosen by {now.strategy} before there was a model."
        )
    if walk.gains is not None:
        gains = walk.gains[at]
        some = gains[np.isfinite(gains)]
        if not len(some):
            return f"{first}. It has no gain: there was nothing to compare it with."
        if stop.new > 1:
            return f"{first}: gains from {number(float(some[0]))} to {number(float(some[-1]))}."
        earlier = walk.gains[: at[0]]
        last = earlier[np.isfinite(earlier)]
        return f"{first}. Gain {number(float(some[0]))}" + (f", after {number(float(last[-1]))}." if len(last) else ".")
    if not len(walk.ranked):
        return f"{first}. No scores, no gains: {now.strategy} gives no reason."
    some = now.scores[now.queried[at]]  # type: ignore[index]
    if stop.new == 1 and np.isfinite(some).all():
        first += f", score {number(float(some[0]))}, rank {walk.rank[now.queried[at[0]]] + 1:,}"
    if walk.above_cut == b:
        return f"{first}. No gains: {now.strategy} takes the {'highest score' if b == 1 else f'{b:,} highest scores at once'}."
    return f"{first}. No gains: {now.strategy} does not say what each pick adds."


def _labels(walk: Walk, _: Stop) -> str:
    now, names = walk.now, walk.dataset.class_names
    known = now.labels >= 0
    if not known.any():
        return f"Round {now.index} brought no labels."
    counts = np.bincount(now.labels[known], minlength=len(names))
    order = np.argsort(-counts, kind="stable")
    most = [f"{counts[k]:,} {spoken(names[k])}" for k in order[:3] if counts[k]]
    others = int((counts > 0).sum()) - len(most)
    text = f"The labels: {', '.join(most)}" + (f" and {others} more class{'es' if others > 1 else ''}" if others else "")
    if missing := int((~known).sum()):
        text += f"; {missing:,} without an answer"
    if walk.guessed is None:
        return f"{text}."
    wrong, of = int(walk.surprises.sum()), int(known.sum())
    if not wrong:
        return f"{text}. No surprise: the model had predicted {'it' if of == 1 else f'all {of:,}'}."
    pairs = np.stack([walk.guessed[walk.surprises], now.labels[walk.surprises]])
    kinds, times = np.unique(pairs, axis=1, return_counts=True)
    guess, label = kinds[:, times.argmax()]
    example = f"{spoken(names[guess])} for what is {spoken(names[label])}"
    return (
        f"{text}. {wrong:,} of {of:,} surprise the model, {'most ' if len(times) > 1 and times.max() > 1 else ''}by predicting {example}."
    )


def _model(walk: Walk, _: Stop) -> str:
    now, names = walk.now, walk.dataset.class_names
    old, new = walk.accuracy
    measured = "cross-validated accuracy" if now.cross_validated else "accuracy"
    worth = (
        ""
        if math.isnan(new)
        else f" {measured[0].upper()}{measured[1:]} {_exact(new)}."
        if math.isnan(old)
        else (f" {measured[0].upper()}{measured[1:]} {_exact(old)} → {_exact(new)}.")
    )
    if walk.before is None:
        counts = np.bincount(walk.predicted[walk.rest], minlength=len(names))
        if not len(walk.rest):
            return f"The first model, trained on {plural(now.n_labelled, 'label')}.{worth}"
        top = int(counts.argmax())
        share = percent(float(counts[top] / len(walk.rest)))
        return f"The first model, trained on {plural(now.n_labelled, 'label')}, takes {share} of the pool for {spoken(names[top])}.{worth}"
    flips, rest = len(walk.flipped), len(walk.rest)
    if not flips:
        moved = f"The model, trained anew on {plural(now.n_labelled, 'label')}, predicts for all {rest:,} others what it did before."
    else:
        source, target, count = walk.flows[0]
        moved = (
            f"Trained anew, the model changes its mind about {flips:,} of {plural(rest, 'other')} ({percent(flips / rest)}), "
            f"most from {spoken(names[source])} to {spoken(names[target])} ({count:,})."
        )
    if walk.moved is not None and walk.moved.before is not None:
        passed = float((walk.moved.now.argmax(axis=2) != walk.moved.before.argmax(axis=2)).mean())
        moved += f" The boundary passes over {percent(passed)} of the plane."
    return moved + worth


def _exact(value: float) -> str:
    return f"{100 * value:.1f}{SPACE}%"
