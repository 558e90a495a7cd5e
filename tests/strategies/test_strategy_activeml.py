"""scikit-activeml's strategies under our signals: what is offered, that answers are right, and what is refused."""

import random
import subprocess
import sys

import numpy as np
import pytest

import alviz
from alviz.loop import Run
from alviz.strategies import PoolView, activeml, available, card, create, readable_needs, registry
from alviz.strategies.arrays import Arrays
from alviz.testing import check_selection, random_arrays, random_pool

skactiveml = pytest.importorskip("skactiveml.pool")

OFFERED = [name for name in available() if name.startswith("skactiveml:")]
END_TO_END = [
    "Falcun",
    "CoreSet",
    "UncertaintySampling",
    "Badge",
    "QueryByCommittee",
    "DropQuery",
    "Clue",
    "ContrastiveAL",
    "MaxHerding",
    "Quire",
]


def test_what_is_offered():
    assert [f"skactiveml:{name}" for name in sorted(activeml.SERVED) if name in skactiveml.__all__] == OFFERED
    assert len(OFFERED) >= 15
    for name in OFFERED:
        shown = card(name)
        assert shown.family == "wrapper" and shown.title and "[1]" not in shown.idea and "scikit-activeml" in shown.reference
        assert shown.idea.endswith(".") and len(shown.idea) > 40
    assert card("skactiveml:CoreSet").title == "Core Set"


def test_offering_imports_nothing():
    code = (
        "import sys; from alviz import strategies; names = strategies.available();"
        "[strategies.create(n) for n in names if n.startswith('skactiveml:')];"
        "assert any(n.startswith('skactiveml:') for n in names); assert not {'skactiveml', 'sklearn', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_needs():
    words = {
        name: readable_needs(create(f"skactiveml:{name}")) for name in ("RandomSampling", "Falcun", "Badge", "GreedyBALD", "DropQuery")
    }
    assert words["RandomSampling"] == "nothing"
    assert words["Falcun"] == "class probabilities"
    assert words["Badge"] == "embeddings (features stand in), class probabilities"
    assert words["GreedyBALD"] == "a committee of models or stochastic passes (MC dropout)"
    assert words["DropQuery"] == "features, class probabilities, predictions for changed samples"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", END_TO_END)
def test_end_to_end(name, dtype):
    strategy = create(f"skactiveml:{name}")
    arrays = random_arrays(dtype=dtype)
    pool = random_pool(arrays, 12)
    kept = {key: array.copy() for key, array in arrays.items()}
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    picks = [strategy.select(pool, 7, np.random.default_rng(seed)) for seed in (3, 3)]
    assert random.getstate() == before[0]
    assert all(np.array_equal(a, b) for a, b in zip(np.random.get_state()[1:], before[1][1:], strict=True))  # noqa: NPY002
    for selection in picks:
        check_selection(selection, pool, 7)
        assert np.isfinite(selection.scores[pool.candidates]).any()
    assert picks[0].indices.tolist() == picks[1].indices.tolist()
    assert all(np.array_equal(arrays[key], kept[key]) for key in kept)


def test_the_model_that_answers_is_ours():
    arrays = random_arrays(seed=4)
    pool = random_pool(arrays, 12)
    ours = create("least-confidence").select(pool, 30, np.random.default_rng(0))
    theirs = create("skactiveml:UncertaintySampling").select(pool, 30, np.random.default_rng(0))
    assert theirs.indices.tolist() == ours.indices.tolist()
    np.testing.assert_allclose(theirs.scores, ours.scores)
    # With the committee of alviz, disagreement is the mean divergence of the members from their mean.
    posterior = arrays["committee_posterior"][:, pool.candidates]
    mean = posterior.mean(axis=0)
    divergence = (posterior * np.log(posterior / mean)).sum(axis=2).mean(axis=0)
    committee = create("skactiveml:QueryByCommittee").select(pool, 1, np.random.default_rng(0))
    assert committee.indices[0] == pool.candidates[divergence.argmax()]


def test_labels_and_points_are_ours():
    pool = random_pool(random_arrays(seed=5), 12)
    ours = create("k-center").select(pool, 10, np.random.default_rng(0))
    theirs = create("skactiveml:CoreSet").select(pool, 10, np.random.default_rng(0))
    assert theirs.indices.tolist() == ours.indices.tolist()
    np.testing.assert_allclose(theirs.gains, ours.gains, rtol=1e-6)


def test_contrastive_neighbours_have_the_probabilities_of_the_labelled():
    # Every labelled sample is certain of class 0, so the candidate least like that diverges most.
    rng = np.random.default_rng(0)
    p = np.concatenate([np.tile([0.98, 0.01, 0.01], (6, 1)), rng.dirichlet(np.ones(3), size=20)])
    labels = np.where(np.arange(26) < 6, 0, -1)
    pick = alviz.query("skactiveml:ContrastiveAL", 1, labels=labels, features=rng.normal(size=(26, 3)), probabilities=p)
    reference = np.array([0.98, 0.01, 0.01])
    assert pick[0] == 6 + (reference * np.log(reference / p[6:])).sum(axis=1).argmax()


@pytest.mark.parametrize("name", ["Falcun", "TypiClust", "ProbabilisticAL", "ProbCover", "DiscriminativeAL", "RandomSampling"])
def test_in_a_run(name):
    runs = [Run("moons", learner="linear-svm", strategy=f"skactiveml:{name}", n_queries=4, seed=2) for _ in range(2)]
    for run in runs:
        run.run(until=16)
    queried = [np.concatenate([r.queried for r in run.rounds]).tolist() for run in runs]
    assert queried[0] == queried[1] and len(set(queried[0])) == 16


def test_larger_pools_are_cut_and_say_so():
    pool = random_pool(random_arrays(), 12)
    got = create("skactiveml:CoreSet", cap=9).select(pool, 4, np.random.default_rng(0))
    assert np.isfinite(got.scores).sum() == 9 and "9 of 30 candidates" in got.note


def test_one_class_and_other_things_it_cannot_do():
    arrays = random_arrays(n_classes=1)
    with pytest.raises(ValueError, match="'skactiveml:Falcun': scikit-activeml could not choose"):
        create("skactiveml:Falcun").select(random_pool(arrays, 5, n_classes=1), 2, np.random.default_rng(0))


class Wrong:
    """Stands in for a class of the package whose answer is `chosen`."""

    chosen = np.array([0])

    def __init__(self, random_state):
        pass

    def query(self, x, y, candidates, batch_size, return_utilities):
        return self.chosen, np.zeros((batch_size, len(x)))


@pytest.mark.parametrize("chosen", [[12, 13, 14], [0, 12], [12, 42], [12.0, 13.0], [[12, 13]]])
def test_wrong_answers_are_refused(chosen, monkeypatch):
    monkeypatch.setattr(skactiveml, "RandomSampling", type("Fake", (Wrong,), {"chosen": np.array(chosen)}))
    pool = random_pool(random_arrays(), 12)  # rows 0 … 11 are labelled, 12 … 41 the candidates
    with pytest.raises(ValueError, match="was asked for 2 candidates and gave"):
        create("skactiveml:RandomSampling").select(pool, 2, np.random.default_rng(0))


def test_samples_chosen_twice_are_replaced(monkeypatch):
    monkeypatch.setattr(skactiveml, "RandomSampling", type("Fake", (Wrong,), {"chosen": np.array([15, 12, 15, 12])}))
    pool = random_pool(random_arrays(), 12)
    got = create("skactiveml:RandomSampling").select(pool, 4, np.random.default_rng(0))
    check_selection(got, pool, 4)
    assert got.indices[:2].tolist() == pool.candidates[[3, 0]].tolist() and "2 samples twice" in got.note


@pytest.mark.parametrize(("found", "message"), [("0.6.2", "version 0.6.2 is installed"), (None, "which is not installed")])
def test_missing_or_too_old(found, message, monkeypatch):
    def version(name):
        if found is None:
            raise activeml.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(activeml, "version", version)
    none = np.empty(0, dtype=np.int64)
    pool = PoolView(Arrays({}), np.arange(5), none, none, 2, 5)
    with pytest.raises(ValueError, match=f"'skactiveml:RandomSampling' needs the package scikit-activeml 1.0 or later.*{message}"):
        create("skactiveml:RandomSampling").select(pool, 2, np.random.default_rng(0))


def test_nothing_is_offered_without_the_package(monkeypatch):
    monkeypatch.setattr(activeml, "find_spec", lambda name: None)
    monkeypatch.setattr(registry, "elsewhere", {})
    activeml.offer()
    with pytest.raises(
        ValueError, match=r"unknown query strategy 'skactiveml:Nothing': it needs the package scikit-activeml 1\.0 or later, which is not"
    ):
        create("skactiveml:Nothing")
    with pytest.raises(ValueError, match="did you mean 'margin'"):
        create("margn")


def test_misspelt_names_get_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'skactiveml:Falcun'"):
        create("skactiveml:Falcn")
