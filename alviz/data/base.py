"""The registry of datasets, and how their settings are checked."""

import math
from typing import Any

from alviz.data.dataset import Dataset
from alviz.registry import Registry

registry: Registry[Dataset] = Registry("dataset", "alviz.data")


def whole(name: str, value: Any, low: int, high: int) -> int:
    """`value` as an int. Raises ValueError naming the parameter, what came and what was wanted."""
    if isinstance(value, bool) or not _is_number(value) or int(value) != value or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, got {value!r}")
    return int(value)


def number(name: str, value: Any, low: float, high: float) -> float:
    """`value` as a float. Raises ValueError naming the parameter, what came and what was wanted."""
    if isinstance(value, bool) or not _is_number(value) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")
    return float(value)


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, str | bytes) and math.isfinite(value)
    except TypeError:
        return False
