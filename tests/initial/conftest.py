from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of its own for every test module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALVIZ_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
