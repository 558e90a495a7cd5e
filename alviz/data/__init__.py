"""Datasets. `available()`, `create(name, **params)`, `card(name)`, and `from_arrays(...)` for your own.

Every named dataset also takes `imbalance` (thin the pool) and `extractor` (where its features come from).
"""

from typing import Any

from alviz.data import making
from alviz.data.arrays import from_arrays
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.extract import with_features
from alviz.data.extractors import Extractor
from alviz.data.hashing import content_hash
from alviz.data.imbalance import imbalance_ratio, thin, thin_ratio
from alviz.progress import Progress, silent
from alviz.registry import Card

__all__ = ["Dataset", "Extractor", "available", "card", "content_hash", "create", "from_arrays", "imbalance_ratio"]
__all__ += ["registry", "thin", "thin_ratio", "with_features"]


def available() -> list[str]:
    """The names of all datasets."""
    return registry.available()


def create(name: str, *, imbalance: str | None = None, extractor: str | None = None, progress: Progress = silent, **params: Any) -> Dataset:
    """A dataset by name; `dataset.spec` holds what makes it again: `create(spec["name"], **spec["params"])`.

    imbalance: None or "none", "ir=0.75" (`thin`) or "1:10" (`thin_ratio`), with ", seed=3" after it for another draw than seed 0.
    extractor: None for the features that the dataset brings (`pca` where it brings images only), or the name of an extractor
    (`alviz.data.extractors.available()`). They see the whole pool; it is thinned after that. params: see the dataset's own function.
    Raises ValueError for an unknown name (with the nearest ones), parameter or value, FileNotFoundError where files are missing.
    """
    return making.create(name, imbalance, extractor, progress, params)


def card(name: str) -> Card:
    """What a person should know about the dataset."""
    return registry.card(name)
