"""The papers behind methods and data, as BibTeX: `references.bib`, whose keys cards name in `cites`."""

import difflib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType


@cache
def entries() -> Mapping[str, str]:
    """Every entry of references.bib, as it stands there, by its key. Read when it is first asked for."""
    text = files("alviz").joinpath("references.bib").read_text(encoding="utf-8")
    return MappingProxyType({key: entry for entry, key in re.findall(r"^(@\w+\{(\S+),$.*?^\})$", text, re.M | re.S)})


def bibtex(*keys: str) -> str:
    """The entries `keys` in this order, each once, with an empty line between them; "" for none. Raises ValueError for unknown keys, with the nearest."""
    known = entries()
    unknown = [key for key in dict.fromkeys(keys) if key not in known]
    if unknown:
        near = dict.fromkeys(other for key in unknown for other in difflib.get_close_matches(str(key), known, n=2, cutoff=0.4))
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(f"references.bib has no entry {' or '.join(map(repr, unknown))}{hint}")
    return "\n".join(f"{known[key]}\n" for key in dict.fromkeys(keys))
