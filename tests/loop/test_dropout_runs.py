"""Strategies that look at stochastic passes, with a network that has dropout and with one that has not."""

import numpy as np
import pytest

import alviz
from alviz.data.dataset import Dataset

DROPOUT = ("bald", "mean-std", "variation-ratio", "least-confidence-dropout", "margin-dropout", "entropy-dropout")


@pytest.fixture(scope="module")
def pictures() -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, size=(40, 12, 12), dtype=np.uint8)
    return alviz.data.from_arrays(images=x, targets=np.arange(40) % 3, class_names=("a", "b", "c"))


@pytest.mark.parametrize("strategy", DROPOUT)
def test_dropout_strategies_run_with_lenet_and_repeat(pictures: Dataset, strategy: str) -> None:
    picks = []
    for _ in range(2):
        learner = alviz.learners.create("lenet", epochs=1, dropout=0.3)
        run = alviz.Run(
            pictures.take(np.arange(30), test=pictures.take(np.arange(30, 40))), learner=learner, strategy=strategy, n_queries=5
        )
        finished = run.step()
        assert finished is not None and finished.scores is not None
        assert len(np.unique(finished.scores[np.isfinite(finished.scores)])) > 2
        picks.append(finished.queried.tolist())
    assert picks[0] == picks[1]


@pytest.mark.parametrize("strategy", DROPOUT)
def test_they_are_refused_before_anything_is_trained_without_dropout(pictures: Dataset, strategy: str) -> None:
    with pytest.raises(ValueError, match=f"strategy '{strategy}' needs .*dropout posterior.*which learner 'lenet' does not give"):
        alviz.Run(pictures, learner="lenet", strategy=strategy, n_queries=5)
