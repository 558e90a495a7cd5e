"""alviz: see active learning happen.

Pick data, a learner, a query strategy and a budget; step through the rounds; look at what was chosen and why.
Subpackages load when they are first used, so that ``import alviz`` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from alviz import data, figures, initial, learners, loop, panels, projections, strategies, studies, testing
    from alviz.loop import Run
    from alviz.strategies import query

_SUBPACKAGES = (
    "app",
    "data",
    "figures",
    "initial",
    "learners",
    "loop",
    "panels",
    "projections",
    "strategies",
    "studies",
    "testing",
)
_OBJECTS = {"Run": "alviz.loop", "query": "alviz.strategies"}

__all__ = ["Run", "__version__", "data", "figures", "initial", "learners", "loop", "panels", "projections", "query"]
__all__ += ["strategies", "studies", "testing"]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return import_module(f"alviz.{name}")
    if name in _OBJECTS:
        return getattr(import_module(_OBJECTS[name]), name)
    raise AttributeError(f"module 'alviz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBPACKAGES, *_OBJECTS})
