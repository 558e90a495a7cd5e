"""Making a dataset from its spec: the named pool, then its features, then its imbalance."""

import json
import os
from dataclasses import replace
from typing import Any

import numpy as np

from alviz.data import rules
from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.extract import with_features
from alviz.progress import Progress

DEFAULT_EXTRACTOR = "pca"
"""For images that bring no features: quick, and needs nothing installed or downloaded."""


def create(name: str, imbalance: str | None, extractor: str | None, progress: Progress, params: dict[str, Any]) -> Dataset:
    """See `alviz.data.create`."""
    plain = _plain(params)
    read = 0.0
    if "progress" in registry.parameters(name):
        read = 0.5
        params = {**params, "progress": lambda done: progress(read * done)}
    made = registry.create(name, **params)
    # One that knows what makes it again says so itself: its whole path, its classes.
    dataset = made if made.spec is not None else replace(made, spec={"name": registry.resolve(name), "params": plain})
    if extractor is None and dataset.features is None:
        extractor = DEFAULT_EXTRACTOR
    if extractor is not None:
        dataset = with_features(dataset, extractor, lambda done: progress(read + (1.0 - read) * done))
    return rules.apply(dataset, imbalance)


def _plain(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters as JSON gives them back (lists for tuples and arrays, text for paths)."""

    def simple(value: Any) -> Any:
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if isinstance(value, np.generic | np.ndarray):
            return value.tolist()
        raise ValueError(f"parameters must be plain values, got {value!r}")

    plain: dict[str, Any] = json.loads(json.dumps(params, default=simple))
    return plain
