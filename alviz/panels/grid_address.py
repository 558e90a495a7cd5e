"""A grid of runs in a page's address: names with commas between, or what `grid.parse` takes as JSON where names are not enough."""

import json
from collections.abc import Mapping
from typing import Any

from alviz.panels.address import LONGEST, Address, Reader
from alviz.panels.comparing import FIRST
from alviz.panels.grid_settings import USUAL
from alviz.panels.source import OWN
from alviz.studies.grid import FIELDS, parse

NUMBERS = ("n_queries", "n_initial", "rounds", "seeds")
SINGLE = ("n_initial", "rounds", "seeds", "name")
"""What is one thing where there is no comma."""

MOST_CELLS = 10_000
"""Runs of a grid that an address may ask for."""

GAP = "The grid is too long for a link: send it as text (All of it as text)."
OWN_DATA = "Your own data do not come with a link: whoever opens this one gets the grid without them."


def grid_of(address: Address) -> dict[str, Any]:
    """The grid in a page's address, as `grid.parse` takes it; {} where there is none, or one that cannot be."""
    found = address.read({name: _reader(name) for name in FIELDS})
    asked = {**USUAL, **FIRST, **found}
    try:
        if len(parse(asked)) <= MOST_CELLS:
            return asked if found else {}
    except (ValueError, ImportError):
        pass
    for name in found:
        address.refuse(name)
    return {}


def grid_told(spec: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """(the grid as an address says it, what it cannot say, as a sentence or "")."""
    usual = {**USUAL, "name": "", **FIRST}
    plain = {name: value for name, value in spec.items() if name in FIELDS}
    datasets = [entry for entry in spec.get("datasets", []) if not _own(entry)] if isinstance(spec.get("datasets"), list) else []
    own = bool(plain.pop("datasets", [])) and len(datasets) < len(spec["datasets"])
    plain |= {"datasets": datasets} if datasets else {}
    if (seeds := plain.get("seeds")) == list(range(len(seeds) if isinstance(seeds, list) else 0)):
        plain["seeds"] = len(seeds)
    said = {name: _text(name, value) for name, value in plain.items() if value != usual.get(name)}
    if sum(map(len, said.values())) > LONGEST:
        return {}, GAP
    return said, OWN_DATA if own else ""


def _own(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("name") in OWN


def _text(name: str, value: Any) -> str:
    plain = value if isinstance(value, list) else [value]
    if not all(isinstance(one, int) or (isinstance(one, str) and one and not set(one) & set(',[{"')) for one in plain) and value != "":
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return ",".join(map(str, plain)) + ("," if name in SINGLE and isinstance(value, list) and len(value) == 1 else "")


def _reader(name: str) -> Reader:
    def one(text: str) -> Any:
        return int(text) if name in NUMBERS else text

    def read(text: str) -> Any:
        if len(text) > LONGEST:
            raise ValueError(text)
        if text[:1] in ("[", "{", '"'):
            try:
                value = json.loads(text)
            except RecursionError as error:
                raise ValueError(text) from error
        elif name in SINGLE and "," not in text:
            value = one(text)
        else:
            value = [one(part) for part in text.removesuffix(",").split(",")]
        if name == "datasets" and any(map(_own, value if isinstance(value, list) else ())):
            raise ValueError(text)  # an address that comes from others opens no files
        return value

    return read
