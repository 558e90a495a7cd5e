"""The parameters of the chosen strategy, learner and initial pool as fields, made from their signatures and explained by their cards."""

import re
from typing import Any, Literal, get_args, get_origin, get_type_hints

import ipywidgets as widgets

from alviz import learners, strategies
from alviz.panels.address import Address
from alviz.panels.field import Field, option
from alviz.panels.fold import fold
from alviz.panels.parts import REGISTRIES, RIVAL, named, part_of
from alviz.panels.workbench import Workbench
from alviz.strategies.base import StrategyName

MANY = 4
"""Fields above which they are folded away at first."""

SHORT = 12
"""Letters of what None means that a field has room for."""


class OptionFields:
    """A field per parameter of a part of `workbench.config`; what is changed lands in `config["options"][part]`, the rest stays at its default.

    rival: which of the config's rivals it is for, instead of the strategy itself; what is changed then lands at "rival." and its name.
    """

    def __init__(self, workbench: Workbench, part: str, rival: int | None = None):
        self.workbench = workbench
        self.part, self.rival = part, rival
        self.fields: dict[str, Field] = {}
        self.published: Field | None = None
        self.box = widgets.VBox()
        self.box.add_class("alviz-options")
        self.widget = widgets.VBox(layout={"display": "none"})
        self._name = ""
        self._filling = False

    @property
    def name(self) -> str:
        """Whose parameters they are; "" for a rival that there is not."""
        config = self.workbench.config
        if self.rival is None:
            return str(config[self.part])
        return config["rivals"][self.rival] if self.rival < len(config["rivals"]) else ""

    @property
    def place(self) -> str:
        """Where in the config's options they stand."""
        return self.part if self.rival is None else RIVAL + self.name

    def show(self) -> None:
        """Bring the fields in line with the config."""
        part, name, chosen = self.part, self.name, self._chosen()
        self._filling = True
        try:
            if name != self._name:
                self._name = name
                self.fields = {key: field_of(part, name, key) for key in kinds(part, name)} if name else {}
                for key, field in self.fields.items():
                    field.observe(lambda change, key=key: self._set(key, change["new"]), ["value"])
                self.published = published_field(name) if part == "learner" else None
                if self.published is not None:
                    self.published.observe(lambda change: self._take(change["new"]), ["value"])
                self.box.children = [*([] if self.published is None else [self.published]), *self.fields.values()]
                self.box.layout.display = None
                folded = len(self.fields) > MANY or self.rival is not None
                self.widget.children = [fold(f"Settings of {name}", self.box), self.box] if folded else [self.box]
                self.widget.layout.display = None if self.fields else "none"
            for key, field in self.fields.items():
                value = chosen.get(key, default(part, name, key))
                field.value = shown(value) if field.kind == "menu" else "" if field.kind == "text" and value is None else value
            if self.published is not None:
                fitting = [entry for entry, settings in published(name).items() if settings == chosen]
                if self.published.value not in fitting:
                    self.published.value = next(iter(fitting), "")
        finally:
            self._filling = False

    def _take(self, entry: str) -> None:
        """Set everything as a paper has it."""
        if self._filling or not entry:
            return
        options = {**self.workbench.config.get("options", {}), self.part: published(self.name)[entry]}
        self.workbench.config = {**self.workbench.config, "options": options}

    def _chosen(self) -> dict[str, Any]:
        chosen: dict[str, Any] = self.workbench.config.get("options", {}).get(self.place, {})
        return chosen

    def _set(self, key: str, value: Any) -> None:
        if self._filling:
            return
        part, name, options = self.part, self.name, dict(self._chosen())
        options[key] = meant(part, name, key, value)
        if options[key] == default(part, name, key):
            del options[key]
        try:
            REGISTRIES[part].create(name, **options)
        except ValueError as error:
            self.fields[key].note = str(error)
            self.show()
            return
        self.fields[key].note = ""
        self.workbench.config = {**self.workbench.config, "options": {**self.workbench.config.get("options", {}), self.place: options}}


def kinds(part: str, name: str) -> dict[str, tuple[Any, bool]]:
    """The parameters that a field can show as (type or tuple of choices, whether None is a value)."""
    registry = REGISTRIES[part].registry
    parameters = registry.parameters(name)
    hints = get_type_hints(registry.factory(name).__init__) if parameters else {}
    found = {}
    for key in parameters:
        alternatives = get_args(hints[key]) if get_origin(hints[key]) is not Literal else ()
        wanted = [kind for kind in alternatives if kind is not type(None)] or [hints[key]]
        literal = [kind for kind in wanted if get_origin(kind) is Literal]
        choices: tuple[Any, ...] = tuple(choice for kind in literal for choice in get_args(kind))
        if len(literal) == len(wanted) or set(wanted) <= {int, float, bool, StrategyName}:
            found[key] = (choices or (float if float in wanted else wanted[0]), type(None) in alternatives)
        elif str in wanted:  # and perhaps what only Python can give: a path, a learner
            found[key] = (str, type(None) in alternatives)
    return found


def field_of(part: str, name: str, key: str) -> Field:
    """The control for one parameter."""
    kind, optional = kinds(part, name)[key]
    text = REGISTRIES[part].card(name).options.get(key, "")
    nothing = without(text) if optional else ""
    label = key.replace("_", " ")
    if kind is bool:
        return Field(kind="switch", label=label, help=text)
    if kind is str:
        return Field(kind="text", label=label, help=text, placeholder=nothing)
    if kind is StrategyName:
        kind = tuple(other for other in strategies.available() if other != name)
    if isinstance(kind, tuple):
        entries = [option(shown(choice)) for choice in kind]
        return Field(kind="menu", label=label, help=text, options=[option("", nothing), *entries] if optional else entries)
    small = 1 if kind is int else 0.01
    return Field(kind="number", label=label, help=text, minimum=-1e9, maximum=1e9, step=small, optional=optional, placeholder=nothing)


def without(text: str) -> str:
    """What a field says while its parameter is None, from the sentence that explains the parameter."""
    found = re.search(r"None: ([^.,;()]+)", text)
    words = found[1].strip() if found else ""
    return words if 0 < len(words) <= SHORT else "automatic"


def published(learner: str) -> dict[str, dict[str, Any]]:
    """Name -> options of the papers' settings of a learner, as far as they are not its own anyway."""
    return {
        name: {key: value for key, value in preset.settings.items() if value != default("learner", learner, key)}
        for name, preset in learners.presets.items()
        if preset.learner == learner
    }


def published_field(learner: str) -> Field | None:
    """The menu of the papers' settings of a learner; None where there are none."""
    entries = [option(name, title=learners.presets[name].paper) for name in published(learner)]
    if not entries:
        return None
    field = Field(label="as in a paper", help="Sets everything below as a paper says.", options=[option("", "my own settings"), *entries])
    field.add_class("alviz-wide")
    return field


def default(part: str, name: str, key: str) -> Any:
    """The value of a parameter that nobody has set."""
    return REGISTRIES[part].registry.parameters(name)[key].default


def shown(value: Any) -> str:
    """A choice as an entry of a menu."""
    return "" if value is None else str(value)


def meant(part: str, name: str, key: str, value: Any) -> Any:
    """The parameter's value for what a field, or a page's address, says. Raises ValueError where it says nothing of the kind."""
    kind, optional = kinds(part, name)[key]
    if optional and value in (None, "", "None"):
        return None
    if isinstance(kind, tuple):
        return next((choice for choice in kind if str(choice) == str(value)), value)
    if kind is bool:
        return value if isinstance(value, bool) else {"True": True, "False": False}.get(value, value)
    if kind in (StrategyName, str):
        return value
    whole = float(value)
    return int(whole) if whole.is_integer() and (kind is int or isinstance(default(part, name, key), int)) else whole


def in_address(options: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The options as parts of a page's address."""
    return {f"{place}.{key}": str(value) for place, chosen in options.items() for key, value in chosen.items()}


def options_of(config: dict[str, Any], address: Address) -> dict[str, dict[str, Any]]:
    """The options in a page's address, for the parts as `config` names them."""
    found: dict[str, dict[str, Any]] = {}
    for name, text in address.query.items():
        place, dot, key = name.rpartition(".")
        part = part_of(place)
        if not dot or part not in REGISTRIES:
            continue
        try:
            tried = {**found.get(place, {}), key: meant(part, named(place, config), key, text)}
            REGISTRIES[part].create(named(place, config), **tried)
            found[place] = tried
        except (ValueError, KeyError):
            address.refuse(name)
    return found
