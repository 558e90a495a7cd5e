"""alamp (paper's equation 3) and Algorithm 1, taken literally."""

import math

import numpy as np
import pytest

import alviz
from alviz.strategies import create


def certainty(row, base):
    ordered = sorted(row, reverse=True)
    if base == "margin":
        return ordered[0] - ordered[1]
    if base == "least-confidence":
        return ordered[0]
    return math.log(len(row)) + math.fsum(p * math.log(p) for p in row if p > 0)


def alamp(now, before, base="margin"):
    m, m_before = certainty(now, base), certainty(before, base)
    return (m_before - m) / (m_before + m) if m_before + m > 0 else 0.0


def algorithm_1(order, top, b):
    """The paper's loops, line by line."""
    chosen = []
    while len(chosen) <= b and len(chosen) < len(order):
        seen = []
        for i in order:
            if top[i] not in seen and i not in chosen:
                chosen.append(i)
                seen.append(top[i])
    return chosen[:b]


def pool(seed):
    rng = np.random.default_rng(seed)
    n, k = 70, int(rng.integers(2, 7))
    p, q = rng.dirichlet(np.full(k, 0.5), size=(2, n))
    q[3] = p[3] = 1 / k  # 0/0
    labels = np.where(rng.random(n) < 0.25, rng.integers(k, size=n), -1)
    return p, q, labels, np.flatnonzero(labels < 0).tolist()


@pytest.mark.parametrize("base", ["margin", "least-confidence", "entropy"])
@pytest.mark.parametrize("seed", range(3))
def test_alamp(base, seed):
    p, q, labels, free = pool(seed)
    labels[3] = -1
    free = sorted({*free, 3})
    picks, scores = alviz.query("alamp", 20, labels=labels, probabilities=p, previous_probabilities=q, base=base, return_scores=True)
    expected = {i: alamp(p[i].tolist(), q[i].tolist(), base) for i in free}
    np.testing.assert_allclose([scores[i] for i in free], [expected[i] for i in free], atol=1e-11)
    assert picks.tolist() == sorted(free, key=lambda i: (-expected[i], i))[:20]
    if base == "margin":
        assert scores[3] == 0


@pytest.mark.parametrize("b", [1, 7, 25, "all"])
@pytest.mark.parametrize("seed", range(4))
def test_diversified_lists_follow_algorithm_1(seed, b):
    p, q, labels, free = pool(seed)
    b = len(free) if b == "all" else b
    by_alamp = sorted(free, key=lambda i: (-alamp(p[i].tolist(), q[i].tolist()), i))
    by_margin = sorted(free, key=lambda i: (certainty(p[i].tolist(), "margin"), i))
    got = alviz.query("alamp-div", b, labels=labels, probabilities=p, previous_probabilities=q)
    assert got.tolist() == algorithm_1(by_alamp, q.argmax(axis=1).tolist(), b)
    got = alviz.query("margin-div", b, labels=labels, probabilities=p)
    assert got.tolist() == algorithm_1(by_margin, p.argmax(axis=1).tolist(), b)
    # random-div at full budget shows its whole list: within a class the order is the shuffled one, and the sweeps must follow from it
    full = alviz.query("random-div", len(free), labels=labels, probabilities=p, seed=seed).tolist()
    assert sorted(full) == free
    top = p.argmax(axis=1).tolist()
    first_sweep = len({top[i] for i in free})
    assert len({top[i] for i in full[:first_sweep]}) == first_sweep
    assert alviz.query("random-div", b, labels=labels, probabilities=p, seed=seed).tolist() == full[:b]


def test_random_div_is_algorithm_1_on_a_shuffled_list():
    p = np.eye(2)[[0, 0, 0, 1]]
    picks = np.array([alviz.query("random-div", 2, labels=[-1] * 4, probabilities=p, seed=s) for s in range(1200)])
    # One sample of each class per sweep: the only sample of class 1 is always there, the others in equal shares.
    assert (picks == 3).any(axis=1).all()
    counts = np.bincount(picks[picks != 3], minlength=3)
    assert ((counts - 400) ** 2 / 400).sum() < 13.8  # chi-square, 2 degrees of freedom, 1 in 1,000
    # The list starts with class 1 in one of four cases.
    assert abs((picks[:, 0] == 3).mean() - 0.25) < 0.045


def test_first_round_falls_back():
    now = frozenset({"probabilities"})
    later = now | {"previous_probabilities"}
    assert create("alamp").fallback(now).name == "margin"
    assert create("alamp", base="entropy").fallback(now).name == "entropy"
    assert create("alamp-div").fallback(now).name == "margin-div"
    for name in ("alamp", "alamp-div"):
        strategy = create(name)
        assert strategy.fallback(later) is strategy
    margin = create("margin")
    assert margin.fallback(now) is margin


def test_unknown_base():
    with pytest.raises(ValueError, match=r"base must be one of margin, least-confidence, entropy, got 'bald'"):
        create("alamp", base="bald")
