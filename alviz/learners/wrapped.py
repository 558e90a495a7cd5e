"""A learner around another one."""

from typing import TYPE_CHECKING, Any

import numpy as np

from alviz.learners.base import Learner, Samples

if TYPE_CHECKING:
    from alviz.data.extractors import Extractor


class WrappedLearner(Learner):
    """Takes, gives and is called what its base is; `fit` is where it differs."""

    def __init__(self, base: Learner):
        self.base = base
        self.name = base.name  # type: ignore[misc]
        self.takes = base.takes
        self.trains_on_pool = base.trains_on_pool

    @property
    def provides(self) -> frozenset[str]:
        """What the base provides."""
        return self.base.provides

    @property
    def extractor(self) -> "Extractor | None":
        """What the base takes features from."""
        return self.base.extractor


def joined(x: Any, more: Any) -> Any:
    """What a learner takes of some samples, and then of some more: arrays, or Samples."""
    if isinstance(x, Samples):
        return Samples(np.concatenate([x.images, more.images]), np.concatenate([x.features, more.features]))
    return np.concatenate([x, more])
