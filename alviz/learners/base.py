"""The Learner and Model contracts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from alviz.progress import Progress
from alviz.registry import Card, Registry

if TYPE_CHECKING:
    from alviz.data.extractors import Extractor

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Samples:
    """The same samples twice, for learners that take both. images: uint8 (n, H, W[, C]). features: float32 (n, d)."""

    images: NDArray[np.uint8]
    features: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Any) -> "Samples":
        return Samples(self.images[rows], self.features[rows])


class Model(Protocol):
    """A fitted classifier. It never changes after `fit`: asking it anything leaves weights, buffers, modes and global random state alone."""

    n_classes: int

    def predict_proba(self, x: Array) -> Array:
        """(n, K) class probabilities, columns in class_names order also while some classes have no label yet. Rows sum to 1."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """A Model with a representation of its own (the input of its last linear layer)."""

    def embed(self, x: Array) -> Array:
        """(n, d) representation."""
        ...


@runtime_checkable
class HasDropout(Protocol):
    """A Model whose dropout layers can be left on at prediction time (MC dropout)."""

    def dropout_proba(self, x: Array, draws: int, rng: np.random.Generator) -> Array:
        """(T, n, K) probabilities of `draws` stochastic passes."""
        ...


@runtime_checkable
class HasCommittee(Protocol):
    """A Model made of several members."""

    def committee_proba(self, x: Array) -> Array:
        """(T, n, K) probabilities, one layer per member."""
        ...


@runtime_checkable
class PredictsLoss(Protocol):
    """A Model trained along with a loss-prediction module."""

    def predicted_loss(self, x: Array) -> Array:
        """(n,) predicted losses."""
        ...


class Learner:
    """A recipe for training. Subclass it with a `name` and a `card`, implement `fit`, and it is registered.

    takes: what `fit` and `predict_proba` get, "features" float32 (n, d), "images" uint8, or "both" as `Samples`. provides: signals a fitted model offers beyond
    probabilities, of "embeddings", "committee_posterior", "dropout_posterior", "predicted_loss", "critic", "module" (known before any training, so
    that the app can grey out what cannot work). trains_on_pool: whether `fit` wants the unlabelled samples too.
    """

    name: ClassVar[str] = ""
    card: ClassVar[Card]
    takes: Literal["features", "images", "both"] = "features"
    trains_on_pool: bool = False

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("name"):
            registry.add(cls.name, cls, cls.card)

    @property
    def provides(self) -> frozenset[str]:
        """Extra signals of the models that this learner makes."""
        return frozenset()

    @property
    def extractor(self) -> "Extractor | None":
        """Where a Run takes features from for a dataset that brings images alone; None: from alviz's default. Raises ValueError where it cannot be had."""
        return None

    def fit(
        self,
        x: Array,
        y: NDArray[np.int64],
        *,
        n_classes: int | None = None,
        unlabelled: Array | None = None,
        previous: Model | None = None,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Model:
        """Train on x (n, d) or (n, H, W[, C]) with labels y (n,) in 0 … n_classes − 1 (default: max(y) + 1).

        unlabelled: samples of the pool without a label, for learners that say `trains_on_pool`. previous: last round's model, for warm starts. progress: called between
        any two mini-batches; it may raise `Cancelled`. One labelled class gives a constant model. Raises ValueError on bad input.
        """
        raise NotImplementedError

    def dump(self, model: Model) -> dict[str, Array] | None:
        """A model of this learner as arrays of numbers, from which `load` makes it again, bit for bit. None: it cannot be had as arrays.

        (Then a run trains it again where it is needed and no longer in memory.)
        """
        return None

    def describe(self, model: Model) -> dict[str, Any]:
        """What a reader of a saved model's model.json should know beside the learner's settings, as JSON-able values."""
        return {}

    def load(self, arrays: Mapping[str, Array], n_classes: int) -> Model:
        """The model that `dump` made `arrays` of, for n_classes classes."""
        raise NotImplementedError


registry: Registry[Learner] = Registry("learner", "alviz.learners")


def checked(x: Array, y: Array, n_classes: int | None) -> tuple[Array, NDArray[np.int64], int]:
    """Validated (x, y, K) for `fit`. Raises ValueError naming the argument, what came and what was wanted."""
    y = np.asarray(y)
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
        raise ValueError(f"y must be a one-dimensional array of integers, got {y.dtype} {y.shape}")
    if len(y) == 0:
        raise ValueError("y is empty: at least one labelled sample is needed to train")
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} rows, y has {len(y)}")
    k = int(y.max()) + 1 if n_classes is None else int(n_classes)
    if y.min() < 0 or y.max() >= k:
        raise ValueError(f"y must lie in 0 … {k - 1}, got {int(y.min())} … {int(y.max())}")
    if np.issubdtype(np.asarray(x).dtype, np.floating) and not np.isfinite(x).all():
        raise ValueError("x holds NaN or infinity")
    return np.asarray(x), y.astype(np.int64), k


class ConstantModel:
    """What can be predicted before there are two classes: the one class seen with probability 1; with no label at all, 1/K each."""

    def __init__(self, label: int | None, n_classes: int):
        self.label = label
        self.n_classes = n_classes

    def predict_proba(self, x: Sequence[Any] | Array) -> Array:
        """(n, K): the same row for every sample."""
        if self.label is None:
            return np.full((len(x), self.n_classes), 1.0 / self.n_classes)
        proba = np.zeros((len(x), self.n_classes))
        proba[:, self.label] = 1.0
        return proba
