"""Panels: ipywidgets views over one state. `explore()`, `compare()`, `label()`, `initial()`, `toy()` and `versus()` are the pages, for Voila and for a JupyterLab
cell; `guess()`, `tally()`, `plane()` and `tryout()` are what lessons are made of.
"""

from alviz.panels.compare import compare
from alviz.panels.explore import explore
from alviz.panels.guess import guess, tally
from alviz.panels.initial import initial
from alviz.panels.label import label
from alviz.panels.plane import plane
from alviz.panels.toy import toy
from alviz.panels.tryout import tryout
from alviz.panels.versus import versus

__all__ = ["compare", "explore", "guess", "initial", "label", "plane", "tally", "toy", "tryout", "versus"]
