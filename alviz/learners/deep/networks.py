"""The networks themselves: pictures in, logits out, with an embedding and a linear head that can be used apart."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from alviz.learners.deep.device import fast_bfloat16
from alviz.learners.deep.pooled import PooledConv

TINY = 16
"""Side of pictures, in pixels, up to which bfloat16 is not used: a stage may then begin with maps of one pixel, and there oneDNN leaves part of the gradient of a strided filter in bfloat16 unset (whatever was in memory), so that training would not repeat."""


class Network(nn.Module):
    """Pictures (n, C, H, W) in [0, 1] -> logits (n, K): normalized, trunk, hidden layers, linear head.

    trunk: (n, C, H, W) -> (n, w₀). hidden: widths w₁ … of fully connected ReLU layers after it. Dropout, where there is any, stands before
    the head and between hidden layers (before the head alone without hidden layers). mean, std: (C,) of the pictures. size: side that
    pictures are resized to first, or None. heavy: whether its products are large enough for bfloat16 and channels-last to pay; the trunk then
    computes in bfloat16 wherever that is quick, in training and afterwards alike.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        trunk: nn.Module,
        width: int,
        hidden: Sequence[int],
        n_classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        dropout: float = 0.0,
        size: int | None = None,
        heavy: bool = False,
    ):
        super().__init__()
        self.heavy = heavy
        self.trunk = trunk
        widths = [width, *hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, hidden, strict=False))
        self.head = nn.Linear(widths[-1], n_classes)
        self.dropout = dropout
        self.size = size
        self.register_buffer("mean", torch.tensor(list(mean)).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(list(std)).reshape(1, -1, 1, 1))

    @property
    def thinned(self) -> list[int]:
        """Widths of the layers whose outputs dropout thins, in order; [] without dropout."""
        if not self.dropout:
            return []
        return [layer.out_features for layer in self.hidden] or [self.head.in_features]  # type: ignore[misc]

    def base(self, x: Tensor) -> Tensor:
        """(n, w₀) outputs of the trunk, in float32."""
        if self.size is not None and x.shape[-2:] != (self.size, self.size):
            x = nn.functional.interpolate(x, size=(self.size, self.size), mode="bilinear", antialias=True)
        x = (x - self.mean) / self.std
        half = self.heavy and min(x.shape[-2:]) > TINY and fast_bfloat16(x.device)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            result: Tensor = self.trunk(x.contiguous(memory_format=torch.channels_last) if half else x)
        return result.float()

    def tail(self, z: Tensor, masks: Sequence[Tensor] | None = None) -> Tensor:
        """(n, w) embedding from the trunk's outputs. masks: what to multiply each thinned layer with, else dropout in training only."""
        if not self.hidden:
            return self._thin(z, 0, masks)
        for i, layer in enumerate(self.hidden):
            z = self._thin(nn.functional.relu(layer(z)), i, masks)
        return z

    def embed(self, x: Tensor) -> Tensor:
        """(n, w) what the head sees."""
        return self.tail(self.base(x))

    def forward(self, x: Tensor) -> Tensor:
        """(n, K) logits."""
        result: Tensor = self.head(self.embed(x))
        return result

    def _thin(self, z: Tensor, i: int, masks: Sequence[Tensor] | None) -> Tensor:
        if masks is not None:
            return z * masks[i]
        return nn.functional.dropout(z, self.dropout, self.training) if self.dropout else z


def lenet(shape: tuple[int, int, int], n_classes: int, mean: Sequence[float], std: Sequence[float], dropout: float) -> Network:
    """LeNet-5 (LeCun et al. 1998) with ReLU and max pooling for pictures of `shape` (C, H, W), at least 12 × 12."""
    channels, height, width = shape
    trunk = nn.Sequential(PooledConv(channels, 6, padding=2), PooledConv(6, 16), nn.Flatten())
    flat = 16 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)
    return Network(trunk, flat, (120, 84), n_classes, mean, std, dropout=dropout)


def resnet18(
    channels: int, n_classes: int, mean: Sequence[float], std: Sequence[float], *, stem: str, dropout: float, size: int | None
) -> Network:
    """ResNet-18 (He et al. 2016). stem: "7x7" (stride 2, then max pooling) as for ImageNet, or "3x3" (stride 1, no pooling) for small pictures."""
    from torchvision.models import resnet18 as full

    trunk: Any = full(weights=None)
    if stem == "3x3":
        trunk.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        trunk.maxpool = nn.Identity()
    elif channels != 3:
        trunk.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    trunk.fc = nn.Identity()
    return Network(trunk, 512, (), n_classes, mean, std, dropout=dropout, size=size, heavy=True)
