"""Generative adversarial active learning: a generator trained on the pool, and its samples moved to where a classifier hesitates."""

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
STEPS = 600
"""Mini-batches that the generator and its critic are trained on, at most."""

RATE = 0.1
"""Learning rate of the search for the boundary."""

TOGETHER = 256
"""Samples moved to the boundary at once."""


def trained(inputs: NDArray[Any], epochs: int, rng: np.random.Generator, progress: Progress) -> tuple[Form, Generator]:
    """A generator of samples like `inputs` (Goodfellow et al. 2014, non-saturating loss), in evaluation mode."""
    form = Form(inputs, device())
    say = nn.functional.binary_cross_entropy_with_logits
    with seeded(rng):
        generator, critic = Generator(form.shape).to(form.where), Reader(form.shape, 1).to(form.where)
        mine, theirs = optimizer(generator, LR), optimizer(critic, LR)
        source = endless(len(inputs), BATCH, rng)
        steps = min(STEPS, epochs * -(-len(inputs) // BATCH))
        for at in range(steps):
            progress(at / steps)
            real = form.inward(inputs[np.sort(next(source))])
            fake = generator(torch.randn(len(real), LATENT, device=form.where))
            believed = critic(torch.cat([real, fake.detach()]))
            truth = torch.cat([torch.full((len(real), 1), 0.9), torch.zeros(len(real), 1)]).to(form.where)  # one-sided smoothing
            step(theirs, say(believed, truth))
            step(mine, say(critic(fake), torch.ones(len(fake), 1, device=form.where)))
    return form, generator.eval().requires_grad_(False)


def at_boundary(
    form: Form,
    generator: Generator,
    module: Any,
    classes: NDArray[np.int64],
    n: int,
    steps: int,
    rng: np.random.Generator,
    progress: Progress,
) -> Tensor:
    """n generated samples (n, *form.shape) at which the two largest logits of `module` among `classes` are nearly the same.

    Each begins at a latent point of its own, drawn from rng, and goes down the squared gap between the two logits; the best point on the way
    counts.
    """
    start = torch.from_numpy(rng.standard_normal((n, LATENT)).astype(np.float32)).to(form.where)
    among = torch.from_numpy(classes).to(form.where)
    kind = next(iter(module.parameters())).dtype
    best = start.clone()
    for a in range(0, n, TOGETHER):
        z = start[a : a + TOGETHER].clone().requires_grad_()
        least = torch.full((len(z),), torch.inf, device=form.where)
        search = torch.optim.Adam([z], lr=RATE)
        for at in range(steps + 1):
            progress((a + len(z) * at / (steps + 1)) / n)
            two = module(form.outward(generator(z)).to(kind))[:, among].topk(2, dim=1).values
            gap = two[:, 0] - two[:, 1]
            closer = gap.detach() < least
            least = torch.where(closer, gap.detach(), least)
            best[a : a + TOGETHER][closer] = z.detach()[closer]
            search.zero_grad(set_to_none=True)
            gap.square().sum().backward()
            search.step()
    with torch.inference_mode():
        return torch.cat([generator(best[a : a + TOGETHER]) for a in range(0, n, TOGETHER)])
