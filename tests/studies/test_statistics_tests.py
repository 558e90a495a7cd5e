"""Tests between arms: by hand, against scipy, the tables of the papers, and by how often they are wrong where nothing differs."""

import itertools

import numpy as np
import pytest
from scipy import stats

from alviz.studies.statistics import (
    Curves,
    average_ranks,
    critical_difference,
    holm,
    paired_tests,
    penalties,
    seeds_to_test,
    sign_flip,
    too_few,
    win_tie_loss,
)


def finals(arms, **more):
    """Curves of two rounds that begin at 0, so that AUBC is half the final value; arm -> (S,) final values."""
    values = {name: np.stack([np.zeros(len(column)), np.asarray(column, dtype=float)], axis=1) for name, column in arms.items()}
    values = {name: np.where(np.isnan(table[:, 1:]), np.nan, table) for name, table in values.items()}
    return Curves("accuracy", np.array([10, 20]), np.arange(len(next(iter(arms.values())))), values, **more)


# Sign flips


def test_sign_flips_by_hand():
    # 1 + 2 + 3 = 6; of the eight sign patterns only +++ and −−− are as far from 0. 1 + 2 − 3 = 0: all are. With −1, 2, 3 the sum is 4: ±4 and ±6.
    np.testing.assert_allclose(sign_flip([[1, 1, -1], [2, 2, 2], [3, -3, 3]]), [2 / 8, 1.0, 4 / 8])
    assert sign_flip(np.ones((5, 1))) == pytest.approx(2 / 2**5)
    assert sign_flip([[0.4]]) == 1.0


def test_level_seeds_do_not_change_a_p_value_and_missing_ones_do_not_count():
    some = [1.0, 2.0, 3.0, 5.0]
    np.testing.assert_allclose(sign_flip([[v] for v in [*some, 0.0]]), sign_flip([[v] for v in some]))
    np.testing.assert_allclose(sign_flip([[v] for v in [*some, np.nan]]), sign_flip([[v] for v in some]))
    assert np.isnan(sign_flip([[np.nan], [np.nan]])).all()


def test_sums_that_are_equal_but_for_rounding_are_equal():
    # 0.1 + 0.2 − 0.3 is 5.6e-17 in binary: as near to 0 as can be, so every flip is at least as far.
    assert sign_flip([[0.1], [0.2], [-0.3]]) == 1.0


def test_exact_p_values_are_scipys():
    differences = np.random.default_rng(0).normal(0.3, 1.0, size=(9, 20))
    theirs = stats.permutation_test(
        (differences,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", vectorized=True, n_resamples=np.inf, axis=0
    )
    np.testing.assert_allclose(sign_flip(differences), theirs.pvalue)


def test_random_flips_come_near_the_exact_p_value_and_never_to_zero():
    # The sum of n signs: P(|sum| ≥ 10) of 20 equal differences, 15 of them positive, is 2 · P(Bin(20, ½) ≥ 15).
    differences = np.array([1.0] * 15 + [-1.0] * 5)[:, None]
    exact = 2 * stats.binom.sf(14, 20, 0.5)
    assert sign_flip(differences)[0] == pytest.approx(exact, abs=4 * np.sqrt(exact / 9999))
    assert sign_flip(np.ones((40, 1)))[0] == pytest.approx(1 / 10_000)


@pytest.mark.parametrize("seeds", [8, 16])
def test_sign_flips_are_wrong_as_often_as_they_say(seeds):
    p = sign_flip(np.random.default_rng(5).standard_t(3, size=(seeds, 2000)))
    for alpha in (0.05, 0.2):
        assert abs((p <= alpha).mean() - alpha) < 4 * np.sqrt(alpha * (1 - alpha) / 2000) + 2 / 2**seeds


def test_holm_by_hand():
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") is 0.03 0.06 0.06 0.02: 4 · 0.005, 3 · 0.01, 2 · 0.03, max(0.06, 0.04).
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, np.nan, 0.7]), [1.0, np.nan, 1.0])


def test_paired_tests_between_all_pairs_and_against_a_reference():
    random, rng = np.linspace(0.5, 0.6, 8), np.random.default_rng(0)
    data = finals({"random": random, "margin": random + rng.uniform(0.02, 0.04, 8), "same": random})
    found = paired_tests(data, "final")
    assert found.pairs == (("random", "margin"), ("random", "same"), ("margin", "same"))
    # margin is better in all eight seeds: p = 2/2⁸, times three with Holm; a difference of nothing has p = 1.
    np.testing.assert_allclose(found.p_values, [2 / 256, 1.0, 2 / 256])
    np.testing.assert_allclose(found.adjusted, [6 / 256, 1.0, 6 / 256])
    assert found.significant().tolist() == [True, False, True] and found.exact
    assert found.advantage.high[0] < 0 < found.advantage.low[2]
    against = paired_tests(data, "final", "random")
    assert against.pairs == (("margin", "random"), ("same", "random"))
    np.testing.assert_allclose(against.adjusted, [4 / 256, 1.0])


def test_less_may_be_better():
    loss = finals({"a": [1.0, 2.0, 3.0], "b": [2.0, 3.5, 4.0]}, larger_is_better=False)
    assert paired_tests(loss, "final").advantage.mean[0] == pytest.approx(3.5 / 3)
    assert win_tie_loss({"x": loss}, "final").outcome[0, 0, 1] == 1
    assert average_ranks({"x": loss}, "final").arms == ("a", "b")


def test_pairs_without_a_shared_seed_have_no_p_value():
    found = paired_tests(finals({"a": [0.1, np.nan], "b": [np.nan, 0.2], "c": [0.2, 0.1]}), "final")
    assert found.advantage.seeds.tolist() == [0, 1, 1]
    assert np.isnan(found.p_values[0]) and np.isnan(found.adjusted[0]) and found.adjusted[1:].tolist() == [1.0, 1.0]
    assert found.significant().tolist() == [False] * 3


@pytest.mark.parametrize("test", [paired_tests, too_few, lambda data: win_tie_loss({"x": data}), lambda data: average_ranks({"x": data})])
def test_one_arm_cannot_be_compared(test):
    with pytest.raises(ValueError, match=r"at least two arms are wanted to (compare|rank), got only 'a'"):
        test(finals({"a": [0.1, 0.2]}))


# Win, tie, loss


def test_win_tie_loss_by_hand():
    # Means over seeds. First: a 0.605, b 0.600, c 0.596. a wins against b (exactly half a point) and c, b ties with c. Second: all level but c, a point ahead.
    first = finals({"a": [0.705, 0.505], "b": [0.7, 0.5], "c": [0.696, 0.496]})
    second = finals({"c": [0.81, 0.81], "a": [0.8, 0.8], "b": [0.801, 0.801]})
    found = win_tie_loss({"first": first, "second": second}, "final")
    assert found.arms == ("a", "b", "c") and found.settings == ("first", "second")
    wins, ties, losses = found.counts()
    assert wins.tolist() == [[0, 1, 1], [0, 0, 0], [1, 1, 0]]
    assert ties.tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert losses.tolist() == wins.T.tolist()
    assert found.totals().tolist() == [[2, 0, 2], [1, 2, 1], [1, 2, 1]]
    assert np.isnan(found.outcome[:, range(3), range(3)]).all()


def test_arms_that_never_met_neither_win_nor_tie():
    found = win_tie_loss({"x": finals({"a": [0.9, np.nan], "b": [np.nan, 0.1], "c": [0.5, 0.5]})}, "final")
    assert np.isnan(found.outcome[0, 0, 1])
    assert found.totals().tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 1]]


def test_settings_must_fit_together():
    with pytest.raises(ValueError, match="'x' and 'y' have different arms: a, b and a, c"):
        win_tie_loss({"x": finals({"a": [0], "b": [1]}), "y": finals({"a": [0], "c": [1]})})
    with pytest.raises(ValueError, match="different metrics"):
        win_tie_loss({"x": finals({"a": [0], "b": [1]}), "y": finals({"a": [0], "b": [1]}, larger_is_better=False)})
    with pytest.raises(ValueError, match="at least one"):
        win_tie_loss({})
    with pytest.raises(ValueError, match="margin must be above 0, got 0"):
        win_tie_loss({"x": finals({"a": [0], "b": [1]})}, margin=0)


# The penalty matrix


def penalties_naively(settings, rounds):
    """As the paper says it: for each setting and label budget a t-score per pair, 2.776 the critical point with five repeats."""
    arms = list(next(iter(settings.values())).values)
    matrix = np.zeros((len(arms), len(arms)))
    for name, data in settings.items():
        for r, (i, a), (j, b) in itertools.product(rounds[name], enumerate(arms), enumerate(arms)):
            if i == j:
                continue
            errors = (1 - data.values[a][:, r]) - (1 - data.values[b][:, r])
            mu = errors.sum() / 5
            t = np.sqrt(5) * mu / np.sqrt(((errors - mu) ** 2).sum() / 4)
            if t < -2.7764451:
                matrix[i, j] += 1 / len(rounds[name])
    return matrix


def grown(seed, noise):
    rng = np.random.default_rng(seed)
    rise = 1 - np.exp(-np.arange(16) / 4)
    tables = {
        arm: 0.8 * rise + bonus * rise + rng.normal(scale=noise, size=(5, 16)) for arm, bonus in (("random", 0), ("a", 0.02), ("b", 0.03))
    }
    return Curves("accuracy", 100 + 50 * np.arange(16), np.arange(5), tables)


def test_the_penalty_matrix_is_the_papers():
    settings = {"x": grown(0, 0.01), "y": grown(1, 0.02)}
    found = penalties(settings)
    np.testing.assert_allclose(found.matrix, penalties_naively(settings, dict.fromkeys(settings, range(1, 16))))
    assert found.compared.tolist() == [[0, 2, 2], [2, 0, 2], [2, 2, 0]]
    np.testing.assert_allclose(found.overall, found.matrix.sum(axis=0) / 3)
    assert found.overall.argmin() == 2


def test_the_papers_label_budgets():
    # 0.5 to round 5, then 0.9: 99 % of the last is reached in round 6 (400 labels), so 1 ≤ m ≤ ⌊log2(6)⌋ = 2: the rounds 1 and 2.
    random = np.tile(np.where(np.arange(9) < 6, 0.5, 0.9), (3, 1))
    better = random + np.array([0.01, 0.011, 0.012])[:, None] * (np.arange(9) == 2)
    found = penalties({"x": Curves("accuracy", 100 + 50 * np.arange(9), np.arange(3), {"random": random, "a": better})}, "random")
    assert found.matrix.tolist() == [[0, 0], [1 / 2, 0]]
    over_all = penalties({"x": Curves("accuracy", 100 + 50 * np.arange(9), np.arange(3), {"random": random, "a": better})})
    assert over_all.matrix[1, 0] == pytest.approx(1 / 8)


def test_the_t_test_is_wrong_as_often_as_it_says():
    rng = np.random.default_rng(0)
    data = Curves("accuracy", np.arange(1, 2002), np.arange(10), {arm: rng.normal(size=(10, 2001)) for arm in "ab"})
    matrix = penalties({"x": data}).matrix
    assert matrix[0, 1] + matrix[1, 0] == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 2000))


def test_penalties_of_few_or_missing_seeds():
    alone = penalties({"x": finals({"a": [0.9], "b": [0.1]})})
    assert not alone.matrix.any() and not alone.compared.any()
    gaps = penalties({"x": finals({"a": [0.9, 0.92, np.nan], "b": [0.1, 0.11, 0.2]})})
    assert gaps.matrix.tolist() == [[0, 1], [0, 0]]
    level = penalties({"x": finals({"a": [0.5, 0.5], "b": [0.5, 0.5]})})
    assert not level.matrix.any() and level.compared[0, 1] == 1
    with pytest.raises(ValueError, match="after round 0"):
        penalties({"x": Curves("accuracy", np.array([5]), np.arange(2), {"a": np.ones((2, 1)), "b": np.ones((2, 1))})})
    with pytest.raises(ValueError, match="no run of the reference 'a' is finished"):
        penalties({"x": finals({"a": [np.nan, np.nan], "b": [0.1, 0.2]})}, "a")


# Ranks

DEMSAR = """0.763 0.768 0.771 0.798  0.599 0.591 0.590 0.569  0.954 0.971 0.968 0.967  0.628 0.661 0.654 0.657  0.882 0.888 0.886 0.898
0.936 0.931 0.916 0.931  0.661 0.668 0.609 0.685  0.583 0.583 0.563 0.625  0.775 0.838 0.866 0.875  1.000 1.000 1.000 1.000
0.940 0.962 0.965 0.962  0.619 0.666 0.614 0.669  0.972 0.981 0.9751 0.975  0.957 0.978 0.946 0.970"""
"""Demšar 2006, table 6: AUC of C4.5, C4.5+m, C4.5+cf, C4.5+m+cf on 14 data sets (two that print alike are ranked 2 and 3 there)."""


def demsar(alpha):
    table = np.array(DEMSAR.split(), dtype=float).reshape(14, 4)
    settings = {
        f"data set {i}": finals({name: [value] for name, value in zip(("C4.5", "m", "cf", "m+cf"), row, strict=True)})
        for i, row in enumerate(table)
    }
    return average_ranks(settings, "final", alpha), table


def test_demsars_example():
    found, table = demsar(0.05)
    assert dict(zip(found.arms, found.average.round(3), strict=True)) == {"m+cf": 1.964, "m": 2.0, "cf": 2.893, "C4.5": 3.143}
    # Demšar's statistic is 9.28, without the correction for ties, which divides by 1 − Σ(t³ − t)/(14 · 4 · 15): three pairs (6 each) and four alike (60).
    assert found.chi2 * (1 - 78 / 840) == pytest.approx(9.28, abs=0.005)
    assert found.chi2 == pytest.approx(stats.friedmanchisquare(*table.T).statistic)
    assert found.f == pytest.approx(13 * found.chi2 / (14 * 3 - found.chi2))
    assert found.p_value == pytest.approx(stats.f.sf(found.f, 3, 39))
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    # "Even the difference between the best and the worst is smaller than that": one group.
    assert found.cliques == (("m+cf", "m", "cf", "C4.5"),)
    assert (found.blocks, found.left_out) == (14, 0)


def test_demsars_groups_at_ten_per_cent():
    # The critical difference is 1.12: C4.5 is worse than m and m+cf; of cf nothing can be said.
    found, _ = demsar(0.10)
    assert found.critical_difference == pytest.approx(1.12, abs=0.005)
    assert found.cliques == (("m+cf", "m", "cf"), ("cf", "C4.5"))


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_nemenyis_critical_values(k, q):
    """Demšar 2006, table 5a."""
    assert critical_difference(k, 1) / np.sqrt(k * (k + 1) / 6) == pytest.approx(q, abs=0.0011)


def test_blocks_are_settings_and_seeds_and_those_with_gaps_are_counted():
    x = finals({"a": [0.9, 0.8, 0.7], "b": [0.5, 0.8, np.nan]})
    found = average_ranks({"x": x, "y": finals({"a": [0.1], "b": [0.2]})}, "final")
    # a: ranks 1, 1.5 and 2; b: 2, 1.5 and 1.
    assert found.average.tolist() == [1.5, 1.5] and (found.blocks, found.left_out) == (3, 1)
    assert found.p_value == pytest.approx(1.0) and found.cliques == (("a", "b"),)
    with pytest.raises(ValueError, match="no setting and seed"):
        average_ranks({"x": finals({"a": [np.nan, 1], "b": [1, np.nan]})}, "final")


def test_ranks_of_perfect_agreement_of_level_arms_and_of_one_block():
    clear = average_ranks({"x": finals({"a": np.full(9, 0.3), "b": np.full(9, 0.2), "c": np.full(9, 0.1)})}, "final")
    # Kendall's agreement is complete: chi2 = n (k − 1) = 18. The critical difference is 2.343 √(12/54) = 1.10: neighbours do not differ significantly.
    assert clear.average.tolist() == [1, 2, 3] and clear.chi2 == pytest.approx(18) and clear.p_value < 1e-6
    assert clear.cliques == (("a", "b"), ("b", "c"))
    level = average_ranks({"x": finals({arm: [0.5, 0.5] for arm in "abc"})}, "final")
    assert level.average.tolist() == [2, 2, 2] and (level.chi2, level.p_value) == (0, 1) and level.cliques == (("a", "b", "c"),)
    assert average_ranks({"x": finals({"a": [0.5], "b": [0.1]})}, "final").p_value == 1.0


@pytest.mark.parametrize(("k", "n"), [(2, 2), (2, 5), (3, 2), (3, 3)])
def test_few_blocks_that_agree_say_no_more_than_the_exact_test(k, n):
    arms = "abc"[:k]
    found = average_ranks({"x": finals({arm: np.full(n, -0.1 * i) for i, arm in enumerate(arms)})}, "final")
    orders = itertools.product(itertools.permutations(range(k)), repeat=n)
    spread = [np.var(np.sum(order, axis=0)) for order in orders]  # grows with Friedman's chi2
    assert found.p_value == pytest.approx(np.mean(np.isclose(spread, max(spread))))
    assert found.p_value < 0.05 or found.cliques == (tuple(arms),)


def test_the_friedman_test_is_wrong_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [average_ranks({"x": finals({arm: rng.normal(size=10) for arm in "abcde"})}, "final").p_value for _ in range(200)]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 200))


# Too few seeds


def test_the_seeds_a_test_needs():
    # 2/2⁶ = 0.031 ≤ 0.05 < 2/2⁵ = 0.0625; for eleven comparisons 11 · 2/2⁹ = 0.043.
    assert [seeds_to_test(1), seeds_to_test(11)] == [6, 9]


def test_one_seed_decides_nothing():
    doubt = too_few(finals({"a": [0.5], "b": [0.9]}))
    assert (doubt.seeds, doubt.needed) == (1, 6) and doubt.sentence.startswith("One seed decides nothing")


def test_seeds_that_no_test_can_use():
    data = finals({"random": [0.5, 0.5, 0.5, 0.5], **{f"arm {i}": [0.9, 0.91, 0.9, 0.91] for i in range(11)}})
    doubt = too_few(data, "final", "random")
    assert doubt.sentence == (
        "4 seeds cannot decide: the smallest p-value that they allow is 1 after Holm's correction for 11 comparisons, above 0.05; at least 9 are needed."
    )
    assert (doubt.seeds, doubt.needed) == (4, 9)
    assert (
        "smallest p-value that they allow is 0.12, above 0.05; at least 6"
        in too_few(finals({"a": [1, 1, 1, 1], "b": [0, 0, 0, 0]}), "final").sentence
    )


def test_a_wide_interval_is_named_with_the_seeds_that_would_do():
    # Differences ±0.04: standard deviation 0.0422 with ten. 1.96 · 0.0422/√n = 0.005 gives n = 273; Student's is 275 at that n.
    a = 0.5 + 0.04 * np.array([1, -1] * 5)
    doubt = too_few(finals({"a": a, "b": np.full(10, 0.5)}), "final")
    assert doubt.seeds == 10 and 270 <= doubt.needed <= 280
    assert doubt.sentence.startswith("10 seeds leave the difference open: a − b is known to ±3")
    assert " points only, the margin is 0.5 points; " in doubt.sentence


def test_enough_seeds_leave_no_doubt():
    random = np.linspace(0.5, 0.6, 10)
    assert too_few(finals({"random": random, "margin": random + 0.02, "level": random}), "final") is None
    # A difference that is wide but clear of 0 is decided.
    assert too_few(finals({"a": random, "b": random + np.linspace(0.1, 0.9, 10)}), "final") is None


def test_arms_without_a_shared_seed_are_named():
    doubt = too_few(finals({"a": [0.1, np.nan], "b": [np.nan, 0.2]}))
    assert doubt.sentence == "a and b have no finished run with the same seed, so nothing can be said of them." and doubt.seeds == 0
