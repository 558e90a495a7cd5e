"""Class imbalance as text that people can type: "ir=0.75", "merge=automobile, truck; 1:19"."""

import re
from collections.abc import Callable

from alviz.data.classes import merge, only, ood
from alviz.data.dataset import Dataset
from alviz.data.imbalance import thin, thin_power, thin_ratio

THINNING: dict[str, Callable[..., Dataset]] = {"ir=": thin, "1:": thin_ratio, "power-law=": thin_power}
TASKS: dict[str, Callable[..., Dataset]] = {"only=": only, "merge=": merge, "ood=": ood}
FORMS = "none, ir=<number>, 1:<number>, power-law=<number>, only=<classes>, merge=<classes> or ood=<classes>"

_THINNING = re.compile(r"(?P<kind>ir=|1:|power-law=)(?P<value>\d+\.?\d*|\.\d+)(,seed=(?P<seed>\d+))?(?P<test>,test)?", re.IGNORECASE)
_TASK = re.compile(r"\s*(?P<kind>only|merge|ood)\s*=(?P<classes>.*)", re.IGNORECASE | re.DOTALL)


def apply(dataset: Dataset, imbalance: str | None) -> Dataset:
    """The pool changed as a text says: None or "none", or rules with ";" between them, followed from left to right.

    Thinning: "ir=0.75" (`thin`), "1:10" or "1:2:…:10" (`thin_ratio`), "power-law=100" (`thin_power`), each with ", seed=3" after it for another draw than seed 0 and
    ", test" to thin the test set too. Other tasks (`alviz.data.classes`): "only=horse, automobile", "merge=automobile, truck", "ood=frog"; a
    class is given by its name, or by "#" and its place in class_names where the name holds a comma or a semicolon. Raises ValueError for any other text.
    """
    for change in parsed(imbalance):
        dataset = change(dataset)
    return dataset


def parsed(imbalance: str | None) -> list[Callable[[Dataset], Dataset]]:
    """What the rules in a text do to a dataset, one after the other. Raises ValueError for a text that holds no rules."""
    if imbalance is None or imbalance == "none":
        return []
    if not isinstance(imbalance, str):
        raise _unreadable(imbalance)
    return [_change(rule, imbalance) for rule in imbalance.split(";")]


def _change(rule: str, whole: str) -> Callable[[Dataset], Dataset]:
    # 1:2:…:10 is how paper 004 writes 1:10.
    thinning = _THINNING.fullmatch(re.sub(r"^1:2:(…|\.\.\.):", "1:", "".join(rule.split())))
    task = _TASK.fullmatch(rule)
    if thinning is not None:
        change, value = THINNING[thinning["kind"].lower()], float(thinning["value"])
        seed, test = int(thinning["seed"] or 0), thinning["test"] is not None
        return lambda dataset: change(dataset, value, seed, test)
    if task is not None:
        choose, classes = TASKS[f"{task['kind'].lower()}="], [name for name in task["classes"].split(",") if name.strip()]
        return lambda dataset: choose(dataset, classes)
    raise _unreadable(whole)


def _unreadable(whole: object) -> ValueError:
    return ValueError(
        f"imbalance must be {FORMS}, several of them with ';' between, thinning with ', seed=<whole number>' or ', test' after it if need be; got {whole!r}"
    )
