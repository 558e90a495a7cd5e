"""Learners: what is trained in every round. `available()`, `create(name, **params)`, `card(name)`."""

from typing import Any

from alviz.learners import published
from alviz.learners.adapter import SklearnLearner, as_learner
from alviz.learners.base import ConstantModel, Embeds, HasCommittee, HasDropout, Learner, Model, PredictsLoss, registry
from alviz.learners.published import Preset, presets
from alviz.learners.stored import SavedModel, load, save
from alviz.registry import Card

__all__ = ["ConstantModel", "Embeds", "HasCommittee", "HasDropout", "Learner", "Model", "PredictsLoss", "Preset", "SavedModel"]
__all__ += ["SklearnLearner", "as_learner", "available", "card", "create", "load", "presets", "save", "simple"]


def available() -> list[str]:
    """The names of all learners."""
    return registry.available()


def simple() -> list[str]:
    """The names of the learners that can be made without any parameter (menus offer these)."""
    return [name for name in available() if all(p.default is not p.empty for p in registry.parameters(name).values())]


def create(name: str, **params: Any) -> Learner:
    """A learner by name, or by the name of a paper's settings (`presets`). Raises ValueError for an unknown name (with the nearest ones) or parameter."""
    return published.create(name, **params)


def card(name: str) -> Card:
    """What a person should know about the learner."""
    return registry.card(name)
