"""The pool's pictures where the network lives, as squares of one size."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alviz.learners.deep.training import pictures
from alviz.progress import Progress

PART = 1024
"""Pictures that are scaled, or scored, between two looks at whether the user wants to stop."""


def squares(images: NDArray[np.uint8], size: int, where: torch.device, progress: Progress) -> Tensor:
    """uint8 (n, C, side, side) on the device, from (n, H, W) or (n, H, W, C); side = min(size, max(H, W)), scaled where that differs."""
    height, width = images.shape[1:3]
    side = min(size, max(height, width))
    if height == width == side:
        return pictures(images, where)
    parts = []
    for start in range(0, len(images), PART):
        progress(start / len(images))
        part = pictures(images[start : start + PART], where).float()
        scaled = torch.nn.functional.interpolate(part, size=(side, side), mode="bilinear", antialias=True)
        parts.append(scaled.round().clamp(0, 255).to(torch.uint8))
    return torch.cat(parts)


def within(progress: Progress, low: float, high: float) -> Progress:
    """The progress of a part that takes the whole from `low` to `high`."""
    return lambda share: progress(low + share * (high - low))
