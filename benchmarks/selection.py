"""Every query strategy against the size of the pool: seconds, peak memory, and how many times quicker than scikit-activeml's.

    python benchmarks/selection.py [--sizes small,medium,classes,quarter,large] [--only NAME …] [--timeout 1200] [--write]

Each case is a process of its own (`selection_case.py`), so that its peak memory is its own, all of it: interpreter, data, selection. The
data are clustered Gaussians in float32 with a linear model's probabilities and ten draws of it; b samples are labelled. Where
scikit-activeml has the method, it runs in the same process, on the same arrays, with the same threads, right after ours, until it has
taken THEIRS seconds or 12 GB. Figures are kept in docs/selection.json as they are measured, so that a run can be gone on with; --write turns them into docs/selection.md.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from common import table, write_section

from alviz.strategies import handbook

HERE = Path(__file__).resolve().parent
FIGURES = HERE.parent / "docs" / "selection.json"
DOCUMENT = HERE.parent / "docs" / "selection.md"

SIZES = {
    "small": (10_000, 512, 10, 100),
    "medium": (50_000, 512, 10, 1_000),
    "classes": (50_000, 512, 100, 1_000),
    "quarter": (250_000, 128, 10, 1_000),
    "large": (1_000_000, 128, 10, 1_000),
}
"""n candidates and labelled together, d dimensions, K classes, b picks. "quarter" is there for the growth of time with n."""

MEMORY = 6e9
"""Bytes that a strategy marked scalable may take at the largest size."""

THEIRS = {"small": 300, "medium": 60, "classes": 60, "large": 60}
"""Seconds after which scikit-activeml's is stopped, at the sizes where it is tried."""

WANTED = {"k-center": 20, "badge": 200, "typiclust": 10, "probcover": 10, "max-herding": 10}
"""How many times quicker than scikit-activeml's, at the small size."""


BUSY = 3.0
"""Load average above which something else has run too: such a figure is an upper bound."""

NETWORK = {"module", "predicted_loss", "critic"}
"""Needs that plain arrays cannot serve."""


def own() -> list[str]:
    """The strategies that come with alviz and can choose from plain arrays."""
    names = [name for names in handbook.families().values() for name in names if ":" not in name]
    return [name for name in names if not NETWORK.intersection(handbook.made(name).needs)]


def measured(name: str, size: str, timeout: float) -> dict[str, Any]:
    """The figures of one case: seconds, bytes, note; or why there are none. And theirs (seconds) where there is one, or theirs_problem."""
    command = [sys.executable, str(HERE / "selection_case.py"), name, *map(str, SIZES[size])]
    if size in THEIRS:
        command += ["--theirs", str(THEIRS[size])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return {"problem": f"> {timeout:.0f} s"}
    figures: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        figures |= json.loads(line)
    if done.returncode == -signal.SIGALRM:
        figures["theirs_problem"] = THEIRS[size]
    elif done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1][:120]
        figures["theirs_problem" if figures else "problem"] = "killed (memory)" if done.returncode == -9 else last
    if os.getloadavg()[0] > BUSY:
        figures["busy"] = True
    return figures


def ratio(figures: dict[str, Any]) -> str:
    """A cell: scikit-activeml's seconds for one of ours; ">" where it was stopped."""
    theirs, problem = figures.get("theirs"), figures.get("theirs_problem")
    if isinstance(problem, int):
        return f"> {problem / figures['seconds']:.0f} ×"
    return f"{theirs / figures['seconds']:.3g} ×" if theirs else problem or ""


def shown(figures: dict[str, Any] | None) -> str:
    """A cell: seconds and gigabytes."""
    if figures is None:
        return ""
    if "problem" in figures:
        return str(figures["problem"])
    seconds = figures["seconds"]
    text = f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"
    return f"{text} s, {figures['bytes'] / 1e9:.1f} GB" + ("*" if figures["note"] else "") + ("†" if figures.get("busy") else "")


def report(kept: dict[str, dict[str, Any]]) -> None:
    """The tables of docs/selection.md."""
    heads = [f"n={n:,} d={d} K={k} b={b:,}" for n, d, k, b in SIZES.values()]
    rows = []
    for name in own():
        cases = kept.get(name, {})
        scalable = handbook.made(name).scalable
        rows.append([name, "yes" if scalable else "", *(shown(cases.get(size)) for size in SIZES)])
    main = table(["strategy", "scalable", *heads], rows)
    write_section(
        "times",
        main + "\n\n\\* not every candidate was looked at; the selection says how many. † beside other work: an upper bound.",
        DOCUMENT,
    )
    rows = [[name, *(ratio(kept.get(name, {}).get(size, {})) for size in THEIRS)] for name in own()]
    heads = [head for head, size in zip(heads, SIZES, strict=True) if size in THEIRS]
    write_section("ratios", table(["strategy", *heads], [row for row in rows if any(row[1:])]), DOCUMENT)
    goals = []
    for name, wanted in WANTED.items():
        small = kept.get(name, {}).get("small", {})
        if small.get("theirs"):
            times = small["theirs"] / small["seconds"]
            verdict = "met" if times >= wanted else "not met"
            goals.append([name, f"{small['theirs']:.2f} s", f"{small['seconds']:.3f} s", f"{times:.1f} ×", f"≥ {wanted} ×", verdict])
    write_section("goals", table(["strategy", "scikit-activeml", "alviz", "ratio", "wanted", ""], goals), DOCUMENT)
    grown = []
    for name in own():
        quarter, large = kept.get(name, {}).get("quarter", {}), kept.get(name, {}).get("large", {})
        if handbook.made(name).scalable and "seconds" in quarter and "seconds" in large:
            growth = large["seconds"] / quarter["seconds"]
            within = "yes" if large["bytes"] <= MEMORY else "no"
            mark = "†" if quarter.get("busy") or large.get("busy") else ""
            grown.append([name, f"{quarter['seconds']:.2f} s", f"{large['seconds']:.2f} s", f"{growth:.1f} ×{mark}", within])
    head = ["scalable strategy", "250,000", "1,000,000", "growth (4 × is linear)", "inside 6 GB"]
    write_section("growth", table(head, grown), DOCUMENT)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--timeout", type=float, default=1_200)
    parser.add_argument("--write", action="store_true", help="write docs/selection.md from what is kept")
    parser.add_argument("--missing", action="store_true", help="only what has not been measured yet, or beside other work")
    args = parser.parse_args()
    kept: dict[str, dict[str, Any]] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for size in filter(None, args.sizes.split(",")):
        for name in args.only or own():
            if args.missing and size in kept.get(name, {}) and not kept[name][size].get("busy"):
                continue
            figures = measured(name, size, args.timeout)
            kept.setdefault(name, {})[size] = figures
            FIGURES.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
            print(f"{size:<8} {name:<28} {shown(figures):<20} {ratio(figures):<10} load {os.getloadavg()[0]:.1f}", flush=True)
    if args.write:
        report(kept)


if __name__ == "__main__":
    main()
