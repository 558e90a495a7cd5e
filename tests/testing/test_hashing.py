"""state_hash: equal for equal states, different for any change inside."""

import copy
import functools
import random
import threading
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from alviz.testing import state_hash

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(4, 2))
    )


def step(module):
    module(torch.ones(2, 3)).sum().backward()


def weight(module):
    with torch.no_grad():
        module[2][1].weight[1, 2] += 1e-6


def buffer(module):
    with torch.no_grad():
        module(torch.ones(2, 3))


@pytest.mark.parametrize(
    "change",
    [
        weight,
        buffer,
        step,
        lambda module: module[2][0].eval(),
        lambda module: module.eval(),
        lambda module: module[0].weight.requires_grad_(False),
        lambda module: module[1].register_forward_hook(print),
        lambda module: setattr(module[2][0], "p", 0.1),
        lambda module: module.append(torch.nn.ReLU()),
    ],
)
def test_any_change_of_a_network_shows(change):
    module = network()
    before = state_hash(module)
    assert state_hash(module) == state_hash(copy.deepcopy(module)) == before
    change(module)
    assert state_hash(module) != before


def test_asking_a_network_properly_does_not_show():
    module = network().eval()
    before = state_hash(module)
    with torch.no_grad():
        module(torch.ones(2, 3))
    assert state_hash(module) == before


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        RandomForestClassifier(5, random_state=0),
        KNeighborsClassifier(2),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
)
def test_estimators(estimator):
    fitted = copy.deepcopy(estimator).fit(X, Y)
    before = state_hash(fitted)
    fitted.predict_proba(X)
    assert state_hash(fitted) == state_hash(copy.deepcopy(fitted)) == before != state_hash(estimator)
    assert state_hash(fitted.fit(X[::-1], 1 - Y)) != before


def test_a_changed_leaf_of_a_forest_shows():
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)
    before = state_hash(forest)
    forest.estimators_[1].tree_.value[0] += 1e-6
    assert state_hash(forest) != before


@dataclass
class Node:
    value: object
    next: object = None


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a):
        self.a = a


class Lazy:
    def __init__(self):
        self.numbers = [1, 2]

    @functools.cached_property
    def total(self):
        return sum(self.numbers)


def closing_over(box):
    return lambda: box


DIFFERENT = [
    (1, True),
    (1, 1.0),
    (0.0, -0.0),
    ("1", 1),
    ("1", b"1"),
    (None, "None"),
    ([1, 2], (1, 2)),
    ([1, 2], [2, 1]),
    ([[1], 2], [1, [2]]),
    (["ab", "c"], ["a", "bc"]),
    ({"a": 1}, {"a": 2}),
    ({"a": 1}, {"b": 1}),
    ({1, 2}, {1, 3}),
    (np.zeros(2), np.zeros(2, dtype=np.float32)),
    (np.zeros((2, 3)), np.zeros((3, 2))),
    (np.zeros(2), np.array([0.0, -0.0])),
    (np.array([1, "a"], dtype=object), np.array([1, "b"], dtype=object)),
    (torch.zeros(2), torch.zeros(2, dtype=torch.float64)),
    (torch.zeros(2), torch.zeros(2, requires_grad=True)),
    (torch.zeros(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.bfloat16)),
    (Slotted(1), Slotted(2)),
    (Node(1), Node(2)),
    (closing_over([1]), closing_over([2])),
    (functools.partial(sum, [1]), functools.partial(sum, [2])),
    (range(3), range(4)),
    (np.random.default_rng(0), np.random.default_rng(1)),
    (np.random.RandomState(0), np.random.RandomState(1)),
    (random.Random(0), random.Random(1)),
    (torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)),
    (Node(1).__eq__, Node(2).__eq__),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_states(one, other):
    assert state_hash(one) != state_hash(other)
    assert state_hash(one) == state_hash(one)
    assert len(state_hash(one)) == 32


def test_values_count_and_not_identities_or_layout():
    a = np.arange(6.0).reshape(2, 3)
    assert state_hash([a, a]) == state_hash([a, a.copy()]) == state_hash([np.asfortranarray(a), a])
    assert state_hash({"x", "yy", "zzz"}) == state_hash({"zzz", "yy", "x"})


def test_cycles_end_and_are_seen():
    def ring(values):
        nodes = [Node(v) for v in values]
        for node, after in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
            node.next = after
        return nodes[0]

    assert state_hash(ring([1, 2, 3])) == state_hash(ring([1, 2, 3])) != state_hash(ring([1, 2, 4]))
    loop = []
    loop.append(loop)
    assert state_hash(loop) != state_hash([[]])


def test_generators_that_were_drawn_from_show():
    for generator, draw in ((np.random.default_rng(0), lambda g: g.random()), (random.Random(0), lambda g: g.random())):
        before = state_hash(generator)
        draw(generator)
        assert state_hash(generator) != before


def test_what_is_only_derived_or_closed_does_not_show():
    lazy = Lazy()
    before = state_hash(lazy)
    assert lazy.total == 3
    assert state_hash(lazy) == before
    lazy.numbers.append(3)
    assert state_hash(lazy) != before
    assert state_hash(threading.Lock()) == state_hash(threading.Lock())
