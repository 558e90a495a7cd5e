"""The command line: what it refuses, in one sentence, before anything is started; and where the server listens."""

import re
import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import alviz
from alviz.app.cli import cli
from alviz.app.server import listen

runner = CliRunner()


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_version(arguments: list[str]) -> None:
    result = runner.invoke(cli, arguments)
    assert (result.exit_code, result.output.strip()) == (0, f"alviz {alviz.__version__}")


def test_python_m_alviz_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "alviz", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"alviz {alviz.__version__}"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.7.7", "lab.example"])
def test_another_host_without_a_token_is_refused_in_one_sentence(host: str) -> None:
    result = runner.invoke(cli, ["app", "--host", host])
    assert result.exit_code == 2
    lines = result.output.strip().splitlines()
    assert len(lines) == 1
    assert host in lines[0]
    assert "--token" in lines[0]


def test_an_unknown_page_is_refused_with_the_known_ones() -> None:
    result = runner.invoke(cli, ["app", "exploer"])
    assert result.exit_code == 2
    assert "'exploer'" in result.output
    assert "explore, compare, label, initial, toy, versus, or none" in result.output


def test_a_busy_port_leads_to_the_next_free_one() -> None:
    taken, port = listen("127.0.0.1", 0)
    try:
        sockets, other = listen("127.0.0.1", port)
        assert port < other <= port + 100
        for opened in sockets:
            opened.close()
    finally:
        for opened in taken:
            opened.close()


def test_a_host_that_is_not_here_is_refused() -> None:
    with pytest.raises(ValueError, match=r"host: '192\.0\.2\.1' is not an address of this machine"):
        listen("192.0.2.1", 0)


def test_local_means_not_reachable_from_elsewhere() -> None:
    sockets, _ = listen("localhost", 0)
    try:
        assert {opened.getsockname()[0] for opened in sockets} <= {"127.0.0.1", "::1"}
        assert all(opened.family in {socket.AF_INET, socket.AF_INET6} for opened in sockets)
    finally:
        for opened in sockets:
            opened.close()


def test_strategies_are_listed_and_one_shows_its_card() -> None:
    listed = runner.invoke(cli, ["strategies"])
    assert listed.exit_code == 0
    assert all(name in listed.output for name in alviz.strategies.available())
    card = runner.invoke(cli, ["strategies", "badge"])
    assert alviz.strategies.card("badge").idea[:40] in card.output
    assert all(text.split()[0] in card.output for text in alviz.strategies.handbook.fields("badge"))
    page = runner.invoke(cli, ["strategies", "--markdown"])
    assert page.output == alviz.strategies.handbook.markdown()
    papers = runner.invoke(cli, ["strategies", "grad-norm", "--bibtex"])
    assert re.findall(r"^@\w+\{(\w+),$", papers.output, re.M) == ["wang2022boosting", "ash2020badge"]
    every = runner.invoke(cli, ["strategies", "--bibtex"])
    assert every.output.count("@inproceedings{ash2020badge,") == 1 and papers.output.splitlines()[1] in every.output
    unknown = runner.invoke(cli, ["strategies", "badg"])
    assert unknown.exit_code == 2 and "did you mean 'badge'" in unknown.output
