"""Near-duplicates: pictures that were saved again, scaled, or taken twice."""

import numpy as np
from numpy.typing import NDArray

BITS = 3
"""Two pictures look alike when at most so many bits of their difference hashes differ …"""
GREY = 5.0
"""… and their grey fields by no more than this on average (of 255)."""
BLOCK = 128
_ONES = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)


def alike(miniatures: NDArray[np.uint8]) -> list[list[int]]:
    """Groups of positions (two or more each, ascending) of pictures that look alike. miniatures: uint8 (n, 8, 9) grey fields.

    The difference hash has 64 bits: whether a field is brighter than the one to its left. They fall into four bands of 16, and two hashes at
    most 3 bits apart agree in one band at least, so only pictures that share a band are compared. Each joins the group of the first earlier one it
    looks like. Where more than BLOCK share a band, of every group there only the first is compared with later ones: thousands of copies then cost
    no more than thousands of other pictures.
    """
    n = len(miniatures)
    bits = np.packbits((miniatures[:, :, 1:] > miniatures[:, :, :-1]).reshape(n, -1), axis=1)
    grey = miniatures.reshape(n, -1).astype(np.int16)
    joined = np.arange(n)  # an earlier picture of the same group; itself for the first
    for band in range(BITS + 1):
        shared = bits[:, 2 * band].astype(np.int64) * 256 + bits[:, 2 * band + 1]
        order = np.argsort(shared, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(shared[order])) + 1):
            for start in range(0, len(members), BLOCK):
                _join(members, start, bits, grey, joined)
    gathered: dict[int, list[int]] = {}
    for position, first in enumerate(_firsts(joined, np.arange(n)).tolist()):
        gathered.setdefault(first, []).append(position)
    return [together for together in gathered.values() if len(together) > 1]


def _join(members: NDArray[np.int64], start: int, bits: NDArray[np.uint8], grey: NDArray[np.int16], joined: NDArray[np.int64]) -> None:
    rows, before = members[start : start + BLOCK], members[:start]
    earlier = np.concatenate([before[joined[before] == before], rows])
    apart = _ONES[bits[rows][:, None] ^ bits[earlier]].sum(axis=2, dtype=np.uint8)
    others = _firsts(joined, rows)[:, None] != _firsts(joined, earlier)
    i, j = np.nonzero((apart <= BITS) & (earlier < rows[:, None]) & others)
    same = np.abs(grey[rows[i]] - grey[earlier[j]]).mean(axis=1) <= GREY
    i, firsts = np.unique(i[same], return_index=True)
    for pair in zip(rows[i], earlier[j[same][firsts]], strict=True):
        low, high = sorted(_firsts(joined, np.array(pair)))
        joined[high] = low


def _firsts(joined: NDArray[np.int64], pictures: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first of the group of each."""
    while (joined[pictures] != pictures).any():
        pictures = joined[pictures]
    return pictures
