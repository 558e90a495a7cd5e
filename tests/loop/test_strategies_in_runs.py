"""Every strategy in a real run: it can be served, and undo or resume change nothing, whatever it keeps for the length of the run."""

from pathlib import Path

import numpy as np
import pytest

import alviz
from alviz import learners, strategies
from alviz.data.dataset import Dataset
from alviz.loop import Run
from alviz.loop.signals import unmet
from alviz.studies import Store

OWN = [name for name in strategies.available() if ":" not in name]


@pytest.fixture(scope="module")
def blobs() -> Dataset:
    """Three overlapping classes in five dimensions, one of them rare."""
    rng = np.random.default_rng(5)
    targets = rng.permutation(np.repeat([0, 1, 2], [60, 45, 15]))
    features = rng.normal(size=(120, 5)) + 1.5 * np.eye(3, 5)[targets]
    return alviz.data.from_arrays(features[:90], targets=targets[:90], test=(features[90:], targets[90:]), name="blobs")


def learner_for(strategy: str, dataset: Dataset) -> str:
    """The first learner that serves the strategy."""
    made = strategies.create(strategy)
    return next(name for name in ("linear-svm", "mlp-dropout", "ensemble") if not unmet(made, made.learner(learners.create(name)), dataset))


@pytest.mark.parametrize("name", OWN)
def test_undo_and_resume_change_no_pick(name: str, blobs: Dataset, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    settings = {"learner": learner_for(name, blobs), "strategy": name, "n_queries": 6, "n_initial": 9, "seed": 4}
    run = Run(blobs, **settings, store=store)
    run.goto(1)
    early = store.load(str(run.id), blobs)
    run.goto(3)
    picks = [finished.queried.tolist() for finished in run.rounds]
    assert len({i for round in picks for i in round}) == 9 + 3 * 6
    run.goto(1)
    run.goto(3)
    assert [finished.queried.tolist() for finished in run.rounds] == picks
    resumed = Run.resume(early, blobs)
    resumed.goto(3)
    assert [finished.queried.tolist() for finished in resumed.rounds] == picks
    branch = run.fork(round=1)
    branch.goto(3)
    assert [finished.queried.tolist() for finished in branch.rounds] == picks
