"""rbf-svm: a support vector machine with a Gaussian kernel, probabilities by cross-validated Platt scaling."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alviz.checks import choice, number
from alviz.learners.base import Array, ConstantModel, Learner, Model, checked
from alviz.learners.blocks import by_blocks
from alviz.learners.calibration import fold_of, n_folds, softmax
from alviz.learners.quiet import quiet
from alviz.learners.scale import Scale, narrow
from alviz.progress import Progress, silent
from alviz.registry import Card


class KernelModel:
    """A fitted kernel SVM; columns of classes without labels hold 0."""

    def __init__(self, scale: Scale, svm: Any, classes: NDArray[np.int64], n_classes: int):
        self.scale = scale
        self.svm = svm
        self.classes = classes
        self.n_classes = n_classes

    def predict_proba(self, x: Array) -> NDArray[np.float64]:
        """(n, K): calibrated, or the softmax of the one-vs-rest decision values where there were too few labels for that."""
        proba = np.zeros((len(x), self.n_classes))
        proba[:, self.classes] = by_blocks(lambda block: self._proba(self.scale(block)), x)
        return proba

    def _proba(self, z: Array) -> Array:
        if hasattr(self.svm, "predict_proba"):
            return np.asarray(self.svm.predict_proba(z))
        decision = self.svm.decision_function(z)
        return softmax(decision if decision.ndim == 2 else np.stack([-decision, decision], axis=1))


class RBFSVM(Learner):
    """SVM with a Gaussian kernel.

    C: weight of the training errors, > 0. gamma: exp(−gamma ‖x − x'‖²) on features scaled to mean squared norm 1; "scale" is 1.
    class_weight: None, or "balanced" to weigh errors by the inverse class frequency.
    """

    name = "rbf-svm"
    card = Card(
        title="SVM, Gaussian kernel",
        idea="The widest border between classes in the space of similarities to labelled samples; it may curve as it must.",
        formula="f(x) = Σ_i α_i y_i exp(−γ ‖x − x_i‖²) + b, then p by Platt scaling on held-out values",
        needs="features; two labels per class for calibration (softmax of f before that)",
        cost="training O(L² d); prediction O(n L d): seconds to tens of seconds for 60,000 samples and 1,000 labels",
        reference="Cortes & Vapnik 1995; Platt 1999",
        cites=("cortes1995svm", "platt1999probabilistic"),
        shines="on few features with curved classes (moons, circles, spirals)",
        fails="slow on large pools; far from every labelled sample all kernels vanish and so does what it knows",
        options={
            "C": "Weight of training errors against the width of the margin: larger follows the labels more closely.",
            "gamma": "The kernel is exp(−gamma ‖x − y‖²); scale: 1, for features scaled to mean squared norm 1.",
            "class_weight": "balanced: the rarer a class, the more its samples count in training; None: all alike.",
        },
    )

    def __init__(self, C: float = 3.0, gamma: float | Literal["scale"] = "scale", class_weight: Literal["balanced"] | None = None):
        number("C", C, 0, above=True)
        if gamma != "scale":
            number("gamma", gamma, 0, above=True)
        choice("class_weight", class_weight, ("balanced",), optional=True)
        self.C = C
        self.gamma = gamma
        self.class_weight = class_weight

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
        """Train; nothing is drawn from `rng`. Raises ValueError on bad input."""
        x, y, k = checked(x, y, n_classes)
        x = narrow(x)
        classes, columns = np.unique(y, return_inverse=True)
        if len(classes) == 1:
            return ConstantModel(int(classes[0]), k)
        from sklearn.calibration import CalibratedClassifierCV

        report = progress or silent
        scale = Scale(x)
        folds = n_folds(y)
        # libsvm draws a seed from numpy's global state even where it needs none, unless it is given one.
        svm = _reporting(report, folds + 1 if folds > 1 else 1)(
            C=self.C, gamma=1.0 if self.gamma == "scale" else self.gamma, class_weight=self.class_weight, random_state=0
        )
        if folds > 1:
            fold = fold_of(columns, folds)
            splits = [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(folds)]
            svm = CalibratedClassifierCV(svm, ensemble=False, cv=splits)
        with quiet():
            svm.fit(scale(x), columns)
        report(1.0)
        return KernelModel(scale, svm, classes, k)


def _reporting(report: Callable[[float], None], fits: int) -> Any:
    """An SVC class that reports before each of `fits` fits, so that the work can be cancelled between them."""
    from sklearn.svm import SVC

    done = iter(range(fits))

    class Reporting(SVC):
        def fit(self, *args: Any, **kwargs: Any) -> Any:
            report(next(done) / fits)
            return super().fit(*args, **kwargs)

    return Reporting
