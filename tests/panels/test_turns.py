"""One thread at a time changes what a page shows."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import traitlets

from alviz.panels.field import Field
from alviz.panels.turns import InTurn


class Thing(InTurn):
    first = traitlets.Int(0)
    second = traitlets.Int(0)


def while_told(thing: Any, change: Callable[[], None]) -> None:
    thing.observe(lambda _: change(), ["first"])
    thing.first = 1


def while_held(thing: Any, change: Callable[[], None]) -> None:
    with thing.hold_trait_notifications():
        thing.first = 1
        change()


@pytest.mark.parametrize("under_way", [while_told, while_held])
def test_a_change_is_told_to_the_end_before_another_thread_makes_the_next(under_way: Callable[..., None]) -> None:
    thing, seen = Thing(), []
    other = threading.Thread(target=lambda: setattr(thing, "second", 1))

    def change() -> None:
        other.start()
        other.join(0.1)  # long enough for it, if nothing kept it
        seen.append(thing.second)

    under_way(thing, change)
    other.join()
    assert seen == [0] and thing.second == 1


def test_what_is_sent_together_is_sent_before_another_thread_changes_it() -> None:
    field, seen = Field(kind="text"), []
    other = threading.Thread(target=lambda: setattr(field, "note", "later"))
    with field.hold_sync():
        field.label = "now"
        other.start()
        other.join(0.1)
        seen.append(field.note)
    other.join()
    assert seen == [""] and field.note == "later"
