"""The served app as a process: it prints where it is, warms its kernels, and ends with all of them when told to."""

import json
import re
import signal
import subprocess
import sys
import urllib.request

import psutil
import pytest

pytestmark = pytest.mark.slow


def read_status(address: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{address}alviz/status", timeout=60) as answer:
        numbers: dict[str, int] = json.load(answer)
    return numbers


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_with_every_kernel(ending: signal.Signals) -> None:
    command = [sys.executable, "-u", "-m", "alviz", "app", "--no-browser", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://localhost:\d+/", process.stdout.readline())
        assert found is not None
        while read_status(found.group())["kernels"] == 0:
            assert process.poll() is None
        kernels = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(ending)
        printed, complained = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "no kernel is left" in printed
    assert complained == ""
    assert kernels
    _, alive = psutil.wait_procs(kernels, timeout=30)
    assert alive == []
