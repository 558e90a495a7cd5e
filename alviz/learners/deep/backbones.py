"""Pretrained networks with a head for other classes."""

import copy

import torch
from torch import nn

from alviz.data.extractors.pretrained import PretrainedExtractor
from alviz.learners.deep.networks import Network


def pretrained(extractor: PretrainedExtractor, shape: tuple[int, ...], n_classes: int, dropout: float) -> Network:
    """The extractor's network on pictures of `shape` (H, W[, C]) and a new linear head, its first weights from torch's global generator.

    `embed` gives what the extractor gives, up to rounding, until training changes the weights. Grey pictures stand for all three channels.
    """
    trunk: nn.Module = copy.deepcopy(extractor.network).requires_grad_(True)
    side = extractor.side(shape)
    with torch.inference_mode():
        width = trunk(torch.zeros(1, 3, side, side)).shape[1]
    mean, std = extractor.normalisation
    return Network(trunk, width, (), n_classes, mean, std, dropout=dropout, size=side, heavy=True)
