"""Projection: a picture of a pool in the plane, and what a menu says about each way to get one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.registry import Card

REDUCED_TO = 50
"""UMAP and t-SNE see the first 50 principal components: faster, and the noise of the rest left out."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Points of a dataset in the plane.

    points: (n, 2) float32, row i = dataset index i. method: "plane", "pca", "umap" or "tsne". trustworthiness: in [0, 1], 1 = every neighbour in
    the picture is a neighbour in feature space too; NaN where there are too few samples or all are equal. seconds: what the computation took (when it was done,
    for a cached one). cached: it came from disk. extra: "axis_1", "axis_2" (shares of the variance on the two axes; pca), "components"
    and "kept" (how many principal components umap and tsne were given, and their share of the variance).
    """

    points: NDArray[np.float32]
    method: str
    trustworthiness: float
    seconds: float
    cached: bool = False
    extra: Mapping[str, float] = field(default_factory=dict)

    def caption(self) -> str:
        """One sentence: what the axes are."""
        if "axis_1" in self.extra:
            first, second = 100 * self.extra["axis_1"], 100 * self.extra["axis_2"]
            return f"PCA: the two axes hold {first:.0f}\u00a0% and {second:.0f}\u00a0% of the variance."
        if "components" in self.extra:
            name, count, kept = label(self.method), int(self.extra["components"]), 100 * self.extra["kept"]
            given = f"the first {count} principal components ({kept:.0f}\u00a0% of the variance)"
            return f"{name} of {given}; distances between far groups mean little."
        return "The two features as they are."


CARDS: dict[str, Card] = {
    "plane": Card(
        title="Plane",
        idea="The two features of a 2D dataset as they are.",
        needs="exactly two features",
        cost="nothing",
        shines="Nothing is distorted.",
    ),
    "pca": Card(
        title="PCA",
        idea="The two directions along which the features vary most.",
        formula="x ↦ (x − mean)·(v₁, v₂), v the first eigenvectors of the covariance",
        needs="features",
        cost="O(n·d² + d³)",
        reference="Pearson 1901; Hotelling 1933",
        shines="Quick, always the same, and distances keep their meaning.",
        fails="Classes that differ in other directions lie on top of each other.",
        deviation="Beyond 2,048 features the directions are found on a seeded sample of 2,048 rows.",
    ),
    "umap": Card(
        title="UMAP",
        idea="Keeps each sample's nearest neighbours together and pulls clusters apart.",
        needs="features; 5 samples or more",
        cost="O(n²) for the neighbours, then O(n) per epoch; about 10 s for 6,000 samples",
        reference="McInnes, Healy and Melville 2018, UMAP: Uniform Manifold Approximation and Projection",
        shines="Shows clusters and rare groups in high-dimensional features.",
        fails="Sizes of clusters and the distances between them mean little.",
        deviation="15 exact neighbours on the first 50 principal components, started from PCA.",
    ),
    "tsne": Card(
        title="t-SNE",
        idea="Places samples so that neighbours in feature space are neighbours in the picture.",
        needs="features; 5 samples or more",
        cost="O(n²) for the neighbours, then O(n) per iteration; about 20 s for 6,000 samples",
        reference="van der Maaten and Hinton 2008, Visualizing Data using t-SNE; Poličar, Stražar and Zupan 2024 (openTSNE)",
        shines="The finest view of local structure.",
        fails="Sizes of clusters and the distances between them mean little.",
        deviation="Perplexity 30 with 90 exact neighbours on the first 50 principal components, started from PCA.",
    ),
}


def available(data: "Dataset | NDArray[np.float32] | None" = None) -> list[str]:
    """The methods that suit `data` (a Dataset or features (n, d)), best first: "plane" heads the list for 2-feature data and is left out
    otherwise. None: the methods for any data."""
    flat = data is not None and width(data) == 2
    return ["plane", "umap", "tsne", "pca"] if flat else ["pca", "umap", "tsne"]


def card(method: str) -> Card:
    """What a person should know about the method. Raises ValueError for an unknown one."""
    return CARDS[known(method)]


def label(method: str) -> str:
    """The method's name for menus. Raises ValueError for an unknown one."""
    return CARDS[known(method)].title


def known(method: str) -> str:
    """`method`, if there is such a one. Raises ValueError."""
    if method not in CARDS:
        raise ValueError(f"unknown projection {method!r}; available: {', '.join(CARDS)}")
    return method


def width(data: "Dataset | NDArray[np.float32]") -> int:
    """Number of columns that a projection of `data` starts from."""
    table = data if not isinstance(data, Dataset) else data.images if data.features is None else data.features
    assert table is not None
    return int(np.prod(table.shape[1:]))
