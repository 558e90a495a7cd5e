"""Class imbalance on the pages: offered, typed, refused, and in the address."""

import pytest

from alviz.panels.explore import Explore
from alviz.panels.imbalance import IMBALANCES, OWN, ImbalanceFields, is_rule
from alviz.panels.initial import InitialPools
from alviz.panels.pool_settings import PoolSettings
from alviz.panels.settings import Settings
from alviz.panels.starts import Starts
from alviz.panels.workbench import Workbench


def shown(fields: ImbalanceFields) -> bool:
    return fields.widget.children[1].layout.display is None


def test_what_is_offered_can_be_read():
    assert all(is_rule(entry["value"]) for entry in IMBALANCES)
    assert is_rule("merge=Bag, Coat; 1:19") and not is_rule("rubbish") and not is_rule("ir=2;")


@pytest.mark.parametrize("make", [lambda: Settings(Workbench()), lambda: PoolSettings(Starts())])
def test_a_rule_is_typed(make):
    settings = make()
    fields, bench = settings.imbalance, settings.imbalance.workbench
    assert fields.menu.value == "none" and not shown(fields)
    fields.menu.value = OWN
    assert shown(fields) and bench.config["imbalance"] == "none"
    fields.rule.value = " only=Bag, Coat; 1:19 "
    bench.wait(60)
    assert bench.config["imbalance"] == "only=Bag, Coat; 1:19" and bench.error == ""
    assert bench.dataset.class_names == ("Bag", "Coat")
    fields.rule.value = "rubbish"
    assert "'rubbish' is no class imbalance" in bench.error and bench.config["imbalance"] == "only=Bag, Coat; 1:19"
    fields.rule.value = "only=Bag, Cot"
    bench.wait(60)
    assert "did you mean 'Coat'" in bench.error
    fields.rule.value = ""
    bench.wait(60)
    assert bench.config["imbalance"] == "none" and shown(fields) and bench.error == ""
    settings.fields["dataset"].value = "digits"
    assert fields.menu.value == "none" and not shown(fields)
    fields.menu.value = "power-law=100"
    assert bench.config["imbalance"] == "power-law=100"
    settings.fields["dataset"].value = "moons"
    assert fields.widget.layout.display == "none"
    bench.wait(60)


@pytest.mark.parametrize("page", [lambda: Explore(Workbench()), lambda: InitialPools(Starts())])
def test_rules_travel_in_the_address(page):
    first = page()
    first.settings.imbalance.menu.value = OWN
    first.settings.imbalance.rule.value = "ood=Bag"
    assert first.url.share["imbalance"] == "ood=Bag"
    second = page()
    second.url.query = {"imbalance": "ood=Bag"}
    bench = second.settings.imbalance.workbench
    assert bench.config["imbalance"] == "ood=Bag" and second.settings.imbalance.rule.value == "ood=Bag" and shown(second.settings.imbalance)
    second.url.query = {"imbalance": "<b>"}
    assert "imbalance=<b>" in bench.notice
    for one in (first, second):
        one.settings.imbalance.workbench.wait(60)


def test_a_step_is_one_round_also_among_strangers():
    bench = Workbench(imbalance="ood=Bag, Coat", n_queries=20, budget=60)
    for press in (bench.start, bench.step):
        press()
        bench.wait(60)
    assert bench.error == "" and bench.view is not None
    assert len(bench.view.rounds) == 2 and bench.view.rounds[1].n_labelled < 40
