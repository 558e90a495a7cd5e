"""fine-tune and fine-tune-thresholded: a network that knows ImageNet, all of it trained further on the labelled pictures."""

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alviz.learners import network as networks
from alviz.learners.base import Array, ConstantModel, Model
from alviz.learners.network import Augment, NetworkLearner, Optimizer, Schedule
from alviz.learners.pretrained import DEFAULT, OPTIONS, Backbone
from alviz.progress import Progress
from alviz.registry import Card

if TYPE_CHECKING:
    from alviz.learners.deep.networks import Network


class FineTune(NetworkLearner):
    """A pretrained network with a new head, trained on the pictures."""

    name = "fine-tune"
    card = Card(
        title="Fine-tuning (FT)",
        idea="A network that has seen ImageNet gets a new last layer, and all of it is trained on the labelled pictures.",
        formula="stochastic gradient descent with Nesterov momentum 0.9 from the pretrained weights, lr 0.01, a tenth of it on every plateau of 10 epochs",
        needs="images, and the network's weights (see network)",
        cost="epochs · L pictures forward and back: minutes a round for 500 labels on two cores, seconds on a GPU",
        reference="Yosinski et al., How transferable are features in deep neural networks? (2014); as trained by Aggarwal, Popescu and Hudelot (2022, section 5.1, and 2020)",
        cites=("yosinski2014transferable", "aggarwal2022alamp", "aggarwal2020minority"),
        shines="Thousands of labels, and pictures unlike those the network was trained on: then it overtakes an SVM on fixed features.",
        fails="A few hundred labels: it learns them by heart, and Aggarwal et al. (2020, 2022) find fixed features better by far.",
        deviation="The plateau is one of the training loss; that of 2022 watches the training error and does not say its batch size; 32 is that of 2020.",
        options={**OPTIONS, **networks.OPTIONS, "warm_start": "Go on from last round's weights instead of the pretrained ones."},
    )

    def __init__(
        self,
        network: str = DEFAULT,
        weights: str | os.PathLike[str] | None = None,
        size: int | None = None,
        epochs: int = 80,
        batch_size: int = 32,
        optimizer: Optimizer = "sgd",
        lr: float = 0.01,
        weight_decay: float = 1e-3,
        schedule: Schedule = "plateau",
        patience: int = 10,
        early_stop: int | None = None,
        augment: Augment = "none",
        dropout: float = 0.0,
        warm_start: bool = False,
    ):
        self.backbone = Backbone.checked(network, weights, size)
        super().__init__(epochs, batch_size, optimizer, lr, weight_decay, schedule, patience, early_stop, augment, dropout, warm_start)

    def network(self, images: NDArray[np.uint8], n_classes: int) -> "Network":
        """The pretrained network with a new head. Raises ValueError or FileNotFoundError where it cannot be had, or takes other pictures."""
        from alviz.data.extractors.pretrained import check_channels
        from alviz.learners.deep.backbones import pretrained

        check_channels(images, f"learner {self.name!r}")
        return pretrained(self.backbone.extractor(), images.shape[1:], n_classes, self.dropout)


class FineTuneThresholded(FineTune):
    """Fine-tuning whose probabilities are divided by the training priors."""

    name = "fine-tune-thresholded"
    card = Card(
        title="Fine-tuning with thresholds (FT-th)",
        idea="Fine-tuning; at prediction every probability is divided by the share of its class among the labels, so that rare classes get their due.",
        formula="p'_c ∝ p_c / π_c, π_c = L_c / L; 0 for a class without labels",
        needs=FineTune.card.needs,
        cost=FineTune.card.cost,
        reference="Buda, Maki and Mazurowski, A systematic study of the class imbalance problem in convolutional neural networks (2018); Aggarwal, Popescu and Hudelot (2020 and 2022)",
        cites=("buda2018imbalance", "aggarwal2020minority", "aggarwal2022alamp"),
        shines="Imbalanced labels and a test set, or a use, where all classes count the same.",
        fails="When new pictures are as imbalanced as the labels: then the priors were right. A class with one label is divided by little, and called often.",
        deviation="π is taken off the logits of the last layer as log π: the same probabilities, and whatever asks the network itself sees them too.",
        options={name: text for name, text in FineTune.card.options.items() if name != "warm_start"},
    )

    def __init__(
        self,
        network: str = DEFAULT,
        weights: str | os.PathLike[str] | None = None,
        size: int | None = None,
        epochs: int = 80,
        batch_size: int = 32,
        optimizer: Optimizer = "sgd",
        lr: float = 0.01,
        weight_decay: float = 1e-3,
        schedule: Schedule = "plateau",
        patience: int = 10,
        early_stop: int | None = None,
        augment: Augment = "none",
        dropout: float = 0.0,
    ):
        super().__init__(
            network, weights, size, epochs, batch_size, optimizer, lr, weight_decay, schedule, patience, early_stop, augment, dropout
        )

    def fit(
        self,
        x: Array,
        y: NDArray[np.int64],
        *,
        n_classes: int | None = None,
        unlabelled: Array | None = None,
        previous: Model | None = None,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Model:
        """The fine-tuned model, the logarithms of the priors taken off its logits. Raises ValueError on bad input, or when training diverges."""
        model: Any = super().fit(x, y, n_classes=n_classes, unlabelled=unlabelled, previous=previous, rng=rng, progress=progress)
        if not isinstance(model, ConstantModel):
            import torch

            priors = np.bincount(y)[model.classes] / len(y)
            bias = model.module.head.bias
            bias[torch.from_numpy(model.classes).to(bias.device)] -= torch.from_numpy(np.log(priors)).to(bias)
        return model
