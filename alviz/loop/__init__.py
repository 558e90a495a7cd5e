"""The loop: runs, rounds, labels, oracles and measures."""

from alviz.loop.keeping import Pending, StoredRun
from alviz.loop.labels import Event, LabelState
from alviz.loop.oracles import DONT_KNOW, NOT_YET, NoisyOracle, Oracle, Person, TrueLabels
from alviz.loop.round import PHASES, Round
from alviz.loop.run import PoolExhausted, Run

__all__ = ["DONT_KNOW", "NOT_YET", "PHASES", "Event", "LabelState", "NoisyOracle", "Oracle", "Pending", "Person", "PoolExhausted"]
__all__ += ["Round", "Run", "StoredRun", "TrueLabels"]
