"""Directions: unit vectors of which cosines are asked for, and similarities of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.strategies.device import Indices, host, namespace

ROWS = 1024
"""Candidates per matrix product, at most."""

COLUMNS = 4096
"""Points per matrix product, at most."""

Floats = NDArray[np.float64]


class Directions:
    """Unit vectors x/‖x‖ of which only cosines are asked for: rows of one array, or products left_i ⊗ right_i of the rows of two.

    Make them with `directions`. `scaled` are the unit factors in the dtype of the products, `raw` and `inverse` what float64 needs.
    """

    def __init__(self, raw: Sequence[Any], inverse: Sequence[Any], scaled: Sequence[Any]):
        self.raw, self.inverse, self.scaled = raw, inverse, scaled

    def __len__(self) -> int:
        return len(self.raw[0])

    def cosines(self, rows: slice | Indices, others: "Directions", columns: slice | Indices) -> Any:
        """(rows, columns) cosines in the dtype of the products, where the factors live."""
        # Products of unit vectors cannot be invalid; OpenBLAS at times says so all the same, of numbers that are in no result (numpy issue 24067).
        with np.errstate(invalid="ignore"):
            parts = [a[rows] @ b[columns].T for a, b in zip(self.scaled, others.scaled, strict=True)]
        return parts[0] if len(parts) == 1 else parts[0] * parts[1]

    def exact(self, row: int, others: "Directions", columns: Indices) -> Floats:
        """(columns,) cosines of one vector with some of the others, from float64 products."""
        parts = [a @ b[0] for a, b in zip(others.double(columns), self.double(np.array([row])), strict=True)]
        return np.asarray(host(parts[0] if len(parts) == 1 else parts[0] * parts[1]))

    def pairs(self, rows: Indices, others: "Directions", columns: Indices) -> Floats:
        """(p,) cosines of single pairs from sums of float64 products: the same to the bit whatever they are asked with."""
        out = np.empty(len(rows))
        for a in range(0, len(rows), ROWS):
            some = slice(a, a + ROWS)
            factors = zip(self.double(rows[some]), others.double(columns[some]), strict=True)
            out[some] = np.prod([host(namespace(left).vecdot(left, right)) for left, right in factors], axis=0)
        return out

    def double(self, which: Indices) -> list[Any]:
        """The unit factors of some rows in float64."""
        return [
            namespace(x).astype(x[which], namespace(x).float64) * i[which][:, None] for x, i in zip(self.raw, self.inverse, strict=True)
        ]


def directions(*tables: Sequence[Any], single: bool = True) -> list[Directions]:
    """Directions of each table's rows; a table is (one array,) or (left, right), numpy or torch, widths alike in all tables.

    A vector of length 0 points into a direction of its own: the same for all of them, orthogonal to every other. single: products of
    float32 data are taken in float32, else in float64.
    """
    norms = [[_norms(x) for x in table] for table in tables]
    lost = [any(bool((n[f] == 0).any()) for n in norms) for f in range(len(tables[0]))]
    out = []
    for table, lengths in zip(tables, norms, strict=True):
        raw, inverse, scaled = [], [], []
        for x, n, extra in zip(table, lengths, lost, strict=True):
            xp = namespace(x)
            if extra:
                x = xp.concat([x, xp.astype(n == 0, x.dtype)[:, None]], axis=1)
            i = 1 / xp.where(n == 0, xp.ones_like(n), n)
            dtype = xp.float32 if single and x.dtype == xp.float32 else xp.float64
            # A length that float32 has no inverse of is divided by in float64.
            usual = not len(i) or 1e-37 < float(xp.min(i)) <= float(xp.max(i)) < 1e37
            wide = dtype if usual else xp.float64
            raw.append(x)
            inverse.append(i)
            scaled.append(xp.astype(xp.astype(x, wide) * xp.astype(i, wide)[:, None], dtype))
        out.append(Directions(raw, inverse, scaled))
    return out


def _norms(x: Any) -> Any:
    xp = namespace(x)
    blocks = [x[a : a + COLUMNS] for a in range(0, len(x), COLUMNS)] or [x]
    return xp.concat([xp.sqrt(xp.sum(xp.astype(block, xp.float64) ** 2, axis=1)) for block in blocks])


@dataclass(frozen=True)
class Similarity:
    """A similarity in [0, 1] of two directions with cosine c: exp(−(2 − 2c)/length_scale²), the RBF kernel of unit vectors, or (1 + c)/2."""

    length_scale: float | None = None

    @property
    def single(self) -> bool:
        """Whether float32 products are fine enough for it."""
        return self.length_scale is None or self.length_scale >= 0.05

    def __call__(self, cosine: Any) -> Any:
        """The similarity, written over the cosine where it can be."""
        if self.length_scale is None:
            cosine += 1
            cosine *= 0.5
            return cosine
        cosine -= 1
        cosine *= 2 / self.length_scale**2
        return np.exp(cosine, out=cosine) if isinstance(cosine, np.ndarray) else namespace(cosine).exp(cosine)

    def cosine(self, similarity: Floats) -> Floats:
        """The cosine of directions so similar; −∞ where no directions are so little."""
        if self.length_scale is None:
            result: Floats = 2 * similarity - 1
            return result
        with np.errstate(divide="ignore"):
            return 1 + np.log(similarity) * self.length_scale**2 / 2

    def exactly(self, cosine: Floats) -> Floats:
        """The same of float64 cosines, at most 1."""
        result: Floats = np.minimum(self(cosine), 1.0)
        return result

    def error(self, eps: float, total: Floats, weight: float) -> Floats:
        """What rounding can do to Σ w s with Σ w s = total and Σ w = weight: a cosine of float32 or float64 products is off by some eps."""
        if self.length_scale is None:
            return 8 * eps * (total + 0.5 * weight)
        return 8 * eps * (1 + 2 / self.length_scale**2) * total


def best_similarity(x: Directions, others: Directions, similarity: Similarity) -> Floats:
    """(len(x),) the largest similarity of each to any of the others, in float64; 0 where there are no others.

    The most similar to some of the others or to the rest of them is the most similar to all of them, to the bit.
    """
    best = np.zeros(len(x))
    if not len(others):
        return best
    like = x.scaled[0]
    slack = 16 * float(namespace(like).finfo(like.dtype).eps)
    for a in range(0, len(x), ROWS):
        rows = slice(a, min(a + ROWS, len(x)))
        nearest, among = np.full(rows.stop - a, -np.inf), []
        for b in range(0, len(others), COLUMNS):
            cosines = host(x.cosines(rows, others, slice(b, b + COLUMNS)))
            nearest = np.maximum(nearest, cosines.max(axis=1))
            i, j = np.nonzero(cosines >= nearest[:, None] - slack)  # products of another shape may put another of them first
            among.append((i, j + b, cosines[i, j]))
        i, j, found = (np.concatenate([part[k] for part in among]) for k in range(3))
        near = found >= nearest[i] - slack
        exact = np.full(rows.stop - a, -np.inf)
        np.maximum.at(exact, i[near], x.pairs(i[near] + a, others, j[near]))
        best[rows] = similarity.exactly(exact)
    return best


def sum_of_cosines(x: Directions, others: Directions) -> Floats:
    """(len(x),) the sum of the cosines of each with all of the others, in float64, without the cosines."""
    total: Any = 0
    for b in range(0, len(others), COLUMNS):
        parts = others.double(np.arange(b, min(b + COLUMNS, len(others))))
        total = total + (parts[0].sum(axis=0) if len(parts) == 1 else parts[0].T @ parts[1])
    out = np.zeros(len(x))
    for a in range(0, len(x) if len(others) else 0, COLUMNS):
        rows = np.arange(a, min(a + COLUMNS, len(x)))
        parts = x.double(rows)
        out[rows] = host(parts[0] @ total if len(parts) == 1 else ((parts[0] @ total) * parts[1]).sum(axis=1))
    return out
