"""Reveal: the picks of both sides after a round, and the score."""

from html import escape

import ipywidgets as widgets
import numpy as np

from alviz.data.dataset import Dataset
from alviz.figures.bands import band_curves
from alviz.panels.match import Match, Turn
from alviz.panels.picking import draw_reveal
from alviz.panels.plot import Plot
from alviz.panels.score import card, difference, percent, score, table
from alviz.panels.thumbnails import Thumbnails
from alviz.panels.toy import heading


class Reveal:
    """The strategy's picks beside the person's: two planes, or two rows of pictures with their labels."""

    def __init__(self, match: Match):
        self.match = match
        self.sentence = widgets.HTML()
        self.titles = [widgets.HTML() for _ in range(2)]
        self.plots = [Plot(height="clamp(210px, 32vh, 480px)") for _ in range(2)]
        self.rows = [Thumbnails(label=label, empty="") for label in ("What you picked", "What the strategy picked")]
        cells = [widgets.VBox(list(parts)) for parts in zip(self.titles, self.plots, self.rows, strict=True)]
        for cell in cells:
            cell.add_class("alviz-plane")
        self.sides = widgets.Box(cells)
        self.widget = widgets.VBox([self.sentence, self.sides])
        match.observe(lambda _: self._show(), ["revealed", "turns"])
        self._show()

    def _show(self) -> None:
        match, r = self.match, self.match.revealed
        dataset = match.dataset
        if dataset is None or not 0 < r <= match.position:
            return
        turn, before = match.turns[r], match.turns[r - 1]
        self.sentence.value = f'<p class="alviz-difference">{escape(difference(turn, before, dataset, match.rival))}</p>'
        self.sides.remove_class("alviz-maps" if not match.flat else "alviz-stack")
        self.sides.add_class("alviz-maps" if match.flat else "alviz-stack")
        for k, (title, plot, row, side) in enumerate(zip(self.titles, self.plots, self.rows, (turn.yours, turn.its), strict=True)):
            title.value = heading("you" if k == 0 else match.rival, f"{percent(side.metrics['accuracy'])} accuracy")
            plot.layout.display = None if match.flat else "none"
            row.layout.display = "none" if match.flat else None
            if match.flat:
                draw_reveal(match, plot, k)
            else:
                show_batch(row, dataset, turn, before, k)


def show_batch(row: Thumbnails, dataset: Dataset, turn: Turn, before: Turn, side: int) -> None:
    """One side's batch as pictures: the label, what its model had taken it for, and whether the other side picked it too."""
    ours, theirs = (turn.yours, turn.its) if side == 0 else (turn.its, turn.yours)
    said = (before.yours, before.its)[side].probabilities
    titles, lines, flags = [], [], []
    for i, label in zip(ours.queried.tolist(), ours.labels.tolist(), strict=True):
        top = int(said[i].argmax())
        titles.append(dataset.class_names[label] if label >= 0 else "no label")
        shared = ["picked by both"] if i in theirs.queried else []
        lines.append([f"pred. {dataset.class_names[top]}\t{said[i, top]:.0%}", *shared])
        flags.append("" if label < 0 else "right" if top == label else "wrong")
    images = None if dataset.images is None else dataset.images[ours.queried]
    row.show(ours.queried, images, titles, lines, flags)


class ScorePanel:
    """Held-out accuracy round by round, as curves and as a table, with random's mean."""

    def __init__(self, match: Match):
        self.match = match
        self.plot = Plot(height="clamp(170px, 26vh, 320px)", empty="Press Start: accuracy after every round, yours and the strategy's.")
        self.table = widgets.HTML()
        self.widget = widgets.VBox([self.plot, self.table])
        match.observe(lambda _: self._show(), ["turns", "reference"])
        self._show()

    def _show(self) -> None:
        match = self.match
        self.table.value = table(match.turns, match.reference, match.rival) if match.turns else ""
        if len(match.turns) < 2:
            self.plot.empty = "The curves begin with round 1." if match.turns else self.plot.empty
            self.plot.show({"data": [], "layout": {}})
            return
        done = len(match.turns)
        sides = {
            "you": np.array([[turn.yours.metrics["accuracy"] for turn in match.turns]]),
            match.rival: np.array([[turn.its.metrics["accuracy"] for turn in match.turns]]),
        }
        if len(match.reference):
            name = "random" if match.rival != "random" else "random, mean"
            sides[name] = match.reference[:, :done]
        n_labelled = np.array([turn.yours.n_labelled for turn in match.turns], dtype=np.int64)
        found = score(match.turns, match.reference)
        reading = f"After {n_labelled[-1]:,} labels you have {percent(found.yours)}, {match.rival} {percent(found.its)}"
        band = f", random picks {percent(found.random)} on average (band: 95 % interval)" if len(match.reference) else ""
        self.plot.show(band_curves("match", n_labelled, sides, "accuracy"), f"{reading}{band}.")


class ScoreCard:
    """What stands at the end of a match, and how to play again."""

    def __init__(self, match: Match):
        self.match = match
        self.html = widgets.HTML()
        self.again = widgets.Button(description="Play again", tooltip="The same start: pick better")
        self.other = widgets.Button(description="Another seed", tooltip="The next seed: another start, another order")
        self.code = widgets.HTML()
        buttons = widgets.HBox([self.again, self.other])
        buttons.add_class("alviz-buttons")
        self.widget = widgets.VBox([self.html, buttons, self.code])
        self.again.on_click(lambda _: self._again(0))
        self.other.on_click(lambda _: self._again(1))
        match.observe(lambda _: self._show(), ["turns", "reference", "undone", "busy"])
        self._show()

    def _again(self, further: int) -> None:
        match = self.match
        if match.started is not None and not match.busy:
            match.config = {**match.started, "seed": int(match.started["seed"]) + further}
            match.start()

    def _show(self) -> None:
        match = self.match
        self.again.disabled = self.other.disabled = match.busy
        if not match.over:
            return
        self.html.value = card(score(match.turns, match.reference), match.rival, match.steps, match.undone)
        script = escape(match.to_python())
        self.code.value = f'<details class="alviz-report"><summary>{escape(match.rival)}\'s side in Python</summary><pre class="alviz-code">{script}</pre></details>'
