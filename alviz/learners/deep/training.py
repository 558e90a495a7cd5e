"""Training of a network on pictures that live where the network does."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alviz.learners.deep.networks import Network
from alviz.progress import Progress

SHIFT = 0.125
"""Share of the side that a picture is shifted by, at most (4 pixels of 32)."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: cross-entropy on mini-batches in new order every epoch.

    optimizer: "adam", or "sgd" with Nesterov momentum. schedule: "constant", or "plateau": the learning rate falls to a tenth when the training loss
    has not become less for `patience` epochs. early_stop: stop when it has not become less for so many epochs; None: never. augment: "none", "shift" (padded with black) or "shift+flip".
    """

    epochs: int = 20
    batch_size: int = 64
    optimizer: str = "adam"
    lr: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    patience: int = 10
    early_stop: int | None = None
    augment: str = "none"


class Companion(Protocol):
    """Something that is trained along with a network."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """Its weights."""
        ...

    def loss(self, losses: Tensor, share: float) -> Tensor:
        """What it adds to the loss of a mini-batch. losses: (b,) the samples' cross-entropies, with gradients; share: of the epochs that are over."""
        ...


def pictures(images: NDArray[np.uint8], where: torch.device) -> Tensor:
    """(n, C, H, W) uint8 on the device, from (n, H, W) or (n, H, W, C)."""
    tensor = torch.from_numpy(np.array(images)).to(where)
    return tensor[:, None] if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2)


def unit(batch: Tensor) -> Tensor:
    """uint8 -> float32 in [0, 1]; features stay as they are."""
    return batch.float() / 255 if batch.dtype == torch.uint8 else batch


def tensor_of(inputs: NDArray[Any], where: torch.device) -> Tensor:
    """What a network's `forward` takes, from what its learner takes: pictures in [0, 1], or features as they are."""
    if inputs.dtype == np.uint8:
        return unit(pictures(inputs, where))
    return torch.from_numpy(np.array(inputs, dtype=np.float32)).to(where)


def train(
    network: Network,
    images: Tensor,
    y: Tensor,
    seen: Tensor,
    recipe: Recipe,
    rng: np.random.Generator,
    progress: Progress,
    companion: Companion | None = None,
) -> None:
    """Train `network` in place. images: uint8 (n, C, H, W), or float32 features (n, d), and y (n,) where the network lives. seen: (c,) classes that
    have labels; the others take no part in the softmax. companion: what is trained along.

    Raises whatever `progress` raises, between two mini-batches.
    """
    optimizer = _optimizer([*network.parameters(), *(companion.parameters() if companion else ())], recipe)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=recipe.patience)
    absent = torch.ones(network.head.out_features, dtype=torch.bool, device=y.device)
    absent[seen] = False
    some_absent = len(seen) < len(absent)
    n = len(y)
    parts = max(1, min(-(-n // recipe.batch_size), n // 2))  # even parts of two at least: batch normalization can do nothing with one
    best, waited = np.inf, 0
    network.train()
    with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        for epoch in range(recipe.epochs):
            order = torch.from_numpy(rng.permutation(n)).to(y.device)
            moves = _drawn(images.shape, recipe.augment, rng, y.device)  # for the whole epoch: nothing waits for a copy to the device in it
            total = torch.zeros((), device=y.device)
            for step, rows in enumerate(torch.tensor_split(order, parts)):
                progress((epoch + step / parts) / recipe.epochs)
                logits = network(_moved(unit(images[rows]), moves[:, rows]))
                if some_absent:
                    logits = logits.masked_fill(absent, -torch.inf)
                losses = nn.functional.cross_entropy(logits, y[rows], reduction="none")
                loss = losses.mean()
                if companion is not None:
                    loss = loss + companion.loss(losses, epoch / recipe.epochs)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                total += losses.detach().sum()
            mean = float(total) / n
            if not np.isfinite(mean):
                raise ValueError(f"training diverged in epoch {epoch + 1}: the loss is {mean}; lr = {recipe.lr:g} may be too large")
            if recipe.schedule == "plateau":
                schedule.step(mean)
            best, waited = (mean, 0) if mean < best * (1 - 1e-4) else (best, waited + 1)
            if recipe.early_stop is not None and waited >= recipe.early_stop:
                break
    network.eval()


def augmented(batch: Tensor, how: str, rng: np.random.Generator) -> Tensor:
    """The pictures (n, C, H, W), each shifted and flipped on its own (torchvision's transforms treat all of a batch alike)."""
    return _moved(batch, _drawn(batch.shape, how, rng, batch.device))


def _drawn(shape: Sequence[int], how: str, rng: np.random.Generator, where: torch.device) -> Tensor:
    """(m, n) what happens to each of n pictures: rows and columns that it moves up and left by, and 1 where it is flipped before. (0, n) for "none"."""
    if how == "none":
        return torch.empty((0, shape[0]), dtype=torch.int64, device=where)
    drawn = [rng.integers(-(m := max(1, round(SHIFT * side))), m + 1, size=shape[0]) for side in shape[2:]]
    drawn.append(rng.integers(2, size=shape[0]) if how == "shift+flip" else np.zeros(shape[0], np.int64))
    return torch.from_numpy(np.stack(drawn)).to(where)


def _moved(batch: Tensor, moves: Tensor) -> Tensor:
    """The pictures (n, C, H, W), moved as drawn; what comes in from outside is black."""
    if not len(moves):
        return batch
    n, _, height, width = batch.shape
    dy, dx, flip = moves[:, :, None]
    rows = torch.arange(height, device=batch.device) + dy
    columns = torch.arange(width, device=batch.device) + dx
    inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[:, None, None, :]
    columns = torch.where(flip > 0, width - 1 - columns, columns).clamp(0, width - 1)
    every = torch.arange(n, device=batch.device)[:, None, None]
    moved = batch.permute(0, 2, 3, 1)[every, rows.clamp(0, height - 1)[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2) * inside


def _optimizer(parameters: Iterable[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    settings: dict[str, Any] = {"lr": recipe.lr, "weight_decay": recipe.weight_decay, "fused": True}
    if recipe.optimizer == "adam":
        return torch.optim.Adam(parameters, **settings)
    return torch.optim.SGD(parameters, momentum=recipe.momentum, nesterov=recipe.momentum > 0, **settings)
