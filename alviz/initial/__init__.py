"""Initial pools: which samples to label before there is any model. `available()`, `create(name, **params)`, `card(name)`."""

from typing import Any

from alviz.data.dataset import Dataset
from alviz.initial.base import InitialPool, registry
from alviz.registry import Card

__all__ = ["InitialPool", "available", "card", "create", "unmet"]


def available() -> list[str]:
    """The names of all initial pools."""
    return registry.available()


def create(name: str, **params: Any) -> InitialPool:
    """An initial pool by name. Raises ValueError for an unknown name (with the nearest ones) or parameter."""
    return registry.create(name, **params)


def card(name: str) -> Card:
    """What a person should know before choosing the initial pool."""
    return registry.card(name)


def unmet(name: str, dataset: Dataset) -> str:
    """What the initial pool `name` needs and `dataset` does not have, in words ("images"); "" where it can choose."""
    return registry.create(name).unmet(dataset)
