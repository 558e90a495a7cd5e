"""Download: a file handed over to the browser."""

import anywidget

from alviz.panels.theme import script


class Download(anywidget.AnyWidget):
    """An invisible widget that gives the browser a file to keep; where, and whether another one is replaced, the browser asks."""

    _esm = script("download.js")

    def give(self, name: str, content: bytes, kind: str = "application/octet-stream") -> None:
        """Offer `content` as a file called `name` of MIME type `kind`."""
        self.send({"kind": "file", "name": name, "type": kind}, [content])
