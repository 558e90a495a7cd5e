"""Stored rows moved to the places that their ids have in a dataset."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.loop.round import Round


class Placement:
    """Moves stored rows to the places that their ids have in a dataset."""

    def __init__(self, stored: list[str], dataset: Dataset):
        now = [str(i) for i in dataset.ids]
        self._where = {name: i for i, name in enumerate(now)}
        self._pool = dataset.name
        self._to = np.array([self._where.get(name, -1) for name in stored], dtype=np.int64)
        self._n = len(now)
        self.same = stored == now
        self.gone = int((self._to < 0).sum())
        self.joined = self._n - (len(stored) - self.gone)

    def check(self, labelled: list[str]) -> None:
        missing = [name for name in labelled if name not in self._where]
        if missing:
            many = (
                f"{len(missing):,} labelled samples of the stored run are" if len(missing) > 1 else "a labelled sample of the stored run is"
            )
            raise ValueError(
                f"{many} not in dataset {self._pool!r}, the first is {missing[0]!r}: "
                "deleted, renamed, changed or set aside for testing since; put them back to go on with the run"
            )

    def index(self, name: str) -> int | None:
        return self._where.get(name)

    def picks(self, arrays: dict[str, NDArray[Any]], indices: str, *beside: str) -> dict[str, NDArray[Any]]:
        """The arrays of a batch, with `indices` those of the dataset, and without the samples that are gone."""
        now = self._to[arrays[indices]]
        there = now >= 0
        return {**arrays, indices: now[there], **{name: arrays[name][there] for name in beside if name in arrays}}

    def whole(self, rows: NDArray[Any], filling: float) -> NDArray[Any]:
        if self.same:
            return rows
        out = np.full((self._n, *rows.shape[1:]), filling, dtype=rows.dtype)
        out[self._to[self._to >= 0]] = rows[self._to >= 0]
        return out

    def round(self, index: int, record: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Round:
        arrays = self.picks(arrays, "queried", "labels", "gains", "synthetic")
        k = len(arrays["class_counts"])
        bare = {"probabilities": np.empty((0, k), np.float32), "confusion": np.empty((0, 0), np.int64)}
        if "probabilities" in arrays:
            arrays["probabilities"] = self.whole(arrays["probabilities"], 1.0 / k)
        if "scores" in arrays:
            arrays["scores"] = self.whole(arrays["scores"], np.nan)
        fields: dict[str, Any] = {**record, **bare, **arrays}
        return Round(index=index, **fields)
