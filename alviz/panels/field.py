"""Field: one labelled control (a menu, a number, a slider, a switch, a line or lines of text), the same in Voila and JupyterLab.

ipywidgets' Dropdown cannot grey out single options or say why; this one can.
"""

from typing import Any

import traitlets

from alviz.panels.theme import Themed, script


class Field(Themed):
    """kind: "menu", "number", "range", "switch", "text" or "lines" (of text). options: dicts with value, label and optionally group, disabled, why. note: small print below. placeholder: what an empty text shows. optional: a number that
    may be left empty (value None). locked: the page's address has fixed it."""

    _esm = script("field.js")

    kind = traitlets.Enum(["menu", "number", "range", "switch", "text", "lines"], default_value="menu").tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    value: Any = traitlets.Any(None, allow_none=True).tag(sync=True)
    options: Any = traitlets.List(traitlets.Dict()).tag(sync=True)
    minimum = traitlets.Float(0).tag(sync=True)
    maximum = traitlets.Float(100).tag(sync=True)
    step = traitlets.Float(1).tag(sync=True)
    optional = traitlets.Bool(False).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)
    locked = traitlets.Bool(False).tag(sync=True)
    placeholder = traitlets.Unicode("").tag(sync=True)
    help = traitlets.Unicode("").tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)


def option(value: str, label: str | None = None, **more: Any) -> dict[str, Any]:
    """One entry of a menu."""
    return {"value": value, "label": value if label is None else label, **more}
