"""What lenet, resnet18 and the schemes made of them share: settings checked, a network trained on pictures, warm starts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from alviz.checks import choice, number, whole
from alviz.learners.base import Array, ConstantModel, Learner, Model, checked
from alviz.progress import Progress, silent

if TYPE_CHECKING:
    from alviz.learners.deep.model import NetworkModel
    from alviz.learners.deep.networks import Network
    from alviz.learners.deep.training import Companion

AT_ONCE = 4_000_000
"""Pixels counted at once."""

LARGEST = 2**28
"""Numbers in the largest picture that a model of a file is believed to take."""

Optimizer = Literal["adam", "sgd"]
Schedule = Literal["constant", "plateau"]
Augment = Literal["none", "shift", "shift+flip"]

OPTIONS = {
    "epochs": "Passes over the labelled samples.",
    "batch_size": "Samples in a mini-batch.",
    "optimizer": "adam, or sgd with Nesterov momentum 0.9.",
    "lr": "Learning rate at the start.",
    "weight_decay": "Factor of ½‖w‖² in the loss.",
    "schedule": "constant; plateau: a tenth of the learning rate when the training loss has not fallen for `patience` epochs.",
    "patience": "Epochs that the plateau schedule waits.",
    "early_stop": "Stop when the training loss has not fallen for so many epochs; None: never.",
    "augment": "Pictures are changed at random in training: shifted by up to an eighth of their side, flipped left to right.",
    "dropout": "Share of units left out in training; above 0 the model can make stochastic passes.",
    "warm_start": "Go on from last round's weights instead of new ones.",
}
"""What the settings of every network do, for cards."""


class NetworkLearner(Learner):
    """A network of torch, trained on pictures. Subclasses build the network."""

    takes = "images"
    smallest: ClassVar[int] = 1
    """Side of the smallest pictures the network can take, in pixels."""

    def __init__(
        self,
        epochs: int,
        batch_size: int,
        optimizer: Optimizer,
        lr: float,
        weight_decay: float,
        schedule: Schedule,
        patience: int,
        early_stop: int | None,
        augment: Augment,
        dropout: float,
        warm_start: bool,
    ):
        self.recipe: dict[str, Any] = {
            "epochs": whole("epochs", epochs, 1),
            "batch_size": whole("batch_size", batch_size, 2),
            "optimizer": choice("optimizer", optimizer, get_args(Optimizer)),
            "lr": number("lr", lr, 0, above=True),
            "weight_decay": number("weight_decay", weight_decay, 0),
            "schedule": choice("schedule", schedule, get_args(Schedule)),
            "patience": whole("patience", patience, 1),
            "early_stop": whole("early_stop", early_stop, 1, optional=True),
            "augment": choice("augment", augment, get_args(Augment)),
        }
        self.dropout = number("dropout", dropout, 0, 0.99)
        if not isinstance(warm_start, bool):
            raise ValueError(f"warm_start must be True or False, got {warm_start!r}")
        self.warm_start = warm_start

    @property
    def provides(self) -> frozenset[str]:
        """embeddings, module; dropout_posterior where there is dropout."""
        return frozenset({"embeddings", "module"} | ({"dropout_posterior"} if self.dropout else set()))

    def network(self, images: NDArray[np.uint8], n_classes: int) -> "Network":
        """A new network for pictures like `images` (n, H, W[, C]), its first weights from torch's global generator."""
        raise NotImplementedError

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
        """Train on uint8 pictures (n, H, W[, C]). Raises ValueError on bad input, or when training diverges."""
        report = progress or silent
        x, y, k = checked(x, y, n_classes)
        if x.dtype != np.uint8 or x.ndim not in (3, 4):
            raise ValueError(f"learner {self.name!r} takes uint8 images (n, H, W) or (n, H, W, C), got {x.dtype} {x.shape}")
        if min(x.shape[1:3]) < self.smallest:
            raise ValueError(
                f"learner {self.name!r} takes pictures of at least {self.smallest} × {self.smallest} pixels, got {x.shape[1]} × {x.shape[2]}"
            )
        classes = np.unique(y)
        if len(classes) == 1:
            return ConstantModel(int(classes[0]), k)
        from alviz.learners.deep.device import device, seeded
        from alviz.learners.deep.model import NetworkModel

        with seeded(rng):
            network = self.network(x, k)
            if self.warm_start and isinstance(previous, NetworkModel):
                known = previous.module.state_dict()
                for name, fresh in network.state_dict().items():
                    old = known[name]
                    into = fresh if fresh.shape == old.shape else fresh[: len(old)]  # the head, where classes were added since
                    into.copy_(old)
            model = self.trained(network.to(device()), x, y, k, rng, report)
        report(1.0)
        return model

    def trained(
        self,
        network: "Network",
        x: NDArray[np.uint8],
        y: NDArray[np.int64],
        n_classes: int,
        rng: np.random.Generator,
        progress: Progress,
        companion: "Companion | None" = None,
    ) -> "NetworkModel":
        """The model of a new network, once it is trained by the recipe, and its companion along with it."""
        import torch

        from alviz.learners.deep.model import DropoutNetworkModel, NetworkModel
        from alviz.learners.deep.training import Recipe, pictures, train

        classes = np.unique(y)
        where = network.mean.device
        train(
            network,
            pictures(x, where),
            torch.from_numpy(y).to(where),
            torch.from_numpy(classes).to(where),
            Recipe(**self.recipe),
            rng,
            progress,
            companion,
        )
        return (DropoutNetworkModel if self.dropout else NetworkModel)(network, classes, n_classes, x.shape[1:])

    def dump(self, model: Model) -> dict[str, Array] | None:
        """The network's weights and buffers, the shape of its pictures and the classes it knows."""
        from alviz.learners.deep.model import NetworkModel

        if not isinstance(model, NetworkModel):
            return None
        state = {f"network.{name}": tensor.numpy(force=True) for name, tensor in model.module.state_dict().items()}
        return {**state, "shape": np.array(model.shape), "classes": model.classes}

    def load(self, arrays: Mapping[str, Array], n_classes: int) -> Model:
        """The network of the same weights."""
        import torch

        from alviz.learners.deep.device import device, seeded
        from alviz.learners.deep.model import DropoutNetworkModel, NetworkModel

        shape = tuple(int(side) for side in arrays["shape"])
        if len(shape) not in (2, 3) or min(shape) < 1 or np.prod(shape, dtype=float) > LARGEST:
            raise ValueError(f"shape must be that of a picture, (H, W) or (H, W, C), got {shape}")
        with seeded(np.random.default_rng(0)):
            network = self.network(np.zeros((1, *shape), np.uint8), n_classes)
        state = {name.removeprefix("network."): torch.from_numpy(np.array(a)) for name, a in arrays.items() if name.startswith("network.")}
        network.load_state_dict(state)
        return (DropoutNetworkModel if self.dropout else NetworkModel)(network.to(device()), arrays["classes"], n_classes, shape)

    def describe(self, model: Model) -> dict[str, Any]:
        """What pictures it takes."""
        module: Any = getattr(model, "module", None)
        if module is None:
            return {}
        mean, std = (buffer.flatten().tolist() for buffer in (module.mean, module.std))
        return {"pictures": {"shape": list(model.shape), "mean": mean, "std": std, "resized_to": module.size}}  # type: ignore[attr-defined]


def moments(images: NDArray[np.uint8]) -> tuple[list[float], list[float]]:
    """(mean, standard deviation) of each channel, in [0, 1]; a channel without any spread counts as 1."""
    channels = 1 if images.ndim == 3 else images.shape[3]
    counts = np.zeros((channels, 256))  # of every shade: exact, quick, and no copy of all pictures in float64
    for part in np.array_split(images, -(-images.size // AT_ONCE)):
        for c in range(channels):
            counts[c] += np.bincount(part.reshape(-1, channels)[:, c], minlength=256)
    share, shades = counts / counts[:1].sum(), np.arange(256) / 255
    mean = share @ shades
    std = np.sqrt((share * (shades - mean[:, None]) ** 2).sum(axis=1))
    return mean.tolist(), np.where(std > 0, std, 1.0).tolist()
