"""Where the time of runs went."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alviz.loop.round import PHASES
from alviz.studies.statistics.bands import Band, band


@dataclass(frozen=True, eq=False)
class Times:
    """Seconds of whole runs. arms: (A,). phases: (5,). by_phase: Band (A, 5). total: Band (A,)."""

    arms: tuple[str, ...]
    phases: tuple[str, ...]
    by_phase: Band
    total: Band


def time_per_phase(seconds: Mapping[str, ArrayLike]) -> Times:
    """Mean time of a run with its interval over the seeds. seconds: arm -> (S, R, 5), of each seed, round and phase in the order of `PHASES`,
    0 for a phase that a round did not have.

    A run with NaN in it is not finished and does not count. Raises ValueError for other shapes, negative times, and without an arm.
    """
    if not seconds:
        raise ValueError("seconds: at least one arm is wanted, got none")
    sums: list[NDArray[np.float64]] = []
    for arm, table in seconds.items():
        values = np.asarray(table, dtype=np.float64)
        if values.ndim != 3 or values.shape[2] != len(PHASES) or (sums and len(values) != len(sums[0])):
            raise ValueError(
                f"seconds[{arm!r}]: (seeds, rounds, {len(PHASES)} phases) is wanted, with as many seeds in every arm, got {values.shape}"
            )
        if (values < 0).any():
            raise ValueError(f"seconds[{arm!r}]: a negative time came")
        sums.append(np.asarray(values.sum(axis=1)))
        sums[-1][np.isnan(sums[-1]).any(axis=1)] = np.nan
    table = np.stack(sums, axis=1)
    return Times(tuple(seconds), PHASES, band(table), band(table.sum(axis=2)))
