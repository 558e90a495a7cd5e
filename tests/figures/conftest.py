"""Made-up datasets and rounds with known numbers."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from alviz.data.dataset import Dataset
from alviz.loop.round import Round

TEN = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def names_of(k: int) -> tuple[str, ...]:
    return TEN[:k] if k <= len(TEN) else tuple(f"class {i}" for i in range(k))


def blobs(n: int, k: int, *, class_names: Sequence[str] | None = None, known: bool = True, seed: int = 0) -> Dataset:
    """k blobs on a circle, classes taking turns."""
    rng = np.random.default_rng(seed)
    targets = np.arange(n, dtype=np.int64) % k
    angle = 2 * np.pi * targets / k
    features = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 3 + rng.normal(size=(n, 2)) * 0.8
    return Dataset(
        name="blobs",
        ids=[str(i) for i in range(n)],
        images=None,
        features=features.astype(np.float32),
        targets=targets if known else np.full(n, -1, dtype=np.int64),
        class_names=tuple(class_names or names_of(k)),
    )


def round_of(
    dataset: Dataset, index: int, queried: Sequence[int], labels: Sequence[int], before: Sequence[int] | None = None, **more: object
) -> Round:
    """A round with given labels on top of `before` (K,) label counts; plausible values elsewhere, seeded by the index."""
    rng = np.random.default_rng(index)
    n, k = len(dataset), dataset.n_classes
    answers = np.asarray(labels, dtype=np.int64).reshape(-1)
    counts = np.bincount(answers[answers >= 0], minlength=k) + (0 if before is None else np.asarray(before))
    logits = rng.normal(size=(n, k)) + 3 * np.eye(k)[np.maximum(dataset.targets, 0)]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    confusion = np.diag(np.full(k, 8)) + rng.integers(0, 3, (k, k))
    fields: dict[str, object] = {
        "index": index,
        "strategy": "margin" if index else "random",
        "queried": np.asarray(queried, dtype=np.int64).reshape(-1),
        "labels": answers,
        "n_labelled": int(counts.sum()),
        "class_counts": counts.astype(np.int64),
        "probabilities": probabilities.astype(np.float32),
        "metrics": {"accuracy": 0.9 - 0.4 / (index + 1), "log_loss": 1 / (index + 1)},
        "recall": np.diag(confusion) / confusion.sum(axis=1),
        "confusion": confusion.astype(np.int64),
        "scores": rng.random(n) if index else None,
        "seconds": {"score": 0.02, "select": 0.01, "label": 0.0, "train": 0.3, "evaluate": 0.07} if index else {"train": 0.3},
    }
    return Round(**{**fields, **more})  # type: ignore[arg-type]


def run_of(dataset: Dataset, n_rounds: int, per_round: int) -> tuple[list[Round], np.ndarray]:
    """Rounds that label seeded random samples, the first classes more often; and labelled_in_round (n,)."""
    rng = np.random.default_rng(5)
    k = dataset.n_classes
    weight = 1.0 / (1 + np.maximum(dataset.targets, 0) % k)
    order = rng.choice(len(dataset), size=n_rounds * per_round, replace=False, p=weight / weight.sum())
    labelled_in_round = np.full(len(dataset), -1, dtype=np.int64)
    rounds: list[Round] = []
    for r in range(n_rounds):
        queried = order[r * per_round : (r + 1) * per_round]
        labelled_in_round[queried] = r
        before = rounds[-1].class_counts if rounds else None
        scores = None
        if r:
            scores = np.where((labelled_in_round >= 0) & (labelled_in_round < r), np.nan, np.random.default_rng(r).beta(2, 5, len(dataset)))
            scores[queried] = 0.8 + 0.2 * rng.random(per_round)
        rounds.append(round_of(dataset, r, queried, dataset.targets[queried], before, scores=scores))
    return rounds, labelled_in_round


def blank(finished: Round) -> Round:
    """The round of a run without any test sample or score: metrics NaN, recall NaN, confusion empty."""
    k = len(finished.class_counts)
    nothing = {name: float("nan") for name in finished.metrics}
    return replace(
        finished, metrics=nothing, recall=np.full(k, np.nan), confusion=np.zeros((k, k), dtype=np.int64), scores=None, seconds={}
    )


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    return blobs


@pytest.fixture
def make_round() -> Callable[..., Round]:
    return round_of


@pytest.fixture
def make_run() -> Callable[..., tuple[list[Round], np.ndarray]]:
    return run_of


@pytest.fixture
def make_blank() -> Callable[[Round], Round]:
    return blank
