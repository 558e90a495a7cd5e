"""From a run's settings to its parts again, in memory or as a Python script."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from alviz import initial, learners, strategies
from alviz.loop.labels import WHAT_IF

PARTS = {"dataset": "data", "learner": "learners", "strategy": "strategies", "initial": "initial"}


def made(part: str, spec: dict[str, Any] | None) -> Any:
    """The learner, strategy or initial pool that `spec` describes. Raises ValueError where there is no description."""
    if spec is None:
        raise ValueError(f"the {part} of this run was not made by name: hand it in as {part}=…")
    create = {"learner": learners.create, "strategy": strategies.create, "initial": initial.create}[part]
    return create(spec["name"], **spec["params"])


@dataclass(frozen=True)
class Era:
    """What a branch's rounds up to `until` were made with, where its later ones are made with something else. strategy: as in a run's settings."""

    until: int
    strategy: dict[str, Any] | None
    n_queries: int


def script(config: dict[str, Any], position: int, left_out: Sequence[tuple[int, int]] = ()) -> str:
    """A Python script that makes the run with the settings `config` and steps to round `position`. Raises ValueError for nameless parts.

    left_out: (round, sample) of samples that were taken from the pool after a round.
    """
    eras = [Era(**era) for era in config.get("before", ())]
    first, *later = [*eras, Era(position, config["strategy"], config["n_queries"])]
    unnamed = [part for part in PARTS if config[part] is None] + ["strategy" for era in eras if era.strategy is None]
    if unnamed:
        raise ValueError(f"the {unnamed[0]} of this run was not made by name, so no script can make it again")
    specs = {**config, "strategy": first.strategy, "n_queries": first.n_queries}
    call = {part: _call(part, specs[part]) for part in PARTS}
    steps: list[tuple[int, str]] = []
    for era, then in zip(eras, later, strict=True):
        steps.append((era.until, f"run = run.fork(strategy={_call('strategy', then.strategy)}, n_queries={then.n_queries})"))
    steps += [
        (r, f'run.state.append([Event({r}, {sample}, "ignore", annotator={WHAT_IF!r})])  # left out from here on') for r, sample in left_out
    ]
    lines = [
        "import alviz",
        *(["from alviz.loop.labels import Event"] if left_out else []),
        "",
        f"dataset = {call['dataset']}",
        "run = alviz.Run(",
        "    dataset,",
        *(f"    {part}={call[part]}," for part in ("learner", "strategy", "initial")),
        *(f"    {key}={specs[key]!r}," for key in ("n_queries", "n_initial", "seed")),
        ")",
        *(line for r, step in sorted(steps, key=itemgetter(0)) for line in (f"run.goto({r})", step)),
        f"run.goto({position})",
        'print(run.to_frame()[["round", "strategy", "n_labelled", "accuracy"]])',
    ]
    return "\n".join(lines) + "\n"


def _call(part: str, spec: Any) -> str:
    return f"alviz.{PARTS[part]}.create({_arguments(spec)})"


def _arguments(spec: dict[str, Any]) -> str:
    return ", ".join([repr(spec["name"]), *(f"{key}={value!r}" for key, value in spec["params"].items())])
