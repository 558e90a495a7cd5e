"""Conformance of query strategies: what a registered strategy, ours or a plug-in's, must hold to."""

import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from alviz.progress import Cancelled, Progress, silent
from alviz.strategies import PoolView, QueryStrategy, Selection
from alviz.strategies.pool import POSTERIORS, SIGNALS, Array
from alviz.strategies.query import Arrays

ARRAY_SIGNALS = ("features", "embeddings", "images", "probabilities", "previous_probabilities", "predicted_loss", *POSTERIORS)
"""Signals that `random_arrays` makes up."""


def random_arrays(
    n: int = 60, n_classes: int = 4, n_features: int = 5, n_draws: int = 6, *, seed: int = 0, dtype: Any = np.float64, copies: bool = False
) -> dict[str, Array]:
    """Made-up signals for n samples: features, embeddings, images, probabilities, posteriors … With `copies`, every sample is the same."""
    rng = np.random.default_rng(seed)
    rows = 1 if copies else n
    flat = np.ones(n_classes)
    arrays: dict[str, Array] = {
        "features": rng.normal(size=(rows, n_features)),
        "embeddings": rng.normal(size=(rows, n_features)),
        "probabilities": rng.dirichlet(flat, size=rows),
        "previous_probabilities": rng.dirichlet(flat, size=rows),
        "predicted_loss": rng.exponential(size=rows),
    }
    arrays |= {name: rng.dirichlet(flat, size=(n_draws, rows)) for name in POSTERIORS}
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    arrays["images"] = rng.integers(0, 256, size=(rows, 8, 8, 3), dtype=np.uint8)
    if copies:
        arrays = {name: np.repeat(array, n, axis=1 if name in POSTERIORS else 0) for name, array in arrays.items()}
    return arrays


def random_pool(
    arrays: dict[str, Array],
    n_labelled: int,
    *,
    n_classes: int = 4,
    one_class: bool = False,
    n_candidates: int | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> PoolView:
    """A view of made-up signals in which no position among the candidates is a dataset index of one, so that mixing them up shows.

    The candidates are the last n_candidates samples (default: half of the table, or all when nothing is labelled), the labelled ones are
    drawn from the others.
    """
    n = len(arrays["features"])
    rng = np.random.default_rng([seed, 1])
    m = n_candidates if n_candidates is not None else n // 2 if n_labelled else n
    labelled = np.sort(rng.choice(n - m, n_labelled, replace=False)) if n_labelled else np.empty(0, dtype=np.int64)
    labels = np.zeros(n_labelled, dtype=np.int64) if one_class else rng.integers(0, n_classes, size=n_labelled)
    projection = rng.normal(size=(arrays["features"].shape[1], n_classes))

    def predict(x: Array) -> Array:
        logits = np.asarray(x, dtype=np.float64) @ projection
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: Array = p / p.sum(axis=1, keepdims=True)
        return result

    return PoolView(Arrays(arrays, predict), np.arange(n - m, n), labelled, labels, n_classes, n, seed=seed, progress=progress)


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
    assert scores.shape == (pool.n,) and scores.dtype == np.float64, (
        f"scores must be float64 ({pool.n},), got {scores.dtype} {scores.shape}"
    )
    assert not np.isinf(scores).any(), "scores must be finite, or NaN where nothing was scored"
    others = np.ones(pool.n, dtype=bool)
    others[pool.candidates] = False
    assert np.isnan(scores[others]).all(), "scores must be NaN for samples that are no candidates"
    assert gains is None or gains.shape == (n_queries,), (
        f"gains must be None or ({n_queries},), got {None if gains is None else gains.shape}"
    )


def check_strategy(factory: Callable[[], QueryStrategy], *, seed: int = 0, without_labels: bool = True) -> None:
    """Raises AssertionError, with a sentence that says what is wrong, when strategies made by `factory` break the contract.

    Checked: card and needs; dataset indices, distinct, unlabelled, as many as asked; scores and gains; the same seed gives the same picks;
    global random state (random, numpy, torch) and the signals stay as they were; float32, float64, Fortran-ordered, strided and read-only
    arrays; budget = pool, one candidate, one labelled class, one class at all, duplicates, nothing labelled (unless without_labels is
    False); cancelling leaves no trace. Strategies that need a network or a refit are not covered: ValueError.
    """
    strategy = factory()
    _check_declaration(strategy)
    needed = {need for need in strategy.needs if isinstance(need, str)}
    if strategy.oracle or not needed <= {*ARRAY_SIGNALS, "gradients", "target_posterior", "predict"}:
        raise ValueError(f"{strategy.name!r} needs more than made-up arrays can give: {sorted(needed)}")

    def run(arrays: dict[str, Array], n_queries: int, n_labelled: int = 12, **options: Any) -> Array:
        pool = random_pool(arrays, n_labelled, seed=seed, **options)
        selection = factory().select(pool, n_queries, np.random.default_rng([seed, 2]))
        check_selection(selection, pool, n_queries)
        return selection.indices

    arrays = random_arrays(seed=seed)
    picks = run(arrays, 10)
    assert np.array_equal(run(arrays, 10), picks), "the same seed gave other picks"
    _check_untouched(lambda: run(arrays, 10))
    _check_inputs(run, seed)
    everyone = run(arrays, 30)
    assert np.array_equal(np.sort(everyone), np.arange(30, 60)), "a budget as large as the pool must take every candidate"
    assert run(arrays, 1, n_candidates=1)[0] == 59, "a single candidate must be chosen"
    run(arrays, 10, one_class=True)
    run(random_arrays(n_classes=1, seed=seed), 10, n_classes=1)
    run(random_arrays(copies=True, seed=seed), 30)
    if without_labels:
        run(arrays, 10, n_labelled=0)
        run(random_arrays(copies=True, seed=seed), 60, n_labelled=0)
    _check_cancel(lambda progress: run(arrays, 10, progress=progress), picks)


def _check_declaration(strategy: QueryStrategy) -> None:
    assert isinstance(strategy, QueryStrategy), f"the factory must make a QueryStrategy, got {type(strategy).__name__}"
    assert strategy.name, "a strategy must have a name"
    for field in ("title", "idea", "needs", "cost", "reference", "shines", "fails"):
        assert getattr(strategy.card, field), f"the card of {strategy.name!r} says nothing under {field!r}"
    for need in (*strategy.needs, *strategy.wants):
        for signal in (need,) if isinstance(need, str) else need:
            assert signal in SIGNALS, f"{strategy.name!r} asks for {signal!r}, which is no signal; signals: {', '.join(SIGNALS)}"


def _check_untouched(run: Callable[[], Array]) -> None:
    """The three global generators are put into a state that no code can restore by chance, and afterwards back into the one they had."""
    torch = sys.modules.get("torch")
    kept = random.getstate(), np.random.get_state(), None if torch is None else torch.get_rng_state()  # noqa: NPY002
    entropy = int(np.random.default_rng().integers(2**32))
    random.seed(entropy)
    np.random.seed(entropy)  # noqa: NPY002
    if torch is not None:
        torch.set_rng_state(torch.Generator().manual_seed(entropy).get_state())
    try:
        before = _global_states(torch)
        run()
        for name, was, now in zip(("random's", "numpy's", "torch's"), before, _global_states(torch), strict=True):
            assert was == now, f"{name} global random state was touched; all randomness must come from the rng that is given"
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(kept[2])


def _global_states(torch: Any) -> tuple[Any, ...]:
    legacy = np.random.get_state(legacy=False)  # noqa: NPY002
    numpys = legacy["state"]["key"].tobytes(), legacy["state"]["pos"], legacy["has_gauss"]
    return random.getstate(), numpys, None if torch is None else torch.get_rng_state().numpy().tobytes()


def _check_inputs(run: Callable[[dict[str, Array], int], Array], seed: int) -> None:
    for dtype in (np.float32, np.float64):
        arrays = random_arrays(seed=seed, dtype=dtype)
        picks = run(arrays, 10)
        frozen = {name: array.copy() for name, array in arrays.items()}
        for array in frozen.values():
            array.flags.writeable = False
        assert np.array_equal(run(frozen, 10), picks), "read-only arrays gave other picks"
        run({name: np.asfortranarray(array) for name, array in arrays.items()}, 10)
        strided = {name: np.repeat(array, 2, axis=-1)[..., ::2] for name, array in arrays.items()}
        run(strided, 10)
        for name, array in random_arrays(seed=seed, dtype=dtype).items():
            assert np.array_equal(array, arrays[name]), f"the signal {name!r} was changed in place"


def _check_cancel(run: Callable[[Progress], Array], picks: Array) -> None:
    reports: list[float] = []
    run(reports.append)
    assert all(0 <= share <= 1 for share in reports), "progress must be reported as a share in [0, 1]"

    def stop(share: float) -> None:
        raise Cancelled

    try:
        run(stop)
    except Cancelled:
        pass
    else:
        assert not reports, "Cancelled, raised by progress, was swallowed"
    assert np.array_equal(run(silent), picks), "a cancelled query changed what comes after"
