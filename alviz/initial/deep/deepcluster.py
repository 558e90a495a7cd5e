"""DeepCluster (Caron et al. 2018): a network learns to tell apart the clusters of its own features, again and again."""

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alviz.initial.deep.networks import Classifier
from alviz.initial.deep.pictures import PART, squares, within
from alviz.learners.deep.device import device, seeded
from alviz.learners.deep.training import augmented, unit
from alviz.learners.network import moments
from alviz.progress import Progress
from alviz.strategies.lloyd import lloyd

BATCH = 64
"""Pictures in a mini-batch."""

LR = 1e-3
"""Adam's learning rate."""


def clusters(images: NDArray[np.uint8], k: int, epochs: int, size: int, seed: int, progress: Progress) -> NDArray[np.int64]:
    """(n,) the cluster of every picture, 0 … k − 1; n ≥ k."""
    rng = np.random.default_rng(seed)
    mean, std = moments(images)
    with seeded(rng):
        x = squares(images, size, device(), within(progress, 0, 0.05))
        network = Classifier(mean, std, k).to(x.device)
        marks = np.linspace(0.05, 1.0, epochs + 2).tolist()
        parts = -(-len(x) // BATCH)
        for low, high in pairwise(marks[:-1]):
            cluster = _clustered(network, x, k, rng, within(progress, low, low + 0.4 * (high - low)))
            network.head.reset_parameters()  # the clusters of two epochs have nothing to do with each other
            optimizer = torch.optim.Adam(network.parameters(), lr=LR, fused=True)
            for step, rows in enumerate(np.array_split(balanced(cluster, len(x), rng), parts)):
                progress(low + (0.4 + 0.6 * step / parts) * (high - low))
                batch = augmented(unit(x[torch.from_numpy(rows).to(x.device)]), "shift", rng)
                loss = nn.functional.cross_entropy(network(batch), torch.from_numpy(cluster[rows]).to(x.device))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
        return _clustered(network, x, k, rng, within(progress, *marks[-2:]))


def balanced(cluster: NDArray[np.int64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """n rows in random order, as many of each cluster as of any other (give or take one), with repetitions: a large one must not take over."""
    present = np.unique(cluster)
    turn = present[rng.permutation(n) % len(present)]
    rows = np.empty(n, dtype=np.int64)
    for c in present:
        here = turn == c
        rows[here] = rng.choice(np.flatnonzero(cluster == c), size=int(here.sum()))
    return rows


def _clustered(network: Classifier, x: Tensor, k: int, rng: np.random.Generator, progress: Progress) -> NDArray[np.int64]:
    parts = []
    with torch.no_grad():
        for start in range(0, len(x), PART):
            progress(0.5 * start / len(x))
            parts.append(network.embed(unit(x[start : start + PART])).cpu().numpy())
    _, cluster = lloyd(whitened(np.concatenate(parts), k), k, rng, within(progress, 0.5, 1.0))
    return cluster


def whitened(features: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """(n, ≤ dimensions): principal components of unit variance, each row then scaled to length 1. Directions without variance are left out."""
    x = features.astype(np.float64)
    x -= x.mean(axis=0)
    values, vectors = np.linalg.eigh(x.T @ x / len(x))
    kept = np.flatnonzero(values > np.finfo(np.float32).eps * values[-1])[-dimensions:]
    if not len(kept):  # all pictures look the same
        return np.zeros((len(x), 1), dtype=np.float32)
    white = x @ (vectors[:, kept] / np.sqrt(values[kept]))
    length = np.linalg.norm(white, axis=1, keepdims=True)
    return (white / np.where(length > 0, length, 1)).astype(np.float32)
