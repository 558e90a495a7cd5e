"""The papers' protocols: every name in them exists, and their sizes are those of the papers."""

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


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ValueError, match="unknown protocol 'alamp'; did you mean 'alamp-2021'"):
        protocol("alamp")
