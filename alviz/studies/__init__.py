"""Studies: the store of runs."""

from typing import Any

__all__ = ["Store"]


def __getattr__(name: str) -> Any:
    if name == "Store":
        from alviz.studies.store import Store

        return Store
    raise AttributeError(f"module 'alviz.studies' has no attribute {name!r}")
