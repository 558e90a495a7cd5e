"""Initial pools of the pictures that a self-supervised network finds hard (paper 003, sections 3.2 and 4.1)."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from alviz.checks import whole
from alviz.data.dataset import Dataset
from alviz.initial.base import InitialPool, checked
from alviz.initial.clusters import allot
from alviz.initial.pictures import SIZE, SIZE_OPTION, learned, needs_images
from alviz.progress import Progress, silent
from alviz.registry import Card
from alviz.strategies.device import Array, Indices

PAPER = "Chandra et al. 2020, On Initial Pools for Deep Active Learning, equation 1 and section 4.1"

OPTIONS = {
    "bins": "1: the hardest samples. n ≥ 2: the samples in order of their loss are cut into n bins of equal size, and each gives an equal share: "
    "its hardest samples, but the last bin its easiest (the paper takes 2, 5 and 10).",
    "epochs": "Passes over all pictures in training; None: as many as give 300 mini-batches of 64, and at least 2.",
    "size": SIZE_OPTION,
}

SHINES = "The pictures that stand out are looked at before any label is spent; with bins, easy ones too."
FAILS = "Hard for the made-up task need not be hard, or of any use, for the real one: outliers, noise and whole classes that are hard by nature crowd the pool."
COST = "one training on all pictures: some 20 s for 6,000 of 28 × 28 pixels on two cores; then kept on disk"


class _HardestFirst(InitialPool):
    """Trains a network on a task that needs no labels, with all pictures of the pool, and takes the samples of the highest loss."""

    task: ClassVar[str]

    def __init__(self, bins: int = 1, epochs: int | None = None, size: int = SIZE):
        self.bins = whole(f"{self.name}: bins", bins, 1)
        self.epochs = whole(f"{self.name}: epochs", epochs, 1, optional=True)
        self.size = whole(f"{self.name}: size", size, 4)

    def unmet(self, dataset: Dataset) -> str:
        """Images, where there are none."""
        return needs_images(dataset)

    def losses(self, dataset: Dataset, rng: np.random.Generator, progress: Progress = silent) -> NDArray[np.float64]:
        """(N,) what each picture costs the trained network, from the disk cache where they are there. Raises ValueError without images."""
        checked(self, dataset, 1)

        def compute(images: NDArray[np.uint8], seed: int) -> NDArray[np.float64]:
            from alviz.initial.deep.pretext import losses

            return losses(self.task, images, self.epochs, self.size, seed, progress)

        return np.asarray(learned(dataset, [self.task, self.epochs, self.size], rng, progress, compute))

    def choose(self, dataset: Dataset, n: int, rng: np.random.Generator, progress: Progress = silent) -> Indices:
        """n distinct dataset indices, the hardest bin's hardest first. Raises ValueError for n outside 1 … len(dataset), and without images."""
        checked(self, dataset, n)
        return binned(self.losses(dataset, rng, progress), n, self.bins)


def binned(losses: Array, n: int, bins: int) -> Indices:
    """n positions: equal shares of the highest losses of each bin, and of the lowest of the last bin; with one bin the n highest.

    Bins as equal as can be, the first ones larger; what is left over of n goes one each to the largest, then to the hardest. Equal losses go by lowest position.
    """
    order = np.argsort(-np.asarray(losses, dtype=np.float64), kind="stable").astype(np.int64)
    parts = np.array_split(order, bins)
    quotas = allot(np.array([len(part) for part in parts]), n, proportional=False)
    if bins > 1:
        parts[-1] = parts[-1][::-1]
    return np.concatenate([part[:quota] for part, quota in zip(parts, quotas, strict=True)])


class RotationLoss(_HardestFirst):
    """The pictures whose rotation is hardest to tell."""

    name = "rotation-loss"
    task = "rotation"
    card = Card(
        title="Rotation loss",
        idea="Turn every picture by 0°, 90°, 180° and 270°, train a network to tell by how much, and label the pictures on which it fails.",
        formula="argmax_x −¼ Σ_r log p(r | x turned by r)",
        needs="images",
        cost=COST,
        reference=f"{PAPER}; the task: Gidaris, Singh and Komodakis, Unsupervised representation learning by predicting image rotations (2018)",
        cites=("chandra2020initial", "gidaris2018rotation"),
        shines=SHINES,
        fails=f"{FAILS} Round or symmetric things have no right answer.",
        deviation="A small network with three convolutional layers instead of ResNet-18, trained briefly.",
        options=OPTIONS,
    )


class InpaintingLoss(_HardestFirst):
    """The pictures that are hardest to fill in."""

    name = "inpainting-loss"
    task = "inpainting"
    card = Card(
        title="Inpainting loss",
        idea="Paint over a quarter of the picture, train a network to fill it in from the rest, and label the pictures on which it is farthest off.",
        formula="argmax_x mean over the four corners M of ‖M ⊙ (f((1 − M) ⊙ x) − x)‖² / |M|",
        needs="images",
        cost=COST,
        reference=f"{PAPER}; the task: Pathak et al., Context encoders: feature learning by inpainting (2016)",
        cites=("chandra2020initial", "pathak2016inpainting"),
        shines=SHINES,
        fails=f"{FAILS} Large contrasts and fine patterns cost much whatever they show.",
        deviation="The squared error alone, without the adversarial part. The square has half the picture's side: anywhere in training, each corner in turn "
        "for the score, where Pathak et al. paint over the middle or any region.",
        options=OPTIONS,
    )


class VaeLoss(_HardestFirst):
    """The pictures that are hardest to reconstruct."""

    name = "vae-loss"
    task = "vae"
    card = Card(
        title="Reconstruction loss",
        idea="Train a variational autoencoder on all pictures, and label those that it is worst at describing.",
        formula="argmax_x −ELBO(x) = ‖x − x̂‖²/2σ² + KL(q(z|x) ‖ N(0, I)) + constant, with z at the mean of q",
        needs="images",
        cost=COST,
        reference=f"{PAPER}; the model: Kingma and Welling, Auto-encoding variational Bayes (2014)",
        cites=("chandra2020initial", "kingma2014vae"),
        shines="Outliers, and with bins a cross-section from odd to ordinary.",
        fails=f"{FAILS} Large contrasts and fine patterns cost much whatever they show.",
        deviation="Convolutional, with 32 latent dimensions; the variance σ² of the pixels is one number learned along.",
        options=OPTIONS,
    )
