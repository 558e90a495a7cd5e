"""Turns: the page's callbacks and its job threads change what it shows one after the other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import traitlets

TURN = threading.RLock()
"""Held while something changes and everybody who watches it is told: one lock for all, as what watches one thing changes another."""


class InTurn(traitlets.HasTraits):
    """Its changes are made, and told to the end, before another thread makes the next.

    traitlets knows nothing of threads: two that draw the same plot at once would each send half of it. Whoever has the turn may wait for no other
    thread.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        with TURN:
            super().__setattr__(name, value)

    @contextmanager
    def hold_trait_notifications(self) -> Iterator[None]:
        """As in traitlets; other threads wait until all is told."""
        with TURN, super().hold_trait_notifications():
            yield
