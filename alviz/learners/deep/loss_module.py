"""The loss-prediction module of Yoo and Kweon: a small network on the layers of another one, which learns whose loss is larger."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from alviz.learners.deep.networks import Network
from alviz.learners.deep.pooled import PooledConv

WIDTH = 128
"""Units that each layer of the network is summed up by."""


class LossModule(nn.Module):
    """Predicts the loss of a sample from what `taps`, layers of `network`, give: each averaged over the picture, then a layer of WIDTH ReLU units; a linear layer on all.

    example: a batch of what the network takes. margin: ξ, how far predictions of a pair should be apart. weight: λ, of this module's loss. share: of
    the epochs in which its gradients reach the network. Its layers live where the network does.
    """

    def __init__(self, network: nn.Module, taps: Sequence[nn.Module], example: Tensor, margin: float, weight: float, share: float):
        super().__init__()
        self.taps = list(taps)
        self.margin, self.weight, self.share = margin, weight, share
        self.seen: dict[int, Tensor] = {}
        was = network.training
        with torch.no_grad(), self.watching():
            network.eval()(example)
            widths = [tap.shape[1] for tap in self._averages()]
        network.train(was)
        self.layers = nn.ModuleList(nn.Linear(width, WIDTH) for width in widths)
        self.last = nn.Linear(WIDTH * len(widths), 1)
        self.to(example.device)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside, the module sees what the network's layers give; afterwards the network is as it was."""
        handles = [
            tap.register_forward_hook(lambda layer, given, out, i=i: self.seen.__setitem__(i, out)) for i, tap in enumerate(self.taps)
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self.seen.clear()

    def forward(self) -> Tensor:
        """(b,) predicted losses of the batch that the network saw last."""
        return self.of(self._averages())

    def of(self, averages: Sequence[Tensor]) -> Tensor:
        """(b,) predicted losses from the averages of each layer (b, c)."""
        parts = [layer(each).relu() for layer, each in zip(self.layers, averages, strict=True)]
        result: Tensor = self.last(torch.cat(parts, dim=1))[:, 0]
        return result

    def loss(self, losses: Tensor, share: float) -> Tensor:
        """λ · mean over pairs of max(0, ξ − 1(l_i, l_j) (l̂_i − l̂_j)), with 1 = 1 where l_i > l_j, else −1 (equation 2).

        The i-th of the batch is paired with the i-th from its end. From `share` of the epochs on, the network gets no gradients.
        """
        averages = self._averages()
        predicted = self.of([each.detach() for each in averages] if share >= self.share else averages)
        half = len(losses) // 2
        if half == 0:
            return 0 * predicted.sum()
        difference = predicted[:half] - predicted.flip(0)[:half]
        true = losses.detach()
        sign = torch.where(true[:half] > true.flip(0)[:half], 1.0, -1.0)
        return self.weight * (self.margin - sign * difference).clamp(min=0).mean()

    def _averages(self) -> list[Tensor]:
        """(b, c) for each layer: the mean over the picture of what is above 0."""
        outputs = [self.seen[i].float().relu() for i in range(len(self.taps))]
        return [out.flatten(2).mean(dim=2) if out.ndim > 2 else out for out in outputs]


def stages(network: Network) -> list[nn.Module]:
    """The layers of a network on pictures that tell most: residual stages, or else pooled maps, or else all of the trunk; and the hidden layers."""
    children = list(network.trunk.children())
    residual = [child for child in children if isinstance(child, nn.Sequential)]
    pooled = [child for child in children if isinstance(child, nn.MaxPool2d | PooledConv)]
    return [*(residual or pooled or [network.trunk]), *network.hidden]
