"""Adversarial attacks: how little has to be changed in an input until the network gives it another label."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alviz.learners.deep.training import tensor_of
from alviz.progress import Progress

ROWS, FEW = 128, 16
"""Inputs that are attacked side by side, always as many, so that what happens to one does not depend on the others (but for the last digits); FEW where the network is heavy."""

Gradient = Callable[[Tensor], Tensor]
"""(m,) one number of each input -> its gradient, in the shape of the inputs."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One way to change inputs. steps: how many are made at most. pictures: whether inputs are kept within [0, 1]. overshoot: share of the change that is added
    to it, to get over the border."""

    steps: int
    pictures: bool
    overshoot: float = 0.0

    @property
    def gradients(self) -> int:
        """How many gradients a step takes, at most."""
        return 1

    def longer(self, change: Tensor, x: Tensor, logits: Tensor, label: Tensor, gradient: Gradient) -> Tensor:
        """The change after one more step. logits (m, c) at the changed input x, label (m,) the column of the first prediction."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class BasicIterative(Attack):
    """Kurakin, Goodfellow and Bengio 2016, section 2.2: steps of equal size along the signs of the gradient of the loss of the predicted label.

    The signs are those of log Σ_{c≠y} exp(z_c) − z_y, of which that loss is an increasing function: its own gradient vanishes where the
    network is certain. step: length in every dimension.
    """

    step: float

    def longer(self, change: Tensor, x: Tensor, logits: Tensor, label: Tensor, gradient: Gradient) -> Tensor:
        """One step along the signs."""
        others = logits.scatter(1, label[:, None], -torch.inf)
        away = gradient(torch.logsumexp(others, dim=1) - own(logits, label))
        return change + self.step * away.sign()


@dataclass(frozen=True, kw_only=True)
class DeepFool(Attack):
    """Moosavi-Dezfooli, Fawzi and Frossard 2016, algorithm 2: steps to the nearest border of the network's linear approximation.

    overshoot: η of the paper. classes: how many other classes, the most probable ones, are tried.
    """

    classes: int

    @property
    def gradients(self) -> int:
        """One for each class."""
        return self.classes

    def longer(self, change: Tensor, x: Tensor, logits: Tensor, label: Tensor, gradient: Gradient) -> Tensor:
        """One step to the nearest border: |f| / ‖w‖² · w for the class whose |f| / ‖w‖ is least."""
        others = logits.scatter(1, label[:, None], -torch.inf)
        tried = others.topk(min(self.classes, logits.shape[1] - 1), dim=1).indices
        gaps = logits.gather(1, tried) - own(logits, label)[:, None]
        nearest = torch.full(label.shape, torch.inf, device=label.device)
        step = torch.zeros_like(change)
        for k in range(tried.shape[1]):
            w = gradient(gaps[:, k])
            if self.pictures:  # along what is left to change
                w = torch.where((x <= 0) & (w < 0) | (x >= 1) & (w > 0), 0, w)
            length = norms(w)
            ratio = torch.where(length > 0, gaps[:, k].abs() / length, torch.inf)
            nearer = ratio < nearest
            nearest = torch.where(nearer, ratio, nearest)
            factor = torch.where(nearer, ratio / length, 0)
            step = torch.where(spread(nearer, w), spread(factor, w) * w, step)
        return change + step


@dataclass(frozen=True)
class Attacked:
    """Some inputs whose attack is over. rows: (k,) their numbers. change: what was added, shaped like the inputs, without overshoot. margin: (k,) largest other logit − that of
    the first label, where the attack ended: ≥ 0 where the label changed."""

    rows: NDArray[np.int64]
    change: Tensor
    margin: NDArray[np.float64]

    @property
    def distance(self) -> NDArray[np.float64]:
        """(k,) Euclidean lengths of the changes."""
        result: NDArray[np.float64] = norms(self.change).double().cpu().numpy()
        return result


def attacked(module: nn.Module, inputs: NDArray[Any], seen: NDArray[np.int64], attack: Attack, progress: Progress) -> Iterator[Attacked]:
    """Attack every input until its label changes; they come out as they finish, each once.

    inputs: what the learner takes (n, …). seen: (c,) ≥ 2 columns of the logits that have labels; the others do not count. ROWS inputs are under
    attack at any time: where one is finished, the next takes its place.
    """
    size = FEW if getattr(module, "heavy", False) else ROWS
    where = next(module.parameters()).device
    columns = torch.from_numpy(seen).to(where)
    n, coming, finished = len(inputs), 0, 0
    start = torch.zeros((size, *tensor_of(inputs[:1], where).shape[1:]), device=where)
    change = torch.zeros_like(start)
    label, made, row = (torch.full((size,), value, device=where) for value in (0, 0, -1))
    while finished < n:
        free = (row < 0).nonzero()[: n - coming, 0]
        if len(free):
            start[free] = tensor_of(inputs[coming : coming + len(free)], where)
            change[free] = 0
            made[free] = 0
            row[free] = torch.arange(coming, coming + len(free), device=where)
            coming += len(free)
        with torch.enable_grad():
            x = start + (1 + attack.overshoot) * change
            x = (x.clamp(0, 1) if attack.pictures else x).requires_grad_()
            progress(finished / n)
            logits = module(x)[:, columns]

            def gradient(value: Tensor, x: Tensor = x, share: float = finished / n) -> Tensor:
                progress(share)
                return torch.autograd.grad(value.sum(), x, retain_graph=True)[0]

            with torch.no_grad():
                label = torch.where(made == 0, logits.argmax(dim=1), label)
                margin = logits.scatter(1, label[:, None], -torch.inf).amax(dim=1) - own(logits, label)
                done = (row >= 0) & ((margin >= 0) | (made == attack.steps))
            over = int(done.sum())
            out = Attacked(row[done].cpu().numpy(), change[done], margin[done].detach().double().cpu().numpy())
            finished += over
            row[done] = -1
            # Gradients of finished rows would be for nothing: one more forward pass of all, half a gradient each, may be cheaper.
            if finished < n and (coming == n or 2 * attack.gradients * over <= size):
                change = attack.longer(change, x.detach(), logits, label, gradient).detach()
                change = (start + change).clamp(0, 1) - start if attack.pictures else change
                made += 1
        if over:
            yield out


def copies(inputs: NDArray[Any], change: Tensor, overshoot: float) -> NDArray[Any]:
    """The changed inputs (k, …) as a learner takes them: of uint8 pictures, changes are rounded up, lest they get lost, and cut to the range."""
    added = (1 + overshoot) * change.cpu().numpy()
    if inputs.dtype != np.uint8:
        return inputs + added.astype(inputs.dtype)
    added = added[:, 0] if inputs.ndim == 3 else added.transpose(0, 2, 3, 1)
    return np.clip(inputs + np.sign(added) * np.ceil(np.abs(255 * added)), 0, 255).astype(np.uint8)


def own(logits: Tensor, label: Tensor) -> Tensor:
    """(n,) the logit of each row's label."""
    return logits.gather(1, label[:, None])[:, 0]


def norms(x: Tensor) -> Tensor:
    """(n,) Euclidean lengths of what each row holds."""
    return x.flatten(1).norm(dim=1)


def spread(values: Tensor, x: Tensor) -> Tensor:
    """(n,) values, to be broadcast over the rest of x (n, …)."""
    return values.reshape(-1, *[1] * (x.ndim - 1))
