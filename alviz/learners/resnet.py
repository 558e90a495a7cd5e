"""resnet18: the residual network that most papers on deep active learning train."""

from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from alviz.checks import choice, whole
from alviz.learners.network import OPTIONS, Augment, NetworkLearner, Optimizer, Schedule, moments
from alviz.registry import Card

if TYPE_CHECKING:
    from alviz.learners.deep.networks import Network

Stem = Literal["7x7", "3x3"]


class ResNet18(NetworkLearner):
    """ResNet-18 on the pixels."""

    name = "resnet18"
    card = Card(
        title="ResNet-18 (on the pixels)",
        idea="Eighteen layers with shortcuts around every two of them, trained from scratch on the labelled pictures.",
        formula="stem → 8 blocks x + conv(conv(x)) of 64, 128, 256 and 512 channels → mean over the picture → K",
        needs="images",
        cost="minutes for 1,000 labels on two cores; a GPU is used where there is one",
        reference="He, Zhang, Ren and Sun, Deep residual learning for image recognition (2016); as trained by Chandra et al. and Zhan et al.",
        cites=("he2016resnet",),
        shines="Thousands of labels, and a GPU.",
        fails="A few hundred labels: it learns them by heart.",
        options={
            **OPTIONS,
            "stem": "7x7 with stride 2 and pooling, as for ImageNet (Zhan et al. 2022 uses it on the MNIST family too), or 3x3 without for small pictures.",
            "size": "Side in pixels that pictures are resized to first; None: as they are.",
        },
    )
    smallest: ClassVar[int] = 8

    def __init__(
        self,
        stem: Stem = "3x3",
        size: int | None = None,
        epochs: int = 20,
        batch_size: int = 64,
        optimizer: Optimizer = "adam",
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
        patience: int = 10,
        early_stop: int | None = None,
        augment: Augment = "none",
        dropout: float = 0.0,
        warm_start: bool = False,
    ):
        self.stem = choice("stem", stem, get_args(Stem))
        self.size = whole("size", size, 8, 1024, optional=True)
        super().__init__(epochs, batch_size, optimizer, lr, weight_decay, schedule, patience, early_stop, augment, dropout, warm_start)

    def network(self, images: NDArray[np.uint8], n_classes: int) -> "Network":
        """A new ResNet-18 for pictures like these."""
        from alviz.learners.deep.networks import resnet18

        channels = 1 if images.ndim == 3 else images.shape[3]
        return resnet18(channels, n_classes, *moments(images), stem=self.stem, dropout=self.dropout, size=self.size)
