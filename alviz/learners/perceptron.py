"""Two-layer perceptrons, many trained as one batched computation: the core of `mlp` and `ensemble`.

Written in numpy with the gradients by hand: for networks of this size it is quicker than an automatic-differentiation framework, and
needs no import of one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alviz.checks import choice, number, whole

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Training:
    """How perceptrons are trained: cross-entropy on mini-batches.

    hidden: width of the ReLU layer. dropout: share of hidden units left out in a step. optimizer: "adam" (Kingma & Ba 2015), or "sgd" with
    Nesterov momentum 0.9. lr: step length. weight_decay: factor of ½‖w‖² in the loss. Raises ValueError for a value out of range.
    """

    hidden: int = 64
    dropout: float = 0.0
    optimizer: Literal["adam", "sgd"] = "adam"
    lr: float = 0.01
    epochs: int = 100
    batch_size: int = 64
    weight_decay: float = 1e-3

    def __post_init__(self) -> None:
        for name in ("hidden", "epochs", "batch_size"):
            whole(name, getattr(self, name), 1)
        number("dropout", self.dropout, 0, 0.99)
        choice("optimizer", self.optimizer, ("adam", "sgd"))
        number("lr", self.lr, 0, above=True)
        number("weight_decay", self.weight_decay, 0)


class Perceptrons:
    """T networks x -> relu(x W₁ + b₁) W₂ + b₂ of one shape, their weights in one flat array (T, size)."""

    def __init__(self, flat: F32, n_inputs: int, hidden: int, n_outputs: int):
        self.flat = flat
        self.shape = (n_inputs, hidden, n_outputs)
        self.w1, self.b1, self.w2, self.b2 = self.views(flat)

    @classmethod
    def random(cls, rngs: Sequence[np.random.Generator], n_inputs: int, hidden: int, n_outputs: int) -> "Perceptrons":
        """Weights and biases uniform within ±1/√fan-in, each member from its own generator."""
        first, second = (n_inputs + 1) * hidden, (hidden + 1) * n_outputs
        flat = np.stack([rng.uniform(-1, 1, first + second) for rng in rngs])
        flat[:, :first] /= np.sqrt(n_inputs)
        flat[:, first:] /= np.sqrt(hidden)
        return cls(flat.astype(np.float32), n_inputs, hidden, n_outputs)

    def views(self, flat: F32) -> tuple[F32, F32, F32, F32]:
        """w1 (T, d, h), b1 (T, 1, h), w2 (T, h, K), b2 (T, 1, K) as windows into `flat`."""
        d, h, k = self.shape
        cuts = np.cumsum([d * h, h, h * k])
        w1, b1, w2, b2 = np.split(flat, cuts, axis=1)
        return w1.reshape(-1, d, h), b1[:, None], w2.reshape(-1, h, k), b2[:, None]

    def hidden(self, x: F32) -> F32:
        """(T, n, h) hidden activations of x (n, d), or of a batch per member (T, n, d)."""
        z = np.matmul(x, self.w1)
        z += self.b1
        return np.maximum(z, 0, out=z)

    def logits(self, hidden: F32) -> F32:
        """(T, n, K) from hidden activations."""
        out = np.matmul(hidden, self.w2)
        out += self.b2
        return out

    def gradient(self, x: F32, y: NDArray[np.int64], mask: F32 | None, into: F32) -> None:
        """Write the gradient of each member's mean cross-entropy to `into` (T, size).

        x: (n, d) shared or (T, n, d). y: (n,) or (T, n). mask: (T, n, h) dropout mask, already divided by the share kept, or None.
        """
        g1, c1, g2, c2 = self.views(into)
        a = self.hidden(x)
        if mask is not None:
            a *= mask
        logits = self.logits(a)
        logits -= logits.max(axis=2, keepdims=True)
        delta = np.exp(logits, out=logits)
        delta /= delta.sum(axis=2, keepdims=True)
        n = delta.shape[1]
        delta[np.arange(len(delta))[:, None], np.arange(n), y] -= 1
        delta /= n
        np.matmul(a.swapaxes(1, 2), delta, out=g2)
        delta.sum(axis=1, keepdims=True, out=c2)
        back = np.matmul(delta, self.w2.swapaxes(1, 2))
        if mask is not None:
            back *= mask
        back *= a > 0
        np.matmul(x.swapaxes(-1, -2), back, out=g1)
        back.sum(axis=1, keepdims=True, out=c1)


def train(
    x: F32, y: NDArray[np.int64], n_outputs: int, seeds: Sequence[int], how: Training, report: Callable[[float], None]
) -> Perceptrons:
    """Train one network per seed on x (n, d), y (n,) in 0 … n_outputs − 1.

    A seed decides its member's first weights, order of samples and dropout, whichever members are trained beside it. `report` is called
    before every mini-batch.
    """
    rngs = [np.random.default_rng(seed) for seed in seeds]
    nets = Perceptrons.random(rngs, x.shape[1], how.hidden, n_outputs)
    gradient = np.empty_like(nets.flat)
    update = adam(nets.flat, gradient, how.lr) if how.optimizer == "adam" else _sgd(nets.flat, gradient, how.lr)
    n = len(y)
    starts = range(0, n, how.batch_size)
    for epoch in range(how.epochs):
        # Samples that fit into one mini-batch need neither shuffling nor copying.
        order = np.stack([rng.permutation(n) for rng in rngs]) if len(starts) > 1 else None
        for step, start in enumerate(starts):
            report((epoch + step / len(starts)) / how.epochs)
            rows = None if order is None else order[:, start : start + how.batch_size]
            size = n if rows is None else rows.shape[1]
            mask = None
            if how.dropout:
                mask = np.stack([_mask(rng, (size, how.hidden), how.dropout) for rng in rngs])
            nets.gradient(x if rows is None else x[rows], y if rows is None else y[rows], mask, gradient)
            if how.weight_decay:
                gradient += np.float32(how.weight_decay) * nets.flat
            update()
    return nets


def _mask(rng: np.random.Generator, shape: tuple[int, ...], dropout: float) -> F32:
    """0 with probability `dropout`, else 1 / (1 − dropout)."""
    return (rng.random(shape, dtype=np.float32) >= dropout).astype(np.float32) / np.float32(1 - dropout)


def adam(weights: F32, gradient: F32, lr: float) -> Callable[[], None]:
    """A step of Adam with β = (0.9, 0.999), ε = 1e-8."""
    first, second, work = np.zeros_like(weights), np.zeros_like(weights), np.empty_like(weights)
    power: list[Any] = [1.0, 1.0]

    def update() -> None:
        power[0] *= 0.9
        power[1] *= 0.999
        np.subtract(gradient, first, out=work)
        np.multiply(work, np.float32(0.1), out=work)
        np.add(first, work, out=first)
        np.multiply(gradient, gradient, out=work)
        np.subtract(work, second, out=work)
        np.multiply(work, np.float32(0.001), out=work)
        np.add(second, work, out=second)
        np.sqrt(second, out=work)
        np.divide(work, np.float32(np.sqrt(1 - power[1])), out=work)
        np.add(work, np.float32(1e-8), out=work)
        np.divide(first, work, out=work)
        np.multiply(work, np.float32(lr / (1 - power[0])), out=work)
        np.subtract(weights, work, out=weights)

    return update


def _sgd(weights: F32, gradient: F32, lr: float, momentum: float = 0.9) -> Callable[[], None]:
    """A step of stochastic gradient descent with Nesterov momentum (Sutskever et al. 2013, as deep-learning frameworks write it)."""
    velocity = np.zeros_like(weights)

    def update() -> None:
        np.multiply(velocity, np.float32(momentum), out=velocity)
        np.add(velocity, gradient, out=velocity)
        weights[...] -= np.float32(lr) * (gradient + np.float32(momentum) * velocity)

    return update
