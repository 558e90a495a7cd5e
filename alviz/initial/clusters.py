"""Initial pools that cover the clusters of the pool (paper 003, section 3.2)."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.initial.base import InitialPool, checked
from alviz.progress import Progress, silent
from alviz.registry import Card
from alviz.strategies.device import Array, Indices
from alviz.strategies.lloyd import lloyd

REFERENCE = "Chandra et al. 2020, On Initial Pools for Deep Active Learning, section 3.2"


class _Clustered(InitialPool):
    """k-means on the features (flattened pixels where there are none), a quota per cluster, and within a cluster at random.

    clusters: how many; None takes the dataset's number of classes. Fewer where the pool has fewer samples.
    """

    proportional: ClassVar[bool]

    def __init__(self, clusters: int | None = None):
        if clusters is not None and clusters < 1:
            raise ValueError(f"clusters must be at least 1, not {clusters}")
        self.clusters = clusters

    def choose(self, dataset: Dataset, n: int, rng: np.random.Generator, progress: Progress = silent) -> Indices:
        """n distinct dataset indices, the largest cluster's first. Raises ValueError for n outside 1 … len(dataset)."""
        checked(dataset, n)
        wanted = dataset.n_classes if self.clusters is None else self.clusters
        if wanted < 1:
            raise ValueError(f"dataset {dataset.name!r} has no classes to take the number of clusters from: give `clusters`")
        _, membership = lloyd(_table(dataset), min(wanted, len(dataset)), rng, progress)
        sizes = np.bincount(membership)
        quotas = allot(sizes, n, proportional=self.proportional)
        order = np.argsort(-sizes, kind="stable")
        drawn = [rng.choice(np.flatnonzero(membership == j), size=quotas[j], replace=False) for j in order if quotas[j]]
        return np.concatenate(drawn).astype(np.int64)


class KMeansEqual(_Clustered):
    """The same number of samples from every k-means cluster."""

    name: ClassVar[str] = "kmeans-equal"
    card: ClassVar[Card] = Card(
        title="k-means, equal shares",
        idea="Cluster the pool into as many clusters as there are classes and draw the same number from each, so that every region is seen.",
        formula="B/K from every cluster C_j; the remainder to the largest clusters; a cluster that is too small gives all it has",
        needs="features (or the pixels of the images); the number of classes",
        cost="O(N·K·d) per k-means iteration",
        reference=REFERENCE,
        shines="Small clusters, often rare classes, are labelled from the start.",
        fails="Clusters need not be classes; outlier clusters get a full share.",
    )
    proportional = False


class KMeansProportional(_Clustered):
    """Samples from every k-means cluster in proportion to its size."""

    name: ClassVar[str] = "kmeans-proportional"
    card: ClassVar[Card] = Card(
        title="k-means, proportional shares",
        idea="Cluster the pool into as many clusters as there are classes and draw from each in proportion to its size: a stratified sample.",
        formula="⌊|C_j|·B/N⌋ from cluster C_j; the remainder to the largest clusters",
        needs="features (or the pixels of the images); the number of classes",
        cost="O(N·K·d) per k-means iteration",
        reference=REFERENCE,
        shines="Keeps the pool's proportions with less luck involved than at random.",
        fails="A cluster smaller than N/B samples may get none.",
    )
    proportional = True


def allot(sizes: Array, n: int, *, proportional: bool) -> Indices:
    """(K,) how many of n samples each cluster gives; Σ = n, none more than it has. sizes: (K,) cluster sizes with n ≤ Σ sizes.

    Equal: n/K rounded down each; proportional: sizes·n/N rounded down. What is left over goes one each to the largest clusters (the
    lowest index among equals); what a cluster is too small to give is shared out again, equally, among those that have more.
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    quotas = sizes * n // sizes.sum() if proportional else np.zeros_like(sizes)
    largest_first = np.argsort(-sizes, kind="stable")
    while (left := n - int(quotas.sum())) > 0:
        open_ = largest_first[quotas[largest_first] < sizes[largest_first]]
        share = left // len(open_)
        takers = open_ if share else open_[:left]
        quotas[takers] = np.minimum(quotas[takers] + max(share, 1), sizes[takers])
    return quotas


def _table(dataset: Dataset) -> NDArray[np.float32]:
    if dataset.features is not None:
        return dataset.features
    assert dataset.images is not None
    return dataset.images.reshape(len(dataset), -1).astype(np.float32) / np.float32(255)
