"""ensemble: a committee of learners that differ in their first weights and orders, or in the samples they saw."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alviz.checks import whole
from alviz.learners.base import Array, Learner, Model, checked, registry
from alviz.learners.blocks import by_blocks
from alviz.learners.mlp import MLP, PerceptronModel, fit_members, seeds
from alviz.learners.stored import dumped, restored
from alviz.progress import Progress, silent
from alviz.registry import Card

if TYPE_CHECKING:
    from alviz.data.extractors import Extractor


class PerceptronCommittee(PerceptronModel):
    """A committee of perceptrons, computed together."""

    def committee_proba(self, x: Array) -> NDArray[np.float64]:
        """(T, n, K), one layer per member."""
        return by_blocks(self._proba, x, axis=1)


class Committee:
    """A committee of any models; as a classifier, their mean."""

    def __init__(self, members: Sequence[Model], n_classes: int):
        self.members = tuple(members)
        self.n_classes = n_classes

    def committee_proba(self, x: Array) -> Array:
        """(T, n, K), one layer per member."""
        return np.stack([member.predict_proba(x) for member in self.members])

    def predict_proba(self, x: Array) -> Array:
        """(n, K) mean of the members' probabilities."""
        total = np.array(self.members[0].predict_proba(x), dtype=np.float64)
        for member in self.members[1:]:
            total += member.predict_proba(x)
        return total / len(self.members)


class Ensemble(Learner):
    """Committee.

    base: name of a learner, or a Learner. size: members, at least 2. params: parameters of the base, by name.
    Members of mlp and mlp-dropout are trained on all samples as one batched computation, each from its own first weights and in its own order
    (Lakshminarayanan et al. 2017; Beluch et al. 2018). Members of other bases are trained one after another, each on a bootstrap
    resample of the labelled samples (Breiman 1996).
    """

    name = "ensemble"
    card = Card(
        title="Ensemble",
        idea="Several learners trained apart; where they disagree, labels are worth most.",
        formula="p = (1/T) Σ_t p_t",
        needs="whatever its base needs",
        cost="T times its base; perceptrons are trained together in one batched computation, well under that",
        reference="Beluch et al. 2018, The Power of Ensembles for Active Learning in Image Classification; as in Chandra et al.",
        cites=("beluch2018ensembles",),
        shines="the steadiest uncertainty of all learners here; made for bald, variation-ratio and the ensemble- strategies",
        fails="members of a base without randomness (knn, SVMs) differ only by the samples they were given",
        options={
            "base": "The learner that the members are.",
            "size": "How many members vote.",
            "params": "Settings of the base.",
        },
    )

    def __init__(self, base: str | Learner = "mlp", size: int = 5, params: dict[str, Any] | None = None):
        whole("size", size, 2)
        if isinstance(base, Learner) and params:
            raise ValueError("params belong to a base given by name; this base is a Learner that has its own")
        if not isinstance(base, str | Learner):
            raise ValueError(f"base must be the name of a learner or a Learner, got {type(base).__name__}")
        self.base = registry.create(base, **(params or {})) if isinstance(base, str) else base
        self.takes = self.base.takes
        self.trains_on_pool = self.base.trains_on_pool
        self.size = int(size)

    @property
    def provides(self) -> frozenset[str]:
        """committee_posterior."""
        return frozenset({"committee_posterior"})

    @property
    def extractor(self) -> "Extractor | None":
        """What the base takes features from."""
        return self.base.extractor

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
        """Train all members. Raises ValueError on bad input."""
        each = seeds(rng, self.size)
        if isinstance(self.base, MLP):
            model = fit_members(x, y, n_classes, each, self.base.training, progress)
            return (
                PerceptronCommittee(model.scale, model.nets, model.classes, model.n_classes)
                if isinstance(model, PerceptronModel)
                else model
            )
        x, y, k = checked(x, y, n_classes)
        report = progress or silent
        if (y == y[0]).all():
            return self.base.fit(x, y, n_classes=k, rng=rng, progress=progress)
        members: list[Model] = []
        before = previous.members if isinstance(previous, Committee) else (None,) * self.size
        for i, seed in enumerate(each):
            own = np.random.default_rng(seed)
            rows = np.sort(own.integers(len(y), size=len(y)))

            def share(fraction: float, i: int = i) -> None:
                report((i + fraction) / self.size)

            members.append(self.base.fit(x[rows], y[rows], n_classes=k, unlabelled=unlabelled, previous=before[i], rng=own, progress=share))
        return Committee(members, k)

    def dump(self, model: Model) -> dict[str, Array] | None:
        """The members, one after another; perceptrons together."""
        if isinstance(model, PerceptronModel):
            return model.arrays()
        each = [dumped(self.base, member) for member in model.members] if isinstance(model, Committee) else [None]
        return None if None in each else {f"{i}.{name}": a for i, arrays in enumerate(each) for name, a in (arrays or {}).items()}

    def load(self, arrays: Mapping[str, Array], n_classes: int) -> Model:
        """The committee of the same members."""
        if isinstance(self.base, MLP):
            return PerceptronCommittee.of(arrays, n_classes)
        each: list[dict[str, Array]] = [{} for _ in range(self.size)]
        for name, array in arrays.items():
            i, dot, rest = name.partition(".")
            if dot:
                each[int(i)][rest] = array
        return Committee([restored(self.base, own) for own in each], n_classes)
