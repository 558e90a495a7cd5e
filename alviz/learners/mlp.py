"""mlp and mlp-dropout: a perceptron with one hidden ReLU layer."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from alviz.checks import number
from alviz.learners.base import Array, ConstantModel, Learner, Model, checked
from alviz.learners.blocks import by_blocks
from alviz.learners.calibration import softmax
from alviz.learners.perceptron import F32, Perceptrons, Training, train
from alviz.learners.scale import Scale, narrow
from alviz.progress import Progress, silent
from alviz.registry import Card

if TYPE_CHECKING:
    from torch import nn


class PerceptronModel:
    """T perceptrons trained on the same samples; as a classifier, their mean.

    scale: what the networks see. classes: (c,) columns that have labels, in the order of the networks' outputs; the others keep
    probability 0.
    """

    def __init__(self, scale: Scale, nets: Perceptrons, classes: NDArray[np.int64], n_classes: int):
        self.scale = scale
        self.nets = nets
        self.classes = classes
        self.n_classes = n_classes

    def predict_proba(self, x: Array) -> NDArray[np.float64]:
        """(n, K) mean of the members' probabilities."""
        return by_blocks(lambda block: self._proba(block).mean(axis=0), x)

    def embed(self, x: Array) -> F32:
        """(n, T·h) hidden activations of all members side by side, divided by √T: inner products are the members' mean inner products.

        Side by side, not averaged: hidden unit j of one member has nothing to do with hidden unit j of another.
        """

        def side_by_side(block: F32) -> F32:
            hidden = self.nets.hidden(self.scale(block))
            return np.concatenate(list(hidden / np.float32(np.sqrt(len(hidden)))), axis=1)

        return by_blocks(side_by_side, x)

    def arrays(self) -> dict[str, Array]:
        """All that it holds, from which `of` makes it again."""
        return {**self.scale.arrays(), "weights": self.nets.flat, "shape": np.array(self.nets.shape), "classes": self.classes}

    @classmethod
    def of(cls, arrays: Mapping[str, Array], n_classes: int, *more: Any) -> Self:
        """The model that gave `arrays`. more: what else the class takes."""
        nets = Perceptrons(arrays["weights"], *(int(size) for size in arrays["shape"]))
        return cls(Scale.of(arrays), nets, arrays["classes"], n_classes, *more)

    def _proba(self, block: F32) -> NDArray[np.float64]:
        """(T, n, K) of one block."""
        return self._spread(softmax(self.nets.logits(self.nets.hidden(self.scale(block)))))

    def _spread(self, proba: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.zeros((*proba.shape[:-1], self.n_classes))
        out[..., self.classes] = proba
        return out


class MLPModel(PerceptronModel):
    """One perceptron."""

    def logits(self, x: Array) -> F32:
        """(n, K) outputs before the softmax; −∞ for classes without labels."""

        def outputs(block: F32) -> F32:
            out = np.full((len(block), self.n_classes), -np.inf, dtype=np.float32)
            out[:, self.classes] = self.nets.logits(self.nets.hidden(self.scale(block)))[0]
            return out

        return by_blocks(outputs, x)

    @cached_property
    def module(self) -> "nn.Sequential":
        """The same perceptron in torch: features (n, d) -> logits (n, K), 0 for classes without labels."""
        from alviz.learners.deep.shallow import layers

        nets = self.nets
        return layers(self.scale, [(nets.w1[0], nets.b1[0, 0]), (nets.w2[0], nets.b2[0, 0])], self.classes, self.n_classes)


class DropoutModel(MLPModel):
    """One perceptron that was trained with dropout, and can keep it on."""

    def __init__(self, scale: Scale, nets: Perceptrons, classes: NDArray[np.int64], n_classes: int, dropout: float):
        super().__init__(scale, nets, classes, n_classes)
        self.dropout = dropout

    def dropout_proba(self, x: Array, draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """(T, n, K): every draw leaves hidden units out at random, the same ones for all samples of that draw.

        One thinned network per draw (Gal & Ghahramani 2016 see a draw as one sample of the weights): a sample's result then does not
        depend on the others, and joint statements about several samples make sense (Kirsch et al. 2019, BatchBALD, section 4.1).
        """
        kept = rng.random((draws, self.nets.w2.shape[1])) >= self.dropout
        thinned = self.nets.w2 * (kept[:, :, None] / np.float32(1 - self.dropout)).astype(np.float32)

        def passes(block: F32) -> NDArray[np.float64]:
            out = np.matmul(self.nets.hidden(self.scale(block)), thinned)
            out += self.nets.b2
            return self._spread(softmax(out))

        return by_blocks(passes, x, axis=1)


OPTIONS = {
    "hidden": "Units of the hidden layer.",
    "dropout": "Share of hidden units left out in training; above 0 the model can make stochastic passes.",
    "optimizer": "adam, or sgd with Nesterov momentum 0.9.",
    "lr": "Learning rate.",
    "epochs": "Passes over the labelled samples.",
    "batch_size": "Samples in a mini-batch.",
    "weight_decay": "Factor of ½‖w‖² in the loss.",
}
"""What the settings do, for cards."""


class MLP(Learner):
    """Perceptron with one hidden layer.

    hidden: its width. dropout: share of hidden units left out in training, 0 ≤ dropout < 1. optimizer: "adam", or "sgd" (Nesterov
    momentum 0.9). lr: learning rate. epochs, batch_size: how long, and in what portions. weight_decay: factor of ½‖w‖² in the loss.
    """

    name = "mlp"
    card = Card(
        title="Neural network (2 layers)",
        idea="A small neural network with one hidden layer of ReLU units, trained afresh in every round.",
        formula="p = softmax(W₂ᵀ relu(W₁ᵀ x + b₁) + b₂)",
        needs="features",
        cost="time O(epochs · L h (d + K)); 20 ms for 50 labels in the plane",
        reference="the perceptron of Muthakana, Uncertainty and diversity in deep active image classification (2019), section 3.3; Adam: Kingma & Ba 2015",
        cites=("muthakana2019uncertainty", "kingma2015adam"),
        shines="where classes need curved borders; its hidden layer is an embedding of its own",
        fails="on very few labels it is sure of itself without reason; results vary with the first weights",
        options=OPTIONS,
    )

    def __init__(
        self,
        hidden: int = 64,
        dropout: float = 0.0,
        optimizer: Literal["adam", "sgd"] = "adam",
        lr: float = 0.01,
        epochs: int = 100,
        batch_size: int = 64,
        weight_decay: float = 1e-3,
    ):
        self.training = Training(hidden, dropout, optimizer, lr, epochs, batch_size, weight_decay)

    @property
    def provides(self) -> frozenset[str]:
        """embeddings, module; dropout_posterior where there is dropout."""
        return frozenset({"embeddings", "module"} | ({"dropout_posterior"} if self.training.dropout else set()))

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
        """Train from new weights. Raises ValueError on bad input."""
        model = fit_members(x, y, n_classes, seeds(rng, 1), self.training, progress)
        if isinstance(model, ConstantModel):
            return model
        if self.training.dropout:
            return DropoutModel(model.scale, model.nets, model.classes, model.n_classes, self.training.dropout)
        return MLPModel(model.scale, model.nets, model.classes, model.n_classes)

    def dump(self, model: Model) -> dict[str, Array] | None:
        """Weights and scale."""
        return model.arrays() if isinstance(model, PerceptronModel) else None

    def load(self, arrays: Mapping[str, Array], n_classes: int) -> Model:
        """The network of the same weights."""
        if self.training.dropout:
            return DropoutModel.of(arrays, n_classes, self.training.dropout)
        return MLPModel.of(arrays, n_classes)


class MLPDropout(MLP):
    """Perceptron with one hidden layer and dropout, for the strategies that ask for stochastic passes.

    Parameters as for `mlp`; dropout must be above 0.
    """

    name = "mlp-dropout"
    card = Card(
        title="Neural network with dropout",
        idea="The small neural network, trained with hidden units left out at random; leaving units out at prediction time too shows "
        "how unsure it is.",
        formula="p_t = softmax(W₂ᵀ (m_t ⊙ relu(W₁ᵀ x + b₁)) / (1 − q) + b₂), m_t ∈ {0, 1}ʰ, P(m_t = 0) = q",
        needs="features",
        cost="as mlp; T passes cost little more than one, for the hidden layer is shared",
        reference="Gal & Ghahramani 2016, Dropout as a Bayesian Approximation",
        cites=("gal2016dropout",),
        shines="with bald, mean-std, variation-ratio and the -dropout strategies",
        fails="the spread of dropout passes is not a calibrated uncertainty: it hardly grows far from the labelled samples",
        options=OPTIONS,
    )

    def __init__(
        self,
        hidden: int = 64,
        dropout: float = 0.2,
        optimizer: Literal["adam", "sgd"] = "adam",
        lr: float = 0.01,
        epochs: int = 100,
        batch_size: int = 64,
        weight_decay: float = 1e-3,
    ):
        number("dropout", dropout, 0, above=True)
        super().__init__(hidden, dropout, optimizer, lr, epochs, batch_size, weight_decay)


def seeds(rng: np.random.Generator, size: int) -> list[int]:
    """One seed per member; the first `size` are the same however many are drawn."""
    return [int(rng.integers(2**63)) for _ in range(size)]


def fit_members(
    x: Array, y: NDArray[np.int64], n_classes: int | None, seeds: Sequence[int], how: Training, progress: Progress | None
) -> PerceptronModel | ConstantModel:
    """One perceptron per seed, trained together."""
    report = progress or silent
    x, y, k = checked(x, y, n_classes)
    x = narrow(x)
    classes, columns = np.unique(y, return_inverse=True)
    if len(classes) == 1:
        return ConstantModel(int(classes[0]), k)
    scale = Scale(x, "feature")
    nets = train(scale(x), columns, len(classes), seeds, how, report)
    report(1.0)
    return PerceptronModel(scale, nets, classes, k)
