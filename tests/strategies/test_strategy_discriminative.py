"""Discriminative active learning: it finds what has no label, and its portions count as labelled."""

import numpy as np
import pytest

import alviz
from alviz.progress import silent
from alviz.strategies import discriminative
from alviz.strategies.discriminative import LOOK, discriminator, endless, outputs


def clusters(seed, counts, d=8, apart=4.0):
    """(features, cluster of each sample): a unit normal cloud around each of len(counts) random centres."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(d, d)))[0][: len(counts)] * apart
    which = np.repeat(np.arange(len(counts)), counts)
    return (centres[which] + rng.normal(size=(len(which), d))).astype(np.float32), which


def labels_from(which, known, n, seed):
    """Labels for n random samples of the clusters `known`, −1 elsewhere."""
    labels = np.full(len(which), -1)
    chosen = np.random.default_rng(seed).choice(np.flatnonzero(np.isin(which, known)), n, replace=False)
    labels[chosen] = which[chosen]
    return labels


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_the_cluster_without_a_label(seed):
    x, which = clusters(seed, [150, 150, 150, 50])
    labels = labels_from(which, [0, 1, 2], 40, seed)
    picks, scores = alviz.query("disc-al", 10, labels=labels, features=x, seed=seed, mini_queries=1, return_scores=True)
    assert (which[picks] == 3).all()  # one in eight of the candidates is there
    missing, others = scores[which == 3], scores[(which != 3) & (labels < 0)]
    assert (missing[:, None] > others[None, :]).mean() > 0.8


@pytest.mark.parametrize("seed", range(5))
def test_portions_cover_several_missing_clusters(seed):
    x, which = clusters(seed, [150, 150, 40, 40, 40])
    labels = labels_from(which, [0, 1], 30, seed)
    picks = alviz.query("disc-al", 12, labels=labels, features=x, seed=seed, mini_queries=6)
    assert {2, 3, 4} <= set(which[picks].tolist())


def test_picks_count_as_labelled(monkeypatch):
    seen = []

    def spy(labelled, unlabelled, *options):
        seen.append((labelled, unlabelled))
        return discriminator(labelled, unlabelled, *options)

    monkeypatch.setattr(discriminative, "discriminator", spy)
    x, which = clusters(0, [30, 30])
    labels = labels_from(which, [0, 1], 10, 0)
    alviz.query("disc-al", 7, labels=labels, features=x, mini_queries=3)
    assert [(len(labelled), len(unlabelled)) for labelled, unlabelled in seen] == [(10, 50), (13, 47), (15, 45)]  # portions of 3, 2 and 2


def test_ten_unlabelled_samples_for_a_labelled_one(monkeypatch):
    sizes = []
    monkeypatch.setattr(discriminative, "discriminator", lambda a, b, *rest: sizes.append((len(a), len(b))) or discriminator(a, b, *rest))
    x, _ = clusters(0, [200])
    labels = np.full(200, -1)
    labels[:4] = 0
    picks = alviz.query("disc-al", 196, labels=labels, features=x, mini_queries=1, steps=5)
    assert sizes == [(4, 40)]
    assert sorted(picks) == list(range(4, 200))  # all candidates can be chosen all the same


def test_both_sides_count_the_same():
    # 50 against 1,000 from one cloud in the plane: nothing to tell, so the answer must be near one half, not near 1,000 / 1,050.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1050, 2)).astype(np.float32)
    nets = discriminator(x[:50], x[50:], 0.98, 200, np.random.default_rng(1), silent)
    fresh = rng.normal(size=(2000, 2)).astype(np.float32)
    probability = 1 / (1 + np.exp(-outputs(nets, fresh)))
    assert 0.3 < np.median(probability) < 0.7


def test_training_stops_before_it_is_sure_of_everything():
    x, which = clusters(0, [40, 40])
    steps = []
    discriminator(x[which == 0], x[which == 1], 0.98, 500, np.random.default_rng(0), steps.append)
    assert len(steps) in range(LOOK, 10 * LOOK)
    same, steps_of_same = np.zeros((40, 3), np.float32), []
    discriminator(same, same, 0.98, 60, np.random.default_rng(0), steps_of_same.append)
    assert len(steps_of_same) == 60


@pytest.mark.parametrize(("n", "size"), [(1, 3), (5, 2), (5, 5), (4, 7)])
def test_draws_take_turns(n, size):
    draws = endless(n, size, np.random.default_rng(0))
    drawn = np.concatenate([next(draws) for _ in range(3 * n)])
    assert all(sorted(drawn[i : i + n]) == list(range(n)) for i in range(0, len(drawn), n))


def test_nothing_labelled():
    x, which = clusters(0, [100, 100, 100])
    labels = np.full(300, -1)
    selections = [alviz.query("disc-al", 30, labels=labels, features=x, seed=seed, return_selection=True) for seed in range(3)]
    assert len({tuple(selection.indices[:3]) for selection in selections}) == 3
    for selection in selections:
        assert np.isnan(selection.gains[:3]).all() and (selection.gains[3:] > 0.5).all()
        assert len(set(which[selection.indices])) == 3


def test_alike_samples_go_by_index():
    labels = np.full(20, -1)
    labels[[3, 7]] = 0
    picks = alviz.query("disc-al", 6, labels=labels, features=np.ones((20, 4)), steps=20)
    assert picks.tolist() == [0, 1, 2, 4, 5, 6]


def test_embeddings_come_before_features():
    x, which = clusters(2, [100, 100])
    labels = labels_from(which, [0], 20, 0)
    noise = np.random.default_rng(0).normal(size=(200, 3))
    assert (which[alviz.query("disc-al", 8, labels=labels, features=noise, embeddings=x, mini_queries=1)] == 1).all()


@pytest.mark.parametrize(("option", "value"), [("mini_queries", 0), ("accuracy", 0.0), ("accuracy", 1.5), ("steps", 0), ("steps", 2.5)])
def test_settings(option, value):
    with pytest.raises(ValueError, match=f"disc-al: {option} must be"):
        alviz.strategies.create("disc-al", **{option: value})
