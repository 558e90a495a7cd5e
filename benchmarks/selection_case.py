"""One case of selection.py in a process of its own: selects, and prints seconds, peak memory and scikit-activeml's seconds as JSON."""

import argparse
import json
import resource
import signal
import statistics
import time
from typing import Any

import numpy as np

from alviz import learners, strategies
from alviz.strategies import PoolView, handbook
from alviz.strategies.arrays import Arrays

MEMORY = 12_000_000_000
"""Bytes that scikit-activeml's may address; without a limit it can take the machine down."""

DRAWS = 10
CLUSTERS = 100


class Model(Arrays):
    """Arrays with a linear model behind them that can be asked about other points, and trained again on a shallow learner."""

    def __init__(self, signals: dict[str, Any], weights: np.ndarray, targets: np.ndarray, labelled: np.ndarray):
        super().__init__(signals, lambda x: softmax(x @ weights))
        self.weights, self.targets, self.labelled = weights, targets, labelled

    @property
    def provides(self) -> frozenset[str]:
        """The arrays, and what a model adds."""
        return super().provides | {"refit"}

    def refit(self, extra: np.ndarray, labels: np.ndarray) -> Arrays:
        """A linear SVM on the labelled samples and the extra ones; its predictions are made when they are asked for."""
        rows, classes = np.concatenate([self.labelled, extra]), np.concatenate([self.targets[self.labelled], labels])
        x = self._signals["features"]
        learner = learners.create("linear-svm")
        model = learner.fit(x[rows], classes, n_classes=self.weights.shape[1], rng=np.random.default_rng(0))
        return Refitted(model, x)


class Refitted(Arrays):
    """Probabilities of a trained model, row by row as they are wanted."""

    def __init__(self, model: Any, x: np.ndarray):
        super().__init__({})
        self.model, self.x = model, x

    @property
    def provides(self) -> frozenset[str]:
        """Probabilities only."""
        return frozenset({"probabilities"})

    def rows(self, signal: str, indices: Any) -> np.ndarray:
        """Predictions of some rows."""
        return np.asarray(self.model.predict_proba(self.x if indices is None else self.x[indices]))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Rows of probabilities."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p


def made(n: int, d: int, k: int, b: int, wanted: set[str]) -> dict[str, Any]:
    """The arrays of one size: clustered features, a linear model with its draws, labels for b samples, and true targets."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, d), dtype=np.float32)
    centers = 1.5 * rng.standard_normal((CLUSTERS, d), dtype=np.float32)
    which = rng.integers(CLUSTERS, size=n)
    for start in range(0, n, 8192):
        x[start : start + 8192] += centers[which[start : start + 8192]]
    weights = (rng.standard_normal((d, k)) / np.sqrt(d)).astype(np.float32)
    targets = (x @ weights).argmax(axis=1)
    labels = np.full(n, -1)
    labelled = np.sort(rng.choice(n, b, replace=False))
    labels[labelled] = targets[labelled]
    arrays: dict[str, Any] = {"features": x, "weights": weights, "targets": targets, "labels": labels}
    if wanted & {"probabilities", "gradients", "predict", "refit"}:
        arrays["probabilities"] = softmax(x @ weights)
    if "previous_probabilities" in wanted:
        arrays["previous_probabilities"] = softmax(x @ (weights + 0.02 * rng.standard_normal(weights.shape, dtype=np.float32)))
    if wanted & {"committee_posterior", "dropout_posterior", "target_posterior"}:
        draws = [weights + 0.02 * rng.standard_normal(weights.shape, dtype=np.float32) for _ in range(DRAWS)]
        arrays["posterior"] = np.stack([softmax(x @ w) for w in draws])
    return arrays


def ours(name: str, arrays: dict[str, Any], b: int) -> tuple[np.ndarray, str]:
    """The picks of alviz, and what it says about them."""
    strategy = strategies.create(name)
    labels = arrays["labels"]
    signals = {key: arrays[key] for key in ("features", "probabilities", "previous_probabilities") if key in arrays}
    signals["embeddings"] = arrays["features"]
    if "posterior" in arrays:
        signals |= dict.fromkeys(("committee_posterior", "dropout_posterior"), arrays["posterior"])
    labelled = np.flatnonzero(labels >= 0)
    source = Model(signals, arrays["weights"], arrays["targets"], labelled)
    pool = PoolView(
        source,
        np.flatnonzero(labels < 0),
        labelled,
        labels[labelled],
        arrays["weights"].shape[1],
        len(labels),
        true_targets=arrays["targets"] if strategy.oracle else None,
    )
    selection = strategy.select(pool, b, np.random.default_rng([0]))
    return selection.indices, selection.note


def theirs(name: str, arrays: dict[str, Any], b: int) -> Any:
    """A function that makes scikit-activeml's query for the same method, or None where it has none."""
    try:
        from skactiveml import pool
        from skactiveml.base import SkactivemlClassifier
    except ImportError:
        return None

    class Linear(SkactivemlClassifier):
        """The linear model behind the probabilities, as a fitted classifier of theirs."""

        def __init__(
            self, weights: Any = None, classes: Any = None, missing_label: Any = -1, cost_matrix: Any = None, random_state: Any = None
        ):
            super().__init__(classes=classes, missing_label=missing_label, cost_matrix=cost_matrix, random_state=random_state)
            self.weights = weights

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Linear":
            self._validate_data(X=X, y=y)
            return self

        def predict_proba(self, X: Any, **_: Any) -> Any:
            return softmax(np.asarray(X) @ self.weights)

    x, y = arrays["features"], arrays["labels"]
    k = arrays["weights"].shape[1]
    common: dict[str, Any] = {"X": x, "y": y, "batch_size": b}
    settings: dict[str, Any] = {"missing_label": -1, "random_state": 0}
    alone = {
        "random": ("RandomSampling", {}),
        "k-center": ("CoreSet", {}),
        "typiclust": ("TypiClust", {"k": 20}),
        "probcover": ("ProbCover", {"n_classes": k}),
        "max-herding": ("MaxHerding", {"metric_dict": {"gamma": 1.0}}),  # the paper's kernel width, and ours
    }
    with_classifier = {
        "badge": ("Badge", {}),
        "falcun": ("Falcun", {}),
        "drop-query": ("DropQuery", {}),
        "cal": ("ContrastiveAL", {}),
        "least-confidence": ("UncertaintySampling", {"method": "least_confident"}),
        "margin": ("UncertaintySampling", {"method": "margin_sampling"}),
        "entropy": ("UncertaintySampling", {"method": "entropy"}),
    }
    if name in alone:
        cls, more = alone[name]
        return lambda: getattr(pool, cls)(**settings, **more).query(**common)
    if name in with_classifier or name == "clue":
        # Fitted on b labelled samples: it only learns the classes.
        known = y >= 0
        model = Linear(arrays["weights"], classes=list(range(k))).fit(x[known], y[known])
        if name == "clue":
            return lambda: pool.Clue(**settings).query(**common, estimator=model, fit_estimator=False)
        cls, more = with_classifier[name]
        return lambda: getattr(pool, cls)(**settings, **more).query(**common, clf=model, fit_clf=False)
    return None


def seconds(work: Any) -> tuple[float, Any]:
    """Median over three calls, or one where that takes long."""
    times = []
    while len(times) < 3 and sum(times) < 5:
        started = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - started)
    return statistics.median(times), result


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("size", type=int, nargs=4, metavar="n d K b")
    parser.add_argument("--theirs", type=int, metavar="SECONDS", help="scikit-activeml's too, for so long at most")
    args = parser.parse_args()
    n, d, k, b = args.size
    strategy = handbook.made(args.name)
    wanted = {signal for need in (*strategy.needs, *strategy.wants) for signal in ((need,) if isinstance(need, str) else need)}
    arrays = made(n, d, k, b, wanted | ({"probabilities"} if args.theirs else set()))
    ours(args.name, made(300, 8, 3, 5, wanted), 5)  # imports and first calls are not counted
    taken, (picks, note) = seconds(lambda: ours(args.name, arrays, b))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert len(np.unique(picks)) == b and (arrays["labels"][picks] < 0).all()
    print(json.dumps({"seconds": taken, "bytes": peak, "note": note}), flush=True)
    other = theirs(args.name, arrays, b) if args.theirs else None
    if other is not None:
        signal.alarm(args.theirs)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            print(json.dumps({"theirs": seconds(other)[0]}))
        except MemoryError:
            print(json.dumps({"theirs_problem": f"> {MEMORY / 1e9:.0f} GB"}))


if __name__ == "__main__":
    main()
