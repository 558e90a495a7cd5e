"""Race: strategies, or anything else that a run is made of, over a few seeds, in memory: for lessons and scripts that need no store."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alviz.data.dataset import Dataset
from alviz.loop import Run
from alviz.progress import Progress, silent
from alviz.studies.statistics import Curves


def race(
    dataset: Dataset,
    arms: Sequence[str] | Mapping[str, Mapping[str, Any]],
    *,
    rounds: int,
    seeds: Sequence[int] | int,
    progress: Progress = silent,
    **settings: Any,
) -> dict[str, list[Run]]:
    """arm -> its finished runs, one per seed; runs of one seed are paired: they draw from the same random numbers.

    arms: names of strategies, or name -> the settings of `Run` that are its own. rounds: after round 0. seeds: how many (from 0 on), or which. settings: of `Run`,
    common to all arms. Raises ValueError as `Run` does, and what `progress` raises.
    """
    own = arms if isinstance(arms, Mapping) else {name: {"strategy": name} for name in arms}
    which = range(seeds) if isinstance(seeds, int) else seeds
    found: dict[str, list[Run]] = {name: [] for name in own}
    for k, seed in enumerate(which):
        for j, (name, chosen) in enumerate(own.items()):
            progress((k * len(own) + j) / (len(which) * len(own)))
            run = Run(dataset, **{**settings, **chosen, "seed": seed})
            run.goto(rounds)
            found[name].append(run)
    return found


def curves(runs: Mapping[str, Sequence[Run]], metric: str = "accuracy") -> Curves:
    """A metric of raced runs over their labels. Raises ValueError where the arms' rounds have different numbers of labels."""
    first = next(iter(runs.values()))
    budgets = {tuple(finished.n_labelled for finished in run.rounds) for arm in runs.values() for run in arm}
    if len(budgets) > 1:
        raise ValueError(f"runs: their rounds must have the same numbers of labels, got {sorted(budgets)}")
    values = {name: np.array([[r.metrics[metric] for r in run.rounds] for run in arm]) for name, arm in runs.items()}
    return Curves(metric, np.array(budgets.pop()), np.array([run.seed for run in first]), values)
