"""auto-switch: fixed features or fine-tuning, whichever is better on the labels at hand."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.checks import whole
from alviz.data.extractors import Extractor
from alviz.learners import network as networks
from alviz.learners.base import Array, ConstantModel, Learner, Model, Samples, checked
from alviz.learners.calibration import fold_of
from alviz.learners.fine_tune import FineTune, FineTuneThresholded
from alviz.learners.network import Augment
from alviz.learners.pretrained import DEFAULT, FEATURES_STAY, OPTIONS
from alviz.learners.transfer import Transfer
from alviz.progress import Progress, silent
from alviz.registry import Card


class SwitchedModel:
    """The model of the better scheme. scheme: "transfer" or "fine-tune". note: what both reached, and which is used."""

    def __init__(self, scheme: str, model: Model, note: str):
        self.scheme = scheme
        self.model = model
        self.note = note
        self.n_classes = model.n_classes

    def predict_proba(self, x: Any) -> Array:
        """(n, K) of `Samples`."""
        return self.model.predict_proba(self._given(x))

    def embed(self, x: Any) -> Array:
        """(n, d) of `Samples`: the fine-tuned network's embedding, or the fixed features."""
        model: Any = self.model
        given = self._given(x)
        return model.embed(given) if self.scheme == "fine-tune" else given

    def _given(self, x: Samples) -> Array:
        return x.images if self.scheme == "fine-tune" else x.features


class AutoSwitch(Learner):
    """Transfer or fine-tuning, by cross-validation in every round."""

    name = "auto-switch"
    takes = "both"
    card = Card(
        title="Switch from transfer to fine-tuning by itself",
        idea="Both schemes are cross-validated on the labels of every round, and the better one gives the model.",
        formula="argmax over transfer and fine-tune of the mean accuracy over 80:20 splits; transfer where they are equal",
        needs="images, and the network's weights (see network); features are used where the dataset brings them",
        cost="folds + 1 fine-tunings a round: minutes to hours without a GPU",
        reference="Aggarwal, Popescu and Hudelot, Minority class oriented active learning for imbalanced datasets (2020), sections III and V-A",
        cites=("aggarwal2020minority",),
        shines="When nobody knows how far the pictures are from ImageNet: the paper's switch comes on Food-101 and never on CIFAR-100.",
        fails="Imbalanced labels: the accuracy that decides is that of frequent classes. With a handful of labels the split decides by luck.",
        deviation="The paper cross-validates after each iteration and switches in the next; here the labels of a round choose the model of that very "
        "round, which is the one that selects the next queries. Where no scheme is better the cheap one stays.",
        options={
            **OPTIONS,
            "network": OPTIONS["network"] + FEATURES_STAY,
            "base": "The learner trained on the features.",
            "imbalanced": "Weigh the base's errors by the inverse class frequency (CS-SVM) and threshold fine-tuning (FT-th), as the paper does.",
            "folds": "Splits into 80 % to train on and 20 % to test on: 5 test every label once, 1 is quickest.",
            **{name: networks.OPTIONS[name] for name in ("epochs", "batch_size", "lr", "weight_decay", "patience", "augment")},
        },
    )

    def __init__(
        self,
        network: str = DEFAULT,
        weights: str | os.PathLike[str] | None = None,
        size: int | None = None,
        base: str = "linear-svm",
        imbalanced: bool = True,
        folds: int = 5,
        epochs: int = 60,
        batch_size: int = 32,
        lr: float = 0.01,
        weight_decay: float = 1e-3,
        patience: int = 10,
        augment: Augment = "none",
    ):
        if not isinstance(imbalanced, bool):
            raise ValueError(f"imbalanced must be True or False, got {imbalanced!r}")
        self.folds = whole("folds", folds, 1, 5)
        self.transfer: Learner = Transfer(network, weights, size, base, {"class_weight": "balanced"} if imbalanced else None)
        self.fine_tune: Learner = (FineTuneThresholded if imbalanced else FineTune)(
            network, weights, size, epochs, batch_size, lr=lr, weight_decay=weight_decay, patience=patience, augment=augment
        )

    @property
    def extractor(self) -> Extractor | None:
        """The pretrained network. Raises ValueError where its packages are missing."""
        return self.transfer.extractor

    @property
    def provides(self) -> frozenset[str]:
        """embeddings."""
        return frozenset({"embeddings"})

    def fit(
        self,
        x: Any,
        y: NDArray[np.int64],
        *,
        n_classes: int | None = None,
        unlabelled: Any = None,
        previous: Model | None = None,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> Model:
        """Cross-validate both schemes on `Samples`, then train the better one on all of them. Raises ValueError on bad input."""
        if not isinstance(x, Samples):
            raise ValueError(f"learner {self.name!r} takes Samples (images and features), got {type(x).__name__}")
        _, y, k = checked(x.features, y, n_classes)
        if (y == y[0]).all():
            return ConstantModel(int(y[0]), k)
        report = progress or silent
        order = rng.permutation(len(y))
        fold = np.empty(len(y), dtype=np.int64)
        fold[order] = fold_of(y[order], 5)
        tests = [held for i in range(self.folds) if 0 < (held := fold == i).sum() < len(y)]
        steps, done = 2 * len(tests) + 1, 0

        def trained(learner: Learner, rows: NDArray[np.bool_]) -> Model:
            nonlocal done
            inputs = x.images if learner is self.fine_tune else x.features
            own = np.random.default_rng(int(rng.integers(2**63)))
            model = learner.fit(inputs[rows], y[rows], n_classes=k, rng=own, progress=lambda f: report((done + f) / steps))
            done += 1
            return model

        def reached(learner: Learner) -> float:
            inputs = x.images if learner is self.fine_tune else x.features
            right = [(trained(learner, ~held).predict_proba(inputs[held]).argmax(axis=1) == y[held]).mean() for held in tests]
            return float(np.mean(right))

        fixed, tuned = reached(self.transfer), reached(self.fine_tune)
        scheme = "fine-tune" if tuned > fixed else "transfer"
        note = f"transfer {fixed:.2f}, fine-tuning {tuned:.2f}: {'fine-tuning' if scheme == 'fine-tune' else 'transfer'}"
        model = trained(self.fine_tune if scheme == "fine-tune" else self.transfer, np.ones(len(y), dtype=bool))
        report(1.0)
        return SwitchedModel(scheme, model, note)
