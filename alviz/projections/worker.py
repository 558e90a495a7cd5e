"""The other side of `remote.py`: computes one UMAP or t-SNE in a process of its own, so that neither the memory of their compilers stays
with the caller nor anything keeps a cancelled computation running.

`python -m alviz.projections.worker METHOD SEED FOLDER` reads FOLDER/components.npy (n, c), writes FOLDER/points.npy (n, 2) and prints its
progress, a number in [0, 1] a line. It ends when its standard input does: an orphan computes for nobody.
"""

import os
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.projections.neighbors import nearest

UMAP_NEIGHBORS = 15
PERPLEXITY = 30
FFT_FROM = 2000
"""Below this many samples Barnes–Hut is the quicker way to the forces of t-SNE, from here on interpolation by FFT."""
THREADS_FROM = 20_000
"""More threads gain nothing for fewer samples, and lose much on a machine that has other work."""


def main() -> None:
    """Entry point of the process."""
    method, seed, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    x = np.load(folder / "components.npy", allow_pickle=False)
    np.save(folder / "points.npy", {"umap": umap, "tsne": tsne}[method](x, seed, _report), allow_pickle=False)


def umap(x: NDArray[np.float32], seed: int, report: Callable[[float], None]) -> NDArray[np.float32]:
    """(n, 2) UMAP of x (n, c), n ≥ 5: 15 neighbours (fewer for fewer samples), started from the first two columns."""
    report(0.02)
    from umap import UMAP

    k = min(UMAP_NEIGHBORS, len(x) - 1)
    indices, distances = nearest(x, k - 1, lambda f: report(0.15 + 0.3 * f))
    # umap counts a sample as its own first neighbour.
    own = np.arange(len(x))[:, None]
    neighbors = np.hstack([own, indices]), np.hstack([np.zeros_like(own, dtype=np.float32), distances])
    warnings.filterwarnings("ignore", module="umap")
    fitted = UMAP(
        n_neighbors=k,
        init=_start(x, seed),
        precomputed_knn=neighbors,
        random_state=seed,
        n_jobs=1,
        tqdm_kwds={"disable": False, "file": _Epochs(lambda f: report(0.55 + 0.45 * f)), "bar_format": "{n}/{total};", "mininterval": 0.2},
    ).fit(x)
    return np.asarray(fitted.embedding_, dtype=np.float32)


def tsne(x: NDArray[np.float32], seed: int, report: Callable[[float], None]) -> NDArray[np.float32]:
    """(n, 2) t-SNE of x (n, c), n ≥ 5: perplexity 30 (less for fewer samples), started from the first two columns."""
    report(0.02)
    from openTSNE import TSNE
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    perplexity = min(PERPLEXITY, (len(x) - 1) / 3)
    indices, distances = nearest(x, min(3 * PERPLEXITY, len(x) - 1), lambda f: report(0.1 + 0.2 * f))
    early, late, every = 250, 500, 10
    done = 0

    def callback(iteration: int, error: float, embedding: Any) -> None:
        nonlocal done
        done += every
        report(0.3 + 0.7 * done / (early + late))

    embedding = TSNE(
        early_exaggeration_iter=early,
        n_iter=late,
        initialization=1e-4 * _start(x, seed),
        negative_gradient_method="fft" if len(x) >= FFT_FROM else "bh",
        random_state=seed,
        n_jobs=(os.cpu_count() or 1) if len(x) >= THREADS_FROM else 1,
        callbacks=callback,
        callbacks_every_iters=every,
    ).fit(affinities=PerplexityBasedNN(perplexity=perplexity, knn_index=PrecomputedNeighbors(indices, distances)))
    return np.asarray(embedding, dtype=np.float32)


class _Epochs:
    """A file for tqdm that turns its "n/total;" into reports."""

    def __init__(self, report: Callable[[float], None]):
        self.report = report

    def write(self, text: str) -> None:
        count, slash, total = text.strip("\r\n ;").partition("/")
        if slash:
            self.report(int(count) / int(total))

    def flush(self) -> None:
        pass


def _start(x: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """(n, 2) the first two components with unit spread along the first, and a little noise: equal samples must be able to part."""
    start = np.zeros((len(x), 2))
    start[:, : x.shape[1]] = x[:, :2]
    return start / start[:, 0].std() + np.random.default_rng(seed).normal(scale=1e-3, size=start.shape)


def _report(fraction: float) -> None:
    print(f"{fraction:.4f}", flush=True)


def _end_with_parent() -> None:
    # Straight from the descriptor: a thread that waits inside sys.stdin holds its lock, and the interpreter could not shut down.
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
