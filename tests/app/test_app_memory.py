"""How much memory may still be taken: the machine's account and every limit of the groups that the process is in."""

import os
from pathlib import Path

import psutil
import pytest

from alviz.app import kernel, memory

GB = 2**30


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 16 GB left, without groups; its files lie in the folder."""

    class Account:
        available = 16 * GB

    monkeypatch.setattr(psutil, "virtual_memory", Account)
    monkeypatch.setattr(memory, "OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "groups")
    return tmp_path


def group(folder: Path, names: tuple[str, str], limit: str, taken: int, stat: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zip((*names, "memory.stat"), (limit, str(taken), stat), strict=True):
        (folder / name).write_text(f"{text}\n")


V1, V2 = ("memory.limit_in_bytes", "memory.usage_in_bytes"), ("memory.max", "memory.current")


def test_without_groups_it_is_what_the_machine_says() -> None:
    assert memory.available() == 16 * GB


def test_a_limit_of_the_group_counts_and_cached_files_that_rest_do_not(machine: Path) -> None:
    (machine / "own").write_text("0::/app\n")
    group(machine / "groups" / "app", V2, str(4 * GB), 3 * GB, f"active_file {GB}\ninactive_file {GB // 2}")
    assert memory.available() == 4 * GB - 3 * GB + GB // 2


def test_the_tightest_of_the_groups_above_counts(machine: Path) -> None:
    (machine / "own").write_text("0::/team/app\n")
    group(machine / "groups" / "team" / "app", V2, "max", GB, "inactive_file 0")
    group(machine / "groups" / "team", V2, str(6 * GB), 5 * GB, "inactive_file 0")
    assert memory.available() == GB


def test_version_1_of_the_groups_and_a_container_that_sees_only_its_own_at_the_top(machine: Path) -> None:
    (machine / "own").write_text("8:cpu,cpuacct:/\n5:memory:/docker/4c6b\n0::/\n")
    group(machine / "groups" / "memory", V1, str(2 * GB), 3 * GB // 2, f"inactive_file 1\ntotal_inactive_file {GB // 4}")
    assert memory.available() == 2 * GB - 3 * GB // 2 + GB // 4


def test_a_group_that_is_over_its_limit_leaves_nothing(machine: Path) -> None:
    (machine / "own").write_text("0::/\n")
    group(machine / "groups", V2, str(GB), 2 * GB, "inactive_file 0")
    assert memory.available() == 0


def test_what_a_process_holds() -> None:
    assert memory.resident(os.getpid()) > 10 * 2**20
    assert memory.resident(2**22 + 1) == 0  # beyond the largest number of a process


@pytest.mark.parametrize(("before", "after"), [("0", "500"), ("-900", "-400"), ("800", "1000")])
def test_a_kernel_is_likelier_to_be_ended_than_the_server(before: str, after: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score = tmp_path / "score"
    monkeypatch.setattr(kernel, "SCORE", score)
    kernel.die_first()  # where there is no such file
    assert not score.exists()
    score.write_text(f"{before}\n")
    kernel.die_first()
    assert score.read_text() == after
