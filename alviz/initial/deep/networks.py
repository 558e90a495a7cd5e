"""Small networks for square pictures of any size: an encoder, and a classifier or a decoder on top of it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

CHANNELS = (16, 32, 64)
"""Filters of the encoder's three layers."""

CELLS = 4
"""Rows and columns of its last map, whatever the size of the pictures."""


class Encoder(nn.Module):
    """Pictures (n, C, side, side) in [0, 1] -> (n, width): normalized, three layers of 3 × 3 filters that halve the side each. mean, std: (C,)."""

    mean: Tensor
    std: Tensor
    width = CHANNELS[-1] * CELLS**2

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.register_buffer("mean", torch.tensor(list(mean)).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(list(std)).reshape(1, -1, 1, 1))
        layers: list[nn.Module] = []
        for a, b in zip((len(mean), *CHANNELS), CHANNELS, strict=False):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(CELLS), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        """(n, width)."""
        result: Tensor = self.layers((x - self.mean) / self.std)
        return result


class Classifier(nn.Module):
    """Encoder, one hidden layer, linear head: pictures -> (n, K) logits."""

    hidden = 128

    def __init__(self, mean: Sequence[float], std: Sequence[float], n_classes: int):
        super().__init__()
        self.encoder = Encoder(mean, std)
        self.middle = nn.Linear(Encoder.width, self.hidden)
        self.head = nn.Linear(self.hidden, n_classes)

    def embed(self, x: Tensor) -> Tensor:
        """(n, hidden) what the head sees."""
        return nn.functional.relu(self.middle(self.encoder(x)))

    def forward(self, x: Tensor) -> Tensor:
        """(n, K) logits."""
        result: Tensor = self.head(self.embed(x))
        return result


class Decoder(nn.Module):
    """Codes (n, w) -> pictures (n, C, side, side) in (0, 1)."""

    def __init__(self, width: int, channels: int, side: int):
        super().__init__()
        self.side, self.sides = side, (-(-side // 4), -(-side // 2))
        self.start = nn.Linear(width, CHANNELS[2] * CELLS**2)
        self.middle = nn.Conv2d(CHANNELS[2], CHANNELS[1], 3, padding=1)
        self.last = nn.Conv2d(CHANNELS[1], 4 * channels, 3, padding=1)  # four pixels of the picture in each of its

    def forward(self, z: Tensor) -> Tensor:
        """(n, C, side, side)."""
        x = nn.functional.relu(self.start(z)).reshape(len(z), -1, CELLS, CELLS)
        x = nn.functional.relu(self.middle(nn.functional.interpolate(x, size=(self.sides[0],) * 2)))
        x = nn.functional.pixel_shuffle(self.last(nn.functional.interpolate(x, size=(self.sides[1],) * 2)), 2)
        return torch.sigmoid(x[..., : self.side, : self.side])
