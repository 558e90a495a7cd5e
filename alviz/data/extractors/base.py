"""The Extractor contract."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from alviz.progress import Progress, silent
from alviz.registry import Card, Registry

Images = NDArray[np.uint8]
Features = NDArray[np.float32]


class Extractor:
    """Turns images into features. Subclass it with a `name` and a `card`, implement `extract`, and it is registered.

    version: raise it when the same images give other features than before. key: JSON-able values that, with name and version, fix the result;
    None where nothing can. Results of an extractor without a key or without a name are not cached.
    """

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    card: ClassVar[Card]

    def __init_subclass__(cls, **kwargs: object):
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("name"):
            registry.add(cls.name, cls, cls.card)

    @property
    def key(self) -> dict[str, Any] | None:
        """What fixes the result, beside name and version."""
        return {}

    @property
    def label(self) -> str:
        """The name shown to people and written into a run's configuration."""
        return self.name

    def fitted(self, images: Images, progress: Progress = silent) -> "Extractor":
        """The extractor after a look at the pool (PCA finds its directions there); most need none."""
        return self

    def extract(self, images: Images, progress: Progress = silent) -> Features:
        """(n, H, W[, C]) uint8 -> (n, d) float32, row by row: pictures may be asked for in any parts once `fitted` has seen the pool.

        `progress` is called between batches and may raise `Cancelled`.
        """
        raise NotImplementedError


registry: Registry[Extractor] = Registry("extractor", "alviz.data.extractors")


class CallableExtractor(Extractor):
    """Any function of images as an extractor; its results are not cached, since a function has no version."""

    def __init__(self, function: Callable[[Images], Any]):
        self.function = function

    @property
    def key(self) -> dict[str, Any] | None:
        """None: never cached."""
        return None

    @property
    def label(self) -> str:
        """The function's name."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def extract(self, images: Images, progress: Progress = silent) -> Features:
        """Whatever the function gives, as float32 (n, d). Raises ValueError when it gives something else."""
        progress(0.0)
        features = np.asarray(self.function(images))
        if features.ndim != 2 or len(features) != len(images) or features.dtype.kind not in "fiub":
            wanted = f"({len(images)}, d) numbers"
            raise ValueError(f"extractor {self.label!r} must give {wanted} for {len(images)} images, got {features.dtype} {features.shape}")
        progress(1.0)
        return features.astype(np.float32, copy=False)
