"""What picks may not depend on: how arrays lie in memory, how things are numbered, what was asked before."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from alviz.progress import Cancelled
from alviz.strategies.base import QueryStrategy
from alviz.testing.pools import Scene, random_arrays, random_scene
from alviz.testing.selections import picks

Factory = Callable[[], QueryStrategy]


def check_layouts(factory: Factory, seed: int = 0) -> None:
    """float32 and float64; C- and Fortran-ordered, strided and read-only arrays and torch tensors hold the same numbers: the same picks."""
    import torch

    def frozen(array: Any) -> Any:
        array = array.copy()
        array.flags.writeable = False
        return array

    layouts: dict[str, Callable[[Any], Any]] = {
        "read-only arrays": frozen,
        "Fortran-ordered arrays": np.asfortranarray,
        "strided arrays": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
        "torch tensors": torch.from_numpy,
    }
    for dtype in (np.float32, np.float64):
        scene = random_scene(random_arrays(seed=seed, dtype=dtype), 12, seed=seed)
        expected = picks(factory(), scene, 10, seed=seed)
        for words, layout in layouts.items():
            other = replace(scene, arrays={name: layout(array) for name, array in scene.arrays.items()})
            assert np.array_equal(picks(factory(), other, 10, seed=seed), expected), f"{words} ({dtype.__name__}) gave other picks"


def check_symmetries(factory: Factory, seed: int = 0) -> None:
    """The symmetries that a strategy declares: renumbered samples, or classes, leave the picks and their order, on pools without ties.

    What does not depend on numbers otherwise takes copies of one sample by lowest dataset index.
    """
    if "samples" in factory().symmetries:
        copies = random_scene(random_arrays(copies=True, seed=seed), 12, seed=seed)
        found = picks(factory(), copies, 10, seed=seed)
        assert np.array_equal(found, copies.candidates[:10]), f"ties go to the lowest dataset index; among copies it chose {found}"
    for repetition in range(3):
        rng = np.random.default_rng([seed, repetition, 3])
        scene = without_ties(seed + repetition)
        strategy = factory()
        expected = picks(strategy, scene, 10, seed=seed)
        if "samples" in strategy.symmetries:
            order = rng.permutation(len(scene.targets))
            found = order[picks(factory(), scene.samples_renumbered(order), 10, seed=seed)]
            assert np.array_equal(found, expected), (
                f"renumbered samples gave other picks: {found} instead of {expected} (or leave 'samples' out of `symmetries`)"
            )
        if "classes" in strategy.symmetries:
            order = np.roll(np.arange(scene.weights.shape[1]), 1 + repetition)
            found = picks(factory(), scene.classes_renumbered(order), 10, seed=seed)
            assert np.array_equal(found, expected), (
                f"renumbered classes gave other picks: {found} instead of {expected} (or leave 'classes' out of `symmetries`)"
            )


def without_ties(seed: int) -> Scene:
    """A random scene in which no two classes have as many labels as each other."""
    scene = random_scene(random_arrays(seed=seed), 10, seed=seed)
    labels = np.random.default_rng([seed, 4]).permutation(np.repeat(np.arange(4), np.arange(1, 5)))
    targets = scene.targets.copy()
    targets[scene.labelled] = labels
    return replace(scene, labels=labels, targets=targets)


def check_memory(factory: Factory, seed: int = 0) -> None:
    """Picks do not depend on what was asked before, for a run that is undone or resumed must choose as the one that was not.

    One strategy object with one run_cache goes through two rounds, under different models, forwards and back; fresh ones give the same.
    """
    first = random_scene(random_arrays(seed=seed), 12, seed=seed)
    chosen = picks(factory(), first, 5, seed=seed)
    second = next_round(first, chosen)
    expected = {"first": chosen, "second": picks(factory(), second, 5, seed=seed)}
    for order in (("first", "second", "first"), ("second", "first")):
        strategy, cache = factory(), dict[Any, Any]()
        for which in order:
            found = picks(strategy, first if which == "first" else second, 5, seed=seed, run_cache=cache)
            assert np.array_equal(found, expected[which]), (
                f"asked in the order {', '.join(order)}, round {which!r} gave other picks than asked alone: what the strategy or "
                "pool.run_cache keeps may save time, but must not decide"
            )


def next_round(scene: Scene, chosen: Any) -> Scene:
    """The scene after `chosen` got their labels, with new signals for all but the features and images."""
    labelled = np.sort(np.concatenate([scene.labelled, chosen]))
    new = random_arrays(len(scene.targets), seed=scene.seed + 1)
    return replace(
        scene,
        arrays={**new, "features": scene.arrays["features"], "images": scene.arrays["images"]},
        candidates=np.setdiff1d(scene.candidates, chosen),
        labelled=labelled,
        labels=scene.targets[labelled],
    )


def check_cancel(factory: Factory, seed: int = 0) -> None:
    """Progress is reported as a share in [0, 1]; Cancelled, raised by it, comes through and changes nothing that comes after."""
    scene = random_scene(random_arrays(seed=seed), 12, seed=seed)
    reports: list[float] = []
    expected = picks(factory(), scene, 10, seed=seed, progress=reports.append)
    assert all(0 <= share <= 1 for share in reports), f"progress must be a share in [0, 1], got {min(reports)} … {max(reports)}"
    for last in sorted({0, len(reports) // 2, len(reports) - 1}) if reports else []:
        left = last

        def stop(share: float) -> None:
            nonlocal left
            left -= 1
            if left == -1:
                raise Cancelled

        strategy, cache = factory(), dict[Any, Any]()
        try:
            picks(strategy, scene, 10, seed=seed, progress=stop, run_cache=cache)
        except Cancelled:
            pass
        else:
            raise AssertionError("Cancelled, raised by progress, was swallowed")
        assert np.array_equal(picks(strategy, scene, 10, seed=seed, run_cache=cache), expected), (
            "a cancelled query changed what comes after"
        )
