"""A variational autoencoder and a discriminator in its latent space, trained against each other (VAAL)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alviz.learners.deep.device import device, seeded
from alviz.learners.deep.training import pictures, unit
from alviz.learners.network import moments
from alviz.learners.scale import Scale
from alviz.progress import Progress
from alviz.strategies.discriminative import endless

SIDE = 32
"""Pixels that the sides of pictures are brought to, at most; they are multiples of 4."""

WIDTH = 128
"""Hidden units of a layer."""

NOISE = 0.1
"""Variance that the decoder leaves unexplained, in units of the variance of the inputs."""

LOOKED_AT = 4096
"""Samples that the scale of the inputs is taken from, at most."""

ROWS = 256
"""Inputs that the networks see at once outside training."""


@dataclass(frozen=True)
class Settings:
    """epochs: passes over the unlabelled inputs, steps: mini-batches, whichever ends first (None: no limit). beta: weight of the divergence from the prior."""

    epochs: int
    steps: int | None
    latent: int
    beta: float
    lr: float
    batch_size: int


class Vae(nn.Module):
    """Inputs -> mean and log-variance (n, latent) each, and back."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(mean, log-variance) of the latent code."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance

    def loss(self, x: Tensor, mean: Tensor, log_variance: Tensor, beta: float) -> Tensor:
        """Mean of −log p(x | z) + beta KL(q(z | x) ‖ N(0, 1)) over the inputs, up to a constant; one z drawn for each."""
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        error = (self.decoder(z) - x).square().flatten(1).sum(dim=1) / (2 * NOISE)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
        return (error + beta * divergence).mean()


def of_pictures(size: Sequence[int], latent: int) -> Vae:
    """Two strided convolutions, and one hidden layer back: convolutions that make pictures larger take three times as long on a processor.

    size: (C, H, W), H and W multiples of 4.
    """
    channels, height, width = size
    encoder = nn.Sequential(
        nn.Conv2d(channels, 16, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * (height // 4) * (width // 4), 2 * latent),
    )
    return Vae(encoder, nn.Sequential(*_hidden(latent, math.prod(size)), nn.Unflatten(1, tuple(size))))


def of_features(d: int, latent: int) -> Vae:
    """One hidden layer on either side."""
    return Vae(nn.Sequential(*_hidden(d, 2 * latent)), nn.Sequential(*_hidden(latent, d)))


def _hidden(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Linear(inputs, WIDTH), nn.ReLU(), nn.Linear(WIDTH, outputs)]


def unlabelled_logits(
    labelled: NDArray[Any], unlabelled: NDArray[Any], how: Settings, rng: np.random.Generator, progress: Progress
) -> NDArray[np.float64]:
    """(m,) logit of being unlabelled, for the `unlabelled` inputs (m, …), under a discriminator trained against those `labelled` (l, …).

    Inputs are uint8 pictures (…, H, W[, C]) or features (…, d), at least one on either side. Raises what `progress` raises.
    """
    where = device()
    mine, theirs, seen = _prepared(labelled, unlabelled, where)
    with seeded(rng):
        vae = of_pictures(theirs.shape[1:], how.latent) if theirs.ndim == 4 else of_features(theirs.shape[1], how.latent)
        discriminator = nn.Sequential(
            nn.Linear(how.latent, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1), nn.Flatten(0)
        )
        vae.to(where)
        discriminator.to(where)
        _train(vae, discriminator, mine, theirs, seen, how, rng, progress)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(theirs), ROWS):
            progress(1.0)
            parts.append(-discriminator(vae.encode(seen(theirs[start : start + ROWS]))[0]))
    logits: NDArray[np.float64] = torch.cat(parts).double().cpu().numpy()
    if not np.isfinite(logits).all():
        raise ValueError(f"training of the autoencoder diverged; lr = {how.lr:g} or beta = {how.beta:g} may be too large")
    return logits


def _train(
    vae: Vae,
    discriminator: nn.Module,
    mine: Tensor,
    theirs: Tensor,
    seen: Callable[[Tensor], Tensor],
    how: Settings,
    rng: np.random.Generator,
    progress: Progress,
) -> None:
    """The autoencoder makes codes that the discriminator takes for labelled ones, and the discriminator tells them apart, in turn."""
    ours = torch.optim.Adam(vae.parameters(), lr=how.lr)
    judges = torch.optim.Adam(discriminator.parameters(), lr=how.lr)
    size = min(how.batch_size, max(len(mine), len(theirs)))
    steps = how.epochs * -(-len(theirs) // size)
    steps = steps if how.steps is None else min(steps, how.steps)
    draws = endless(len(mine), size, rng), endless(len(theirs), size, rng)
    all_labelled = torch.ones(2 * size, device=theirs.device)
    truth = all_labelled.clone()
    truth[size:] = 0
    cross_entropy = nn.functional.binary_cross_entropy_with_logits
    for step in range(steps):
        progress(step / steps)
        rows = [torch.from_numpy(next(draw)).to(theirs.device) for draw in draws]
        x = seen(torch.cat([mine[rows[0]], theirs[rows[1]]]))
        mean, log_variance = vae.encode(x)
        # Both means are over 2 · size samples, where the paper adds one mean for either side.
        loss = 2 * vae.loss(x, mean, log_variance, how.beta) + 2 * cross_entropy(discriminator(mean), all_labelled)
        ours.zero_grad(set_to_none=True)
        loss.backward()
        ours.step()
        loss = 2 * cross_entropy(discriminator(mean.detach()), truth)
        judges.zero_grad(set_to_none=True)
        loss.backward()
        judges.step()


def _prepared(labelled: NDArray[Any], unlabelled: NDArray[Any], where: torch.device) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """Both sides as tensors on the device, and what turns some of their rows into the numbers that the autoencoder sees, of variance 1."""
    some = np.concatenate([x[:: -(-len(x) // LOOKED_AT)] for x in (labelled, unlabelled)])
    if unlabelled.dtype != np.uint8:
        scale = Scale(some, "feature")
        mine, theirs = (torch.from_numpy(scale(x)).to(where) for x in (labelled, unlabelled))
        return mine, theirs, lambda batch: batch
    mean, std = (torch.tensor(each, device=where).reshape(1, -1, 1, 1) for each in moments(some))
    mine, theirs = (_shrunk(x, where) for x in (labelled, unlabelled))
    return mine, theirs, lambda batch: (unit(batch) - mean) / std


def _shrunk(images: NDArray[np.uint8], where: torch.device) -> Tensor:
    """uint8 (n, C, h, w) with sides that are multiples of 4, at most SIDE."""
    size = tuple(min(SIDE, 4 * -(-side // 4)) for side in images.shape[1:3])
    parts = []
    for start in range(0, len(images), ROWS):
        part = pictures(images[start : start + ROWS], where)
        if part.shape[2:] != size:
            part = nn.functional.interpolate(part.float(), size=size, mode="bilinear", antialias=True).round().to(torch.uint8)
        parts.append(part)
    return torch.cat(parts)
