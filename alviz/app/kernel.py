"""What runs in a visitor's kernel process: ipykernel without what costs memory and serves nobody, and the first to go when memory runs out."""

import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

SCORE = Path("/proc/self/oom_score_adj")
SOONER = 500
"""By how much (of 1,000) a kernel is likelier than other programs to be ended by Linux when memory runs out: one page then says so, and the server lives."""


def die_first() -> None:
    """Let Linux end this process before the server; on other systems, and where that is not allowed, nothing happens."""
    with suppress(OSError, ValueError):
        SCORE.write_text(str(min(int(SCORE.read_text()) + SOONER, 1000)))


class NoPandas:
    """Lets scikit-learn believe that there is no pandas: it imports it in case somebody brings a data frame, and nobody does.

    That took half a second and 32 MB of every visitor (66 MB with what processes share). All others find it as ever.
    """

    @staticmethod
    def find_spec(name: str, *_: Any) -> None:
        """Refuse; or leave it to the finders that follow."""
        if name == "pandas":
            frame: FrameType | None = sys._getframe(1)
            while frame is not None and "importlib" in frame.f_code.co_filename:
                frame = frame.f_back
            if frame is not None and frame.f_globals.get("__name__") == "sklearn.utils.fixes":
                raise ModuleNotFoundError(name)


def main() -> None:
    """Start the kernel that the command line's connection file describes."""
    die_first()
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # 8 MB; ipykernel's optional import of it now fails
    sys.meta_path.insert(0, NoPandas)
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
