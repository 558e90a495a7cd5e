"""Small things remembered between two readings of the same source: JSON files beside the cached arrays."""

import json
import os
import secrets
import warnings
from typing import Any

from alviz.data import cache


def read(kind: str, key: str) -> dict[str, Any] | None:
    """What was written last under (kind, key), or None where nothing readable is there."""
    try:
        content = json.loads((cache.folder() / kind / f"{key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write(kind: str, key: str, content: dict[str, Any]) -> None:
    """Keep `content` under (kind, key), whole or not at all; with a warning where the folder cannot be written."""
    path = cache.folder() / kind / f"{key}.json"
    part = path.with_name(f"{key}.{secrets.token_hex(6)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_text(json.dumps(content), encoding="utf-8")
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        warnings.warn(f"cannot remember {kind} in {path.parent} ({error})")
