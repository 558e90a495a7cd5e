"""The parts of a run that a page's settings name: learner, strategy and initial pool, each with its options."""

from typing import Any

from alviz import initial, learners, strategies

REGISTRIES: dict[str, Any] = {"learner": learners, "strategy": strategies, "initial": initial}
"""In a page's address an option of a part stands as "part.name"."""


def made(part: str, config: dict[str, Any]) -> Any:
    """The learner, strategy or initial pool of a config. Raises ValueError where its options make no sense."""
    return REGISTRIES[part].create(config[part], **config.get("options", {}).get(part, {}))
