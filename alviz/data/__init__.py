"""Datasets. `available()`, `create(name, **params)`, `card(name)`, and `from_arrays(...)` for your own.

Every named dataset also takes `imbalance` (another make-up of the pool) and `extractor` (where its features come from).
"""

from typing import Any

from alviz.data import making
from alviz.data.arrays import from_arrays
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.extract import with_features
from alviz.data.extractors import Extractor
from alviz.data.folder import from_folder
from alviz.data.hashing import content_hash
from alviz.data.huggingface import from_huggingface
from alviz.data.imbalance import imbalance_ratio, thin, thin_power, thin_ratio
from alviz.data.report import Report, Skipped
from alviz.data.table import from_table
from alviz.progress import Progress, silent
from alviz.registry import Card

__all__ = ["Dataset", "Extractor", "available", "card", "content_hash", "create", "from_arrays", "from_folder", "from_huggingface"]
__all__ += ["Report", "Skipped", "from_table", "imbalance_ratio", "registry", "thin", "thin_power", "thin_ratio", "with_features"]


def available() -> list[str]:
    """The names of all datasets that can be made by name alone (`folder`, `table` and `huggingface` must be told where the data lie)."""
    return [name for name in registry.available() if not any(p.default is p.empty for p in registry.parameters(name).values())]


def create(name: str, *, imbalance: str | None = None, extractor: str | None = None, progress: Progress = silent, **params: Any) -> Dataset:
    """A dataset by name; `dataset.spec` holds what makes it again: `create(spec["name"], **spec["params"])`.

    imbalance: another make-up of the pool, as text (`alviz.data.rules.apply`): "ir=0.75", "1:10", "power-law=100", "only=horse, automobile",
    "merge=automobile, truck; 1:19", "ood=frog".
    extractor: None for the features that the dataset brings (`pca` where it brings images only), or the name of an extractor
    (`alviz.data.extractors.available()`). They see the whole pool; it is thinned after that. params: see the dataset's own function.
    Raises ValueError for an unknown name (with the nearest ones), parameter or value, FileNotFoundError where files are missing.
    """
    return making.create(name, imbalance, extractor, progress, params)


def card(name: str) -> Card:
    """What a person should know about the dataset."""
    return registry.card(name)
