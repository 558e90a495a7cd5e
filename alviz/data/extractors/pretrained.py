"""What extractors that are pretrained networks share: settings, precision, pictures in mini-batches."""

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alviz.checks import choice, whole
from alviz.data.extractors.base import Extractor, Features, Images
from alviz.data.extractors.weights import given
from alviz.data.hashing import hash_file
from alviz.progress import Progress, silent

if TYPE_CHECKING:
    from torch import nn

BATCH = 32
"""Pictures at once: with more, the layers' outputs no longer fit a processor's cache (a fifth to a half slower at 256)."""
BATCH_GPU = 256
PRECISIONS = ("auto", "float32", "bfloat16")
SMALL, SIDE_OF_SMALL = 64, 96

OPTIONS = {
    "weights": "A file with the weights (.pth or .safetensors); None: where the library that names the network keeps its downloads.",
    "size": f"Side in pixels that pictures are resized to; None: {SIDE_OF_SMALL} for pictures of at most {SMALL} pixels, else what the network "
    "was trained on (always that for networks that take no other).",
    "precision": "float32; bfloat16: up to twice as fast where processor or card are made for it, features differ in the third digit; auto: "
    "bfloat16 there, float32 elsewhere.",
    "download": "Download the weights where they are missing; without it nothing is ever downloaded.",
}
"""What the settings do, for cards."""


class PretrainedExtractor(Extractor):
    """Features are what the last linear layer of a pretrained network sees. Subclasses build the network and find its weights.

    Pictures are resized to a square (bilinear); grey ones stand for all three channels. `network` is the trunk: normalised pictures (n, 3, side,
    side) -> (n, d), in float32 and evaluation mode; learners that go on training it take a copy.
    """

    def __init__(self, weights: "str | os.PathLike[str] | None", size: int | None, precision: str):
        self.weights = None if weights is None else os.fspath(weights)
        self.size = whole("size", size, 32, 1024, optional=True)
        self.precision = choice("precision", precision, PRECISIONS)

    @property
    def key(self) -> dict[str, Any] | None:
        """Size, precision, and the content of the file with the weights. "auto" stands as it is: asking what it means here would load torch."""
        return {"size": self.size, "precision": self.precision, "weights": hash_file(self.weights_file())}

    def weights_file(self) -> Path:
        """Where the weights are. Raises FileNotFoundError saying what is missing, where it belongs and how to get it."""
        return self.find() if self.weights is None else given(self.weights)

    def find(self) -> Path:
        """The file with the weights, where the user has named none. Raises FileNotFoundError."""
        raise NotImplementedError

    def build(self, path: Path) -> "nn.Module":
        """The trunk with the weights in `path`. Random draws for first weights need not be put back. Raises ValueError for a file that does not fit."""
        raise NotImplementedError

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of the three channels, of pictures in [0, 1], that the network was trained with."""
        raise NotImplementedError

    @property
    def own_side(self) -> int:
        """Side of the pictures the network was trained on."""
        raise NotImplementedError

    @property
    def fixed_side(self) -> bool:
        """Whether it takes no other side."""
        return False

    def side(self, shape: tuple[int, ...]) -> int:
        """Side that pictures of `shape` (H, W, …) are resized to. Raises ValueError where `size` is one the network does not take."""
        if self.fixed_side:
            if self.size not in (None, self.own_side):
                raise ValueError(f"size must be None or {self.own_side} for {self.label}, which takes no other, got {self.size}")
            return self.own_side
        if self.size is not None:
            return self.size
        return min(SIDE_OF_SMALL, self.own_side) if max(shape[:2]) <= SMALL else self.own_side

    @cached_property
    def network(self) -> "nn.Module":
        """The trunk, read once."""
        import torch

        # Building a network draws its starting weights from torch's global generator, which is nobody's to change.
        with torch.random.fork_rng(devices=[]):
            return self.build(self.weights_file()).eval().requires_grad_(False)

    def extract(self, images: Images, progress: Progress = silent) -> Features:
        """(n, d) float32. Raises ValueError for pictures that are neither grey nor of three channels."""
        import torch

        check_channels(images, self.label)
        where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = getattr(torch, self._precision(where))
        # Converted in place a network would lose its float32 weights.
        network = _converted(self.network, where, dtype)
        side = self.side(images.shape[1:])
        mean, std = (torch.tensor(values, device=where).reshape(1, 3, 1, 1) * 255 for values in self.normalisation)
        rows: Any = None
        size = BATCH if where.type == "cpu" else BATCH_GPU
        with torch.inference_mode():
            for start in range(0, len(images), size):
                progress(start / len(images))
                batch = torch.from_numpy(np.array(images[start : start + size])).to(where)
                batch = (batch[:, None] if batch.ndim == 3 else batch.permute(0, 3, 1, 2)).float()
                if batch.shape[-2:] != (side, side):
                    batch = torch.nn.functional.interpolate(batch, size=(side, side), mode="bilinear", antialias=True)
                features = network(((batch - mean) / std).to(dtype=dtype, memory_format=torch.channels_last)).float().cpu().numpy()
                if rows is None:
                    rows = np.empty((len(images), features.shape[1]), dtype=np.float32)
                rows[start : start + size] = features
        progress(1.0)
        return rows

    def _precision(self, where: Any) -> str:
        if self.precision != "auto":
            return self.precision
        import torch

        fast = torch.cuda.is_bf16_supported() if where.type == "cuda" else torch.cpu._is_avx512_bf16_supported()
        return "bfloat16" if fast else "float32"


def check_channels(images: Images, label: str) -> None:
    """Raises ValueError for pictures with other than one or three channels."""
    if images.ndim == 4 and images.shape[3] not in (1, 3):
        raise ValueError(f"{label} takes grey pictures or ones of three channels (RGB), got {images.shape[3]} channels")


def _converted(network: "nn.Module", where: Any, dtype: Any) -> "nn.Module":
    import copy

    import torch

    converted: Any = copy.deepcopy(network)
    return converted.to(device=where, dtype=dtype, memory_format=torch.channels_last)
