"""The papers' protocols: every name in them exists, and their sizes are those of the papers."""

import numpy as np
import pytest

from alviz import data, learners, strategies
from alviz.studies.protocols import PROTOCOLS, protocol


@pytest.mark.parametrize("name", PROTOCOLS)
def test_names_exist(name):
    plan = PROTOCOLS[name]
    assert plan.dataset in data.available()
    learners.create(plan.learner, **plan.params.get("learner", {}))
    assert set(plan.strategies) <= set(strategies.available())
    assert plan.title and plan.paper and plan.ran_on and plan.departs


def test_sizes():
    assert protocol("alamp-2021").sizes(6000) == (200, 200) and protocol("alamp-2021").rounds == 15
    assert protocol("minority-2020").sizes(6000) == (500, 500) and protocol("minority-2020").rounds == 15
    assert protocol("thesis-plane").sizes(5000) == (5, 5) and protocol("thesis-plane").rounds == 3
    assert protocol("thesis-low").sizes(60_000) == (10, 10) and protocol("thesis-high").sizes(60_000) == (600, 600)
    assert protocol("initial-2020").sizes(6000) == (300, 600)
    assert protocol("initial-2020").sizes(7) == (1, 1)


def test_learners_are_trained_as_the_papers_train_them():
    for name in (
        "alamp-2021-imbalanced",
        "minority-2020",
    ):  # "the cost sensitive SVM is used for imbalanced datasets", "CS-SVM is used by default"
        assert protocol(name).params["learner"] == {"class_weight": "balanced"}
    assert "learner" not in protocol("alamp-2021").params
    survey = protocol("survey-2022").params["learner"]
    assert (survey["stem"], survey["epochs"], survey["optimizer"], survey["lr"]) == ("7x7", 20, "adam", 1e-3)
    pools = protocol("initial-2020").params["learner"]
    assert (pools["optimizer"], pools["lr"], pools["weight_decay"]) == ("adam", 5e-4, 5e-4)


def test_one_in_twenty_is_of_the_class_that_matters():
    plan = protocol("thesis-rare")
    pool = data.create(plan.dataset, imbalance=plan.imbalance)
    rare, rest = np.bincount(pool.targets, minlength=2)
    assert pool.n_classes == 2 and abs(rest / rare - 19) < 0.1
    whole = data.create(plan.dataset)
    names = {whole.class_names[k] for k in whole.targets[np.isin(whole.ids, [pool.ids[i] for i in np.flatnonzero(pool.targets == 0)])]}
    assert names == {"Shirt", "Coat"}


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ValueError, match="unknown protocol 'alamp'; did you mean 'alamp-2021'"):
        protocol("alamp")
