"""Progress reports and cooperative cancelling, shared by everything that takes long."""

from collections.abc import Callable

Progress = Callable[[float], None]
"""Called with the finished share in [0, 1]. It raises `Cancelled` when the user asked to stop, so long work calls it
between any two mini-batches and needs no other way to be cancelled."""


class Cancelled(Exception):
    """The user stopped the work; whatever was under way is left as it was before."""


def silent(fraction: float) -> None:
    """A `Progress` that reports to nobody and never cancels."""
