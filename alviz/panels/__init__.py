"""Panels: ipywidgets views over one state. `explore()`, `compare()`, `label()`, `initial()`, `toy()` and `versus()` are the pages, for Voila and for a JupyterLab cell."""

from alviz.panels.compare import compare
from alviz.panels.explore import explore
from alviz.panels.initial import initial
from alviz.panels.label import label
from alviz.panels.toy import toy
from alviz.panels.versus import versus

__all__ = ["compare", "explore", "initial", "label", "toy", "versus"]
