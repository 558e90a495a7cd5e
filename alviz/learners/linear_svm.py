"""linear-svm: one-vs-rest linear support vector machines with a temperature-scaled softmax."""

import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from alviz.checks import choice, number
from alviz.learners.base import Array, ConstantModel, Learner, Model, checked
from alviz.learners.blocks import by_blocks
from alviz.learners.calibration import fold_of, n_folds, softmax, temperature
from alviz.learners.quiet import quiet
from alviz.learners.scale import Scale, narrow
from alviz.progress import Progress, silent
from alviz.registry import Card

if TYPE_CHECKING:
    from torch import nn

AT_ONCE = 4_000_000
"""Numbers (samples · features · classes) in one call of the solver: a fraction of a second, so that cancelling is never slow."""


class LinearModel:
    """Linear scores of scaled features, as probabilities.

    classes: (c,) columns that have labels; the others keep probability 0. weights: (d, c) float32. bias: (c,) float32.
    """

    def __init__(self, scale: Scale, weights: Array, bias: Array, classes: NDArray[np.int64], n_classes: int, temperature: float = 1.0):
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

    def arrays(self) -> dict[str, Array]:
        """All that it holds, from which `of` makes it again."""
        own: dict[str, Array] = {
            "weights": self.weights,
            "bias": self.bias,
            "classes": self.classes,
            "temperature": np.array(self.temperature),
        }
        return {**self.scale.arrays(), **own}

    @classmethod
    def of(cls, arrays: Mapping[str, Array], n_classes: int) -> "LinearModel":
        """The model that gave `arrays`."""
        weights, bias, classes = (arrays[name] for name in ("weights", "bias", "classes"))
        return cls(Scale.of(arrays), weights, bias, classes, n_classes, float(arrays["temperature"]))

    @cached_property
    def module(self) -> "nn.Sequential":
        """The scores in torch: features (n, d) -> logits (n, K), up to the temperature; 0 for classes without labels."""
        from alviz.learners.deep.shallow import layers

        return layers(self.scale, [(self.weights, self.bias)], self.classes, self.n_classes)


LIBLINEAR = threading.Lock()
"""Held while liblinear trains: it draws from one generator of the whole process, so that two trainings at once would disturb each other."""


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
        reference="Fan et al. 2008, LIBLINEAR; temperature: Guo et al. 2017; on ImageNet features as in Aggarwal, Popescu and Hudelot",
        cites=("fan2008liblinear", "guo2017calibration"),
        shines="on features of a pretrained network with few labels, where it is quick and hard to beat",
        fails="where classes need curved borders (circles, xor)",
        options={
            "C": "Weight of training errors against the width of the margin: larger follows the labels more closely.",
            "class_weight": "balanced: the rarer a class, the more its samples count in training; None: all alike.",
        },
    )

    def __init__(self, C: float = 1.0, class_weight: Literal["balanced"] | None = None):
        number("C", C, 0, above=True)
        choice("class_weight", class_weight, ("balanced",), optional=True)
        self.C = C
        self.class_weight = class_weight

    @property
    def provides(self) -> frozenset[str]:
        """module."""
        return frozenset({"module"})

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
        """Train; nothing is drawn from `rng`: the optimum is unique. Raises ValueError on bad input."""
        x, y, k = checked(x, y, n_classes)
        x = narrow(x)
        report = progress or silent
        classes, columns = np.unique(y, return_inverse=True)
        if len(classes) == 1:
            return ConstantModel(int(classes[0]), k)
        folds = n_folds(y)
        held_out = range(folds) if folds > 1 else range(0)
        share = 1.0 / (len(held_out) + 1)
        fold = fold_of(columns, folds)
        scores = np.empty((len(y), len(classes)))
        for i in held_out:
            kept = fold != i
            part = self._train(x[kept], columns[kept], classes, k, lambda f, i=i: report((i + f) * share))  # type: ignore[misc]
            scores[~kept] = part.scores(x[~kept])
        model = self._train(x, columns, classes, k, lambda f: report(1 - share + f * share))
        if held_out:
            model.temperature = temperature(scores, columns)
        report(1.0)
        return model

    def dump(self, model: Model) -> dict[str, Array] | None:
        """Weights, bias, scale and temperature."""
        return model.arrays() if isinstance(model, LinearModel) else None

    def load(self, arrays: Mapping[str, Array], n_classes: int) -> Model:
        """The model of the same borders."""
        return LinearModel.of(arrays, n_classes)

    def _train(self, x: Array, columns: Array, classes: NDArray[np.int64], k: int, report: Callable[[float], None]) -> LinearModel:
        """The uncalibrated model."""
        scale = Scale(x)
        weights, bias = self._borders(scale(x).astype(np.float64), columns, len(classes), report)
        if len(classes) == 2:  # one border: its distance s speaks for the second class, −s for the first
            weights, bias = np.vstack([-weights, weights]), np.hstack([-bias, bias])
        return LinearModel(scale, weights.T, bias, classes, k)

    def _borders(self, z: Array, columns: Array, c: int, report: Callable[[float], None]) -> tuple[Array, Array]:
        """Weights (c, d) and intercepts (c,) of the borders, (1, d) and (1,) for two classes."""
        report(0.0)
        if c == 2 or z.size * c <= AT_ONCE:
            return self._solve(z, columns, self.class_weight)
        rare = len(z) / (c * np.bincount(columns)) if self.class_weight else np.ones(c)
        borders = []
        for i in range(c):
            report(i / c)
            borders.append(self._solve(z, columns == i, {False: 1.0, True: float(rare[i])}))
        return np.vstack([w for w, _ in borders]), np.hstack([b for _, b in borders])

    def _solve(self, z: Array, y: Array, class_weight: str | dict[bool, float] | None) -> tuple[Array, Array]:
        from sklearn import config_context
        from sklearn.svm import LinearSVC

        # With many samples per feature Newton's method on the primal problem is exact in a few steps; else coordinate descent on the
        # dual is quicker and closer to the optimum (its order of coordinates comes from a fixed seed).
        dual = len(z) <= 10 * z.shape[1]
        svm = LinearSVC(C=self.C, class_weight=class_weight, dual=dual, tol=1e-2 if dual else 1e-4, random_state=0)
        with quiet(), config_context(assume_finite=True, skip_parameter_validation=True), LIBLINEAR:  # `fit` has looked
            svm.fit(z, y)
        return svm.coef_, svm.intercept_
