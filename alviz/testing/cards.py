"""What a strategy says of itself: name, card, needs, parameters."""

import inspect
import re
import types
import typing
from typing import Any, Literal

from alviz.strategies.base import FAMILIES, QueryStrategy
from alviz.strategies.pool import SIGNALS

FIELDS = ("title", "idea", "family", "formula", "needs", "cost", "reference", "shines", "fails")
"""Fields of a card that may not be empty; `deviation` is, where there is none."""

SYMMETRIES = {"samples", "classes"}

_YEAR = re.compile(r"\b(1[89]|20)\d\d\b")
_SENTENCE = re.compile(r"[.!?](?=\s+[A-Z0-9“\"(]|\s*$)")
_SHORT = re.compile(r"\b(e\.g|i\.e|cf|al|vs|resp)\.")


def check_declaration(strategy: QueryStrategy) -> None:
    """Raises AssertionError where a strategy's name, card, needs or parameters are not as they must be.

    The card: every one of FIELDS says something, family is one of FAMILIES, the idea takes two sentences at most, the reference has a year,
    options explain exactly the parameters of `__init__`. Parameters: a default, and annotated bool, int, float, str or Literal, or None
    beside one of these, so that a menu can be made of them.
    """
    assert isinstance(strategy, QueryStrategy), f"the factory must make a QueryStrategy, got {type(strategy).__name__}"
    assert strategy.name, "a strategy must have a name"
    card = strategy.card
    of = f"the card of {strategy.name!r}"
    for field in FIELDS:
        text = getattr(card, field)
        assert isinstance(text, str) and text.strip(), f"{of} says nothing under {field!r}"
    assert card.family in FAMILIES, f"{of} has the family {card.family!r}; families: {', '.join(FAMILIES)}"
    sentences = len(_SENTENCE.findall(_SHORT.sub(r"\1", card.idea)))
    assert sentences <= 2, f"{of} takes {sentences} sentences for the idea; two are enough"
    assert _YEAR.search(card.reference), f"{of} has a reference without a year: {card.reference!r}"
    for need in (*strategy.needs, *strategy.wants):
        for signal in (need,) if isinstance(need, str) else need:
            assert signal in SIGNALS, f"{strategy.name!r} asks for {signal!r}, which is no signal; signals: {', '.join(SIGNALS)}"
    unknown = set(strategy.symmetries) - SYMMETRIES
    assert not unknown, f"{strategy.name!r} declares the symmetries {sorted(unknown)}; there are: {', '.join(sorted(SYMMETRIES))}"
    _check_parameters(type(strategy), strategy.name, card.options)


def _check_parameters(kind: type, name: str, options: typing.Mapping[str, str]) -> None:
    parameters = {} if kind.__init__ is object.__init__ else dict(inspect.signature(kind).parameters)  # type: ignore[misc]
    assert set(options) == set(parameters), (
        f"the card of {name!r} explains the options {sorted(options)}, its parameters are {sorted(parameters)}"
    )
    hints = typing.get_type_hints(kind.__init__) if parameters else {}  # type: ignore[misc]
    for key, parameter in parameters.items():
        assert options[key].strip(), f"the card of {name!r} says nothing about its option {key!r}"
        assert parameter.default is not parameter.empty, f"parameter {key!r} of {name!r} must have a default"
        assert key in hints and _choosable(hints[key]), (
            f"parameter {key!r} of {name!r} must be annotated bool, int, float, str or Literal[…], perhaps | None, "
            f"got {hints.get(key, 'nothing')}"
        )


def _choosable(hint: Any) -> bool:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [part for part in typing.get_args(hint) if part is not type(None)]
        return bool(kinds) and all(map(_choosable, kinds))
    if typing.get_origin(hint) is Literal:
        return all(isinstance(value, str | int | float) for value in typing.get_args(hint))
    return getattr(hint, "__supertype__", hint) in (bool, int, float, str)
