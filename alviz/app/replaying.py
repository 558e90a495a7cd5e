"""`alviz replay`: kept runs, read from the store with their data."""

import json
from collections.abc import Sequence

from alviz import data
from alviz.data.dataset import Dataset
from alviz.loop.run import Run
from alviz.studies.store import Store


def runs(store: Store, ids: Sequence[str]) -> list[Run]:
    """The runs of these ids, in this order, each once; runs on the same data share them.

    Cells of grids, of which the store has the picks alone, are made again. Raises ValueError for an id that there is not, and for data that were not made by name.
    """
    loaded: dict[str, Dataset] = {}
    found = []
    for run in dict.fromkeys(ids):
        if not store.has(run):
            raise ValueError(f"there is no run {run!r}; alviz runs lists those that there are")
        spec = store.config(run)["dataset"]
        if spec is None:
            raise ValueError(f"the data of run {run} were not made by name: resume it in Python, and hand it to alviz.report.write_replay")
        key = json.dumps(spec, sort_keys=True)
        if key not in loaded:
            loaded[key] = data.create(spec["name"], **spec["params"])
        stored = store.load(run, loaded[key])
        found.append(Run.replay(stored, loaded[key]) if stored.bare else Run.resume(stored, loaded[key]))
    return found
