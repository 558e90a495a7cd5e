"""LabelStage: one big picture, a button for each class, everything on keys."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from alviz.data.dataset import Dataset
from alviz.panels.label_state import AHEAD, LabelBench
from alviz.panels.theme import STATIC, Themed, script

LONGEST = 1600
"""Larger pictures are shrunk to so many pixels before they are sent."""


class LabelStage(Themed):
    """The picture that is asked about, and what can be said about it.

    From Python: sample: dataset index or None; ahead: those that follow, fetched before their turn. classes, counts: names and labels given so far, in the
    order of the keys 1 … 9, 0. heading, caption, note, word: texts above, below and beside the picture. instead: what stands in the place of a
    picture. share: of the round. look: a second look at given labels. former, guess: class index to mark, or −1. may_undo. turn: grows with
    every answer from Python, and frees the keys.
    From the page, as messages: {"kind": "answer", sample, answer: "label" | "skip" | "ignore" | "keep", label}, {"kind": "class", name, sample},
    {"kind": "undo"}; {"kind": "want", samples} is answered here with one {"kind": "picture"} each.
    """

    _esm = script("label.js")
    _css = (STATIC / "label.css").read_text(encoding="utf-8")

    sample = traitlets.Int(None, allow_none=True).tag(sync=True)
    ahead = traitlets.List(traitlets.Int()).tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    counts = traitlets.List(traitlets.Int()).tag(sync=True)
    heading = traitlets.Unicode("").tag(sync=True)
    caption = traitlets.Unicode("").tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)
    word = traitlets.Unicode("").tag(sync=True)
    instead = traitlets.Unicode("").tag(sync=True)
    share = traitlets.Float(0.0).tag(sync=True)
    look = traitlets.Bool(False).tag(sync=True)
    former = traitlets.Int(-1).tag(sync=True)
    guess = traitlets.Int(-1).tag(sync=True)
    may_undo = traitlets.Bool(False).tag(sync=True)
    turn = traitlets.Int(0).tag(sync=True)

    def __init__(self, bench: LabelBench, **traits: Any):
        super().__init__(**traits)
        self.bench = bench
        self.show_guess = False
        self._painter = ThreadPoolExecutor(1, thread_name_prefix="alviz-pictures")
        bench.observe(lambda _: self.draw(), ["session", "turn", "looking", "busy", "phase"])
        self.draw()

    def _answer(self, widget: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        super()._answer(widget, content, buffers)
        match content.get("kind"):
            case "answer":
                self.bench.answer(int(content["sample"]), str(content["answer"]), int(content["label"]))
            case "class":
                self.bench.add_class(str(content["name"]), int(content["sample"]))
            case "undo":
                self.bench.undo()
            case "want":
                for sample in content["samples"]:
                    self._painter.submit(self._send_picture, int(sample))
                return
            case _:
                return
        self.turn += 1

    def draw(self) -> None:
        """Bring the page in line with the bench."""
        bench, session = self.bench, self.bench.session
        with self.hold_sync():
            if session is None:
                self.sample, self.ahead, self.heading = None, [], ""
                return
            dataset, queue = session.run.dataset, bench.queue
            sample = queue[0] if queue else None
            self.classes = list(dataset.class_names)
            self.counts = session.class_counts.tolist()
            self.look = bench.looking is not None
            self.may_undo = bool(session.now.events)
            self.word = bench.word
            self.caption = "" if sample is None else named(dataset, sample)
            said = None if sample is None else session.said(sample)
            self.former = -1 if said is None else said.label
            guess, self.note = self._thought(sample)
            self.guess = guess
            self.heading, self.share, self.instead = self._where()
            self.ahead = queue[1 : 1 + AHEAD]
            self.sample = sample

    def _where(self) -> tuple[str, float, str]:
        """(heading, share done, what to say where there is no picture)."""
        bench, session = self.bench, self.bench.session
        assert session is not None
        if bench.busy:
            return (
                "One moment",
                bench.progress,
                f"{(bench.phase or 'starting').capitalize()} … Your answers are kept. Undo (u) still works.",
            )
        if bench.looking is not None:
            total, left = len(bench.looking), len(bench.queue)
            if left == 0:
                return "Second look", 1.0, "That was the last one. Go back to the queries on the right."
            return f"Second look: {total - left + 1} of {total}", (total - left) / total, ""
        stands = session.standing()
        if session.exhausted:
            return "Finished", 1.0, "Every picture has an answer. Take your labels away on the right."
        share = stands.answered / max(stands.asked, 1)
        if not bench.queue:
            return f"Round {stands.round}", share, "The next round has not begun. Press Go on."
        return f"Round {stands.round} · picture {stands.answered + 1} of {stands.asked}", share, ""

    def _thought(self, sample: int | None) -> tuple[int, str]:
        """(class index or −1, sentence): what the model makes of a sample, where that may be shown."""
        bench, session = self.bench, self.bench.session
        if sample is None or session is None:
            return -1, ""
        names = session.run.dataset.class_names
        if (doubt := bench.doubt) is not None:
            return doubt.predicted, (
                f"You said {names[doubt.given]}; models that did not know your label say {names[doubt.predicted]} ({doubt.probability:.0%})."
            )
        if not self.show_guess:
            return -1, ""
        if session.run.position < 0:
            return -1, "There is no model yet."
        proba = session.run.rounds[-1].probabilities[sample]
        best = int(proba.argmax())
        return best, f"The model says {names[best]} ({proba[best]:.0%})."

    def _send_picture(self, sample: int) -> None:
        session = self.bench.session
        if session is None or not 0 <= sample < len(session.run.dataset):
            return
        try:
            content, kind = picture_file(session.run.dataset, sample)
            self.send({"kind": "picture", "sample": sample, "type": kind, "broken": ""}, [content])
        except Exception as error:  # whatever is wrong with one file, the page says so and the next one is asked
            self.send({"kind": "picture", "sample": sample, "type": "", "broken": str(error) or type(error).__name__})


def named(dataset: Dataset, sample: int) -> str:
    """What a person calls a sample: its file's path inside the folder, or its id."""
    identity = str(dataset.ids[sample])
    return identity if dataset.files is None else identity.rpartition("#")[0] or identity


def picture_file(dataset: Dataset, sample: int) -> tuple[bytes, str]:
    """(bytes, MIME type) of a sample's original for the page: upright, at most LONGEST pixels long. Raises where it cannot be read."""
    from PIL import Image

    if dataset.files is not None:
        from alviz.data.decoding import picture

        image: Any = picture(Path(dataset.files[sample]).read_bytes(), LONGEST)
    else:
        image = Image.fromarray(np.squeeze(dataset.source(sample)))
    image.thumbnail((LONGEST, LONGEST))
    buffer = io.BytesIO()
    if max(image.size) <= 256:  # not one pixel of a small picture is given away
        image.save(buffer, format="PNG", compress_level=1)
        return buffer.getvalue(), "image/png"
    image.save(buffer, format="JPEG", quality=90)
    return buffer.getvalue(), "image/jpeg"
