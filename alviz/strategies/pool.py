"""PoolView: what a query strategy sees of a round, and where the signals come from."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from alviz.progress import Progress, silent
from alviz.strategies.device import Array, Indices, host

if TYPE_CHECKING:
    from alviz.strategies.last_layer import Gradients


SIGNALS = (
    "features",
    "embeddings",
    "images",
    "inputs",
    "probabilities",
    "previous_probabilities",
    "dropout_posterior",
    "committee_posterior",
    "gradients",
    "predicted_loss",
    "critic",
    "target_posterior",
    "predict",
    "refit",
    "module",
)
"""Everything a strategy may ask for. `gradients` follow from probabilities and embeddings."""

POSTERIORS = ("committee_posterior", "dropout_posterior")


class MissingSignal(ValueError):
    """A strategy needs a signal that its source cannot give."""


class SignalSource(Protocol):
    """Gives signals for any rows of one table of samples (a dataset under a model, arrays handed in, a grid of points)."""

    @property
    def provides(self) -> frozenset[str]:
        """The signals that `rows` and the methods below can give now."""
        ...

    def rows(self, signal: str, indices: Indices | None) -> Array:
        """Rows `indices` of an array signal, all rows where it is None (no copy then, if it can be helped).

        Shapes: features, embeddings (m, d); probabilities, previous_probabilities (m, K); posteriors (T, m, K); predicted_loss, critic (m,);
        images (m, H, W[, C]); inputs: what the learner takes, features or images. Numpy arrays, or torch tensors that stay on their device. Raises MissingSignal.
        """
        ...

    def predict(self, features: Array) -> Array:
        """(m, K) probabilities for samples that are not in the table (changed or mixed ones). Raises MissingSignal."""
        ...

    def refit(self, extra: Indices, labels: Indices) -> "SignalSource":
        """The same source under a model trained with extra labels, for look-ahead methods. Raises MissingSignal."""
        ...

    @property
    def module(self) -> Any:
        """The torch module behind the model, or None while the model is a constant (one class so far). Raises MissingSignal.

        It takes `alviz.learners.deep.training.tensor_of(inputs)` (float32; pictures (m, C, H, W) in [0, 1]) and gives logits (m, K); columns of classes
        without labels mean nothing. Weights take no gradients; leave them and the mode alone.
        """
        ...


class PoolView:
    """What a strategy may look at in one round.

    candidates: (m,) dataset indices, ascending: unlabelled and not ignored. labelled: (l,) dataset indices, ascending; labels: (l,) their
    labels. n_classes: K. n: rows of the whole table. run_cache: a dict that lives as long as the run (cluster once). progress: report here.
    Signals are computed on first use and kept for the round, row-aligned with `candidates` (`signal`) or `labelled`
    (`labelled_signal`). true_targets: (n,) for strategies marked as oracles, else None.
    """

    def __init__(
        self,
        source: SignalSource,
        candidates: Indices,
        labelled: Indices,
        labels: Indices,
        n_classes: int,
        n: int,
        *,
        seed: int = 0,
        run_cache: dict[Any, Any] | None = None,
        progress: Progress = silent,
        true_targets: Indices | None = None,
        labelled_source: SignalSource | None = None,
    ):
        self.source = source
        self.labelled_source = source if labelled_source is None else labelled_source
        self.candidates = np.asarray(candidates, dtype=np.int64)
        self.labelled = np.asarray(labelled, dtype=np.int64)
        self.labels = np.asarray(labels, dtype=np.int64)
        self.n_classes = n_classes
        self.n = n
        self.seed = seed
        self.run_cache: dict[Any, Any] = {} if run_cache is None else run_cache
        self.progress = progress
        self.true_targets = true_targets
        self._cache: dict[tuple[str, str], Array] = {}

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def shows_table(self) -> bool:
        """Whether candidates and labelled samples are most of the table (nine tenths), so that what is worth keeping is kept of the table."""
        return self.labelled_source is self.source and 10 * (len(self.candidates) + len(self.labelled)) >= 9 * self.n

    @property
    def class_counts(self) -> Indices:
        """(K,) number of labelled samples per class."""
        return np.bincount(self.labels, minlength=self.n_classes).astype(np.int64)

    @property
    def provides(self) -> frozenset[str]:
        """The signals that this view can give."""
        return self.source.provides

    def signal(self, name: str) -> Array:
        """An array signal, row-aligned with `candidates` (axis 1 for posteriors). Raises MissingSignal."""
        return self._get("host", name, lambda: host(self.resident(name)))

    def resident(self, name: str) -> Any:
        """The same, where the source keeps it: a numpy array, or a torch tensor on its device. Raises MissingSignal."""
        whole = len(self.candidates) == self.n
        return self._get("candidates", name, lambda: self.source.rows(name, None if whole else self.candidates))

    def labelled_signal(self, name: str) -> Array:
        """An array signal, row-aligned with `labelled`. Raises MissingSignal."""
        return host(self.resident_labelled(name))

    def resident_labelled(self, name: str) -> Any:
        """The same, where the source keeps it. Raises MissingSignal."""
        return self._get("labelled", name, lambda: self.labelled_source.rows(name, self.labelled))

    def table(self, name: str) -> Array:
        """An array signal for all n rows, dataset-indexed; without a copy where the source holds it as such. Raises MissingSignal."""
        return self._get("host table", name, lambda: host(self.resident_table(name)))

    def resident_table(self, name: str) -> Any:
        """The same, where the source keeps it. Raises MissingSignal."""
        return self._get("table", name, lambda: self.source.rows(name, None))

    @property
    def features(self) -> Array:
        """(m, d) features."""
        return self.signal("features")

    @property
    def embeddings(self) -> Array:
        """(m, d) embeddings under the current model (features where the model has none of its own)."""
        return self.signal("embeddings")

    @property
    def images(self) -> Array:
        """(m, H, W[, C]) uint8 images."""
        return self.signal("images")

    @property
    def probabilities(self) -> Array:
        """(m, K) under the current model."""
        return self.signal("probabilities")

    @property
    def previous_probabilities(self) -> Array:
        """(m, K): the same samples under last round's model."""
        return self.signal("previous_probabilities")

    @property
    def dropout_posterior(self) -> Array:
        """(T, m, K) stochastic passes."""
        return self.signal("dropout_posterior")

    @property
    def committee_posterior(self) -> Array:
        """(T, m, K) committee members."""
        return self.signal("committee_posterior")

    @property
    def posterior(self) -> Array:
        """(T, m, K): the committee's where there is one, else the dropout passes."""
        for name in POSTERIORS:
            if name in self.provides:
                return self.signal(name)
        raise MissingSignal("no posterior draws: neither committee_posterior nor dropout_posterior")

    @property
    def predicted_loss(self) -> Array:
        """(m,) losses predicted by the model's loss module."""
        return self.signal("predicted_loss")

    @cached_property
    def gradients(self) -> "Gradients":
        """Factored last-layer gradients of the candidates under the predicted label, where the embeddings live."""
        from alviz.strategies.last_layer import Gradients

        return Gradients.of(self.resident("probabilities"), self.resident("embeddings"))

    @cached_property
    def labelled_gradients(self) -> "Gradients":
        """The same of the labelled samples (under the predicted label too)."""
        from alviz.strategies.last_layer import Gradients

        return Gradients.of(self.resident_labelled("probabilities"), self.resident_labelled("embeddings"))

    def target_posterior(self, size: int = 500) -> Array:
        """(T, ≤ size, K) posterior of a seeded subset of the whole pool (never the test set): where predictions should get better."""
        rng = np.random.default_rng([self.seed, 0x7A])
        chosen = np.sort(rng.choice(self.n, size=min(size, self.n), replace=False)).astype(np.int64)
        for name in POSTERIORS:
            if name in self.provides:
                return self._get(f"target{size}", name, lambda name=name: host(self.source.rows(name, chosen)))  # type: ignore[misc]
        raise MissingSignal("no posterior draws: neither committee_posterior nor dropout_posterior")

    def predict(self, features: Array) -> Array:
        """(m, K) probabilities for changed samples."""
        return self.source.predict(features)

    def refit(self, extra: Indices, labels: Indices) -> "PoolView":
        """This view under a model that was also trained on `extra` (dataset indices) with `labels`; the extras are no candidates there."""
        keep = ~np.isin(self.candidates, extra)
        labelled = np.concatenate([self.labelled, extra])
        order = np.argsort(labelled, kind="stable")
        every = np.concatenate([self.labels, labels])[order]
        return self._replace(
            source=self.source.refit(extra, labels), candidates=self.candidates[keep], labelled=labelled[order], labels=every
        )

    def restrict(self, indices: Indices) -> "PoolView":
        """This view with only the candidates `indices` (dataset indices; for caps, sub-pools and shards)."""
        candidates = np.sort(np.asarray(indices, dtype=np.int64))
        positions = np.searchsorted(self.candidates, candidates)
        if len(candidates) and (positions.max() >= len(self.candidates) or (self.candidates[positions] != candidates).any()):
            raise ValueError("restrict: some indices are not candidates of this view")
        view = self._replace(candidates=candidates)
        for (side, name), array in self._cache.items():
            if side in ("candidates", "host"):
                view._cache[side, name] = array[:, positions] if name in POSTERIORS else array[positions]
            else:
                view._cache[side, name] = array
        return view

    def of_points(self, source: SignalSource, n_points: int) -> "PoolView":
        """A view whose candidates are other points (a grid over the plane), 0 … n_points − 1, given by `source`; the labelled side stays."""
        return self._replace(
            source=source, candidates=np.arange(n_points, dtype=np.int64), n=n_points, labelled_source=self.labelled_source
        )

    def _replace(self, **changes: Any) -> "PoolView":
        kept = {
            "source": self.source,
            "candidates": self.candidates,
            "labelled": self.labelled,
            "labels": self.labels,
            "n_classes": self.n_classes,
            "n": self.n,
            "seed": self.seed,
            "run_cache": self.run_cache,
            "progress": self.progress,
            "true_targets": self.true_targets,
            "labelled_source": None if self.labelled_source is self.source else self.labelled_source,
        }
        return PoolView(**{**kept, **changes})

    def _get(self, side: str, name: str, compute: Callable[[], Array]) -> Array:
        key = (side, name)
        if key not in self._cache:
            self._cache[key] = compute()
        return self._cache[key]
