"""The perceptron with one hidden layer, trained in torch where something is trained along with it, and a numpy model again afterwards."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alviz.learners.base import Array
from alviz.learners.deep.device import device, seeded
from alviz.learners.deep.training import Companion, Recipe, tensor_of, train
from alviz.learners.mlp import DropoutModel, MLPModel
from alviz.learners.perceptron import Perceptrons, Training
from alviz.learners.scale import Scale
from alviz.progress import Progress


class Perceptron(nn.Module):
    """Scaled features (n, d) -> logits (n, c): one hidden ReLU layer, with dropout in training."""

    heavy = False

    def __init__(self, n_inputs: int, hidden: int, n_outputs: int, dropout: float):
        super().__init__()
        self.hidden = nn.Linear(n_inputs, hidden)
        self.head = nn.Linear(hidden, n_outputs)
        self.dropout = dropout

    def embed(self, x: Tensor) -> Tensor:
        """(n, h) what the head sees."""
        return nn.functional.dropout(self.hidden(x).relu(), self.dropout, self.training)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c)."""
        result: Tensor = self.head(self.embed(x))
        return result


class Watching(Companion, Protocol):
    """A companion that looks at what the network's layers give."""

    def watching(self) -> AbstractContextManager[None]:
        """Inside, it looks."""
        ...


Along = TypeVar("Along", bound=Watching)


def trained(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    n_classes: int,
    how: Training,
    along: Callable[[Perceptron, Scale, torch.device], Along],
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[MLPModel, Along]:
    """The model of a new perceptron and what was trained along with it, made by `along` from the network, the scale of what it sees and where it lives.

    x: features (n, d). y: labels of two classes at least.
    """
    classes, columns = np.unique(y, return_inverse=True)
    where, scale = device(), Scale(x, "feature")
    recipe = Recipe(how.epochs, how.batch_size, how.optimizer, how.lr, weight_decay=how.weight_decay)
    inputs, labels = tensor_of(scale(x), where), torch.from_numpy(columns.astype(np.int64)).to(where)
    with seeded(rng):
        network = Perceptron(x.shape[1], how.hidden, len(classes), how.dropout).to(where)
        companion = along(network, scale, where)
        with companion.watching():
            train(network, inputs, labels, torch.arange(len(classes), device=where), recipe, rng, progress, companion)  # type: ignore[arg-type]
    nets = Perceptrons(np.empty((1, sum(p.numel() for p in network.parameters())), np.float32), x.shape[1], how.hidden, len(classes))
    for mine, theirs in zip((nets.w1, nets.b1, nets.w2, nets.b2), network.parameters(), strict=True):
        mine[0] = theirs.detach().cpu().numpy().T
    model = DropoutModel(scale, nets, classes, n_classes, how.dropout) if how.dropout else MLPModel(scale, nets, classes, n_classes)
    return model, companion


def of_hidden(model: MLPModel, compute: Callable[[Tensor], Tensor], where: torch.device) -> Callable[[NDArray[np.float32]], Array]:
    """A function of features (n, d): `compute` on the hidden layer, which is the model's embedding."""
    from alviz.learners.blocks import by_blocks

    def block(rows: NDArray[np.float32]) -> Array:
        with torch.inference_mode():
            return compute(torch.from_numpy(model.nets.hidden(model.scale(rows))[0]).to(where)).cpu().numpy()

    return lambda x: by_blocks(block, x)
