"""`state_hash`: one number for all that an object holds, so that a change anywhere inside shows."""

import functools
import hashlib
import random
import sys
import types
from collections.abc import Iterable
from typing import Any

import numpy as np

ATOMS = (type(None), bool, int, float, complex, str, bytes, np.generic)
NAMED = (type, types.ModuleType, types.BuiltinFunctionType)


def state_hash(thing: Any) -> str:
    """32 hex digits over everything in `thing`: equal before and after means that nothing was changed.

    Looked into: numpy arrays; torch tensors (values, device, requires_grad, gradient) and modules (parameters, buffers, hooks, the training
    flag of every submodule); random generators; scikit-learn estimators and any other object (its attributes, but for what a
    cached_property keeps); containers; functions (with what they closed over). Values count, not identities: a deep copy has the same hash.
    Nothing is pickled. What gives no access to its inside (locks, open files) counts by its type.
    """
    return _Hasher().of(thing).hex()


class _Hasher:
    def __init__(self) -> None:
        self.known: dict[int, bytes] = {}
        self.open: dict[int, int] = {}
        self.kept: list[Any] = []
        """Holds on to everything seen: an id may not be given away while hashing goes on."""

    def of(self, thing: Any) -> bytes:
        if isinstance(thing, ATOMS):
            return _digest(f"{type(thing).__qualname__}:{thing!r}".encode())
        if isinstance(thing, NAMED):
            return _digest(f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', thing.__name__)}".encode())
        key = id(thing)
        if key in self.known:
            return self.known[key]
        if key in self.open:
            return _digest(f"cycle:{len(self.open) - self.open[key]}".encode())
        self.open[key] = len(self.open)
        self.kept.append(thing)
        name = f"{type(thing).__module__}.{type(thing).__qualname__}".encode()
        result = self.known[key] = _digest(name, *self.inside(thing))
        del self.open[key]
        return result

    def inside(self, thing: Any) -> Iterable[bytes]:
        torch = sys.modules.get("torch")
        if isinstance(thing, np.ndarray):
            yield f"{thing.dtype.str}{thing.shape}".encode()
            if thing.dtype.names:  # between fields there may be gaps, with anything in them
                yield from (self.of(thing[name]) for name in thing.dtype.names)
            else:
                yield self.of(thing.tolist()) if thing.dtype.hasobject else np.ascontiguousarray(thing).tobytes()
        elif torch is not None and isinstance(thing, torch.Tensor):
            yield f"{thing.dtype}{tuple(thing.shape)}{thing.device}{thing.requires_grad}".encode()
            yield thing.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            yield self.of(thing.grad if thing.is_leaf else None)
        elif isinstance(thing, np.random.Generator):
            yield self.of(thing.bit_generator.state)
        elif isinstance(thing, np.random.RandomState):
            yield self.of(thing.get_state(legacy=False))
        elif isinstance(thing, random.Random):
            yield self.of(thing.getstate())
        elif torch is not None and isinstance(thing, torch.Generator):
            yield self.of(thing.get_state())
        elif isinstance(thing, dict | types.MappingProxyType):
            for key, value in thing.items():
                yield self.of(key) + self.of(value)
        elif isinstance(thing, set | frozenset):
            yield from sorted(self.of(each) for each in thing)
        elif isinstance(thing, list | tuple):
            yield from map(self.of, thing)
        elif isinstance(thing, types.MethodType):
            yield self.of(thing.__self__) + self.of(thing.__func__)
        elif isinstance(thing, functools.partial):
            yield self.of((thing.func, thing.args, thing.keywords))
        elif isinstance(thing, types.FunctionType):
            yield thing.__qualname__.encode() + thing.__code__.co_code
            yield self.of((thing.__defaults__, thing.__kwdefaults__, [_content(cell) for cell in thing.__closure__ or ()]))
        elif not hasattr(thing, "__dict__") and not _slots(thing):
            yield self.of(_reduced(thing))
        yield from self.attributes(thing)

    def attributes(self, thing: Any) -> Iterable[bytes]:
        for name, value in getattr(thing, "__dict__", {}).items():
            if not isinstance(getattr(type(thing), name, None), functools.cached_property):
                yield self.of(name) + self.of(value)
        for name in _slots(thing):
            if hasattr(thing, name):
                yield self.of(name) + self.of(getattr(thing, name))


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _slots(thing: Any) -> list[str]:
    named = (vars(kind).get("__slots__", ()) for kind in type(thing).__mro__ if kind.__module__ != "builtins")
    names = (name for slots in named for name in ((slots,) if isinstance(slots, str) else slots))
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _reduced(thing: Any) -> Any:
    """What the copy protocol says a compiled object is made from (trees of a forest, data types, ranges)."""
    try:
        parts = thing.__reduce_ex__(4)
    except Exception:
        return None
    return [list(part) if hasattr(part, "__next__") else part for part in parts] if isinstance(parts, tuple) else parts
