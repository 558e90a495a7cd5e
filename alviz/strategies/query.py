"""`alviz.query`: every strategy on plain arrays, for people with a loop of their own."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alviz.strategies.base import QueryStrategy, missing_needs, registry
from alviz.strategies.needs import argument_of, readable_need
from alviz.strategies.pool import POSTERIORS, Array, Indices, MissingSignal, PoolView

TOLERANCE = 1e-3
"""How far the probabilities of a row may be from adding up to 1."""

_BLOCK = 8192


class Arrays:
    """A SignalSource over arrays that cover the whole pool, dataset-indexed. `signals` maps signal names to arrays (posteriors (T, n, K))."""

    def __init__(self, signals: dict[str, Array], predict: Callable[[Array], ArrayLike] | None = None):
        self._signals = signals
        self._predict = predict

    @property
    def provides(self) -> frozenset[str]:
        """The names of the arrays, and `predict` where there is one."""
        return frozenset(self._signals) | ({"predict"} if self._predict is not None else frozenset())

    def rows(self, signal: str, indices: Indices | None) -> Array:
        """Rows of an array, without a copy for all of them."""
        if signal not in self._signals:
            raise MissingSignal(f"there is no {signal}")
        array = self._signals[signal]
        if indices is None:
            return array
        return array[:, indices] if signal in POSTERIORS else array[indices]

    def predict(self, features: Array) -> Array:
        """Ask the caller's function, and hold its answer to the same rules as `probabilities`."""
        if self._predict is None:
            raise MissingSignal("there is no predict")
        return _probabilities("predict(features)", self._predict(features), len(features))

    def refit(self, extra: Indices, labels: Indices) -> "Arrays":
        """Arrays cannot be trained."""
        raise MissingSignal("refit: plain arrays cannot train a model")

    @property
    def module(self) -> Any:
        """Arrays have no network."""
        raise MissingSignal("module: plain arrays have no network")


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
    **params: Any,
) -> Indices | tuple[Indices, NDArray[np.float64]]:
    """Choose n_queries samples to label next.

    All arrays cover the whole pool of n samples, and every index is a position in them.

    strategy: a name of `alviz.strategies.available()` (`params` are its parameters) or a QueryStrategy.
    labels: (n,) integers, −1 = unlabelled. features: (n, d). probabilities, previous_probabilities: (n, K) class probabilities under the
    current and the previous model. posterior: (T, n, K) stochastic passes or committee members; serves both kinds of strategies.
    embeddings: (n, d'); `features` stand in for them. candidates: integer indices or a boolean mask (n,) of unlabelled samples that may be
    chosen (default: all unlabelled). predict: function (m, d) → (m, K) for strategies that ask about changed samples. K is the width of the
    probabilities or the posterior, else max(labels) + 1. seed: non-negative integer; randomness comes from np.random.default_rng([seed]).

    Returns int64 (n_queries,) indices in pick order; with return_scores also float64 (n,) scores, NaN where labelled or not scored.
    Float32 and float64 arrays are not copied as a whole. Signals that the strategy does not need are checked all the same, then ignored.

    Raises ValueError, naming the argument, what came and what was wanted: a signal that the strategy needs is missing
    (`previous_probabilities` for alamp too), wrong shapes or types, NaN or infinity, probabilities outside [0, 1] or not adding up to 1
    within 1e-3, n_queries outside 1 … number of candidates, an unknown strategy or parameter.
    """
    chosen = _strategy(strategy, params)
    y = _labels(labels)
    n = len(y)
    signals: dict[str, Array] = {}
    if features is not None:
        signals["features"] = signals["embeddings"] = _table("features", features, n)
    if embeddings is not None:
        signals["embeddings"] = _table("embeddings", embeddings, n)
    if probabilities is not None:
        signals["probabilities"] = _probabilities("probabilities", probabilities, n)
    if previous_probabilities is not None:
        signals["previous_probabilities"] = _probabilities("previous_probabilities", previous_probabilities, n)
    if posterior is not None:
        signals |= dict.fromkeys(POSTERIORS, _posterior(posterior, n))
    if predict is not None and not callable(predict):
        raise ValueError(f"predict must be a function from features (m, d) to probabilities (m, K), got {type(predict).__name__}")
    k = _n_classes(y, signals)
    pool_indices = _candidates(candidates, y)
    count = _whole("n_queries", n_queries)
    if not 1 <= count <= len(pool_indices):
        raise ValueError(f"n_queries must lie in 1 … {len(pool_indices)} (the number of candidates), got {count}")
    if _whole("seed", seed) < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    source = Arrays(signals, predict)
    _refuse_missing(chosen, source.provides)
    labelled = np.flatnonzero(y >= 0)
    pool = PoolView(source, pool_indices, labelled, y[labelled], k, n, seed=int(seed))
    selection = chosen.select(pool, count, np.random.default_rng([int(seed)]))
    return (selection.indices, selection.scores) if return_scores else selection.indices


def _strategy(strategy: str | QueryStrategy, params: dict[str, Any]) -> QueryStrategy:
    if isinstance(strategy, QueryStrategy):
        if params:
            raise ValueError(f"query has no argument {sorted(params)[0]!r} (a strategy object has its parameters already)")
        return strategy
    return registry.create(strategy, **params)


def _labels(labels: ArrayLike) -> Indices:
    y = np.asarray(labels)
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer) or len(y) == 0:
        raise ValueError(f"labels must be a one-dimensional array of integers (−1 = unlabelled), one per sample, got {y.dtype} {y.shape}")
    if y.min() < -1:
        raise ValueError(f"labels must be −1 (unlabelled) or a class 0, 1, …, got {y.min()} at index {y.argmin()}")
    return y.astype(np.int64, copy=False)


def _candidates(candidates: ArrayLike | None, y: Indices) -> Indices:
    n = len(y)
    if candidates is None:
        return np.flatnonzero(y < 0)
    given = np.asarray(candidates)
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


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    return int(value)


def _numbers(name: str, given: ArrayLike, shape: tuple[int | str, ...]) -> Array:
    """An array of float32 or float64, not copied if it is one. Sizes in `shape` must match, names stand for any size ≥ 1."""
    array = np.asarray(given)
    wanted = f"({', '.join(map(str, shape))})"
    fits = [size >= 1 if isinstance(want, str) else size == want for size, want in zip(array.shape, shape, strict=False)]
    if array.ndim != len(shape) or not all(fits):
        raise ValueError(f"{name} must have the shape {wanted}, got {array.shape}")
    if array.dtype not in (np.float32, np.float64):
        if not np.issubdtype(array.dtype, np.floating) and not np.issubdtype(array.dtype, np.integer) and array.dtype != bool:
            raise ValueError(f"{name} must hold real numbers, got {array.dtype}")
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    return array


def _blocks(array: Array) -> Any:
    return (array[start : start + _BLOCK] for start in range(0, len(array), _BLOCK))


def _finite(name: str, array: Array) -> None:
    if not all(np.isfinite(block).all() for block in _blocks(array)):
        raise ValueError(f"{name} holds NaN or infinity; every number must be finite")


def _table(name: str, given: ArrayLike, n: int) -> Array:
    array = _numbers(name, given, (n, "d"))
    _finite(name, array)
    return array


def _distributions(name: str, array: Array) -> None:
    """Refuse rows of (m, K) that are no probabilities."""
    _finite(name, array)
    for start in range(0, len(array), _BLOCK):
        block = array[start : start + _BLOCK]
        sums = block.sum(axis=1, dtype=np.float64)
        off = np.abs(sums - 1)
        if off.max() > TOLERANCE:
            row = int(off.argmax())
            raise ValueError(f"{name}: every row must add up to 1 (within {TOLERANCE}), but row {start + row} adds up to {sums[row]:.6g}")
        if block.min() < -TOLERANCE or block.max() > 1 + TOLERANCE:
            worst = block.min() if block.min() < -TOLERANCE else block.max()
            raise ValueError(f"{name} must lie in [0, 1], got {worst:.6g}")


def _probabilities(name: str, given: ArrayLike, n: int) -> Array:
    array = _numbers(name, given, (n, "K"))
    _distributions(name, array)
    return array


def _posterior(given: ArrayLike, n: int) -> Array:
    array = _numbers("posterior", given, ("T", n, "K"))
    for t, draw in enumerate(array):
        _distributions(f"posterior[{t}]", draw)
    return array


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
