"""The papers that a run rests on: those of its query strategies, data, learner and initial pool."""

from collections.abc import Mapping
from typing import Any

from alviz import data, initial, learners, strategies
from alviz.data import extractors
from alviz.registry import spec_of

REGISTRIES: dict[str, Any] = {
    "strategy": strategies.registry,
    "dataset": data.registry,
    "learner": learners.registry,
    "initial": initial.registry,
}
"""The parts of a run, in the order in which they are cited."""


def cited(part: str, name: str, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys (`alviz.citations`) of the papers behind a part of a run, with those of what it is made of: its base, and the network or extractor it names.

    part: one of REGISTRIES. name, params: as its registry takes them. Nothing for a name that the registry does not know (own data, a plug-in that is
    not installed).
    """
    registry = REGISTRIES[part]
    name = registry.aliases.get(name, name)
    if name not in registry.available():
        return ()
    asked = {key: parameter.default for key, parameter in registry.parameters(name).items()} | dict(params)
    base = asked.get("base")
    inner = {"name": base, "params": {}} if isinstance(base, str) else spec_of(base)
    keys = [*registry.card(name).cites, *(cited(part, **inner) if inner else ())]
    for network in (str(asked.get(key)).partition(":")[0] for key in ("network", "extractor")):
        keys += extractors.card(network).cites if network in extractors.available() else ()
    return tuple(keys)
