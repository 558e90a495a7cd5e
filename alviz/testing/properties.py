"""Property-based checks: any pool that hypothesis can think of."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from alviz.strategies.base import QueryStrategy
from alviz.strategies.device import Array
from alviz.testing.pools import CLASS_SIGNALS, Scene, random_arrays, random_scene
from alviz.testing.selections import picks

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

POINTS = ("random", "on a grid", "few distinct", "constant")
BELIEFS = ("random", "few distinct", "certain", "uniform")
LABELS = ("any", "one", "one class", "none")


class PoolCase:
    """A pool to choose n_queries from; `made` says how it was drawn."""

    def __init__(self, scene: Scene, n_queries: int, made: str):
        self.scene = scene
        self.n_queries = n_queries
        self.made = made

    def __repr__(self) -> str:
        return f"PoolCase({self.made})"


def pools(max_n: int = 40, *, without_labels: bool = True) -> "SearchStrategy[PoolCase]":
    """A hypothesis strategy that draws pools: `@given(pools())`, then `case.scene.pool()` and `case.n_queries`.

    Drawn are: up to max_n samples; 1 to 12 classes, now and then 100; float32 or float64; points at random, on a grid (ties), among few
    distinct ones (duplicates) or all the same; predictions at random, among few distinct ones, certain (0 and 1) or uniform; any labels, one
    label, those of one class, or none (unless without_labels is False); a budget from 1 to all candidates.
    """
    from hypothesis import strategies as st

    @st.composite
    def cases(draw: Any) -> PoolCase:
        n = draw(st.integers(2, max_n))
        k = draw(st.one_of(st.integers(1, 5), st.sampled_from([2, 3, 12, 100])))
        d, draws, seed = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(0, 99))
        dtype = draw(st.sampled_from([np.float64, np.float32]))
        points, beliefs = draw(st.sampled_from(POINTS)), draw(st.sampled_from(BELIEFS))
        labels = draw(st.sampled_from(LABELS if without_labels else LABELS[:-1]))
        m = draw(st.integers(1, n if labels == "none" else n - 1))
        labelled = {"none": 0, "one": 1}.get(labels) if labels in ("none", "one") else draw(st.integers(1, n - m))
        n_queries = draw(st.one_of(st.integers(1, m), st.sampled_from([1, m])))
        arrays = shaped(random_arrays(n, k, d, draws, seed=seed), points, beliefs, seed)
        arrays = {name: array if name == "images" else array.astype(dtype) for name, array in arrays.items()}
        scene = random_scene(arrays, labelled or 0, n_classes=k, one_class=labels == "one class", n_candidates=m, seed=seed)
        made = (
            f"n={n}, candidates={m}, n_queries={n_queries}, K={k}, d={d}, T={draws}, {dtype.__name__}, points {points}, "
            f"predictions {beliefs}, labels {labels} ({labelled}), seed={seed}"
        )
        return PoolCase(scene, n_queries, made)

    return cases()


def shaped(arrays: dict[str, Array], points: str, beliefs: str, seed: int) -> dict[str, Array]:
    """Random arrays with the ties and degenerate values that the words of POINTS and BELIEFS name."""
    rng = np.random.default_rng([seed, 6])
    n = len(arrays["features"])
    few = rng.integers(0, 3, size=n) % n

    def point(array: Array) -> Array:
        return {"random": array, "on a grid": np.round(array), "few distinct": array[few], "constant": np.zeros_like(array)}[points]

    def belief(array: Array) -> Array:
        if beliefs == "uniform":
            return np.full_like(array, 1 / array.shape[-1])
        if beliefs == "certain":
            return np.eye(array.shape[-1])[array.argmax(axis=-1)]
        return array[..., few, :] if beliefs == "few distinct" else array

    out = {name: belief(array) if name in CLASS_SIGNALS else point(array) for name, array in arrays.items() if name != "images"}
    return {**out, "images": arrays["images"][few if points in ("few distinct", "constant") else slice(None)]}


def check_strategy_property(
    factory: Callable[[], QueryStrategy], *, max_examples: int = 25, without_labels: bool = True, derandomize: bool = True
) -> None:
    """Raises AssertionError, with the smallest pool found, when strategies made by `factory` fail on one of `pools()`.

    Checked on each: a proper selection of dataset indices, nothing changed in place, the same picks when asked again. Takes hypothesis.
    derandomize: the same pools every time; False looks for new ones.
    """
    from hypothesis import HealthCheck, given, settings

    @settings(
        max_examples=max_examples,
        deadline=None,
        derandomize=derandomize,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(pools(without_labels=without_labels))
    def any_pool(case: PoolCase) -> None:
        strategy, cache = factory(), dict[Any, Any]()
        first = picks(strategy, case.scene, case.n_queries, run_cache=cache)
        again = picks(strategy, case.scene, case.n_queries, run_cache=cache)
        assert np.array_equal(first, again), f"the same seed gave other picks: {again} after {first}"

    any_pool()
