"""What a page shows, as a Python script for people who go on without it, and the papers to cite for it."""

import math
from collections.abc import Mapping, Sequence
from pprint import pformat
from typing import Any

from alviz.citations import bibtex
from alviz.loop.cited import cited as papers_of
from alviz.loop.script import script
from alviz.panels.hands_picture import painted_params
from alviz.panels.hands_state import Hands
from alviz.panels.parts import REGISTRIES, made, made_rivals
from alviz.panels.starts import settings_of
from alviz.registry import spec_of
from alviz.studies.grid import Comparison

LONG = 140
"""Letters in a line of a script."""


def run_script(config: Mapping[str, Any]) -> str:
    """The run, or the duel, that Explore's settings would start, to the end of its budget."""
    n_queries = int(config["n_queries"])
    parts = {part: spec_of(made(part, dict(config))) for part in REGISTRIES}
    numbers = {"n_queries": n_queries, "n_initial": n_queries, "seed": int(config["seed"])}
    rounds = max(math.ceil((int(config["budget"]) - n_queries) / n_queries), 0)
    settings = {"dataset": {"name": config["dataset"], "params": _params(config)}, **parts, **numbers}
    rivals = [spec_of(rival) for rival in made_rivals(dict(config))]
    return "\n".join(script({**settings, "strategy": strategy}, rounds) for strategy in (parts["strategy"], *rivals))


def duel_script(config: Mapping[str, Any]) -> str:
    """The runs side by side of the Toy page."""
    return _runs(
        _call("data.create", config["dataset"], _params(config)),
        "strategy",
        [repr(name) for name in config["strategies"] if name != "none"],
        {"learner": config["learner"], "initial": config["initial"], "n_queries": int(config["n_queries"]), "seed": int(config["seed"])},
        int(config["steps"]),
    )


def hands_script(hands: Hands) -> str:
    """What the card By hand of the Toy page shows: the model of the labels, and what the strategy asks for next."""
    made = ("mixture", hands.params) if hands.mode == "gaussians" else ("painted", painted_params(hands.painting, hands.noise))
    labelled, config = hands.picture.labelled.tolist(), hands.duel.config
    lines = [
        "",
        "# made by hand",
        "import numpy as np",
        "from alviz.studies.duels import SameStart",
        "",
        f"pool = {_call('data.create', *made)}",
        *(["run = alviz.Run(", "    pool,", f"    learner={hands.learner!r},", f"    strategy={hands.strategy!r},"] if labelled else []),
        *([f"    initial=SameStart(np.array({labelled})),", f"    n_queries={config['n_queries']},"] if labelled else []),
        *([f"    n_initial={len(labelled)},", f"    seed={config['seed']},", ")"] if labelled else []),
        *(["print(run.rounds[0].metrics['accuracy'])", "print(run.step().queried)"] if labelled else []),
    ]
    return "\n".join(lines) + "\n"


def pools_script(config: Mapping[str, Any]) -> str:
    """The runs from several initial pools of the Initial pools page, of its first seed."""
    pools = [name for name in config["pools"] if name != "none"]
    numbers = {key: int(config[key]) for key in ("n_queries", "n_initial", "seed")}
    return _runs(
        _call("data.create", config["dataset"], _params(config)),
        "initial",
        [_call("initial.create", name, settings_of(name, dict(config))) for name in pools],
        {"learner": config["learner"], "strategy": config["strategy"], **numbers},
        int(config["steps"]),
    )


def grid_script(grid: Comparison) -> str:
    """A comparison, kept where the page keeps it, and its table."""
    lines = [
        "from alviz.studies import Store",
        "from alviz.studies.compare import go_on, table",
        "from alviz.studies.grid import parse",
        "",
        f"grid = parse({pformat(grid.spec(), width=120, sort_dicts=False)})",
        "",
        'if __name__ == "__main__":  # the workers import this file',
        "    store = Store()",
        "    go_on(grid, store)",
        '    print(table(grid, store).pivot_table(index="n_labelled", columns="strategy", values="accuracy"))',
    ]
    return "\n".join(lines) + "\n"


def cited(**chosen: str | Sequence[str]) -> str:
    """The BibTeX of what is chosen by name: dataset, strategy, learner, initial, each one or several. Raises ValueError where no paper stands behind any."""
    named = [(part, name) for part, names in chosen.items() for name in ([names] if isinstance(names, str) else names)]
    keys = dict.fromkeys(key for part, name in named for key in papers_of(part, name, {}))
    if not keys:
        raise ValueError("nothing here comes from a paper")
    return bibtex(*keys)


def _params(config: Mapping[str, Any]) -> dict[str, Any]:
    imbalance = config.get("imbalance", "none")
    return {**config.get("params", {}), **({} if imbalance == "none" else {"imbalance": imbalance})}


def _runs(dataset: str, varied: str, values: list[str], same: Mapping[str, Any], steps: int) -> str:
    """Runs that differ in one part: their accuracies, round by round."""
    arguments = ", ".join(f"{key}={value!r}" for key, value in same.items())
    lines = [
        "import alviz",
        "",
        f"dataset = {dataset}",
        f"for {varied} in [{', '.join(values)}]:",
        f"    run = alviz.Run(dataset, {varied}={varied}, {arguments})",
        f"    run.goto({steps})",
        f"    print({varied if varied == 'strategy' else f'{varied}.name'}, [round(finished.metrics['accuracy'], 3) for finished in run.rounds])",
    ]
    return "\n".join(lines) + "\n"


def _call(function: str, name: str, params: Mapping[str, Any]) -> str:
    return f"alviz.{function}({', '.join([repr(name), *(f'{key}={_value(value)}' for key, value in params.items())])})"


def _value(value: Any) -> str:
    """The value as Python; long lists over several lines."""
    return repr(value) if len(repr(value)) <= LONG else pformat(value, width=LONG, compact=True)
