"""Timeline: the rounds as dots, to look back at any of them."""

import traitlets

from alviz.panels.theme import Themed, script


class Timeline(Themed):
    """shown: the round looked at. last: the last finished round (−1: none). planned: rounds that the budget allows. titles: a tooltip per round.

    Moved with the mouse (click or drag) or the arrow keys, Home and End.
    """

    _esm = script("timeline.js")

    shown = traitlets.Int(0).tag(sync=True)
    last = traitlets.Int(-1).tag(sync=True)
    planned = traitlets.Int(0).tag(sync=True)
    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    branched = traitlets.List(traitlets.Int()).tag(sync=True)
