"""How long a gradient a label would cause in the last layer: grad-norm and expected gradient length."""

from collections.abc import Mapping

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import ScoringStrategy
from alviz.strategies.centres import measured
from alviz.strategies.device import Array, Floats, block_rows, host
from alviz.strategies.pool import PoolView
from alviz.strategies.vectors import Dense

_COST = "O(n(K + d)) time, O(n) memory: ‖g_y‖ = ‖p − onehot(y)‖ · ‖h‖ from the two factors"


class GradNorm(ScoringStrategy):
    name = "grad-norm"
    card = Card(
        title="Gradient norm",
        family="gradient",
        idea="Label the samples that would change the last layer most if the model's own prediction were the label. "
        "No label can make the gradient shorter, so this is the least a sample will change the model.",
        formula="‖(p − onehot(ŷ)) ⊗ h‖ = ‖p − onehot(ŷ)‖ · ‖h‖ with ŷ = argmax p",
        needs="probabilities and embeddings (or features)",
        cost=_COST,
        reference="Wang et al., Boosting active learning via improving test performance (2022); Ash et al. (2020), Proposition 1",
        cites=("wang2022boosting", "ash2020badge"),
        shines="Uncertain samples of strong activation; a cheap start for BADGE, which adds diversity to it.",
        fails="Long embeddings win whatever the model thinks; a batch may hold near-copies of one sample.",
        deviation="Last layer only, under the predicted label; Wang et al. take the gradient of the whole network, with the expected loss or the entropy.",
    )
    needs = ("gradients",)

    def score(self, pool: PoolView) -> Floats:
        """(m,) length of the gradient under the predicted label."""
        return np.sqrt(host(measured(pool.gradients, pool.progress).squared_norms))


class ExpectedGradientLength(ScoringStrategy):
    name = "egl"
    card = Card(
        title="Expected gradient length",
        family="gradient",
        idea="Label the samples that would change the last layer most, on average over the labels that the model thinks possible.",
        formula="Σ_y p_y ‖(p − onehot(y)) ⊗ h‖ = ‖h‖ · Σ_y p_y ‖p − onehot(y)‖",
        needs="probabilities and embeddings (or features)",
        cost=_COST,
        reference="Settles, Craven and Ray, Multiple-instance active learning (2007); Huang et al., Active learning for speech recognition: "
        "the power of gradients (2016)",
        cites=("settles2007egl", "huang2016speech"),
        shines="Uncertain samples of strong activation, where the predicted label alone says too little.",
        fails="Long embeddings win whatever the model thinks; a batch may hold near-copies of one sample.",
        deviation="Last layer only, all labels; Huang et al. take all layers and the most probable label sequences.",
    )
    needs = ("gradients",)

    def score(self, pool: PoolView) -> Floats:
        """(m,) expected length of the gradient."""
        p = pool.probabilities
        lengths = np.sqrt(host(measured(Dense(pool.resident("embeddings")), pool.progress).squared_norms))
        step = block_rows(p.shape[1], 64)
        for a in range(0, len(p), step):
            pool.progress(a / len(p))
            lengths[a : a + step] *= expected_residual(p[a : a + step])
        return lengths

    def parts(self, pool: PoolView) -> Mapping[str, Array]:
        """The two factors."""
        p = pool.probabilities
        return {
            "‖h‖": np.sqrt(host(measured(Dense(pool.resident("embeddings")), pool.progress).squared_norms)),
            "Σ p_y ‖p − onehot(y)‖": expected_residual(p),
        }


def expected_residual(p: Array) -> Floats:
    """(m,) Σ_y p_y ‖p − onehot(y)‖ of probabilities p (m, K), in float64.

    ‖p − onehot(y)‖² = ‖p‖² − 2 p_y + 1: for the most probable y, where that is a small difference of large numbers when the model is
    sure, it is summed up entry by entry. For every other y it is at least 1/4.
    """
    p = p.astype(np.float64)
    rows, top = np.arange(len(p)), p.argmax(axis=1)
    lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", p, p)[:, None] - 2 * p + 1, 0.0))
    residual = p.copy()
    residual[rows, top] -= 1
    lengths[rows, top] = np.linalg.norm(residual, axis=1)
    result: Floats = np.einsum("ij,ij->i", p, lengths)
    return result
