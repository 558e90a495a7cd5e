"""The papers, re-run: a grid per table or figure, the paper's claims beside what the grid says, and a verdict on each.

    python benchmarks/papers.py [NAME …] [--store URL] [--workers N] [--write]

benchmarks/papers/NAME.toml is a grid, as `alviz compare` takes it; benchmarks/papers/claims/NAME.toml says what the paper claims about it. A grid that was
begun goes on where it stopped; --write puts its section and its figures into docs/.
"""

import argparse
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import DOCUMENT, Interval, interval, table, verdict, write_section
from numpy.typing import NDArray

from alviz.app.comparing import drive, whole
from alviz.figures.curves import SHARES
from alviz.report.views import VIEWS, Question
from alviz.studies import Store
from alviz.studies.findings import settings_of, usual_arms
from alviz.studies.grid import Comparison, read
from alviz.studies.statistics import Curves, labels_saved, mean_gains, per_run, win_tie_loss

Floats = NDArray[np.float64]

GRIDS = Path(__file__).resolve().parent / "papers"
FIGURES = DOCUMENT.parent / "figures"
VERDICTS = ("reproduced", "same ordering, not decided", "close, not decided", "not reproduced", "contradicted")


@dataclass(frozen=True)
class Claim:
    """`better` does better than `than` (where smaller is better: is smaller).

    says: the paper's words, made short. paper: its numbers, where it has any. measure: a key of MEASURES. settings: which settings count, by a part
    of their names; all: "". round: of "labels". within: the claim is that the two differ by no more than this.
    """

    says: str
    better: str
    than: str
    paper: str = ""
    metric: str = "accuracy"
    measure: str = "mean"
    settings: str = ""
    round: int = 0
    within: float = 0.0


@dataclass(frozen=True)
class Section:
    """What a paper says about a grid. paper, here: what it found, and how the grid departs from it. arms: the axis that is compared ("": the grid's usual one).
    reference: the arm that gains are measured against. metrics: in the table. wins: whether wins, ties and losses are in it. figures: what Question and a view
    take.
    """

    paper: str
    here: str
    claims: tuple[Claim, ...]
    figures: tuple[Mapping[str, str], ...] = ()
    arms: str = ""
    reference: str = "random"
    metrics: tuple[str, ...] = ("accuracy",)
    wins: bool = False


def section_of(name: str) -> Section:
    """What stands in benchmarks/papers/claims/NAME.toml."""
    given = tomllib.loads((GRIDS / "claims" / f"{name}.toml").read_text(encoding="utf-8"))
    claims = tuple(Claim(**claim) for claim in given.pop("claims"))
    for claim in claims:
        if claim.measure not in MEASURES:
            raise ValueError(f"{name}: measure must be one of {', '.join(MEASURES)}, got {claim.measure!r}")
    lists = {key: tuple(given.pop(key)) for key in ("figures", "metrics") if key in given}
    return Section(claims=claims, **lists, **given)


# ---- by how much an arm is better than another, seed by seed ----


def _gap(curves: Curves, claim: Claim) -> Floats:
    """(S, R)."""
    return curves.sign * (curves.values[claim.better] - curves.values[claim.than])


def _narrowing(curves: Curves, claim: Claim) -> Floats:
    gap = _gap(curves, claim)
    tables = np.stack(list(curves.values.values()))
    gap = gap[:, np.ptp(tables, axis=0).max(axis=0) > 0]  # the round that all arms share says nothing
    half = gap.shape[1] // 2
    early: Floats = gap[:, :half].mean(axis=1) - gap[:, -half:].mean(axis=1)
    return early


def _labels(curves: Curves, claim: Claim) -> Floats:
    level = float(np.nanmean(curves.values[claim.than][:, claim.round]))
    saved = labels_saved(curves, level, claim.than)
    share: Floats = saved.per_seed[saved.arms.index(claim.better)] / curves.budgets[-1]
    return share


def _worth(curves: Curves, claim: Claim, measure: Any) -> Floats:
    worth = per_run(curves, measure)
    return curves.sign * (worth[claim.better] - worth[claim.than])


MEASURES: Mapping[str, tuple[str, Callable[[Curves, Claim], Floats]]] = {
    "mean": ("mean over the selections", lambda curves, claim: mean_gains(curves, claim.than)[claim.better]),
    "aubc": ("area under the curve", lambda curves, claim: _worth(curves, claim, "aubc")),
    "first": ("round 0", lambda curves, claim: _gap(curves, claim)[:, 0]),
    "final": ("last round", lambda curves, claim: _worth(curves, claim, "final")),
    "narrowing": ("lead in the first half of the rounds − in the second", _narrowing),
    "widening": ("lead in the second half of the rounds − in the first", lambda curves, claim: -_narrowing(curves, claim)),
    "labels": ("share of the budget saved", _labels),
}


def differences(settings: Mapping[str, Curves], claim: Claim) -> Floats:
    """(N, S) what the claim says is above 0, in each setting that counts, seed by seed. Raises ValueError where no setting counts."""
    chosen = [curves for setting, curves in settings.items() if claim.settings in setting]
    if not chosen:
        raise ValueError(f"no setting has {claim.settings!r} in its name; there are {', '.join(settings)}")
    return np.stack([MEASURES[claim.measure][1](curves, claim) for curves in chosen])


def over_seeds(values: Floats) -> Interval:
    """Of the mean over the settings (N, S): the seeds are what is drawn at random, the settings are those that they are."""
    means = values.mean(axis=0)
    return interval(means[np.isfinite(means)])


def judged(found: Interval, within: float = 0.0) -> str:
    """The verdict on a claim that `found` is above 0, or, with `within`, that it is nearly 0."""
    if not within:
        return verdict(found)
    if -within < found.low and found.high < within:
        return "reproduced"
    return "close, not decided" if abs(found.mean) < within else "not reproduced"


# ---- what is written ----


def in_points(metric: str, measure: str = "") -> bool:
    """Whether differences are said in points."""
    return metric in SHARES or measure == "labels"


def _said(found: Interval, scale: float, signed: bool) -> str:
    scaled = Interval(scale * found.mean, scale * found.half)
    if scale == 1:
        return scaled.signed(2) if signed else f"{scaled.mean:.2f} ± {scaled.half:.2f}"
    return scaled.signed(2 if scaled.half < 0.1 else 1) if signed else str(scaled)


def _means(values: Floats) -> Floats:
    """Over the last axis, of what is there; NaN where nothing is."""
    there = np.isfinite(values)
    count = there.sum(axis=-1)
    return np.where(count > 0, np.where(there, values, 0.0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def claims_table(section: Section, settings_by: Mapping[str, Mapping[str, Curves]]) -> tuple[str, list[str]]:
    """(Markdown, the verdicts). settings_by: metric -> settings."""
    rows, said = [], []
    for claim in section.claims:
        values = differences(settings_by[claim.metric], claim)
        scale = 100.0 if in_points(claim.metric, claim.measure) else 1.0
        found = over_seeds(values)
        said.append(judged(found, claim.within))
        each = " / ".join(f"{scale * v:+.{1 if scale == 100 else 2}f}" for v in _means(values)) if len(values) > 1 else ""
        unit = " (%)" if claim.measure == "labels" else ""
        arms = f"{claim.better} against {claim.than}"
        measured = f"{claim.metric.replace('_', ' ')}, {MEASURES[claim.measure][0]}{unit}"
        rows.append([claim.says, arms, measured, claim.paper, _said(found, scale, True), each, said[-1]])
    return table(["Claim", "Arms", "Measure", "Paper", "Here", "By setting", "Verdict"], rows), said


def arms_table(section: Section, settings_by: Mapping[str, Mapping[str, Curves]]) -> str:
    """A row per arm: gains against the reference in the first metric, and every metric's mean over the selections and last value."""
    first = settings_by[section.metrics[0]]
    wins = win_tie_loss(first) if section.wins else None
    rows = []
    for k, arm in enumerate(next(iter(first.values())).arms):
        row: list[object] = [arm]
        if wins is not None:
            row.append(" – ".join(str(count) for count in wins.totals()[:, k]))
        claim = Claim("", arm, section.reference, metric=section.metrics[0])
        scale = 100.0 if in_points(claim.metric) else 1.0
        row.append("" if arm == section.reference else _said(over_seeds(differences(first, claim)), scale, True))
        for metric in section.metrics:
            scale = 100.0 if in_points(metric) else 1.0
            tables = np.stack([curves.values[arm] for curves in settings_by[metric].values()])
            row += [_said(over_seeds(values), scale, False) for values in (_means(tables[:, :, 1:]), tables[:, :, -1])]
        rows.append(row)
    heads = [head for metric in section.metrics for head in (f"{metric.replace('_', ' ')}, mean", f"{metric.replace('_', ' ')}, last")]
    return table(["Arm", *(["win – tie – loss"] if wins is not None else []), f"Gain over {section.reference}", *heads], rows)


def report(name: str, section: Section, grid: Comparison, store: Store, figures: Sequence[tuple[Path, str]] = ()) -> tuple[str, list[str]]:
    """(the section: what the paper found, the command, the tables, the figures with their readings; the verdicts)."""
    found = whole(grid, store)
    arms = section.arms or usual_arms(grid)
    metrics = dict.fromkeys([*section.metrics, *(claim.metric for claim in section.claims)])
    settings_by = {metric: settings_of(grid, found, metric, arms) for metric in metrics}
    settings = settings_by[section.metrics[0]]
    said_table, said = claims_table(section, settings_by)
    over = f"; by setting: {'; '.join(settings)}" if len(settings) > 1 else ""
    counts = ", ".join(f"{said.count(kind)} {kind}" for kind in VERDICTS if kind in said)
    missing = len(grid) - int((found["round"] == grid.rounds).sum())
    labels = f"{next(iter(settings.values())).budgets[0]:,} to {max(int(curves.budgets[-1]) for curves in settings.values()):,} labels"
    parts = [
        f"**The paper.** {section.paper.strip()}",
        f"**Here.** {section.here.strip()}",
        f"```\npython benchmarks/papers.py {name} --write\n```",
        f"{len(grid):,} runs of {len(grid.seeds)} seeds, {labels}{f'; {missing:,} runs are not finished' if missing else ''}. Mean ± 95 % interval"
        f"{', means over the settings' if len(settings) > 1 else ''}; shares in per cent, their differences in points.",
        arms_table(section, settings_by),
        f"What the paper says, and what these seeds say{over}:",
        said_table,
        f"Verdicts: {counts}.",
        *(f"![{reading}]({path.relative_to(DOCUMENT.parent).as_posix()})\n\n*{reading}*" for path, reading in figures),
    ]
    return "\n\n".join(parts), said


def summary(said: Mapping[str, Sequence[str]]) -> str:
    """A row per grid: how many claims have which verdict. said: grid -> verdicts."""
    rows = [[name, len(verdicts), *(verdicts.count(kind) or "" for kind in VERDICTS)] for name, verdicts in said.items()]
    together = [verdict for verdicts in said.values() for verdict in verdicts]
    rows.append(["all", len(together), *(together.count(kind) for kind in VERDICTS)])
    return table(["Grid", "claims", *VERDICTS], rows)


def drawn(name: str, section: Section, grid: Comparison, store: Store) -> list[tuple[Path, str]]:
    """(file, reading) of the section's figures, drawn anew."""
    from svg import draw, drawing_board

    found = whole(grid, store)
    views = {view.name: view for view in VIEWS}
    arms = section.arms or usual_arms(grid)
    made = []
    with drawing_board() as page:
        for k, asked in enumerate(section.figures, start=1):
            metric = asked.get("metric", section.metrics[0])
            settings = settings_of(grid, found, metric, arms)
            setting = next(setting for setting in settings if asked.get("setting", "") in setting)
            question = Question(grid, store, found, metric, arms, section.reference, setting)
            drawing = views[asked["view"]](question)
            path = FIGURES / f"{name}-{k}.svg"
            draw(page, drawing, path)
            one_of_several = len(settings) > 1 and not views[asked["view"]].everywhere
            made.append((path, f"{setting}: {drawing.reading}" if one_of_several else drawing.reading))
    return made


def names() -> list[str]:
    """Of all grids."""
    return sorted(path.stem for path in GRIDS.glob("*.toml"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    from rich.console import Console

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"grids, all when left out: {', '.join(names())}")
    parser.add_argument("--store", help="the database (an SQLAlchemy URL); by default the user's own")
    parser.add_argument("--workers", type=int, help="processes; one per core when left out")
    parser.add_argument("--write", action="store_true", help="put sections and figures into docs/")
    args = parser.parse_args(arguments)
    unknown = [name for name in args.names if name not in names()]
    if unknown:
        parser.error(f"there is no grid {unknown[0]!r}; there are {', '.join(names())}")
    store = Store(args.store)
    verdicts = {}
    for name in args.names or names():
        section, grid = section_of(name), read(GRIDS / f"{name}.toml")
        drive(grid, store, Console(highlight=False), workers=args.workers)
        text, verdicts[name] = report(name, section, grid, store, drawn(name, section, grid, store) if args.write else ())
        print(text)
        if args.write:
            write_section(name, text)
    if not args.names:
        print(summary(verdicts))
        if args.write:
            write_section("summary", summary(verdicts))


if __name__ == "__main__":
    main()
