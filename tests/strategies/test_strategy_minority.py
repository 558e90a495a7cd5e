"""cmcs, umcs, dmcs: paper's equations 3 to 7 with plain loops."""

import math
from fractions import Fraction

import numpy as np
import pytest

import alviz

KINDS = ("cmcs", "umcs", "dmcs")


def naive(kind, auxiliary_margin, p, x, labels, b):
    """(minority picks in order, rest in order of the margin auxiliary or None)."""
    n, k = p.shape
    counts = [int((labels == c).sum()) for c in range(k)]
    mu = Fraction(sum(counts), k)
    free = [i for i in range(n) if labels[i] < 0]
    predicted = {i: int(p[i].argmax()) for i in free}

    def margin(i):
        top = sorted(p[i].tolist())
        return top[-1] - top[-2]

    chosen = []
    for c in sorted(range(k), key=lambda c: (counts[c], c)):
        room = math.floor(mu - counts[c])
        members = [i for i in free if predicted[i] == c]
        take = max(0, min(room, len(members), b - len(chosen)))
        if take == 0:
            continue
        if kind == "cmcs":
            chosen += sorted(members, key=lambda i: (-margin(i), i))[:take]
        elif kind == "umcs":
            chosen += sorted(members, key=lambda i: (margin(i), i))[:take]
        else:
            centres = [j for j in range(n) if labels[j] == c]
            for _ in range(take):
                left = [i for i in members if i not in chosen]
                if centres:
                    best = max(left, key=lambda i: (min(((x[i] - x[j]) ** 2).sum() for j in centres), -i))
                else:
                    mean = x[members].mean(axis=0)
                    best = min(left, key=lambda i: (((x[i] - mean) ** 2).sum(), i))
                chosen.append(best)
                centres.append(best)
    rest = sorted((i for i in free if i not in chosen), key=lambda i: (margin(i), i))[: b - len(chosen)]
    return chosen, rest


def setting(seed):
    rng = np.random.default_rng(seed)
    n, k, d = 120, 5, 3
    p = rng.dirichlet(np.full(k, 0.5), size=n)
    x = rng.normal(size=(n, d))
    labels = np.full(n, -1)
    shares = np.array([0.5, 0.25, 0.15, 0.1, 0.0])  # the last class has no label at all
    labels[rng.choice(n, 40, replace=False)] = rng.choice(k, 40, p=shares)
    return p, x, labels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("b", [1, 3, 10, 60])
@pytest.mark.parametrize("seed", range(3))
def test_against_the_equations(kind, b, seed):
    p, x, labels = setting(seed)
    chosen, rest = naive(kind, True, p, x, labels, b)
    got = alviz.query(f"{kind}-margin", b, labels=labels, probabilities=p, features=x)
    assert got.tolist() == chosen + rest
    randomly = alviz.query(f"{kind}-random", b, labels=labels, probabilities=p, features=x, seed=seed)
    assert randomly[: len(chosen)].tolist() == chosen
    assert (labels[randomly] < 0).all() and len(set(randomly.tolist())) == b


def test_allocation_by_hand():
    # 12 labels in 4 classes: μ = 3, s = 8, 2, 1, 1 → rooms 0, 1, 2, 2, classes 2 and 3 before class 1.
    labels = np.array([0] * 8 + [1] * 2 + [2] + [3] + [-1] * 12)
    p = np.full((24, 4), 0.1)
    p[np.arange(24), np.arange(24) % 4] = 0.7
    got = alviz.query("cmcs-margin", 5, labels=labels, probabilities=p)
    assert (got % 4).tolist() == [2, 2, 3, 3, 1]
    assert (alviz.query("cmcs-margin", 3, labels=labels, probabilities=p) % 4).tolist() == [2, 2, 3]


def test_rounding_is_down():
    # 5 labels in 2 classes: μ = 2.5, s = 4, 1 → ⌊1.5⌋ = 1 for class 1, the rest by margin.
    labels = np.array([0, 0, 0, 0, 1, -1, -1, -1, -1])
    p = np.array([[0.5, 0.5]] * 5 + [[0.1, 0.9], [0.2, 0.8], [0.45, 0.55], [0.6, 0.4]])
    assert alviz.query("cmcs-margin", 3, labels=labels, probabilities=p).tolist() == [5, 7, 8]


@pytest.mark.parametrize("kind", KINDS)
def test_balanced_labels_leave_all_to_the_auxiliary(kind):
    p, x, _ = setting(0)
    labels = np.full(120, -1)
    labels[:10] = np.arange(10) % 5
    arguments = {"labels": labels, "probabilities": p, "features": x}
    np.testing.assert_array_equal(alviz.query(f"{kind}-margin", 9, **arguments), alviz.query("margin", 9, **arguments))
    counts = np.zeros(120)
    for seed in range(400):
        counts[alviz.query(f"{kind}-random", 11, **arguments, seed=seed)] += 1
    assert counts[:10].sum() == 0
    assert ((counts[10:] - 40) ** 2 / 40).sum() < 170  # chi-square with about 109 degrees of freedom, 1 in 5,000


def test_scores_are_the_criterion_of_minority_members():
    p, x, labels = setting(1)
    scores = {kind: alviz.query(f"{kind}-margin", 4, labels=labels, probabilities=p, features=x, return_scores=True)[1] for kind in KINDS}
    counts = np.bincount(labels[labels >= 0], minlength=5)
    minority = [c for c in range(5) if math.floor(Fraction(40, 5) - int(counts[c])) > 0]
    scored = (labels < 0) & np.isin(p.argmax(axis=1), minority)
    margins = np.sort(p, axis=1)[:, -1] - np.sort(p, axis=1)[:, -2]
    np.testing.assert_allclose(scores["cmcs"][scored], margins[scored])
    np.testing.assert_allclose(scores["umcs"][scored], -margins[scored])
    for values in (scores["cmcs"], scores["umcs"]):
        assert np.isnan(values[~scored]).all()
