"""`alviz.query`: every strategy on plain arrays, for people with a loop of their own."""

import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alviz.checks import whole
from alviz.strategies import sharded
from alviz.strategies.arrays import Arrays, floats, posterior_of, probabilities_of, table
from alviz.strategies.base import CAPPED, QueryStrategy, Selection, missing_needs, registry
from alviz.strategies.device import Array, Indices, host
from alviz.strategies.needs import argument_of, readable_need
from alviz.strategies.pool import POSTERIORS, PoolView


def query(
    strategy: str | QueryStrategy,
    n_queries: int,
    *,
    labels: ArrayLike,
    features: ArrayLike | None = None,
    probabilities: ArrayLike | None = None,
    previous_probabilities: ArrayLike | None = None,
    posterior: ArrayLike | None = None,
    embeddings: ArrayLike | None = None,
    candidates: ArrayLike | None = None,
    predict: Callable[[Array], ArrayLike] | None = None,
    seed: int = 0,
    return_scores: bool = False,
    return_selection: bool = False,
    shards: int = 1,
    executor: Executor | None = None,
    **params: Any,
) -> Indices | tuple[Indices, NDArray[np.float64]] | Selection:
    """Choose n_queries samples to label next.

    All arrays cover the whole pool of n samples, and every index is a position in them.

    strategy: a name of `alviz.strategies.available()` (`params` are its parameters) or a QueryStrategy.
    labels: (n,) integers, −1 = unlabelled. features: (n, d). probabilities, previous_probabilities: (n, K) class probabilities under the
    current and the previous model. posterior: (T, n, K) stochastic passes or committee members; serves both kinds of strategies.
    embeddings: (n, d'); `features` stand in for them. candidates: integer indices or a boolean mask (n,) of unlabelled samples that may be
    chosen (default: all unlabelled). predict: function (m, d) → (m, K) for strategies that ask about changed samples. K is the width of the
    probabilities or the posterior, else max(labels) + 1. seed: non-negative integer; randomness comes from np.random.default_rng([seed]).

    Returns int64 (n_queries,) indices in pick order; with return_scores also float64 (n,) scores, NaN where labelled or not scored; with
    return_selection the whole `Selection` instead: indices, scores, gains, and a note where not everything was looked at (where a
    strategy's cap was the cause, it is a warning without return_selection).
    Float32 and float64 arrays are not copied as a whole, memory maps are read in blocks. Signals that the strategy does not need are
    checked all the same, then ignored.

    Torch tensors stay on their device, without their gradients: strategies that compute with inner products do so there, the others get
    what they look at as numpy arrays. Half precision (float16, bfloat16) is widened to float32, whole numbers to float64, and so are
    float32 tables with numbers beyond ±1e15.

    shards: for a pool that outgrows the memory, that many contiguous parts of its rows are worked on one after another, or in the workers
    of `executor` (any concurrent.futures.Executor; for a Dask cluster `distributed.Client(...).get_executor()`). Give memory maps
    (`np.load(path, mmap_mode="r")`): processes open the file themselves, so they must see it under the same path. Scoring strategies
    choose the same samples as without shards; k-center and its like pick n_queries in every shard, then n_queries among the picked.

    Raises ValueError, naming the argument, what came and what was wanted: a signal that the strategy needs is missing
    (`previous_probabilities` for alamp too), wrong shapes or types, NaN or infinity, probabilities outside [0, 1] or not adding up to 1
    within 1e-3, n_queries outside 1 … number of candidates, an unknown strategy or parameter.
    """
    chosen = _strategy(strategy, params)
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise ValueError(f"executor must be a concurrent.futures.Executor, got {type(executor).__name__}")
    parts = whole("shards", shards, 1)
    y = _labels(labels)
    n = len(y)
    signals: dict[str, Array] = {}
    if features is not None:
        signals["features"] = signals["embeddings"] = table("features", features, n)
    if embeddings is not None:
        signals["embeddings"] = table("embeddings", embeddings, n)
    if probabilities is not None:
        signals["probabilities"] = probabilities_of("probabilities", probabilities, n)
    if previous_probabilities is not None:
        signals["previous_probabilities"] = probabilities_of("previous_probabilities", previous_probabilities, n)
    if posterior is not None:
        signals |= dict.fromkeys(POSTERIORS, posterior_of(posterior, n))
    if predict is not None and not callable(predict):
        raise ValueError(f"predict must be a function from features (m, d) to probabilities (m, K), got {type(predict).__name__}")
    k = _n_classes(y, signals)
    pool_indices = _candidates(candidates, y)
    count = whole(f"n_queries (of {len(pool_indices):,} candidates)", n_queries, 1, len(pool_indices))
    seed = whole("seed", seed)
    _refuse_missing(chosen, Arrays(signals, predict).provides)
    if parts > 1 or executor is not None:
        selection = sharded.select(
            chosen, count, signals, pool_indices, y, k, shards=parts, executor=executor, predict=predict, seed=int(seed)
        )
    else:
        selection = _select(chosen, count, signals, pool_indices, y, k, predict, int(seed))
    if return_selection:
        return selection
    if CAPPED in selection.note:
        warnings.warn(f"query strategy {chosen.name!r}: {selection.note}", stacklevel=2)
    return (selection.indices, selection.scores) if return_scores else selection.indices


def _select(
    strategy: QueryStrategy,
    n_queries: int,
    signals: dict[str, Any],
    candidates: Indices,
    y: Indices,
    k: int,
    predict: Callable[[Array], ArrayLike] | None,
    seed: int,
) -> Selection:
    ready = {id(array): floats(array) for array in signals.values()}  # the same array once, under all its names
    source = Arrays({name: ready[id(array)] for name, array in signals.items()}, predict)
    labelled = np.flatnonzero(y >= 0)
    pool = PoolView(source, candidates, labelled, y[labelled], k, len(y), seed=seed)
    return strategy.select(pool, n_queries, np.random.default_rng([seed]))


def _strategy(strategy: str | QueryStrategy, params: dict[str, Any]) -> QueryStrategy:
    if isinstance(strategy, QueryStrategy):
        if params:
            raise ValueError(f"query has no argument {sorted(params)[0]!r} (a strategy object has its parameters already)")
        return strategy
    return registry.create(strategy, **params)


def _labels(labels: ArrayLike) -> Indices:
    y = host(labels)
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer) or len(y) == 0:
        raise ValueError(f"labels must be a one-dimensional array of integers (−1 = unlabelled), one per sample, got {y.dtype} {y.shape}")
    if y.min() < -1:
        raise ValueError(f"labels must be −1 (unlabelled) or a class 0, 1, …, got {y.min()} at index {y.argmin()}")
    return y.astype(np.int64, copy=False)


def _candidates(candidates: ArrayLike | None, y: Indices) -> Indices:
    n = len(y)
    if candidates is None:
        return np.flatnonzero(y < 0)
    given = host(candidates)
    if given.dtype == bool:
        if given.shape != (n,):
            raise ValueError(f"candidates, as a boolean mask, must have the shape of labels ({n},), got {given.shape}")
        given = np.flatnonzero(given)
    if given.ndim != 1 or not (np.issubdtype(given.dtype, np.integer) or given.size == 0):
        raise ValueError(f"candidates must be one-dimensional integer indices or a boolean mask, got {given.dtype} {given.shape}")
    given = given.astype(np.int64)
    if given.size and (given.min() < 0 or given.max() >= n):
        wrong = int(given[(given < 0) | (given >= n)][0])
        raise ValueError(f"candidates must lie in 0 … {n - 1}, got {wrong}")
    ordered = np.sort(given)
    if (ordered[1:] == ordered[:-1]).any():
        raise ValueError(f"candidates must be distinct, got {int(ordered[1:][ordered[1:] == ordered[:-1]][0])} twice")
    if (y[ordered] >= 0).any():
        raise ValueError(f"candidates must be unlabelled, but sample {int(ordered[y[ordered] >= 0][0])} has a label")
    return ordered


def _n_classes(y: Indices, signals: dict[str, Array]) -> int:
    widths = {name: signals[name].shape[-1] for name in ("probabilities", "previous_probabilities", *POSTERIORS) if name in signals}
    names = {name: "posterior" if name in POSTERIORS else name for name in widths}
    largest = int(y.max())
    if not widths:
        return max(largest + 1, 1)
    first, k = next(iter(widths.items()))
    for name, width in widths.items():
        if width != k:
            raise ValueError(f"{names[name]} has {width} classes, {names[first]} has {k}; they must agree")
    if largest >= k:
        raise ValueError(f"labels hold class {largest}, but {names[first]} has {k} columns; classes are 0 … {k - 1}")
    return k


def _refuse_missing(strategy: QueryStrategy, provides: frozenset[str]) -> None:
    given = ", ".join(["labels", *sorted({"posterior" if name in POSTERIORS else name for name in provides})])
    for need in missing_needs(strategy, provides):
        argument = argument_of(need)
        if argument is None:
            raise ValueError(f"query strategy {strategy.name!r} needs {readable_need(need)}, which arrays cannot give: use it in a Run")
        raise ValueError(f"query strategy {strategy.name!r} needs the argument {argument}; given: {given}")
