"""Query strategies: which candidates to label next. `available()`, `create(name, **params)`, `card(name)`."""

from typing import Any

from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, ScoringStrategy, Selection, missing_needs, registry
from alviz.strategies.last_layer import Gradients
from alviz.strategies.needs import readable_needs
from alviz.strategies.pool import MissingSignal, PoolView, SignalSource
from alviz.strategies.query import query

__all__ = ["Gradients", "MissingSignal", "PoolView", "QueryStrategy", "ScoringStrategy", "Selection", "SignalSource"]
__all__ += ["available", "card", "create", "missing_needs", "query", "readable_needs"]


def available() -> list[str]:
    """The names of all query strategies."""
    return registry.available()


def create(name: str, **params: Any) -> QueryStrategy:
    """A query strategy by name. Raises ValueError for an unknown name (with the nearest ones) or parameter."""
    return registry.create(name, **params)


def card(name: str) -> Card:
    """What a person should know before choosing the strategy."""
    return registry.card(name)
