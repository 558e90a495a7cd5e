"""Pulse: whether the page has drawn what it was last sent."""

import traitlets

from alviz.panels.theme import Themed, script


class Pulse(Themed):
    """An invisible widget that the page answers once it has come to draw.

    A run of a hundred rounds in a second would otherwise fill the server's memory with pictures that the browser has yet to draw. sent: the last
    beat from Python; seen: the last one the page has answered, 0 as long as there is no page.
    """

    _esm = script("pulse.js")

    sent = traitlets.Int(1).tag(sync=True)
    seen = traitlets.Int(0).tag(sync=True, echo_update=False)

    def beat(self) -> None:
        """Ask again; to be called after everything else has been sent."""
        self.sent += 1

    def keeps_up(self) -> bool:
        """Whether more may be sent: nothing is waiting to be drawn, or there is no page to wait for."""
        return self.seen in (0, self.sent)
