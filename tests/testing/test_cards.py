"""check_declaration: what a strategy must say of itself."""

from typing import Any, Literal

import pytest
from good_strategy import FIELDS, Good

from alviz.registry import Card
from alviz.testing import check_declaration


def carded(**changes: Any) -> type[Good]:
    return type("Carded", (Good,), {"card": Card(**{**FIELDS, **changes})})


class UnknownNeed(Good):
    needs = ("telepathy",)


class UnknownSymmetry(Good):
    symmetries = frozenset({"moons"})


class Unexplained(Good):
    def __init__(self, beta: float = 1.0):
        super().__init__()


class NoDefault(Unexplained):
    card = Card(**FIELDS, options={"beta": "how much"})

    def __init__(self, beta: float):
        super().__init__()


class NoChoice(NoDefault):
    def __init__(self, beta: dict[str, float] | None = None):
        super().__init__(1.0)


class Accepted(Good):
    card = Card(**FIELDS, options=dict.fromkeys("abcdef", "what it does"))

    def __init__(
        self,
        a: float = 1.0,
        b: Literal["x", "y"] = "x",
        c: int | None = None,
        d: bool = True,
        e: str = "",
        f: Literal["x"] | float | None = None,
    ):
        super().__init__()


def test_all_that_a_menu_can_offer_is_accepted():
    check_declaration(Accepted())
    check_declaration(carded(idea="A sentence about e.g. Ash et al. (2020) and 0.5 of it. Another!")())


WRONG = [
    (lambda: "margin", "must make a QueryStrategy, got str"),
    *[(carded(**{field: ""}), f"the card of .* says nothing under '{field}'") for field in FIELDS],
    (carded(family="moons"), "has the family 'moons'; families: baseline, "),
    (carded(idea="One. Two? Three."), "takes 3 sentences"),
    (carded(reference="The classics"), "a reference without a year: 'The classics'"),
    (carded(options={"beta": "how much"}), r"explains the options \['beta'\], its parameters are \[\]"),
    (Unexplained, r"explains the options \[\], its parameters are \['beta'\]"),
    (lambda: NoDefault(1.0), "parameter 'beta' of .* must have a default"),
    (NoChoice, "must be annotated bool, int, float, str or Literal"),
    (UnknownNeed, "'telepathy', which is no signal"),
    (UnknownSymmetry, r"declares the symmetries \['moons'\]"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_wrong_declarations_fail(wrong, message):
    with pytest.raises(AssertionError, match=message):
        check_declaration(wrong())
