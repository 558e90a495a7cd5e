"""The shallow learners as torch modules, for the strategies that ask for gradients in the inputs."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alviz.learners.base import Array
from alviz.learners.deep.device import device
from alviz.learners.scale import LIMIT, Scale


class Scaled(nn.Module):
    """Features (n, d) -> what the learner sees of them (n, d), as `Scale` has it."""

    mean: Tensor

    def __init__(self, scale: Scale):
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(np.array(scale.mean)))
        self.factor = float(scale.factor)

    def forward(self, x: Tensor) -> Tensor:
        """Centred and divided by one number."""
        return ((x - self.mean) * self.factor).clamp(-LIMIT, LIMIT)


def layers(scale: Scale, weights: list[tuple[Array, Array]], classes: NDArray[np.int64], n_classes: int) -> nn.Sequential:
    """Scaled features -> linear layers with ReLU between them -> logits (n, K), where the device is, in evaluation mode and without gradients.

    weights: for each layer (inputs, outputs) and (outputs,); the last has one output for each of `classes`. The other columns hold 0.
    """
    last, bias = weights[-1]
    wide, wide_bias = np.zeros((len(last), n_classes), np.float32), np.zeros(n_classes, np.float32)
    wide[:, classes], wide_bias[classes] = last, bias
    parts: list[nn.Module] = [Scaled(scale)]
    for w, b in [*weights[:-1], (wide, wide_bias)]:
        layer = nn.utils.skip_init(nn.Linear, *w.shape)  # nothing is drawn from torch's global generator
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.array(w.T)))
            layer.bias.copy_(torch.from_numpy(np.array(b)))
        parts += [layer, nn.ReLU()]
    return nn.Sequential(*parts[:-1]).to(device()).eval().requires_grad_(False)
