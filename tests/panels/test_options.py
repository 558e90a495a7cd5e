"""The parameters of strategies as controls: made from the signature, kept in the config, the address and the run."""

from typing import Literal

import pytest

from alviz import learners
from alviz.checks import whole
from alviz.panels import options
from alviz.panels.address import Address
from alviz.panels.explore import Explore
from alviz.panels.options import OptionFields
from alviz.panels.workbench import Workbench
from alviz.registry import Card
from alviz.strategies import QueryStrategy, create, registry
from alviz.strategies.base import StrategyName

MARGIN = StrategyName("margin")


class Knobs(QueryStrategy):
    card = Card(title="t", idea="i", options={"size": "How <many>.", "share": "How much."})
    needs = ()

    def __init__(
        self,
        size: int = 3,
        share: float = 0.5,
        cap: int | None = None,
        mode: Literal["soft", "hard"] = "soft",
        flag: bool = False,
        base: StrategyName = MARGIN,
    ):
        self.size = whole("knobs: size", size, 1)
        self.made_with = (size, share, cap, mode, flag, base)

    def select(self, pool, n_queries, rng):
        return create("random").select(pool, n_queries, rng)


@pytest.fixture
def page():
    registry.add("knobs", Knobs, Knobs.card)
    page = Explore(Workbench(dataset="moons", n_queries=5, budget=20, strategy="knobs"))
    yield page
    page.workbench.wait(60)
    registry._entries.pop("knobs")


def test_every_parameter_has_its_control(page):
    fields = page.settings.options["strategy"].fields
    assert list(fields) == ["size", "share", "cap", "mode", "flag", "base"]
    assert [field.kind for field in fields.values()] == ["number", "number", "number", "menu", "switch", "menu"]
    assert [field.value for field in fields.values()] == [3, 0.5, None, "soft", False, "margin"]
    assert fields["cap"].optional and not fields["size"].optional
    assert fields["size"].help == "How <many>."
    assert [entry["value"] for entry in fields["mode"].options] == ["soft", "hard"]
    assert {"k-center", "random"} <= {entry["value"] for entry in fields["base"].options}
    assert "knobs" not in {entry["value"] for entry in fields["base"].options}


def test_what_is_changed_reaches_the_run_and_the_address(page):
    fields = page.settings.options["strategy"].fields
    fields["size"].value, fields["share"].value, fields["cap"].value = 5.0, 2.0, 7
    fields["mode"].value, fields["flag"].value, fields["base"].value = "hard", True, "entropy"
    assert page.workbench.config["options"]["strategy"] == {
        "size": 5,
        "share": 2.0,
        "cap": 7,
        "mode": "hard",
        "flag": True,
        "base": "entropy",
    }
    page.workbench.start()
    page.workbench.wait(60)
    run = page.workbench.view.track.run
    assert run.strategy.made_with == (5, 2.0, 7, "hard", True, "entropy")
    assert run.config()["strategy"]["params"]["size"] == 5
    share = page.url.share
    assert share["strategy.size"] == "5" and share["strategy.mode"] == "hard"
    address = Address(share)
    assert options.options_of(page.workbench.config, address) == page.workbench.config["options"] and address.wrong == []
    fields["cap"].value = None
    assert "cap" not in page.workbench.config["options"]["strategy"]


def test_what_the_strategy_refuses_is_said_and_taken_back(page):
    field = page.settings.options["strategy"].fields["size"]
    field.value = 0
    assert field.note == "knobs: size must be a whole number ≥ 1, got 0" and field.value == 3
    assert page.workbench.config.get("options", {}) == {}
    field.value = 4
    assert field.note == "" and page.workbench.config["options"] == {"strategy": {"size": 4}}


def test_another_strategy_has_other_controls_and_forgets_the_options(page):
    page.settings.options["strategy"].fields["size"].value = 4
    page.settings.fields["strategy"].value = "margin"
    assert page.workbench.config["options"] == {} and page.settings.options["strategy"].fields == {}
    assert page.settings.options["strategy"].widget.layout.display == "none"
    page.settings.fields["strategy"].value = "k-center"
    assert list(page.settings.options["strategy"].fields) == ["pca"] and page.settings.options["strategy"].fields["pca"].value is None


def test_an_address_that_makes_no_sense_is_left_out(page):
    page.url.query = {"strategy": "k-center", "strategy.pca": "many", "strategy.size": "3"}
    page.url.query = {"strategy": "k-center", "strategy.pca": "8"}
    assert page.workbench.config["options"] == {"strategy": {"pca": 8}}
    page.url.query = {"strategy": "k-center", "strategy.pca": "-1", "strategy.size": "3"}
    assert page.workbench.config["options"] == {}
    assert "strategy.pca=-1, strategy.size=3" in page.workbench.notice


def test_a_learner_has_options_too(page):
    page.settings.fields["learner"].value = "mlp"
    fields = page.settings.options["learner"].fields
    assert {"hidden", "dropout", "optimizer", "lr"} <= set(fields) and fields["optimizer"].kind == "menu"
    serves = {entry["value"] for entry in page.settings.fields["strategy"].options if not entry["disabled"]}
    assert "bald" not in serves
    fields["dropout"].value = 0.3
    fields["hidden"].value = 16
    assert "bald" in {entry["value"] for entry in page.settings.fields["strategy"].options if not entry["disabled"]}
    page.workbench.start()
    page.workbench.wait(60)
    run = page.workbench.view.track.run
    assert run.config()["learner"] == {"name": "mlp", "params": {"dropout": 0.3, "hidden": 16}}
    share = page.url.share
    assert share["learner.dropout"] == "0.3"
    page.settings.fields["learner"].value = "linear-svm"
    assert page.workbench.config["options"].get("learner", {}) == {} and "learner.dropout" not in page.url.share
    page.url.query = {**share, "strategy": "bald"}
    config = page.workbench.config
    assert (config["learner"], config["strategy"], config["options"]["learner"]) == ("mlp", "bald", {"dropout": 0.3, "hidden": 16})


def test_learners_of_pictures_are_greyed_out_on_the_plane(page):
    entries = {entry["value"]: entry for entry in page.settings.fields["learner"].options}
    assert entries["lenet"]["disabled"] and entries["lenet"]["why"] == "needs images" and not entries["mlp"]["disabled"]
    page.settings.fields["dataset"].value = "fashion-mini"
    page.settings.fields["learner"].value = "lenet"
    page.settings.fields["dataset"].value = "moons"
    assert page.workbench.config["learner"] == "linear-svm" and "lenet takes pictures" in page.workbench.notice


def test_many_options_are_folded_away(page):
    page.settings.fields["learner"].value = "mlp"
    button, box = page.settings.options["learner"].widget.children
    assert box.layout.display == "none" and button.description == "▸ Settings of mlp"
    button.click()
    assert box.layout.display is None and button.description == "▾ Settings of mlp"
    button.click()
    assert box.layout.display == "none"
    page.settings.fields["learner"].value = "knn"
    assert list(page.settings.options["learner"].widget.children) == [page.settings.options["learner"].box]
    assert page.settings.options["learner"].box.layout.display is None


def test_words_are_typed_and_nothing_is_the_default() -> None:
    workbench = Workbench(learner="transfer")
    fields = OptionFields(workbench, "learner")
    fields.show()
    base, weights = fields.fields["base"], fields.fields["weights"]
    assert (base.kind, base.value, weights.value) == ("text", "linear-svm", "")
    base.value = "logistics"
    assert "did you mean 'logistic'" in base.note
    assert base.value == "linear-svm" and "options" not in workbench.config
    base.value = "logistic"
    weights.value = "/some/where"
    assert workbench.config["options"]["learner"] == {"base": "logistic", "weights": "/some/where"}
    weights.value = ""
    assert workbench.config["options"]["learner"] == {"base": "logistic"}


def test_the_settings_of_networks_have_menus() -> None:
    for name, menus in {"lenet": {"optimizer", "schedule", "augment"}, "resnet18": {"stem", "optimizer", "schedule", "augment"}}.items():
        fields = OptionFields(Workbench(learner=name), "learner")
        fields.show()
        assert {key for key, field in fields.fields.items() if field.kind == "menu"} == menus


def test_an_empty_field_says_what_empty_means() -> None:
    lenet, forest = OptionFields(Workbench(learner="lenet"), "learner"), OptionFields(Workbench(learner="forest"), "learner")
    lenet.show()
    forest.show()
    assert lenet.fields["early_stop"].placeholder == "never" and lenet.fields["epochs"].placeholder == ""
    assert [entry["label"] for entry in forest.fields["class_weight"].options] == ["all alike", "balanced"]
    assert forest.fields["class_weight"].value == ""
    assert options.without("A place; None: where the library that names the network keeps its downloads.") == "automatic"


def test_none_where_it_is_not_the_default_survives_the_address() -> None:
    workbench = Workbench(strategy="bait")
    fields = OptionFields(workbench, "strategy")
    fields.show()
    fields.fields["cap"].value = None
    assert workbench.config["options"] == {"strategy": {"cap": None}}
    address = Address(options.in_address(workbench.config["options"]))
    found, wrong = options.options_of(workbench.config, address), address.wrong
    assert (found, wrong) == ({"strategy": {"cap": None}}, [])


def test_the_settings_of_papers_are_a_menu_that_fills_the_fields() -> None:
    workbench = Workbench(learner="fine-tune")
    fields = OptionFields(workbench, "learner")
    workbench.observe(lambda _: fields.show(), ["config"])
    fields.show()
    menu = fields.published
    assert menu is not None and menu.value == "" and fields.box.children[0] is menu
    menu.value = "aggarwal-2021"
    assert (fields.fields["epochs"].value, fields.fields["optimizer"].value, fields.fields["lr"].value) == (80, "sgd", 0.01)
    made = learners.create("fine-tune", **workbench.config["options"]["learner"])
    assert made.recipe == learners.create("aggarwal-2021").recipe  # type: ignore[attr-defined]
    fields.fields["epochs"].value = 5
    assert menu.value == ""
    workbench.config = {**workbench.config, "learner": "lenet", "options": {}}
    assert fields.published is None and all(field.kind != "menu" or field.label != "as in a paper" for field in fields.box.children)


def test_papers_that_agree_stay_as_they_were_chosen() -> None:
    workbench = Workbench(learner="resnet18")
    fields = OptionFields(workbench, "learner")
    workbench.observe(lambda _: fields.show(), ["config"])
    fields.show()
    assert fields.published is not None
    fields.published.value = "zhan-2022-svhn"
    assert fields.published.value == "zhan-2022-svhn"


def test_every_setting_of_every_learner_is_explained() -> None:
    unexplained = {name: set(learners.registry.parameters(name)) - set(learners.card(name).options) for name in learners.available()}
    assert not any(unexplained.values()), unexplained
