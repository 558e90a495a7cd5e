"""WAAL: training brings labelled and unlabelled samples together, and what a critic still tells from the labelled ones is labelled next."""

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alviz.checks import number, whole
from alviz.learners.base import Array, ConstantModel, Learner, Model, checked
from alviz.learners.mlp import MLP
from alviz.learners.network import NetworkLearner
from alviz.learners.scale import narrow
from alviz.learners.wrapped import WrappedLearner
from alviz.progress import Progress, silent
from alviz.registry import Card
from alviz.strategies.base import ScoringStrategy, Selection
from alviz.strategies.pool import PoolView

if TYPE_CHECKING:
    from alviz.learners.deep.model import NetworkModel
    from alviz.learners.deep.networks import Network
    from alviz.strategies.deep.wasserstein import Adversary

LEAST = 1e-12
"""What a probability counts as, at least, in a logarithm."""


class Waal(ScoringStrategy):
    name = "waal"
    card = Card(
        title="WAAL (Wasserstein adversarial)",
        family="hybrid",
        idea="The network is trained so that a critic can hardly tell labelled samples from the pool in its embedding, which lets it learn from "
        "unlabelled samples too. Label what the critic is surest to have no labelled sample near it, and what the network is unsure of.",
        formula="training: min over network, max over g: mean loss + μ (E_pool g(φ) − E_labelled g(φ)), g with slope 1; "
        "choice: argmax weight · g(φ(x)) − ½ (‖ln p(x)‖₁ + ‖ln p(x)‖₂)",
        needs="a learner that can be trained with the critic: networks on pictures (lenet, resnet18 …), mlp and mlp-dropout",
        cost="training about three times as long for networks on pictures; seconds instead of a tenth of one for mlp; O(nK) to choose",
        reference="Shui, Zhou, Gagné and Wang, Deep active learning: unified and principled method for query and training (2020), and the authors' code; "
        "gradient penalty: Gulrajani et al., Improved training of Wasserstein GANs (2017), equation 3",
        cites=("shui2020waal", "gulrajani2017wgan"),
        shines="Few labels and few epochs, as the unlabelled samples shape the embedding too: first of all methods in Zhan et al. 2022.",
        fails="Many classes (Zhan et al. 2022): the embedding has to keep too many apart while it is made alike.",
        deviation="The critic has no sigmoid at its end and its loss subtracts the gradient penalty from the distance it maximizes, as theory has it "
        "(the authors' code ends in a sigmoid, and has the sign of the penalty the other way round). The weight of the difference is m / (L + m) for m "
        "unlabelled samples, which makes it the distance to the whole pool; the authors' code weights the mean of the labelled ones by L / m, "
        "which is no distance. An epoch goes once over the labelled samples, as in any other training of the learner (theirs: over the "
        "unlabelled ones). Bounds of the loss are taken over classes with labels.",
        options={
            "weight": "How much the critic counts beside the uncertainty in choosing (the authors: 10, for a critic between 0 and 1).",
            "mu": "Weight of the distance in training (the authors: 0.002 on CIFAR-10).",
            "critic_steps": "Steps of the critic for each of the network (the authors: 1).",
        },
    )
    needs = ("probabilities", "critic")

    def __init__(self, weight: float = 1.0, mu: float = 0.002, critic_steps: int = 2):
        self.weight = number(f"{self.name}: weight", weight, 0)
        self.mu = number(f"{self.name}: mu", mu, 0)
        self.critic_steps = whole(f"{self.name}: critic_steps", critic_steps, 1)

    def learner(self, base: Learner) -> Learner:
        """The learner with a critic; one that cannot have it is left as it is."""
        if isinstance(base, NetworkLearner):
            return CriticizedNetwork(base, self.mu, self.critic_steps)
        return CriticizedMLP(base, self.mu, self.critic_steps) if isinstance(base, MLP) else base

    def score(self, pool: PoolView) -> Array:
        """The critic, and minus the mean of two upper bounds of the loss, whatever the class: the flatter the prediction, the smaller they are."""
        p = np.asarray(pool.probabilities[:, pool.class_counts > 0], dtype=np.float64)
        losses = -np.log(np.maximum(p, LEAST))
        bound = (losses.sum(axis=1) + np.sqrt((losses**2).sum(axis=1))) / 2
        result: Array = self.weight * np.asarray(pool.signal("critic"), dtype=np.float64) - bound
        return result

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The highest scores; uniformly while there is one class only, for which nothing is trained."""
        if np.count_nonzero(pool.class_counts) < 2:
            picks = rng.choice(pool.candidates, n_queries, replace=False)
            return Selection(
                picks, np.full(pool.n, np.nan), note="Chosen uniformly: with labels of fewer than two classes nothing is trained."
            )
        return super().select(pool, n_queries, rng)


class _Criticized(WrappedLearner):
    """mu: weight of the distance in the network's loss. steps: of the critic for each one of the network."""

    def __init__(self, base: Learner, mu: float, steps: int):
        super().__init__(base)
        self.trains_on_pool = True
        self.mu = mu
        self.steps = steps

    @property
    def provides(self) -> frozenset[str]:
        """What the base provides, and critic."""
        return self.base.provides | {"critic"}

    def adversary(self, network: Any, unlabelled: Any, labelled: int, batch_size: int, rng: np.random.Generator) -> "Adversary":
        """What is trained along with the network. unlabelled: inputs of the network, on its device."""
        from alviz.strategies.deep.wasserstein import Adversary

        size = min(batch_size, labelled)
        return Adversary(network, unlabelled, labelled, mu=self.mu, steps=self.steps, size=size, rng=rng)


class CriticizedNetwork(_Criticized):
    """A network on pictures, trained along with a critic."""

    base: NetworkLearner

    def fit(self, x: Array, y: NDArray[np.int64], *, unlabelled: Array | None = None, **options: Any) -> Model:
        """Train as the base does, but for what is trained along."""
        twin = copy(self.base)
        others = x if unlabelled is None or not len(unlabelled) else unlabelled
        twin.trained = partial(self._trained, others)  # type: ignore[method-assign]
        return twin.fit(x, y, unlabelled=unlabelled, **options)

    def _trained(
        self,
        unlabelled: NDArray[np.uint8],
        network: "Network",
        x: NDArray[np.uint8],
        y: NDArray[np.int64],
        n_classes: int,
        rng: np.random.Generator,
        progress: Progress,
    ) -> "NetworkModel":
        from alviz.learners.deep.training import pictures

        along = self.adversary(network, pictures(unlabelled, network.mean.device), len(x), self.base.recipe["batch_size"], rng)
        with along.watching():
            model = self.base.trained(network, x, y, n_classes, rng, progress, along)
        critic = along.critic.eval().requires_grad_(False)
        model.critic = partial(model.by_blocks, lambda batch: critic(model.module.embed(batch)))  # type: ignore[attr-defined]
        return model


class CriticizedMLP(_Criticized):
    """The perceptron with one hidden layer, trained in torch along with a critic."""

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
        """Train from new weights by the base's settings. Raises ValueError on bad input."""
        report = progress or silent
        x, y, k = checked(x, y, n_classes)
        x = narrow(x)
        if len(np.unique(y)) == 1:
            return ConstantModel(int(y[0]), k)
        from alviz.learners.deep.perceptron import of_hidden, trained
        from alviz.learners.deep.training import tensor_of

        others = x if unlabelled is None or not len(unlabelled) else narrow(unlabelled)

        def along(network: Any, scale: Callable[[Array], Array], where: Any) -> "Adversary":
            return self.adversary(network, tensor_of(scale(others), where), len(x), self.base.training.batch_size, rng)

        model, adversary = trained(x, y, k, self.base.training, along, rng, report)
        report(1.0)
        critic = adversary.critic.eval().requires_grad_(False)
        model.critic = of_hidden(model, critic, next(critic.parameters()).device)  # type: ignore[attr-defined]
        return model
