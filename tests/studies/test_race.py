"""Raced runs: paired by seed, equal to runs made one by one."""

import numpy as np
import pytest

from alviz import data
from alviz.loop import Run
from alviz.progress import Cancelled
from alviz.studies.race import curves, race


@pytest.fixture(scope="module")
def pool():
    return data.create("moons", n=100, n_test=50)


def test_every_run_is_the_run_with_its_settings_and_seed(pool) -> None:
    runs = race(pool, {"a": {"strategy": "margin"}, "b": {"n_queries": 3}}, rounds=2, seeds=[4, 7], learner="logistic", n_queries=5)
    assert [run.seed for run in runs["a"]] == [4, 7]
    alone = Run(pool, strategy="margin", learner="logistic", n_queries=5, seed=7)
    alone.goto(2)
    assert [r.metrics["accuracy"] for r in runs["a"][1].rounds] == [r.metrics["accuracy"] for r in alone.rounds]
    assert runs["b"][0].rounds[-1].n_labelled == 9
    with pytest.raises(ValueError, match="same numbers of labels"):
        curves(runs)


def test_names_are_strategies_and_curves_are_paired(pool) -> None:
    runs = race(pool, ["random", "margin"], rounds=1, seeds=3, learner="logistic", n_queries=4)
    found = curves(runs)
    assert found.arms == ("random", "margin") and found.budgets.tolist() == [4, 8] and found.seeds.tolist() == [0, 1, 2]
    assert np.array_equal(found.values["random"][:, 0], found.values["margin"][:, 0])  # one seed, one start


def test_a_race_can_be_cancelled(pool) -> None:
    def stop(share: float) -> None:
        if share > 0:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        race(pool, ["random"], rounds=1, seeds=5, progress=stop, learner="logistic", n_queries=4)
