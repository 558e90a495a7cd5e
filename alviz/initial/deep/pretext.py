"""Self-supervised tasks: a network trained on all pictures of the pool, and what each picture costs it afterwards."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alviz.initial.deep.networks import Classifier, Decoder, Encoder
from alviz.initial.deep.pictures import PART, squares, within
from alviz.learners.deep.device import device, seeded
from alviz.learners.deep.training import unit
from alviz.learners.network import moments
from alviz.progress import Progress

BATCH = 64
"""Pictures in a mini-batch."""

STEPS = 300
"""Mini-batches of a training whose number of epochs is left open, at least."""

LR = 1e-3
"""Adam's learning rate."""

CODES = 32
"""Latent dimensions of the variational autoencoder."""

LEAST_LOG_VARIANCE = -6.0
"""Of its pixels: an error of 5 % of the range; without a bound a pool that is reconstructed perfectly would have no end of training."""


class Rotation(nn.Module):
    """Which of 0°, 90°, 180° and 270° is the picture turned by? Loss: mean cross-entropy over the four."""

    def __init__(self, mean: list[float], std: list[float], side: int):
        super().__init__()
        self.network = Classifier(mean, std, 4)

    def loss(self, x: Tensor) -> Tensor:
        """(n,)."""
        turned = torch.cat([torch.rot90(x, k, (2, 3)) for k in range(4)])
        answers = torch.arange(4, device=x.device).repeat_interleave(len(x))
        losses = nn.functional.cross_entropy(self.network(turned), answers, reduction="none")
        return losses.reshape(4, -1).mean(dim=0)

    score = loss


class Inpainting(nn.Module):
    """What stood in a square of half the side that is painted over with the mean? Loss: mean squared error inside it.

    In training the square stands anywhere; for the score each corner is painted over in turn, so that every pixel is asked for.
    """

    def __init__(self, mean: list[float], std: list[float], side: int):
        super().__init__()
        self.encoder = Encoder(mean, std)
        self.decoder = Decoder(Encoder.width, len(mean), side)
        self.side, self.window = side, -(-side // 2)

    def loss(self, x: Tensor) -> Tensor:
        """(n,) squares at random."""
        top, left = torch.randint(self.side - self.window + 1, (2, len(x)), device=x.device)
        return self._filled(x, top, left)

    def score(self, x: Tensor) -> Tensor:
        """(n,) mean over the four corners."""
        far = self.side - self.window
        corners = [(top, left) for top in (0, far) for left in (0, far)]
        everywhere = torch.ones(len(x), dtype=torch.int64, device=x.device)
        return torch.stack([self._filled(x, top * everywhere, left * everywhere) for top, left in corners]).mean(dim=0)

    def _filled(self, x: Tensor, top: Tensor, left: Tensor) -> Tensor:
        place = torch.arange(self.side, device=x.device)
        rows, columns = ((place >= first[:, None]) & (place < first[:, None] + self.window) for first in (top, left))
        hidden = (rows[:, :, None] & columns[:, None, :])[:, None]
        answer = self.decoder(self.encoder(torch.where(hidden, self.encoder.mean, x)))
        return ((answer - x) ** 2 * hidden).sum(dim=(1, 2, 3)) / (x.shape[1] * self.window**2)


class Autoencoder(nn.Module):
    """The variational autoencoder. Loss: −ELBO, with normally distributed pixels of one variance, learned along."""

    def __init__(self, mean: list[float], std: list[float], side: int):
        super().__init__()
        self.encoder = Encoder(mean, std)
        self.code = nn.Linear(Encoder.width, 2 * CODES)
        self.decoder = Decoder(CODES, len(mean), side)
        self.log_variance = nn.Parameter(torch.tensor(-2.0))

    def loss(self, x: Tensor) -> Tensor:
        """(n,) with one drawn code each."""
        mean, log_variance = self.code(self.encoder(x)).chunk(2, dim=1)
        return self._bound(x, mean, log_variance, mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance))

    def score(self, x: Tensor) -> Tensor:
        """(n,) with the mean code."""
        mean, log_variance = self.code(self.encoder(x)).chunk(2, dim=1)
        return self._bound(x, mean, log_variance, mean)

    def _bound(self, x: Tensor, mean: Tensor, log_variance: Tensor, code: Tensor) -> Tensor:
        of_pixels = self.log_variance.clamp(min=LEAST_LOG_VARIANCE)
        error = ((self.decoder(code) - x) ** 2 / torch.exp(of_pixels) + of_pixels).sum(dim=(1, 2, 3)) / 2
        divergence = (mean**2 + torch.exp(log_variance) - 1 - log_variance).sum(dim=1) / 2
        return error + divergence


TASKS: dict[str, type[Rotation] | type[Inpainting] | type[Autoencoder]] = {
    "rotation": Rotation,
    "inpainting": Inpainting,
    "vae": Autoencoder,
}


def losses(task: str, images: NDArray[np.uint8], epochs: int | None, size: int, seed: int, progress: Progress) -> NDArray[np.float64]:
    """(n,) the loss of every picture after training on all of them. Raises ValueError when training diverges."""
    rng = np.random.default_rng(seed)
    mean, std = moments(images)
    with seeded(rng):
        x = squares(images, size, device(), within(progress, 0, 0.05))
        network = TASKS[task](mean, std, x.shape[-1]).to(x.device)
        train(network, x, epochs, rng, within(progress, 0.05, 0.95))
    network.requires_grad_(False)
    parts = []
    for start in range(0, len(x), PART):
        progress(0.95 + 0.05 * start / len(x))
        parts.append(network.score(unit(x[start : start + PART])).double().cpu().numpy())
    found = np.concatenate(parts)
    if not np.isfinite(found).all():
        raise ValueError(f"the training of the {task} task diverged: a loss is not finite")
    return found


def train(
    network: Rotation | Inpainting | Autoencoder, x: Tensor, epochs: int | None, rng: np.random.Generator, progress: Progress
) -> None:
    """Train `network` in place on the pictures x, uint8 (n, C, side, side). Raises what `progress` raises, between two mini-batches."""
    optimizer = torch.optim.Adam(network.parameters(), lr=LR, fused=True)
    parts = -(-len(x) // BATCH)
    rounds = max(2, -(-STEPS // parts)) if epochs is None else epochs
    for epoch in range(rounds):
        order = torch.from_numpy(rng.permutation(len(x))).to(x.device)
        for step, rows in enumerate(torch.tensor_split(order, parts)):
            progress((epoch + step / parts) / rounds)
            loss = network.loss(unit(x[rows])).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
