"""Adversarial distances: label what a small change would give another label. The common part, and the basic iterative method."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from alviz.checks import number, whole
from alviz.learners.base import Array, ConstantModel, Learner, Model
from alviz.learners.wrapped import WrappedLearner
from alviz.progress import Progress, silent
from alviz.registry import Card
from alviz.strategies.base import Need, QueryStrategy, Selection, ranking, spread
from alviz.strategies.device import block_rows
from alviz.strategies.pool import PoolView

if TYPE_CHECKING:
    from alviz.learners.deep.attacks import Attack

COPIES = "Train on an adversarial copy of every labelled sample too, with the same label."
"""What the option train_on_copies does, for cards."""


class AdversarialStrategy(QueryStrategy):
    """Labels first what an attack on the network brings over a border with the least change. Implement `attack`."""

    needs: ClassVar[tuple[Need, ...]] = ("module", "inputs")
    symmetries = frozenset({"classes"})

    def __init__(self, train_on_copies: bool):
        if not isinstance(train_on_copies, bool):
            raise ValueError(f"{self.name}: train_on_copies must be True or False, got {train_on_copies!r}")
        self.train_on_copies = train_on_copies

    def attack(self, inputs: Array) -> "Attack":
        """The attack on such inputs (n, …)."""
        raise NotImplementedError

    def learner(self, base: Learner) -> Learner:
        """The same learner, or one that is trained on adversarial copies too."""
        return TrainedOnCopies(base, self.attack) if self.train_on_copies and "module" in base.provides else base

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The least distances. scores: minus the distance, NaN where the label did not change."""
        seen = np.flatnonzero(pool.class_counts)
        module = pool.source.module
        if module is None or len(seen) < 2:
            picks = rng.choice(pool.candidates, n_queries, replace=False)
            return Selection(
                picks, np.full(pool.n, np.nan), note="Chosen uniformly: with labels of fewer than two classes there is no border."
            )
        from alviz.learners.deep.attacks import attacked

        inputs = pool.signal("inputs")
        attack = self.attack(inputs)
        distance, margin = np.full(len(pool), np.inf), np.empty(len(pool))
        for part in attacked(module, inputs, seen, attack, pool.progress):
            margin[part.rows] = part.margin
            distance[part.rows] = np.where(part.margin >= 0, part.distance, np.inf)
        kept = int(np.isinf(distance).sum())
        note = f"{kept:,} of {len(pool):,} candidates kept their label through {attack.steps} steps and rank last." if kept else ""
        chosen = ranking(-distance, margin, n_queries)
        return Selection(pool.candidates[chosen], spread(pool, np.where(np.isinf(distance), np.nan, -distance)), note=note)


class TrainedOnCopies(WrappedLearner):
    """Trains its base on the labelled samples and, with the same labels, on adversarial copies of them.

    The copies are made by an attack on last round's model; where there is none, or it knows one class only, there are no copies.
    """

    def __init__(self, base: Learner, attack: "Callable[[Array], Attack]"):
        super().__init__(base)
        self.attack = attack

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
        """Train the base on up to twice as many samples."""
        report = progress or silent
        if previous is not None and not isinstance(previous, ConstantModel):
            copied, rows = self._copies(x, previous, lambda share: report(0.3 * share))
            x, y = np.concatenate([x, copied]), np.concatenate([y, y[rows]])
        return self.base.fit(
            x,
            y,
            n_classes=n_classes,
            unlabelled=unlabelled,
            previous=previous,
            rng=rng,
            progress=lambda share: report(0.3 + 0.7 * share),
        )

    def _copies(self, x: Array, previous: Model, progress: Progress) -> tuple[Array, NDArray[np.int64]]:
        """(k, …) changed samples in the order of the samples, and (k,) which ones they are: those whose label changed."""
        from alviz.learners.deep.attacks import attacked, copies

        network: Any = previous
        attack = self.attack(x)
        rows, changed = [np.empty(0, dtype=np.int64)], [x[:0]]
        for part in attacked(network.module, x, network.classes, attack, progress):
            over = part.margin >= 0
            rows.append(part.rows[over])
            changed.append(copies(x[part.rows[over]], part.change[over], attack.overshoot))
        every = np.concatenate(rows)
        order = np.argsort(every)
        return np.concatenate(changed)[order], every[order]


class AdversarialBIM(AdversarialStrategy):
    name = "adversarial-bim"
    card = Card(
        title="Adversarial distance (basic iterative method)",
        family="uncertainty",
        idea="Change each sample in small steps, away from its predicted class, until the prediction flips. Label those that needed the least change: "
        "they lie nearest to the border.",
        formula="x₀ = x, x_{t+1} = x_t + ε·sign(∇ loss(x_t, ŷ)) until argmax z(x_t) ≠ ŷ; least ‖x_t − x‖",
        needs="a network that can be asked for gradients, and its inputs",
        cost="one forward and one backward pass per candidate and step; samples that flipped take no further part",
        reference="Kurakin, Goodfellow and Bengio, Adversarial examples in the physical world (2016), section 2.2; as a query strategy: Zhan et al., A "
        "comparative survey of deep active learning (2022), section 2.1",
        cites=("kurakin2016adversarial", "zhan2022survey"),
        shines="Networks on pictures whose probabilities say little about the distance from the border.",
        fails="Slow. Steps of one size make many samples equally far away, and a border in pixels need not be one that people see.",
        deviation="The steps follow the gradient of log Σ_{c≠ŷ} exp z_c − z_ŷ, which has the signs of the gradient of the loss without vanishing where the "
        "network is certain. The step is a share of the inputs' spread (the survey's code normalises its pictures to the same effect), pictures stay "
        "within their range as in the attack's paper, and there is a limit of steps. Among equal distances, the sample that went further beyond the "
        "border comes first. Copies are made anew in every round, of all labelled samples, from the model of the round before; of pictures, "
        "changes are rounded up to whole grey levels.",
        options={
            "step": "Length ε of a step in every dimension, as a share of the inputs' standard deviation (root mean square over the dimensions).",
            "steps": "How many steps at most; samples that have not flipped by then rank last.",
            "train_on_copies": COPIES,
        },
    )

    def __init__(self, step: float = 0.05, steps: int = 50, train_on_copies: bool = False):
        self.step = number(f"{self.name}: step", step, 0, 10, above=True)
        self.steps = whole(f"{self.name}: steps", steps, 1)
        super().__init__(train_on_copies)

    def attack(self, inputs: Array) -> "Attack":
        """Steps that suit the spread of the inputs."""
        from alviz.learners.deep.attacks import BasicIterative

        return BasicIterative(step=self.step * deviation(inputs), steps=self.steps, pictures=inputs.dtype == np.uint8)


def deviation(inputs: Array) -> float:
    """Root mean square, over the dimensions, of the standard deviation of inputs (n, …), uint8 ones on the scale of [0, 1]; 1 where all are alike."""
    n = len(inputs)
    flat = inputs.reshape(n, -1)
    first, total, square = flat[0].astype(np.float64), np.zeros(flat.shape[1]), np.zeros(flat.shape[1])
    rows = block_rows(flat.shape[1], 8)
    for begin in range(0, n, rows):
        part = flat[begin : begin + rows] - first
        total += part.sum(axis=0)
        square += (part**2).sum(axis=0)
    spread = float(np.sqrt(np.maximum(square / n - (total / n) ** 2, 0).mean())) / (255 if inputs.dtype == np.uint8 else 1)
    return spread if spread > 0 else 1.0
