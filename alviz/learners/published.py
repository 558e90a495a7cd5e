"""How papers on active learning trained their networks: settings of our learners, by name, each with its place in the paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from alviz.learners.base import Learner, registry


@dataclass(frozen=True)
class Preset:
    """A paper's settings of one of our learners; `learners.create` takes its name as it takes the learner's.

    paper: the reference. places: where each setting stands in it, or what it rests on instead. Settings that are not named keep our defaults.
    """

    learner: str
    settings: Mapping[str, Any]
    paper: str
    places: Mapping[str, str]


def _preset(learner: str, paper: str, **settings: tuple[Any, str]) -> Preset:
    values = {name: value for name, (value, _) in settings.items()}
    places = {name: place for name, (_, place) in settings.items()}
    return Preset(learner, MappingProxyType(values), paper, MappingProxyType(places))


_LOW = "Aggarwal, Popescu and Hudelot, Optimizing active learning for low annotation budgets (2021)"
_MINORITY = "Aggarwal, Popescu and Hudelot, Minority class oriented active learning for imbalanced datasets (2020)"
_POOLS = "Chandra, Desai, Devaguptapu and Balasubramanian, On initial pools for deep active learning (2020)"
_SURVEY = "Zhan, Wang, Huang, Xiong, Dou and Chan, A comparative survey of deep active learning (2022)"


def _fine_tuned_2021(learner: str) -> Preset:
    where = "section 5.1, scheme FT"
    return _preset(
        learner,
        _LOW,
        network=("resnet18", f"{where}: ResNet-18, pretrained on ILSVRC"),
        epochs=(80, where),
        optimizer=("sgd", f"{where}: stochastic gradient descent with Nesterov momentum of 0.9"),
        lr=(0.01, where),
        schedule=("plateau", f"{where}: a tenth when the train error rate plateaus; here the training loss is watched"),
        patience=(10, where),
        weight_decay=(1e-3, where),
        batch_size=(32, "not said; that of the same authors' paper of 2020"),
    )


def _fine_tuned_2020(learner: str) -> Preset:
    where = "section V"
    return _preset(
        learner,
        _MINORITY,
        network=("resnet18", f"{where}: ResNet-18 trained over ILSVRC"),
        epochs=(60, where),
        batch_size=(32, where),
        optimizer=("sgd", f"{where}: stochastic gradient descent; its momentum is not said, ours is 0.9"),
        lr=(0.01, where),
        schedule=("plateau", f"{where}: decay of 0.1 if the loss plateaus"),
        patience=(10, where),
        weight_decay=(0.0, "not said"),
    )


def _chandra(weight_decay: float) -> Preset:
    where = "section 4"
    return _preset(
        "resnet18",
        _POOLS,
        stem=("3x3", f"{where} says 18-layer ResNet; the stem for small pictures is our choice"),
        optimizer=("adam", where),
        lr=(5e-4, where),
        weight_decay=(weight_decay, f"{where}: 5e-4 on CIFAR-10, 0 on CIFAR-100"),
        augment=("shift+flip", f"{where}: horizontal flips with p = 0.5; we shift too"),
    )


def _zhan(stem: str, epochs: int, augment: str, how: str) -> Preset:
    where = "section 3.1, implementation details"
    return _preset(
        "resnet18",
        _SURVEY,
        stem=(stem, f"{where}: kernel size of the first convolution"),
        epochs=(epochs, where),
        optimizer=("adam", where),
        lr=(1e-3, where),
        augment=(augment, f"{where}: {how}"),
        batch_size=(128, "not said; that of the authors' code DeepAL+ (parameters.py)"),
    )


_SMALL = "normalization only"
_CIFAR = "random crop (pad=4) and horizontal flip (p = 0.5)"

presets: Mapping[str, Preset] = MappingProxyType(
    {
        "aggarwal-2021": _fine_tuned_2021("fine-tune"),
        "aggarwal-2021-imbalanced": _fine_tuned_2021("fine-tune-thresholded"),
        "aggarwal-2020": _fine_tuned_2020("fine-tune-thresholded"),
        "aggarwal-2020-unthresholded": _fine_tuned_2020("fine-tune"),
        "chandra-2020-cifar10": _chandra(5e-4),
        "chandra-2020-cifar100": _chandra(0.0),
        "zhan-2022-mnist": _zhan("7x7", 20, "none", f"{_SMALL}; MNIST, FashionMNIST and EMNIST"),
        "zhan-2022-svhn": _zhan("7x7", 20, "none", _SMALL),
        "zhan-2022-cifar": _zhan("3x3", 30, "shift+flip", f"{_CIFAR}; CIFAR-10 and CIFAR-100"),
        "zhan-2022-tiny-imagenet": _zhan(
            "3x3", 40, "shift+flip", "rotation by up to 20 degrees and horizontal flip (p = 0.5); we shift instead"
        ),
    }
)
"""Name (first author, year, data where it matters) -> settings."""


def create(name: str, **params: Any) -> Learner:
    """A learner by its name or by that of a paper's settings, which `params` go before. Raises ValueError as `learners.create` does."""
    preset = presets.get(name) if isinstance(name, str) else None
    return registry.create(name, **params) if preset is None else registry.create(preset.learner, **{**preset.settings, **params})
