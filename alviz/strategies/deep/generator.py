"""Generators and the networks that judge samples, for little pictures (small DCGAN) and for features (perceptrons)."""

import torch
from torch import Tensor, nn

LATENT = 32
"""Numbers that a generator makes a sample from."""

BATCH = 64
HIDDEN = 128


class Generator(nn.Module):
    """Latent points (n, LATENT), with one-hot classes (n, K) beside them where K > 0, -> samples (n, *shape): see `Form`."""

    def __init__(self, shape: tuple[int, ...], n_classes: int = 0):
        super().__init__()
        width = LATENT + n_classes
        if len(shape) == 1:
            self.layers = nn.Sequential(
                nn.Linear(width, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, *shape)
            )
            return
        channels, side, _ = shape
        quarter = side // 4
        self.layers = nn.Sequential(
            nn.Linear(width, 64 * quarter**2, bias=False),
            nn.BatchNorm1d(64 * quarter**2),
            nn.ReLU(),
            nn.Unflatten(1, (64, quarter, quarter)),
            nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.ConvTranspose2d(32, channels, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Samples."""
        result: Tensor = self.layers(z)
        return result


class Reader(nn.Module):
    """Samples (n, *shape) -> (n, outputs) numbers about them: what a critic or an encoder says."""

    def __init__(self, shape: tuple[int, ...], outputs: int):
        super().__init__()
        if len(shape) == 1:
            trunk: list[nn.Module] = [nn.Linear(*shape, HIDDEN), nn.LeakyReLU(0.2)]
            flat = HIDDEN
        else:
            trunk = [
                nn.Conv2d(shape[0], 16, 4, stride=2, padding=1),
                nn.LeakyReLU(0.2),
                nn.Conv2d(16, 32, 4, stride=2, padding=1),
                nn.LeakyReLU(0.2),
                nn.Flatten(),
            ]
            flat = 32 * (shape[1] // 4) ** 2
        self.layers = nn.Sequential(*trunk, nn.Linear(flat, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(n, outputs)."""
        result: Tensor = self.layers(x)
        return result


def optimizer(network: nn.Module, lr: float) -> torch.optim.Optimizer:
    """Adam with the momentum that adversarial training bears (Radford, Metz and Chintala, DCGAN (2016))."""
    return torch.optim.Adam(network.parameters(), lr=lr, betas=(0.5, 0.999))


def step(which: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down the loss, for the weights of this optimizer."""
    which.zero_grad(set_to_none=True)
    loss.backward()
    which.step()
