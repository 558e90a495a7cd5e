"""LPL: a small module learns along with the network which samples have the larger loss."""

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alviz.checks import number
from alviz.learners.base import Array, ConstantModel, Learner, Model, checked
from alviz.learners.mlp import MLP
from alviz.learners.network import NetworkLearner
from alviz.learners.scale import Scale, narrow
from alviz.learners.wrapped import WrappedLearner
from alviz.progress import Progress, silent
from alviz.registry import Card
from alviz.strategies.base import ScoringStrategy, Selection
from alviz.strategies.pool import PoolView

if TYPE_CHECKING:
    import torch

    from alviz.learners.deep.loss_module import LossModule
    from alviz.learners.deep.model import NetworkModel
    from alviz.learners.deep.networks import Network
    from alviz.learners.deep.perceptron import Perceptron


class LossPrediction(ScoringStrategy):
    name = "lpl"
    card = Card(
        title="Learning loss (loss prediction)",
        family="uncertainty",
        idea="A small module on the network's inner layers learns, along with it, which of two samples has the larger loss. Label the samples whose loss it "
        "predicts to be largest.",
        formula="l̂(x) = w · [relu(W_i · mean h_i(x))]_i, trained with λ · max(0, ξ − sign(l_i − l_j) (l̂_i − l̂_j)) on pairs of a mini-batch",
        needs="a learner that can be trained with the module: a network on pictures (lenet, resnet18, fine-tune), mlp or mlp-dropout",
        cost="training and prediction little longer than without; O(n) to choose",
        reference="Yoo and Kweon, Learning loss for active learning (2019), equations 2 to 4",
        cites=("yoo2019lpl",),
        shines="Many labels and epochs, when the training losses differ; it needs no probabilities, so it suits other tasks than classification.",
        fails="Few labels: all training losses are near 0 and their order is noise, so the first rounds are weak. Many classes (Zhan et al. 2022).",
        deviation="All candidates are ranked; the paper ranks 10,000 drawn at random. One optimizer trains network and module with the learner's settings; the survey's code "
        "gives the module Adam with 0.01. Of an odd mini-batch one sample has no partner. Layers: residual stages, or else pooled maps, and hidden layers; mlp: its hidden layer.",
        options={
            "margin": "How far apart the predictions for the two samples of a pair should be (ξ).",
            "weight": "Weight of the module's loss beside the network's (λ).",
            "share": "Share of the epochs in which the module's gradients change the network too; afterwards they change the module alone.",
        },
    )
    needs = ("predicted_loss",)

    def __init__(self, margin: float = 1.0, weight: float = 1.0, share: float = 0.6):
        self.margin = number(f"{self.name}: margin", margin, 0, above=True)
        self.weight = number(f"{self.name}: weight", weight, 0, above=True)
        self.share = number(f"{self.name}: share", share, 0, 1)

    def learner(self, base: Learner) -> Learner:
        """The learner with a loss-prediction module; one that cannot have it is left as it is."""
        make = partial(_module, margin=self.margin, weight=self.weight, share=self.share)
        if isinstance(base, NetworkLearner):
            return LossPredictingNetwork(base, make)
        return LossPredictingMLP(base, make) if isinstance(base, MLP) else base

    def score(self, pool: PoolView) -> Array:
        """The predicted losses."""
        return pool.predicted_loss

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The largest predicted losses; uniformly while there is one class only, for which nothing is trained."""
        if np.count_nonzero(pool.class_counts) < 2:
            picks = rng.choice(pool.candidates, n_queries, replace=False)
            return Selection(
                picks, np.full(pool.n, np.nan), note="Chosen uniformly: with labels of fewer than two classes nothing is trained."
            )
        return super().select(pool, n_queries, rng)


def _module(network: Any, taps: Any, example: Any, **settings: float) -> "LossModule":
    from alviz.learners.deep.loss_module import LossModule

    return LossModule(network, taps, example, **settings)


class _LossPredicting(WrappedLearner):
    """make: the loss-prediction module, from a network, some of its layers and an example of its inputs."""

    def __init__(self, base: Learner, make: "Callable[[Any, Any, Any], LossModule]"):
        super().__init__(base)
        self.make = make

    @property
    def provides(self) -> frozenset[str]:
        """What the base provides, and predicted_loss."""
        return self.base.provides | {"predicted_loss"}


class LossPredictingNetwork(_LossPredicting):
    """A network on pictures, trained along with a loss-prediction module."""

    base: NetworkLearner

    def fit(self, x: Array, y: NDArray[np.int64], **options: Any) -> Model:
        """Train as the base does, but for what is trained along."""
        twin = copy(self.base)
        twin.trained = self._trained  # type: ignore[method-assign, assignment]
        return twin.fit(x, y, **options)

    def _trained(
        self,
        network: "Network",
        x: NDArray[np.uint8],
        y: NDArray[np.int64],
        n_classes: int,
        rng: np.random.Generator,
        progress: Progress,
    ) -> "NetworkModel":
        from alviz.learners.deep.loss_module import stages
        from alviz.learners.deep.training import tensor_of

        module = self.make(network, stages(network), tensor_of(x[:1], network.mean.device))
        with module.watching():
            model = self.base.trained(network, x, y, n_classes, rng, progress, module)
        module.eval().requires_grad_(False)
        model.predicted_loss = partial(_of_pictures, model, module)  # type: ignore[attr-defined]
        return model


def _of_pictures(model: "NetworkModel", module: "LossModule", x: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n,) predicted losses."""

    def passed(batch: Any) -> Any:
        model.module(batch)
        return module()

    with module.watching():
        return model.by_blocks(passed, x)


class LossPredictingMLP(_LossPredicting):
    """The perceptron with one hidden layer, trained in torch along with a loss-prediction module."""

    base: MLP

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
        """Train from new weights by the base's settings."""
        report = progress or silent
        x, y, k = checked(x, y, n_classes)
        x = narrow(x)
        if (y == y[0]).all():
            return ConstantModel(int(y[0]), k)
        from alviz.learners.deep.perceptron import of_hidden, trained

        def along(network: "Perceptron", scale: Scale, where: "torch.device") -> "LossModule":
            return self.make(network, [network.hidden], network.hidden.weight[:1])  # an example: any row as long as the inputs

        model, module = trained(x, y, k, self.base.training, along, rng, report)
        report(1.0)
        module.eval().requires_grad_(False)
        model.predicted_loss = of_hidden(model, lambda hidden: module.of([hidden]), module.last.weight.device)  # type: ignore[attr-defined]
        return model
