"""transfer: a shallow learner on the fixed features of a pretrained network."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.extractors import Extractor
from alviz.learners.base import Array, Learner, Model, registry
from alviz.learners.pretrained import DEFAULT, FEATURES_STAY, OPTIONS, Backbone
from alviz.progress import Progress
from alviz.registry import Card


class Transfer(Learner):
    """A shallow learner on the fixed features of a pretrained network.

    A Run takes the features from the dataset, or from the network where the dataset brings images alone (once; they are cached).
    """

    name = "transfer"
    card = Card(
        title="Transfer (fixed features)",
        idea="A network that has seen ImageNet describes the pictures once and for all; a shallow learner is trained on that in every round.",
        formula="p = base(φ(x)), φ: the network without its last layer",
        needs="features, or images and the network's weights (see network); features of PCA that alviz made for want of better ones are replaced",
        cost="features once (minutes for 60,000 pictures), then as the base: fractions of a second a round",
        reference="Sharif Razavian et al., CNN features off-the-shelf (2014); as schemes SVM and CS-SVM: Aggarwal, Popescu and Hudelot (2022 and 2020)",
        cites=("sharif2014offtheshelf", "aggarwal2022alamp", "aggarwal2020minority"),
        shines="Few labels: Aggarwal et al. (2020, 2022) find it ahead of fine-tuning for most of the budget on pictures of things.",
        fails="Pictures unlike those the network was trained on: the features cannot learn what the network has not seen.",
        options={
            **OPTIONS,
            "network": OPTIONS["network"] + FEATURES_STAY,
            "base": "The learner trained on the features.",
            "params": 'Settings of the base; {"class_weight": "balanced"} makes the SVM the cost-sensitive one of the papers.',
        },
    )

    def __init__(
        self,
        network: str = DEFAULT,
        weights: str | os.PathLike[str] | None = None,
        size: int | None = None,
        base: str = "linear-svm",
        params: dict[str, Any] | None = None,
    ):
        self.backbone = Backbone.checked(network, weights, size)
        self.base = registry.create(base, **(params or {}))
        if self.base.takes != "features":
            raise ValueError(f"base must be a learner that takes features, and {base!r} takes {self.base.takes}")
        self.trains_on_pool = self.base.trains_on_pool

    @property
    def provides(self) -> frozenset[str]:
        """What the base provides."""
        return self.base.provides

    @property
    def extractor(self) -> Extractor:
        """The pretrained network. Raises ValueError where its packages are missing."""
        return self.backbone.extractor()

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
        """Train the base on features (n, d). Raises ValueError on bad input."""
        return self.base.fit(x, y, n_classes=n_classes, unlabelled=unlabelled, previous=previous, rng=rng, progress=progress)

    def dump(self, model: Model) -> dict[str, Array] | None:
        """The base's arrays."""
        return self.base.dump(model)

    def load(self, arrays: Mapping[str, Array], n_classes: int) -> Model:
        """The base's model."""
        return self.base.load(arrays, n_classes)
