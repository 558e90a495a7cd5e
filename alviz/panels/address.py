"""Address: what a page's address says, read name by name, and what makes no sense in it; and settings as an address says them."""

from collections.abc import Callable, Container, Mapping
from typing import Any

from alviz.figures.base import shorten
from alviz.panels.field import Field

Reader = Callable[[str], Any]
"""A text of the address -> what it means. Raises ValueError where it means nothing."""

LONGEST = 6000
"""Letters that any one thing should take in an address: some proxies in front of a server take 8 kB in all and no more."""

TOLD = 6
"""So much of what makes no sense is told; the rest is counted."""

LONG = 1000
"""Letters that a text from an address may have."""

LETTERS = 60
"""Letters that are told of each."""


class Address:
    """A page's address while it is read. query: name -> text. wrong: what makes no sense in it, as "name=text". words: sentences about the rest."""

    def __init__(self, query: Mapping[str, str]):
        self.query = query
        self.wrong: list[str] = []
        self.words: list[str] = []

    def read(self, readers: Mapping[str, Reader]) -> dict[str, Any]:
        """What those of the names mean that the address has; what they cannot mean is refused."""
        found = {}
        for name, reader in readers.items():
            try:
                if name in self.query:
                    found[name] = reader(self.query[name])
            except ValueError:
                self.refuse(name)
        return found

    def names(self, name: str, known: Container[str], most: int | None = None) -> list[str]:
        """The names that stand there with commas between, each once and `most` of them at most; those that are not known are refused one by one."""
        found: list[str] = []
        for one in filter(None, self.query.get(name, "").split(",")):
            if one in known and one not in found and (most is None or len(found) < most):
                found.append(one)
            else:
                self.refuse(name, one)
        return found

    def refuse(self, name: str, text: str | None = None) -> None:
        """What stands there, or `text` of it, makes no sense."""
        self.wrong.append(f"{name}={shorten(self.query[name] if text is None else text, LETTERS)}")

    def settle(self, asked: Mapping[str, Any], usable: Mapping[str, Any]) -> None:
        """Refuse what was asked for and cannot be had together with the rest."""
        for name in self.query:
            if name in asked and asked[name] != usable[name]:
                self.refuse(name)

    def say(self, sentence: str) -> None:
        """There is something to say about what makes sense."""
        self.words.append(sentence)

    @property
    def notice(self) -> str:
        """What makes no sense, as a sentence, and what else there is to say; or ""."""
        more = f" and {len(self.wrong) - TOLD} more" if len(self.wrong) > TOLD else ""
        left_out = (
            f"Left out of the address, because it is unknown here, one too many or out of range: {', '.join(self.wrong[:TOLD])}{more}."
        )
        return " ".join([*([left_out] if self.wrong else []), *dict.fromkeys(self.words)])


# ---- readers -----------------------------------------------------------------------------------------------------------------------


def fits(test: Callable[[Any], bool], make: Reader = str) -> Reader:
    """What `make` makes of a text, if it passes the test."""

    def read(text: str) -> Any:
        if test(value := make(text)):
            return value
        raise ValueError(text)

    return read


def whole(least: float, most: float) -> Reader:
    """A whole number from `least` to `most`."""
    return fits(lambda number: least <= number <= most, int)


def real(least: float, most: float) -> Reader:
    """A number from `least` to `most`."""
    return fits(lambda number: least <= number <= most, float)


def one_of(values: Container[str]) -> Reader:
    """One of these texts."""
    return fits(lambda text: text in values)


def entry_of(options: list[dict[str, Any]], *, greyed: bool = False) -> Reader:
    """An entry of a menu. greyed: one that is greyed out, too, as it may not be once everything else is read."""
    return one_of([entry["value"] for entry in options if greyed or not entry.get("disabled")])


def several(one: Reader, most: int, *, least: int = 1, between: str = ",") -> Reader:
    """`least` to `most` of what `one` reads, with `between` between them."""
    return fits(lambda found: least <= len(found) <= most, lambda text: [one(part) for part in text.split(between, most)])


def of_field(field: Field, *, greyed: bool = False) -> Reader:
    """What a control can be set to: an entry of its menu (see `entry_of`), a text, on or off, a whole number, or another one where it takes such steps."""
    if field.kind == "menu":
        return entry_of(field.options, greyed=greyed)
    if field.kind in ("text", "lines"):
        return fits(lambda text: len(text) <= LONG)
    if field.kind == "switch":
        return lambda text: one_of(("0", "1"))(text) == "1"
    return (real if field.kind == "range" or field.step % 1 else whole)(field.minimum, field.maximum)


def of_fields(fields: Mapping[str, Field], *, greyed: bool = False) -> dict[str, Reader]:
    """The same for controls by their names."""
    return {name: of_field(field, greyed=greyed) for name, field in fields.items()}


# ---- writers -----------------------------------------------------------------------------------------------------------------------


def text_of(value: Any) -> str:
    """A setting as the readers read it."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(text_of, value))
    if isinstance(value, bool):
        return str(int(value))
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def told(values: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, str]:
    """Those of the values that are not as usual, as an address says them; names that `usual` has not are left out."""
    return {name: text_of(values[name]) for name in usual if values[name] != usual[name]}
