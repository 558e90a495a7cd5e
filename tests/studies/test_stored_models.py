"""Models kept with the rounds: a run that was killed goes on from them, bit for bit."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import alviz
from alviz.data.dataset import Dataset
from alviz.loop import Person, Run
from alviz.studies import Store

WARM = {"epochs": 2, "batch_size": 8, "warm_start": True}


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    store = Store(store_url)
    yield store
    store.close()


@pytest.fixture(scope="module")
def pictures() -> Dataset:
    rng = np.random.default_rng(0)
    y = np.arange(70) % 3
    x = rng.integers(0, 90, size=(70, 12, 12), dtype=np.uint8)
    for i, c in enumerate(y):
        x[i, 4 * c : 4 * c + 4] += 120
    test = alviz.data.from_arrays(images=x[60:], targets=y[60:], class_names=("a", "b", "c"))
    return alviz.data.from_arrays(images=x[:60], targets=y[:60], class_names=("a", "b", "c"), test=test)


def begun(pool: Dataset, store: Store | None = None, learner: Any = None, **settings: Any) -> Run:
    learner = alviz.learners.create("lenet", **WARM) if learner is None else learner
    return Run(pool, learner=learner, **{"strategy": "margin", "n_queries": 4, "n_initial": 8, "seed": 3, "store": store, **settings})


def again(store: Store, run: Run, **settings: Any) -> Run:
    """The run as another process would find it."""
    assert run.id is not None
    other = Store(store.url)
    return Run.resume(other.load(run.id, run.dataset), run.dataset, store=other, **settings)


def same(one: Run, other: Run) -> bool:
    picks = [a.queried.tolist() for a in one.rounds] == [b.queried.tolist() for b in other.rounds]
    return picks and all(np.array_equal(a.probabilities, b.probabilities) for a, b in zip(one.rounds, other.rounds, strict=True))


def kept(store: Store, run: Run) -> list[int]:
    assert run.id is not None
    return sorted(Store(store.url).load(run.id, run.dataset).models)


def never_trained(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    def fit(*args: Any, **options: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(run.learner, "fit", fit)


def test_a_warm_started_run_goes_on_bit_for_bit_without_training_again(
    store: Store, pictures: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = begun(pictures)
    undisturbed.goto(5)
    first = begun(pictures, store)
    first.goto(3)
    resumed = again(store, first)
    with monkeypatch.context() as patch:
        never_trained(patch, resumed)
        assert (resumed.model().predict_proba(pictures.images) == first.model().predict_proba(pictures.images)).all()
        resumed.model(2)
    resumed.goto(5)
    assert same(resumed, undisturbed)
    cold = begun(pictures, learner=alviz.learners.create("lenet", **{**WARM, "warm_start": False}))
    cold.goto(1)
    assert not np.array_equal(cold.rounds[1].probabilities, undisturbed.rounds[1].probabilities)


def test_a_process_that_is_killed_in_the_middle_of_training_loses_nothing(store: Store) -> None:
    program = (
        "import os, sys, signal, alviz\n"
        "from alviz.studies import Store\n"
        "pool = alviz.data.create('gaussians', n=80, n_test=20)\n"
        "run = alviz.Run(pool, learner='mlp', strategy='alamp', n_queries=4, store=Store(sys.argv[1]))\n"
        "run.goto(2)\n"
        "print(run.id, flush=True)\n"
        "run.step(on_phase=lambda phase: os.kill(os.getpid(), signal.SIGKILL) if phase == 'evaluate' else None)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, store.url], capture_output=True, text=True)
    assert killed.returncode < 0
    pool = alviz.data.create("gaussians", n=80, n_test=20)
    stored = store.load(killed.stdout.strip(), pool)
    assert sorted(stored.models) == [1, 2]
    resumed = Run.resume(stored, pool, store=store)
    resumed.goto(4)
    undisturbed = Run(pool, learner="mlp", strategy="alamp", n_queries=4)
    undisturbed.goto(4)
    assert same(resumed, undisturbed)


def test_the_models_of_the_last_two_rounds_are_kept_and_no_more(store: Store, pictures: Dataset) -> None:
    run = begun(pictures, store)
    assert kept(store, run) == [0]
    sizes = []
    for r in range(1, 7):
        run.step()
        assert kept(store, run) == [r - 1, r]
        assert run.id is not None
        sizes.append(sum(a.nbytes for arrays in store.load(run.id, pictures).models.values() for a in arrays.values()))
    assert len(set(sizes)) == 1
    other = begun(pictures, store, seed=4)
    other.goto(2)
    assert kept(store, run) == [5, 6] and kept(store, other) == [1, 2]
    assert run.id is not None
    store.delete(run.id)
    assert kept(store, other) == [1, 2]


def test_undo_drops_models_and_goes_on_bit_for_bit(store: Store, pictures: Dataset) -> None:
    undisturbed = begun(pictures)
    undisturbed.goto(4)
    run = begun(pictures, store)
    run.goto(4)
    run.undo()
    assert kept(store, run) == [3]
    resumed = again(store, run)
    resumed.goto(1)  # farther back than models are kept: trained again from the first round on
    assert kept(store, resumed) == []
    resumed = again(store, run)
    resumed.goto(4)
    assert same(resumed, undisturbed)
    assert kept(store, resumed) == [3, 4]


def test_a_run_that_waits_for_a_person_goes_on_from_the_model_of_the_round_before(store: Store, pictures: Dataset) -> None:
    truth = pictures.targets

    def answered(run: Run, person: Person) -> None:
        assert run.pending is not None
        for i in run.pending.selection.indices:
            person.tell(i, int(truth[i]))
        run.step()

    person = Person("ada")
    undisturbed = begun(pictures, oracle=person)
    answered(undisturbed, person)
    undisturbed.step()
    answered(undisturbed, person)
    person = Person("ada")
    run = begun(pictures, store, oracle=person)
    answered(run, person)
    run.step()
    person = Person("ada")
    resumed = again(store, run, oracle=person)
    answered(resumed, person)
    assert same(resumed, undisturbed)


def test_a_fork_keeps_models_of_its_own(store: Store, pictures: Dataset) -> None:
    run = begun(pictures, store)
    run.goto(3)
    twin = run.fork(round=2, strategy="random")
    assert kept(store, twin) == [1, 2] and kept(store, run) == [2, 3]
    twin.step()
    resumed = again(store, twin)
    resumed.step()
    undisturbed = run.fork(round=2, strategy="random")
    undisturbed.goto(4)
    assert same(resumed, undisturbed)


def test_learners_whose_models_are_no_arrays_are_trained_again(store: Store) -> None:
    pool = alviz.data.create("gaussians", n=80, n_test=20)
    run = Run(pool, learner="knn", n_queries=4, store=store)
    run.goto(2)
    assert kept(store, run) == []
    resumed = again(store, run)
    assert (resumed.model().predict_proba(pool.features) == run.model().predict_proba(pool.features)).all()
    run.step()
    Store(store.url)
    resumed = again(store, run)
    assert same(resumed, run)
