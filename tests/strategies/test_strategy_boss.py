"""The best-of-strategies oracle: the batch that is taken is the best of those proposed, judged on samples that are not proposed."""

import numpy as np
import pytest

from alviz.loop.run import Run
from alviz.strategies import PoolView, available, boss, create, registry
from alviz.strategies.base import missing_needs
from alviz.testing import check_selection, random_arrays, random_pool


def pool_of(seed=0, n=80, **options):
    return random_pool(random_arrays(n, 3, 4, seed=seed), 6, n_classes=3, seed=seed, oracle=True, **options)


class Watched(boss.BossOracle):
    """Keeps what was proposed, and by whom."""

    def _proposal(self, pool, proposers, name, n_queries, rng, i):
        batch = super()._proposal(pool, proposers, name, n_queries, rng, i)
        self.proposed.append((name, batch, proposers.candidates))
        return batch


def watched(monkeypatch, pool, b, seed=0, **params):
    monkeypatch.setattr(Watched, "name", "boss-oracle")
    strategy = Watched(**params)
    strategy.proposed = []
    return strategy, strategy.select(pool, b, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(4))
def test_the_best_proposal_wins(seed, monkeypatch):
    pool = pool_of(seed)
    strategy, got = watched(monkeypatch, pool, 4, seed, n_batches=12, evaluate=15)
    check_selection(got, pool, 4)
    judges = np.setdiff1d(pool.candidates, strategy.proposed[0][2])
    assert len(judges) == 15
    results = []
    for name, batch, allowed in strategy.proposed:
        assert set(batch) <= set(allowed) and not set(batch) & set(judges)
        p = pool.source.refit(batch, pool.true_targets[batch]).rows("probabilities", judges)
        wrong = [row.argmax() != y for row, y in zip(p, pool.true_targets[judges], strict=True)]
        loss = [-np.log(max(row[y], 1e-12)) for row, y in zip(p, pool.true_targets[judges], strict=True)]
        results.append((np.mean(wrong), np.mean(loss), name))
    best = min(range(12), key=lambda i: results[i][:2])
    assert got.indices.tolist() == strategy.proposed[best][1].tolist()
    assert f"the one of {results[best][2]} gave accuracy {1 - results[best][0]:.3f}" in got.note
    for i in pool.candidates:
        accuracies = [1 - result[0] for result, (_, batch, _) in zip(results, strategy.proposed, strict=True) if i in batch]
        assert np.isnan(got.scores[i]) if not accuracies else got.scores[i] == pytest.approx(max(accuracies))


def test_every_strategy_of_the_ensemble_has_its_turn(monkeypatch):
    pool = pool_of()
    strategy, _ = watched(monkeypatch, pool, 3, n_batches=len(boss.ENSEMBLE))
    assert [name for name, *_ in strategy.proposed] == list(boss.ENSEMBLE)
    assert set(boss.ENSEMBLE) <= set(available())
    assert not any(registry.factory(name).oracle for name in boss.ENSEMBLE)


def test_strategies_that_cannot_be_served_are_left_out(monkeypatch):
    pool = pool_of()
    monkeypatch.setattr(type(pool.source), "provides", frozenset({"probabilities", "refit"}))
    strategy, _ = watched(monkeypatch, pool, 3)
    names = {name for name, *_ in strategy.proposed}
    assert "random" in names and "margin" in names and "k-center" not in names
    assert all(not missing_needs(registry.factory(name), pool.provides) for name in names)


def test_proposers_do_not_see_the_true_labels(monkeypatch):
    seen = []
    plain = registry.factory("random").select
    monkeypatch.setattr(
        registry.factory("random"), "select", lambda self, view, b, rng: seen.append(view.true_targets) or plain(self, view, b, rng)
    )
    create("boss-oracle").select(pool_of(), 3, np.random.default_rng(0))
    assert seen and all(targets is None for targets in seen)


@pytest.mark.parametrize("b", [1, 39, 40])
def test_budgets_up_to_the_pool(b):
    pool = pool_of()
    got = create("boss-oracle", n_batches=3).select(pool, b, np.random.default_rng(0))
    check_selection(got, pool, b)


def test_nothing_left_to_judge_on():
    pool = pool_of()
    got = create("boss-oracle").select(pool, len(pool), np.random.default_rng(0))
    check_selection(got, pool, len(pool))
    assert got.note == "No samples could be set aside to judge on: the batch is the one of random, untried."
    assert np.isnan(got.scores).all()


def test_unknown_targets_are_not_trained_on(monkeypatch):
    pool = pool_of()
    pool.true_targets = pool.true_targets.copy()
    pool.true_targets[pool.candidates[::2]] = -1
    trained = []
    plain = PoolView.refit
    monkeypatch.setattr(PoolView, "refit", lambda self, extra, labels: trained.append(labels) or plain(self, extra, labels))
    check_selection(create("boss-oracle").select(pool, 5, np.random.default_rng(0)), pool, 5)
    assert len(trained) == 20 and min(labels.min(initial=0) for labels in trained) >= 0


def test_an_oracle_in_a_run():
    run = Run("gaussians", strategy=create("boss-oracle", n_batches=10, evaluate=100), n_queries=5, n_initial=10, seed=0)
    finished = run.step()
    assert len(set(finished.queried.tolist())) == 5
    assert "10 batches were tried" in finished.note
    again = Run("gaussians", strategy=create("boss-oracle", n_batches=10, evaluate=100), n_queries=5, n_initial=10, seed=0)
    assert again.step().queried.tolist() == finished.queried.tolist()
