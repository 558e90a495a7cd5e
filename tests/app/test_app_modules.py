"""The scripts of the widgets: what the app serves at the address a widget names is what the widget carries elsewhere."""

import json
import re

import pytest

from alviz.app.kernels import KERNEL_NAME, OwnKernelSpec
from alviz.panels.theme import STATIC, script


def test_the_app_serves_what_a_widget_carries_elsewhere(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    several = ("closer.js", "answers.js", "label.js")
    whole = [script("plot.js"), script(*several)]
    assert whole[1].endswith("".join((STATIC / name).read_text(encoding="utf-8") for name in several))
    for name, value in OwnKernelSpec().get_kernel_spec(KERNEL_NAME).env.items():
        monkeypatch.setenv(name, value)
    lines = [script("plot.js"), script(*several)]
    assert all(len(line) < 200 for line in lines)
    addresses = [json.loads(re.search(r'"/[^"]*"', line)[0]) for line in lines]  # type: ignore[index]
    found = ask(*addresses, "/alviz/modules/page.js+../theme.py", "/alviz/modules/none.js")
    assert [answer.code for answer in found] == [200, 200, 404, 404]
    assert [answer.body.decode() for answer in found[:2]] == whole
