"""Training of a network on pictures that live where the network does."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alviz.learners.deep.device import fast_bfloat16
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


def pictures(images: NDArray[np.uint8], where: torch.device) -> Tensor:
    """(n, C, H, W) uint8 on the device, from (n, H, W) or (n, H, W, C)."""
    tensor = torch.from_numpy(np.array(images)).to(where)
    return tensor[:, None] if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2)


def unit(batch: Tensor) -> Tensor:
    """uint8 -> float32 in [0, 1]."""
    return batch.float() / 255


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
) -> None:
    """Train `network` in place. images: uint8 (n, C, H, W) and y (n,) where the network lives. seen: (c,) classes that have labels; the others take no part in the softmax.

    Raises whatever `progress` raises, between two mini-batches.
    """
    optimizer = _optimizer(network, recipe)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=recipe.patience)
    absent = torch.ones(network.head.out_features, dtype=torch.bool, device=y.device)
    absent[seen] = False
    parts = -(-len(y) // recipe.batch_size)
    best, waited = np.inf, 0
    half = network.heavy and fast_bfloat16(y.device)
    network.train()
    for epoch in range(recipe.epochs):
        order = torch.from_numpy(rng.permutation(len(y))).to(y.device)
        total = torch.zeros((), device=y.device)
        for step, rows in enumerate(torch.tensor_split(order, parts)):  # even parts: none is left with a single sample
            progress((epoch + step / parts) / recipe.epochs)
            batch = augmented(unit(images[rows]), recipe.augment, rng)
            with torch.autocast(y.device.type, torch.bfloat16, enabled=half):
                logits = network(batch.contiguous(memory_format=torch.channels_last) if half else batch)
            loss = nn.functional.cross_entropy(logits.float().masked_fill(absent, -torch.inf), y[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
        mean = float(total) / len(y)
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
    if how == "none":
        return batch
    n, _, height, width = batch.shape
    dy, dx = (
        torch.from_numpy(rng.integers(-(m := max(1, round(SHIFT * side))), m + 1, size=n)).to(batch.device) for side in (height, width)
    )
    rows = torch.arange(height, device=batch.device) + dy[:, None]
    columns = torch.arange(width, device=batch.device) + dx[:, None]
    if how == "shift+flip":
        flip = torch.from_numpy(rng.random(n) < 0.5).to(batch.device)
        columns = torch.where(flip[:, None], width - 1 - columns, columns)
    inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[:, None, None, :]
    every = torch.arange(n, device=batch.device)[:, None, None]
    moved = batch.permute(0, 2, 3, 1)[every, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]]
    return moved.permute(0, 3, 1, 2) * inside


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    settings: dict[str, Any] = {"lr": recipe.lr, "weight_decay": recipe.weight_decay, "fused": True}
    if recipe.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), **settings)
    return torch.optim.SGD(network.parameters(), momentum=recipe.momentum, nesterov=recipe.momentum > 0, **settings)
