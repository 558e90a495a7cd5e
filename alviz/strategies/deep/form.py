"""Samples as small networks take them: little square pictures, or standardized features."""

from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alviz.learners.deep.training import tensor_of

SMALLEST, LARGEST = 8, 32
"""Sides of the pictures that the networks work on, in pixels; others are resized, and back afterwards."""


class Form:
    """What samples like `inputs` look like to the networks, and how to get there and back.

    inputs: uint8 pictures (n, H, W[, C]), which become (n, C, side, side) in [0, 1] with side a multiple of 4, or float features (n, d),
    which become (n, d) with mean 0 and standard deviation 1. shape: that of one sample there.
    """

    def __init__(self, inputs: NDArray[Any], where: torch.device):
        self.where = where
        self.pictures = inputs.dtype == np.uint8
        self.size = inputs.shape[1:3]
        self.grey = inputs.ndim == 3
        if self.pictures:
            side = min(LARGEST, max(SMALLEST, 4 * ceil(max(self.size) / 4)))
            self.shape: tuple[int, ...] = (1 if self.grey else inputs.shape[3], side, side)
        else:
            self.shape = (inputs.shape[1],)
            mean, std = inputs.mean(axis=0, dtype=np.float64), inputs.std(axis=0, dtype=np.float64)
            self.mean = torch.from_numpy(mean.astype(np.float32)).to(where)
            self.std = torch.from_numpy(np.where(std > 0, std, 1.0).astype(np.float32)).to(where)

    def inward(self, inputs: NDArray[Any]) -> Tensor:
        """Samples as the networks take them."""
        x = tensor_of(inputs, self.where)
        return _resized(x, self.shape[1:]) if self.pictures else (x - self.mean) / self.std

    def outward(self, x: Tensor) -> Tensor:
        """Samples of the networks as `tensor_of` gives real ones to a classifier."""
        return _resized(x, self.size) if self.pictures else x * self.std + self.mean

    def stored(self, x: Tensor) -> NDArray[Any]:
        """Samples of the networks as arrays like `inputs`."""
        out = self.outward(x)
        if not self.pictures:
            return out.cpu().numpy()
        pixels = (out.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
        return np.ascontiguousarray(pixels[:, 0] if self.grey else pixels.transpose(0, 2, 3, 1))


def _resized(x: Tensor, size: tuple[int, ...]) -> Tensor:
    return x if tuple(x.shape[-2:]) == tuple(size) else nn.functional.interpolate(x, size=tuple(size), mode="bilinear", antialias=True)
