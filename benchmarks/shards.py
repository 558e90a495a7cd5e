"""What choosing over row shards costs against choosing over the whole pool.

    python benchmarks/shards.py [--write]

The pool: 6,000 real pictures (fashion-mini's features) and clustered Gaussians (20,000 × 64), 50 labelled, 100 picks, in the order of the
file and so with shards that look alike, and sorted by class, the worst case: every shard holds other classes. What is compared is what each
method is after: k-center the largest distance of a sample to its nearest centre; badge and kmeans-pp the mean squared distance to the
nearest centre (of gradients, of features); max-herding and uncertainty-herding the mean (weighted) kernel coverage; probcover the share
of the pool in the balls. Medians over five seeds: how many times worse with shards than without, 1.00 is no loss.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from common import table, write_section
from selection_case import softmax

import alviz
from alviz.strategies.last_layer import Gradients
from alviz.strategies.vectors import Dense, Outer, squared_distances

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "selection.md"
SHARDS = (2, 4, 8, 16)
SEEDS = 5
LABELLED, PICKS = 50, 100


def pools() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(features, classes) by name."""
    fashion = alviz.data.create("fashion-mini")
    rng = np.random.default_rng(0)
    centers = 1.5 * rng.standard_normal((40, 64))
    which = rng.integers(40, size=20_000)
    clustered = (centers[which] + rng.standard_normal((20_000, 64))).astype(np.float32)
    return {"fashion-mini": (np.asarray(fashion.features), fashion.targets), "clustered": (clustered, which % 10)}


def nearest(x: Dense | Outer, centres: np.ndarray) -> np.ndarray:
    """(n,) squared distance of every vector to the nearest of the centres."""
    return np.concatenate([squared_distances(x.take(slice(a, a + 2048)), x.take(centres)).min(axis=1) for a in range(0, len(x), 2048)])


def coverage(x: np.ndarray, centres: np.ndarray, weights: np.ndarray) -> float:
    """Weighted mean over the pool of the largest kernel value with a centre, exp(−‖x − y‖²) of rows of length 1."""
    units = Dense(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30))
    return float((weights * np.exp(-nearest(units, centres))).sum() / weights.sum())


def objective(name: str, x: np.ndarray, p: np.ndarray, centres: np.ndarray, radius: float) -> float:
    """What the method is after, smaller is better."""
    features = Dense.centred(x)
    if name == "k-center":
        return float(np.sqrt(nearest(features, centres).max()))
    if name == "badge":
        return float(nearest(Gradients.of(p, x), centres).mean())
    if name == "kmeans-pp":
        return float(nearest(features, centres).mean())
    if name == "probcover":
        return 1 / float((nearest(features, centres) < radius**2).mean())
    weights = np.ones(len(x)) if name == "max-herding" else 1 - np.abs(np.diff(np.sort(p, axis=1)[:, -2:], axis=1))[:, 0]
    return 1 / coverage(x, centres, weights)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    names = ["k-center", "badge", "kmeans-pp", "max-herding", "uncertainty-herding", "probcover"]
    rows = []
    for data, (features, classes) in pools().items():
        for order in ("as it comes", "sorted by class"):
            sequence = np.arange(len(features)) if order == "as it comes" else np.argsort(classes, kind="stable")
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "features.npy"
                np.save(path, features[sequence])
                x = np.load(path, mmap_mode="r")
                y = classes[sequence]
                some = np.random.default_rng(1).choice(len(x), 500, replace=False)
                radius = float(np.sqrt(np.quantile(squared_distances(Dense(np.array(x[some])), Dense(np.array(x[some]))), 0.02)))
                for name in names:
                    losses: dict[int, list[float]] = {count: [] for count in SHARDS}
                    for seed in range(SEEDS):
                        rng = np.random.default_rng([seed, 7])
                        labels = np.full(len(x), -1)
                        labelled = rng.choice(len(x), LABELLED, replace=False)
                        labels[labelled] = y[labelled]
                        means = np.stack([x[y == c].mean(axis=0) for c in range(y.max() + 1)])
                        p = softmax(x @ (means - means.mean(axis=0)).T * (10 / np.linalg.norm(means)))
                        options = {"delta": radius} if name == "probcover" else {}
                        common = {"labels": labels, "features": x, "probabilities": p, "seed": seed, **options}
                        before = labelled if name not in ("badge", "kmeans-pp") else labelled[:0]

                        def reached(count: int | None, name=name, common=common, before=before, x=x, p=p, radius=radius) -> float:
                            shards = {} if count is None else {"shards": count}
                            picks = alviz.query(name, PICKS, **common, **shards)
                            return objective(name, np.array(x), p, np.concatenate([before, picks]), radius)

                        whole = reached(None)
                        for count in SHARDS:
                            losses[count].append(reached(count) / whole)
                    ratios = [f"{np.median(losses[count]):.2f}" for count in SHARDS]
                    rows.append([name, data, order, *ratios])
                    print(*rows[-1], sep="\t", flush=True)
    if args.write:
        write_section("shards", table(["strategy", "pool", "rows", *(f"{count} shards" for count in SHARDS)], rows), DOCUMENT)


if __name__ == "__main__":
    main()
