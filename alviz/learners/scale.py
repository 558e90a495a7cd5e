"""The scale on which learners see features: centred, and divided by one number."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from alviz.learners.base import Array

LIMIT = 1e6
"""Largest scaled feature: a value this far out says nothing more, and float32 products of it stay finite."""


class Scale:
    """Centres features on the training mean and divides all of them by one number, so that their mean square is `size`.

    One number for all features, because features of a network or of a PCA carry meaning in their relative sizes: a scale of its own for
    each would blow the noise in the small ones up (and a handful of labelled samples could not tell the scales anyway). A table whose
    columns have different units wants to be standardised before. size: "norm" for a mean squared norm of 1, "feature" for a mean
    variance of 1 per feature.
    """

    def __init__(self, x: Array, size: str = "norm"):
        wide = np.asarray(x, dtype=np.float64)
        self.mean = wide.mean(axis=0).astype(np.float32)
        variance = wide.var(axis=0)
        spread = np.sqrt(variance.sum() if size == "norm" else variance.mean())
        # Equal float32 values can show a spread of rounding errors.
        alike = spread <= 1e-7 * np.abs(wide).max()
        self.factor = np.float32(1.0 if alike else 1.0 / spread)

    def arrays(self) -> dict[str, Array]:
        """mean (d,) and factor, from which `of` makes it again."""
        return {"mean": self.mean, "factor": np.array(self.factor)}

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> "Scale":
        """The scale that gave `arrays`."""
        scale = cls.__new__(cls)
        scale.mean, scale.factor = arrays["mean"], np.float32(arrays["factor"])
        return scale

    def __call__(self, x: Array) -> NDArray[np.float32]:
        """x (n, d) scaled, float32, within ±LIMIT."""
        with np.errstate(over="ignore"):
            z = np.subtract(x, self.mean, dtype=np.float32)
            z *= self.factor
        return np.clip(z, -LIMIT, LIMIT, out=z)


def narrow(x: Array) -> NDArray[np.float32]:
    """x as float32 (n, d). Raises ValueError when it is not (n, d) or holds values that float32 cannot hold."""
    if np.ndim(x) != 2:
        raise ValueError(f"x must be features (n, d), got an array of shape {np.shape(x)}")
    with np.errstate(over="ignore"):
        out = np.asarray(x, dtype=np.float32)
    if not np.isfinite(out).all():
        raise ValueError("x holds values beyond the range of float32")
    return out
