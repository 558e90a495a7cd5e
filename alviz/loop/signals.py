"""ModelSignals: what a dataset under a fitted model can tell a query strategy."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz import learners
from alviz.data.dataset import Dataset
from alviz.data.extract import with_features
from alviz.data.making import DEFAULT_EXTRACTOR
from alviz.learners.base import ConstantModel, Embeds, Learner, Model, Samples
from alviz.progress import Progress, silent
from alviz.strategies.base import QueryStrategy, missing_needs
from alviz.strategies.device import Array, Indices
from alviz.strategies.pool import MissingSignal, SignalSource

PART = 8192
"""Rows predicted between two looks at whether the user wants to stop, unless a slow model says `at_once`."""

DRAWS = 10
"""Stochastic passes of the dropout strategies (paper 004)."""


def offered(learner: Learner, dataset: Dataset | None = None) -> frozenset[str]:
    """The signals that runs of `learner` give from the second round on, known before anything is trained.

    dataset: leave it out for one with both features and images.
    """
    signals = {"probabilities", "previous_probabilities", "refit", "inputs", *learner.provides}
    if dataset is None or dataset.features is not None:
        signals |= {"features", "embeddings"}
        if learner.takes == "features":
            signals.add("predict")
    if dataset is None or dataset.images is not None:
        signals.add("images")
    return frozenset(signals)


def unmet(strategy: QueryStrategy | type[QueryStrategy], learner: Learner, dataset: Dataset | None = None) -> str:
    """What `strategy` needs and `learner` does not give, in words; "" where it can be served."""
    missing = missing_needs(strategy, offered(learner, dataset))
    ways = [(need,) if isinstance(need, str) else need for need in missing]
    return " and ".join(" or ".join(signal.replace("_", " ") for signal in way) for way in ways)


def check_needs(strategy: QueryStrategy, learner: Learner, dataset: Dataset) -> None:
    """Raises ValueError naming the signal, the strategy and the learners that would do, where `learner` cannot serve `strategy`."""
    needed = unmet(strategy, learner, dataset)
    if not needed:
        return
    others = {name: learners.create(name) for name in learners.simple()}
    fitting = {name: other for name, other in others.items() if other.takes == "features" or dataset.images is not None}
    capable = [name for name, other in fitting.items() if not unmet(strategy, strategy.learner(other), dataset)]
    hint = f"; learners that do: {', '.join(capable)}" if capable else f", nor does any other on dataset {dataset.name!r}"
    if "dropout posterior" in needed and "dropout" in signature(type(learner)).parameters:
        hint = f"; set its dropout above 0, or take one of: {', '.join(capable)}"
    raise ValueError(f"strategy {strategy.name!r} needs {needed}, which learner {learner.name!r} does not give{hint}")


def inputs(dataset: Dataset, learner: Learner) -> Any:
    """What `learner` takes of `dataset`: an array, or Samples where it takes both. Raises ValueError where the dataset has none."""
    for kind, array in (("features", dataset.features), ("images", dataset.images)):
        if array is None and learner.takes in (kind, "both"):
            raise ValueError(f"learner {learner.name!r} takes {kind}, and dataset {dataset.name!r} has none")
    if learner.takes == "both":
        assert dataset.images is not None and dataset.features is not None
        return Samples(dataset.images, dataset.features)
    return dataset.features if learner.takes == "features" else dataset.images


def with_inputs(dataset: Dataset, learner: Learner, progress: Progress = silent) -> Dataset:
    """`dataset` with the features that `learner` takes, extracted where there are none, or only the default ones where it knows better.

    The dataset keeps its spec: the learner's own extractor follows from the learner. Raises ValueError, or FileNotFoundError, where it cannot be had.
    """
    if learner.takes == "images" or dataset.images is None:
        return dataset
    if dataset.features is not None and dataset.extractor != DEFAULT_EXTRACTOR:
        return dataset
    own = learner.extractor
    if own is None:
        return dataset if dataset.features is not None else with_features(dataset, DEFAULT_EXTRACTOR, progress)
    return replace(with_features(dataset, own, progress), spec=dataset.spec)


def flattened(images: Array) -> NDArray[np.float32]:
    """(n, H·W·C) pixels in [0, 1]."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def predicted(model: Model, x: Array, progress: Progress) -> NDArray[np.float64]:
    """model.predict_proba(x), a part at a time, so that it can be cancelled; a model's rows do not depend on how they are asked for."""
    return in_parts(model.predict_proba, x, getattr(model, "at_once", PART), progress)


def in_parts(ask: Callable[[Any], Array], x: Any, size: int, progress: Progress, axis: int = 0) -> Array:
    """ask(x), asked `size` rows at a time and joined along `axis`."""
    parts = []
    for start in range(0, max(len(x), 1), size):
        progress(start / max(len(x), 1))
        parts.append(np.asarray(ask(x[start : start + size])))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis)


class ModelSignals:
    """A SignalSource over `dataset` under `model`.

    probabilities, previous: (n, K) of this and last round's model on the whole pool (previous None in a first round; probabilities None: the
    model is asked for the rows that are wanted, each time). progress: told how far the model is with what it is asked. rng: makes the
    generator for stochastic passes (the same each time, so that asking twice gives the same). refit: trains on extra labels.
    """

    def __init__(
        self,
        dataset: Dataset,
        learner: Learner,
        model: Model,
        probabilities: Array | None,
        previous: Array | None,
        rng: Callable[[], np.random.Generator],
        refit: Callable[[Indices, Indices], SignalSource],
        progress: Progress = silent,
    ):
        self.dataset = dataset
        self.learner = learner
        self.model = model
        self._probabilities = probabilities
        self._progress = progress
        self._previous = previous
        self._rng = rng
        self.refit = refit

    @property
    def provides(self) -> frozenset[str]:
        """The signals that this round can give."""
        signals = offered(self.learner, self.dataset)
        if self._previous is None:
            signals -= {"previous_probabilities"}
        return signals

    def rows(self, signal: str, indices: Indices | None) -> Array:
        """Rows `indices` (all where None) of `signal`. Raises MissingSignal."""
        match signal:
            case "features":
                return self._take(self.dataset.features, signal, indices)
            case "images":
                return self._take(self.dataset.images, signal, indices)
            case "inputs":
                return self._x(indices)
            case "probabilities":
                if self._probabilities is None:
                    return predicted(self.model, self._x(indices), self._progress)
                return self._take(self._probabilities, signal, indices)
            case "previous_probabilities":
                return self._take(self._previous, signal, indices)
            case "embeddings":
                if isinstance(self.model, Embeds):
                    return self._asked(self.model.embed, indices)
                if self.dataset.features is None and "embeddings" in self.learner.provides:  # a constant model knows no better than pixels
                    return flattened(self._x(indices))
                return self._take(self.dataset.features, signal, indices)
        if signal not in self.learner.provides:
            raise MissingSignal(f"learner {self.learner.name!r} gives no {signal}")
        model: Any = self.model
        if isinstance(self.model, ConstantModel) and signal in ("predicted_loss", "critic"):  # trained on nothing that it got wrong
            return np.zeros(len(self._x(indices)))
        if isinstance(self.model, ConstantModel):  # one class so far: a committee of one stands in
            return np.asarray(model.predict_proba(self._x(indices)))[None]
        match signal:
            case "committee_posterior":
                return self._asked(model.committee_proba, indices, axis=1)
            case "dropout_posterior":
                return self._asked(lambda x: model.dropout_proba(x, DRAWS, self._rng()), indices, axis=1)
            case "predicted_loss":
                return self._asked(model.predicted_loss, indices)
            case "critic":
                return self._asked(model.critic, indices)
        raise MissingSignal(f"there is no array signal {signal!r}")

    def predict(self, features: Array) -> Array:
        """(m, K) probabilities of any points."""
        return np.asarray(self.model.predict_proba(features))

    @property
    def module(self) -> Any:
        """The torch module of the model; None while the model is a constant."""
        if "module" not in self.learner.provides:
            raise MissingSignal(f"learner {self.learner.name!r} has no torch module")
        model: Any = self.model
        return None if isinstance(model, ConstantModel) else model.module

    def _asked(self, ask: Callable[[Any], Array], indices: Indices | None, axis: int = 0) -> Array:
        """What the model says of the rows; a slow one is asked for some at a time, so that it can be cancelled."""
        x = self._x(indices)
        return in_parts(ask, x, getattr(self.model, "at_once", max(len(x), 1)), self._progress, axis)

    def _x(self, indices: Indices | None) -> Array:
        x = inputs(self.dataset, self.learner)
        return x if indices is None else x[indices]

    def _take(self, array: NDArray[Any] | None, signal: str, indices: Indices | None) -> Array:
        if array is None:
            raise MissingSignal(f"dataset {self.dataset.name!r} gives no {signal} in this round")
        return array if indices is None else array[indices]


class PointSignals:
    """A SignalSource for points that are not in the dataset (a grid over the plane), under `now` and last round's model `before`."""

    def __init__(
        self, points: NDArray[np.float32], dataset: Dataset, learner: Learner, now: Model, before: Model | None, rng: Callable[[], Any]
    ):
        probabilities = np.asarray(now.predict_proba(points))
        previous = None if before is None else np.asarray(before.predict_proba(points))
        grid = Dataset(
            name=f"points over {dataset.name}",
            ids=Numbered(len(points)),
            images=None,
            features=points,
            targets=np.full(len(points), -1, dtype=np.int64),
            class_names=dataset.class_names,
        )
        self._signals = ModelSignals(grid, learner, now, probabilities, previous, rng, _no_refit)
        self.provides = self._signals.provides - {"refit"}
        self.rows = self._signals.rows
        self.predict = self._signals.predict
        self.refit = _no_refit

    @property
    def module(self) -> Any:
        """The torch module of the model."""
        return self._signals.module


class Numbered(Sequence[str]):
    """The ids "0" … "n − 1" without a list of n strings."""

    def __init__(self, n: int):
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: Any) -> Any:
        return [str(k) for k in range(self.n)[i]] if isinstance(i, slice) else str(range(self.n)[i])


def _no_refit(extra: Indices, labels: Indices) -> SignalSource:
    raise MissingSignal("points outside the dataset cannot be trained on")
