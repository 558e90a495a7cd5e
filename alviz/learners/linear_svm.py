"""linear-svm: one-vs-rest linear support vector machines with a temperature-scaled softmax."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alviz.learners.base import Array, ConstantModel, Learner, Model, checked
from alviz.learners.blocks import Standardiser, by_blocks, features
from alviz.learners.calibration import fold_of, n_folds, softmax, temperature
from alviz.progress import Progress, silent
from alviz.registry import Card


class LinearModel:
    """Linear scores of standardised features, as probabilities.

    classes: (c,) columns that have labels; the others keep probability 0. weights: (d, c) float32. bias: (c,) float32.
    """

    def __init__(self, scale: Standardiser, weights: Array, bias: Array, classes: NDArray[np.int64], n_classes: int, temperature: float = 1.0):
        self.scale = scale
        self.weights = np.ascontiguousarray(weights, dtype=np.float32)
        self.bias = np.asarray(bias, dtype=np.float32)
        self.classes = classes
        self.n_classes = n_classes
        self.temperature = temperature

    def scores(self, x: Array) -> NDArray[np.float32]:
        """(n, c) scores, one column per labelled class."""
        return by_blocks(lambda block: self.scale(block) @ self.weights + self.bias, x)

    def predict_proba(self, x: Array) -> NDArray[np.float64]:
        """(n, K) softmax of the scores divided by the temperature."""
        proba = np.zeros((len(x), self.n_classes))
        proba[:, self.classes] = softmax(self.scores(x) / np.float32(self.temperature))
        return proba


class LinearSVM(Learner):
    """Linear SVM.

    C: weight of the training errors against the width of the margin, > 0. class_weight: None, or "balanced" to weigh errors by the
    inverse class frequency (the cost-sensitive SVM of papers on imbalanced data).
    """

    name = "linear-svm"
    card = Card(
        title="Linear SVM",
        idea="One linear border per class against all others, as far from both sides as it can be; a temperature found on held-out "
        "scores turns distances into probabilities.",
        formula="p = softmax(s / T), s_c = w_c · x + b_c, w_c minimises ½‖w‖² + C Σ max(0, 1 − y s)²",
        needs="features; two labels per class for calibration (T = 1 before that)",
        cost="4 fits of O(L d K) each; prediction O(n d K), a fraction of a second for 60,000 samples",
        reference="Fan et al. 2008, LIBLINEAR; temperature: Guo et al. 2017; cost-sensitive: Veropoulos et al. 1999",
        shines="on features of a pretrained network with few labels, where it is quick and hard to beat",
        fails="where classes need curved borders (circles, xor)",
    )

    def __init__(self, C: float = 1.0, class_weight: Literal["balanced"] | None = None):
        if not C > 0:
            raise ValueError(f"C must be a positive number, got {C!r}")
        if class_weight not in (None, "balanced"):
            raise ValueError(f'class_weight must be None or "balanced", got {class_weight!r}')
        self.C = C
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
        """Train; nothing is drawn from `rng`, the optimum is unique. Raises ValueError on bad input."""
        x, y, k = checked(x, y, n_classes)
        x = features(x)
        report = progress or silent
        classes, columns = np.unique(y, return_inverse=True)
        if len(classes) == 1:
            return ConstantModel(int(classes[0]), k)
        folds = n_folds(y)
        fold = fold_of(columns, folds)
        scores = np.empty((len(y), len(classes)))
        for held_out in range(folds if folds > 1 else 0):
            report(held_out / (folds + 1))
            kept = fold != held_out
            part = self._train(x[kept], columns[kept], classes, k, 1.0)
            scores[~kept] = part.scores(x[~kept])
        report(folds / (folds + 1))
        model = self._train(x, columns, classes, k, temperature(scores, columns) if folds > 1 else 1.0)
        report(1.0)
        return model

    def _train(self, x: Array, columns: Array, classes: NDArray[np.int64], k: int, heat: float) -> LinearModel:
        from sklearn.svm import LinearSVC

        scale = Standardiser(x)
        # The primal problem needs no random order, and Newton's method solves it in some ten steps on standardised features.
        svm: Any = LinearSVC(C=self.C, class_weight=self.class_weight, dual=False, tol=1e-2)
        svm.fit(scale(x), columns)
        weights, bias = svm.coef_.T, svm.intercept_
        if len(classes) == 2:  # one border only: its distance s speaks for the second class, −s for the first
            weights, bias = np.hstack([-weights, weights]), np.hstack([-bias, bias])
        return LinearModel(scale, weights, bias, classes, k, heat)
