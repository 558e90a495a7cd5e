"""Named things (strategies, learners, datasets, initial pools): found by themselves, created by name, explained by a card."""

import difflib
import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Card:
    """What a person should know before choosing a method. Plain text; formulas in Unicode.

    `family` groups methods in menus and tables. `options` says what each parameter of `create` does, one sentence each. `needs` is a readable list of what the method asks for, `cost` its time and memory in n (pool), L (labelled), b (batch), d (features),
    K (classes), T (draws). `reference` names the paper with its year, `cites` the keys in references.bib of all papers it is to be cited by, the main
    one first; `deviation` says where we differ from the reference code, and why.
    """

    title: str
    idea: str
    family: str = ""
    formula: str = ""
    needs: str = ""
    cost: str = ""
    reference: str = ""
    cites: tuple[str, ...] = ()
    shines: str = ""
    fails: str = ""
    deviation: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The card as plain text, one field a paragraph (used as the class docstring)."""
        fields = [
            ("Formula", self.formula),
            ("Needs", self.needs),
            ("Cost", self.cost),
            ("Shines", self.shines),
            ("Fails", self.fails),
            ("Deviation", self.deviation),
            ("Options", "; ".join(f"{name}: {text}" for name, text in self.options.items())),
            ("Reference", self.reference),
        ]
        return "\n\n".join([f"{self.title}. {self.idea}", *(f"{name}: {value}" for name, value in fields if value)])


@dataclass(frozen=True)
class _Entry(Generic[T]):
    factory: Callable[..., T]
    card: Card


class Registry(Generic[T]):
    """The names of one kind of thing.

    Modules of `package` are imported when the first question is asked; plug-ins register through entry points whose group is the
    package's name (the entry point is a callable that takes the registry). elsewhere: beginnings of names that only a package that is not
    installed brings, with what to say about them.
    """

    def __init__(self, kind: str, package: str, aliases: Mapping[str, str] | None = None):
        self.kind = kind
        self.package = package
        self.aliases = dict(aliases or {})
        self.elsewhere: dict[str, str] = {}
        self._entries: dict[str, _Entry[T]] = {}
        self._discovered = False

    def add(self, name: str, factory: Callable[..., T], card: Card) -> None:
        """Register `factory` under `name`. Raises ValueError when the name is taken by something else."""
        known = self._entries.get(name)
        if known is not None and known.factory is not factory:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._entries[name] = _Entry(factory, card)

    def available(self) -> list[str]:
        """All names, in alphabetical order (aliases left out)."""
        self._discover()
        return sorted(self._entries)

    def create(self, name: str, **params: Any) -> T:
        """Make the thing called `name`. Raises ValueError for an unknown name (with the nearest ones) or parameter."""
        factory = self.factory(name)
        allowed = self.parameters(name)
        unknown = sorted(set(params) - set(allowed))
        if unknown:
            wanted = ", ".join(allowed) if allowed else "none"
            raise ValueError(f"{self.kind} {name!r} has no parameter {unknown[0]!r}; its parameters: {wanted}")
        missing = [key for key, parameter in allowed.items() if parameter.default is parameter.empty and key not in params]
        if missing:
            raise ValueError(f"{self.kind} {name!r} needs the parameter {missing[0]!r}")
        thing = factory(**params)
        object.__setattr__(thing, "_spec", {"name": self.resolve(name), "params": params})
        return thing

    def card(self, name: str) -> Card:
        """The card of `name`."""
        return self._entry(name).card

    def factory(self, name: str) -> Callable[..., T]:
        """The class or function that `create` calls."""
        return self._entry(name).factory

    def parameters(self, name: str) -> dict[str, inspect.Parameter]:
        """The keyword parameters that `create(name, ...)` takes."""
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        signature = inspect.signature(self.factory(name))
        return {key: parameter for key, parameter in signature.parameters.items() if parameter.kind in kinds}

    def resolve(self, name: str) -> str:
        """The registered name that `name` (a name or an alias) stands for. Raises ValueError with the nearest names."""
        self._discover()
        name_ = self.aliases.get(name, name) if isinstance(name, str) else name
        if not isinstance(name_, str) or name_ not in self._entries:
            for beginning, explanation in self.elsewhere.items():
                if str(name).startswith(beginning):
                    raise ValueError(f"unknown {self.kind} {name!r}: {explanation}")
            near = difflib.get_close_matches(str(name), [*self._entries, *self.aliases], n=3, cutoff=0.4)
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else f"; available: {', '.join(sorted(self._entries))}"
            raise ValueError(f"unknown {self.kind} {name!r}{hint}")
        return name_

    def _entry(self, name: str) -> _Entry[T]:
        return self._entries[self.resolve(name)]

    def _discover(self) -> None:
        if self._discovered:
            return
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        self._discovered = True
        for plugin in entry_points(group=self.package):
            try:
                plugin.load()(self)
            except Exception as error:  # somebody else's code: whatever it raises, the rest must stay usable
                warnings.warn(f"plug-in {plugin.name!r} of {self.package} was left out: {type(error).__name__}: {error}", stacklevel=2)


def spec_of(thing: Any) -> dict[str, Any] | None:
    """{"name": …, "params": …} from which a registry makes the same thing again, or None for one that was not created by name."""
    spec: dict[str, Any] | None = getattr(thing, "_spec", None)
    return spec
