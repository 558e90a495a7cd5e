"""One query, watched: what came out is a proper selection, and nothing that went in was changed."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from alviz.progress import Progress, silent
from alviz.strategies.base import QueryStrategy, Selection
from alviz.strategies.device import Indices
from alviz.strategies.pool import PoolView
from alviz.testing.hashing import state_hash
from alviz.testing.pools import Scene


def check_selection(selection: Selection, pool: PoolView, n_queries: int) -> None:
    """Raises AssertionError when a selection is not n_queries distinct candidates, as int64 dataset indices, with scores (n,) to match."""
    indices, scores, gains = selection.indices, selection.scores, selection.gains
    assert isinstance(indices, np.ndarray) and indices.dtype == np.int64, (
        f"indices must be an int64 array, got {getattr(indices, 'dtype', type(indices))}"
    )
    assert indices.shape == (n_queries,), f"{n_queries} samples were asked for, indices have the shape {indices.shape}"
    assert len(np.unique(indices)) == n_queries, "a sample was chosen twice"
    foreign = np.setdiff1d(indices, pool.candidates)
    assert not len(foreign), f"sample {foreign[0] if len(foreign) else ''} is no candidate (indices must be dataset indices, not positions)"
    assert isinstance(scores, np.ndarray) and scores.shape == (pool.n,) and scores.dtype == np.float64, (
        f"scores must be float64 ({pool.n},), got {getattr(scores, 'dtype', type(scores))} {np.shape(scores)}"
    )
    assert not np.isinf(scores).any(), "scores must be finite, or NaN where nothing was scored"
    others = np.ones(pool.n, dtype=bool)
    others[pool.candidates] = False
    assert np.isnan(scores[others]).all(), "scores must be NaN for samples that are no candidates"
    if gains is not None:
        assert isinstance(gains, np.ndarray) and gains.shape == (n_queries,) and gains.dtype == np.float64, (
            f"gains must be None or float64 ({n_queries},), got {getattr(gains, 'dtype', type(gains))} {np.shape(gains)}"
        )
        assert not np.isinf(gains).any(), "gains must be finite, or NaN for picks that have none"
    made = selection.synthetic
    assert made is None or (isinstance(made, np.ndarray) and made.dtype == np.uint8 and made.ndim in (3, 4) and len(made) == n_queries), (
        f"synthetic must be None or one uint8 picture for every pick, got {getattr(made, 'dtype', type(made))} {np.shape(made)}"
    )
    assert isinstance(selection.note, str) and "\n" not in selection.note, f"note must be one line of text, got {selection.note!r}"
    assert not selection.note or selection.note.endswith("."), f"note must be a sentence that ends with a full stop, got {selection.note!r}"


def selected(
    strategy: QueryStrategy,
    scene: Scene,
    n_queries: int,
    *,
    seed: int = 0,
    progress: Progress = silent,
    run_cache: dict[Any, Any] | None = None,
) -> Selection:
    """What `strategy` selects in the scene, checked. Raises AssertionError where it breaks the contract or changes what it was given."""
    before = state_hash(scene)
    pool = scene.pool(oracle=strategy.oracle, progress=progress, run_cache=run_cache)
    selection = strategy.select(pool, n_queries, np.random.default_rng([seed, 2]))
    check_selection(selection, pool, n_queries)
    fresh = scene.pool()
    for name in scene.arrays:
        for ours, theirs in ((pool.signal, fresh.signal), (pool.labelled_signal, fresh.labelled_signal)):
            assert np.array_equal(ours(name), theirs(name)), f"the signal {name!r} was changed in place"
    assert state_hash(scene) == before, (
        "something of what the strategy was given was changed in place: signals, candidates, labels or targets"
    )
    return selection


def picks(strategy: QueryStrategy, scene: Scene, n_queries: int, **options: Any) -> Indices:
    """The indices of `selected`."""
    return selected(strategy, scene, n_queries, **options).indices


@contextmanager
def random_state_untouched() -> Iterator[None]:
    """Raises AssertionError when the block draws from, or seeds, a global generator (random, numpy, torch).

    The three are put into a state that no code can restore by chance, and afterwards back into the one they had.
    """
    torch = sys.modules.get("torch")
    kept = random.getstate(), np.random.get_state(), None if torch is None else torch.get_rng_state()  # noqa: NPY002
    entropy = int(np.random.default_rng().integers(2**32))
    random.seed(entropy)
    np.random.seed(entropy)  # noqa: NPY002
    if torch is not None:
        torch.set_rng_state(torch.Generator().manual_seed(entropy).get_state())
    try:
        before = _global_states(torch)
        yield
        for name, was, now in zip(("random's", "numpy's", "torch's"), before, _global_states(torch), strict=True):
            assert was == now, f"{name} global random state was touched; all randomness must come from the rng that is given"
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(kept[2])


def _global_states(torch: Any) -> tuple[str, ...]:
    states = random.getstate(), np.random.get_state(legacy=False), None if torch is None else torch.get_rng_state()  # noqa: NPY002
    return tuple(map(state_hash, states))
