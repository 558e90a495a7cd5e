"""Class names as people give them."""

from typing import Any


def class_list(class_names: Any) -> list[str]:
    """The names as text. Raises ValueError for what is no list, for an empty name, and where two are the same."""
    if isinstance(class_names, str) or not hasattr(class_names, "__iter__"):
        raise ValueError(f"class_names must be a list of names, got {class_names!r}")
    names = [str(name) for name in class_names]
    if len(set(names)) != len(names):
        raise ValueError(f"class_names must differ from one another, got {names}")
    if any(not name.strip() for name in names):
        raise ValueError(f"class_names must not be empty, got {names}")
    return names
