"""Plot, Thumbnails and PageUrl in a real page: plain Voila, so that plotly.js and the style sheet have to come from the kernel."""

import re
import socket
import subprocess
import sys
import threading

import nbformat
import pytest

from alviz.figures.plotlyjs import TRACES

pytestmark = pytest.mark.browser

NOTEBOOK = """
import ipywidgets
import numpy as np
from alviz.panels.plot import Plot
from alviz.panels.thumbnails import Thumbnails
from alviz.panels.url import PageUrl

rng = np.random.default_rng(0)
points = rng.normal(size=(6000, 2)).astype(np.float32)
pool = {"type": "scattergl", "mode": "markers", "x": points[:, 0], "y": points[:, 1], "alviz_ids": np.arange(6000) + 10_000}
ring = {"type": "scatter", "mode": "markers", "x": points[:9, 0], "y": points[:9, 1], "alviz_ids": np.arange(9) + 10_000}
field = {"type": "heatmap", "z": np.arange(9).reshape(3, 3), "colorscale": "Greys"}
lasso = Plot(figure={"data": [pool], "layout": {"dragmode": "select"}}, alt="Six thousand <b>points</b>.")
zoom = Plot(figure={"data": [ring], "layout": {"dragmode": "zoom"}}, alt="Nine points, round 0.", height="200px")
heat = Plot(figure={"data": [field], "layout": {}}, alt="Nine cells.", height="200px")
later = Plot(empty="Press step.", height="200px")
pictures = Thumbnails(label="Queries", empty="None yet.")
pictures.show(np.arange(5) + 10_000, rng.integers(0, 256, (5, 8, 8), dtype=np.uint8), titles=["<i>nul</i>", "one", "two", "three", "four"])
status = ipywidgets.Label("ready")
url = PageUrl()
step = ipywidgets.Button(description="step")
remove = ipywidgets.Button(description="remove")
box = ipywidgets.VBox([lasso, zoom, heat, later])


def say(text):
    status.value = text


def brushed(change):
    zoom.selection = change["new"]
    say(f"selected {len(change['new'])} from {min(change['new'], default=None)}")


def stepped(_):
    zoom.show({**zoom.figure, "data": [{**ring, "x": ring["x"] + 0.01}]}, "Nine points, round 1.")
    later.figure = {"data": [field]}
    url.share = {"strategy": "margin", "round": "1"}


lasso.observe(brushed, "selected")
heat.observe(lambda change: say(f"cell {change['new']['x']} {change['new']['y']}, click {change['new']['count']}"), "clicked")
zoom.observe(lambda change: setattr(pictures, "pointed", change["new"]), "hovered")
pictures.observe(lambda change: say(f"pictures {sorted(change['new'])}"), "selected")
pictures.observe(lambda change: setattr(zoom, "pointed", change["new"]), "hovered")
url.observe(lambda _: say(f"address {url.query}"), "opened")
step.on_click(stepped)
remove.on_click(lambda _: setattr(box, "children", ()))
ipywidgets.VBox([status, step, remove, box, pictures])
"""

# Voila's own page asks for these; the pages of the app do not
ICONS = re.compile("https://cdn.jsdelivr.net/npm/@fortawesome/")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where the notebook is served, from a kernel that has run it before any page opens."""
    folder = tmp_path_factory.mktemp("widgets")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "widgets.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", f"--port={port}", "--preheat_kernel=True", "--pool_size=1", "--show_tracebacks=True"]
    process = subprocess.Popen(
        [sys.executable, "-m", "voila", str(folder / "widgets.ipynb"), *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if found := re.search(r"http://(localhost|127\.0\.0\.1):\d+/", line):
                break
        else:
            pytest.fail("".join(lines))
        threading.Thread(target=process.stderr.read, daemon=True).start()  # or its log would fill the pipe
        yield found.group()
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def opened(page, address):
    """The page with its three figures drawn. `page.frames_received`: bytes of every message over the websocket."""
    page.frames_received = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: page.frames_received.append(len(frame))))
    page.route(ICONS, lambda route: route.fulfill(body="", content_type="text/css"))
    page.goto(f"{address}?seed=7&token=abc")
    page.wait_for_function("document.querySelectorAll('.alviz-plot[data-alviz-drawn]').length === 3")
    yield page
    page.outside[:] = [url for url in page.outside if not ICONS.match(url)]


def says(page, text):
    page.wait_for_function("text => document.querySelector('.widget-label').innerText.includes(text)", arg=text)


def drag(page, plot, start, *points):
    """Drag in a plot; places are shares of its width and height."""
    box = page.locator(".alviz-plot-area").nth(plot).bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, *points)]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def centre(page, plot):
    box = page.locator(".alviz-plot-area").nth(plot).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def of_plot(page, plot, expression):
    """Value of a JavaScript expression about `plot`, a drawn element."""
    return page.evaluate(f"i => {{ const plot = document.querySelectorAll('.alviz-plot-area')[i]; return {expression}; }}", plot)


def test_figures_are_drawn_with_their_readings_and_plotly_comes_once(opened):
    says(opened, "address {'seed': '7'}")  # and no token
    assert opened.locator(".js-plotly-plot .main-svg").count() >= 3
    assert opened.get_by_role("figure", name="Nine cells.").count() == 1
    assert opened.locator(".alviz-reading").first.inner_text() == "Six thousand <b>points</b>."
    assert opened.locator(".alviz-empty").first.is_hidden()
    assert opened.get_by_text("Press step.").is_visible()
    assert sum(size > 400_000 for size in opened.frames_received) == 1
    assert sum(opened.frames_received) < 1_500_000
    assert opened.evaluate("Object.keys(Plotly.PlotSchema.get().traces).sort()") == list(TRACES)
    assert opened.locator(".modebar-btn[data-title*='loud']").count() == 0
    assert opened.locator("#alviz-theme").count() == 1


def test_box_selection_reaches_python_and_marks_the_other_plot(opened):
    drag(opened, 0, (0.1, 0.1), (0.9, 0.8))
    says(opened, "from 10000")
    opened.wait_for_function("document.querySelectorAll('.alviz-plot-area')[1].data[0].selectedpoints?.length >= 5")
    assert of_plot(opened, 1, "plot.data[0].alviz_ids") is None
    opened.mouse.dblclick(*centre(opened, 0))
    says(opened, "selected 0 from None")
    opened.wait_for_function("!document.querySelectorAll('.alviz-plot-area')[1].data[0].selectedpoints")


def test_zoom_survives_a_step_and_unchanged_arrays_stay_at_home(opened):
    before = of_plot(opened, 1, "plot.layout.xaxis.range.slice()")
    drag(opened, 1, (0.3, 0.3), (0.6, 0.7))
    opened.wait_for_function("range => document.querySelectorAll('.alviz-plot-area')[1].layout.xaxis.range[0] !== range[0]", arg=before)
    zoomed = of_plot(opened, 1, "plot.layout.xaxis.range.slice()")
    opened.frames_received.clear()
    opened.get_by_role("button", name="step").click()
    opened.get_by_text("Nine points, round 1.").wait_for()
    opened.wait_for_function("document.querySelectorAll('.alviz-plot[data-alviz-drawn]').length === 4")
    assert of_plot(opened, 1, "plot.layout.xaxis.range.slice()") == zoomed
    assert opened.get_by_text("Press step.").is_hidden()
    assert sum(opened.frames_received) < 20_000
    opened.wait_for_function("location.search === '?strategy=margin&round=1'")


def test_two_clicks_are_two_clicks_and_colours_follow_the_theme(opened):
    x, y = centre(opened, 2)
    opened.mouse.click(x, y)
    says(opened, "cell 1 1, click 1")
    opened.mouse.click(x + 3, y)
    says(opened, "cell 1 1, click 2")

    colour = "getComputedStyle(document.querySelectorAll('.alviz-plot-area')[2].querySelector('.xtick text')).fill"
    light = opened.evaluate(colour)
    opened.evaluate("document.documentElement.dataset.theme = 'dark'")
    opened.wait_for_function(f"light => {colour} !== light", arg=light)
    probe = "document.body.append(Object.assign(document.createElement('i'), { id: 'probe', style: 'color: var(--alviz-muted)' }))"
    opened.evaluate(probe)
    assert opened.evaluate(colour) == opened.evaluate("getComputedStyle(document.getElementById('probe')).color")


def test_thumbnails_work_from_the_keyboard_and_point_into_the_plot(opened):
    group = opened.get_by_role("group", name="Queries")
    cells = group.get_by_role("button")
    assert cells.first.get_attribute("aria-label") == "<i>nul</i>"
    cells.first.focus()
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("Space")
    says(opened, "pictures [10001]")
    assert cells.nth(1).get_attribute("aria-pressed") == "true"
    opened.keyboard.press("End")
    cells.nth(4).click(modifiers=["Shift"])
    says(opened, "pictures [10001, 10002, 10003, 10004]")
    opened.keyboard.press("Escape")
    says(opened, "pictures []")
    assert group.locator("[tabindex='0']").count() == 1

    opened.get_by_role("button", name="two").hover()
    opened.wait_for_function("document.querySelectorAll('.alviz-plot-area')[1].querySelector('.hoverlayer .hovertext')")
    opened.get_by_role("button", name="step").hover()
    opened.wait_for_function("!document.querySelectorAll('.alviz-plot-area')[1].querySelector('.hoverlayer .hovertext')")


def test_removed_plots_leave_nothing_behind(opened):
    opened.evaluate("window.gone = [...document.querySelectorAll('.alviz-plot-area')]")
    opened.get_by_role("button", name="remove").click()
    opened.wait_for_function("document.querySelectorAll('.js-plotly-plot').length === 0")
    opened.wait_for_function("window.gone.every((plot) => !plot._fullLayout)")
    opened.evaluate("document.documentElement.dataset.theme = 'dark'")
    opened.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert opened.evaluate("window.gone.every((plot) => !plot._fullLayout)")
