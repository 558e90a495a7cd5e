"""Plain arrays as the signals of a pool: held to their rules, and asked for rows."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from array_api_compat import is_torch_array
from numpy.typing import ArrayLike

from alviz.strategies.device import Array, Indices, host, namespace
from alviz.strategies.pool import POSTERIORS, MissingSignal

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
        answer = probabilities_of("predict(features)", self._predict(features), len(features))
        known = self._signals.get("probabilities")
        if known is not None and answer.shape[1] != known.shape[1]:
            raise ValueError(f"predict(features) has {answer.shape[1]} classes, probabilities has {known.shape[1]}; they must agree")
        return host(floats(answer))

    def refit(self, extra: Indices, labels: Indices) -> "Arrays":
        """Arrays cannot be trained."""
        raise MissingSignal("refit: plain arrays cannot train a model")

    @property
    def module(self) -> Any:
        """Arrays have no network."""
        raise MissingSignal("module: plain arrays have no network")


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


def table(name: str, given: Any, n: int) -> Any:
    """A table (n, d) of numbers that can be squared; float32 is widened where its squares would overflow. Raises ValueError."""
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


def probabilities_of(name: str, given: Any, n: int) -> Any:
    """A table (n, K) of class probabilities. Raises ValueError."""
    array = _numbers(name, given, (n, "K"))
    _distributions(name, array)
    return array


def posterior_of(given: Any, n: int) -> Any:
    """Draws (T, n, K) of class probabilities. Raises ValueError."""
    array = _numbers("posterior", given, ("T", n, "K"))
    for t, draw in enumerate(array):
        _distributions(f"posterior[{t}]", draw)
    return array
