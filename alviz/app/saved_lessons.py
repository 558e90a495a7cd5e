"""The lessons as files to take away: each is made once, when it is first asked for, by a process of its own."""

import asyncio
import os
import sys
from pathlib import Path

from alviz.app.kernels import ONE_THREAD


class SavedLessons:
    """The files, in ``folder``. They are made one after the other, and whoever asks for one that is being made waits for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = asyncio.Lock()

    def path(self, name: str) -> Path:
        """Where the file of a lesson is, or will be."""
        return self._folder / f"{name}.html"

    async def make(self, name: str) -> None:
        """Make the file of a lesson unless it is there. Raises RuntimeError with what the process said when it failed."""
        async with self._turn:
            if self.path(name).is_file():
                return
            # -P: a file called random.py in the user's folder must not replace the module.
            command = [sys.executable, "-P", "-m", "alviz", "lesson", name, "--output", str(self.path(name))]
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env={**os.environ, **ONE_THREAD})
            try:
                _, said = await process.communicate()
            finally:
                if process.returncode is None:  # the server ends
                    process.kill()
            if process.returncode:
                raise RuntimeError(f"lesson {name} could not be written: {said.decode(errors='replace')}")
