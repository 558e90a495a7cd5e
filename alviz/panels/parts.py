"""The parts of a run that a page's settings name: learner, strategy and initial pool, each with its options, and the strategy's rivals."""

from typing import Any

from alviz import initial, learners, strategies

REGISTRIES: dict[str, Any] = {"learner": learners, "strategy": strategies, "initial": initial}
"""In a page's address an option of a part stands as "part.name"."""

RIVAL = "rival."
"""The options of a rival stand at this and its name."""


def made(part: str, config: dict[str, Any]) -> Any:
    """The learner, strategy or initial pool of a config. Raises ValueError where its options make no sense."""
    return REGISTRIES[part].create(config[part], **config.get("options", {}).get(part, {}))


def part_of(place: str) -> str:
    """Of which part the options are that stand at `place` of a config's options."""
    return "strategy" if place.startswith(RIVAL) else place


def named(place: str, config: dict[str, Any]) -> str:
    """The name whose options stand at `place`; "" where the config has none there."""
    if not place.startswith(RIVAL):
        return str(config[place])
    return next((name for name in config["rivals"] if RIVAL + name == place), "")


def kept_options(before: dict[str, Any], after: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of `before` for what `after` still names."""
    return {place: chosen for place, chosen in before.get("options", {}).items() if named(place, before) == named(place, after)}


def made_rivals(config: dict[str, Any]) -> list[Any]:
    """The rivals of a config. Raises ValueError where they are no duel (see `rivals_of`) or their options make no sense."""
    return [strategies.create(name, **config.get("options", {}).get(RIVAL + name, {})) for name in rivals_of(config)]


MAX_RIVALS = 3
"""Further strategies that may run in step with the one chosen."""


def rivals_of(config: dict[str, Any]) -> list[str]:
    """The further strategies of a config. Raises ValueError where they are no duel: more than three, or one twice."""
    names = [config["strategy"], *config["rivals"]]
    if len(names) > MAX_RIVALS + 1:
        raise ValueError(f"at most {MAX_RIVALS} rivals can run in step with {names[0]}, not {len(names) - 1}")
    if len(set(names)) < len(names):
        raise ValueError(f"a strategy cannot be its own rival: {', '.join(names)} names one of them twice")
    return names[1:]


def rivals_in_store(first: dict[str, Any], others: list[dict[str, Any]]) -> list[str]:
    """The strategies of further stored runs, as rivals of the first. Raises ValueError where they were not made for one duel."""
    same = [
        {key: config.get(key) for key in ("dataset", "learner", "initial", "n_queries", "n_initial", "seed")} for config in (first, *others)
    ]
    names = [(config.get("strategy") or {}).get("name") for config in (first, *others)]
    if any(settings != same[0] for settings in same) or (others and None in names):
        raise ValueError("the runs in the address are no duel: they differ in more than their strategy")
    return rivals_of({"strategy": names[0], "rivals": names[1:]})
