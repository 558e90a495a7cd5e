"""check_round: a strategy that changes model, data, labels, learner or itself in a real round is found out, by hash."""

import numpy as np
import pytest
import torch

from alviz.learners.base import ConstantModel, Learner, checked
from alviz.registry import Card
from alviz.strategies import ScoringStrategy, create
from alviz.testing import check_round, check_strategy
from alviz.testing.rounds import learner_for, small_dataset


class NetworkModel:
    def __init__(self, module, n_classes):
        self.module = module
        self.n_classes = n_classes

    def predict_proba(self, x):
        with torch.no_grad():
            return torch.softmax(self.module(torch.tensor(x)).double(), dim=1).numpy()


class Network(Learner):
    """A torch network with BatchNorm and dropout, left in evaluation mode."""

    card = Card(title="t", idea="i")

    @property
    def provides(self):
        return frozenset({"module"})

    def fit(self, x, y, *, n_classes=None, unlabelled=None, previous=None, rng, progress=None):
        x, y, k = checked(x, y, n_classes)
        if (y == y[0]).all():
            return ConstantModel(int(y[0]), k)
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        first, last = torch.nn.Linear(x.shape[1], 8), torch.nn.Linear(8, k)
        for layer in (first, last):
            torch.nn.init.normal_(layer.weight, generator=generator)
        module = torch.nn.Sequential(first, torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Dropout(0.5), last)
        with torch.no_grad():
            module(torch.tensor(x))
        return NetworkModel(module.eval(), k)


class Good(ScoringStrategy):
    name = ""
    card = Card(title="t", idea="i")
    needs = ("probabilities",)

    def score(self, pool):
        self.interfere(pool)
        return 1 - pool.probabilities.max(axis=1)

    def interfere(self, pool):
        pass


def interfering(function):
    return type("Interfering", (Good,), {"interfere": lambda self, pool: function(pool)})


def weights(pool):
    with torch.no_grad():
        pool.source.module[0].weight[0, 0] += 1e-6


def buffers(pool):
    module = pool.source.module.train()
    with torch.random.fork_rng():
        module(torch.tensor(pool.features))
    module.eval()


def gradient(pool):
    pool.source.module(torch.tensor(pool.features)).sum().backward()


def mode(pool):
    pool.source.module.train()


def one_mode(pool):
    pool.source.module[3].train()


def data(pool):
    pool.source.dataset.features[0, 0] += 1


def images(pool):
    pool.table("images")[0, 0, 0, 0] ^= 1


def record(pool):
    pool.table("probabilities")[:] = 1 / pool.n_classes


def labels(pool):
    pool.labels[0] = (pool.labels[0] + 1) % pool.n_classes


def learner(pool):
    pool.source.learner.epochs = 1


def global_state(pool):
    torch.rand(1)


def test_what_only_asks_the_network_passes():
    check_round(Good, learner=Network())
    check_round(interfering(lambda pool: pool.source.module(torch.tensor(pool.features))), learner=Network())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (weights, "the model was changed by select"),
        (buffers, "the model was changed by select"),
        (gradient, "the model was changed by select"),
        (mode, "the model was changed by select"),
        (one_mode, "the model was changed by select"),
        (data, "the dataset was changed by select"),
        (images, "the dataset was changed by select"),
        (record, "the record of rounds was changed by select"),
        (labels, "the label state was changed by select"),
        (learner, "the learner was changed by select"),
        (global_state, "torch's global random state was touched"),
    ],
)
def test_any_interference_fails(function, message):
    with pytest.raises(AssertionError, match=message):
        check_round(interfering(function), learner=Network())


def sklearn_weights(pool):
    pool.source.model.weights[0, 0] += 1e-6


def test_interference_with_a_shallow_model_fails():
    with pytest.raises(AssertionError, match="the model was changed by select"):
        check_round(interfering(sklearn_weights))


def test_a_learner_is_found_for_every_need():
    dataset = small_dataset()
    found = [
        learner_for(create(name), dataset).name
        for name in ("random", "margin", "alamp", "badge", "bald", "entropy-dropout", "ensemble-margin")
    ]
    assert found == ["linear-svm"] * 4 + ["mlp-dropout"] * 2 + ["ensemble"]


def test_a_need_that_no_learner_meets_is_named():
    class NeedsImpossible(Good):
        needs = ("predicted_loss", "module")

        def __init__(self):
            self.name = "impossible"

    with pytest.raises(AssertionError, match="no learner gives what 'impossible' needs: predicted loss"):
        check_round(NeedsImpossible)


def test_check_strategy_takes_the_learner():
    asked = []

    class Watched(Network):
        def fit(self, x, y, **options):
            asked.append(len(y))
            return super().fit(x, y, **options)

    check_strategy(lambda: create("margin"), learner=Watched())
    assert asked == [9, 12]
    assert np.array_equal(np.unique(small_dataset().targets), [0, 1, 2])
