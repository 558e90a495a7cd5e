"""What a page that opens is told: the state of every widget, also while other threads make and close some."""

from typing import Any

import comm
from ipywidgets.widgets.widget import _instances, _remove_buffers

from alviz.panels.turns import TURN


def states() -> dict[str, Any]:
    """{model id: {model_name, model_module, model_module_version, state}} of the widgets that are open now; buffers are left inside."""
    return {
        line.comm_id: {
            "model_name": widget._model_name,
            "model_module": widget._model_module,
            "model_module_version": widget._model_module_version,
            "state": widget.get_state(),
        }
        for widget in list(_instances.values())  # a copy: what is made meanwhile announces itself to the page
        if (line := widget.comm) is not None  # closed meanwhile
    }


def answer_pages() -> None:
    """From now on pages that open are answered here, and no longer by ipywidgets.

    ipywidgets 8 walks over the living list of widgets, so that it fails, and the page stays empty, when a job thread makes one; and it computes
    every state twice to send it once.
    """
    comm.get_comm_manager().register_target("jupyter.widget.control", _opened)


def _opened(line: Any, _: Any) -> None:
    def answer(message: Any) -> None:
        if message["content"]["data"]["method"] == "request_states":
            with TURN:  # what changes next is sent after this
                plain, paths, buffers = _remove_buffers(states())
                line.send({"method": "update_states", "states": plain, "buffer_paths": paths}, buffers=buffers)

    line.on_msg(answer)
