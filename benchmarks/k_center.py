"""k-center against BLAS: is picking b centres as quick as b matrix-vector products over the pool, and how much memory does it take?

    python benchmarks/k_center.py [--rows 48000] [--columns 512] [--picks 1000] [--labelled 0] [--dtype float32] [--core-set]

Both are timed in one process, on isotropic Gaussian and clustered data and on features of an ImageNet network; --core-set adds
scikit-activeml's CoreSet on the same arrays. The ratio is picking time over product time; memory is the
peak of the process while picking, over the same before the data was made, in units of the data.
"""

import argparse
import threading
import time

import numpy as np
import psutil

import alviz


class Peak:
    """Largest resident memory of this process while the block runs, in bytes."""

    def __enter__(self) -> "Peak":
        self._process = psutil.Process()
        self.bytes = self._process.memory_info().rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self.bytes = max(self.bytes, self._process.memory_info().rss)


def gaussian(rng: np.random.Generator, n: int, d: int, dtype: str) -> np.ndarray:
    """One isotropic cloud."""
    return rng.standard_normal((n, d), dtype=np.float32).astype(dtype, copy=False)


def clustered(rng: np.random.Generator, n: int, d: int, dtype: str, clusters: int = 100, spread: float = 0.3) -> np.ndarray:
    """Clouds around `clusters` centres, `spread` times as wide as the centres are."""
    x = gaussian(rng, n, d, "float32")
    x *= spread
    centres = gaussian(rng, clusters, d, "float32")
    which = rng.integers(clusters, size=n)
    for start in range(0, n, 4096):
        x[start : start + 4096] += centres[which[start : start + 4096]]
    return x.astype(dtype, copy=False)


def pictures(rng: np.random.Generator, n: int, d: int, dtype: str) -> np.ndarray:
    """The features of fashion-mini, with a little noise, through a random layer with ReLU to d dimensions."""
    features = alviz.data.create("fashion-mini").features
    layer = gaussian(rng, features.shape[1], d, "float32") / np.sqrt(features.shape[1])
    x = np.maximum(features[rng.integers(len(features), size=n)] @ layer, 0)
    x += 0.05 * features.std() * gaussian(rng, n, d, "float32")
    return x.astype(dtype, copy=False)


def measure(name: str, x: np.ndarray, picks: int, labelled: int, base: int, core_set: bool) -> None:
    """Time both and print one line."""
    labels = np.full(len(x), -1)
    labels[:labelled] = np.arange(labelled) % 10
    started = time.perf_counter()
    for i in range(picks):
        x @ x[i]
    products = time.perf_counter() - started
    with Peak() as peak:
        started = time.perf_counter()
        alviz.query("k-center", picks, labels=labels, features=x)
        seconds = time.perf_counter() - started
    memory = (peak.bytes - base) / x.nbytes
    times = f"{picks} products {products:6.2f} s   {picks} picks {seconds:6.2f} s   ratio {seconds / products:5.2f}"
    print(f"{name:<28} {times}   memory {memory:4.2f} x data")
    if core_set:
        from skactiveml.pool import CoreSet

        targets = np.where(labels < 0, np.nan, labels)
        started = time.perf_counter()
        CoreSet(random_state=0).query(x, targets, batch_size=picks)
        longer = time.perf_counter() - started
        print(f"{'':<28} CoreSet {longer:6.2f} s, {longer / seconds:.1f} times as long")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=48_000)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--picks", type=int, default=1_000)
    parser.add_argument("--labelled", type=int, default=0)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--core-set", action="store_true")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    shape = (args.rows, args.columns, args.dtype)
    alviz.query("k-center", 1, labels=np.full(100, -1), features=np.zeros((100, 2)))  # imports are not counted
    base = psutil.Process().memory_info().rss
    measure("Gaussian", gaussian(rng, *shape), args.picks, args.labelled, base, args.core_set)
    measure("fashion-mini", pictures(rng, *shape), args.picks, args.labelled, base, args.core_set)
    for clusters, spread in ((10, 0.3), (100, 0.3), (1_000, 0.3), (100, 0.01)):
        x = clustered(rng, *shape, clusters, spread)
        measure(f"{clusters} clusters, spread {spread}", x, args.picks, args.labelled, base, args.core_set)


if __name__ == "__main__":
    main()
