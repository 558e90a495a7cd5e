"""Behind: a store that is written while the run goes on."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from alviz.data.dataset import Dataset
from alviz.loop.keeping import Arrays
from alviz.loop.labels import Event
from alviz.loop.round import Round
from alviz.studies.store import Store

QUICK = 0.2
"""Seconds of training below which a model is not kept: whoever goes on with the cell trains it again, to the same numbers."""


class Behind:
    """Keeps the rounds of one cell of a grid in `store`, one behind the run: waiting for the disk costs the run nothing.

    The round before is kept for good before the next one is taken. An error of the store comes up with the round after, or in `wait`.
    """

    def __init__(self, store: Store, cell: str):
        self.store = store
        self.cell = cell
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alviz-store")
        self._last: Future[Any] | None = None

    def create(self, config: dict[str, Any], dataset: Dataset) -> str:
        """Start the cell's run."""
        return self.store.create(config, dataset, self.cell)

    def commit(self, run: str, finished: Round, events: list[Event], model: Arrays | None) -> None:
        """Keep a round, once the one before is kept; the model where training took long."""
        self.wait()
        if finished.seconds.get("train", 0.0) < QUICK:
            model = None
        self._last = self._thread.submit(self.store.commit, run, finished, events, model)

    def wait(self) -> None:
        """Until everything is kept. Raises what the store raised."""
        if self._last is not None:
            self._last.result()

    def give_up(self) -> None:
        """No more rounds; whether the last was kept is not asked."""
        self._thread.shutdown()
