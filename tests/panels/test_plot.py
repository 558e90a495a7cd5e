"""Plot: what travels to the page, and what comes back."""

import gzip
import json
import subprocess
import sys

import numpy as np
import pytest

from alviz.figures.plotlyjs import PLOTLY_JS
from alviz.panels.plot import FULL_PRECISION, Plot


@pytest.fixture
def plot(monkeypatch):
    """A Plot with `sent`, the custom messages it sends, and `updates`, the traits of every state message."""
    plot = Plot()
    plot.sent, plot.updates = [], []
    monkeypatch.setattr(plot, "send", lambda content, buffers=None: plot.sent.append((content, buffers)))
    monkeypatch.setattr(plot, "send_state", lambda key=None: plot.updates.append(plot.get_state(key)))
    return plot


def restored(value):
    """The packed figure with its arrays put back, as the page does it; a missing buffer is an error."""
    if isinstance(value, dict) and "array" in value:
        return np.frombuffer(value["buffer"], value["dtype"]).reshape(value["shape"])
    if isinstance(value, dict):
        return {key: restored(item) for key, item in value.items()}
    return [restored(item) for item in value] if isinstance(value, list) else value


def buffers_in(value):
    if isinstance(value, dict):
        return ("buffer" in value) + sum(buffers_in(item) for item in value.values())
    return sum(buffers_in(item) for item in value) if isinstance(value, list) else 0


def page_opens(plot):
    return plot.get_state()["figure"]


def test_arrays_travel_as_buffers_and_come_back_equal(plot):
    z = np.arange(6).reshape(2, 3)
    plot.figure = {"data": [{"x": np.array([0.1, np.nan, 2]), "z": z, "alviz_ids": np.array([7, 8, 9])}], "layout": {"title": "t"}}
    trace = restored(page_opens(plot))["data"][0]
    np.testing.assert_array_equal(trace["x"], [0.1, np.nan, 2])
    np.testing.assert_array_equal(trace["z"], z)
    np.testing.assert_array_equal(trace["alviz_ids"], [7, 8, 9])
    assert restored(page_opens(plot))["layout"] == {"title": "t"}


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.zeros(3), "float64"),
        (np.zeros(FULL_PRECISION + 1), "float32"),
        (np.zeros(3, np.float16), "float32"),
        (np.arange(3), "int32"),
        (np.array([2**31]), "float64"),
        (np.array([2**32 - 1], np.uint32), "float64"),
        (np.zeros(0, int), "int32"),
        (np.arange(3, dtype=np.uint8), "uint8"),
        (np.array([True, False]), "uint8"),
        (np.arange(6).reshape(2, 3).T, "int32"),
    ],
)
def test_every_array_gets_a_type_that_javascript_has_and_keeps_its_values(plot, array, dtype):
    plot.figure = {"data": [{"x": array}]}
    packed = page_opens(plot)["data"][0]["x"]
    assert packed["dtype"] == dtype
    np.testing.assert_array_equal(restored(packed), array)


def test_what_is_not_an_array_is_valid_json(plot):
    plot.figure = {"data": [{"x": (1, float("nan"), np.float64("inf"), np.int64(3)), "text": np.array(["a", "b"]), "visible": True}]}
    text = json.dumps(page_opens(plot), allow_nan=False)
    assert json.loads(text) == {"data": [{"x": [1, None, None, 3], "text": ["a", "b"], "visible": True}]}


def test_only_arrays_that_changed_travel_again(plot):
    pool, first, second = np.arange(50.0), np.arange(5.0), np.arange(5.0) + 1
    plot.figure = {"data": [{"x": pool}, {"x": first}]}
    assert buffers_in(page_opens(plot)) == 2
    plot.figure = {"data": [{"x": pool.copy()}, {"x": second}]}
    kept, changed = plot.updates[-1]["figure"]["data"]
    assert buffers_in(kept) == 0
    np.testing.assert_array_equal(restored(changed)["x"], second)


def test_equal_bytes_of_another_type_or_shape_are_another_array(plot):
    plot.figure = {"data": [{"x": np.zeros(4, np.int32)}]}
    page_opens(plot)
    plot.figure = {"data": [{"x": np.zeros(4, np.float32), "z": np.zeros((2, 2), np.int32)}]}
    assert buffers_in(plot.updates[-1]["figure"]) == 2


def test_a_page_that_opens_later_gets_everything(plot):
    plot.figure = {"data": [{"x": np.arange(50.0)}]}
    assert buffers_in(page_opens(plot)) == buffers_in(page_opens(plot)) == 1


def test_a_page_that_misses_an_array_gets_the_figure_again(plot):
    plot.figure = {"data": [{"x": np.arange(50.0)}]}
    plot.figure = {"data": [{"x": np.arange(50.0), "name": "again"}]}
    assert buffers_in(plot.updates[-1]["figure"]) == 0
    plot._handle_custom_msg({"kind": "need-figure"}, [])
    assert buffers_in(plot.updates.pop()["figure"]) == 1


def test_show_sends_figure_and_reading_in_one_message(plot):
    plot.show({"data": [], "layout": {}}, "Nothing happened.")
    assert [set(keys) for keys in plot.updates] == [{"figure", "alt"}]
    assert plot.alt == "Nothing happened."


@pytest.mark.parametrize("ids", [[3, 1], (3, 1), np.array([3, 1])])
def test_selection_takes_any_ids_and_travels_without_the_figure(plot, ids):
    plot.selection = ids
    [update] = plot.updates
    assert set(update) == {"selection"}
    assert np.frombuffer(update["selection"], np.int32).tolist() == [3, 1]


def test_lasso_hover_and_click_reach_python(plot):
    seen = []
    plot.observe(lambda change: seen.append((change["name"], change["new"])), ["selected", "hovered", "clicked"])
    plot._handle_custom_msg({"kind": "selected"}, [memoryview(np.array([5, 2], np.int32).tobytes())])
    plot._handle_custom_msg({"kind": "selected"}, [memoryview(b"")])
    plot._handle_custom_msg({"kind": "hovered", "id": 4}, [])
    plot._handle_custom_msg({"kind": "hovered", "id": None}, [])
    point = {"id": None, "trace": 1, "name": "recall", "x": "cat", "y": 0.5}
    plot._handle_custom_msg({"kind": "clicked", "point": point}, [])
    plot._handle_custom_msg({"kind": "clicked", "point": point}, [])
    clicks = [("clicked", {**point, "count": 1}), ("clicked", {**point, "count": 2})]
    assert seen == [("selected", [5, 2]), ("selected", []), ("hovered", 4), ("hovered", None), *clicks]


def test_plotly_js_is_sent_only_on_request_and_whole(plot):
    plot.figure = {"data": [{"x": np.arange(3)}]}
    assert plot.sent == []
    assert len(plot.get_state()["_esm"]) < 30_000
    plot._handle_custom_msg({"kind": "need-plotly"}, [])
    [(content, [source])] = plot.sent
    assert content == {"kind": "plotly"}
    assert gzip.decompress(source) == PLOTLY_JS.read_bytes()


def test_a_kind_of_trace_that_cannot_be_drawn_is_refused(plot):
    plot.figure = {"data": [{"x": [0, 1]}]}
    with pytest.raises(
        ValueError, match=r"^figure: traces of the type 'pie' are not drawn here, only bar, contour, heatmap, scatter, scattergl$"
    ):
        plot.figure = {"data": [{"x": [0, 1]}, {"type": "pie"}]}
    assert plot.figure == {"data": [{"x": [0, 1]}]}


def test_plots_need_no_plotly_import():
    code = "import sys; from alviz.panels import plot; plot.Plot(); assert 'plotly' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
