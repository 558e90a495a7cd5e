import random
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import alviz
from alviz.data.dataset import Dataset
from alviz.loop import DONT_KNOW, NOT_YET, PHASES, NoisyOracle, Person, PoolExhausted, Run
from alviz.loop.explain import without
from alviz.progress import Cancelled
from alviz.strategies import MissingSignal, QueryStrategy
from alviz.studies import Store


def picks(run: Run) -> list[list[int]]:
    return [finished.queried.tolist() for finished in run.rounds]


def metrics(run: Run) -> str:
    return repr([dict(finished.metrics) for finished in run.rounds])  # repr, because NaN is not equal to itself


def test_round_zero_happens_when_the_run_is_made(pool: Dataset) -> None:
    run = Run(pool, n_queries=6, n_initial=4)
    assert [finished.index for finished in run.rounds] == [0]
    assert run.rounds[0].n_labelled == len(run.rounds[0].queried) == 4
    assert 0 <= run.rounds[0].metrics["accuracy"] <= 1


def test_every_part_may_be_a_name() -> None:
    run = Run("digits", learner="linear-svm", strategy="random", initial="kmeans-equal", n_queries=20)
    assert run.dataset.name == "digits"
    assert run.rounds[0].strategy == "kmeans-equal"


def test_a_step_labels_fresh_samples_with_their_targets(pool: Dataset) -> None:
    run = Run(pool, n_queries=5)
    for _ in range(4):
        run.step()
    every = np.concatenate(picks(run))
    assert len(np.unique(every)) == len(every) == 25
    for finished in run.rounds:
        assert np.array_equal(finished.labels, pool.targets[finished.queried])
    assert np.array_equal(run.rounds[-1].class_counts, np.bincount(pool.targets[every], minlength=2))


def test_margin_takes_the_smallest_margins_under_the_last_rounds_model(pool: Dataset) -> None:
    run = Run(pool, strategy="margin", n_queries=5)
    run.step()
    before = set(run.rounds[0].queried.tolist())
    proba = np.sort(run.model(0).predict_proba(pool.features).astype(np.float32), axis=1)
    gap = (proba[:, -1] - proba[:, -2]).astype(np.float64)
    naive = sorted((gap[i], i) for i in range(len(pool)) if i not in before)[:5]
    assert run.rounds[1].queried.tolist() == [i for _, i in naive]


def test_alamp_is_margin_in_its_first_round(pool: Dataset) -> None:
    runs = {name: Run(pool, strategy=name, n_queries=5) for name in ("margin", "alamp")}
    for run in runs.values():
        run.step()
    assert picks(runs["margin"]) == picks(runs["alamp"])
    assert runs["alamp"].rounds[1].strategy == "margin"
    runs["alamp"].step()
    assert runs["alamp"].rounds[2].strategy == "alamp"


@pytest.mark.parametrize("strategy", ["random", "margin", "alamp-div", "k-center"])
def test_undo_and_step_again_gives_the_same_picks_and_numbers(digits: Dataset, strategy: str) -> None:
    run = Run(digits, strategy=strategy, n_queries=15, seed=4)
    for _ in range(4):
        run.step()
    before, numbers = picks(run), metrics(run)
    run.undo()
    run.undo()
    assert run.position == 2
    run.step()
    run.step()
    assert picks(run) == before
    assert metrics(run) == numbers
    run.goto(1)
    run.goto(4)
    assert picks(run) == before
    assert metrics(run) == numbers


def test_the_same_seed_gives_the_same_run_and_another_seed_another(pool: Dataset) -> None:
    runs = [Run(pool, strategy="random", n_queries=5, seed=seed) for seed in (1, 1, 2)]
    for run in runs:
        run.step()
    assert picks(runs[0]) == picks(runs[1]) != picks(runs[2])


def test_global_random_state_is_left_alone(pool: Dataset) -> None:
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    before = (np.random.get_state()[1].tobytes(), random.getstate())  # noqa: NPY002
    run = Run(pool, strategy="random", n_queries=5)
    run.step()
    assert (np.random.get_state()[1].tobytes(), random.getstate()) == before  # noqa: NPY002


def test_the_five_phases_are_reported_in_order(pool: Dataset) -> None:
    run = Run(pool, n_queries=5)
    seen: list[str] = []
    finished = run.step(on_phase=seen.append)
    assert tuple(seen) == PHASES
    assert finished is not None and set(finished.seconds) == set(PHASES)


def test_run_stops_exactly_at_the_budget(pool: Dataset) -> None:
    run = Run(pool, n_queries=7, n_initial=5)
    run.run(until=30)
    assert run.n_labelled == 30
    assert [len(finished.queried) for finished in run.rounds] == [5, 7, 7, 7, 4]


def test_run_ends_with_the_pool_and_one_more_step_says_so(pool: Dataset) -> None:
    run = Run(pool, n_queries=50)
    run.run(until=10_000)
    assert run.n_labelled == len(pool)
    with pytest.raises(PoolExhausted, match="nothing is left"):
        run.step()
    assert run.n_labelled == len(pool)


def test_fork_shares_the_past_and_leaves_the_first_run_alone(digits: Dataset) -> None:
    run = Run(digits, strategy="margin", n_queries=10)
    run.goto(4)
    before = picks(run)
    twin = run.fork(round=2, strategy="random")
    twin.step()
    assert picks(twin)[:3] == before[:3]
    assert picks(run) == before
    alone = Run(digits, strategy="random", n_queries=10)
    assert twin.rounds[3].strategy == "random"
    assert picks(twin)[3] != before[3]
    assert alone.rounds[0].queried.tolist() == before[0]
    same = run.fork(round=2)
    same.step()
    assert picks(same)[3] == before[3]


def test_cancel_leaves_the_run_as_it_was_and_the_next_step_is_the_same(pool: Dataset) -> None:
    run, undisturbed = (Run(pool, strategy="margin", n_queries=5) for _ in range(2))
    for stop_at in PHASES:
        cancel = threading.Event()
        with pytest.raises(Cancelled):
            run.step(on_phase=lambda phase, stop_at=stop_at, cancel=cancel: phase == stop_at and cancel.set(), cancel=cancel)
        assert run.position == 0
        assert len(run.state.labelled) == 5
    run.step()
    undisturbed.step()
    assert picks(run) == picks(undisturbed)


def test_a_failing_learner_leaves_the_run_as_it_was(pool: Dataset) -> None:
    class Fails(alviz.learners.Learner):
        def fit(self, x, y, **kwargs):  # type: ignore[no-untyped-def]
            if len(y) > 5:
                raise RuntimeError("out of memory")
            return alviz.learners.create("linear-svm").fit(x, y, **kwargs)

    run = Run(pool, learner=Fails(), n_queries=5)
    with pytest.raises(RuntimeError, match="out of memory"):
        run.step()
    assert run.position == 0
    assert len(run.state.labelled) == 5


def test_without_a_test_set_metrics_are_cross_validated_and_marked(untested: Dataset) -> None:
    run = Run(untested, n_queries=12)
    run.step()
    assert run.rounds[1].cross_validated
    assert run.rounds[1].confusion.sum() == 24
    assert run.rounds[1].metrics["accuracy"] > 0.7


def test_one_label_and_one_class_still_run(untested: Dataset) -> None:
    one = Run(untested, n_queries=1, strategy="margin")
    one.step()
    assert one.n_labelled == 2
    same = replace(untested, targets=np.zeros(90, dtype=np.int64))
    run = Run(same, n_queries=5, strategy="alamp")
    run.run(until=20)
    assert run.rounds[-1].metrics["accuracy"] == 1.0


def test_every_strategy_that_the_learner_serves_runs_three_rounds(pool: Dataset) -> None:
    for name in alviz.strategies.available():
        try:
            run = Run(pool, strategy=name, learner="linear-svm", n_queries=4)
        except ValueError as error:
            assert "does not give" in str(error) and name in str(error)
            continue
        run.goto(3)
        assert run.n_labelled == 16


def test_true_targets_are_hidden_from_strategies_that_are_no_oracles(pool: Dataset) -> None:
    run = Run(pool, n_queries=5)
    assert run.view().true_targets is None

    class Knows(QueryStrategy):
        oracle = True

    run.strategy = Knows()
    assert np.array_equal(run.view().true_targets, pool.targets)


def test_a_view_gives_aligned_signals_and_refits(pool: Dataset) -> None:
    run = Run(pool, n_queries=8)
    run.step()
    view = run.view()
    assert np.array_equal(view.features, pool.features[view.candidates])
    assert np.array_equal(view.previous_probabilities, run.rounds[0].probabilities[view.candidates])
    assert view.class_counts.sum() == 16
    part = view.restrict(view.candidates[::3])
    assert np.array_equal(part.probabilities, view.probabilities[::3])
    extra = view.candidates[:4]
    after = view.refit(extra, pool.targets[extra])
    assert not set(after.candidates) & set(extra.tolist())
    assert set(after.labelled) == set(view.labelled) | set(extra.tolist())
    both = np.concatenate([view.labelled, extra])
    naive = run.learner.fit(
        pool.features[np.sort(both)], pool.targets[np.sort(both)], n_classes=2, rng=np.random.default_rng([0, 1, 3])
    ).predict_proba(pool.features[after.candidates])
    assert np.allclose(after.probabilities, naive)
    with pytest.raises(MissingSignal):
        view.signal("committee_posterior")
    with pytest.raises(ValueError, match="restrict"):
        view.restrict(view.labelled[:1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_queries": 0}, "n_queries must be a whole number ≥ 1, got 0"),
        ({"n_queries": 2.5}, "n_queries"),
        ({"n_queries": True}, "n_queries"),
        ({"n_initial": 10_000}, "n_initial is 10000, but dataset 'gaussians' has only 120"),
        ({"seed": -1}, "seed"),
        ({"strategy": "margn"}, "did you mean 'margin'"),
        ({"learner": "linear_svm"}, "did you mean 'linear-svm'"),
        ({"initial": "kmeans"}, "did you mean"),
        ({"strategy": "bald"}, "strategy 'bald' needs .* learner 'linear-svm' does not give"),
        ({"learner": 7}, "learner"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_one_sentence(pool: Dataset, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Run(pool, **settings)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_pictures_without_features_go_through_the_default_extractor(digits: Dataset) -> None:
    pictures = replace(digits, features=None, test=None, spec=None)
    run = Run(pictures, learner="linear-svm", n_queries=30)
    run.step()
    assert run.config()["extractor"] == "pca"
    assert run.dataset.features is not None and run.dataset.features.shape[0] == len(digits)
    assert run.rounds[1].metrics["accuracy"] > 0.3


def test_arrays_instead_of_a_dataset_are_refused() -> None:
    with pytest.raises(ValueError, match="dataset must be a Dataset"):
        Run(np.zeros((3, 2)))  # type: ignore[arg-type]


def test_a_noisy_oracle_is_wrong_about_its_share_and_always_the_same(digits: Dataset) -> None:
    oracle = NoisyOracle(digits, noise=0.3, abstain=0.1, seed=1)
    every = np.arange(len(digits))
    answers = oracle.ask(every)
    assert np.array_equal(answers, oracle.ask(every))
    told = answers != DONT_KNOW
    assert abs((~told).mean() - 0.1) < 0.03
    assert abs((answers[told] != digits.targets[told]).mean() - 0.3) < 0.05


def test_what_an_oracle_does_not_know_is_not_labelled_and_not_asked_again(pool: Dataset) -> None:
    run = Run(pool, n_queries=20, oracle=NoisyOracle(pool, noise=0.0, abstain=0.5))
    run.step()
    asked = np.concatenate(picks(run))
    assert len(np.unique(asked)) == 40
    assert run.n_labelled == (np.concatenate([r.labels for r in run.rounds]) >= 0).sum() < 40
    assert not set(run.view().candidates) & set(asked.tolist())


def test_an_oracle_that_knows_nothing_leaves_a_model_without_opinion(pool: Dataset) -> None:
    run = Run(pool, n_queries=5, oracle=NoisyOracle(pool, noise=0.0, abstain=1.0))
    run.step()
    assert run.n_labelled == 0
    assert np.allclose(run.rounds[1].probabilities, 0.5)


def test_a_person_is_waited_for_and_what_they_said_survives_undo(pool: Dataset) -> None:
    person = Person("ada")
    run = Run(pool, n_queries=4, oracle=person)
    assert run.pending is not None and run.position == -1
    asked = run.pending.selection.indices
    person.tell(asked[0], 1)
    assert run.step() is None
    assert run.pending is not None and [event.sample for event in run.pending.events] == [asked[0]]
    for i in asked[1:]:
        person.tell(i, int(pool.targets[i]))
    assert run.step() is not None
    assert run.position == 0 and run.n_labelled == 4
    assert run.step() is None
    first = run.pending.selection.indices
    for i in first:
        person.tell(i, 0)
    run.step()
    run.undo()
    person.said.clear()
    finished = run.step()
    assert finished is not None and finished.queried.tolist() == first.tolist()
    assert finished.labels.tolist() == [0, 0, 0, 0]
    assert Person().ask(first).tolist() == [NOT_YET] * 4


def test_the_script_of_a_run_makes_the_same_run() -> None:
    dataset = alviz.data.create("moons", n=80, label_noise=0.1)
    run = Run(dataset, strategy="k-center", n_queries=6, seed=3)
    run.goto(2)
    scope: dict[str, object] = {}
    exec(run.to_python(), scope)
    again = scope["run"]
    assert isinstance(again, Run)
    assert picks(again) == picks(run)


def remade(run: Run) -> Run:
    """What a run's own script makes."""
    scope: dict[str, object] = {}
    exec(run.to_python(), scope)
    again = scope["run"]
    assert isinstance(again, Run)
    return again


def test_the_script_of_a_branch_goes_the_same_way(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    run = Run(alviz.data.create("moons", n=80, label_noise=0.1), strategy="k-center", n_queries=6, seed=3, store=store)
    run.goto(3)
    branch = run.fork(round=2, strategy="margin", n_queries=4)
    branch.goto(4)
    again = branch.fork(round=3, strategy=alviz.strategies.create("k-center"), n_queries=6)
    again.goto(5)
    back = again.fork(round=1)
    back.goto(2)
    spared = without(branch, int(branch.rounds[4].queried[0]))
    spared.goto(4)
    assert branch.id is not None
    resumed = Run.resume(store.load(branch.id, run.dataset), run.dataset)
    for one in (branch, again, back, spared, resumed):
        assert picks(remade(one)) == picks(one)
    assert "fork" not in back.to_python()  # k-center all the way, as in the run that it came from
    branch.goto(1)
    branch.goto(3)
    assert picks(remade(branch)) == picks(branch)


def test_a_kept_branch_that_is_taken_back_behind_its_beginning_knows_how_it_went(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    run = Run(alviz.data.create("moons", n=80, label_noise=0.1), strategy="k-center", n_queries=6, seed=3, store=store)
    run.goto(3)
    branch = run.fork(round=3, strategy="margin", n_queries=4)
    branch.goto(4)
    for back, forks in ((1, 1), (0, 0)):
        branch.goto(back)
        branch.step()
        assert branch.id is not None
        resumed = Run.resume(store.load(branch.id, run.dataset), run.dataset)
        assert resumed.to_python().count("fork") == forks
        assert picks(remade(resumed)) == picks(branch)


def test_a_run_with_nameless_parts_says_that_no_script_can_make_it(untested: Dataset) -> None:
    with pytest.raises(ValueError, match="the dataset of this run was not made by name"):
        Run(untested, n_queries=5).to_python()


def test_the_table_of_a_run_has_a_row_per_round(pool: Dataset) -> None:
    run = Run(pool, n_queries=5)
    run.goto(3)
    frame = run.to_frame()
    assert frame["round"].tolist() == [0, 1, 2, 3]
    assert frame["n_labelled"].tolist() == [5, 10, 15, 20]
    assert frame["accuracy"].tolist() == [r.metrics["accuracy"] for r in run.rounds]


def test_a_metric_of_ones_own_is_measured_in_every_round(pool: Dataset) -> None:
    def share_of_ones(targets, probabilities, context):  # type: ignore[no-untyped-def]
        return float((probabilities.argmax(axis=1) == 1).mean())

    run = Run(pool, n_queries=5, metrics=[share_of_ones])
    run.step()
    assert pool.test is not None
    naive = (run.model(1).predict_proba(pool.test.features).argmax(axis=1) == 1).mean()
    assert run.rounds[1].metrics["share_of_ones"] == naive
