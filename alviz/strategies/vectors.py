"""Points between which distances are taken: rows of a table, or gradients kept as two factors; on the host or on a device."""

from functools import cached_property
from typing import Any, Protocol

import numpy as np

from alviz.progress import Progress
from alviz.strategies.device import Array, Floats, Indices, beside, block_rows, host, namespace

ROWS = 1024
"""Rows of x per matrix product on the host: what comes out should stay in the cache while it is worked on."""

COLUMNS = 2048
"""Rows of y per matrix product."""

SPARE = 8
"""Neighbours kept beyond those asked for until float64 has decided which are nearest."""


class Vectors(Protocol):
    """m vectors, of which only squared norms, inner products and distances of single pairs are asked for."""

    def __len__(self) -> int: ...

    @property
    def squared_norms(self) -> Any:
        """(m,) squared norms, float64, where the vectors live."""
        ...

    @property
    def noise(self) -> float:
        """e with |computed − true| ≤ e (‖x‖² + ‖y‖²) for a squared distance from `products`."""
        ...

    def take(self, rows: slice | Indices) -> Any:
        """Some of the vectors."""
        ...

    def double(self) -> Any:
        """The same vectors (a copy) in float64."""
        ...

    def products(self, others: Any) -> Any:
        """(m, len(others)) inner products with vectors of the same kind, in the dtype of the data, where they live."""
        ...

    def pairs(self, rows: Indices, others: Any, columns: Indices) -> Floats:
        """(p,) squared distances between rows[i] of these and columns[i] of the others from float64 differences: exactly 0 for copies."""
        ...


class Dense:
    """The rows of x (n, d), numpy or torch, float32 or float64, less `origin` (d,) or nothing.

    Distances do not depend on the origin, but the rounding of products does: `centred(x)` takes the mean. x is never copied as a whole.
    Two that are compared have the same origin.
    """

    def __init__(self, x: Any, origin: Any = None):
        self.x = x
        self.origin = origin

    @classmethod
    def centred(cls, x: Any) -> "Dense":
        """x about its mean, as distances like it."""
        xp = namespace(x)
        total = sum(xp.astype(xp.sum(x[a : a + 512], axis=0), xp.float64) for a in range(0, len(x), 512))
        return cls(x, xp.astype(total / max(1, len(x)), x.dtype))

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def squared_norms(self) -> Any:
        """(n,) squared norms, float64, where x lives."""
        xp = namespace(self.x)
        step = ROWS if isinstance(self.x, np.ndarray) else block_rows(self.x.shape[1], 16)

        def block(at: int) -> Any:
            part = xp.astype(self.rows(slice(at, at + step)), xp.float64)
            return xp.vecdot(part, part)

        return xp.concat([block(at) for at in range(0, max(1, len(self)), step)])

    @property
    def noise(self) -> float:
        """Rounding errors of d terms add up as a random walk does, whose steps are ε/2 at most: this is four times its spread, and a bit more.

        (`farthest.rounding` is the bound that nothing can break.)
        """
        return (2 * self.x.shape[1] ** 0.5 + 4) * float(namespace(self.x).finfo(self.x.dtype).eps)

    def rows(self, which: slice | Indices) -> Any:
        """Some rows, less the origin."""
        rows = self.x[which]
        return rows if self.origin is None else rows - self.origin

    def take(self, rows: slice | Indices) -> "Dense":
        """Some of the rows (a copy of them)."""
        part = Dense(self.x[rows], self.origin)
        if "squared_norms" in self.__dict__:
            part.__dict__["squared_norms"] = self.squared_norms[rows]
        return part

    def double(self) -> "Dense":
        """The same in float64."""
        xp = namespace(self.x)
        return Dense(xp.astype(self.x, xp.float64), None if self.origin is None else xp.astype(self.origin, xp.float64))

    def products(self, others: "Dense") -> Any:
        """(m, k) inner products."""
        return self.rows(slice(None)) @ others.rows(slice(None)).T

    def pairs(self, rows: Indices, others: "Dense", columns: Indices) -> Floats:
        """(p,) sums of squared float64 differences."""
        xp = namespace(self.x)
        difference = xp.astype(self.x[rows], xp.float64) - xp.astype(others.x[columns], xp.float64)
        return host(xp.vecdot(difference, difference))


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

    def double(self) -> "Outer":
        """The factors in float64."""
        return Outer(Dense(self.left).double().x, Dense(self.right).double().x)

    def products(self, others: "Outer") -> Any:
        """(m, k) inner products."""
        product = self.right @ others.right.T
        product *= namespace(product).astype(self.left @ others.left.T, product.dtype)
        return product

    def pairs(self, rows: Indices, others: "Outer", columns: Indices) -> Floats:
        """(p,) ‖l ⊗ r − l' ⊗ r'‖² = ‖(l − l') ⊗ r + l' ⊗ (r − r')‖² in float64: no cancellation of long vectors."""
        xp = namespace(self.right)
        left, right = xp.astype(self.left[rows], xp.float64), xp.astype(self.right[rows], xp.float64)
        other = xp.astype(others.left[columns], xp.float64)
        dl, dr = left - other, right - xp.astype(others.right[columns], xp.float64)
        square = xp.vecdot(dl, dl) * xp.vecdot(right, right) + xp.vecdot(other, other) * xp.vecdot(dr, dr)
        result: Floats = host(square + 2 * xp.vecdot(dl, other) * xp.vecdot(right, dr)).clip(0.0)
        return result


def squared_distances(x: Vectors, y: Vectors) -> Any:
    """(len(x), len(y)) squared distances, in the dtype of the products. The caller keeps len(x) · len(y) small.

    What rounding could have made up is computed again in float64, so copies of a point are at distance 0 of it, and no distance is negative.
    """
    x, y = wide(x, y)
    square = x.products(y)
    xp = namespace(square)
    exact = square.dtype == xp.float64
    square *= -2
    square += xp.astype(y.squared_norms, square.dtype)[None, :]
    square += xp.astype(x.squared_norms, square.dtype)[:, None]
    # ‖x‖² + ‖y‖² ≤ 3 ‖x‖² + 2 ‖x − y‖²: the row's own norm says how much is noise.
    doubtful = square <= 16 * x.noise * xp.astype(x.squared_norms, square.dtype)[:, None]
    found = host(xp.nonzero(xp.reshape(doubtful, (-1,)))[0])
    if 16 * len(found) > len(x) * len(y) > 256:
        if not exact:
            return xp.astype(squared_distances(x.double(), y.double()), square.dtype)
        square[doubtful] = 0
        return square
    step = _pairs_at_once(x)
    for a in range(0, len(found), step):
        i, j = np.divmod(found[a : a + step], len(y))
        square[beside(i, square), beside(j, square)] = xp.astype(beside(x.pairs(i, y, j), square), square.dtype)
    return square


def nearest(x: Vectors, y: Vectors, k: int, progress: Progress, *, skip_self: bool = False) -> tuple[Floats, Indices]:
    """(squared distances (m, k) ascending, rows of y (m, k)) of the k vectors of y nearest to each of x; ties by the lower row of y.

    1 ≤ k ≤ len(y), less 1 with skip_self, which leaves row i of y out for row i of x (then x is y). Blocks of both, O(m k) memory.
    Products in the dtype of the data find the neighbours, and some more; float64 differences give the distances and the order. Rows for
    which rounding could hide a neighbour are done again with float64 products.
    """
    x, y = wide(x, y)
    m, n = len(x), len(y) - skip_self
    kept = min(k + SPARE, n)
    keys, rows = _by_products(x, y, kept, lambda share: progress(0.9 * share), skip_self)
    distance, which = np.empty((m, k)), np.empty((m, k), dtype=np.int64)
    norms, e = host(x.squared_norms), x.noise
    step = max(1, _pairs_at_once(x) // kept)
    unsure = [np.empty(0, dtype=np.int64)]
    for a in range(0, m, step):
        progress(0.9 + 0.05 * a / m)
        some = np.arange(a, min(a + step, m))
        distance[some], which[some] = _in_order(x, some, y, rows[some], k)
        # Whoever was not kept has ‖y‖² ≤ 2 ‖x‖² + 2 ‖x − y‖², so this is the least that its distance can be.
        least = (keys[some, -1] + norms[some] - 3 * e * norms[some]) / (1 + 2 * e) - 1e-30
        sure = np.isfinite(keys[some, -1]) & ((kept == n) | (least > (1 + 1e-12) * distance[some, -1]))
        unsure.append(some[~sure])
    again = np.concatenate(unsure)
    step = block_rows(len(y), 32)
    for a in range(0, len(again), step):
        progress(0.95 + 0.05 * a / len(again))
        some = again[a : a + step]
        distance[some], which[some] = _in_order(x, some, y, _by_float64(x, some, y, k, skip_self), k)
    return distance, which


def neighbours(x: Vectors, y: Vectors, k: int, progress: Progress) -> Indices:
    """(m, k) rows of y, ascending, of the k vectors nearest to each of x: those of `nearest`, without their distances and so much quicker.

    Float64 differences decide only where rounding could exchange the last that is in with the first that is not.
    """
    x, y = wide(x, y)
    kept = min(k + 1, len(y))
    keys, rows = _by_products(x, y, kept, lambda share: progress(0.9 * share), False)
    which = rows[:, :k]
    if kept > k:
        norms, e = host(x.squared_norms), x.noise
        outer = np.maximum(keys[:, k] + norms, 0.0)
        # A key is off by at most e (‖x‖² + ‖y‖²), with ‖y‖² ≤ 2 ‖x‖² + 2 ‖x − y‖².
        doubtful = np.flatnonzero(~(keys[:, k] - keys[:, k - 1] > 2 * e * (3 * norms + 2 * outer) + 1e-30))
        if len(doubtful):
            which[doubtful] = nearest(x.take(doubtful), y, k, lambda share: progress(0.9 + 0.1 * share))[1]
    return np.sort(which, axis=1)


def wide(x: Vectors, y: Vectors) -> tuple[Any, Any]:
    """Both in float64 where squares overflow or vanish in float32, else as they are."""
    largest = max((float(namespace(v.squared_norms).max(v.squared_norms)) for v in (x, y) if len(v)), default=0.0)
    return (x, y) if largest == 0 or 1e-20 < largest < 1e35 else (x.double(), y.double())


def _pairs_at_once(x: Vectors) -> int:
    """How many pairs of vectors fit into a block in float64."""
    return block_rows(sum(part.shape[1] for part in vars(x).values() if getattr(part, "ndim", 0) == 2), 32)


def _by_products(x: Vectors, y: Vectors, kept: int, progress: Progress, skip_self: bool) -> tuple[Array, Indices]:
    """(‖y‖² − 2 x·y ascending (m, kept), rows of y (m, kept)) of those that are smallest for each of x, as the products have it."""
    m, n = len(x), len(y)
    empty = x.take(slice(0, 1)).products(y.take(slice(0, 1)))
    xp = namespace(empty)
    keys = xp.full((m, kept), float("inf"), dtype=empty.dtype, device=empty.device)
    which = xp.zeros((m, kept), dtype=xp.int64, device=empty.device)
    on_host = isinstance(empty, np.ndarray)
    step = ROWS if on_host else block_rows(COLUMNS, 16)
    for c in range(0, n, COLUMNS):
        columns = y.take(slice(c, c + COLUMNS))
        norms = xp.astype(columns.squared_norms, empty.dtype)
        for a in range(0, m, step):
            progress((c * m + a * len(columns)) / (n * m))
            part = slice(a, min(a + step, m))
            key = x.take(part).products(columns)
            key *= -2
            key += norms[None, :]
            if skip_self:
                own = np.arange(max(a, c), min(part.stop, c + len(columns)))
                key[beside(own - a, key), beside(own - c, key)] = float("inf")
            keys[part], which[part] = (_merge if on_host else _merge_on_device)(keys[part], which[part], key, c)
    return host(keys), host(which)


def _merge(keys: Array, which: Indices, key: Array, at: int) -> tuple[Array, Indices]:
    """The smallest of keys (rows, kept; ascending) and key (rows, columns; row `at` of y first), ascending."""
    kept, size = keys.shape[1], key.shape[1]
    found = np.flatnonzero(key < keys[:, -1:]) if np.isfinite(keys[0, -1]) else None
    if found is None or len(found) > kept * len(key):  # the first blocks
        columns = np.argpartition(key, kept - 1, axis=1)[:, :kept] if kept < size else np.tile(np.arange(size), (len(key), 1))
        new = np.take_along_axis(key, columns, axis=1)
    else:
        row, column = np.divmod(found, size)
        sizes = np.bincount(row, minlength=len(key))
        rank = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        new = np.full((len(key), int(sizes.max(initial=0))), np.inf, dtype=key.dtype)
        columns = np.zeros(new.shape, dtype=np.int64)
        new[row, rank], columns[row, rank] = key.ravel()[found], column
    both = np.concatenate([keys, new], axis=1)
    order = np.argsort(both, axis=1)[:, :kept]
    return np.take_along_axis(both, order, axis=1), np.take_along_axis(np.concatenate([which, columns + at], axis=1), order, axis=1)


def _merge_on_device(keys: Any, which: Any, key: Any, at: int) -> tuple[Any, Any]:
    """`_merge` for torch tensors."""
    kept = keys.shape[1]
    new, columns = key.topk(min(kept, key.shape[1]), dim=1, largest=False)
    xp = namespace(key)
    both, order = xp.concat([keys, new], axis=1).topk(kept, dim=1, largest=False)
    return both, xp.concat([which, columns + at], axis=1).gather(1, order)


def _in_order(x: Vectors, some: Indices, y: Vectors, rows: Indices, k: int) -> tuple[Floats, Indices]:
    """(distances, rows of y) of the k nearest among rows (len(some), ·), ascending, ties by the lower row."""
    rows = np.sort(rows, axis=1)
    distance = x.pairs(np.repeat(some, rows.shape[1]), y, rows.ravel()).reshape(rows.shape)
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distance, order, axis=1), np.take_along_axis(rows, order, axis=1)


def _by_float64(x: Vectors, some: Indices, y: Vectors, k: int, skip_self: bool) -> Indices:
    """The k rows of y nearest to each of some rows of x; where float64 products cannot tell, the lower ones."""
    rows = x.take(some).double()
    square = np.empty((len(some), len(y)))
    for c in range(0, len(y), COLUMNS):
        columns = y.take(slice(c, c + COLUMNS)).double()
        part = rows.products(columns)
        part *= -2
        part += columns.squared_norms[None, :]
        square[:, c : c + COLUMNS] = host(part)
    norms = host(rows.squared_norms)[:, None]
    square += norms
    if skip_self:
        square[np.arange(len(some)), some] = np.inf
    limit = np.partition(square, k - 1, axis=1)[:, k - 1 : k]
    slack = 4 * rows.noise * (3 * norms + 2 * np.maximum(limit, 0.0))
    inside = square < limit - slack
    tied = (square <= limit + slack) & ~inside
    tied &= np.cumsum(tied, axis=1) <= k - inside.sum(axis=1, keepdims=True)
    return np.nonzero(inside | tied)[1].reshape(len(some), k)
