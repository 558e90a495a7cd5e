"""Points between which distances are taken: rows of a table, or gradients kept as two factors; on the host or on a device."""

from functools import cached_property
from typing import Any, Protocol

import numpy as np

from alviz.strategies.device import beside, block_rows, host, namespace
from alviz.strategies.farthest import Floats
from alviz.strategies.pool import Array, Indices


class Vectors(Protocol):
    """m vectors, of which only squared norms and inner products are asked for."""

    def __len__(self) -> int: ...

    @property
    def squared_norms(self) -> Any:
        """(m,) squared norms, float64, where the vectors live."""
        ...

    @property
    def noise(self) -> float:
        """e with |computed − true| ≤ e (‖x‖² + ‖y‖²) for a squared distance from `products`."""
        ...

    def take(self, rows: slice | Indices) -> "Vectors":
        """Some of the vectors."""
        ...

    def products(self, others: Any) -> Any:
        """(m, len(others)) inner products with vectors of the same kind, in the dtype of the data, where they live."""
        ...


class Dense:
    """The rows of x (n, d), numpy or torch, float32 or float64, less `origin` (d,) or nothing.

    Distances do not depend on the origin, but their rounding does: `centred(x)` takes the mean. x is never copied as a whole.
    """

    def __init__(self, x: Any, origin: Any = None):
        self.x = x
        self.origin = origin

    @classmethod
    def centred(cls, x: Any) -> "Dense":
        """x about its mean, as distances like it."""
        xp = namespace(x)
        total = sum(xp.sum(x[a : a + 8192], axis=0, dtype=xp.float64) for a in range(0, len(x), 8192))
        return cls(x, xp.astype(total / max(1, len(x)), x.dtype))

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def squared_norms(self) -> Any:
        """(n,) squared norms, float64, where x lives."""
        xp = namespace(self.x)
        step = block_rows(self.x.shape[1], 8)
        parts = [self.rows(slice(a, a + step)) for a in range(0, len(self), step)] if len(self) > step else [self.rows(slice(None))]
        return xp.concat([xp.sum(xp.astype(part, xp.float64) ** 2, axis=1) for part in parts])

    @property
    def noise(self) -> float:
        """As in `farthest.rounding`: d terms, each rounded once, and a few roundings more."""
        return (self.x.shape[1] / 2 + 4) * float(namespace(self.x).finfo(self.x.dtype).eps)

    def rows(self, which: slice | Indices) -> Any:
        """Some rows, less the origin."""
        rows = self.x[which]
        return rows if self.origin is None else rows - self.origin

    def take(self, rows: slice | Indices) -> "Dense":
        """Some of the rows (a copy of them)."""
        part = Dense(self.rows(rows))
        if "squared_norms" in self.__dict__:
            part.__dict__["squared_norms"] = self.squared_norms[rows]
        return part

    def products(self, others: "Dense") -> Any:
        """(m, k) inner products."""
        return self.rows(slice(None)) @ others.rows(slice(None)).T


class Outer:
    """Vectors left_i ⊗ right_i, never formed: ⟨x_i, x_j⟩ = ⟨left_i, left_j⟩ · ⟨right_i, right_j⟩. left (n, K), right (n, d)."""

    def __init__(self, left: Any, right: Any):
        self.left = left
        self.right = right

    def __len__(self) -> int:
        return len(self.right)

    @cached_property
    def squared_norms(self) -> Any:
        """(n,) squared norms, float64, where the factors live."""
        return Dense(self.left).squared_norms * Dense(self.right).squared_norms

    @property
    def noise(self) -> float:
        """The two products have d and K terms."""
        return Dense(self.right).noise + Dense(self.left).noise

    def take(self, rows: slice | Indices) -> "Outer":
        """Some of the vectors."""
        part = Outer(self.left[rows], self.right[rows])
        if "squared_norms" in self.__dict__:
            part.__dict__["squared_norms"] = self.squared_norms[rows]
        return part

    def products(self, others: "Outer") -> Any:
        """(m, k) inner products."""
        product = self.right @ others.right.T
        product *= namespace(product).astype(self.left @ others.left.T, product.dtype)
        return product


def squared_distances(x: Vectors, y: Vectors) -> Any:
    """(len(x), len(y)) squared distances, in the dtype of the products; 0 where rounding alone can have left what there is.

    So copies of a point are at distance 0 of it, and no distance is negative. The caller keeps len(x) · len(y) small.
    """
    square = x.products(y)
    xp = namespace(square)
    size = xp.astype(x.squared_norms, square.dtype)[:, None] + xp.astype(y.squared_norms, square.dtype)[None, :]
    square *= -2
    square += size
    size *= 4 * x.noise
    square[square <= size] = 0
    return square


def nearest(x: Vectors, y: Vectors, k: int, progress: Any, *, skip_self: bool = False) -> tuple[Floats, Indices]:
    """(squared distances (m, k) ascending, rows of y (m, k)) of the k vectors of y nearest to each of x; ties by the lower row of y.

    1 ≤ k ≤ len(y), less 1 with skip_self, which leaves row i of y out for row i of x (then x is y). Blocks of both, O(m k) memory.
    """
    m, n = len(x), len(y)
    best, which = np.full((m, k), np.inf), np.zeros((m, k), dtype=np.int64)
    columns = min(n, 8192)
    step = block_rows(columns, 16)
    for a in range(0, m, step):
        rows = x.take(slice(a, a + step))
        for c in range(0, n, columns):
            progress((a + step * c / n) / (m + step))
            square = squared_distances(rows, y.take(slice(c, c + columns)))
            if skip_self:
                own = np.arange(max(a, c), min(a + len(rows), c + square.shape[1]))
                square[beside(own - a, square), beside(own - c, square)] = float("inf")
            found, at = _smallest(square, k)
            both = np.concatenate([best[a : a + step], found], axis=1)
            rank = np.argsort(both, axis=1, kind="stable")[:, :k]  # earlier blocks come first: ties by the lower row
            best[a : a + step] = np.take_along_axis(both, rank, axis=1)
            which[a : a + step] = np.take_along_axis(np.concatenate([which[a : a + step], at + c], axis=1), rank, axis=1)
    return best, which


def _smallest(square: Any, k: int) -> tuple[Array, Indices]:
    """The k smallest of every row with their columns, ascending, ties by the lower column; all of them where there are fewer."""
    k = min(k, square.shape[1])
    if not isinstance(square, np.ndarray):
        order = namespace(square).argsort(square, axis=1, stable=True)[:, :k]
        return host(square.gather(1, order)), host(order)
    limit = np.partition(square, k - 1, axis=1)[:, k - 1]
    inside = square <= limit[:, None]
    for i in np.flatnonzero(inside.sum(axis=1) > k):  # ties at the limit: keep the lower columns
        equal = np.flatnonzero(square[i] == limit[i])
        inside[i, equal[k - int((square[i] < limit[i]).sum()) :]] = False
    out = np.nonzero(inside)[1].reshape(len(square), k)
    values = np.take_along_axis(square, out, axis=1)
    order = np.argsort(values, axis=1, kind="stable")
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(out, order, axis=1)
