"""How the tests share the machine.

One thread for arithmetic: the tests work on small arrays, where several threads mostly wait for each other, and there are as many processes as cores.
"""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What several processes may split: whole files, for their fixtures' sake; all browser tests, which share one served app, begin first."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("browser" if item.get_closest_marker("browser") else item.location[0]))
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)
