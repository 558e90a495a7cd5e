"""Choosing rows class by class, and setting samples aside for testing so that they stay where they are."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alviz.data import notes


def stratified(targets: NDArray[np.int64], per_class: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Sorted rows, `per_class` of every class, drawn at random."""
    chosen = [rng.choice(np.flatnonzero(targets == k), size=per_class, replace=False) for k in np.unique(targets)]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def held_out(ids: Sequence[str], targets: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """(n,) bool: the test set, a `share` of every class (rounded, but of two samples and more at least one on each side).

    Samples without a class, and one that is alone in its class, are not in it. The choice follows from seed and ids alone, not from their order.
    """
    out = np.zeros(len(ids), dtype=bool)
    if share == 0:
        return out
    lot = np.array([hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest() for name in ids])
    for k in np.unique(targets[targets >= 0]):
        rows = np.flatnonzero(targets == k)
        wanted = min(max(round(share * len(rows)), 1), len(rows) - 1)
        out[rows[np.argsort(lot[rows], kind="stable")[:wanted]]] = True
    return out


def remembered(key: str | None, ids: Sequence[str], targets: NDArray[np.int64], share: float, seed: int) -> tuple[NDArray[np.bool_], int]:
    """(`held_out` as it was at the first reading of the same source, how many samples are new since).

    What was added joins the pool, so that no sample which may be labelled by now moves into the test set; where nothing is left of the earlier
    reading, a new choice is made. key: names the source and the settings; None where there is nothing to remember by. Forgotten when the cache is deleted.
    """
    before = None if key is None else notes.read("splits", key)
    aside = set() if before is None else set(before["test"])
    known = aside if before is None else aside.union(before["pool"])
    if any(name in known for name in ids):
        test = np.array([name in aside for name in ids], dtype=bool)
    else:
        test, known = held_out(ids, targets, share, seed), set(ids)
    if key is not None:
        # A test sample that is missing today (a disk not mounted) is still one when it comes back.
        aside = (aside & known).union(name for name, held in zip(ids, test, strict=True) if held)
        notes.write("splits", key, {"pool": [name for name in ids if name not in aside], "test": sorted(aside)})
    return test, sum(name not in known for name in ids)
