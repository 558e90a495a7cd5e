"""Who is let in: the gate's rule by itself, and every kind of address behind it in the real server."""

import json

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from alviz.app.gate import MISSING, STRANGER, WRONG, Gate, is_loopback
from alviz.app.server import asset_address, voila_files_address

UNKNOWN_KERNEL = "00000000-0000-0000-0000-000000000000"


def request(address: str = "/", host: str = "localhost:8866", cookie: str = "") -> HTTPServerRequest:
    headers = HTTPHeaders({"Host": host, **({"Cookie": cookie} if cookie else {})})
    return HTTPServerRequest(start_line=RequestStartLine("GET", address, "HTTP/1.1"), headers=headers)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]", "alviz.localhost"])
def test_these_names_are_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "example.org", "192.168.1.5", "localhost.example.org"])
def test_these_names_are_not(host: str) -> None:
    assert not is_loopback(host)


def test_without_a_token_only_local_names_pass() -> None:
    gate = Gate("", 8866)
    assert gate.refusal(request(host="localhost:8866")) == ""
    assert gate.refusal(request(host="[::1]:8866")) == ""
    assert gate.refusal(request(host="evil.example:8866")) == STRANGER


def test_with_a_token_it_or_its_cookie_is_needed() -> None:
    gate = Gate("s3cret", 8866)
    assert gate.refusal(request()) == MISSING
    assert gate.refusal(request("/?token=S3cret")) == WRONG
    assert gate.refusal(request("/?token=")) == WRONG
    assert gate.refusal(request("/?token=s3cret", host="lab.example")) == ""
    assert gate.refusal(request(cookie=f"{gate.cookie}={gate.pass_word}")) == ""
    assert gate.refusal(request(cookie=f"{gate.cookie}={Gate('other', 8866).pass_word}")) == MISSING
    assert gate.refusal(request(cookie=f"alviz-1={gate.pass_word}")) == MISSING


def test_every_kind_of_address_is_behind_the_token(ask) -> None:
    addresses = ["/", "/explore", "/nowhere", "/alviz/status", asset_address("shell.css"), f"{voila_files_address()}/static/voila.js"]
    addresses += [f"/api/kernels/{UNKNOWN_KERNEL}", f"/api/kernels/{UNKNOWN_KERNEL}/channels"]
    for answer in ask(*addresses, token="s3cret"):
        assert answer.code == 403, answer.effective_url
        assert MISSING in answer.body.decode()
    (wrong,) = ask("/explore?token=guess", token="s3cret")
    assert (wrong.code, WRONG in wrong.body.decode()) == (403, True)
    (upgrade,) = ask(f"/api/kernels/{UNKNOWN_KERNEL}/channels", headers={"Upgrade": "websocket", "Connection": "Upgrade"}, token="s3cret")
    assert upgrade.code == 403


def test_the_token_becomes_a_cookie_and_leaves_the_address(ask) -> None:
    (answer,) = ask("/explore?dataset=digits&token=s3cret&hide=a%26b", token="s3cret")
    assert (answer.code, answer.headers["Location"]) == (302, "/explore?dataset=digits&hide=a%26b")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "s3cret" not in cookie
    (elsewhere,) = ask("//evil.example/?token=s3cret", token="s3cret")
    assert elsewhere.headers["Location"].startswith("/evil.example")


def test_the_cookie_opens_the_app(ask) -> None:
    (answer,) = ask("/alviz/status", signed_in=True, token="s3cret")
    assert json.loads(answer.body) == {"kernels": 0, "pooled": 0, "visitors": 0}


def test_nothing_but_the_app_is_served(ask) -> None:
    """No sources, no file browser, no way out of a static folder."""
    files = voila_files_address()
    addresses = [
        "/explore.ipynb",
        "/voila/render/explore.ipynb",
        "/voila/files/explore.ipynb",
        "/voila/tree",
        "/api/contents",
        "/api/kernels",
    ]
    addresses += ["/alviz/static/../server.py", "/alviz/static/%2e%2e/head.html.j2", "/alviz/static//etc/passwd"]
    addresses += [f"{files}/static/..%2f..%2f..%2f..%2fetc/passwd", f"{files}/labextensions/%2e%2e/jupyter/kernels/python3/kernel.json"]
    answers = ask(*addresses)
    assert {answer.effective_url: answer.code for answer in answers if answer.code != 404} == {}
    assert "There is no page at this address." in answers[0].body.decode()


def test_pages_allow_this_server_only(ask) -> None:
    home, missing = ask("/", "/nowhere")
    for answer in (home, missing):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "http" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
