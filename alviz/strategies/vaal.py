"""VAAL: the candidates that an adversary in the latent space of an autoencoder tells from the labelled samples."""

from collections.abc import Callable
from typing import Any

import numpy as np

from alviz.checks import number, whole
from alviz.learners.base import Samples
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, ranking, spread
from alviz.strategies.device import Array, host
from alviz.strategies.pool import PoolView


class Vaal(QueryStrategy):
    name = "vaal"
    card = Card(
        title="VAAL (variational adversarial)",
        family="diversity",
        idea="An autoencoder learns a short code of all samples and tries to make labelled and unlabelled ones look alike in it, while a discriminator "
        "tries to tell them apart. Label what it still takes for unlabelled most surely.",
        formula="argmin D(μ(x)); autoencoder: min −E ln p(x | z) + β KL(q(z | x) ‖ N(0, 1)) − E_L ln D(μ) − E_U ln D(μ); "
        "discriminator: min −E_L ln D(μ) − E_U ln(1 − D(μ))",
        needs="the inputs of the learner: images, or features",
        cost="O(steps · batch_size) passes through two small networks: 10 seconds for 6,000 pictures of 28 × 28 pixels on two cores; O(n d) memory",
        reference="Sinha, Ebrahimi and Darrell, Variational adversarial active learning (2019), equations 1–4, Algorithms 1 and 2",
        cites=("sinha2019vaal",),
        shines="Kinds of samples that are missing from the labelled set, found without any use of the labels.",
        fails="It knows nothing of the classes; in Zhan et al. 2022 it stays below random. A labelled set drawn at random looks like the pool, and there "
        "is nothing to find.",
        deviation="Small networks for pictures of at most 32 × 32 pixels (larger ones are shrunk; the authors: four convolutions of 128 to 1,024 channels), "
        "and one hidden layer for features. The authors train for 100 epochs at learning rate 5e-4. The reconstruction error is summed over the "
        "inputs, as the likelihood says, with a tenth of their variance as noise (the authors' code averages it, and sums the divergence over "
        "the mini-batch). The autoencoder wants labelled for both sides and the discriminator the truth, as in the paper: public "
        "copies have 1 for both sides in the discriminator too, or the truth in both. Nothing labelled: drawn at random.",
        options={
            "epochs": "Passes over the unlabelled samples, at most (the paper: 100).",
            "steps": "Mini-batches in all, at most; None: as many as the epochs have.",
            "latent": "Numbers in a code (the authors: 32).",
            "beta": "Weight of the divergence of the codes from a normal distribution (the authors: 1).",
            "lr": "Learning rate of both networks, with Adam.",
            "batch_size": "Labelled samples in a mini-batch, and as many unlabelled ones (the authors: 128).",
        },
    )
    needs = (("inputs", "features"),)
    trains = True
    symmetries = frozenset({"classes"})  # samples are drawn by number

    def __init__(
        self, epochs: int = 50, steps: int | None = 300, latent: int = 32, beta: float = 1.0, lr: float = 1e-3, batch_size: int = 128
    ):
        self.epochs = whole(f"{self.name}: epochs", epochs, 1)
        self.steps = whole(f"{self.name}: steps", steps, 1, optional=True)
        self.latent = whole(f"{self.name}: latent", latent, 1)
        self.beta = number(f"{self.name}: beta", beta, 0)
        self.lr = number(f"{self.name}: lr", lr, 0, above=True)
        self.batch_size = whole(f"{self.name}: batch_size", batch_size, 1)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The candidates most surely unlabelled. scores: the probability of that."""
        if not len(pool.labelled):
            chosen = rng.permutation(len(pool))[:n_queries]
            return Selection(
                pool.candidates[chosen],
                np.full(pool.n, np.nan),
                note="Nothing is labelled to tell the candidates from: they were drawn at random.",
            )

        def seen(rows: Callable[[str], Any]) -> Array:
            given = rows("inputs" if "inputs" in pool.provides else "features")
            return host(given.features if isinstance(given, Samples) else given)

        from alviz.strategies.deep.vae import Settings, unlabelled_logits

        how = Settings(self.epochs, self.steps, self.latent, self.beta, self.lr, self.batch_size)
        logits = unlabelled_logits(seen(pool.resident_labelled), seen(pool.resident), how, rng, pool.progress)
        return Selection(pool.candidates[ranking(logits, n=n_queries)], spread(pool, 1 / (1 + np.exp(-np.clip(logits, -700, 700)))))
