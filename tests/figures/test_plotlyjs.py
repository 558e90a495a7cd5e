"""Our build of plotly.js is what its script says (tests/browser/test_widgets.py asks the script itself what it draws)."""

import json
import re
from pathlib import Path

from alviz.figures.plotlyjs import PLOTLY_JS, TRACES

SCRIPTS = Path(__file__).parents[2] / "scripts" / "plotly"


def test_the_build_is_of_the_version_and_the_traces_that_its_script_names() -> None:
    head = PLOTLY_JS.read_text(encoding="utf-8")[:400]
    (version, traces), *_ = re.findall(r"^\* plotly\.js v(\S+) with (.+)$", head, re.MULTILINE)
    assert version == json.loads((SCRIPTS / "package.json").read_text(encoding="utf-8"))["devDependencies"]["plotly.js"]
    assert sorted(traces.split(", ")) == sorted(TRACES)
    assert "MIT license" in head
