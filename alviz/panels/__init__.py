"""Panels: ipywidgets views over one state. `explore()` and `toy()` are the pages, for Voila and for a JupyterLab cell."""

from alviz.panels.explore import explore
from alviz.panels.toy import toy

__all__ = ["explore", "toy"]
