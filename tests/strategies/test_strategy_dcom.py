"""DCoM against its formulas on full matrices."""

import numpy as np
import pytest

from alviz.strategies import PoolView, coverage, dcom
from alviz.strategies.arrays import Arrays
from alviz.strategies.dcom import DCoM
from alviz.strategies.probcover import ProbCover
from alviz.strategies.uncertainty import Margin


def pool_of(x, p, labelled=(), labels=(), candidates=None):
    n = len(x)
    labelled = np.array(labelled, dtype=np.int64)
    candidates = np.setdiff1d(np.arange(n), labelled) if candidates is None else np.array(candidates)
    return PoolView(Arrays({"features": x, "probabilities": p}), candidates, labelled, np.array(labels, dtype=np.int64), p.shape[1], n)


def naive(x, p, labelled, labels, candidates, b, delta, reach=1.5, a=0.8, k=50.0):
    """(picks, gains, radii) of Mishal and Weinshall's rules, as the card has them."""
    x, p = x.astype(np.float64), p.astype(np.float64)
    everyone = list(labelled) + list(candidates)
    says = {i: int(np.argmax(p[i])) for i in candidates} | dict(zip(labelled, labels, strict=True))

    def ball(i, radius):
        distances = {j: np.sqrt(((x[i] - x[j]) ** 2).sum()) for j in everyone}
        return {j for j in everyone if distances[j] < radius or distances[j] == 0}

    def covered_by(radii):
        return set().union(*(ball(i, radius) for i, radius in zip(labelled, radii, strict=True))) | set(labelled)

    radii, mean, share, covered = [], delta, 0.0, set()
    if labelled:
        threshold = 0.4 + 0.2 * len(covered_by([delta] * len(labelled))) / len(everyone)
        for i, label in zip(labelled, labels, strict=True):
            radius = 0.0
            for step in range(23):
                inside = ball(i, delta * reach * step / 22)
                if sum(says[j] == label for j in inside) >= threshold * len(inside):
                    radius = delta * reach * step / 22
            radii.append(radius)
        covered = covered_by(radii)
        mean, share = np.mean(radii), len(covered) / len(everyone)
    s = (1 + np.exp(-k * (1 - a))) / (1 + np.exp(-k * (share - a)))
    gap = {i: np.sort(p[i])[-1] - (np.sort(p[i])[-2] if p.shape[1] > 1 else 0) for i in everyone}
    unsure = {i: max(gap.values()) - gap[i] for i in candidates}
    near = {i: ball(i, mean) - set(labelled) for i in candidates}
    picks, gains = [], []
    while len(picks) < b:
        free = [i for i in candidates if i not in picks]
        degree = {i: len(near[i] - covered) for i in free}
        most = max(1, *degree.values()) if len(free) > 1 else max(1, degree[free[0]])
        least_sure = max(unsure[i] for i in free) or 1
        score = {i: s * unsure[i] / least_sure + (1 - s) * degree[i] / most for i in free}
        best = max(score.values())
        pick = min(i for i in free if score[i] == best)
        picks.append(pick)
        gains.append(score[pick])
        covered |= near[pick]
    return picks, gains, radii


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(10))
def test_picks_and_gains(monkeypatch, seed, dtype):
    rng = np.random.default_rng(seed)
    n, k = 50, [3, 1, 4][seed % 3]
    grid = seed % 2 == 0  # many ties and copies, and distances that equal a step
    x = (rng.integers(0, 5, size=(n, 2)) if grid else rng.normal(size=(n, 3))).astype(dtype)
    p = rng.dirichlet(np.ones(k), size=n).astype(dtype)
    if grid:
        p = p[rng.integers(0, 5, size=n)]
    labelled = np.sort(rng.choice(n, [0, 1, 8, 20][seed % 4], replace=False)).tolist()
    labels = rng.integers(0, k, size=len(labelled)).tolist()
    candidates = np.setdiff1d(np.arange(n), labelled)[: 50 if seed < 5 else 20].tolist()
    b = len(candidates) if seed == 7 else 10
    options = {"delta": 2.2 if grid else 1.0, "a": [0.8, 0.4][seed % 2], "k": [50.0, 5.0][seed % 2]}
    if seed > 4:
        monkeypatch.setattr(coverage, "COLUMNS", 7)
        monkeypatch.setattr(dcom, "COLUMNS", 7)
        monkeypatch.setattr("alviz.strategies.device.BLOCK_BYTES", 16 * 7 * 3)
    got = DCoM(**options).select(pool_of(x, p, labelled, labels, candidates), b, rng)
    picks, gains, _ = naive(x, p, labelled, labels, candidates, b, **options)
    assert got.indices.tolist() == picks
    np.testing.assert_allclose(got.gains, gains, rtol=1e-9, atol=1e-12)
    assert got.scores[got.indices[0]] == got.gains[0]
    assert np.isfinite(got.scores[candidates]).all()


def test_radii_by_hand():
    # On a line, label 0 at 0. Predictions 0 at 1, 1 at 2 and 3, 0 at 4. Threshold 0.6, radii 0, 0.5, 1, … 5:
    # 1.5 holds {0, 1}: 1; 2.5: 2/3; 3.5: 2/4; 4.5: 3/5. The last is pure enough although 3.5 is not.
    from alviz.progress import silent
    from alviz.strategies.vectors import Dense

    centre, points = Dense(np.zeros((1, 1))), Dense(np.array([[1.0], [2], [3], [4]]))
    steps = np.arange(11) / 2
    arguments = (centre, np.array([0]), points, np.array([0, 1, 1, 0]), steps)
    assert dcom.pure_radii(*arguments, 0.6, silent).tolist() == [5.0]
    assert dcom.pure_radii(*arguments, 0.65, silent).tolist() == [3.0]
    assert dcom.pure_radii(*arguments, 0.7, silent).tolist() == [2.0]
    other = (centre, np.array([1]), points, np.array([0, 0, 0, 0]), steps)
    assert dcom.pure_radii(*other, 0.7, silent).tolist() == [1.0]  # the ball of radius 1 is open: the centre alone


def setting(seed=0):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 4, size=120)
    x = 8 * np.eye(4)[group] + rng.normal(size=(120, 4))
    p = 0.9 * np.eye(4)[group] + 0.1 * rng.dirichlet(np.ones(4), size=120)
    return x, p, group


def test_nothing_labelled_is_probability_coverage():
    x, p, _ = setting()
    ours = DCoM(delta=3.0).select(pool_of(x, p), 4, np.random.default_rng(0))
    theirs = ProbCover(delta=3.0).select(pool_of(x, p), 4, np.random.default_rng(0))
    assert ours.indices.tolist() == theirs.indices.tolist()


def test_covered_pools_are_asked_by_margin():
    x, p, group = setting()
    labelled = [int(np.flatnonzero(group == c)[i]) for c in range(4) for i in range(5)]
    pool = pool_of(x, p, labelled, group[labelled])
    ours = DCoM(delta=6.0).select(pool, 10, np.random.default_rng(0))
    assert ours.indices.tolist() == Margin().select(pool, 10, np.random.default_rng(0)).indices.tolist()


def test_disagreement_keeps_to_coverage():
    # The model says something else everywhere: no ball is pure, nothing is covered, and margins do not count.
    x, p, group = setting()
    labelled = [int(np.flatnonzero(group == c)[0]) for c in range(4)]
    wrong = np.roll(p, 1, axis=1)
    got = DCoM(delta=3.0).select(pool_of(x, wrong, labelled, group[labelled]), 4, np.random.default_rng(0))
    picks, _, radii = naive(x, wrong, labelled, group[labelled].tolist(), np.setdiff1d(np.arange(120), labelled).tolist(), 4, 3.0)
    assert got.indices.tolist() == picks
    assert max(radii) < 3.0
    assert (got.gains > 0.99).all()  # the greatest degree each time, whatever the margin


def test_tensors_give_the_same_picks():
    torch = pytest.importorskip("torch")
    x, p, group = setting(1)
    known = [3, 9, 40, 77]
    both = [
        DCoM().select(pool_of(points, probabilities, known, group[known]), 15, np.random.default_rng(1))
        for points, probabilities in ((x, p), (torch.tensor(x), torch.tensor(p)))
    ]
    assert both[0].indices.tolist() == both[1].indices.tolist()


def test_radius_of_one_cluster_is_infinite():
    p = np.random.default_rng(0).dirichlet(np.ones(2), size=12)
    got = DCoM().select(pool_of(np.ones((12, 2)), p, [0, 5], [0, 1]), 3, np.random.default_rng(0))
    pool = pool_of(np.ones((12, 2)), p, [0, 5], [0, 1])
    assert got.indices.tolist() == Margin().select(pool, 3, np.random.default_rng(0)).indices.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delta": float("nan")}, "dcom: delta must be"),
        ({"alpha": -0.1}, "dcom: alpha must be a number in 0 … 1"),
        ({"reach": 0.5}, "dcom: reach must be a number ≥ 1, got 0.5"),
        ({"a": 2}, "dcom: a must be a number in 0 … 1"),
        ({"k": -1}, "dcom: k must be a number in 0 … 500"),
    ],
)
def test_wrong_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        DCoM(**options)
