"""The Wasserstein distance between labelled and unlabelled samples in a network's embedding, estimated by a critic and made smaller in training (WAAL)."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from alviz.learners.deep.device import fast_bfloat16
from alviz.learners.deep.training import unit
from alviz.strategies.discriminative import endless

HIDDEN = 64
LR = 3e-3
PENALTY = 10.0
"""Weight of (‖gradient‖ − 1)² in the critic's loss (Gulrajani et al. 2017)."""


class Critic(nn.Module):
    """Embeddings (n, w) -> (n,): high where unlabelled samples are and labelled ones are not, with a slope of about 1 between them."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))

    def forward(self, z: Tensor) -> Tensor:
        """(n,)."""
        result: Tensor = self.layers(z)[:, 0]
        return result

    def penalty(self, one: Tensor, other: Tensor) -> Tensor:
        """Mean of (‖gradient‖ − 1)² at random points between rows of `one` and of `other`, (n, w) each."""
        share = torch.rand(len(one), 1, device=one.device)
        between = (one + share * (other - one)).requires_grad_()
        (gradient,) = torch.autograd.grad(self(between).sum(), between, create_graph=True)
        return (gradient.norm(dim=1) - 1).square().mean()


class Adversary:
    """Trained along with a network, whose embedding it makes alike for labelled samples and the pool.

    network: with a linear `head` on what `embed` gives. unlabelled: uint8 pictures (m, C, H, W) or features (m, d) where the network lives. labelled: how
    many samples are. mu: weight of the distance in the network's loss. steps: of the critic for each one of the network. size: unlabelled samples in a
    mini-batch.
    """

    def __init__(
        self,
        network: Any,
        unlabelled: Tensor,
        labelled: int,
        *,
        mu: float,
        steps: int,
        size: int,
        rng: np.random.Generator,
    ):
        self.network = network
        self.unlabelled = unlabelled
        # The pool is both together: E_pool g − E_labelled g = m / (l + m) · (E_unlabelled g − E_labelled g).
        self.ratio = len(unlabelled) / (labelled + len(unlabelled))
        self.mu = mu
        self.steps = steps
        self.draws = endless(len(unlabelled), size, rng)
        self.critic = Critic(network.head.in_features).to(unlabelled.device)
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=LR, betas=(0.5, 0.9))
        self.half = network.heavy and fast_bfloat16(unlabelled.device)
        self.seen = torch.empty(0)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside, it sees the embedding of every batch that the network classifies."""

        def see(head: nn.Module, given: tuple[Tensor, ...]) -> None:
            self.seen = given[0]

        handle = self.network.head.register_forward_pre_hook(see)
        try:
            yield
        finally:
            handle.remove()
            self.seen = torch.empty(0)

    def parameters(self) -> Iterable[nn.Parameter]:
        """None that would be trained for what the network is trained for: the critic's go the other way."""
        return ()

    def loss(self, losses: Tensor, share: float) -> Tensor:
        """μ times the distance between the pool and the labelled samples of the batch, once the critic is better at telling it."""
        rows = torch.from_numpy(next(self.draws)).to(self.unlabelled.device)
        batch = unit(self.unlabelled[rows])
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=self.half):
            theirs = self.network.embed(batch.contiguous(memory_format=torch.channels_last) if self.half else batch).float()
        mine = self.seen.float()
        for _ in range(self.steps):
            self.step(mine.detach(), theirs.detach())
        return self.mu * self.distance(mine, theirs)

    def step(self, mine: Tensor, theirs: Tensor) -> None:
        """One step of the critic: a larger distance, and slopes nearer to 1."""
        n = min(len(mine), len(theirs))
        loss = PENALTY * self.critic.penalty(mine[:n], theirs[:n]) - self.distance(mine, theirs)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()

    def distance(self, mine: Tensor, theirs: Tensor) -> Tensor:
        """The critic's estimate of the Wasserstein distance from labelled embeddings to the pool's."""
        result: Tensor = self.ratio * (self.critic(theirs).mean() - self.critic(mine).mean())
        return result
