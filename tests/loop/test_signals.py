"""What a slow model says is asked for some rows at a time: the same rows, with progress, and cancelled in between."""

import numpy as np
import pytest

from alviz import learners
from alviz.data import from_arrays
from alviz.loop import Run
from alviz.progress import Cancelled


@pytest.fixture(scope="module")
def run() -> Run:
    rng = np.random.default_rng(0)
    images, targets = rng.integers(0, 256, (300, 12, 12), dtype=np.uint8), np.arange(300) % 3
    return Run(from_arrays(images=images, targets=targets), learner=learners.create("lenet", epochs=1, dropout=0.3), n_queries=6)


@pytest.mark.parametrize("signal", ["embeddings", "dropout_posterior"])
def test_rows_asked_in_parts_are_those_asked_at_once(run: Run, signal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    parts = run.view(progress=told.append).signal(signal)
    assert told == [0.0, 256 / 294]
    monkeypatch.setattr(type(run.model()), "at_once", 1000)
    np.testing.assert_array_equal(parts, run.view().signal(signal))


def test_a_signal_is_cancelled_between_two_parts(run: Run) -> None:
    told: list[float] = []

    def stop(share: float) -> None:
        told.append(share)
        if share > 0:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        run.view(progress=stop).signal("dropout_posterior")
    assert len(told) == 2
