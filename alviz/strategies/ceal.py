"""CEAL: uncertain samples go to the annotator, and those the model is sure of train it with the class it predicts."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alviz.checks import choice, number
from alviz.learners.base import Array, ConstantModel, Learner, Model
from alviz.learners.wrapped import WrappedLearner, joined
from alviz.progress import Progress, silent
from alviz.registry import Card
from alviz.strategies.base import ScoringStrategy, Selection, registry
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import entropy

BASES = ("entropy", "margin", "least-confidence")

PART = 8192
"""Samples predicted between two looks at whether the user wants to stop."""


class CEAL(ScoringStrategy):
    name = "ceal"
    card = Card(
        title="CEAL (cost-effective active learning)",
        family="wrapper",
        idea="Uncertain samples are labelled by the annotator as in the base strategy. Samples that the model is almost certain of join the next "
        "training under the class it predicts, at no cost; in every round they are chosen afresh.",
        formula="queries: the base's; also trained on: {(x, argmax_c p(c|x)) : x unlabelled, −Σ_c p(c|x) ln p(c|x) < δ − decay·t}",
        needs="probabilities; any learner",
        cost="the base's; training on as many samples more as the model is certain of",
        reference="Wang, Zhang, Li, Zhang and Lin, Cost-effective active learning for deep image classification (2017), equations 2 to 4 and 6; δ as in Zhan et "
        "al., A comparative survey of deep active learning (2022)",
        cites=("wang2017ceal", "zhan2022survey"),
        shines="Networks with few labels on pools where certainty is deserved; second of all methods in the survey.",
        fails="A model that is certain and wrong teaches itself its own mistakes. δ has to suit the learner: calibrated models never get below the survey's 1e-5, and "
        "votes of a few neighbours are certain everywhere.",
        deviation="The model of the round before decides about the pseudo-labels, also after the first round's training; while it knows one class only there are none. "
        "Survey's code: a probability of exactly 0 makes the entropy NaN there, and such samples are left out, here 0 ln 0 = 0; and its list of bases names some that "
        "others answer to, here the picks are exactly those of the base. The paper starts at δ = 0.05 and 0.005 with a decay of 0.0033 and 0.00033. Accuracy that is "
        "cross-validated for want of a test set is that of training without pseudo-labels.",
        options={
            "base": "The strategy that chooses what to ask for.",
            "delta": "Entropy in nats below which a sample is trained on with its predicted class.",
            "decay": "How much the threshold falls from round to round.",
        },
    )
    needs = ("probabilities",)

    def __init__(self, base: Literal["entropy", "margin", "least-confidence"] = "entropy", delta: float = 1e-5, decay: float = 0.0):
        self.base: Any = registry.create(choice(f"{self.name}: base", base, BASES))
        self.delta = number(f"{self.name}: delta", delta, 0)
        self.decay = number(f"{self.name}: decay", decay, 0)

    def learner(self, base: Learner) -> Learner:
        """The same learner, trained on pseudo-labels too."""
        return PseudoLabels(base, self.delta, self.decay)

    def score(self, pool: PoolView) -> Array:
        """The base's scores."""
        scores: Array = self.base.score(pool)
        return scores

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The base's picks; the note says how many of the other candidates are trained on with their predicted class."""
        selection: Selection = self.base.select(pool, n_queries, rng)
        if np.count_nonzero(pool.class_counts) < 2:
            return selection
        certain = pool.candidates[entropy(pool.probabilities) < self.delta]
        joining = len(certain) - np.isin(selection.indices, certain).sum()
        most = "At most " if self.decay else ""
        note = f"{most}{joining:,} of {len(pool) - n_queries:,} other candidates are certain enough to be trained on with their predicted class."
        return replace(selection, note=note)


class PseudoLabels(WrappedLearner):
    """Trains its base on the labelled samples and on those unlabelled ones whose class last round's model is certain of.

    Nothing is remembered: a pseudo-label holds for one training.
    """

    def __init__(self, base: Learner, delta: float, decay: float):
        super().__init__(base)
        self.trains_on_pool = True
        self.delta = delta
        self.decay = decay

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
        """Train the base on labels and pseudo-labels; without a previous model that knows two classes, on labels alone."""
        report = progress or silent
        rounds = getattr(previous, "rounds_before", -1) + 1
        if previous is not None and unlabelled is not None and len(unlabelled) and not isinstance(previous, ConstantModel):
            certain, classes = self._certain(
                unlabelled, previous, self.delta - self.decay * (rounds - 1), lambda share: report(0.1 * share)
            )
            x, y = joined(x, unlabelled[certain]), np.concatenate([y, classes])
            unlabelled = unlabelled[~certain]
        model = self.base.fit(
            x,
            y,
            n_classes=n_classes,
            unlabelled=unlabelled if self.base.trains_on_pool else None,
            previous=previous,
            rng=rng,
            progress=lambda share: report(0.1 + 0.9 * share),
        )
        model.rounds_before = rounds  # type: ignore[attr-defined]  # a part of what is made here: the model of the next round asks for it
        return model

    def _certain(self, unlabelled: Array, model: Model, threshold: float, progress: Progress) -> tuple[Array, NDArray[np.int64]]:
        """(m,) which samples have an entropy below the threshold, and the predicted classes of those."""
        certain, classes = np.zeros(len(unlabelled), dtype=bool), []
        for start in range(0, len(unlabelled), PART):
            progress(start / len(unlabelled))
            p = np.asarray(model.predict_proba(unlabelled[start : start + PART]))
            sure = certain[start : start + PART] = entropy(p) < threshold
            classes.append(p[sure].argmax(axis=1))
        return certain, np.concatenate(classes).astype(np.int64)
