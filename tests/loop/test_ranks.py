"""Where strategies rank a round's candidates: against scores by hand, `alviz.query` on arrays, and runs that follow them."""

import numpy as np
import pytest

import alviz
from alviz.data.dataset import Dataset
from alviz.loop import Run
from alviz.loop.explain import explain
from alviz.loop.ranks import Ranking, Rankings, slow
from alviz.progress import Cancelled
from alviz.strategies.base import QueryStrategy, Selection, registry
from alviz.strategies.pool import PoolView


@pytest.fixture(scope="module")
def run(digits: Dataset) -> Run:
    """Five rounds of margin on real pictures."""
    run = Run(digits, strategy="margin", n_queries=8)
    run.run(until=40)
    return run


@pytest.fixture(scope="module")
def third(run: Run) -> Rankings:
    return Rankings(run, 3)


LAST = {"adversarial-bim", "boss-oracle", "ccal", "core-gcn", "deepfool", "expected-error-reduction", "gaal", "vaal"}


def labels_before(run: Run, r: int) -> np.ndarray:
    labels = np.full(len(run.dataset), -1)
    for finished in run.rounds[:r]:
        labels[finished.queried] = finished.labels
    return labels


def test_those_with_scores_rank_every_candidate(run: Run, third: Rankings) -> None:
    p = run.model(2).predict_proba(run.dataset.features).astype(np.float32).astype(np.float64)
    labels = labels_before(run, 3)
    pool = np.flatnonzero(labels < 0)
    entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1)
    for name, score in (("entropy", entropy), ("least-confidence", 1 - p.max(axis=1))):
        found = third.under(name)
        assert found.places is not None and found.count == len(pool) and len(found.picks) == 8
        for i in (*run.rounds[3].queried[:3].tolist(), pool[0], pool[-1]):
            assert found.places[i] == 1 + sum(score[j] > score[i] + 1e-12 for j in pool), name
        assert (found.places[labels >= 0] == 0).all()
        assert found.picks.tolist() == sorted(pool.tolist(), key=lambda i: found.places[i])[:8]


@pytest.mark.parametrize("name", ["k-center", "max-herding", "dmcs-margin", "galaxy", "lcmd", "typiclust"])
def test_those_that_pick_batches_pick_what_query_picks(run: Run, third: Rankings, name: str) -> None:
    signals = {"features": run.dataset.features, "probabilities": run.rounds[2].probabilities}
    wanted = alviz.query(name, 8, labels=labels_before(run, 3), seed=run.seed, **signals)
    found = third.under(name)
    assert found.places is None and found.why == ""
    assert [found.picked(int(i)) for i in wanted] == list(range(1, 9))
    others = np.setdiff1d(np.arange(len(run.dataset)), wanted)
    assert not any(found.picked(int(i)) for i in others)


@pytest.mark.parametrize("name", ["random", "badge", "kmeans-pp", "seals"])
def test_those_that_draw_draw_as_a_branch_with_that_strategy_would(run: Run, third: Rankings, name: str) -> None:
    found = third.under(name)
    branch = run.fork(round=2, strategy=name)
    finished = branch.step()
    assert finished is not None and found.picks.tolist() == finished.queried.tolist() and found.note == finished.note


def test_looking_ahead_trains_as_the_run_does(pool: Dataset) -> None:
    run = Run(pool, n_queries=6)
    run.goto(3)
    name = "expected-error-reduction"
    found = Rankings(run, 2).under(name)
    finished = run.fork(round=1, strategy=name).step()
    assert finished is not None and found.picks.tolist() == finished.queried.tolist() and "were tried" in found.note


def test_the_rounds_own_strategy_picked_what_it_picked(run: Run, third: Rankings) -> None:
    found = third.under("margin")
    assert found.picks.tolist() == run.rounds[3].queried.tolist()
    assert found.places is not None
    for i in run.rounds[3].queried.tolist():
        assert found.places[i] == explain(run, 3, i).rank
    sample = int(run.rounds[3].queried[0])
    assert {part: values[sample] for part, values in found.parts.items()} == pytest.approx(explain(run, 3, sample).parts)


def test_parts_that_the_records_do_not_hold_come_with_the_rankings(pool: Dataset) -> None:
    run = Run(pool, learner="ensemble", strategy="bald", n_queries=6)
    run.step()
    sample = int(run.rounds[1].queried[0])
    found, own = explain(run, 1, sample), Rankings(run, 1).under("bald")
    assert found.parts == {}
    assert own.parts["H(mean p)"][sample] - own.parts["mean H(p)"][sample] == pytest.approx(found.score)
    assert own.places is not None and own.places[sample] == found.rank == 1
    assert np.isnan(own.parts["H(mean p)"][run.rounds[0].queried]).all()


def test_a_branch_looks_back_at_rounds_of_its_first_strategy_with_that_ones_parameters(digits: Dataset) -> None:
    run = Run(digits, strategy=alviz.strategies.create("density-weighted", beta=3.0), n_queries=8)
    run.goto(2)
    branch = run.fork(round=2, strategy="random")
    own = Rankings(branch, 2).under("density-weighted")
    assert own.places is not None and own.places[run.rounds[2].queried].tolist() == list(range(1, 9))
    branch.step()
    assert Rankings(branch, 3).names[0] == "random"


def test_those_that_cannot_be_asked_say_why(run: Run, third: Rankings) -> None:
    for name, why in (("bald", "needs a committee"), ("ceal", "changes the training"), ("boss-oracle", "sees the true labels")):
        found = third.under(name)
        assert why in found.why and found.places is None and len(found.picks) == 0
    assert "previous" in Rankings(run, 1).under("alamp").why
    for name in alviz.strategies.available():
        if name.startswith("skactiveml:"):
            assert third.under(name).why


def test_every_strategy_is_asked_the_rounds_own_first_and_slow_ones_last(third: Rankings) -> None:
    assert sorted(third.names) == alviz.strategies.available()
    own = [name for name in third.names if ":" not in name]
    assert own[0] == "margin"
    assert max(own.index(name) for name in ("entropy", "grad-norm", "density-weighted")) < own.index("k-center")
    for name in alviz.strategies.available():
        assert slow(name, third.finished) == (name in LAST), name
    for last in LAST:
        assert own.index(last) > max(own.index(name) for name in ("k-center", "badge", "typiclust", "max-herding"))


class Lowest(QueryStrategy):
    """Of nobody's registry."""

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        return Selection(pool.candidates[:n_queries], np.full(pool.n, np.nan))


def test_a_strategy_of_ones_own_is_ranked_too(pool: Dataset) -> None:
    run = Run(pool, strategy=Lowest(), n_queries=6)
    run.step()
    ranked = Rankings(run, 1)
    assert ranked.names[0] == "Lowest" and ranked.under("Lowest").picks.tolist() == run.rounds[1].queried.tolist()
    assert ranked.under("entropy").why == ""
    assert not slow("Lowest", run.rounds[1])


def test_one_that_fails_does_not_keep_the_others(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(registry.factory("k-center"), "select", fails)
    ranked = Rankings(run, 2)
    assert "no room" in ranked.under("k-center").why
    assert ranked.under("badge").why == ""


def test_it_can_be_cancelled_and_asked_again(run: Run) -> None:
    ranked = Rankings(run, 2)
    seen: list[float] = []

    def stop(share: float) -> None:
        seen.append(share)
        if len(seen) > 3:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        ranked.under("expected-error-reduction", stop)
    assert len(seen) == 4 and all(0 <= share <= 1 for share in seen)
    assert ranked.under("kmeans").why == ""


def test_there_is_no_ranking_before_the_first_model(run: Run) -> None:
    for r in (0, 5):
        with pytest.raises(ValueError, match="round"):
            Rankings(run, r)


def test_a_ranking_of_nobody_has_no_pick() -> None:
    assert Ranking("x", 0).picked(3) == 0
