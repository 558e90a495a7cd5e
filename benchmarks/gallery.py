"""The failure gallery, measured: every claim of every case over 20 seeds on the pool that the page shows, and over 20 others with a new pool for each.

python benchmarks/gallery.py [--write]    a minute or two of one core; --write puts the result into docs/gallery.md
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import interval, over_processes, table
from numpy.typing import NDArray

from alviz.studies.gallery import CASES, SEEDS, Case, Claim, case

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "gallery.md"
UNSEEN = range(SEEDS.stop, 2 * SEEDS.stop)
"""Seeds that no setting of a case was chosen by."""
HEAD = ["Claim", "unit", "wanted", "the page's pool", "seeds", "new pools", "seeds", "holds"]


def measured(task: tuple[str, bool]) -> NDArray[np.float64]:
    """(S, C) differences of a case. task: the case's name, and whether unseen seeds count, each with a pool of its own."""
    name, unseen = task
    return case(name).differences(UNSEEN if unseen else SEEDS, new_pools=unseen)


def row(claim: Claim, page: NDArray[np.float64], new: NDArray[np.float64]) -> list[str]:
    """What the seeds say to a claim."""
    cells = [claim.sentence, claim.unit, f"> {claim.above:g}"]
    holds = []
    for differences in (page, new):
        cells += [interval(differences).signed(), f"{100 * (differences > claim.above).mean():.0f} %"]
        holds.append(interval(differences).low > claim.above)
    return [*cells, "yes" if all(holds) else "on the page's pool" if holds[0] else "no"]


def section(case: Case, page: NDArray[np.float64], new: NDArray[np.float64]) -> str:
    """A case as Markdown."""
    params = "".join(f", {key} {value:g}" for key, value in case.params.items())
    setting = f"`{case.dataset}`{params} · {case.learner} · {' against '.join(case.strategies)} · {case.n_queries} labels in round 0 and in each of {case.steps} rounds"
    rows = [row(claim, page[:, k], new[:, k]) for k, claim in enumerate(case.claims)]
    return f"## {case.title}\n\n{case.reason}\n\n{setting}\n\n`alviz app`, then `/{case.address}`\n\n{table(HEAD, rows)}"


def report(results: Sequence[tuple[Case, NDArray[np.float64], NDArray[np.float64]]]) -> str:
    """The whole document."""
    intro = f"""# The failure gallery

Cases in which active learning goes wrong in a way that can be seen. Each opens on the Toy page with its settings; press Start and Run there. Written by

```
python benchmarks/gallery.py --write
```

Every claim is measured over {len(SEEDS)} seeds, whose runs are paired: both strategies start from the same labels. The numbers are mean differences with Student's 95 % interval; a claim holds
where the whole interval lies above what is wanted. “Seeds” is the share of them that would have said so alone. On “the page's pool” (seeds {SEEDS[0]} to {SEEDS[-1]}) only the start differs from seed to
seed; with “new pools” (seeds {UNSEEN[0]} to {UNSEEN[-1]}, by which no setting was chosen) the pool and its test set are drawn anew as well, so that nothing hangs on one drawing.

The run that an address opens has a seed near the mean of the twenty, in which all claims hold: one picture, and no evidence."""
    return "\n\n".join([intro, *(section(*result) for result in results)]) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the result into docs/gallery.md")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    args = parser.parse_args(arguments)
    tasks = [(case.name, unseen) for case in CASES for unseen in (False, True)]
    found = over_processes(measured, tasks, args.jobs, "gallery")
    text = report([(case, found[2 * k], found[2 * k + 1]) for k, case in enumerate(CASES)])
    print(text)
    if args.write:
        DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
