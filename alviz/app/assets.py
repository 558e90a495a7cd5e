"""Static files of the app: each has its content's hash in its address, so that a browser asks for it once and keeps it."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from tornado.web import HTTPError, RequestHandler

FOREVER = "private, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """One file as it is sent: its bytes, their hash, its media type."""

    plain: bytes
    digest: str
    media_type: str

    @cached_property
    def compressed(self) -> bytes | None:
        """The bytes compressed by gzip, once; None where that saves nothing."""
        text = self.media_type.startswith("text/") or self.media_type in {"application/javascript", "image/svg+xml", "application/json"}
        return gzip.compress(self.plain, 5) if text and len(self.plain) > 1000 else None


def load(path: Path) -> Asset:
    """The file at ``path``; read once, and again when it has changed."""
    stat = path.stat()
    return _load(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=512)
def _load(path: Path, mtime_ns: int, size: int) -> Asset:
    plain = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(plain, hashlib.sha256(plain).hexdigest()[:16], media_type)


class AssetHandler(RequestHandler):
    """Serves the files of some folders (the first that has the name wins). ``named`` adds single files by name.

    Addresses are kept forever by the browser, so whoever links a file puts something in the address that changes with it.
    """

    def initialize(self, folders: list[Path], named: dict[str, Path] | None = None) -> None:
        self.folders = folders
        self.named = named or {}

    def get(self, name: str) -> None:
        asset = self.asset(name)
        self.set_header("Content-Type", asset.media_type)
        self.set_header("Cache-Control", FOREVER)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Vary", "Accept-Encoding")
        self.set_header("ETag", f'"{asset.digest}"')
        if self.check_etag_header():
            self.set_status(304)
            return
        body = asset.plain
        if "gzip" in self.request.headers.get("Accept-Encoding", "") and asset.compressed:
            self.set_header("Content-Encoding", "gzip")
            body = asset.compressed
        self.finish(body)

    def head(self, name: str) -> None:
        self.get(name)

    def asset(self, name: str) -> Asset:
        """What goes by that name; HTTP 404 where nothing does."""
        return load(self._find(name))

    def _find(self, name: str) -> Path:
        if name in self.named:
            return self.named[name]
        for folder in self.folders:
            path = (folder / name).resolve()
            if path.is_relative_to(folder.resolve()) and path.is_file():
                return path
        raise HTTPError(404)

    def compute_etag(self) -> None:
        """The handler sets its own."""


class ModuleHandler(AssetHandler):
    """Serves files joined to one ES module: their names, with "+" between them."""

    def asset(self, name: str) -> Asset:
        return _joined(tuple(load(self._find(part)) for part in name.split("+")))


@lru_cache(maxsize=64)
def _joined(parts: tuple[Asset, ...]) -> Asset:
    plain = b"".join(part.plain for part in parts)
    return Asset(plain, hashlib.sha256(plain).hexdigest()[:16], parts[0].media_type)
