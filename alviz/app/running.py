"""`alviz run`: one run from the command line, round by round, kept in the store."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from alviz import data, initial, learners, strategies
from alviz.checks import whole
from alviz.loop import Run
from alviz.loop.curves import aubc, learning_curve
from alviz.loop.round import Round
from alviz.studies.protocols import PROTOCOLS, Protocol, protocol

REGISTRIES: dict[str, Any] = {"dataset": data, "learner": learners, "strategy": strategies, "initial": initial}
USUAL = Protocol("", "", "", ("margin",), n_initial=50, n_queries=50, rounds=10)


def parameters(settings: list[str]) -> dict[str, dict[str, Any]]:
    """{"learner": {"dropout": 0.3}} from ["learner.dropout=0.3"]. Raises ValueError for anything else."""
    found: dict[str, dict[str, Any]] = {}
    for setting in settings:
        where, equals, value = setting.partition("=")
        part, dot, key = where.partition(".")
        if not (equals and dot and key) or part not in REGISTRIES:
            raise ValueError(f"--set takes part.name=value with part one of {', '.join(REGISTRIES)}, got {setting!r}")
        try:
            found.setdefault(part, {})[key] = json.loads(value)
        except ValueError:
            found.setdefault(part, {})[key] = value
    return found


def begun(
    preset: str, chosen: Mapping[str, str | None], numbers: Mapping[str, int | None], settings: list[str], store: Any, console: Console
) -> tuple[Run, int]:
    """(the run after round 0, how many more rounds it is to have). Raises ValueError for settings that cannot work."""
    plan = protocol(preset) if preset else USUAL
    usual = {"dataset": plan.dataset, "imbalance": plan.imbalance, "learner": plan.learner, "strategy": plan.strategies[0]}
    names = {**usual, "initial": "random"} | {part: name for part, name in chosen.items() if name}
    rounds = plan.rounds if numbers["rounds"] is None else whole("--rounds", numbers["rounds"], 0)
    given = parameters(settings)
    same = names["learner"] == plan.learner
    given["learner"] = {**(plan.params.get("learner", {}) if same else {}), **given.get("learner", {})}
    wanted = {part: REGISTRIES[part].create(names[part], **given.get(part, {})) for part in ("learner", "strategy", "initial")}
    with bar(console) as watch:
        task = watch.add_task(f"loading {names['dataset']}", total=1.0)
        dataset = data.create(
            str(names["dataset"]),
            imbalance=names["imbalance"],
            progress=lambda share: watch.update(task, completed=share),
            **given.get("dataset", {}),
        )
        first, each = plan.sizes(len(dataset))
        first = whole("--n-initial", first if numbers["n_initial"] is None else numbers["n_initial"], 1, len(dataset))
        each = whole("--n-queries", each if numbers["n_queries"] is None else numbers["n_queries"], 1)
        watch.update(task, description="round 0", completed=0.0)
        run = Run(
            dataset,
            **wanted,
            n_queries=each,
            n_initial=first,
            seed=numbers["seed"] or 0,
            store=store,
            name=f"{preset}: {names['strategy']}" if preset else "",
            on_phase=lambda phase: watch.update(task, description=f"round 0: {phase}"),
            progress=lambda share: watch.update(task, completed=share),
        )
    return run, rounds


def bar(console: Console) -> Progress:
    """A bar that is gone when the work is done."""
    return Progress(TextColumn("{task.description}"), BarColumn(), console=console, transient=True, disable=not console.is_terminal)


def drive(run: Run, rounds: int, console: Console) -> None:
    """Step until there are `rounds` rounds or the pool is used up; a line for each as it is done."""
    console.print("".join(f"{heading:>{width}}" for heading, width in WIDTHS.items()), style="bold")
    console.print(line(run.rounds[0]))
    while run.position < rounds and len(run.state.candidates):
        with bar(console) as watch:
            number = run.position + 1
            task = watch.add_task(f"round {number}", total=1.0)

            def phase(name: str, number: int = number, task: Any = task, watch: Progress = watch) -> None:
                watch.update(task, description=f"round {number}: {name}")

            def progress(share: float, task: Any = task, watch: Progress = watch) -> None:
                watch.update(task, completed=share)

            run.step(on_phase=phase, progress=progress)
        console.print(line(run.rounds[-1]))


WIDTHS = {"round": 6, "labels": 9, "accuracy": 10, "balanced": 10, "AP": 8, "ir": 7, "seconds": 9}
"""AP: average precision of the rarest class of the pool."""


def line(finished: Round) -> str:
    """One round as a row."""
    values = finished.metrics
    return "".join(
        [
            f"{finished.index:>6}",
            f"{finished.n_labelled:>9,}",
            f"{values['accuracy']:>10.1%}",
            f"{values['balanced_accuracy']:>10.1%}",
            f"{share(values['average_precision']):>8}",
            f"{values['ir']:>7.2f}",
            f"{sum(finished.seconds.values()):>9.1f}",
        ]
    )


def share(value: float) -> str:
    """In per cent; a dash where there is none."""
    return "–" if np.isnan(value) else f"{value:.1%}"


def summary(run: Run) -> str:
    """What the run came to, and where to look at it."""
    area = aubc(learning_curve(run.rounds))
    text = f"{run.name}: {run.rounds[-1].metrics['accuracy']:.1%} with {run.n_labelled:,} labels"
    text += f", {area:.1%} on average over the budget." if run.position else "."
    return text + (f" Look at it: alviz app explore, then ?run={run.id} in the address." if run.id else "")


def presets() -> RenderableType:
    """The protocols, one after the other."""
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    for name, plan in PROTOCOLS.items():
        first, each = (f"{size:.0%}" if isinstance(size, float) else f"{size:,}" for size in (plan.n_initial, plan.n_queries))
        table.add_row(Text(name, style="bold not dim"), Text(plan.title, style="bold"))
        table.add_row("paper", Text(f"{plan.paper}, on {plan.ran_on}"))
        table.add_row("here", Text(f"{plan.learner} on {plan.dataset}{f', {plan.imbalance}' if plan.imbalance else ''}; {plan.departs}"))
        table.add_row("labels", Text(f"{first}, then {plan.rounds} rounds of {each}"))
        table.add_row("strategies", Text(", ".join(plan.strategies)))
        table.add_row("", "")
    usage = (
        "alviz run --preset NAME runs one with its first strategy; --strategy, --learner, --dataset and the others change what they name. "
        f"--learner also takes a network with the settings of a paper: {', '.join(learners.presets)}."
    )
    return Group(table, Text(usage, style="dim"))
