"""The ranking that scoring strategies share, against sorting tuples."""

import numpy as np
import pytest

from alviz.strategies.base import ranking


@pytest.mark.parametrize("seed", range(30))
def test_the_first_of_a_ranking(seed):
    rng = np.random.default_rng(seed)
    m = int(rng.integers(1, 30))
    scores = rng.choice([0.0, -0.0, 1.0, 2.5, -np.inf, np.inf], size=m)
    second = rng.integers(0, 2, size=m).astype(float) if seed % 2 else None
    expected = sorted(range(m), key=lambda i: (-scores[i], 0.0 if second is None else -second[i], i))
    for n in (*range(m + 2), None):
        assert ranking(scores, second, n).tolist() == expected[:n]
