"""`alviz.query`: every strategy on plain arrays, for people with a loop of their own."""

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any

import numpy as np
from array_api_compat import is_torch_array
from numpy.typing import ArrayLike, NDArray

from alviz.strategies.base import CAPPED, QueryStrategy, Selection, missing_needs, registry, whole
from alviz.strategies.device import host, namespace
from alviz.strategies.needs import argument_of, readable_need
from alviz.strategies.pool import POSTERIORS, Array, Indices, MissingSignal, PoolView

TOLERANCE = 1e-3
"""How far the probabilities of a row may be from adding up to 1."""

LARGEST = 1e100
"""The largest number that a table may hold, up to its sign."""

LARGEST_SINGLE = 1e15
"""The largest number in a float32 table that is not widened: sums of squares of larger ones may overflow."""

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
        return host(floats(_probabilities("predict(features)", self._predict(features), len(features))))

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
    sharded = whole("query", "shards", shards, 1) > 1 or executor is not None
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
    _refuse_missing(chosen, Arrays(signals, predict).provides)
    if sharded:
        from alviz.strategies.sharded import select

        selection = select(chosen, count, signals, pool_indices, y, k, shards=shards, executor=executor, predict=predict, seed=int(seed))
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


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    return int(value)


def _numbers(name: str, given: Any, shape: tuple[int | str, ...]) -> Any:
    """A numpy array or torch tensor of real numbers, not copied. Sizes in `shape` must match, names stand for any size ≥ 1."""
    tensor = is_torch_array(given)
    array: Any = given.detach() if tensor else np.asarray(given)
    wanted = f"({', '.join(map(str, shape))})"
    came = tuple(array.shape)
    fits = [size >= 1 if isinstance(want, str) else size == want for size, want in zip(came, shape, strict=False)]
    if len(came) != len(shape) or not all(fits):
        raise ValueError(f"{name} must have the shape {wanted}, got {came}")
    if tensor and str(array.layout) != "torch.strided":
        raise ValueError(f"{name} must be a dense tensor, got one with the layout {array.layout}")
    real = not (array.is_complex() or array.is_quantized) if tensor else array.dtype.kind in "biuf"
    if not real:
        raise ValueError(f"{name} must hold real numbers, got {array.dtype}")
    return array


def floats(array: Any) -> Any:
    """A numpy array or torch tensor as float32 or float64, itself if it is one: half precision as float32, all else as float64."""
    xp = namespace(array)
    if array.dtype in (xp.float32, xp.float64):
        return array
    size = array.dtype.itemsize
    half = size <= 2 and (array.dtype.is_floating_point if is_torch_array(array) else array.dtype.kind == "f")
    return xp.astype(array, xp.float32 if half else xp.float64)


def _blocks(array: Any) -> Iterator[tuple[int, Any]]:
    """(first row, some rows as floats), all over the array."""
    return ((start, floats(array[start : start + _BLOCK])) for start in range(0, len(array), _BLOCK))


def _finite(name: str, array: Any) -> None:
    xp = namespace(array)
    if not all(bool(xp.all(xp.isfinite(block))) for _, block in _blocks(array)):
        raise ValueError(f"{name} holds NaN or infinity; every number must be finite")


def _table(name: str, given: Any, n: int) -> Any:
    array = _numbers(name, given, (n, "d"))
    xp = namespace(array)
    largest = max(float(xp.max(xp.abs(block))) for _, block in _blocks(array))
    if largest > LARGEST or not np.isfinite(largest):
        _finite(name, array)
        raise ValueError(f"{name} must lie within ±{LARGEST:g}, where sums of squares are finite, got ±{largest:.6g}")
    return xp.astype(array, xp.float64) if largest > LARGEST_SINGLE and array.dtype == xp.float32 else array


def _distributions(name: str, array: Any) -> None:
    """Refuse rows of (m, K) that are no probabilities."""
    xp = namespace(array)
    _finite(name, array)
    for start, block in _blocks(array):
        sums = host(xp.sum(block, axis=1, dtype=xp.float64))
        off = np.abs(sums - 1)
        if off.max() > TOLERANCE:
            row = int(off.argmax())
            raise ValueError(f"{name}: every row must add up to 1 (within {TOLERANCE}), but row {start + row} adds up to {sums[row]:.6g}")
        least, most = float(xp.min(block)), float(xp.max(block))
        if least < -TOLERANCE or most > 1 + TOLERANCE:
            raise ValueError(f"{name} must lie in [0, 1], got {least if least < -TOLERANCE else most:.6g}")


def _probabilities(name: str, given: Any, n: int) -> Any:
    array = _numbers(name, given, (n, "K"))
    _distributions(name, array)
    return array


def _posterior(given: Any, n: int) -> Any:
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
