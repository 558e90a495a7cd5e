"""How the tests share the machine.

One thread for arithmetic: the tests work on small arrays, where several threads mostly wait for each other, and there are as many processes as cores.
"""

import os
import shutil
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop(
    "COLUMNS", None
)  # readline, which pytest imports, hands it on to further processes; a console keeps what it finds when it is made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser tests, which take longest, begin first."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """What several processes may split: whole files, for their fixtures' sake, and of the browser tests, which share one served app, nothing."""
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "browser" if path.startswith("tests/browser/") else path

    return Files(config, log)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where Chromium is; without one the test is skipped, or fails where browser tests are required."""
    if found := next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None):
        return found
    why = "no Chromium on this machine (Debian: apt-get install chromium)"
    if os.environ.get("ALVIZ_BROWSER_TESTS") == "required":
        pytest.fail(why)
    pytest.skip(why)
