"""Why a sample was picked: against hand computations from models, features and picks."""

from pathlib import Path

import numpy as np
import pytest

from alviz.data.dataset import Dataset
from alviz.loop import NoisyOracle, Run
from alviz.loop.explain import explain, picked_in, without
from alviz.studies import Store


@pytest.fixture(scope="module")
def run(digits: Dataset) -> Run:
    """Five rounds of margin on real pictures."""
    run = Run(digits, strategy="margin", n_queries=8)
    run.run(until=40)
    return run


def model_says(run: Run, r: int) -> np.ndarray:
    return run.model(r).predict_proba(run.dataset.features).astype(np.float32)


def asked_before(run: Run, r: int) -> set[int]:
    return {i for finished in run.rounds[:r] for i in finished.queried.tolist()}


def test_probabilities_and_flips_are_those_of_the_models(run: Run) -> None:
    said = np.stack([model_says(run, r) for r in range(5)])
    changed = np.flatnonzero((said.argmax(axis=2)[1:] != said.argmax(axis=2)[:-1]).any(axis=0))
    for i in (int(changed[0]), int(changed[-1]), 3):
        found = explain(run, 2, i)
        np.testing.assert_array_equal(found.probabilities, said[:, i])
        assert found.flips == tuple(r for r in range(1, 5) if said[r, i].argmax() != said[r - 1, i].argmax())
    assert explain(run, 2, int(changed[0])).flips


def test_score_rank_and_parts_of_margin(run: Run) -> None:
    p = np.sort(model_says(run, 1).astype(np.float64), axis=1)
    scores = {i: p[i, -2] - p[i, -1] for i in range(len(p)) if i not in asked_before(run, 2)}
    for i in (int(run.rounds[2].queried[0]), int(run.rounds[2].queried[-1]), max(scores)):
        found = explain(run, 2, i)
        assert found.score == pytest.approx(scores[i], abs=1e-12)
        assert found.rank == 1 + sum(other > scores[i] for other in scores.values())
        assert found.tied == sum(other == scores[i] for other in scores.values()) - 1
        assert found.scored == len(scores)
        assert found.parts == pytest.approx({"p₁": p[i, -1], "p₂": p[i, -2]})


def test_it_knows_when_it_was_and_when_it_will_be_picked(run: Run) -> None:
    later = int(run.rounds[4].queried[2])
    found = explain(run, 1, later)
    assert (found.picked, found.place, found.since, found.label) == (4, 3, -1, -1)
    found = explain(run, 4, later)
    assert (found.picked, found.since, found.label) == (4, 4, run.dataset.targets[later])
    first = int(run.rounds[0].queried[0])
    found = explain(run, 3, first)
    assert (found.picked, found.since, found.rank) == (0, 0, 0) and np.isnan(found.score)
    never = next(i for i in range(len(run.dataset)) if i not in asked_before(run, 5))
    assert explain(run, 4, never).picked == -1


def test_neighbours_are_the_nearest_that_were_labelled_then(run: Run) -> None:
    x = run.dataset.features.astype(np.float64)
    sample = int(run.rounds[2].queried[3])
    for r in (1, 2):
        near = sorted((float(np.sqrt(((x[i] - x[sample]) ** 2).sum())), i) for i in asked_before(run, r + 1) - {sample})[:5]
        found = explain(run, r, sample)
        assert found.neighbours.tolist() == [i for _, i in near]
        np.testing.assert_allclose(found.distances, [d for d, _ in near], rtol=1e-12)
        np.testing.assert_array_equal(found.neighbour_labels, run.dataset.targets[found.neighbours])
        assert found.space == "features"


def test_parts_add_up_to_the_score(digits: Dataset) -> None:
    rules = {
        "least-confidence": lambda p: 1 - p["p₁"],
        "entropy": lambda p: p["−p₁ ln p₁"] + p["all other classes"],
        "alamp": lambda p: (p["certainty before"] - p["certainty now"]) / (p["certainty before"] + p["certainty now"]),
        "alamp-div": lambda p: (p["certainty before"] - p["certainty now"]) / (p["certainty before"] + p["certainty now"]),
        "margin-div": lambda p: p["p₂"] - p["p₁"],
        "density-weighted": lambda p: p["uncertainty"] * max(p["density"], 0),
    }
    for name, rule in rules.items():
        run = Run(digits, strategy=name, n_queries=8)
        run.run(until=24)
        found = explain(run, 2, int(run.rounds[2].queried[0]))
        assert found.score == pytest.approx(rule(found.parts), abs=1e-7), name


def test_a_branch_knows_the_parts_of_the_rounds_before_it(run: Run) -> None:
    branch = run.fork(round=3, strategy="k-center")
    branch.step()
    for r, there in ((2, True), (4, False)):
        assert bool(explain(branch, r, int(branch.rounds[r].queried[0])).parts) == there


def naive(run: Run, sample: int, start: int, stop: int) -> list[list[int]]:
    """Margin's picks in rounds start … stop − 1 where `sample` is not in the pool, on top of the run's rounds before."""
    x, y = run.dataset.features, run.dataset.targets
    labelled = sorted(asked_before(run, start))
    picks = []
    for r in range(start, stop):
        rng = np.random.default_rng([run.seed, r - 1, 3])
        p = np.sort(run.base_learner.fit(x[labelled], y[labelled], n_classes=10, rng=rng).predict_proba(x).astype(np.float32), axis=1)
        gap = p[:, -1].astype(np.float64) - p[:, -2].astype(np.float64)
        pool = set(range(len(x))) - set(labelled) - {sample}
        picks.append([i for _, i in sorted((gap[i], i) for i in pool)[: run.n_queries]])
        labelled = sorted([*labelled, *picks[-1]])
    return picks


def test_without_it_the_rest_goes_on_as_in_a_pool_that_lacks_it(run: Run) -> None:
    sample = int(run.rounds[2].queried[0])
    twin = without(run, sample)
    assert twin.position == 1 and twin.rounds == run.rounds[:2]
    for _ in range(3):
        twin.step()
    assert [finished.queried.tolist() for finished in twin.rounds[2:]] == naive(run, sample, 2, 5)
    assert picked_in(twin.rounds, sample) == -1 and explain(twin, 4, sample).left_out
    assert picked_in(run.rounds, sample) == 2  # the run itself is as it was
    twin.undo()
    twin.step()
    assert picked_in(twin.rounds, sample) == -1


def test_without_it_to_the_last_sample(pool: Dataset) -> None:
    run = Run(pool, n_queries=30)
    run.run(until=len(pool))
    twin = without(run, int(run.rounds[1].queried[4]))
    twin.run(until=len(pool))
    assert sorted(asked_before(twin, len(twin.rounds))) == sorted(set(range(len(pool))) - {int(run.rounds[1].queried[4])})


def test_a_kept_twin_goes_on_without_it(tmp_path: Path, pool: Dataset) -> None:
    store = Store(f"sqlite:///{tmp_path}/runs.db")
    run = Run(pool, n_queries=6, store=store)
    run.run(until=24)
    sample = int(run.rounds[2].queried[0])
    twin = without(run, sample)
    assert twin.id is not None
    again = Run.resume(store.load(twin.id, pool), pool, store=store)
    for one in (twin, again):
        assert sample not in one.state.candidates
    again.step()
    assert again.rounds[2].queried.tolist()[:5] == run.rounds[2].queried.tolist()[1:]


def test_what_cannot_be_asked_is_refused(run: Run) -> None:
    never = next(i for i in range(len(run.dataset)) if i not in asked_before(run, 5))
    with pytest.raises(ValueError, match="never picked"):
        without(run, never)
    with pytest.raises(ValueError, match="initial pool"):
        without(run, int(run.rounds[0].queried[0]))
    for wrong in (lambda: explain(run, 5, 0), lambda: explain(run, 0, len(run.dataset))):
        with pytest.raises(ValueError):
            wrong()


def test_a_sample_nobody_knew_has_no_label(pool: Dataset) -> None:
    run = Run(pool, n_queries=6, n_initial=20, oracle=NoisyOracle(pool, noise=0, abstain=0.5, seed=1))
    run.step()
    unknown = next(i for i, label in zip(run.rounds[1].queried.tolist(), run.rounds[1].labels, strict=True) if label < 0)
    found = explain(run, 1, unknown)
    assert (found.picked, found.since, found.label, found.left_out) == (1, -1, -1, True)
    assert unknown not in explain(run, 1, 0).neighbours
