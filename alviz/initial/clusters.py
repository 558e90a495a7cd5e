"""Initial pools that cover the clusters of the pool (paper 003, section 3.2)."""

from typing import ClassVar

import numpy as np

from alviz.checks import whole
from alviz.data.dataset import Dataset
from alviz.initial.base import InitialPool, checked, table_of
from alviz.progress import Progress, silent
from alviz.registry import Card
from alviz.strategies.device import Array, Indices
from alviz.strategies.lloyd import lloyd

REFERENCE = "Chandra et al. 2020, On Initial Pools for Deep Active Learning, section 3.2"

OPTIONS = {"clusters": "Number of clusters; None: the number of classes."}


class Clustered(InitialPool):
    """Clusters, a quota for each, and within a cluster at random. Subclasses say what the clusters are.

    clusters: how many; None takes the dataset's number of classes. Fewer where the pool has fewer samples.
    """

    proportional: ClassVar[bool]

    def __init__(self, clusters: int | None = None):
        self.clusters = whole(f"{self.name}: clusters", clusters, 1, optional=True)

    def unmet(self, dataset: Dataset) -> str:
        """The number of classes, where it is not known and no number of clusters was given."""
        return "" if self.clusters or dataset.n_classes else "the number of classes (or give `clusters`)"

    def choose(self, dataset: Dataset, n: int, rng: np.random.Generator, progress: Progress = silent) -> Indices:
        """n distinct dataset indices, the largest cluster's first. Raises ValueError for n outside 1 … len(dataset)."""
        checked(self, dataset, n)
        wanted = self.clusters or dataset.n_classes
        membership = self.membership(dataset, min(wanted, len(dataset)), rng, progress)
        sizes = np.bincount(membership)
        quotas = allot(sizes, n, proportional=self.proportional)
        order = np.argsort(-sizes, kind="stable")
        drawn = [rng.choice(np.flatnonzero(membership == j), size=quotas[j], replace=False) for j in order if quotas[j]]
        return np.concatenate(drawn).astype(np.int64)

    def membership(self, dataset: Dataset, k: int, rng: np.random.Generator, progress: Progress) -> Indices:
        """(n,) the cluster of every sample, 0 … k − 1."""
        raise NotImplementedError


class _KMeans(Clustered):
    """k-means on the features (flattened pixels where there are none)."""

    def membership(self, dataset: Dataset, k: int, rng: np.random.Generator, progress: Progress) -> Indices:
        """(n,) the k-means cluster of every sample."""
        return lloyd(table_of(dataset), k, rng, progress)[1]


class KMeansEqual(_KMeans):
    """The same number of samples from every k-means cluster."""

    name: ClassVar[str] = "kmeans-equal"
    card: ClassVar[Card] = Card(
        title="k-means, equal shares",
        idea="Cluster the pool into as many clusters as there are classes and draw the same number from each, so that every region is seen.",
        formula="B/K from every cluster C_j; the remainder to the largest clusters; a cluster that is too small gives all it has",
        needs="features (or the pixels of the images); the number of classes",
        cost="O(N·K·d) per k-means iteration",
        reference=REFERENCE,
        cites=("chandra2020initial",),
        shines="Small clusters, often rare classes, are labelled from the start.",
        fails="Clusters need not be classes; outlier clusters get a full share.",
        options=OPTIONS,
    )
    proportional = False


class KMeansProportional(_KMeans):
    """Samples from every k-means cluster in proportion to its size."""

    name: ClassVar[str] = "kmeans-proportional"
    card: ClassVar[Card] = Card(
        title="k-means, proportional shares",
        idea="Cluster the pool into as many clusters as there are classes and draw from each in proportion to its size: a stratified sample.",
        formula="⌊|C_j|·B/N⌋ from cluster C_j; the remainder to the largest clusters",
        needs="features (or the pixels of the images); the number of classes",
        cost="O(N·K·d) per k-means iteration",
        reference=REFERENCE,
        cites=("chandra2020initial",),
        shines="Keeps the pool's proportions with less luck involved than at random.",
        fails="A cluster smaller than N/B samples may get none.",
        options=OPTIONS,
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
