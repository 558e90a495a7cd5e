"""plotly.js as our pages get it: the one that `scripts/plotly` builds, with the kinds of traces that figures have and no others.

The whole of it, which comes with plotly's package, takes six times as long to be read by a browser, and every page's first picture waits for that.
"""

from pathlib import Path

PLOTLY_JS = Path(__file__).with_name("plotly.min.js")
"""The script; it sets `window.Plotly`."""
TRACES = ("bar", "contour", "heatmap", "scatter", "scattergl")
"""The kinds of traces that it draws."""
