"""Uncertainty of several predictions: stochastic passes (MC dropout) or the members of a committee."""

from collections.abc import Callable, Mapping

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import ScoringStrategy
from alviz.strategies.device import Array
from alviz.strategies.pool import POSTERIORS, PoolView
from alviz.strategies.uncertainty import BLOCK, Scores, confidence, entropy, margin, surprise


def by_draws(function: Callable[[Array], Array], posterior: Array, shape: tuple[int, ...] = ()) -> Array:
    """`function` of (T, rows, K) float64 draws, over all samples of posterior (T, m, K), some at a time: (m, *shape)."""
    m = posterior.shape[1]
    out = np.empty((m, *shape))
    rows = max(1, BLOCK // len(posterior))
    for start in range(0, m, rows):
        stop = start + rows
        out[start:stop] = function(np.array(posterior[:, start:stop], dtype=np.float64, order="C"))
    return out


def deviations(draws: Array) -> tuple[Array, Array]:
    """(mean (m, K), draws minus mean (T, m, K)), exact where all draws are equal: no rounding noise may decide between ties."""
    shifted = draws - draws[0]
    offset = shifted.mean(axis=0)
    return draws[0] + offset, shifted - offset


def mean_of(posterior: Array) -> Array:
    """(m, K) mean prediction of the draws (T, m, K)."""
    return by_draws(lambda draws: deviations(draws)[0], posterior, posterior.shape[2:])


def variation_ratio(posterior: Array) -> Scores:
    """(m,) share of draws that do not vote for the modal class; a draw votes for its first most probable class."""
    n_classes = posterior.shape[2]

    def dissent(draws: Array) -> Array:
        votes = draws.argmax(axis=2)
        modal = np.zeros(votes.shape[1], dtype=np.int64)
        for c in range(n_classes):
            np.maximum(modal, (votes == c).sum(axis=0), out=modal)
        return (len(votes) - modal) / len(votes)

    return by_draws(dissent, posterior)


def mutual_information(posterior: Array) -> Scores:
    """(m,) H(mean p) − mean H(p) in nats, computed as the mean divergence of the draws from their mean (the same number, exactly 0 without disagreement)."""

    def divergence(draws: Array) -> Array:
        mean = deviations(draws)[0]
        cross = draws * -np.log(np.where(mean > 0, mean, 1.0))
        # A divergence is never negative, but rows that add up to 1 − 1e-16 can make it −1e-17.
        return np.maximum((cross - surprise(draws)).sum(axis=2).mean(axis=0), 0.0)

    return by_draws(divergence, posterior)


def entropies(posterior: Array) -> dict[str, Scores]:
    """What the mutual information is the difference of: H(mean p) and mean H(p), each (m,) in nats."""
    of_mean = entropy(mean_of(posterior))
    return {"H(mean p)": of_mean, "mean H(p)": of_mean - mutual_information(posterior)}


def mean_std(posterior: Array) -> Scores:
    """(m,) mean over the classes of the standard deviation (ddof 0) over the draws."""
    return by_draws(lambda draws: np.sqrt((deviations(draws)[1] ** 2).mean(axis=0)).mean(axis=1), posterior)


def _mean_card(name: str, formula: str, draws: str, source: str) -> Card:
    return Card(
        title=f"{name} ({draws})",
        family="posterior",
        idea=f"{name} of the average prediction over {source}, which is less over-confident than a single one.",
        formula=f"{formula}, with p = mean of the T draws",
        needs=f"draws of the posterior from {source}",
        cost="O(TnK), and T predictions of the whole pool",
        reference="Gal, Islam and Ghahramani, Deep Bayesian active learning with image data (2017); Zhan et al., A comparative survey of deep "
        "active learning (2022), section 2.2"
        if draws == "MC dropout"
        else "Beluch, Genewein, Nürnberger and Köhler, The power of ensembles for active learning in image classification (2018)",
        cites=("gal2017images", "zhan2022survey") if draws == "MC dropout" else ("beluch2018ensembles",),
        shines="Better calibrated than one pass of one network.",
        fails="Draws that hardly differ add cost and no information; near-duplicates in a batch stay.",
    )


class _OfMean(ScoringStrategy):
    """A strategy for one prediction, on the mean of the draws of the posterior it needs."""

    def mean(self, pool: PoolView) -> Array:
        return mean_of(pool.signal(str(self.needs[0])))


class LeastConfidenceDropout(_OfMean):
    name = "least-confidence-dropout"
    card = _mean_card("Least confidence", "1 − max_c p(c|x)", "MC dropout", "stochastic passes")
    needs = ("dropout_posterior",)

    def score(self, pool: PoolView) -> Array:
        """1 − max of the mean."""
        return 1.0 - confidence(self.mean(pool))


class MarginDropout(_OfMean):
    name = "margin-dropout"
    card = _mean_card("Margin", "−(p₁ − p₂)", "MC dropout", "stochastic passes")
    needs = ("dropout_posterior",)

    def score(self, pool: PoolView) -> Array:
        """p₂ − p₁ of the mean."""
        return -margin(self.mean(pool))


class EntropyDropout(_OfMean):
    name = "entropy-dropout"
    card = _mean_card("Entropy", "−Σ_c p(c|x) ln p(c|x)", "MC dropout", "stochastic passes")
    needs = ("dropout_posterior",)

    def score(self, pool: PoolView) -> Array:
        """Entropy of the mean in nats."""
        return entropy(self.mean(pool))


class EnsembleLeastConfidence(LeastConfidenceDropout):
    name = "ensemble-least-confidence"
    card = _mean_card("Least confidence", "1 − max_c p(c|x)", "ensemble", "the members of a committee")
    needs = ("committee_posterior",)


class EnsembleMargin(MarginDropout):
    name = "ensemble-margin"
    card = _mean_card("Margin", "−(p₁ − p₂)", "ensemble", "the members of a committee")
    needs = ("committee_posterior",)


class EnsembleEntropy(EntropyDropout):
    name = "ensemble-entropy"
    card = _mean_card("Entropy", "−Σ_c p(c|x) ln p(c|x)", "ensemble", "the members of a committee")
    needs = ("committee_posterior",)


class VariationRatio(ScoringStrategy):
    name = "variation-ratio"
    card = Card(
        title="Variation ratio",
        family="posterior",
        idea="Label where the fewest draws vote for the winning class.",
        formula="1 − (votes of the modal class)/T; ties by the entropy of the mean, then by index",
        needs="draws of the posterior (a committee or stochastic passes)",
        cost="O(TnK), and T predictions of the whole pool",
        reference="Freeman, Elementary applied statistics (1965); Beluch, Genewein, Nürnberger and Köhler, The power of ensembles for active "
        "learning in image classification (2018)",
        cites=("freeman1965statistics", "beluch2018ensembles"),
        shines="The best measure of disagreement in Beluch et al., with five networks.",
        fails="With T draws there are at most T levels: most of the order is decided by the second key.",
        deviation="Equation 5 of Zhan et al. (2022) writes 1 − p(ŷ), which is least confidence; this counts votes, as the original does.",
    )
    needs = (POSTERIORS,)

    def score(self, pool: PoolView) -> Array:
        """Share of dissenting votes."""
        return variation_ratio(pool.posterior)

    def tiebreak(self, pool: PoolView) -> Array:
        """Entropy of the mean in nats."""
        return entropy(mean_of(pool.posterior))


class Bald(ScoringStrategy):
    name = "bald"
    card = Card(
        title="BALD",
        family="posterior",
        idea="Label where the draws are sure, each of something else: the label says most about which of them is right.",
        formula="H(mean p) − mean H(p)",
        needs="draws of the posterior (a committee or stochastic passes)",
        cost="O(TnK), and T predictions of the whole pool",
        reference="Houlsby, Huszár, Ghahramani and Lengyel, Bayesian active learning for classification and preference learning (2011); Gal, "
        "Islam and Ghahramani, Deep Bayesian active learning with image data (2017); Zhan et al., A comparative survey of deep active learning "
        "(2022), equation 6",
        cites=("houlsby2011bald", "gal2017images", "zhan2022survey"),
        shines="Ignores noise that no label can remove.",
        fails="Chooses the same few regions again and again within a batch; few draws give a rough estimate.",
    )
    needs = (POSTERIORS,)

    def score(self, pool: PoolView) -> Array:
        """Mutual information in nats."""
        return mutual_information(pool.posterior)

    def parts(self, pool: PoolView) -> Mapping[str, Array]:
        """The two entropies."""
        return entropies(pool.posterior)


class MeanStd(ScoringStrategy):
    name = "mean-std"
    card = Card(
        title="Mean standard deviation",
        family="posterior",
        idea="Label where the predicted probabilities vary most between the draws.",
        formula="(1/K) Σ_c std_t p_t(c|x)",
        needs="draws of the posterior (a committee or stochastic passes)",
        cost="O(TnK), and T predictions of the whole pool",
        reference="Kampffmeyer, Salberg and Jenssen, Semantic segmentation of small objects and modeling of uncertainty in urban remote sensing "
        "images using deep convolutional neural networks (2016); Zhan et al., A comparative survey of deep active learning (2022), equation 7",
        cites=("kampffmeyer2016segmentation", "zhan2022survey"),
        shines="Simple, and close to BALD.",
        fails="Few draws give a rough estimate; near-duplicates in a batch.",
    )
    needs = (POSTERIORS,)

    def score(self, pool: PoolView) -> Array:
        """Mean over the classes of the standard deviation over the draws."""
        return mean_std(pool.posterior)
