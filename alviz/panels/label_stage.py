"""LabelStage: one big picture, a button for each class, everything on keys."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from alviz.data.dataset import Dataset
from alviz.loop.labels import Event
from alviz.panels.label_state import AHEAD, LabelBench
from alviz.panels.theme import STATIC, Themed, script
from alviz.studies.export import named

LONGEST = 1600
"""Larger pictures are shrunk to so many pixels before they are sent."""

WHOLE = 8000
"""The same for a closer look, when the original's own pixels are wanted."""

RECENT = 16
"""Last answers that the page shows at most, for a second thought."""


class LabelStage(Themed):
    """The picture that is asked about, and what can be said about it.

    From Python: sample: dataset index or None; ahead: those that follow, fetched before their turn. classes, counts: names and labels given so far, in the
    order of the keys 1 … 9, 0. heading, caption, note, word: texts above, below and beside the picture. instead: what stands in the place of a
    picture. share: of the round. look: a second look at given labels; again: at one that was picked by hand. former, guess: class index to mark, or −1.
    may_undo. recent: the last answers, newest first: {sample, word}. turn: grows with every answer from Python, and frees the keys.
    From the page, as messages: {"kind": "answer", sample, answer: "label" | "skip" | "ignore" | "keep", label}, {"kind": "class", name, sample},
    {"kind": "undo"}, {"kind": "again", sample}; {"kind": "want", samples, size: "shown" | "whole" | "small"} is answered here with one
    {"kind": "picture", sample, size} each.
    """

    _esm = script("closer.js", "answers.js", "label.js")
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
    again = traitlets.Bool(False).tag(sync=True)
    recent = traitlets.List(traitlets.Dict()).tag(sync=True)
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
            case "again":
                self.bench.ask_again(int(content["sample"]))
            case "want":
                for sample in content["samples"]:
                    self._painter.submit(self._send_picture, int(sample), str(content["size"]))
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
            self.again = bench.again is not None and not bench.busy
            self.look = bench.looking is not None and not self.again
            self.recent = [{"sample": event.sample, "word": self._said(event)} for event in session.recent(RECENT)]
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
        if bench.again is not None:
            return "Once more", 0.0, ""
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
        if bench.again is not None and (said := session.said(sample)) is not None:
            return -1, f"Your answer was: {self._said(said)}. Give another one, or keep it."
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

    def _said(self, event: Event) -> str:
        assert self.bench.session is not None
        if event.label >= 0:
            return self.bench.session.run.dataset.class_names[event.label]
        return "skipped" if event.kind == "skip" else "none of these"

    def _send_picture(self, sample: int, size: str) -> None:
        session = self.bench.session
        if session is None or not 0 <= sample < len(session.run.dataset):
            return
        try:
            content, kind = picture_file(session.run.dataset, sample, size)
            self.send({"kind": "picture", "sample": sample, "size": size, "type": kind, "broken": ""}, [content])
        except Exception as error:  # whatever is wrong with one file, the page says so and the next one is asked
            self.send({"kind": "picture", "sample": sample, "size": size, "type": "", "broken": str(error) or type(error).__name__})


def picture_file(dataset: Dataset, sample: int, size: str = "shown") -> tuple[bytes, str]:
    """(bytes, MIME type) of a sample for the page. Raises where it cannot be read.

    size: "shown": the original, upright, at most LONGEST pixels long; "whole": at most WHOLE; "small": what learners see of it.
    """
    from PIL import Image

    longest = WHOLE if size == "whole" else LONGEST
    if size == "small" and dataset.images is not None:
        image: Any = Image.fromarray(np.squeeze(dataset.images[sample]))
    elif dataset.files is not None:
        from alviz.data.decoding import picture

        image = picture(Path(dataset.files[sample]).read_bytes(), None if size == "whole" else longest)
    else:
        image = Image.fromarray(np.squeeze(dataset.source(sample)))
    image.thumbnail((longest, longest))
    buffer = io.BytesIO()
    if max(image.size) <= 256:  # not one pixel of a small picture is given away
        image.save(buffer, format="PNG", compress_level=1)
        return buffer.getvalue(), "image/png"
    image.save(buffer, format="JPEG", quality=90)
    return buffer.getvalue(), "image/jpeg"
