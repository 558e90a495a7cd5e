"""The pretrained network that fine-tune, transfer and auto-switch start from, as their settings name it."""

import os
from dataclasses import dataclass
from typing import Any

from alviz.checks import whole
from alviz.data import extractors
from alviz.data.extractors.pretrained import PretrainedExtractor

DEFAULT = "efficientnet-lite0"

OPTIONS = {
    "network": "The extractor whose network it is: efficientnet-lite0, resnet18, torchvision:… or timm:… with any network of theirs.",
    "weights": "A file with the weights; None: where the library that names the network keeps its downloads. Nothing is downloaded.",
    "size": "Side in pixels that pictures are resized to; None: the extractor's own choice, 96 for small pictures.",
}
"""What the settings do, for cards."""

FEATURES_STAY = " A dataset that brings features of its own keeps them."
"""What learners of features say of `network` beside that."""


@dataclass(frozen=True)
class Backbone:
    """Settings of a pretrained network, checked; nothing is looked for before `extractor` is called."""

    network: str
    weights: str | None
    size: int | None

    @classmethod
    def checked(cls, network: str, weights: "str | os.PathLike[str] | None", size: int | None) -> "Backbone":
        """Raises ValueError for a network that is no extractor's, or a size that no picture has."""
        kind = extractors.registry.factory(str(network).partition(":")[0])
        if not (isinstance(kind, type) and issubclass(kind, PretrainedExtractor)):
            raise ValueError(f"network must be an extractor that is a pretrained network (see its card), got {network!r}")
        return cls(network, None if weights is None else os.fspath(weights), whole("size", size, 32, 1024, optional=True))

    def extractor(self) -> PretrainedExtractor:
        """The network as an extractor. Raises ValueError where its packages are missing."""
        settings: dict[str, Any] = {"weights": self.weights, "size": self.size}
        made = extractors.create(self.network, **{name: value for name, value in settings.items() if value is not None})
        assert isinstance(made, PretrainedExtractor)
        return made
