"""``python -m alviz`` is the ``alviz`` command."""

from alviz.app.cli import main

main()
