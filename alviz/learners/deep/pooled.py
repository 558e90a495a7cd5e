"""A small convolution and the pooling after it as one matrix product: quicker than either on a CPU, where few filters leave libraries idle."""

from typing import Any

import torch
from torch import Tensor, nn

from alviz.learners.deep.device import fast_bfloat16

KERNEL = 5
WINDOW = KERNEL + 1
"""Side of what the four neighbouring positions of a filter see together; pooling takes the largest of the four."""

_gate = torch.ops.aten.threshold_backward
"""(g, d, 0) -> g where d > 0, else 0, in one pass."""


class PooledConv(nn.Conv2d):
    """relu(max_pool2d(conv2d(x), 2)) with 5 × 5 filters.

    Pooling with stride 2 makes every 6 × 6 window of the picture answer once: each filter stands at four places in it, and the best of
    the four counts. That is one product of (4 · filters) × (36 · channels) numbers with all windows of all pictures, then three maxima.
    Pictures are the last axis in memory, so that all of it runs over neighbouring numbers; the product is in bfloat16 where that is quick.
    """

    places: Tensor

    def __init__(self, channels: int, filters: int, padding: int = 0):
        super().__init__(channels, filters, KERNEL, padding=padding)
        places = torch.zeros(2, 2, WINDOW, WINDOW, KERNEL, KERNEL)
        for dy in range(2):
            for dx in range(2):
                for i in range(KERNEL):
                    for j in range(KERNEL):
                        places[dy, dx, dy + i, dx + j, i, j] = 1
        self.register_buffer("places", places.reshape(4 * WINDOW**2, KERNEL**2), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, C, H, W) -> (n, filters, H', W')."""
        if x.is_cuda:  # there the library's convolution is the quick one
            return nn.functional.relu(nn.functional.max_pool2d(super().forward(x), 2))
        n, c, height, width = x.shape
        pad = int(self.padding[0])
        rows, columns = (height + 2 * pad - KERNEL + 1) // 2, (width + 2 * pad - KERNEL + 1) // 2
        below, right = 2 * rows + KERNEL - 1 - height - pad, 2 * columns + KERNEL - 1 - width - pad
        number = torch.bfloat16 if x.dtype == torch.float32 and fast_bfloat16(x.device) else x.dtype
        x = nn.functional.pad(x.permute(1, 2, 3, 0).to(number), (0, 0, pad, right, pad, below)).contiguous()
        weight = (self.weight.reshape(-1, c, KERNEL**2) @ self.places.t()).unflatten(2, (4, -1))
        weight = weight.permute(2, 0, 1, 3).flatten(0, 1).flatten(1).to(number)
        four = (weight @ _Windows.apply(x)).unflatten(0, (4, -1))
        assert self.bias is not None
        out = nn.functional.relu(_Best.apply(four) + self.bias[:, None])  # float32 again, as the bias is
        return out.view(-1, rows, columns, n).permute(3, 0, 1, 2)


class _Windows(torch.autograd.Function):
    """(C, H, W, n) -> (C · 36, H' · W' · n), every window of 6 × 6 at every second place."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        windows = x.unfold(1, WINDOW, 2).unfold(2, WINDOW, 2).permute(0, 4, 5, 1, 2, 3)
        return windows.reshape(WINDOW**2 * len(x), -1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        c, height, width, n = ctx.shape
        half, rows, columns = WINDOW // 2, height // 2 - 2, width // 2 - 2
        # Every second row of a window falls on the same rows of the picture as every second row of the next, and so do columns.
        blocks = grads[0].view(c, half, 2, half, 2, rows, columns, n).permute(1, 3, 0, 5, 2, 6, 4, 7)
        wide = blocks.new_zeros(half, c, rows, 2, width // 2, 2, n)
        for j in range(half):
            wide[:, :, :, :, j : j + columns].add_(blocks[:, j])
        out = blocks.new_zeros(c, height // 2, 2, width // 2, 2, n)
        for i in range(half):
            out[:, i : i + rows].add_(wide[i])
        return out.view(c, height, width, n)


class _Best(torch.autograd.Function):
    """(4, …) -> (…), the largest of the four; the gradient goes to it (to the last of equal ones)."""

    @staticmethod
    def forward(ctx: Any, four: Tensor) -> Tensor:
        a, b, c, d = four
        first, second = torch.maximum(a, b), torch.maximum(c, d)
        ctx.save_for_backward(first - second, a - b, c - d)
        return torch.maximum(first, second)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        upper, left, right = ctx.saved_tensors
        first = _gate(grads[0], upper, 0)
        second = grads[0] - first
        a, c = _gate(first, left, 0), _gate(second, right, 0)
        return torch.stack([a, first - a, c, second - c])
