"""Where networks live, and torch's global randomness put back as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fast_bfloat16(where: torch.device) -> bool:
    """Whether bfloat16 is quicker than float32 there."""
    return torch.cuda.is_bf16_supported() if where.type == "cuda" else torch.cpu._is_avx512_bf16_supported()


@contextmanager
def seeded(rng: np.random.Generator) -> Iterator[None]:
    """torch's global generators follow `rng` inside, and are afterwards as they were: layers draw their first weights and dropout from them."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(int(rng.integers(2**63)))
        yield
