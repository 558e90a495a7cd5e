"""LabelBench: the state of the Label page."""

import threading
from typing import Any

import traitlets

from alviz import data
from alviz.data.dataset import Dataset
from alviz.figures.base import plural
from alviz.loop.evaluate import FOLDS
from alviz.loop.labelling import Labelling
from alviz.loop.outlook import Outlook, outlook
from alviz.loop.second_look import Doubt, doubts
from alviz.panels.jobs import Job
from alviz.panels.working import Working, readable
from alviz.progress import Cancelled

PRACTICE = "fashion-mini"
"""The dataset with hidden labels that one can practise on."""

DEFAULTS: dict[str, Any] = {
    "pictures": "practice",
    "folder": "",
    "classes": "",
    "annotator": "",
    "learner": "linear-svm",
    "strategy": "margin",
    "initial": "random",
    "extractor": "pca",
    "n_queries": 20,
    "seed": 0,
}
AHEAD = 4
"""Pictures that the page gets before they are asked about."""


class LabelBench(Working):
    """What the Label page knows.

    config: the form. session: the labelling under way, or None. turn: counts everything that was said or taken back, so that views look again.
    sample: dataset index of the picture asked about, or None; ahead: those after it. looking: labels offered for a second look (None: the
    queries go on), done: those of them that were decided in this look. again: a sample picked by hand, whose answer may be changed, or None. outlook: what more labels bring, as of round `foreseen`. word: what
    just happened, in words.
    """

    config = traitlets.Dict()
    session: Labelling | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    turn = traitlets.Int(0)
    looking: list[Doubt] | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    again: int | None = traitlets.Int(None, allow_none=True)  # type: ignore[assignment]
    outlook: Outlook | None = traitlets.Any(None, allow_none=True)  # type: ignore[assignment]
    word = traitlets.Unicode("")

    def __init__(self, store: Any = None, **config: Any):
        super().__init__(config={**DEFAULTS, **config})
        self.store = store
        self.done: set[int] = set()
        self._saying = threading.Lock()

    # ---- what is asked now ---------------------------------------------------------------------------------------------------------

    @property
    def queue(self) -> list[int]:
        """Dataset indices in the order in which they are asked about, the current one first."""
        if self.session is None or self.busy:
            return []
        if self.again is not None:
            return [self.again]
        if self.looking is not None:
            return [doubt.sample for doubt in self.looking if doubt.sample not in self.done]
        return [int(i) for i in self.session.waiting]

    @property
    def doubt(self) -> Doubt | None:
        """The label under a second look."""
        queue = self.queue
        if self.again is not None or self.looking is None or not queue:
            return None
        return next(doubt for doubt in self.looking if doubt.sample == queue[0])

    # ---- what is said (each is in the store when it returns; there is nothing else that the next picture could wait for) -----------

    def answer(self, sample: int, kind: str, label: int = -1) -> None:
        """kind: "label" (with `label`), "skip", "ignore", or "keep" for an answer that is right after a second look."""
        session = self.session
        if session is None or not self.queue or self.queue[0] != sample:
            return  # pressed while the page was turning to another picture
        with self._saying:
            self._said(lambda: self._answer(session, sample, kind, label))
        if self.looking is None and not self.queue:
            self.proceed()

    def _answer(self, session: Labelling, sample: int, kind: str, label: int) -> str:
        names = session.run.dataset.class_names
        if (self.again is not None and kind == "keep") or (self.doubt is not None and kind == "skip"):
            word = "left as it is"
        elif kind == "skip":
            session.skip(sample)
            word = "skipped"
        elif kind == "ignore":
            session.ignore(sample)
            word = "none of these"
        else:
            given = self.doubt.given if kind == "keep" and self.doubt is not None else label
            session.label(sample, given)
            word = names[given]
        if self.again is not None:
            self.again = None
        elif self.looking is not None:
            self.done.add(sample)
        return word

    def ask_again(self, sample: int) -> None:
        """Offer a sample that has its answer to be answered anew; nothing else of what was said changes."""
        session = self.session
        if session is not None and not self.busy and session.said(sample) is not None:
            self.again = sample
            self.turn += 1

    def add_class(self, name: str, sample: int) -> None:
        """A new class, which the picture asked about belongs to; or an old one, if that is what the name says but for capitals and spaces."""
        session = self.session
        if session is None or not self.queue or self.queue[0] != sample:
            return
        old = [plainly(known) for known in session.run.dataset.class_names]
        if plainly(name) in old:
            self.answer(sample, "label", old.index(plainly(name)))
            return
        added: list[int] = []

        def add() -> str:
            added.append(session.add_class(name))
            return f"new class {name.strip()}"

        with self._saying:
            self._said(add)
        if added:
            self.answer(sample, "label", added[0])

    def undo(self) -> None:
        """Take the last answer back; training under way is given up for it."""
        session = self.session
        if session is None:
            return
        if self.busy:
            self._jobs.instead(lambda job: self._undo(session))
        else:
            with self._saying:
                self._undo(session)

    def _undo(self, session: Labelling) -> None:
        stood = session.run.position

        def take_back() -> str:
            self.again = None
            sample = session.undo()
            if sample is None:
                return "nothing left to undo"
            if self.looking is not None and sample not in self.done:
                self.looking = None  # it was said before the second look: back to the queries
            self.done.discard(sample)
            if session.run.position < stood:
                self.outlook = None
            return "taken back"

        self._said(take_back)

    def _said(self, say: Any) -> None:
        try:
            self.error = self.notice = ""
            word = say()
        except ValueError as error:
            self.error = readable(error)
            word = ""
        with self.hold_trait_notifications():
            self.word = word
            self.turn += 1

    # ---- what takes long (each returns at once; False when something is already under way) -----------------------------------------

    def start(self) -> bool:
        """A new session with the settings of `config`."""

        def work(job: Job) -> None:
            config = dict(self.config)
            names = class_names(config["classes"])
            if len(names) < 2 and config["pictures"] != "practice":
                raise ValueError("name at least two classes, one a line: more can be added on the way")
            self.phase = "reading the pictures"
            dataset = self._dataset(config, job)
            self._enter(
                Labelling.start(
                    dataset,
                    dataset.class_names if config["pictures"] == "practice" else names,
                    annotator=config["annotator"].strip() or "person",
                    store=self.store,
                    **{part: config[part] for part in ("learner", "strategy", "initial")},
                    n_queries=min(int(config["n_queries"]), len(dataset)),
                    seed=int(config["seed"]),
                    **self.hooks(job),
                )
            )

        return self.begin(work)

    def resume(self, run: str) -> bool:
        """Go on with a session of the store."""

        def work(job: Job) -> None:
            self.phase = "reading the pictures"
            if self.store is None or not self.store.has(run):
                self.notice = "The session in the address is not kept on this machine: start a new one, or choose one below."
                return
            spec = self.store.config(run)["dataset"]
            if spec is None:
                raise ValueError("this session's pictures were not read by name: resume it from Python with Labelling.resume")
            dataset = data.create(spec["name"], progress=job.progress, **spec["params"])
            session = Labelling.resume(self.store, run, dataset)
            if len(session.waiting) == 0 and not session.exhausted:
                session.proceed(**self.hooks(job))
            self._enter(session)
            moves = {"joined the pool": session.joined, "without a label are no longer there": session.gone}
            self.notice = " ".join(f"{plural(n, 'picture')} {what}." for what, n in moves.items() if n)

        return self.begin(work)

    def proceed(self) -> bool:
        """Train on this round's answers and choose the next pictures."""

        def work(job: Job) -> None:
            assert self.session is not None
            before = self.session.run.position
            self.session.proceed(**self.hooks(job))
            if self.session.run.position > before:
                self.outlook = None

        return self.begin(work)

    def find_doubts(self) -> bool:
        """Look for labels that the model contradicts, and offer them."""

        def work(job: Job) -> None:
            assert self.session is not None
            self.phase = "cross-validating your labels"
            found = doubts(self.session.run, job.progress)
            if found:
                self.done = set()
                self.looking = found
            else:
                self.notice = f"No label that the model confidently contradicts (classes of fewer than {FOLDS} labels are not judged)."

        return self.begin(work)

    def stop_looking(self) -> None:
        """Back to the queries."""
        self.looking = None
        self.turn += 1

    def estimate(self) -> bool:
        """What more labels are likely to bring."""

        def work(job: Job) -> None:
            assert self.session is not None
            self.phase = "estimating what more labels bring"
            self.outlook = outlook(self.session.run, job.progress)

        return self.begin(work)

    def leave(self) -> None:
        """Close the session; it can be resumed."""
        if not self.busy:
            self.session, self.looking, self.again, self.outlook, self.word = None, None, None, None, ""

    # ---- inside --------------------------------------------------------------------------------------------------------------------

    def _dataset(self, config: dict[str, Any], job: Job) -> Dataset:
        if config["pictures"] == "practice":
            return data.create(PRACTICE, progress=job.progress)
        if not config["folder"].strip():
            raise ValueError("say which folder the pictures are in")
        folder = {"root": config["folder"].strip(), "labels": False, "test": 0.0}
        return data.create("folder", extractor=config["extractor"], progress=job.progress, **folder)

    def _enter(self, session: Labelling) -> None:
        with self.hold_trait_notifications():
            self.outlook, self.looking, self.again, self.word = None, None, None, ""
            self.session = session
            self.turn += 1

    def _job_failed(self, error: Exception) -> None:
        super()._job_failed(error)
        if isinstance(error, Cancelled) and self.session is not None:
            self.notice = "Stopped. Your answers are kept."


def class_names(text: str) -> list[str]:
    """The names in a text, one a line (or, where there is but one line, separated by commas); each once."""
    lines = text.strip().splitlines()
    names = [name.strip() for name in (lines if len(lines) > 1 else text.split(","))]
    return list(dict.fromkeys(name for name in names if name))


def plainly(name: str) -> str:
    """A class name without what people do not mean by it: capitals and more than one space."""
    return " ".join(name.split()).casefold()


def sessions(store: Any, most: int = 6) -> list[dict[str, Any]]:
    """The last sessions of a person in a store, newest first: as `Store.runs` gives them, and labels (how many there are)."""
    if store is None:
        return []
    found = [entry for entry in store.runs() if entry["config"].get("annotator", "simulated") != "simulated" and entry["config"]["dataset"]]
    return [{**entry, "labels": store.n_labelled(entry["id"])} for entry in found[:most]]
