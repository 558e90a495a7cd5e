"""A trained network as a Model."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alviz.learners.deep.networks import Network
from alviz.learners.deep.training import pictures, unit

ROWS = 256
"""Pictures that the network sees at once; the last block is filled up, so that a row never depends on the rows asked with it."""


class NetworkModel:
    """network: in evaluation mode, and left so. classes: (c,) those with labels, ascending; the others keep probability 0. shape: (H, W[, C]) of its pictures."""

    at_once = ROWS

    def __init__(self, network: Network, classes: NDArray[np.int64], n_classes: int, shape: tuple[int, ...]):
        self.module = network.eval().requires_grad_(False)
        self.classes = classes
        self.n_classes = n_classes
        self.shape = shape

    def predict_proba(self, x: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(n, K)."""
        return self._proba(self.by_blocks(self.module, x))

    def logits(self, x: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, K) outputs before the softmax; −∞ for classes without labels."""
        out = np.full((len(x), self.n_classes), -np.inf, dtype=np.float32)
        out[:, self.classes] = self.by_blocks(self.module, x)[:, self.classes]
        return out

    def embed(self, x: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, w) what the last linear layer sees."""
        return self.by_blocks(self.module.embed, x)

    def classify(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, K) probabilities of any embeddings."""
        with torch.inference_mode():
            return self._proba(self.module.head(torch.from_numpy(np.array(embeddings)).to(self._device)).float().cpu().numpy())

    def _proba(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        seen = logits[..., self.classes].astype(np.float64)
        seen = np.exp(seen - seen.max(axis=-1, keepdims=True))
        out = np.zeros((*logits.shape[:-1], self.n_classes))
        out[..., self.classes] = seen / seen.sum(axis=-1, keepdims=True)
        return out

    @property
    def _device(self) -> torch.device:
        return self.module.mean.device

    def by_blocks(self, compute: Callable[[Tensor], Tensor], x: NDArray[np.uint8], axis: int = 0) -> NDArray[np.float32]:
        """compute on blocks of ROWS pictures, joined along `axis`."""
        x = np.asarray(x)
        if x.dtype != np.uint8 or x.ndim not in (3, 4):
            raise ValueError(f"x must be uint8 images (n, H, W) or (n, H, W, C), got {x.dtype} {x.shape}")
        parts = []
        with torch.inference_mode():
            for start in range(0, max(len(x), 1), ROWS):
                block = x[start : start + ROWS]
                size = len(block)
                if size < ROWS:
                    block = np.concatenate([block, np.zeros((ROWS - size, *x.shape[1:]), np.uint8)])
                parts.append(compute(unit(pictures(block, self._device))).float().narrow(axis, 0, size))
            result: NDArray[np.float32] = torch.cat(parts, dim=axis).cpu().numpy()
        return result


class DropoutNetworkModel(NetworkModel):
    """A network that was trained with dropout, and can keep it on."""

    def dropout_proba(self, x: NDArray[np.uint8], draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """(T, n, K): every draw leaves units out at random, the same ones for all samples of that draw; all else as in evaluation.

        One thinned network per draw, as `mlp-dropout` has it. Raises ValueError for a network without dropout.
        """
        if not self.module.thinned:
            raise ValueError("this network has no dropout layers, so stochastic passes would all be the same")
        keep = 1 - self.module.dropout
        masks = [
            [
                torch.from_numpy((rng.random(width) < keep).astype(np.float32) / np.float32(keep)).to(self._device)
                for width in self.module.thinned
            ]
            for _ in range(draws)
        ]

        def passes(batch: Tensor) -> Tensor:
            base = self.module.base(batch)
            return torch.stack([self.module.head(self.module.tail(base, mask)) for mask in masks])

        return self._proba(self.by_blocks(passes, x, axis=1))
