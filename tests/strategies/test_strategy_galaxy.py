"""GALAXY against explicit graphs, searched breadth-first."""

from itertools import pairwise

import numpy as np
import pytest

import alviz
from alviz.strategies import create
from alviz.testing import random_arrays, random_pool


def shortest(line, known, c, reach):
    """Links on a shortest path between labels of both kinds, by breadth-first search over explicit links, or None."""
    n = len(line)

    def linked(i, j):
        both = line[i] in known and line[j] in known
        return 0 < abs(i - j) <= reach and not (both and (known[line[i]] == c) != (known[line[j]] == c))

    front = [i for i in range(n) if line[i] in known and known[line[i]] == c]
    seen, length = set(front), 0
    while front:
        length += 1
        new = []
        for i in front:
            for j in range(n):
                if linked(i, j) and j not in seen:
                    if line[j] in known and known[line[j]] != c:
                        return length
                    seen.add(j)
                    new.append(j)
        front = new
    return None


def naive(p, candidates, labelled, labels, n_classes, b, rng):
    """Dataset indices, by the card, one link and one label at a time."""
    every = sorted([*candidates, *labelled])

    def score(i, c):
        return p[i][c] - max(p[i]) if p[i][c] < max(p[i]) else max(p[i])

    lines = [sorted(every, key=lambda i, c=c: (score(i, c), i)) for c in range(n_classes)]
    known = dict(zip(labelled, labels, strict=True))
    fallback = [candidates[i] for i in rng.permutation(len(candidates))]
    reach, picks = 1, []
    for _ in range(b):
        c = len(known) % n_classes
        line = lines[c]
        kinds = {known[i] == c for i in known}
        pick = None
        while pick is None and len(kinds) == 2:
            length = shortest(line, known, c, reach)
            if length is None:
                reach += 1
                continue
            at = {i: place for place, i in enumerate(line)}
            if length == 2:
                options = []
                for i in set(line) - set(known):
                    plus = min(abs(at[i] - at[j]) for j in known if known[j] == c)
                    minus = min(abs(at[i] - at[j]) for j in known if known[j] != c)
                    options.append((max(plus, minus), plus, i))
                pick = min(options)[2]
                assert min(options)[0] <= reach
            else:
                gaps = [t - s for s, t in stretches(line, known, c)]
                assert length == -(-min(gaps) // reach)  # the shortest stretch is a shortest path
                pick = min(halved(line, known, c, s, t) for s, t in stretches(line, known, c) if t - s == min(gaps))
        if pick is None:
            pick = next(i for i in fallback if i not in picks)
        picks.append(pick)
        known[pick] = int(np.argmax(p[pick]))
    return picks


def stretches(line, known, c):
    """(from, to) of the stretches of unlabelled places with labels of both kinds at their ends."""
    ends = [place for place, i in enumerate(line) if i in known]
    return [(s, t) for s, t in pairwise(ends) if (known[line[s]] == c) != (known[line[t]] == c) and t - s > 1]


def halved(line, known, c, s, t):
    """The middle node of the path, counted from its negative end as the authors' code does: path[len(path) // 2]."""
    path = line[s : t + 1] if known[line[s]] != c else line[s : t + 1][::-1]
    return path[len(path) // 2]


def beliefs(kind, seed, k):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(k), size=60)
    if kind == "few distinct":
        p = p[rng.integers(0, 4, size=60)]
    if kind == "certain":
        p = np.eye(k)[p.argmax(axis=1)]
    return p


@pytest.mark.parametrize("kind", ["random", "few distinct", "certain"])
@pytest.mark.parametrize(
    ("seed", "k", "n_labelled", "b"),
    [(0, 2, 12, 30), (1, 4, 20, 25), (2, 3, 1, 20), (3, 4, 0, 30), (4, 1, 5, 10), (5, 2, 30, 30), (6, 6, 30, 15)],
)
def test_picks(kind, seed, k, n_labelled, b):
    arrays = {**random_arrays(seed=seed, n_classes=k), "probabilities": beliefs(kind, seed, k)}
    pool = random_pool(arrays, n_labelled, n_classes=k, seed=seed)
    expected = naive(
        arrays["probabilities"], pool.candidates.tolist(), pool.labelled.tolist(), pool.labels.tolist(), k, b, np.random.default_rng(9)
    )
    assert create("galaxy").select(pool, b, np.random.default_rng(9)).indices.tolist() == expected


@pytest.mark.parametrize("seed", range(3))
def test_runs_of_labels_around_cuts(seed):
    # Labels in long runs by score: cuts without room between them, so links have to grow.
    rng = np.random.default_rng(seed)
    first = np.sort(rng.uniform(0.01, 0.49, size=60))
    p = np.stack([first, 1 - first], axis=1)
    labels = np.full(60, -1)
    labels[10:25], labels[25:45] = 1, 0
    free = np.flatnonzero(labels < 0)
    expected = naive(p, free.tolist(), list(range(10, 45)), labels[10:45].tolist(), 2, 20, np.random.default_rng([seed]))
    assert alviz.query("galaxy", 20, labels=labels, probabilities=p, seed=seed).tolist() == expected


def test_one_query_a_round_finds_the_cut_by_bisection():
    # 1,025 samples along a line, the first 900 of them class 0, though the model says 0 for 512 only. Ends labelled: 10 questions find the cut.
    first = np.linspace(0.999, 0.001, 1025)
    p = np.stack([first, 1 - first], axis=1)
    labels = np.full(1025, -1)
    labels[0], labels[1024] = 0, 1
    asked = []
    for _ in range(10):
        asked += alviz.query("galaxy", 1, labels=labels, probabilities=p).tolist()
        labels[asked[-1]] = int(asked[-1] >= 900)
    assert asked[:4] == [512, 768, 896, 960]
    assert {899, 900} <= set(np.flatnonzero(labels >= 0).tolist())
    # Margin asks next to the model's boundary instead.
    assert abs(alviz.query("margin", 10, labels=np.full(1025, -1), probabilities=p) - 512).max() <= 5


def test_with_labels_of_one_kind_the_turn_is_random():
    p = np.random.default_rng(0).dirichlet(np.ones(2), size=200)
    labels = np.full(200, -1)
    labels[0] = 0
    first = {int(alviz.query("galaxy", 1, labels=labels, probabilities=p, seed=s)[0]) for s in range(40)}
    assert len(first) > 25
