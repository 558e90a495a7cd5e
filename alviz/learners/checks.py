"""What settings of learners must be. Each raises a ValueError that names the setting, what came and what was wanted."""

from numbers import Integral, Real
from typing import Any


def positive(name: str, value: Any) -> None:
    """A finite number above 0."""
    if not (isinstance(value, Real) and 0 < float(value) < float("inf")):
        raise ValueError(f"{name} must be a positive number, got {value!r}")


def whole(name: str, value: Any, least: int = 1) -> None:
    """A whole number of at least `least`."""
    if not (isinstance(value, Integral) and int(value) >= least):
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")


def share(name: str, value: Any) -> None:
    """A number in 0 ≤ value < 1."""
    if not (isinstance(value, Real) and 0 <= float(value) < 1):
        raise ValueError(f"{name} must lie in 0 ≤ {name} < 1, got {value!r}")


def weighting(value: Any) -> None:
    """A class_weight: None or "balanced"."""
    if value is not None and not (isinstance(value, str) and value == "balanced"):
        raise ValueError(f'class_weight must be None or "balanced", got {value!r}')
