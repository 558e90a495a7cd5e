"""From a run's settings to its parts again, in memory or as a Python script."""

from typing import Any

from alviz import initial, learners, strategies

PARTS = {"dataset": "data", "learner": "learners", "strategy": "strategies", "initial": "initial"}


def made(part: str, spec: dict[str, Any] | None) -> Any:
    """The learner, strategy or initial pool that `spec` describes. Raises ValueError where there is no description."""
    if spec is None:
        raise ValueError(f"the {part} of this run was not made by name: hand it in as {part}=…")
    create = {"learner": learners.create, "strategy": strategies.create, "initial": initial.create}[part]
    return create(spec["name"], **spec["params"])


def script(config: dict[str, Any], position: int) -> str:
    """A Python script that makes the run with the settings `config` and steps to round `position`. Raises ValueError for nameless parts."""
    unnamed = [part for part in PARTS if config[part] is None]
    if unnamed:
        raise ValueError(f"the {unnamed[0]} of this run was not made by name, so no script can make it again")
    call = {part: f"alviz.{module}.create({_arguments(config[part])})" for part, module in PARTS.items()}
    lines = [
        "import alviz",
        "",
        f"dataset = {call['dataset']}",
        "run = alviz.Run(",
        "    dataset,",
        *(f"    {part}={call[part]}," for part in ("learner", "strategy", "initial")),
        *(f"    {key}={config[key]!r}," for key in ("n_queries", "n_initial", "seed")),
        ")",
        f"run.goto({position})",
        "print(run.to_frame())",
    ]
    return "\n".join(lines) + "\n"


def _arguments(spec: dict[str, Any]) -> str:
    return ", ".join([repr(spec["name"]), *(f"{key}={value!r}" for key, value in spec["params"].items())])
