"""What settings must be. Every function gives the value as a plain one, or raises a ValueError: which setting, what was wanted, what came."""

from collections.abc import Iterable
from math import inf
from numbers import Integral, Real
from typing import Any

MOST = 1e100
"""The largest number a setting may be: far beyond any use, and no product with it overflows."""


def whole(name: str, value: Any, least: int = 0, most: float = inf, *, optional: bool = False) -> Any:
    """A whole number in [least, most], or None if optional."""
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        bounds = f"≥ {least}" if most == inf else f"in {least} … {most}"
        raise ValueError(f"{name} must be {'None or ' if optional else ''}a whole number {bounds}, got {value!r}")
    return int(value)


def number(name: str, value: Any, least: float = -MOST, most: float = MOST, *, above: bool = False, optional: bool = False) -> Any:
    """A number in [least, most], above `least` if `above`, or None if optional."""
    if value is None and optional:
        return None
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not real or not least <= value <= most or (above and value == least):
        sign = ">" if above else "≥"
        if most == MOST:
            bounds = f"{sign} {least:g}" + (f" and ≤ {MOST:g}" if real and value > MOST else "")
        else:
            bounds = f"{sign} {least:g} and ≤ {most:g}" if above else f"in {least:g} … {most:g}"
        raise ValueError(f"{name} must be {'None or ' if optional else ''}a number {bounds}, got {value!r}")
    return float(value)


def choice(name: str, value: Any, options: Iterable[str], *, optional: bool = False) -> Any:
    """One of the options, or None if optional."""
    options = tuple(options)
    if value is None and optional:
        return None
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be {'None or ' if optional else ''}one of {', '.join(options)}, got {value!r}")
    return value
