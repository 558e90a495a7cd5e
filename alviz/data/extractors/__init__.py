"""Extractors: features from images. `available()`, `create(name, **params)`, `card(name)`."""

from collections.abc import Callable
from typing import Any

from alviz.data.extractors.base import CallableExtractor, Extractor, registry
from alviz.registry import Card

__all__ = ["Extractor", "available", "card", "create", "resolve"]


def available() -> list[str]:
    """The names of all extractors (also of those whose packages are not installed; `create` says so)."""
    return registry.available()


def create(name: str, **params: Any) -> Extractor:
    """An extractor by name; "torchvision:resnet50" is "torchvision" with network="resnet50". Raises ValueError for an unknown name or parameter."""
    library, colon, network = str(name).partition(":")
    if not colon or "network" not in registry.parameters(library):
        return registry.create(name, **params)
    made = registry.create(library, network=network, **params)
    object.__setattr__(made, "_spec", {"name": name, "params": params})
    return made


def card(name: str) -> Card:
    """What a person should know about the extractor."""
    return registry.card(name)


def resolve(extractor: "str | Extractor | Callable[..., Any]") -> Extractor:
    """An Extractor from a name, an Extractor, or any callable that turns images (n, H, W[, C]) uint8 into (n, d) numbers."""
    if isinstance(extractor, str):
        return create(extractor)
    if isinstance(extractor, Extractor):
        return extractor
    if callable(extractor):
        return CallableExtractor(extractor)
    raise ValueError(f"extractor must be a name, an Extractor or a callable, got {type(extractor).__name__}")
