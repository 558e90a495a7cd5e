"""Settings of the papers."""

import subprocess
import sys

import pytest

from alviz import learners
from alviz.learners import presets
from alviz.learners.resnet import ResNet18
from alviz.registry import spec_of


@pytest.mark.parametrize("name", presets)
def test_presets_make_learners_and_every_setting_has_its_place(name):
    preset = presets[name]
    settings = {key: value for key, value in preset.settings.items() if key != "network"}
    learner = learners.create(preset.learner, **settings)
    assert preset.places.keys() == preset.settings.keys() and all(preset.places.values())
    recipe = {key: value for key, value in settings.items() if key in learner.recipe}
    assert {key: learner.recipe[key] for key in recipe} == recipe
    assert "(20" in preset.paper


def test_the_papers_values():
    low, minority, survey = presets["aggarwal-2021"].settings, presets["aggarwal-2020"].settings, presets["zhan-2022-cifar"].settings
    assert (low["epochs"], low["lr"], low["weight_decay"], low["patience"]) == (80, 0.01, 0.001, 10)
    assert (minority["epochs"], minority["batch_size"], minority["lr"]) == (60, 32, 0.01)
    assert (survey["stem"], survey["epochs"], survey["lr"]) == ("3x3", 30, 0.001)
    assert presets["zhan-2022-mnist"].settings["stem"] == presets["zhan-2022-svhn"].settings["stem"] == "7x7"
    assert presets["zhan-2022-tiny-imagenet"].settings["epochs"] == 40
    assert [presets[f"chandra-2020-{data}"].settings["weight_decay"] for data in ("cifar10", "cifar100")] == [5e-4, 0]


def test_a_preset_is_taken_by_its_name_wherever_a_learner_is():
    named = learners.create("zhan-2022-cifar", epochs=2)
    assert isinstance(named, ResNet18) and named.stem == "3x3" and named.recipe["augment"] == "shift+flip" and named.recipe["epochs"] == 2
    again = learners.create(**{"name": (spec := spec_of(named))["name"], **spec["params"]})
    assert again.recipe == named.recipe and again.stem == named.stem
    assert learners.as_learner("aggarwal-2020").recipe["epochs"] == 60
    with pytest.raises(ValueError, match="learner 'resnet18' has no parameter 'bogus'"):
        learners.create("zhan-2022-cifar", bogus=1)
    with pytest.raises(ValueError, match="unknown learner"):
        learners.create(["zhan-2022-cifar"])


def test_presets_need_no_torch():
    program = "import sys, alviz\nalviz.learners.presets['zhan-2022-mnist']\nprint('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "False"
