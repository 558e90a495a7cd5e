"""Query by committee: how far the members are from agreeing."""

import numpy as np

from alviz.registry import Card
from alviz.strategies.base import ScoringStrategy
from alviz.strategies.device import Array
from alviz.strategies.pool import POSTERIORS, PoolView
from alviz.strategies.posterior import by_draws, mean_of, mutual_information
from alviz.strategies.uncertainty import Scores, entropy, surprise


def vote_entropy(posterior: Array) -> Scores:
    """(m,) entropy in nats of the votes of the draws (T, m, K); a draw votes for its first most probable class."""
    n_classes = posterior.shape[2]

    def spread_of_votes(draws: Array) -> Array:
        votes = draws.argmax(axis=2)
        counts = np.stack([(votes == c).sum(axis=0) for c in range(n_classes)], axis=1)
        counts.sort(axis=1)  # votes that are permutations of each other are exactly tied
        return surprise(counts / len(votes)).sum(axis=1)

    return by_draws(spread_of_votes, posterior)


class CommitteeKL(ScoringStrategy):
    name = "committee-kl"
    card = Card(
        title="Committee, KL divergence",
        family="posterior",
        idea="Label where the members' predictions are farthest, on average, from what the committee says as one.",
        formula="(1/T) Σ_t KL(p_t ‖ p̄), with p̄ = (1/T) Σ_t p_t",
        needs="draws of the posterior (a committee, of two members at least, or stochastic passes)",
        cost="O(TnK), and T predictions of the whole pool",
        reference="McCallum and Nigam, Employing EM and pool-based active learning for text classification (1998)",
        cites=("mccallum1998employing",),
        shines="Two members are enough to start; doubt that all members share is ignored.",
        fails="Chooses the same few regions again and again within a batch; members that are trained alike hardly differ.",
        deviation="The same number as BALD, H(p̄) − (1/T) Σ_t H(p_t), and so the same picks: the two names come from two fields. The paper also weights by "
        "density, which is density-weighted here.",
    )
    needs = (POSTERIORS,)

    def score(self, pool: PoolView) -> Array:
        """Mean divergence from the mean, in nats."""
        return mutual_information(pool.posterior)


class VoteEntropy(ScoringStrategy):
    name = "vote-entropy"
    card = Card(
        title="Vote entropy",
        family="posterior",
        idea="Every member votes for one class; label where the votes are most evenly split.",
        formula="−Σ_c (V_c/T) ln(V_c/T), with V_c the votes for class c; ties by the entropy of the mean, then by index",
        needs="draws of the posterior (a committee, of two members at least, or stochastic passes)",
        cost="O(TnK), and T predictions of the whole pool",
        reference="Dagan and Engelson, Committee-based sampling for training probabilistic classifiers (1995)",
        cites=("dagan1995committee",),
        shines="Members whose probabilities cannot be trusted: only their decisions count.",
        fails="A committee of two knows two levels, agreement and not; a vote of 51 % counts as one of 99 %.",
        deviation="The votes are hard, as in the paper; with soft votes it is ensemble-entropy. The paper divides by ln min(T, K), which changes no "
        "order, and leaves ties open.",
    )
    needs = (POSTERIORS,)

    def score(self, pool: PoolView) -> Array:
        """Entropy of the votes in nats."""
        return vote_entropy(pool.posterior)

    def tiebreak(self, pool: PoolView) -> Array:
        """Entropy of the mean in nats."""
        return entropy(mean_of(pool.posterior))
