"""Initial pools that cover the clusters that a network finds by itself (paper 003, section 3.2)."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from alviz.checks import whole
from alviz.data.dataset import Dataset
from alviz.initial.clusters import OPTIONS as CLUSTER_OPTIONS
from alviz.initial.clusters import REFERENCE as PAPER
from alviz.initial.clusters import Clustered
from alviz.initial.pictures import SIZE, SIZE_OPTION, learned, needs_images
from alviz.progress import Progress
from alviz.registry import Card
from alviz.strategies.device import Indices

OPTIONS = {
    **CLUSTER_OPTIONS,
    "epochs": "How often features are clustered and the network trained to tell the clusters apart, one pass over the pictures each; 0: features of random filters.",
    "size": SIZE_OPTION,
}
REFERENCE = f"{PAPER}; Caron, Bojanowski, Joulin and Douze, Deep clustering for unsupervised learning of visual features (2018)"
COST = "a training on all pictures: some 20 s for 6,000 of 28 × 28 pixels on two cores; then kept on disk"
IDEA = "Cluster what a small network sees in the pictures, train it to tell the clusters apart, cluster again, and so on; in the end draw "
DEVIATION = (
    "As many clusters as classes, as in Chandra et al. (Caron et al. take ten times as many). Three convolutional layers instead of AlexNet, no Sobel "
    "filter, pictures shifted but not flipped, as many principal components as clusters instead of 256."
)


class _DeepCluster(Clustered):
    """DeepCluster on the pictures."""

    def __init__(self, clusters: int | None = None, epochs: int = 6, size: int = SIZE):
        super().__init__(clusters)
        self.epochs = whole(f"{self.name}: epochs", epochs, 0)
        self.size = whole(f"{self.name}: size", size, 4)

    def unmet(self, dataset: Dataset) -> str:
        """Images, or the number of classes, where there are none."""
        return " and ".join(filter(None, [needs_images(dataset), super().unmet(dataset)]))

    def membership(self, dataset: Dataset, k: int, rng: np.random.Generator, progress: Progress) -> Indices:
        """(n,) the cluster of every picture, from the disk cache where they are there."""

        def compute(images: NDArray[np.uint8], seed: int) -> NDArray[np.int64]:
            from alviz.initial.deep.deepcluster import clusters

            return clusters(images, k, self.epochs, self.size, seed, progress)

        return np.asarray(learned(dataset, ["deepcluster", k, self.epochs, self.size], rng, progress, compute))


class DeepClusterEqual(_DeepCluster):
    """The same number of samples from every cluster of DeepCluster."""

    name: ClassVar[str] = "deepcluster-equal"
    card: ClassVar[Card] = Card(
        title="DeepCluster, equal shares",
        idea=f"{IDEA}the same number from each cluster.",
        formula="B/K from every cluster C_j; the remainder to the largest clusters; a cluster that is too small gives all it has",
        needs="images; the number of classes",
        cost=COST,
        reference=REFERENCE,
        cites=("chandra2020initial", "caron2018deepcluster"),
        shines="Groups that look alike in shape rather than pixel by pixel; small ones are labelled from the start.",
        fails="Clusters need not be classes; small pools train no network.",
        deviation=DEVIATION,
        options=OPTIONS,
    )
    proportional = False


class DeepClusterProportional(_DeepCluster):
    """Samples from every cluster of DeepCluster in proportion to its size."""

    name: ClassVar[str] = "deepcluster-proportional"
    card: ClassVar[Card] = Card(
        title="DeepCluster, proportional shares",
        idea=f"{IDEA}from each cluster in proportion to its size.",
        formula="⌊|C_j|·B/N⌋ from cluster C_j; the remainder to the largest clusters",
        needs="images; the number of classes",
        cost=COST,
        reference=REFERENCE,
        cites=("chandra2020initial", "caron2018deepcluster"),
        shines="Keeps the pool's proportions with less luck involved than at random.",
        fails="A cluster smaller than N/B samples may get none; small pools train no network.",
        deviation=DEVIATION,
        options=OPTIONS,
    )
    proportional = True
