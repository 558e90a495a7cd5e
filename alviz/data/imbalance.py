"""Class imbalance: its measure, and pools thinned to a wanted one. Samples are dropped from the pool only; the test set stays."""

import re
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alviz.checks import number, whole
from alviz.data.dataset import Dataset

Counts = NDArray[np.int64]
TOLERANCE = 0.02
"""How far the ratio reached may lie from the one asked for (counts are whole numbers)."""


def imbalance_ratio(counts: ArrayLike) -> float:
    """ir = σ/μ of the samples per class, classes without samples included; 0 = balanced, √(K − 1) = all in one class.

    σ is the population standard deviation (ddof 0). Papers 000 and 001 do not say which they use; for their 67 to 101 classes
    the two differ by less than 1 %. Raises ValueError when there is no sample at all.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim != 1 or counts.sum() <= 0 or (counts < 0).any():
        raise ValueError(f"counts must be samples per class with at least one sample, got {counts.tolist()}")
    return float(counts.std() / counts.mean())


def thin(dataset: Dataset, ir: float = 0.75, seed: int = 0) -> Dataset:
    """Drop samples until the pool's imbalance ratio is `ir` (papers 000, 001: 0.74 … 0.79), within the rounding of the counts.

    Classes are put in random order and keep geometrically falling shares c_k · q^(rank/(K − 1)); q is the largest that reaches `ir`. (For 100 equal
    classes and ir 0.74 this keeps 34 % of the samples, as in paper 000's CIFAR-100: 171.68 of 500 per class.) A pool that is less
    balanced than asked has its largest classes cut to one size instead. Every class keeps a sample; which ones are kept is random.
    Raises ValueError for a ratio that these classes cannot reach, and when labels are unknown.
    """
    ir = number("ir", ir, 0.0, 100.0)
    rng = _generator(seed)
    counts = _counts(dataset)
    k = len(counts)
    if imbalance_ratio(counts) > ir:
        plans = np.minimum(counts, np.arange(counts.max(), 0, -1)[:, None])
    else:
        rank = rng.permutation(k)
        q = np.geomspace(1.0, 1e-6, 20_000)[:, None]
        plans = np.maximum(np.round(counts * q ** (rank / max(k - 1, 1))), 1.0)
    reached = plans.std(axis=1) / plans.mean(axis=1)
    best = int(np.argmin(np.abs(reached - ir)))
    if abs(reached[best] - ir) > TOLERANCE:
        raise ValueError(
            f"ir={ir:g} cannot be reached with class sizes {counts.tolist()}; possible: {reached.min():.2f} … {reached.max():.2f}"
        )
    return _keep(dataset, plans[best].astype(np.int64), rng, f"ir={_text(ir)}", seed)


def thin_ratio(dataset: Dataset, ratio: float = 10.0, seed: int = 0) -> Dataset:
    """Drop samples until the class sizes rise linearly 1 : … : `ratio`, first class to last (1:2:…:10 for ten classes is paper 004's CIFAR10-imb).

    The pool stays as large as the smallest allowance permits: with 5,000 in each of ten classes, 500, 1,000, …, 5,000 are kept. Sizes are
    rounded; which samples are kept is random. Raises ValueError when a class would be left empty, and when labels are unknown.
    """
    ratio = number("ratio", ratio, 1.0, 1e6)
    rng = _generator(seed)
    counts = _counts(dataset)
    weights = np.linspace(1.0, ratio, len(counts))
    plan = np.round(weights * (counts / weights).min()).astype(np.int64)
    if plan.min() < 1:
        raise ValueError(f"1:{ratio:g} leaves no sample in the smallest class; class sizes are {counts.tolist()}")
    return _keep(dataset, plan, rng, f"1:{_text(ratio)}", seed)


def apply(dataset: Dataset, imbalance: str | None) -> Dataset:
    """The pool thinned as a text says: None or "none", "ir=0.75", "1:10"; a seed may follow: "ir=0.75, seed=3".

    Raises ValueError for any other text.
    """
    if imbalance is None or imbalance == "none":
        return dataset
    found = _RULE.fullmatch(imbalance.replace(" ", "")) if isinstance(imbalance, str) else None
    if found is None:
        raise ValueError(
            f"imbalance must be none, ir=<number> or 1:<number>, with ', seed=<whole number>' after it if need be, got {imbalance!r}"
        )
    thinned = thin if found["kind"] == "ir=" else thin_ratio
    return thinned(dataset, float(found["value"]), int(found["seed"] or 0))


_RULE = re.compile(r"(?P<kind>ir=|1:)(?P<value>\d+\.?\d*|\.\d+)(,seed=(?P<seed>\d+))?")


def _generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(whole("seed", seed, 0, 2**32 - 1))


def _counts(dataset: Dataset) -> Counts:
    unknown = int((dataset.targets < 0).sum())
    if unknown:
        raise ValueError(f"dataset {dataset.name!r} cannot be thinned: {unknown} of its {len(dataset)} labels are unknown")
    counts = np.bincount(dataset.targets, minlength=dataset.n_classes).astype(np.int64)
    if counts.min() == 0:
        raise ValueError(f"dataset {dataset.name!r} cannot be thinned: class {dataset.class_names[int(counts.argmin())]!r} has no sample")
    return counts


def _keep(dataset: Dataset, plan: Counts, rng: np.random.Generator, rule: str, seed: int) -> Dataset:
    kept = [rng.choice(np.flatnonzero(dataset.targets == k), size=size, replace=False) for k, size in enumerate(plan)]
    rows = np.sort(np.concatenate(kept)).astype(np.int64)
    return dataset.take(rows, name=f"{dataset.name} ({rule})", spec=_spec(dataset.spec, f"{rule}, seed={seed}" if seed else rule))


def _spec(spec: dict[str, Any] | None, imbalance: str) -> dict[str, Any] | None:
    """The spec of the thinned dataset; None for a pool thinned twice, which no text describes."""
    if spec is None or "imbalance" in spec["params"]:
        return None
    return {**spec, "params": {**spec["params"], "imbalance": imbalance}}


def _text(value: float) -> str:
    """Shortest text that gives the same number back."""
    return str(int(value)) if value == int(value) else repr(value)
