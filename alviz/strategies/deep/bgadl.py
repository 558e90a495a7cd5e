"""VAE-ACGAN: an encoder, a generator told the class, and a critic that names it, trained together on labelled samples."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alviz.learners.deep.device import device, seeded
from alviz.progress import Progress
from alviz.strategies.deep.form import Form
from alviz.strategies.deep.generator import BATCH, LATENT, Generator, Reader, optimizer, step
from alviz.strategies.discriminative import endless

LR = 1e-3
STEPS = 200
"""Mini-batches that the three are trained on, at most."""

NOISE = 0.05
"""Variance of a number of a sample (in 0 … 1 for pictures) that the generator leaves unexplained."""

ADVERSARIAL = 10.0
"""Weight of the critic's opinion beside reconstruction and prior, which are sums over a sample's numbers."""


def around(x: NDArray[Any], y: NDArray[np.int64], copies: int, epochs: int, rng: np.random.Generator, progress: Progress) -> NDArray[Any]:
    """(copies · n, …) generated samples like x (n, …): row c · n + i lies around x[i] and has the class y[i]."""
    form = Form(x, device())
    classes, columns = np.unique(y, return_inverse=True)
    with seeded(rng):
        encoder = Reader(form.shape, 2 * LATENT).to(form.where)
        generator = Generator(form.shape, len(classes)).to(form.where)
        critic = Reader(form.shape, 1 + len(classes)).to(form.where)
        every = nn.functional.one_hot(torch.from_numpy(columns.astype(np.int64)).to(form.where), len(classes)).float()
        _train(form, x, every, encoder, generator, critic, epochs, rng, progress)
        generator.eval()
        parts = []
        with torch.inference_mode():
            for _ in range(copies):
                for a in range(0, len(x), BATCH):
                    progress(1.0)
                    z, _ = _drawn(encoder(form.inward(x[a : a + BATCH])))
                    parts.append(form.stored(generator(torch.cat([z, every[a : a + BATCH]], dim=1))))
    return np.concatenate(parts)


def _train(
    form: Form,
    x: NDArray[Any],
    every: Tensor,
    encoder: Reader,
    generator: Generator,
    critic: Reader,
    epochs: int,
    rng: np.random.Generator,
    progress: Progress,
) -> None:
    both = optimizer(nn.ModuleList([encoder, generator]), LR)
    judges = optimizer(critic, LR)
    say, name = nn.functional.binary_cross_entropy_with_logits, nn.functional.cross_entropy
    yes, no = torch.ones(BATCH, device=form.where), torch.zeros(BATCH, device=form.where)
    source = endless(len(x), BATCH, rng)
    steps = min(STEPS, epochs * -(-len(x) // BATCH))
    for at in range(steps):
        progress(at / steps)
        rows = np.sort(next(source))
        real, label = form.inward(x[rows]), every[torch.from_numpy(rows).to(form.where)]
        z, divergence = _drawn(encoder(real))
        fake = generator(torch.cat([z, label], dim=1))
        verdict = critic(torch.cat([real, fake.detach()]))
        truth = torch.cat([0.9 * yes, no])  # one-sided smoothing
        step(judges, say(verdict[:, 0], truth) + name(verdict[:BATCH, 1:], label))
        verdict = critic(fake)
        error = (fake - real).square().flatten(1).sum(dim=1) / (2 * NOISE)
        step(both, (error + divergence).mean() + ADVERSARIAL * (say(verdict[:, 0], yes) + name(verdict[:, 1:], label)))


def _drawn(said: Tensor) -> tuple[Tensor, Tensor]:
    """(n, LATENT) points drawn from the encoder's normal distributions, and (n,) their divergence from the prior."""
    mean, log_variance = said.chunk(2, dim=1)
    log_variance = log_variance.clamp(-10, 10)
    divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
    return mean + (log_variance / 2).exp() * torch.randn_like(mean), divergence
