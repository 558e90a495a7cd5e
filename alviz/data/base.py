"""The registry of datasets."""

from alviz.data.dataset import Dataset
from alviz.registry import Registry

registry: Registry[Dataset] = Registry("dataset", "alviz.data")
