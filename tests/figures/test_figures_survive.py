"""Every figure over every awkward run: it validates in plotly, its reading is a sentence, names are escaped, bulk data are arrays."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alviz import figures
from alviz.figures.plotlyjs import TRACES
from alviz.studies.duels import expectation, picked_when

EVIL = ("<b>A</b><script>x</script>", "%{x} & {y}", "$z$ " + "very " * 20 + "long")
GRID_X, GRID_Y = np.linspace(-4, 4, 7), np.linspace(-4, 4, 5)


def constant(finished: Any) -> Any:
    k = len(finished.class_counts)
    probabilities = np.full_like(finished.probabilities, 1 / k)
    return replace(finished, probabilities=probabilities, scores=np.zeros(len(probabilities)), recall=np.ones(k), metrics={"accuracy": 0.5})


@pytest.fixture(
    params=[
        "two",
        "ten",
        "hundred",
        "evil",
        "start",
        "no rounds",
        "no test",
        "no labels",
        "no truth",
        "one sample",
        "constant",
        "no answers",
    ]
)
def case(request, make_dataset, make_round, make_run, make_blank):
    """(dataset, rounds, labelled_in_round)."""
    kind = request.param
    if kind == "one sample":
        dataset = make_dataset(1, 1)
        return dataset, [make_round(dataset, 0, [0], [0])], np.zeros(1, dtype=np.int64)
    if kind == "no labels":
        dataset = make_dataset(40, 4)
        labelled_in_round = np.full(40, -1)
        labelled_in_round[[0, 4, 8]] = [0, 0, 1]
        first = make_round(dataset, 0, [0, 4], [0, 0])
        return dataset, [first, make_round(dataset, 1, [8], [0], before=first.class_counts)], labelled_in_round
    if kind == "no answers":
        dataset = make_dataset(40, 4, known=False)
        return dataset, [make_round(dataset, 0, [0, 4], [-1, -1]), make_round(dataset, 1, [], [])], np.full(40, -1)
    k = {"two": 2, "hundred": 100, "evil": 3, "no test": 3}.get(kind, 10)
    dataset = make_dataset(300, k, class_names=EVIL if kind == "evil" else None, known=kind != "no truth")
    rounds, labelled_in_round = make_run(make_dataset(300, k), 3, 12)
    if kind == "start":
        rounds = rounds[:1]
    if kind == "no rounds":
        rounds = []
    if kind == "no test":
        rounds = [make_blank(finished) for finished in rounds]
    if kind == "constant":
        rounds = [constant(finished) for finished in rounds]
    return dataset, rounds, labelled_in_round


def everything(dataset: Any, rounds: Any, labelled_in_round: Any) -> dict[str, Any]:
    last = rounds[-1] if rounds else None
    queried = [] if last is None else last.queried
    labelled = np.flatnonzero((labelled_in_round >= 0) & (labelled_in_round < len(rounds)))
    k = dataset.n_classes
    logits = np.random.default_rng(0).normal(size=(5, 7, k))
    field = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    colors = ("class", "prediction", "score", "round")
    maps = {f"map {c}": figures.embedding_map(dataset.features, dataset, last, labelled_in_round, color=c) for c in colors}
    plane = (dataset, labelled, queried, GRID_X, GRID_Y)
    asked = {}
    if rounds:
        course = np.stack([finished.probabilities[0] for finished in rounds])
        asked["now"] = figures.sample_probabilities(course[-1], course[-2] if len(course) > 1 else None, dataset.class_names, given=0)
        walk = figures.Walk(dataset.features, dataset, last, rounds[-2] if len(rounds) > 1 else None, labelled_in_round, "PCA")
        asked |= {f"slow {stop.phase}": figures.slow_motion(walk, stop) for stop in figures.stops(last)}
        asked["course"] = figures.prediction_history(course, dataset.class_names, len(course) - 1, picked=0)
        names, when = [EVIL[0], EVIL[2]], picked_when([rounds, rounds[:1]], len(dataset))
        random = expectation([[(r.n_labelled, r.metrics) for r in rounds]] * 2)
        asked["duel"] = figures.duel_map(dataset.features, dataset, names, when, shown=len(rounds) - 1)
        asked["duel curve"] = figures.duel_curve([(EVIL[0], rounds), (EVIL[2], rounds[:1])], random)
        asked["duel balance"] = figures.duel_balance(names, [rounds[-1], rounds[0]], dataset)
    done = np.array([[len(rounds), 1], [0, 2]])
    asked["grid"] = figures.grid_progress([EVIL[0], EVIL[2]], ["0", EVIL[1]], done, 4, done == 1, chosen=(1, 1))
    return {
        **maps,
        **asked,
        "hidden": figures.embedding_map(dataset.features, dataset, last, labelled_in_round, reveal=False),
        "curve": figures.learning_curve([(EVIL[0], rounds), (EVIL[2], rounds[:1])]),
        "no curve": figures.learning_curve([]),
        "loss": figures.learning_curve([("this run", rounds)], "log_loss"),
        "profile": figures.imbalance_profile(rounds, dataset),
        "ir": figures.imbalance_curve(rounds, dataset),
        "balance": figures.class_balance(last, dataset),
        "confusion": figures.confusion_matrix(last, dataset.class_names),
        "recall": figures.per_class_recall(last, dataset.class_names),
        "scores": figures.score_histogram(last),
        "times": figures.phase_times(rounds),
        "boundary": figures.toy_plane(*plane, field, "boundary", accuracy=0.5),
        "probability": figures.toy_plane(*plane, field, "probability"),
        "score": figures.toy_plane(*plane, np.full((5, 7), np.nan), "score", probabilities=field),
    }


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def long_lists(value: Any) -> list[int]:
    """Lengths of lists of more than 100 numbers anywhere in the figure."""
    if isinstance(value, dict):
        return [length for item in value.values() for length in long_lists(item)]
    if isinstance(value, (list, tuple)):
        own = [len(value)] if len(value) > 100 and isinstance(value[0], (int, float, np.generic)) else []
        return own + [length for item in value for length in long_lists(item)]
    return []


def test_every_figure_of_every_case(case):
    for name, drawing in everything(*case).items():
        drawing.plotly()
        assert {trace.get("type", "scatter") for trace in drawing.figure["data"]} <= set(TRACES), name
        assert not long_lists(drawing.figure), name
        assert drawing.reading.endswith("."), (name, drawing.reading)
        assert not re.search(r"\b(nan|inf)\b", drawing.reading), (name, drawing.reading)
        for text in strings(drawing.figure):
            assert "<script" not in text and "<b>A" not in text and "%{x} &" not in text and "$z$" not in text, (name, text)
        look = drawing.figure["layout"]
        assert "font" not in look and "height" not in look and look["uirevision"], name


def test_zoom_is_kept_between_rounds(make_dataset, make_run):
    dataset = make_dataset(60, 3)
    rounds, labelled_in_round = make_run(dataset, 3, 5)
    early, late = (everything(dataset, rounds[:r], labelled_in_round) for r in (2, 3))
    for name in early:
        assert early[name].figure["layout"]["uirevision"] == late[name].figure["layout"]["uirevision"], name
