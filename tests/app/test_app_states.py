"""What a page that opens is told of the widgets: as ipywidgets says it, and also while another thread makes and closes some."""

from collections.abc import Iterator
from typing import Any

import comm
import ipywidgets as widgets
import pytest

from alviz.panels import theme  # noqa: F401  (every panel imports it)

ASK = {"content": {"data": {"method": "request_states"}}}


class Line:
    """The kernel's end of the comm over which a page asks."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, Any]] = []

    def on_msg(self, answer: Any) -> None:
        self.ask = lambda: answer(ASK)

    def send(self, data: Any, buffers: Any) -> None:
        self.sent.append((data, buffers))


@pytest.fixture(autouse=True)
def _nothing_open() -> Iterator[None]:
    widgets.Widget.close_all()
    yield
    widgets.Widget.close_all()


def asked(opened: Any) -> tuple[Any, Any]:
    line = Line()
    opened(line, {"metadata": {"version": "1.0.0"}})
    line.ask()
    [answer] = line.sent
    return answer


def ours() -> Any:
    return comm.get_comm_manager().targets["jupyter.widget.control"]


def test_a_page_is_told_what_ipywidgets_would_tell_it() -> None:
    widgets.VBox([widgets.Image(value=b"\x89PNG"), widgets.Label("<b>")])
    assert ours() != widgets.Widget.handle_control_comm_opened
    answer, buffers = asked(ours())
    assert (answer, buffers) == asked(widgets.Widget.handle_control_comm_opened)
    assert [bytes(buffer) for buffer in buffers] == [b"\x89PNG"]


def test_widgets_made_and_closed_while_it_is_told_do_no_harm() -> None:
    class Restless(widgets.Label):
        """Does while its state is read what a job thread may do just then."""

        def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
            if self.value == "now":
                leaving.close()
                widgets.Label("new")
            state: dict[str, Any] = super().get_state(*args, **kwargs)
            return state

    restless, leaving, staying = Restless("early"), widgets.Label("leaves"), widgets.Label("stays")
    gone, stays = leaving.model_id, staying.model_id
    restless.value = "now"
    answer, _ = asked(ours())
    assert answer["states"][stays]["state"]["value"] == "stays"
    assert gone not in answer["states"]
