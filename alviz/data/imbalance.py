"""Class imbalance: its measure, and pools thinned to a wanted one. Samples are dropped from the pool; the test set stays unless asked."""

from collections.abc import Callable
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


def thin(dataset: Dataset, ir: float = 0.75, seed: int = 0, test: bool = False) -> Dataset:
    """Drop samples until the pool's imbalance ratio is `ir` (papers 000, 001: 0.74 … 0.79), within the rounding of the counts.

    Classes are put in random order and keep geometrically falling shares c_k · q^(rank/(K − 1)); q is the largest that reaches `ir`. (For 100 equal
    classes and ir 0.74 this keeps 34 % of the samples, as in paper 000's CIFAR-100: 171.68 of 500 per class.) A pool that is less
    balanced than asked has its largest classes cut to one size instead. Every class keeps a sample; which ones are kept is random.
    test: thin the test set too. Raises ValueError for a ratio that these classes cannot reach, and when labels are unknown.
    """
    ir = number("ir", ir, 0.0, 100.0)
    return _thinned(dataset, lambda counts, rng: _ratio_plan(counts, ir, rng), f"ir={_text(ir)}", seed, test)


def thin_ratio(dataset: Dataset, ratio: float = 10.0, seed: int = 0, test: bool = False) -> Dataset:
    """Drop samples until the class sizes rise linearly 1 : … : `ratio`, first class to last (1:2:…:10 for ten classes is paper 004's CIFAR10-imb).

    The pool stays as large as the smallest allowance permits: with 5,000 in each of ten classes, 500, 1,000, …, 5,000 are kept. Sizes are
    rounded; which samples are kept is random. test: thin the test set too. Raises ValueError when a class would be left empty, and when labels are unknown.
    """
    ratio = number("ratio", ratio, 1.0, 1e6)
    rule = f"1:{_text(ratio)}"
    return _thinned(dataset, lambda counts, rng: _weighed_plan(counts, np.linspace(1.0, ratio, len(counts)), rule), rule, seed, test)


def thin_power(dataset: Dataset, ratio: float = 100.0, seed: int = 0, test: bool = False) -> Dataset:
    """Drop samples until the class sizes follow a power law, c_k ∝ (k + 1)^−α from the first class to the last: a long tail (paper 003).

    α is such that the first class is `ratio` times the last. Paper 003 speaks of a power law and cites Cui et al. (CVPR 2019), whose sizes fall
    exponentially with the class; that is the profile of `thin`. test: thin the test set too. Raises ValueError when a class would be left empty, and
    when labels are unknown.
    """
    ratio = number("ratio", ratio, 1.0, 1e6)
    rule = f"power-law={_text(ratio)}"

    def plan(counts: Counts, rng: np.random.Generator) -> Counts:
        k = len(counts)
        return _weighed_plan(counts, np.arange(1, k + 1) ** -(np.log(ratio) / np.log(max(k, 2))), rule)

    return _thinned(dataset, plan, rule, seed, test)


def described(dataset: Dataset, rule: str) -> dict[str, Any] | None:
    """The spec of `dataset` after one more rule, or None where it has none."""
    if dataset.spec is None:
        return None
    before = dataset.spec["params"].get("imbalance")
    return {**dataset.spec, "params": {**dataset.spec["params"], "imbalance": rule if before is None else f"{before}; {rule}"}}


def _thinned(dataset: Dataset, plan: Callable[[Counts, np.random.Generator], Counts], rule: str, seed: int, test: bool) -> Dataset:
    rng = np.random.default_rng(whole("seed", seed, 0, 2**32 - 1))
    sizes = plan(_counts(dataset), rng)
    kept = [rng.choice(np.flatnonzero(dataset.targets == k), size=size, replace=False) for k, size in enumerate(sizes)]
    rows = np.sort(np.concatenate(kept)).astype(np.int64)
    text = rule + (f", seed={seed}" if seed else "") + (", test" if test else "")
    changes: dict[str, Any] = {"name": f"{dataset.name} ({rule})", "spec": described(dataset, text)}
    if test and dataset.test is not None:
        changes |= {"test": _thinned(dataset.test, plan, rule, seed, False), "bayes_accuracy": None}
    return dataset.take(rows, **changes)


def _ratio_plan(counts: Counts, ir: float, rng: np.random.Generator) -> Counts:
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
    return plans[best].astype(np.int64)


def _weighed_plan(counts: Counts, weights: NDArray[np.float64], rule: str) -> Counts:
    """The largest sizes in proportion to `weights` that the classes allow."""
    plan = np.round(weights * (counts / weights).min()).astype(np.int64)
    if plan.min() < 1:
        raise ValueError(f"{rule} leaves no sample in the smallest class; class sizes are {counts.tolist()}")
    return plan


def _counts(dataset: Dataset) -> Counts:
    unknown = int((dataset.targets < 0).sum())
    if unknown:
        raise ValueError(f"dataset {dataset.name!r} cannot be thinned: {unknown} of its {len(dataset)} labels are unknown")
    counts = np.bincount(dataset.targets, minlength=dataset.n_classes).astype(np.int64)
    if counts.min() == 0:
        raise ValueError(f"dataset {dataset.name!r} cannot be thinned: class {dataset.class_names[int(counts.argmin())]!r} has no sample")
    return counts


def _text(value: float) -> str:
    """Shortest text that gives the same number back."""
    return str(int(value)) if value == int(value) else repr(value)
