"""Another task from the same data: some classes only, some against the rest, or some that nobody asked for."""

import difflib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alviz.data.dataset import Dataset
from alviz.data.imbalance import described

REST = "rest"


def only(dataset: Dataset, classes: Sequence[str | int]) -> Dataset:
    """The samples of some classes, in the order given ("horse" against "automobile", paper 002), in pool and test set.

    classes: names, or whole numbers (places in class_names). Raises ValueError for fewer than two, an unknown or a repeated one.
    """
    chosen = _numbers(dataset, classes, least=2)
    names = tuple(dataset.class_names[k] for k in chosen)
    table = np.full(dataset.n_classes + 1, -1, dtype=np.int64)
    table[chosen] = np.arange(len(chosen))
    return _changed(dataset, "only", names, table, names, drop=True)


def merge(dataset: Dataset, classes: Sequence[str | int]) -> Dataset:
    """Two classes: the given ones in one, first, and "rest" (paper 002: automobile and truck against all others; thinned with 1:19 after that).

    classes: names or numbers. Samples without a label stay so. Raises ValueError for none, an unknown or a repeated one, or where nothing is left for the rest.
    """
    chosen = _numbers(dataset, classes, least=1)
    if len(chosen) == dataset.n_classes:
        raise ValueError(f"merge must leave a class for the rest, got all {dataset.n_classes} classes of {dataset.name!r}")
    table = np.full(dataset.n_classes + 1, 1, dtype=np.int64)
    table[chosen] = 0
    table[-1] = -1
    names = tuple(dataset.class_names[k] for k in chosen)
    return _changed(dataset, "merge", (" + ".join(names), REST), table, names, drop=False)


def ood(dataset: Dataset, classes: Sequence[str | int]) -> Dataset:
    """The pool keeps the samples of these classes, but nobody asked for them: no longer classes, their targets are unknown (−1).

    A simulated oracle says "don't know" to them (they are skipped and cost a query each), and measures leave them out; they leave the test set altogether.
    (Out-of-distribution pools: paper 004; Du et al., ICCV 2021, CCAL.) classes: names or numbers. Raises ValueError for none, an unknown or a repeated
    one, or where fewer than two classes are left.
    """
    strangers = _numbers(dataset, classes, least=1)
    left = [k for k in range(dataset.n_classes) if k not in strangers]
    if len(left) < 2:
        raise ValueError(f"ood must leave two classes or more, got {len(strangers)} of {dataset.n_classes} classes of {dataset.name!r}")
    table = np.full(dataset.n_classes + 1, -1, dtype=np.int64)
    table[left] = np.arange(len(left))
    changed = _changed(
        dataset, "ood", tuple(dataset.class_names[k] for k in left), table, [dataset.class_names[k] for k in strangers], drop=False
    )
    test = changed.test
    return changed if test is None else replace(changed, test=test.take(_known(test.targets)))


def _numbers(dataset: Dataset, classes: Sequence[str | int], least: int) -> list[int]:
    """The classes as numbers. A name counts first, then a name in other letters, then "#" and a number."""
    names = list(dataset.class_names)
    lower = [name.lower() for name in names]
    found = []
    for one in classes:
        text = f"#{one}" if isinstance(one, int) else one.strip()
        if text in names:
            found.append(names.index(text))
        elif lower.count(text.lower()) == 1:
            found.append(lower.index(text.lower()))
        elif text[:1] == "#" and text[1:].isdecimal() and int(text[1:]) < len(names):
            found.append(int(text[1:]))
        else:
            near = difflib.get_close_matches(text.lower(), lower, n=3, cutoff=0.4)
            hint = " or ".join(repr(names[lower.index(name)]) for name in near)
            raise ValueError(f"dataset {dataset.name!r} has no class {text!r}; " + (f"did you mean {hint}?" if hint else f"it has {names}"))
    if len(found) < least or len(set(found)) != len(found):
        raise ValueError(f"wanted {'two' if least == 2 else 'one'} or more different classes of {dataset.name!r}, got {list(classes)}")
    return found


def _changed(
    dataset: Dataset, kind: str, class_names: tuple[str, ...], table: NDArray[np.int64], classes: Sequence[str], *, drop: bool
) -> Dataset:
    """`table` (K + 1,) gives each class its new number, the last entry that of unknown labels; drop: without the samples that have none."""
    rule = f"{kind}={', '.join(_said(dataset, name) for name in classes)}"

    def part(one: Dataset, **more: Any) -> Dataset:
        targets = table[one.targets]
        rows = _known(targets) if drop else np.arange(len(one), dtype=np.int64)
        if len(rows) == 0:
            raise ValueError(f"{rule} leaves no sample in {one.name!r}")
        fields = {"class_names": class_names, "targets": targets[rows], "bayes_accuracy": None, "test": None, **more}
        return one.take(rows, **fields) if drop else replace(one, **fields)

    test = None if dataset.test is None else part(dataset.test)
    return part(dataset, test=test, name=f"{dataset.name} ({rule})", spec=described(dataset, rule))


def _said(dataset: Dataset, name: str) -> str:
    """A class as a rule names it: by its number where its name would be taken apart."""
    clean = name == name.strip() and name and not set(name) & set(",;")
    return name if clean else f"#{dataset.class_names.index(name)}"


def _known(targets: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.flatnonzero(targets >= 0).astype(np.int64)
