"""The experiments of the papers as settings of a run, by name."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alviz.learners.published import presets


@dataclass(frozen=True)
class Protocol:
    """How a paper runs active learning.

    title: what is tried. paper: reference and place in it. dataset, imbalance: what is run here when nothing else is asked for; ran_on: what
    the paper ran on. learner, strategies: names; params: {"learner": {…}} beside the defaults. n_initial, n_queries: labels in round 0 and in every
    round: whole numbers, or shares of the pool. rounds: after round 0. departs: what is not as in the paper.
    """

    title: str
    paper: str
    ran_on: str
    strategies: tuple[str, ...]
    learner: str = "linear-svm"
    dataset: str = "fashion-mini"
    imbalance: str | None = None
    n_initial: float = 200
    n_queries: float = 200
    rounds: int = 15
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    departs: str = ""

    def sizes(self, n: int) -> tuple[int, int]:
        """(labels in round 0, labels in every round) for a pool of n samples."""
        first, each = (round(n * size) if isinstance(size, float) else int(size) for size in (self.n_initial, self.n_queries))
        return max(first, 1), max(each, 1)


ALAMP = "Aggarwal, Popescu and Hudelot, Optimizing active learning for low annotation budgets (2021), section 5.1"
MINORITY = "Aggarwal, Popescu and Hudelot, Minority class oriented active learning for imbalanced datasets (2020), section V"
THESIS = "a thesis on deep active learning in practice"
INITIAL = "Chandra et al., On initial pools for deep active learning (2020), section 4"
SURVEY = "Zhan et al., A comparative survey of deep active learning (2022), section 3.1"
SVM = "C is 1, there it is cross-validated"
FEATURES = "the features are those of an ImageNet network on Fashion-MNIST"
IN_ALAMP = ("random", "margin", "k-center", "alamp", "alamp-div", "margin-div", "random-div")
IN_MINORITY = ("random", "margin", "k-center", "dmcs-random", "dmcs-margin", "cmcs-random", "umcs-random", "cds-bal")
IN_THESIS = ("random", "k-center", "ensemble-entropy", "variation-ratio")
IN_SURVEY = ("random", "entropy", "margin", "least-confidence", "k-center", "kmeans", "badge")
ONE_NETWORK = (
    "one network for every strategy, and the number of rounds is not stated there; "
    "the committee is --learner ensemble --set learner.base=lenet --strategy variation-ratio"
)
COST_SENSITIVE = {"learner": {"class_weight": "balanced"}}

PROTOCOLS = {
    "alamp-2021": Protocol(
        title="Small budgets, balanced classes: a linear SVM on fixed features",
        paper=ALAMP,
        ran_on="CIFAR-100, Food-101, IMN-100 with ImageNet features",
        strategies=IN_ALAMP,
        departs=f"{FEATURES}; {SVM}",
    ),
    "alamp-2021-imbalanced": Protocol(
        title="Small budgets, imbalanced classes: a cost-sensitive linear SVM on fixed features",
        paper=ALAMP,
        ran_on="CIFAR-100, Food-101 thinned to ir 0.74 and 0.79, MIT-67",
        strategies=IN_ALAMP,
        imbalance="ir=0.75",
        params=COST_SENSITIVE,
        departs=f"{FEATURES}; {SVM}; rounds end when the thinned pool is used up",
    ),
    "minority-2020": Protocol(
        title="Imbalanced classes: strategies that look for the minority, a cost-sensitive linear SVM on fixed features",
        paper=MINORITY,
        ran_on="CIFAR-100, Food-101 thinned to ir 0.74 and 0.79, MIT-67",
        strategies=IN_MINORITY,
        imbalance="ir=0.75",
        n_initial=500,
        n_queries=500,
        params=COST_SENSITIVE,
        departs=f"{FEATURES}; the thinned pool is used up before fifteen rounds; the paper's switch to fine-tuning is --learner auto-switch",
    ),
    "thesis-plane": Protocol(
        title="Two Gaussians in the plane: does a strategy look at the border or at outliers?",
        paper=f"{THESIS}, section 3.3",
        ran_on="the same",
        strategies=IN_THESIS,
        learner="ensemble",
        dataset="gaussians",
        n_initial=5,
        n_queries=5,
        rounds=3,
        departs="the overlap of the two classes is not stated there",
    ),
    "thesis-low": Protocol(
        title="A network on pictures, very few labels per round",
        paper=f"{THESIS}, section 3.4",
        ran_on="MNIST, 10 labels per round (2-class CIFAR-10: 10, CIFAR-100: 50)",
        strategies=("random", "k-center", "entropy"),
        learner="lenet",
        n_initial=10,
        n_queries=10,
        departs=ONE_NETWORK,
    ),
    "thesis-high": Protocol(
        title="A network on pictures, many labels per round",
        paper=f"{THESIS}, section 3.4",
        ran_on="MNIST, 600 labels per round (2-class CIFAR-10: 500, CIFAR-100: 2,500)",
        strategies=("random", "k-center", "entropy"),
        learner="lenet",
        n_initial=0.01,
        n_queries=0.01,
        departs=ONE_NETWORK,
    ),
    "thesis-rare": Protocol(
        title="Two classes, and one sample in twenty is of the one that matters (AP is its average precision)",
        paper=f"{THESIS}, section 4.4",
        ran_on="CIFAR-10, automobile and truck against the rest at 1:19, 50 labels per round",
        strategies=IN_THESIS,
        learner="ensemble",
        dataset="fashion-mini",
        imbalance="merge=Shirt, Coat; 1:19",
        n_initial=50,
        n_queries=50,
        departs=f"perceptrons on features instead of networks on pixels; {FEATURES}; with CIFAR-10 give --imbalance 'merge=automobile, truck; 1:19'",
    ),
    "initial-2020": Protocol(
        title="Does it matter how the first labels are chosen?",
        paper=INITIAL,
        ran_on="MNIST, CIFAR-10, CIFAR-100, Tiny ImageNet",
        strategies=("random", "margin", "entropy", "least-confidence", "k-center"),
        learner="resnet18",
        n_initial=0.05,
        n_queries=0.1,
        rounds=5,
        params={"learner": presets["chandra-2020-cifar10"].settings},
        departs="the number of rounds and epochs is not stated there; the paper flips without shifting",
    ),
    "survey-2022": Protocol(
        title="A residual network on pictures, as in the survey of seventeen methods",
        paper=SURVEY,
        ran_on="MNIST, Fashion-MNIST, EMNIST, SVHN, CIFAR-10, CIFAR-100, Tiny ImageNet",
        strategies=IN_SURVEY,
        learner="resnet18",
        n_initial=500,
        n_queries=250,
        rounds=38,
        params={"learner": presets["zhan-2022-mnist"].settings},
        departs="labels per round are those of the authors' code for the MNIST family (500, then 250 up to 10,000)",
    ),
}
"""The protocols by name. What is not at hand in a paper's data runs on the nearest that is; `--dataset` takes the real one."""


def protocol(name: str) -> Protocol:
    """The protocol of that name. Raises ValueError with the nearest names."""
    if name not in PROTOCOLS:
        near = difflib.get_close_matches(name, PROTOCOLS, n=2, cutoff=0.3) or list(PROTOCOLS)
        raise ValueError(f"unknown protocol {name!r}; did you mean {' or '.join(map(repr, near))}?")
    return PROTOCOLS[name]
