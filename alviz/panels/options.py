"""The parameters of the chosen query strategy as fields, made from its signature and explained by its card."""

from typing import Any, Literal, get_args, get_origin, get_type_hints

import ipywidgets as widgets

from alviz import strategies
from alviz.panels.field import Field, option
from alviz.panels.workbench import Workbench
from alviz.strategies.base import StrategyName

PREFIX = "strategy."
"""Before an option's name in a page's address."""

_AUTOMATIC = "automatic"


class OptionFields:
    """A field per parameter of the strategy in `workbench.config`; what is changed lands in `config["options"]`, the rest stays at its default."""

    def __init__(self, workbench: Workbench):
        self.workbench = workbench
        self.fields: dict[str, Field] = {}
        self.widget = widgets.VBox(layout={"display": "none"})
        self.widget.add_class("alviz-options")
        self._strategy = ""
        self._filling = False

    def show(self) -> None:
        """Bring the fields in line with the config."""
        name, chosen = self.workbench.config["strategy"], self.workbench.config.get("options", {})
        self._filling = True
        try:
            if name != self._strategy:
                self._strategy = name
                self.fields = {key: field_of(name, key) for key in kinds(name)}
                for key, field in self.fields.items():
                    field.observe(lambda change, key=key: self._set(key, change["new"]), ["value"])
                self.widget.children = list(self.fields.values())
                self.widget.layout.display = None if self.fields else "none"
            for key, field in self.fields.items():
                value = chosen.get(key, default(name, key))
                field.value = shown(value) if field.kind == "menu" else value
        finally:
            self._filling = False

    def _set(self, key: str, value: Any) -> None:
        if self._filling:
            return
        name, options = self.workbench.config["strategy"], dict(self.workbench.config.get("options", {}))
        options[key] = meant(name, key, value)
        if options[key] == default(name, key):
            del options[key]
        try:
            strategies.create(name, **options)
        except ValueError as error:
            self.fields[key].note = str(error)
            self.show()
            return
        self.fields[key].note = ""
        self.workbench.config = {**self.workbench.config, "options": options}


def kinds(name: str) -> dict[str, tuple[Any, bool]]:
    """The parameters of strategy `name` as (type or tuple of choices, whether None is a value)."""
    factory: Any = strategies.registry.factory(name)
    parameters = strategies.registry.parameters(name)
    hints = get_type_hints(factory.__init__) if parameters else {}
    found = {}
    for key in parameters:
        alternatives = get_args(hints[key]) if get_origin(hints[key]) is not Literal else ()
        wanted = [kind for kind in alternatives if kind is not type(None)] or [hints[key]]
        choices: tuple[Any, ...] = tuple(choice for kind in wanted if get_origin(kind) is Literal for choice in get_args(kind))
        found[key] = (choices or (float if float in wanted else wanted[0]), type(None) in alternatives)
    return found


def field_of(name: str, key: str) -> Field:
    """The control for one parameter."""
    kind, optional = kinds(name)[key]
    text = strategies.card(name).options.get(key, "")
    label = key.replace("_", " ")
    if kind is bool:
        return Field(kind="switch", label=label, help=text)
    if kind is StrategyName:
        kind = tuple(other for other in strategies.available() if other != name)
    if isinstance(kind, tuple):
        entries = [option(shown(choice)) for choice in kind]
        return Field(kind="menu", label=label, help=text, options=[option(_AUTOMATIC), *entries] if optional else entries)
    small = 1 if kind is int else 0.01
    return Field(kind="number", label=label, help=text, minimum=-1e9, maximum=1e9, step=small, optional=optional)


def default(name: str, key: str) -> Any:
    """The value of a parameter that nobody has set."""
    return strategies.registry.parameters(name)[key].default


def shown(value: Any) -> str:
    """A choice as an entry of a menu."""
    return _AUTOMATIC if value is None else str(value)


def meant(name: str, key: str, value: Any) -> Any:
    """The parameter's value for what a field, or a page's address, says. Raises ValueError where it says nothing of the kind."""
    kind, optional = kinds(name)[key]
    if optional and value in (None, "", _AUTOMATIC):
        return None
    if isinstance(kind, tuple):
        return next((choice for choice in kind if str(choice) == str(value)), value)
    if kind is bool:
        return value if isinstance(value, bool) else {"True": True, "False": False}.get(value, value)
    if kind is StrategyName:
        return value
    whole = float(value)
    return int(whole) if whole.is_integer() and (kind is int or isinstance(default(name, key), int)) else whole


def options_of(name: str, query: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """(the options of strategy `name` in a page's address, what of it makes no sense)."""
    found: dict[str, Any] = {}
    wrong = []
    for key, text in query.items():
        if not key.startswith(PREFIX):
            continue
        try:
            tried = {**found, key.removeprefix(PREFIX): meant(name, key.removeprefix(PREFIX), text)}
            strategies.create(name, **tried)
            found = tried
        except (ValueError, KeyError):
            wrong.append(f"{key}={text}")
    return found, wrong
