"""DeepFool: the distance to the nearest border, by steps to the borders of the network's linear approximation."""

from typing import TYPE_CHECKING

import numpy as np

from alviz.checks import number, whole
from alviz.learners.base import Array
from alviz.registry import Card
from alviz.strategies.adversarial import COPIES, AdversarialStrategy

if TYPE_CHECKING:
    from alviz.learners.deep.attacks import Attack


class DeepFoolDistance(AdversarialStrategy):
    name = "deepfool"
    card = Card(
        title="DeepFool distance",
        family="uncertainty",
        idea="Take each sample to the nearest border as if the network were linear around it, again and again until the prediction flips. Label those that "
        "had the shortest way.",
        formula="r_t = |f|/‖w‖² · w with f = z_k − z_ŷ and w = ∇f at x + (1 + η) Σ r, for the class k ≠ ŷ of the least |f|/‖w‖; least ‖Σ_t r_t‖",
        needs="a network that can be asked for gradients, and its inputs",
        cost="one forward and min(classes, K − 1) backward passes per candidate and step, two or three steps as a rule; samples that flipped take no further part",
        reference="Ducoffe and Precioso, Adversarial active learning for deep networks: a margin based approach (2018), section 3; Moosavi-Dezfooli, Fawzi and "
        "Frossard, DeepFool (2016), algorithm 2",
        cites=("ducoffe2018adversarial", "moosavi2016deepfool"),
        shines="Networks on pictures; on a linear model it is the exact distance to the border.",
        fails="Slow with many classes, and a border in pixels need not be one that people see. Near-duplicates are chosen together.",
        deviation="Classes without labels are no borders, and pictures stay within their range: a pixel at its end takes no part in a step that would lead beyond (the papers let them leave it). The paper's code tries the ten most probable classes, as we do by default, and adds 0.0001 to each step, which we "
        "leave out. In the survey's code (Zhan et al. 2022) the best class is never kept, so the last one is taken: ours takes the nearest. The paper adds a copy "
        "of each query, made when it was asked; ours makes copies of all labelled samples anew in every round, from the model of the round before, and "
        "rounds changes of pictures up to whole grey levels.",
        options={
            "overshoot": "Share of the way that is added to it, to get beyond the border (η); it does not count for the distance.",
            "steps": "How many steps at most; samples that have not flipped by then rank last.",
            "classes": "How many other classes, the most probable ones first, are tried.",
            "train_on_copies": COPIES,
        },
    )

    def __init__(self, overshoot: float = 0.02, steps: int = 50, classes: int = 10, train_on_copies: bool = False):
        self.overshoot = number(f"{self.name}: overshoot", overshoot, 0, 1)
        self.steps = whole(f"{self.name}: steps", steps, 1)
        self.classes = whole(f"{self.name}: classes", classes, 1)
        super().__init__(train_on_copies)

    def attack(self, inputs: Array) -> "Attack":
        """The same for all inputs, but that pictures stay pictures."""
        from alviz.learners.deep.attacks import DeepFool

        return DeepFool(steps=self.steps, pictures=inputs.dtype == np.uint8, overshoot=self.overshoot, classes=self.classes)
