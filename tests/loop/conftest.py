import numpy as np
import pytest

import alviz
from alviz.data.dataset import Dataset


@pytest.fixture(scope="session")
def pool() -> Dataset:
    """A small 2D pool with a test set."""
    return alviz.data.create("gaussians", n=120, n_test=60)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """Real pictures, ten classes."""
    return alviz.data.create("digits")


@pytest.fixture
def untested() -> Dataset:
    """A pool without a test set, three classes."""
    rng = np.random.default_rng(3)
    targets = np.arange(90) % 3
    features = rng.normal(size=(90, 4)) + 3 * np.eye(3, 4)[targets]
    return Dataset(
        name="untested",
        ids=[f"s{i}" for i in range(90)],
        images=None,
        features=features.astype(np.float32),
        targets=targets.astype(np.int64),
        class_names=("a", "b", "c"),
    )
