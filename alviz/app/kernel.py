"""What runs in a visitor's kernel process: ipykernel without its debugger, which costs 8 MB and which nobody attaches."""

import sys


def main() -> None:
    """Start the kernel that the command line's connection file describes."""
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # ipykernel's optional import of it now fails
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
