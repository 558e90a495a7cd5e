"""lenet: a small convolutional network, trained from scratch."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from alviz.learners.network import OPTIONS, Augment, NetworkLearner, Optimizer, Schedule, moments
from alviz.registry import Card

if TYPE_CHECKING:
    from alviz.learners.deep.networks import Network


class LeNet(NetworkLearner):
    """LeNet-5 on the pixels."""

    name = "lenet"
    card = Card(
        title="LeNet-5 (on the pixels)",
        idea="Two layers of small filters and three of neurons, trained from scratch on the labelled pictures.",
        formula="conv 5×5 (6) → pool → conv 5×5 (16) → pool → 120 → 84 → K, with ReLU",
        needs="images of at least 12 × 12 pixels",
        cost="two or three seconds for 500 labels of 28 × 28 pixels and 60 epochs on two cores",
        reference="LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition (1998)",
        cites=("lecun1998gradient",),
        shines="Digits and clothes in 28 × 28 pixels; a network that learns its own features, in seconds.",
        fails="Few labels: features of a pretrained network are better by far. Photographs.",
        deviation="ReLU and max pooling instead of sigmoids and trained subsampling; every filter sees all channels.",
        options=OPTIONS,
    )
    smallest: ClassVar[int] = 12

    def __init__(
        self,
        epochs: int = 60,
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
        super().__init__(epochs, batch_size, optimizer, lr, weight_decay, schedule, patience, early_stop, augment, dropout, warm_start)

    def network(self, images: NDArray[np.uint8], n_classes: int) -> "Network":
        """A new LeNet-5 for pictures like these."""
        from alviz.learners.deep.networks import lenet

        shape = (1 if images.ndim == 3 else images.shape[3], images.shape[1], images.shape[2])
        return lenet(shape, n_classes, *moments(images), self.dropout)
