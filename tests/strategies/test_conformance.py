"""Every registered strategy passes the public conformance suite, with its defaults and with every choice of its options."""

import typing

import numpy as np
import pytest

from alviz.strategies import QueryStrategy, available, card, create, readable_needs, registry
from alviz.strategies.needs import WORDS
from alviz.strategies.pool import SIGNALS
from alviz.testing import check_strategy, check_strategy_property, random_arrays, random_scene, selected

EXPECTED = [
    "active-dpp",
    "adversarial-bim",
    "alamp",
    "alamp-div",
    "alfa-mix",
    "badge",
    "bait",
    "bald",
    "batch-bald",
    "bgadl",
    "boss-oracle",
    "cal",
    "ccal",
    "cds-bal",
    "ceal",
    "clue",
    "cluster-margin",
    "cmcs-margin",
    "cmcs-random",
    "committee-kl",
    "core-gcn",
    "dcom",
    "deepfool",
    "density-weighted",
    "disc-al",
    "diverse-mini-batch",
    "dmcs-margin",
    "dmcs-random",
    "drop-query",
    "egl",
    "ensemble-entropy",
    "ensemble-least-confidence",
    "ensemble-margin",
    "entropy",
    "entropy-dropout",
    "epig",
    "expected-error-reduction",
    "exploit-explore",
    "falcun",
    "gaal",
    "galaxy",
    "grad-norm",
    "k-center",
    "kmeans",
    "kmeans-pp",
    "lcmd",
    "least-confidence",
    "least-confidence-dropout",
    "lpl",
    "margin",
    "margin-div",
    "margin-dropout",
    "max-herding",
    "mean-std",
    "power-bald",
    "probcover",
    "random",
    "random-div",
    "seals",
    "similar",
    "tcm",
    "typiclust",
    "umcs-margin",
    "umcs-random",
    "uncertainty-herding",
    "vaal",
    "variation-ratio",
    "vote-entropy",
    "waal",
]
ADAPTED = "skactiveml:"
NAMES = [name for name in available() if not name.startswith(ADAPTED)]
QUICK = {
    "adversarial-bim": {"steps": 10},
    "bgadl": {"epochs": 2},
    "ccal": {"epochs": 1},
    "core-gcn": {"epochs": 10},
    "disc-al": {"steps": 20},
    "gaal": {"epochs": 1, "steps": 4},
    "vaal": {"steps": 4},
}
"""Settings under which strategies that train at every query do so briefly: the suite asks for nearly a hundred queries of each, and nothing that it
checks depends on how long they train. test_defaults asks them as they are."""


def made(name, **options):
    """The strategy, trained briefly."""
    return create(name, **{**QUICK.get(name, {}), **options})


def choices(hint):
    """The values that a menu would offer for an annotation."""
    if typing.get_origin(hint) is typing.Literal:
        return list(typing.get_args(hint))
    if hint is bool:
        return [False, True]
    return [value for part in typing.get_args(hint) if part is not type(None) for value in choices(part)]


def variants():
    """(name, {option: value}) for every choice that is not the default."""
    for name in NAMES:
        parameters = registry.parameters(name)
        hints = typing.get_type_hints(registry.factory(name).__init__) if parameters else {}
        for key, parameter in parameters.items():
            for value in choices(hints.get(key)):
                if value != parameter.default:
                    yield pytest.param(name, {key: value}, id=f"{name}-{key}-{value}")


def test_all_are_there():
    assert set(EXPECTED) <= set(NAMES)
    aliases = [registry.resolve(alias) for alias in ("coreset", "cmcs", "umcs", "dmcs")]
    assert aliases == ["k-center", "cmcs-random", "umcs-random", "dmcs-random"]


@pytest.mark.parametrize("name", NAMES)
def test_conformance(name):
    assert create(name).name == name
    check_strategy(lambda: made(name))


@pytest.mark.parametrize("name", QUICK)
def test_defaults(name):
    scene = random_scene(random_arrays(), 12)
    picks = [selected(create(name), scene, 10).indices for _ in range(2)]
    assert np.array_equal(*picks)


@pytest.mark.parametrize(("name", "options"), list(variants()))
def test_conformance_of_options(name, options):
    check_strategy(lambda: made(name, **options))


def numeric():
    """(name, parameter, values that are none for it)."""
    for name in NAMES:
        parameters = registry.parameters(name)
        hints = typing.get_type_hints(registry.factory(name).__init__) if parameters else {}
        for key in parameters:
            kinds = {hints[key], *typing.get_args(hints[key])}
            if float in kinds:
                yield pytest.param(name, key, (float("nan"), float("inf"), 1e308, 10**400, -1.0, True, "1", [1.0]), id=f"{name}-{key}")
            elif int in kinds:
                yield pytest.param(name, key, (0.5, -1, True, "1", [1]), id=f"{name}-{key}")


@pytest.mark.parametrize(("name", "key", "values"), list(numeric()))
def test_wrong_numbers_are_refused(name, key, values):
    for value in values:
        with pytest.raises(ValueError, match=rf"^{name}: {key} must be .*, got "):
            create(name, **{key: value})


@pytest.mark.parametrize("name", NAMES)
def test_any_pool(name):
    check_strategy_property(lambda: made(name), max_examples=15)


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_is_the_card(name):
    shown = card(name)
    text = type(create(name)).__doc__
    for part in (shown.title, shown.idea, shown.formula, shown.cost, shown.reference, shown.fails, *shown.options.values()):
        assert part in text


def test_words():
    assert set(WORDS) == set(SIGNALS)
    assert readable_needs(create("random")) == "nothing"
    assert readable_needs(create("bald")) == "a committee of models or stochastic passes (MC dropout)"
    with pytest.raises(ValueError, match="did you mean 'margin'"):
        create("margn")


def test_only_named_strategies_are_registered():
    assert QueryStrategy not in {registry.factory(name) for name in available()}
