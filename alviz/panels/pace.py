"""Pace: how long a round will go on, from how it goes so far and from how long the round before took."""

import math
import time
from collections.abc import Mapping

from alviz.loop.round import PHASES, Round

SOON = {"label": 0.0, "evaluate": 0.0}
"""Phases that are taken to be short as long as nothing is known of them."""

FIRST = "prepare"
"""What goes on before a round's first phase, such as the extraction of features: it alone is foreseen while it lasts."""

UNKNOWN = 0.2
"""Share of a round that a long phase counts for as long as nobody can know how long the others will take."""

TRUSTED = (1.0, 0.02)
"""Seconds, and share of the phase, from which on a phase's own speed says how long it takes."""


class Pace:
    """One round on its way. known: seconds that phases are expected to take; those it leaves out are unknown."""

    def __init__(self, known: Mapping[str, float]):
        self.known = {**SOON, **known}
        self.phase = FIRST
        self._round = self._phase = time.monotonic()

    def begin(self, phase: str) -> None:
        """The next phase begins."""
        self.phase = phase
        self._phase = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the round began."""
        return time.monotonic() - self._round

    @property
    def long(self) -> bool:
        """Whether the phase has lasted long enough for its own speed to be trusted."""
        return time.monotonic() - self._phase > TRUSTED[0]

    def left(self, share: float) -> float:
        """Seconds to the end of the round while `share` of the phase is done; NaN where nobody can know."""
        here = time.monotonic() - self._phase
        later = 0.0 if self.phase == FIRST else sum(self.known.get(phase, math.nan) for phase in PHASES[PHASES.index(self.phase) + 1 :])
        if self.long and share > TRUSTED[1]:
            return here * (1 - share) / share + later
        return max(self.known.get(self.phase, math.nan) - here, 0.0) + later


def known_from(last: Round) -> dict[str, float]:
    """What the last round says about the next one; that an initial pool was chosen says nothing about the strategy."""
    return {phase: seconds for phase, seconds in last.seconds.items() if last.index > 0 or phase not in ("score", "select")}
