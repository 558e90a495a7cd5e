"""Timeline: the rounds as dots, to look back at any of them."""

from pathlib import Path

import anywidget
import traitlets


class Timeline(anywidget.AnyWidget):
    """shown: the round looked at. last: the last finished round (−1: none). planned: rounds that the budget allows. titles: a tooltip per round.

    Moved with the mouse (click or drag) or the arrow keys, Home and End.
    """

    _esm = Path(__file__).parent / "static" / "timeline.js"

    shown = traitlets.Int(0).tag(sync=True)
    last = traitlets.Int(-1).tag(sync=True)
    planned = traitlets.Int(0).tag(sync=True)
    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    branched = traitlets.List(traitlets.Int()).tag(sync=True)
