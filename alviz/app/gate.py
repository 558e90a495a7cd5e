"""Who may talk to the server: the one place through which every request goes, pages, files, REST and websockets alike."""

import hashlib
import hmac
import ipaddress
from urllib.parse import parse_qsl, urlencode

from tornado.httputil import HTTPServerRequest, split_host_and_port
from tornado.web import Application, RequestHandler

MISSING = "This app asks for a token: open the address that was printed when it was started."
WRONG = "This token is not the right one: open the address that was printed when the app was started."
STRANGER = "This app answers under localhost only; start it with --token to reach it under another name."


def is_loopback(host: str) -> bool:
    """Whether ``host`` (a name or an address) means this machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Gate:
    """Checks requests. With a token, only those that show it, or the cookie given for it, pass; without, only local ones do.

    Without a token the name the browser used must be a local one too: otherwise a page out on the web whose name is made to
    point at 127.0.0.1 could talk to the app from the user's own browser.
    """

    def __init__(self, token: str, port: int) -> None:
        self.token = token
        self.cookie = f"alviz-{port}"
        self.pass_word = hmac.new(token.encode(), b"alviz session", hashlib.sha256).hexdigest()

    def refusal(self, request: HTTPServerRequest) -> str:
        """Why ``request`` may not pass, as a sentence; empty when it may."""
        if not self.token:
            host, _ = split_host_and_port(request.host.lower())
            return "" if is_loopback(host) else STRANGER
        if "token" in request.query_arguments:
            return "" if self.shows_token(request) else WRONG
        shown = request.cookies[self.cookie].value if self.cookie in request.cookies else ""
        return "" if hmac.compare_digest(shown.encode(), self.pass_word.encode()) else MISSING

    def shows_token(self, request: HTTPServerRequest) -> bool:
        """Whether the request's address carries the right token."""
        shown = request.query_arguments.get("token", [b""])[-1]
        return bool(self.token) and hmac.compare_digest(shown, self.token.encode())


class GatedApplication(Application):
    """A tornado application with its gate in ``settings["gate"]`` and what to show the refused in ``settings["refused_handler"]``."""

    def find_handler(self, request: HTTPServerRequest, **kwargs: object):  # type: ignore[no-untyped-def]
        gate: Gate = self.settings["gate"]
        why = gate.refusal(request)
        if why:
            return self.get_handler_delegate(request, self.settings["refused_handler"], {"sentence": why})
        if gate.shows_token(request) and request.method == "GET":
            return self.get_handler_delegate(request, SignInHandler)
        return super().find_handler(request, **kwargs)


class SignInHandler(RequestHandler):
    """Remembers a visitor who showed the token, and takes the token out of the address bar (and so off a projector)."""

    def get(self) -> None:
        gate: Gate = self.settings["gate"]
        query = urlencode([(k, v) for k, v in parse_qsl(self.request.query, keep_blank_values=True) if k != "token"])
        self.set_cookie(gate.cookie, gate.pass_word, httponly=True, samesite="Lax", path="/")
        self.set_header("Cache-Control", "no-store")
        # Never "//host": that would lead to another server.
        self.redirect("/" + self.request.path.lstrip("/") + (f"?{query}" if query else ""))
