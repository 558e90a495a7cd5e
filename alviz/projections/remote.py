"""Runs the worker process and listens to it."""

import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from alviz.progress import Progress

POLL_SECONDS = 0.05


def embed(method: str, components: NDArray[np.float32], seed: int, progress: Progress) -> NDArray[np.float32]:
    """(n, 2) float32 UMAP ("umap") or t-SNE ("tsne") of `components` (n, c), computed in another process.

    `progress` is called some 20 times a second; when it raises (`Cancelled`) the process is killed at once. Raises RuntimeError with the
    process's last words when it fails.
    """
    with tempfile.TemporaryDirectory(prefix="alviz-") as name:
        folder = Path(name)
        np.save(folder / "components.npy", components, allow_pickle=False)
        with (folder / "stderr").open("wb") as stderr, _start(method, seed, folder, stderr) as process:
            try:
                _follow(process, progress)
            finally:
                process.kill()
        if process.returncode != 0:
            raise RuntimeError(f"{method} failed: {_last_line(folder / 'stderr', process.returncode)}")
        points: NDArray[np.float32] = np.load(folder / "points.npy", allow_pickle=False)
        return points


def _start(method: str, seed: int, folder: Path, stderr: IO[bytes]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "alviz.projections.worker", method, str(seed), str(folder)]
    # What the caller can import the worker must be able to import as well, wherever it was started.
    search = os.pathsep.join(path for path in sys.path if path)
    # Threads that wait must not spin: beside other work they would take the processors from those that compute.
    environment = {**os.environ, "PYTHONPATH": search, "OMP_WAIT_POLICY": "PASSIVE"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environment)


def _follow(process: "subprocess.Popen[bytes]", progress: Progress) -> None:
    """Passes the process's reports on until it ends."""
    lines: queue.Queue[bytes | None] = queue.Queue()
    threading.Thread(target=_read, args=(process, lines), name="alviz-worker-output", daemon=True).start()
    done = 0.0
    while True:
        progress(done)
        try:
            line = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            process.wait()
            return
        done = max(done, float(line))


def _read(process: "subprocess.Popen[bytes]", lines: "queue.Queue[bytes | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _last_line(path: Path, code: int | None) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else f"the process ended with code {code} and no message"
