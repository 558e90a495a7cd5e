"""Ranks: where every strategy has one sample among the candidates of its round, as a part of the card "Why this sample"."""

from collections.abc import Iterable, Mapping
from html import escape

import ipywidgets as widgets

from alviz.figures.base import plural
from alviz.loop.ranks import Ranking
from alviz.panels.ranker import Ranker
from alviz.panels.tracks import View
from alviz.panels.workbench import Workbench


class Ranks:
    """button: asks the strategies, stops them, goes on; words: how far they are; table: what they say of the sample."""

    def __init__(self, workbench: Workbench):
        self.ranker = Ranker(workbench.floor)
        self._shown: tuple[View, int] | None = None
        self.button = widgets.Button()
        self.words = widgets.HTML()
        self.words.add_class("alviz-reading")
        self.table = widgets.HTML()
        self.button.on_click(lambda _: self._turn())
        self.ranker.observe(lambda _: self._say(), ["found", "busy", "doing", "done", "problem"])
        self.ranker.observe(lambda _: self._tabulate(), ["found"])
        workbench.observe(lambda change: self.ranker.about(change["new"].round), ["view"])

    def show(self, view: View, sample: int, candidate: bool) -> None:
        """From now on it is about this sample in the round looked at. candidate: whether that round could have picked it."""
        self._shown = (view, sample) if candidate else None
        self._say()
        self._tabulate()

    def _turn(self) -> None:
        if self.ranker.busy:
            self.ranker.stop()
        elif self._shown is not None:
            view, _ = self._shown
            self.ranker.begin(view.track.run, view.round)

    def _say(self) -> None:
        ranker, candidate = self.ranker, self._shown is not None
        done, left, soon = len(ranker.found), ranker.left, ranker.soon
        self.button.disabled = not candidate and not ranker.busy
        self.button.layout.display = None if left else "none"
        words = ranker.problem
        if ranker.busy:
            say, why = "Cancel ranking", "The strategies that are done stay"
            words = f"{strategies(done)} done" + (f"; {ranker.doing} is at work: {ranker.done:.0%}" if ranker.doing else "")
        elif not candidate:
            say, why = "Rank it under every strategy", "This round could not have picked it"
        elif not done:
            say, why = "Rank it under every strategy", "Let all that this run's signals serve choose from the pool of this round"
        elif soon:
            say, why = f"Rank it under {strategies(len(soon), 'more ')}", f"Go on with {soon[0]}"
        else:
            say = f"Rank it under {strategies(len(left), 'slow ')} too"
            why = f"{', '.join(left)}: they train something of their own, or ask a network; half a minute and more, and half a gigabyte of memory"
        self.button.description, self.button.tooltip = say, why
        self.words.value = escape(words)
        self.words.layout.display = None if words else "none"

    def _tabulate(self) -> None:
        if self._shown is None or not self.ranker.found:
            self.table.value = ""
            return
        view, sample = self._shown
        self.table.value = ranks_html(self.ranker.found.values(), sample, view.shown, view.round.strategy)


def strategies(count: int, more: str = "") -> str:
    """ "1 strategy", "58 strategies"."""
    return f"{count:,} {more}{'strategy' if count == 1 else 'strategies'}"


def ranks_html(rankings: Iterable[Ranking], sample: int, round: int, own: str) -> str:
    """Where each strategy has dataset index `sample`: those with scores by rank, the others by the number of the pick, and why the rest has it nowhere; as HTML."""
    every = list(rankings)
    asked = [one for one in every if not one.why]
    if not asked:
        return _reasons(every)
    count, batch = asked[0].count, max(len(one.picks) for one in asked)
    scored = sorted((int(one.places[sample]), one.strategy, one) for one in asked if one.places is not None)
    batches = sorted((one.picked(sample) or batch + 1, one.strategy, one) for one in asked if one.places is None)
    takers = sum(one.picked(sample) > 0 for one in asked)
    said = (
        f"Among the {count:,} candidates of round {round}, under the same model and seed, {takers:,} of {strategies(len(asked))} "
        f"would have it in their batch of {batch:,} (★)."
    )
    ranks = [_row(one, own, f"{place:,}", one.picked(sample) > 0) for place, _, one in scored]
    picks = [_row(one, own, f"{place:,}" if place <= batch else "–", place <= batch) for place, _, one in batches]
    parts = [
        f'<p class="alviz-reading">{escape(said)}</p>',
        _list(f"By score: rank of {count:,}", ranks),
        _list(f"By batch: number among {plural(batch, 'pick')}, – where it is not picked", picks),
        _notes(asked),
        _reasons(every),
    ]
    return "".join(parts)


def _row(one: Ranking, own: str, place: str, picked: bool) -> str:
    name = escape(one.strategy) + (" <i>(this round)</i>" if one.strategy == own else "")
    value = f'<b><span class="alviz-star">★</span> {place}</b>' if picked else f"<span>{place}</span>"
    return f'<li><span title="{escape(one.strategy)}">{name}</span>{value}</li>'


def _list(title: str, rows: list[str]) -> str:
    return f'<h3 class="alviz-panel-subtitle">{escape(title)}</h3><ul class="alviz-ranks">{"".join(rows)}</ul>' if rows else ""


def _notes(asked: list[Ranking]) -> str:
    """What strategies say of their choice: of what part of the candidates, for instance."""
    notes = _together({one.strategy: one.note for one in asked if one.note})
    return f'<ul class="alviz-notes">{notes}</ul>' if notes else ""


def _reasons(every: list[Ranking]) -> str:
    whys = {one.strategy: one.why for one in every if one.why}
    if not whys:
        return ""
    return f'<details class="alviz-report"><summary>No rank by {strategies(len(whys), "other ")}</summary><ul tabindex="0" aria-label="Why not">{_together(whys)}</ul></details>'


def _together(said: Mapping[str, str]) -> str:
    """Sentences as rows of a list, each once, with those who say it."""
    names: dict[str, list[str]] = {}
    for name, text in said.items():
        names.setdefault(text, []).append(name)
    return "".join(f"<li>{escape(', '.join(who))}: {escape(text)}</li>" for text, who in names.items())
