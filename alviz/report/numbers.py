"""What the runs of a setting say in numbers and sentences: its table, and who is best."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from alviz.figures.base import SPACE, number, plural
from alviz.figures.curves import in_words, value_text
from alviz.loop.metrics import SHARES, difference_text
from alviz.report.views import Question
from alviz.studies.statistics import Band, Curves, PairedTests, Saved, band, common_level, common_seeds, labels_saved, paired_tests, per_run

FEW = 5
"""Seeds below which an interval is no more than the range of the seeds."""

NOTHING = "–"


@dataclass(frozen=True)
class Value:
    """A cell of a table. best: no row has a better one."""

    text: str
    interval: str = ""
    best: bool = False


@dataclass(frozen=True)
class Standings:
    """The arms of a setting, the best AUBC first. columns: what the values of a row stand under. rows: (arm, its values)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Value, ...]], ...]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the finished runs of a setting were worth. curves: of these alone (`statistics.common_seeds`). order: the arms, the best mean AUBC first, those without a finished run last. tests: of AUBCs, of every arm against
    the reference, or of all pairs where there is none; saved: labels against the reference, at the level that all reach; None where that cannot be.
    """

    curves: Curves
    reference: str | None
    aubc: Mapping[str, Band]
    final: Mapping[str, Band]
    order: tuple[str, ...]
    tests: PairedTests | None
    saved: Saved | None

    @property
    def rival(self) -> str | None:
        """Whom the others are tested against in the table: the reference, or the best where there is none; None for a single arm."""
        return None if self.tests is None else self.reference or self.order[0]

    @property
    def few(self) -> bool:
        """Whether the intervals are no more than the range of the seeds."""
        return min(int(one.seeds) for one in self.aubc.values() if one.seeds) < FEW


def outcome(asked: Question) -> Outcome | None:
    """What came out in the setting that is asked about; None as long as no run of it is finished."""
    curves, reference = common_seeds(asked.curves), asked.reference
    aubc, final = ({arm: band(worth) for arm, worth in per_run(curves, which).items()} for which in ("aubc", "final"))
    worth = {arm: curves.sign * float(one.mean) for arm, one in aubc.items()}
    order = tuple(sorted(curves.arms, key=lambda arm: -worth[arm] if np.isfinite(worth[arm]) else np.inf))
    if not np.isfinite(worth[order[0]]):
        return None
    several = len(order) > 1
    tests = paired_tests(curves, "aubc", reference) if several else None
    saved = labels_saved(curves, common_level(curves), reference) if several and reference else None
    return Outcome(curves, reference, aubc, final, order, tests, saved)


def standings(said: Outcome) -> Standings:
    """The table of a setting: seeds, the final value, AUBC, how much better than the rival and how surely, labels saved; means with their intervals."""
    metric, rival = said.curves.metric, said.rival
    unit, points = (", %", ", points") if metric in SHARES else ("", "")
    columns = ["seeds", f"{in_words(metric)} at the end{unit}", f"AUBC{unit}"]
    if rival is not None:
        columns += [f"AUBC against {rival}{points}", "p (Holm)"]
    if said.saved is not None:
        columns += [f"labels saved to {value_text(said.saved.level, metric)}"]
    worth = [
        (values, _best({arm: said.curves.sign * float(one.mean) for arm, one in values.items()})) for values in (said.final, said.aubc)
    ]
    saved = {} if said.saved is None else {arm: _at(said.saved.saved, i) for i, arm in enumerate(said.saved.arms)}
    most = _best({said.reference or "": 0.0, **{arm: float(one.mean) for arm, one in saved.items()}})
    rows = []
    for arm in said.order:
        values = [Value(str(int(said.aubc[arm].seeds)))]
        values += [_value(found[arm], lambda x: _plain(x, metric), arm in best) for found, best in worth]
        if rival is not None:
            gain, p = (None, np.nan) if arm == rival else advantage(said, arm, rival)
            values.append(Value(NOTHING) if gain is None else _value(gain, lambda x: _signed(x, metric)))
            values.append(Value(f"{_p(p)}" if np.isfinite(p) else NOTHING))
        if said.saved is not None:
            values.append(_value(saved[arm], _whole, arm in most) if arm in saved else Value(NOTHING))
        rows.append((arm, tuple(values)))
    return Standings(tuple(columns), tuple(rows))


def advantage(said: Outcome, arm: str, other: str) -> tuple[Band, float]:
    """How much better an arm's AUBC is than another's, seed by seed, and the p-value after Holm's correction."""
    assert said.tests is not None
    pairs = said.tests.pairs
    turned = (arm, other) not in pairs
    i = pairs.index((other, arm) if turned else (arm, other))
    found = _at(said.tests.advantage, i)
    if turned:
        found = Band(-found.mean, -found.high, -found.low, found.seeds)
    return found, float(said.tests.adjusted[i])


def who_is_best(said: Outcome) -> str:
    """Who is best in a setting, by how much, and how surely: one to three sentences of plain text."""
    metric, best = said.curves.metric, said.order[0]
    worth = said.aubc[best]
    verb = "is best with" if said.tests is not None else "has"
    text = f"{_so_far(said)}{best} {verb} {value_text(float(worth.mean), metric)} {in_words(metric)} on average over the budget"
    text += _told(worth, lambda x: _plain(x, metric))
    rival = said.reference if said.reference not in (None, best) else next(iter(said.order[1:]), None)
    gain, p = (None, np.nan) if rival is None else advantage(said, best, rival)
    if rival is None or gain is None or not np.isfinite(gain.mean):
        return text + "."
    better = f"{difference_text(float(gain.mean), metric)} better than {rival}{_told(gain, lambda x: _signed(x, metric), p)}."
    if said.reference == best:
        return f"{text}. No other is better than this reference: it is {better}"
    text += f", {better}"
    if said.saved is not None and rival == said.reference:
        saved = _at(said.saved.saved, said.saved.arms.index(best))
        if np.isfinite(saved.mean):
            count = round(float(saved.mean))
            saves = f"saves {plural(count, 'label')} against" if count >= 0 else f"needs {plural(-count, 'label')} more than"
            text += f" To reach {value_text(said.saved.level, metric)} it {saves} {rival}{_told(saved, _whole)}."
    if said.reference is not None and said.tests is not None and len(said.tests.pairs) > 1:
        sure, others = int(said.tests.significant().sum()), len(said.tests.pairs)
        text += f" {'All' if sure == others else sure or 'None'} of the {others} others differ{'s' if sure == 1 else ''} significantly from {rival}."
    return text


def _so_far(said: Outcome) -> str:
    """Over which seeds it is said, where some are missing."""
    done = np.array([np.isfinite(table).any(axis=1) for table in said.curves.values.values()])
    done = done[done.any(axis=1)]
    if done.all():
        return ""
    if (done == done[0]).all():
        return f"With {done[0].sum()} of {plural(len(said.curves.seeds), 'seed')} finished so far: "
    return "With no seed finished by all so far: "


def winners(outcomes: Mapping[str, Outcome]) -> str:
    """In how many settings each arm is best."""
    counts = Counter(said.order[0] for said in outcomes.values()).most_common()
    if len(counts) == 1:
        return f"{counts[0][0]} is best on average over the budget in all {len(outcomes)} settings."
    return f"Best on average over the budget in {plural(len(outcomes), 'setting')}: {', '.join(f'{arm} in {n}' for arm, n in counts)}."


def _at(bands: Band, i: int) -> Band:
    return Band(bands.mean[i], bands.low[i], bands.high[i], bands.seeds[i])


def _best(means: Mapping[str, float]) -> set[str]:
    """Who has the largest; nobody without a rival."""
    most = max(means.values(), key=lambda mean: mean if np.isfinite(mean) else -np.inf)
    return {arm for arm, mean in means.items() if mean == most} if len(means) > 1 else set()


def _value(one: Band, form: Callable[[float], str], best: bool = False) -> Value:
    if not np.isfinite(one.mean):
        return Value(NOTHING)
    interval = f"{form(float(one.low))} … {form(float(one.high))}" if np.isfinite(one.low) else ""
    return Value(form(float(one.mean)), interval, best)


def _told(one: Band, form: Callable[[float], str], p: float = np.nan) -> str:
    """An interval and a p-value in brackets, or nothing."""
    named = f"95{SPACE}% interval" if one.seeds >= FEW else f"range over {plural(int(one.seeds), 'seed')}"
    parts = [f"{named} {form(float(one.low))} … {form(float(one.high))}"] if np.isfinite(one.low) else []
    if np.isfinite(p):
        parts.append(f"p{SPACE}{'' if p < 0.001 else f'={SPACE}'}{_p(p)} after Holm’s correction")
    return f" ({'; '.join(parts)})" if parts else ""


def _p(p: float) -> str:
    return f"<{SPACE}0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _plain(value: float, metric: str) -> str:
    return f"{100 * value:.1f}" if metric in SHARES else number(value)


def _signed(value: float, metric: str) -> str:
    text = f"{abs(100 * value):.1f}" if metric in SHARES else f"{abs(value):.3f}"
    return text if float(text) == 0 else f"{'+' if value > 0 else '−'}{text}"


def _whole(count: float) -> str:
    whole = round(count)
    return f"{'+' if whole > 0 else '−' if whole < 0 else ''}{abs(whole):,}"
