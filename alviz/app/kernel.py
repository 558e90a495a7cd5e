"""What runs in a visitor's kernel process: ipykernel without its debugger, which costs 8 MB and which nobody attaches."""

import sys
from contextlib import suppress
from pathlib import Path

SCORE = Path("/proc/self/oom_score_adj")
SOONER = 500
"""By how much (of 1,000) a kernel is likelier than other programs to be ended by Linux when memory runs out: one page then says so, and the server lives."""


def die_first() -> None:
    """Let Linux end this process before the server; on other systems, and where that is not allowed, nothing happens."""
    with suppress(OSError, ValueError):
        SCORE.write_text(str(min(int(SCORE.read_text()) + SOONER, 1000)))


def main() -> None:
    """Start the kernel that the command line's connection file describes."""
    die_first()
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # ipykernel's optional import of it now fails
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
