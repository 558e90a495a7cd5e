"""Any scikit-learn classifier as a Learner."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.learners import published
from alviz.learners.base import Array, ConstantModel, Learner, Model, checked
from alviz.learners.blocks import by_blocks
from alviz.learners.quiet import quiet
from alviz.learners.scale import narrow
from alviz.progress import Progress, silent
from alviz.registry import Card


class SklearnModel:
    """A fitted scikit-learn classifier; columns of classes without labels hold 0."""

    def __init__(self, estimator: Any, n_classes: int):
        self.estimator = estimator
        self.n_classes = n_classes

    def predict_proba(self, x: Array) -> NDArray[np.float64]:
        """(n, K). Raises ValueError where the classifier gives NaN or infinity."""
        proba = np.zeros((len(x), self.n_classes))
        proba[:, self.estimator.classes_] = by_blocks(self.estimator.predict_proba, x)
        if not np.isfinite(proba).all():
            raise ValueError(f"{type(self.estimator).__name__}.predict_proba gave NaN or infinity")
        return proba


class SklearnLearner(Learner):
    """A scikit-learn classifier as a Learner: `SklearnLearner(GaussianNB())`.

    estimator: an unfitted classifier with `predict_proba`. It is cloned for every fit; a `random_state` of None (also one of a nested
    step) is drawn from the run's generator, so that rounds can be repeated. It sees the features as they are. Raises ValueError for
    anything that is not such a classifier.
    """

    def __init__(self, estimator: Any):
        if not is_classifier(estimator):
            raise ValueError(f"estimator must be a scikit-learn classifier with fit and predict_proba, got {_named(estimator)}")
        self.estimator = estimator
        self.name = type(estimator).__name__  # type: ignore[misc]
        self.card = Card(  # type: ignore[misc]
            title=self.name, idea="A scikit-learn classifier.", needs="features", reference=f"{type(estimator).__module__}.{self.name}"
        )

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
        """Train a clone of the classifier. Raises ValueError on bad input."""
        x, y, k = checked(x, y, n_classes)
        report = progress or silent
        report(0.0)
        if (y == y[0]).all():
            return ConstantModel(int(y[0]), k)
        from sklearn.base import clone

        estimator = clone(self.estimator)
        seeds = {
            name: int(rng.integers(2**31))
            for name, value in sorted(estimator.get_params().items())
            if value is None and name.split("__")[-1] == "random_state"
        }
        with quiet():
            estimator.set_params(**seeds).fit(narrow(x), y)
        report(1.0)
        return SklearnModel(estimator, k)


def is_classifier(thing: Any) -> bool:
    """Whether `thing` can be trained, cloned and asked for probabilities the scikit-learn way (an instance, not a class)."""
    return not isinstance(thing, type) and all(
        callable(getattr(thing, name, None)) for name in ("fit", "predict_proba", "get_params", "set_params")
    )


def as_learner(thing: Any) -> Learner:
    """A Learner from a registry name, a Learner, or a scikit-learn classifier. Raises ValueError for anything else."""
    if isinstance(thing, str):
        return published.create(thing)
    if isinstance(thing, Learner):
        return thing
    if is_classifier(thing):
        return SklearnLearner(thing)
    raise ValueError(f"learner must be a registry name, a Learner or a scikit-learn classifier with predict_proba, got {_named(thing)}")


def _named(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else type(thing).__name__
