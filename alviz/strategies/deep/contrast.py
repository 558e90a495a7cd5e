"""Contrastive coding: encoders that learn from pictures alone which are the same but for a crop, a flip and another light."""

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alviz.learners.deep.device import device, seeded
from alviz.progress import Progress
from alviz.strategies.deep.form import Form
from alviz.strategies.discriminative import endless

VIEWS = 128
"""Different pictures, rotated ones counted, in a mini-batch; each comes twice."""

STEPS = 300
"""Mini-batches that an encoder is trained on, at most."""

TEMPERATURE = 0.2
WIDTH = 64
SMALLEST_CROP = 0.4
"""Share of the picture's area."""

ROWS = 256
"""Pictures coded at once; the last block is filled up, so that a code never depends on the rows asked with it."""


class Encoder(nn.Module):
    """Pictures (n, C, side, side) -> codes (n, WIDTH), and a guess (n, turns) how far each was turned."""

    def __init__(self, channels: int, side: int, turns: int):
        super().__init__()
        widths = (channels, 16, 32, 64)
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        flat = widths[-1] * (-(-side // 8)) ** 2
        self.code = nn.Sequential(nn.Linear(flat, 128), nn.ReLU(), nn.Linear(128, WIDTH))
        self.turn = nn.Linear(flat, turns)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(codes, logits of the turns)."""
        h = self.trunk(x)
        return self.code(h), self.turn(h)


def codes(images: NDArray[np.uint8], turns: int, epochs: int, rng: np.random.Generator, progress: Progress) -> NDArray[np.float32]:
    """(n, turns, WIDTH) codes of pictures uint8 (n, H, W[, C]) and of their rotations, by an encoder trained on them.

    turns: 1 or 4. With 4 every rotation by 90° counts as another picture, and the encoder also learns to tell how far a picture was turned
    (Tack et al., CSI: novelty detection via contrastive learning on distributionally shifted instances (2020)). All randomness comes from rng.
    """
    form = Form(images, device())
    with seeded(rng):
        encoder = Encoder(form.shape[0], form.shape[1], turns).to(form.where)
        _train(encoder, images, form, turns, epochs, rng, lambda share: progress(0.8 * share))
    encoder.eval()
    out = np.empty((len(images), turns, WIDTH), dtype=np.float32)
    with torch.inference_mode():
        for a in range(0, len(images), ROWS):
            progress(0.8 + 0.2 * a / len(images))
            block = np.asarray(images[a : a + ROWS])
            size = len(block)
            block = np.concatenate([block, np.zeros((ROWS - size, *block.shape[1:]), dtype=np.uint8)])
            x = form.inward(block)
            for turn in range(turns):
                out[a : a + size, turn] = encoder(torch.rot90(x, turn, (2, 3)))[0][:size].cpu().numpy()
    return out


def _train(
    encoder: Encoder, images: NDArray[np.uint8], form: Form, turns: int, epochs: int, rng: np.random.Generator, progress: Progress
) -> None:
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3, weight_decay=1e-6)
    size = min(VIEWS // turns, len(images))
    steps = min(STEPS, epochs * -(-len(images) // size))
    batches = endless(len(images), size, rng)
    turn = torch.arange(turns, device=form.where).repeat_interleave(size)
    encoder.train()
    for step in range(steps):
        progress(step / steps)
        x = form.inward(images[np.sort(next(batches))])
        x = torch.cat([torch.rot90(x, k, (2, 3)) for k in range(turns)])
        code, guess = encoder(torch.cat([view(x, rng), view(x, rng)]))
        loss = agreement(code) + nn.functional.cross_entropy(guess, turn.repeat(2))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def agreement(code: Tensor) -> Tensor:
    """NT-Xent loss of codes (2n, w), row i and row i + n of the same picture (Chen et al., SimCLR (2020), equation 1)."""
    unit = nn.functional.normalize(code, dim=1)
    similar = unit @ unit.T / TEMPERATURE
    similar.fill_diagonal_(-torch.inf)
    partner = torch.arange(len(code), device=code.device).roll(len(code) // 2)
    return nn.functional.cross_entropy(similar, partner)


def view(x: Tensor, rng: np.random.Generator) -> Tensor:
    """The pictures (n, C, side, side), each cropped at random and blown up again, perhaps flipped, brighter or darker, with more or less contrast."""

    def drawn(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, len(x)).astype(np.float32)).to(x.device)

    side = drawn(SMALLEST_CROP, 1.0).sqrt()
    move = torch.zeros((len(x), 2, 3), device=x.device)
    move[:, 0, 0] = side * torch.where(drawn(-1, 1) < 0, -1.0, 1.0)
    move[:, 1, 1] = side
    move[:, 0, 2], move[:, 1, 2] = (1 - side) * drawn(-1, 1), (1 - side) * drawn(-1, 1)
    grid = nn.functional.affine_grid(move, list(x.shape), align_corners=False)
    x = nn.functional.grid_sample(x, grid, align_corners=False)
    contrast, light = drawn(0.6, 1.4)[:, None, None, None], drawn(0.6, 1.4)[:, None, None, None]
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return (((x - mean) * contrast + mean) * light).clamp(0, 1)
