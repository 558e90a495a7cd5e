"""logistic, knn and forest: scikit-learn's classics, with progress and with results that do not depend on the rows asked together."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alviz.checks import choice, number, whole
from alviz.learners.adapter import SklearnModel
from alviz.learners.base import Array, ConstantModel, Learner, Model, checked
from alviz.learners.blocks import by_blocks
from alviz.learners.linear_svm import LinearModel
from alviz.learners.quiet import quiet
from alviz.learners.scale import Scale, narrow
from alviz.progress import Progress, silent
from alviz.registry import Card


class Logistic(Learner):
    """Logistic regression (multinomial).

    C: inverse strength of the ½‖w‖² penalty on features scaled to mean squared norm 1, > 0. class_weight: None or "balanced".
    """

    name = "logistic"
    card = Card(
        title="Logistic regression",
        idea="Linear scores turned into probabilities, trained so that the labels seen are as probable as they can be.",
        formula="p = softmax(Wᵀx + b), minimising C · log loss + ½‖W‖²",
        needs="features",
        cost="time O(steps · L d K), some 30 steps; prediction O(n d K)",
        reference="Cox 1958; a softmax layer on fixed features",
        cites=("cox1958logistic",),
        shines="probabilities are trained for, not added afterwards",
        fails="where classes need curved borders (circles, xor)",
        options={
            "C": "Inverse strength of the penalty ½‖w‖² on the weights: larger follows the labels more closely.",
            "class_weight": "balanced: the rarer a class, the more its samples count in training; None: all alike.",
        },
    )

    def __init__(self, C: float = 10.0, class_weight: Literal["balanced"] | None = None):
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
        """Train; nothing is drawn from `rng`. Raises ValueError on bad input."""
        x, y, k = checked(x, y, n_classes)
        x = narrow(x)
        classes, columns = np.unique(y, return_inverse=True)
        if len(classes) == 1:
            return ConstantModel(int(classes[0]), k)
        from sklearn.linear_model import LogisticRegression

        report = progress or silent
        report(0.0)
        scale = Scale(x)
        fitted = LogisticRegression(C=self.C, class_weight=self.class_weight, max_iter=1000)
        with quiet():
            fitted.fit(scale(x).astype(np.float64), columns)
        report(1.0)
        weights, bias = fitted.coef_, fitted.intercept_
        if len(classes) == 2:  # softmax of (0, s) is the logistic function of s
            weights, bias = np.vstack([np.zeros_like(weights), weights]), np.hstack([0.0, bias])
        return LinearModel(scale, weights.T, bias, classes, k)

    def dump(self, model: Model) -> dict[str, Array] | None:
        """Weights, bias and scale."""
        return model.arrays() if isinstance(model, LinearModel) else None

    def load(self, arrays: Mapping[str, Array], n_classes: int) -> Model:
        """The model of the same weights."""
        return LinearModel.of(arrays, n_classes)


class KNNModel:
    """Votes of the nearest labelled samples."""

    def __init__(self, scale: Scale, votes: SklearnModel):
        self.scale = scale
        self.votes = votes
        self.n_classes = votes.n_classes

    def predict_proba(self, x: Array) -> NDArray[np.float64]:
        """(n, K) shares of the votes."""
        return by_blocks(lambda block: self.votes.predict_proba(self.scale(block)), x)


class KNN(Learner):
    """Nearest neighbours (Euclidean).

    n_neighbors: how many vote, at least 1; all labelled samples while there are fewer. weights: "uniform", or "distance" for votes by
    inverse distance.
    """

    name = "knn"
    card = Card(
        title="Nearest neighbours",
        idea="The nearest labelled samples vote.",
        formula="p_c = share of class c among the k nearest",
        needs="features",
        cost="no training; prediction O(n L d)",
        reference="Cover & Hart 1967",
        cites=("cover1967knn",),
        shines="shows directly what a label does: it colours its surroundings",
        fails="probabilities come in steps of 1/k, so many samples tie; distances mean little in many dimensions",
        options={
            "n_neighbors": "How many labelled neighbours vote.",
            "weights": "uniform: all votes count alike; distance: nearer ones count more.",
        },
    )

    def __init__(self, n_neighbors: int = 5, weights: Literal["uniform", "distance"] = "uniform"):
        whole("n_neighbors", n_neighbors, 1)
        choice("weights", weights, ("uniform", "distance"))
        self.n_neighbors = n_neighbors
        self.weights = weights

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
        """Remember the samples; nothing is drawn from `rng`. Raises ValueError on bad input."""
        x, y, k = checked(x, y, n_classes)
        x = narrow(x)
        if (y == y[0]).all():
            return ConstantModel(int(y[0]), k)
        from sklearn.neighbors import KNeighborsClassifier

        report = progress or silent
        report(0.0)
        # Centred first: squared distances lose their digits far from the origin.
        scale = Scale(x)
        fitted = KNeighborsClassifier(min(self.n_neighbors, len(y)), weights=self.weights)
        with quiet():
            fitted.fit(scale(x), y)
        report(1.0)
        return KNNModel(scale, SklearnModel(fitted, k))


class Forest(Learner):
    """Random forest.

    n_estimators: trees, at least 1. max_depth: their greatest depth, None for no limit. class_weight: None or "balanced".
    """

    name = "forest"
    card = Card(
        title="Random forest",
        idea="Many decision trees, each grown on a resample of the labels and of the features, vote.",
        formula="p = (1/B) Σ_b p_b",
        needs="features",
        cost="training O(B L √d log L), a tenth of a second for 100 trees; prediction O(n B log L)",
        reference="Breiman 2001",
        cites=("breiman2001forests",),
        shines="on tables whose columns have different units: it needs no scaling",
        fails="on features of a network with few labels, where linear learners are better; borders are stair-stepped",
        options={
            "n_estimators": "Number of trees.",
            "max_depth": "Questions in a row that a tree may ask; None: any number.",
            "class_weight": "balanced: the rarer a class, the more its samples count in training; None: all alike.",
        },
    )

    def __init__(self, n_estimators: int = 100, max_depth: int | None = None, class_weight: Literal["balanced"] | None = None):
        whole("n_estimators", n_estimators, 1)
        whole("max_depth", max_depth, 1, optional=True)
        choice("class_weight", class_weight, ("balanced",), optional=True)
        self.n_estimators = n_estimators
        self.max_depth = max_depth
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
        """Grow the trees, ten between two reports. Raises ValueError on bad input."""
        x, y, k = checked(x, y, n_classes)
        x = narrow(x)
        if (y == y[0]).all():
            return ConstantModel(int(y[0]), k)
        from sklearn.ensemble import RandomForestClassifier

        report = progress or silent
        # class_weight as numbers: scikit-learn takes no "balanced" where trees are added later.
        classes, counts = np.unique(y, return_counts=True)
        weights: Any = dict(zip(classes.tolist(), (len(y) / (len(classes) * counts)).tolist(), strict=True)) if self.class_weight else None
        forest = RandomForestClassifier(
            0, max_depth=self.max_depth, class_weight=weights, warm_start=True, random_state=int(rng.integers(2**31))
        )
        for grown in range(0, self.n_estimators, 10):
            report(grown / self.n_estimators)
            with quiet():
                forest.set_params(n_estimators=min(grown + 10, self.n_estimators)).fit(x, y)
        report(1.0)
        return SklearnModel(forest, k)
