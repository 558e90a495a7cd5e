"""Generated samples: GAAL asks about made-up pictures, BGADL trains on them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from alviz.checks import whole
from alviz.learners.base import Learner, Model, checked
from alviz.learners.wrapped import WrappedLearner
from alviz.progress import Progress, silent
from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, ScoringStrategy, Selection, spread
from alviz.strategies.device import BLOCK_BYTES, Array, Floats, Indices
from alviz.strategies.farthest import direct
from alviz.strategies.pool import POSTERIORS, PoolView
from alviz.strategies.posterior import mutual_information
from alviz.strategies.uncertainty import entropy
from alviz.strategies.vectors import ROWS, Dense, squared_distances

_SEED = 0x6AA1


class Gaal(QueryStrategy):
    name = "gaal"
    card = Card(
        title="GAAL (queries made by a generator)",
        family="synthesis",
        idea="A generator learns from the pool what its pictures look like, and then makes new ones exactly where the classifier hesitates between two classes. "
        "A person would be asked what they show; here the real sample most like each of them is asked for in its place.",
        formula="min over z of (f₁(G(z)) − f₂(G(z)))², f₁ ≥ f₂ the two largest logits, from a new z ~ N(0, I) for every query; then argmin over candidates x of ‖x − G(z)‖",
        needs="a torch network and its inputs: pictures, or features",
        cost="a small DCGAN, trained once in a run on at most 600 mini-batches (half a minute on two cores for 28 × 28 pixels); per query of b samples "
        "O(steps · b) passes through generator and network and O(n b d)",
        reference="Zhu and Bento, Generative adversarial active learning (2017), algorithm 1; the nearest real sample as in Mayer and Timofte, Adversarial sampling for "
        "active learning (2020)",
        cites=("zhu2017gaal", "mayer2020asal"),
        shines="Shows what the classifier finds hard to tell, even where the pool has no such picture. Queries are found without scoring the pool.",
        fails="What the generator makes is often nothing at all, and nobody can say what it shows; photographs are beyond a small one. The nearest real sample may lie "
        "far from the boundary.",
        deviation="The paper has two classes and a linear SVM on features, whose decision value is brought to 0; with more classes it is the gap between the two "
        "largest logits. The search goes by Adam, and the best point on the way counts. Pictures larger than 32 pixels are made at 32 and resized. Labels of fewer than "
        "two classes: no boundary, so picks are drawn uniformly.",
        options={
            "epochs": "Passes over the pool in training the generator, cut at 600 mini-batches of 64 samples.",
            "steps": "Steps of the search for the boundary.",
        },
    )
    needs = ("module", "inputs")
    trains = True
    symmetries = frozenset({"classes"})

    def __init__(self, epochs: int = 100, steps: int = 100):
        self.epochs = whole(f"{self.name}: epochs", epochs, 1)
        self.steps = whole(f"{self.name}: steps", steps, 1)

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The real samples nearest to the made-up ones, each taken once. scores: minus the distance to the nearest made-up sample."""
        seen = np.flatnonzero(pool.class_counts)
        module = pool.source.module
        if module is None or len(seen) < 2:
            picks = rng.choice(pool.candidates, n_queries, replace=False)
            note = "Chosen uniformly: with labels of fewer than two classes there is no boundary to make samples at."
            return Selection(picks, np.full(pool.n, np.nan), note=note)
        from alviz.strategies.deep.gaal import at_boundary, trained

        key = (self.name, self.epochs, pool.n)
        if key not in pool.run_cache:
            source = np.random.default_rng([pool.seed, _SEED])
            pool.run_cache[key] = trained(pool.table("inputs"), self.epochs, source, lambda share: pool.progress(0.7 * share))
        form, generator = pool.run_cache[key]
        made = at_boundary(form, generator, module, seen, n_queries, self.steps, rng, lambda share: pool.progress(0.7 + 0.2 * share))
        inputs = pool.signal("inputs")

        def rows(which: slice | Indices) -> Array:
            return np.asarray(form.inward(inputs[which]).flatten(1).cpu().numpy(), dtype=np.float64)

        wanted = made.flatten(1).cpu().numpy().astype(np.float64)
        picks, least = nearest_each(wanted, rows, len(pool), lambda share: pool.progress(0.9 + 0.1 * share))
        note = f"{n_queries:,} samples were made up; the real ones most like them are asked for."
        return Selection(pool.candidates[picks], spread(pool, -least), synthetic=form.stored(made) if form.pictures else None, note=note)


def nearest_each(wanted: Floats, rows: Callable[[slice | Indices], Array], m: int, progress: Progress) -> tuple[Indices, Floats]:
    """(row nearest to each of `wanted` (b, d), no row twice: earlier ones choose first (b,); each row's distance to the nearest wanted (m,)).

    rows: function of a slice or of numbers that gives some of the m ≥ b rows (·, d) in float64. Ties: the lower row.
    """
    picks, least, free = np.empty(len(wanted), dtype=np.int64), np.full(m, np.inf), np.ones(m, dtype=bool)
    together = max(1, BLOCK_BYTES // (8 * m))
    for a in range(0, len(wanted), together):
        some = wanted[a : a + together]
        square = np.empty((len(some), m))
        for at in range(0, m, ROWS):
            progress((a + len(some) * at / m) / len(wanted))
            square[:, at : at + ROWS] = squared_distances(Dense(some), Dense(rows(slice(at, at + ROWS))))
        np.minimum(least, square.min(axis=0), out=least)
        for i, distances in enumerate(square):
            distances = np.where(free, distances, np.inf)
            close = np.flatnonzero(distances <= distances.min() * (1 + 1e-9))  # copies, which rounding could tell apart
            picks[a + i] = close[direct(rows(close), some[i]).argmin()]
            free[picks[a + i]] = False
    return picks, np.sqrt(least)


class Bgadl(ScoringStrategy):
    name = "bgadl"
    card = Card(
        title="BGADL (trained on generated samples too)",
        family="synthesis",
        idea="BALD chooses what to label; every labelled sample then gets generated neighbours of the same class, and the learner trains on both. "
        "What is informative about a sample is taken to hold for what lies around it.",
        formula="queries: H(mean p) − mean H(p); also trained on: (G(e(x), y), y) for every labelled (x, y), with an encoder e, a generator G and a critic that tells "
        "real from generated and names the class, trained together",
        needs="draws of the posterior (a committee or stochastic passes); probabilities, whose entropy decides where the learner gives no draws; any learner",
        cost="BALD's; in every training a generator on at most 200 mini-batches (ten seconds on two cores for 28 × 28 pixels), and a learner on 1 + copies times as many "
        "samples",
        reference="Tran, Do, Reid and Carneiro, Bayesian generative active deep learning (2019), and the authors' code",
        cites=("tran2019bgadl",),
        shines="Few labels and small pictures, where a generator can learn what varies within a class.",
        fails="With some dozens of labels the generator only blurs what it was shown; wrong ones teach the learner wrong classes. It is trained afresh in every round.",
        deviation="The learner is trained on the generated samples after the generator, not together with it, so any learner will do; the critic has the class output of "
        "an ACGAN, which is the learner itself in the paper. As in the authors' code neighbours are made around all labelled samples anew in every round; theirs trains "
        "on as many samples from the prior too, and has codes of 100 numbers where ours have 32. Pictures larger than 32 pixels are made at 32 and resized; features go "
        "through perceptrons. One class: nothing is generated.",
        options={
            "copies": "Generated samples for each labelled one (the authors: 1).",
            "epochs": "Passes over the labelled samples in training the generator (the authors: 50), cut at 200 mini-batches of 64 samples.",
        },
    )
    needs = ((*POSTERIORS, "probabilities"),)

    def __init__(self, copies: int = 1, epochs: int = 50):
        self.copies = whole(f"{self.name}: copies", copies, 1)
        self.epochs = whole(f"{self.name}: epochs", epochs, 1)

    def learner(self, base: Learner) -> Learner:
        """The same learner, trained on generated samples too."""
        return TrainedOnGenerated(base, self.copies, self.epochs)

    def score(self, pool: PoolView) -> Array:
        """Mutual information in nats, or the entropy."""
        drawn = any(name in pool.provides for name in POSTERIORS)
        return mutual_information(pool.posterior) if drawn else entropy(pool.probabilities)


class TrainedOnGenerated(WrappedLearner):
    """Trains its base on the labelled samples and on `copies` generated ones around each of them, with the same labels."""

    def __init__(self, base: Learner, copies: int, epochs: int):
        super().__init__(base)
        self.copies = copies
        self.epochs = epochs

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
        """Train a generator, then the base; the base alone while there is one class."""
        report = progress or silent
        x, y, k = checked(x, y, n_classes)
        if len(np.unique(y)) > 1:
            from alviz.strategies.deep.bgadl import around

            made = around(x, y, self.copies, self.epochs, rng, lambda share: report(0.7 * share))
            x, y = np.concatenate([x, made]), np.concatenate([y, np.tile(y, self.copies)])
        return self.base.fit(
            x,
            y,
            n_classes=k,
            unlabelled=unlabelled,
            previous=previous,
            rng=rng,
            progress=lambda share: report(0.7 + 0.3 * share),
        )
