"""`pixels` and `pca`: features without any network."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.checks import whole
from alviz.data.extractors.base import Extractor, Features, Images
from alviz.progress import Progress, silent
from alviz.registry import Card

BLOCK = 2048
SIDE = 32


class Pixels(Extractor):
    """The pixels themselves, one row per image, scaled to 0 … 1."""

    name = "pixels"
    card = Card(
        title="Pixels",
        idea="Every pixel is a feature. Honest and weak: two shirts shifted by a pixel are far apart.",
        formula="x = pixels / 255",
        needs="nothing",
        cost="time and memory O(n d), d = H · W · C",
    )

    def extract(self, images: Images, progress: Progress = silent) -> Features:
        """(n, H·W[·C]) float32 in 0 … 1."""
        rows = np.empty((len(images), int(np.prod(images.shape[1:]))), dtype=np.float32)
        for start in range(0, len(images), BLOCK):
            progress(start / len(images))
            rows[start : start + BLOCK] = flat(images[start : start + BLOCK])
        progress(1.0)
        return rows


class Pca(Extractor):
    """The pool's principal components of the pixels: mean 0 and an average variance of 1 over the components kept.

    dim: how many (fewer where the images have fewer pixels, or the pool fewer samples). Images with a side above 32 pixels are averaged down to at most 32 first.
    """

    name = "pca"
    card = Card(
        title="PCA of pixels",
        idea="The directions along which the pool's pictures differ most. Seconds for 60,000 pictures, nothing to install.",
        formula="z = V'(x − x̄) / s, V: first eigenvectors of the covariance, s² = mean eigenvalue kept",
        needs="nothing",
        cost="time O(n p² + p³), memory O(p²), p ≤ 1,024 pixels per channel",
        shines="Pictures that are aligned and alike in size (digits, Fashion-MNIST).",
        fails="Natural photographs.",
    )

    def __init__(self, dim: int = 128):
        self.dim = whole("dim", dim, 1, 4096)

    @property
    def key(self) -> dict[str, Any] | None:
        """dim."""
        return {"dim": self.dim}

    def fitted(self, images: Images, progress: Progress = silent) -> Extractor:
        """The same with its directions found in `images`."""
        total: NDArray[np.float64] | float = 0.0
        products: NDArray[np.float64] | float = 0.0
        # Centred on the first image, or the squares would lose digits to the mean; float64 sums of float32 products over blocks of fixed size.
        origin = flat(shrunk(images[:1]))[0]
        for start in range(0, len(images), BLOCK):
            progress(0.9 * start / len(images))
            rows = flat(shrunk(images[start : start + BLOCK])) - origin
            total = total + rows.sum(axis=0, dtype=np.float64)
            products = products + (rows.T @ rows).astype(np.float64)
        n = len(images)
        shift = total / n
        vectors, scale = components(products / n - np.outer(shift, shift), min(self.dim, n))
        progress(1.0)
        return _Directions((origin + shift).astype(np.float32), (vectors / scale).astype(np.float32))

    def extract(self, images: Images, progress: Progress = silent) -> Features:
        """(n, dim) float32, the directions found in these very images."""
        return self.fitted(images, lambda f: progress(f / 2)).extract(images, lambda f: progress((1 + f) / 2))


class _Directions(Extractor):
    def __init__(self, mean: Features, vectors: Features):
        self.mean, self.vectors = mean, vectors

    def extract(self, images: Images, progress: Progress = silent) -> Features:
        rows = np.empty((len(images), self.vectors.shape[1]), dtype=np.float32)
        for start in range(0, len(images), BLOCK):
            progress(start / len(images))
            rows[start : start + BLOCK] = (flat(shrunk(images[start : start + BLOCK])) - self.mean) @ self.vectors
        progress(1.0)
        return rows


def components(covariance: NDArray[np.float64], dim: int) -> tuple[NDArray[np.float64], float]:
    """((p, ≤ dim) directions, largest variance first; √ of their mean variance). Raises ValueError when there is no variance at all."""
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1][:dim], vectors[:, ::-1][:, :dim]
    if values[0] <= 0.0:
        raise ValueError("pca needs samples that differ from one another; all are the same")
    # Eigenvectors have no sign of their own; the largest loading is made positive.
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    return vectors * signs, float(np.sqrt(values.mean()))


def flat(images: NDArray[Any]) -> Features:
    """(n, H, W[, C]) 0 … 255 -> (n, H·W[·C]) float32 0 … 1."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def shrunk(images: Images) -> NDArray[Any]:
    """Images of at most 32 × 32 pixels: means over square blocks, rows and columns that fill no block left out."""
    factor = -(-max(images.shape[1:3]) // SIDE)
    if factor == 1:
        return images
    height, width = (max(side // factor, 1) for side in images.shape[1:3])
    n, rest = len(images), images.shape[3:]
    used = images[:, : height * factor, : width * factor]
    return used.reshape(n, height, min(factor, used.shape[1]), width, min(factor, used.shape[2]), *rest).mean(axis=(2, 4), dtype=np.float32)
