"""A class in front of one server: how long thirty visitors wait, what they take in all, and whether each has a page of its own.

    python benchmarks/visitors.py [--visitors 30] [--write]

Serves `alviz app` with data and cache folders of its own and opens that many visitors of Explore on `fashion-mini`, each with a seed and a number of
labels of its own, over HTTP and websockets, without browsers. Ten come within a minute, the others as quickly; everybody presses Start and Step. Then ten at a
time step at once. In the end every page is compared with the same run made here, and all leave. Prints a table beside the targets; `--write`
puts it between the markers of docs/measurements.md.
"""

import argparse
import asyncio
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from common import write_section
from page import DOCUMENT, LEAVING, App, Row, report, seconds, serving
from visitor import Visitor

BETWEEN = 6.0
"""Seconds from one visitor's coming to the next one's: ten in a minute."""
GROUP = 10
TURNS = 6
"""Times that a group of visitors steps at once."""
DATASET = "fashion-mini"


def settings(k: int) -> dict[str, str]:
    """What visitor `k` has in the address; no two have the same seed."""
    return {"dataset": DATASET, "seed": str(k + 1), "n_queries": str(20 + k % 25)}


def proportional(app: App) -> float:
    """Megabytes of the server and all that it has started, shared pages divided among those who share them (Linux)."""
    import psutil

    server = psutil.Process(app.process.pid)
    total = 0
    for process in [server, *server.children(recursive=True)]:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e6


def spent(app: App) -> float:
    """Seconds of processor that the server and the kernels that are there have taken."""
    import psutil

    server = psutil.Process(app.process.pid)
    return sum(sum(process.cpu_times()[:2]) for process in [server, *server.children(recursive=True)])


def differences(visitor: Visitor, dataset: Any) -> list[str]:
    """What a visitor is shown that is not as in a run made here with the same settings."""
    from alviz import Run
    from alviz.figures.curves import value_text

    own = Run(
        dataset,
        learner="linear-svm",
        strategy="margin",
        initial="random",
        n_queries=int(visitor.settings["n_queries"]),
        seed=int(visitor.settings["seed"]),
    )
    while own.position < visitor.round():
        own.step()
    last = own.rounds[-1]
    wrong = []
    if visitor.queried() != last.queried.tolist():
        wrong.append("queries")
    if f"{last.n_labelled:,}/" not in visitor.status():
        wrong.append("status")
    told = [f"{finished.n_labelled:,} labels, accuracy {value_text(finished.metrics['accuracy'], 'accuracy')}" for finished in own.rounds]
    if [title.split(": ", 1)[1] for title in visitor.titles()] != told:
        wrong.append("accuracy")
    if not visitor.said(visitor.settings):
        wrong.append("settings")
    return wrong


async def visit(visitor: Visitor, samples: int, after: float) -> float:
    """Come after so many seconds, press Start and Step; the seconds until the page was ready."""
    await asyncio.sleep(after)
    began = time.perf_counter()
    await visitor.open()
    await visitor.pool(samples)
    ready = time.perf_counter() - began
    await visitor.start()
    await visitor.step()
    return ready


async def together(visitors: Sequence[Visitor]) -> list[float]:
    """Seconds of steps that ten visitors take at once, in every turn ten others."""
    taken: list[float] = []
    for turn in range(TURNS):
        first = turn * GROUP % len(visitors)
        some = [visitors[(first + k) % len(visitors)] for k in range(min(GROUP, len(visitors)))]
        taken += await asyncio.gather(*(visitor.step() for visitor in some))
    return taken


async def lesson(app: App, count: int) -> list[Row]:
    """All of it: they come, step, step together, are looked at, and leave."""
    from alviz import data

    dataset = data.create(DATASET)
    visitors = [Visitor(app.address, settings(k)) for k in range(count)]
    before = spent(app)
    ready = await asyncio.gather(*(visit(visitor, len(dataset), k * BETWEEN) for k, visitor in enumerate(visitors)))
    worked = (spent(app) - before) / count
    steps = await together(visitors)
    memory = proportional(app)
    kernels = app.counts()["kernels"]
    wrong = [f"visitor {k}: {', '.join(found)}" for k, visitor in enumerate(visitors) if (found := differences(visitor, dataset))]
    strange = [message for visitor in visitors for message in visitor.strange]
    shared = len(visitors) - len({visitor.voice for visitor in visitors})
    began = time.perf_counter()
    await asyncio.gather(*(visitor.leave(goodbye=k % 2 == 0) for k, visitor in enumerate(visitors)))
    await asyncio.to_thread(app.until, lambda now: now["kernels"] == now["pooled"])
    left = time.perf_counter() - began
    return [
        seconds(f"page ready, the first {min(count, GROUP)} visitors, one every {BETWEEN:.0f} s", ready[:GROUP], 5.0),
        *([seconds(f"page ready, the other {count - GROUP}", ready[GROUP:], 5.0)] if count > GROUP else []),
        Row("processor time for a visitor's coming, Start and Step", worked, "s", None, "the next warm kernel included"),
        Row(
            f"a step, {min(count, GROUP)} at once: 95th percentile",
            float(np.percentile(steps, 95)),
            "s",
            2.0,
            f"median {median(steps):.2f} s, most {max(steps):.2f} s of {len(steps)}",
        ),
        Row(f"memory of {count} visitors in all (PSS)", memory, "MB", 8000, f"the server and {kernels} kernels"),
        Row("visitors whose page differs from their own run", len(wrong), "", 0, "; ".join(wrong)),
        Row("messages of another's kernel", len(strange) + shared, "", 0, "; ".join(strange[:3])),
        Row("all have left, half of them without a word; their kernels are gone after", left, "s", LEAVING),
    ]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=30, help="how many come")
    parser.add_argument("--write", action="store_true", help="also write the table into docs/measurements.md; wants thirty visitors")
    args = parser.parse_args()
    if args.visitors < 1 or (args.write and args.visitors < 30):
        parser.error(f"--visitors: {args.visitors}; wanted at least {30 if args.write else 1}")
    load = os.getloadavg()[0]
    with serving(kernels=1) as app:
        app.until_warm()
        rows = asyncio.run(lesson(app, args.visitors))
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores; load average {load:.1f} before (1 per busy core)."
    text = f"{report(rows)}\n\n{machine}"
    print(text)
    if args.write:
        write_section("visitors", text, DOCUMENT)


if __name__ == "__main__":
    main()
