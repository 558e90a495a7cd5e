"""Made-up pools: random signals of every kind, under a model that can be asked, trained again and judged."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from alviz.progress import Progress, silent
from alviz.strategies.arrays import Arrays
from alviz.strategies.device import Array, Indices, host
from alviz.strategies.pool import POSTERIORS, PoolView

CLASS_SIGNALS = ("probabilities", "previous_probabilities", *POSTERIORS)
"""Signals whose last axis is the classes."""


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
    arrays["critic"] = arrays["embeddings"][:, 0] - arrays["embeddings"][:, -1]
    arrays |= {name: rng.dirichlet(flat, size=(n_draws, rows)) for name in POSTERIORS}
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    arrays["images"] = rng.integers(0, 256, size=(rows, 8, 8, 3), dtype=np.uint8)
    if copies:
        arrays = {name: np.repeat(array, n, axis=1 if name in POSTERIORS else 0) for name, array in arrays.items()}
    return arrays


class MadeUpSource(Arrays):
    """Arrays under a linear-softmax model (`weights` (d + 1, K), the last row added) that turns, when trained again, into a softmax over −squared distances to class means.

    After `refit` a class without labels has probability 0, the probabilities of before are the previous ones, and draw t of a posterior is
    the same model at another temperature.
    """

    def __init__(self, arrays: dict[str, Array], weights: Array, labelled: Indices, labels: Indices):
        super().__init__(arrays, lambda x: softmax(host(x).astype(np.float64) @ weights[:-1] + weights[-1]))
        self.arrays = arrays
        self.weights = weights
        self.labelled = labelled
        self.labels = labels

    @property
    def provides(self) -> frozenset[str]:
        """Everything there is."""
        return super().provides | {"refit", "target_posterior", "inputs", "module"}

    def rows(self, signal: str, indices: Indices | None) -> Array:
        """Rows of an array; the inputs of the model are the features."""
        return super().rows("features" if signal == "inputs" else signal, indices)

    @cached_property
    def module(self) -> Any:
        """The model in torch: one linear layer."""
        import torch

        layer = torch.nn.utils.skip_init(torch.nn.Linear, *self.weights[:-1].shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(self.weights[:-1].T.copy()))
            layer.bias.copy_(torch.from_numpy(self.weights[-1].copy()))
        return layer.eval().requires_grad_(False)

    def refit(self, extra: Indices, labels: Indices) -> "MadeUpSource":
        """Really trained: the class means of the features of all labelled samples, the extra ones among them."""
        labelled = np.concatenate([self.labelled, extra])
        every = np.concatenate([self.labels, labels])
        return _Trained(self.arrays, self.weights, labelled, every)


class _Trained(MadeUpSource):
    def __init__(self, arrays: dict[str, Array], weights: Array, labelled: Indices, labels: Indices):
        features = host(arrays["features"]).astype(np.float64)
        present = np.unique(labels)
        means = np.stack([features[labelled[labels == c]].mean(axis=0) for c in present])

        def model(x: Array, temperature: float = 1.0) -> Array:
            x = host(x).astype(np.float64)
            square = ((x[:, None, :] - means[None, :, :]) ** 2).sum(axis=2)
            p = np.zeros((len(x), weights.shape[1]))
            p[:, present] = softmax(-square / temperature)
            return p

        now = host(arrays["probabilities"])
        draws = len(arrays[POSTERIORS[0]])
        posterior = np.stack([model(features, 1.0 + t / draws) for t in range(draws)]).astype(now.dtype)
        after = {"probabilities": model(features).astype(now.dtype), "previous_probabilities": now, **dict.fromkeys(POSTERIORS, posterior)}
        linear = np.zeros_like(weights)  # −‖x − m‖² = 2 x·m − ‖m‖², but for what is the same for all classes
        linear[:, present] = np.vstack([2 * means.T, -(means**2).sum(axis=1)])
        super().__init__({**arrays, **after}, linear, labelled, labels)
        self._predict = model


def softmax(logits: Array) -> Array:
    """Rows that add up to 1."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Array = p / p.sum(axis=1, keepdims=True)
    return result


@dataclass(frozen=True, eq=False, repr=False)
class Scene:
    """All that a made-up pool is made from, so that the same pool can be made again, or with samples or classes numbered otherwise.

    candidates (m,) and labelled (l,) ascending, labels (l,), targets (n,), weights (d + 1, K) of the model that `predict` asks.
    """

    arrays: dict[str, Array]
    candidates: Indices
    labelled: Indices
    labels: Indices
    targets: Indices
    weights: Array
    seed: int = 0

    def __repr__(self) -> str:
        return f"Scene(n={len(self.targets)}, candidates={len(self.candidates)}, labelled={len(self.labelled)}, K={self.weights.shape[1]})"

    def pool(self, *, oracle: bool = False, progress: Progress = silent, run_cache: dict[Any, Any] | None = None) -> PoolView:
        """The view. oracle: with the true targets."""
        source = MadeUpSource(self.arrays, self.weights, self.labelled, self.labels)
        return PoolView(
            source,
            self.candidates,
            self.labelled,
            self.labels,
            self.weights.shape[1],
            len(self.targets),
            seed=self.seed,
            run_cache=run_cache,
            progress=progress,
            true_targets=self.targets if oracle else None,
        )

    def samples_renumbered(self, order: Indices) -> "Scene":
        """Sample order[i] of this scene is sample i of the new one."""
        new = np.argsort(order)
        ranked = np.argsort(new[self.labelled])
        return replace(
            self,
            arrays={name: array[:, order] if name in POSTERIORS else array[order] for name, array in self.arrays.items()},
            candidates=np.sort(new[self.candidates]),
            labelled=new[self.labelled][ranked],
            labels=self.labels[ranked],
            targets=self.targets[order],
        )

    def classes_renumbered(self, order: Indices) -> "Scene":
        """Class order[c] of this scene is class c of the new one."""
        new = np.argsort(order)
        return replace(
            self,
            arrays={name: array[..., order] if name in CLASS_SIGNALS else array for name, array in self.arrays.items()},
            labels=new[self.labels],
            targets=new[self.targets],
            weights=self.weights[:, order],
        )


def random_scene(
    arrays: dict[str, Array],
    n_labelled: int,
    *,
    n_classes: int = 4,
    one_class: bool = False,
    n_candidates: int | None = None,
    seed: int = 0,
) -> Scene:
    """A pool of made-up signals in which no position among the candidates is a dataset index of one, so that mixing them up shows.

    The candidates are the last n_candidates samples (default: half of the table, or all when nothing is labelled), the labelled ones are
    drawn from the others; with one_class all labels are class 0.
    """
    n = len(arrays["features"])
    rng = np.random.default_rng([seed, 1])
    m = n_candidates if n_candidates is not None else n // 2 if n_labelled else n
    labelled = np.sort(rng.choice(n - m, n_labelled, replace=False)) if n_labelled else np.empty(0, dtype=np.int64)
    labels = np.zeros(n_labelled, dtype=np.int64) if one_class else rng.integers(0, n_classes, size=n_labelled)
    weights = rng.normal(size=(arrays["features"].shape[1] + 1, n_classes))
    targets = rng.integers(0, n_classes, size=n)
    targets[labelled] = labels
    return Scene(arrays, np.arange(n - m, n), labelled, labels, targets, weights, seed)


def random_pool(
    arrays: dict[str, Array],
    n_labelled: int,
    *,
    n_classes: int = 4,
    one_class: bool = False,
    n_candidates: int | None = None,
    seed: int = 0,
    oracle: bool = False,
    progress: Progress = silent,
) -> PoolView:
    """`random_scene(...)` as a view; it can also be trained again (`refit`), and knows the true targets where `oracle` is set."""
    scene = random_scene(arrays, n_labelled, n_classes=n_classes, one_class=one_class, n_candidates=n_candidates, seed=seed)
    return scene.pool(oracle=oracle, progress=progress)
