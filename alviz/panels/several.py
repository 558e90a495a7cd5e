"""Several: one labelled control for several things of a menu."""

from typing import Any

import traitlets

from alviz.panels.theme import Themed, script


class Several(Themed):
    """value: what is chosen, in its order; at least `least` of it stays, and at most `most` can be. options: dicts with value, label and optionally group, disabled, why, as of a `Field`. free: anything may
    be typed, and the options are proposals. placeholder: what stands where one more can be added. note: small print below.
    locked: the page's address has fixed it.
    """

    _esm = script("several.js")

    label = traitlets.Unicode("").tag(sync=True)
    value = traitlets.List(traitlets.Unicode()).tag(sync=True)
    options: Any = traitlets.List(traitlets.Dict()).tag(sync=True)
    least = traitlets.Int(1).tag(sync=True)
    most = traitlets.Int(1000).tag(sync=True)
    free = traitlets.Bool(False).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)
    locked = traitlets.Bool(False).tag(sync=True)
    placeholder = traitlets.Unicode("").tag(sync=True)
    help = traitlets.Unicode("").tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)
