"""Pools that learn from the pictures: the bins by hand, losses and clusters on made-up pictures with known answers, cache, cancelling."""

import random

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from alviz import initial
from alviz.data import cache
from alviz.data.dataset import Dataset
from alviz.initial.losses import binned
from alviz.progress import Cancelled
from alviz.strategies.lloyd import lloyd

LOSSES = ["inpainting-loss", "rotation-loss", "vae-loss"]
CLUSTERS = ["deepcluster-equal", "deepcluster-proportional"]
SIDE = 16
ODD = 12
QUICK = {"epochs": 1, "size": 8}


def made_up(images, targets, classes=2):
    pixels = np.clip(images, 0, 255).astype(np.uint8)
    return Dataset("made up", [str(i) for i in range(len(pixels))], pixels, None, targets.astype(np.int64), tuple("abc"[:classes]))


def bars_and_discs(n=200):
    """Bars that stand on the lower edge, whose rotation is plain to see; the odd ones (class 1) are discs, whose rotation nobody can tell."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    targets = np.zeros(n, dtype=int)
    targets[rng.choice(n, ODD, replace=False)] = 1
    images = np.stack(
        [
            220 * (np.hypot(y - 7.5, x - 7.5) < rng.uniform(3, 6))
            if odd
            else 200 * ((abs(x - rng.integers(4, 12)) <= 2) & (y >= rng.integers(6, 9)))
            for odd in targets
        ]
    )
    return made_up(images + rng.normal(scale=10, size=images.shape), targets)


def slopes_and_noise(n=200):
    """Grey slopes in all directions; the odd ones (class 1) have the same grey values, scattered."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] / (SIDE - 1) - 0.5
    targets = np.zeros(n, dtype=int)
    targets[rng.choice(n, ODD, replace=False)] = 1
    angle = rng.uniform(0, 2 * np.pi, n)[:, None, None]
    images = 127 + 100 * (np.sin(angle) * y + np.cos(angle) * x)
    for i in np.flatnonzero(targets):
        images[i] = rng.permutation(images[i].ravel()).reshape(SIDE, SIDE)
    return made_up(images, targets)


def stripes(n=600):
    """Stripes in three directions, shifted at random: pixel by pixel two of one kind have no more in common than two of different kinds."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    targets = rng.permutation(np.arange(n) % 3)
    phase = rng.uniform(0, 2 * np.pi, n)[:, None, None]
    across = np.stack([x, y, (x + y) / np.sqrt(2)])[targets]
    return made_up(127 + 100 * np.sin(2 * np.pi * across / 5 + phase) + rng.normal(scale=15, size=(n, SIDE, SIDE)), targets, 3)


def noise(n=20, shape=(8, 8)):
    return made_up(np.random.default_rng(3).integers(0, 256, (n, *shape)), np.arange(n) % 2)


# ---- bins -------------------------------------------------------------------------------------------------------------------------------


def test_bins_by_hand():
    # Positions by falling loss: 9 8 7 6 5 4 3 2 1 0.
    losses = np.arange(10.0)
    assert binned(losses, 4, 1).tolist() == [9, 8, 7, 6]
    assert binned(losses, 4, 2).tolist() == [9, 8, 0, 1]  # halves 9…5 and 4…0: the two highest, the two lowest
    assert binned(losses, 5, 5).tolist() == [9, 7, 5, 3, 0]  # pairs: the higher of each but the last
    assert binned(losses, 5, 2).tolist() == [9, 8, 7, 0, 1]  # the odd one to the harder bin
    assert binned(losses, 10, 5).tolist() == [9, 8, 7, 6, 5, 4, 3, 2, 0, 1]
    assert binned(losses, 3, 10).tolist() == [9, 8, 7]  # less than one each: the hardest bins
    # Ten into three bins: four, three and three; 9 8 7 6 | 5 4 3 | 2 1 0.
    assert binned(losses, 6, 3).tolist() == [9, 8, 5, 4, 0, 1]
    assert binned(losses, 1, 25).tolist() == [9]


def test_equal_losses_go_by_position():
    assert binned(np.array([1.0, 2.0, 2.0, 1.0]), 3, 1).tolist() == [1, 2, 0]


@pytest.mark.parametrize("bins", [1, 2, 5, 10])
def test_bins_as_the_paper_writes_them(bins):
    losses = np.random.default_rng(0).normal(size=100)
    order = np.argsort(-losses)
    parts = [order[i * 100 // bins : (i + 1) * 100 // bins] for i in range(bins)]
    share = 20 // bins
    wanted = [part[:share] for part in parts]
    if bins > 1:
        wanted[-1] = parts[-1][-share:]
    assert set(binned(losses, 20, bins).tolist()) == set(np.concatenate(wanted).tolist())


def test_the_pool_is_the_bins_of_its_losses():
    dataset = noise()
    pool = initial.create("vae-loss", bins=2, **QUICK)
    losses = pool.losses(dataset, np.random.default_rng(4))
    chosen = pool.choose(dataset, 6, np.random.default_rng(4))
    order = np.argsort(-losses)
    assert chosen.tolist() == [*order[:3], *order[::-1][:3]]


# ---- what is found hard -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "make"), [("rotation-loss", bars_and_discs), ("inpainting-loss", slopes_and_noise), ("vae-loss", slopes_and_noise)]
)
def test_what_cannot_be_solved_comes_first(name, make):
    dataset = make()
    chosen = initial.create(name, epochs=30).choose(dataset, ODD, np.random.default_rng(0))
    assert dataset.targets[chosen].sum() >= ODD - 1


def test_a_disc_costs_as_much_as_guessing_its_rotation():
    dataset = bars_and_discs()
    losses = initial.create("rotation-loss", epochs=30).losses(dataset, np.random.default_rng(0))
    assert losses[dataset.targets == 1].mean() == pytest.approx(np.log(4), abs=0.2)
    assert losses[dataset.targets == 0].mean() < 0.1


def test_deepcluster_finds_what_pixels_do_not_show():
    dataset = stripes()
    pool = initial.create("deepcluster-equal", epochs=8)
    found = pool.membership(dataset, 3, np.random.default_rng(0), lambda share: None)
    pixels = dataset.images.reshape(len(dataset), -1).astype(np.float32)
    by_pixels = lloyd(pixels, 3, np.random.default_rng(0), lambda share: None)[1]
    assert normalized_mutual_info_score(dataset.targets, by_pixels) < 0.3
    assert normalized_mutual_info_score(dataset.targets, found) > 0.5


def test_shares_of_the_clusters():
    dataset = noise(100)
    made = {name: initial.create(name, clusters=4, **QUICK) for name in CLUSTERS}
    cluster = made[CLUSTERS[0]].membership(dataset, 4, np.random.default_rng(1), lambda share: None)
    sizes = np.bincount(cluster, minlength=4)
    equal = made["deepcluster-equal"].choose(dataset, 8, np.random.default_rng(1))
    assert np.bincount(cluster[equal], minlength=4).tolist() == [2, 2, 2, 2]
    proportional = made["deepcluster-proportional"].choose(dataset, 20, np.random.default_rng(1))
    counts = np.bincount(cluster[proportional], minlength=4)
    assert (counts >= sizes * 20 // 100).all()
    assert (counts <= sizes * 20 // 100 + 1).all()


# ---- determinism, cache, cancelling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES + CLUSTERS)
def test_the_same_seed_gives_the_same_pool_without_the_cache(name, tmp_path, monkeypatch):
    import torch

    dataset = noise()
    found = []
    states = np.random.get_state()[1].copy(), random.getstate(), torch.get_rng_state()  # noqa: NPY002
    for run, seed in enumerate((5, 5, 6)):
        monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path / str(run)))
        found.append(initial.create(name, **QUICK).choose(dataset, 7, np.random.default_rng(seed)).tolist())
    assert found[0] == found[1] != found[2]
    assert len(set(found[0])) == 7
    np.testing.assert_array_equal(states[0], np.random.get_state()[1])  # noqa: NPY002
    assert states[1] == random.getstate()
    assert torch.equal(states[2], torch.get_rng_state())


@pytest.mark.parametrize("name", [*LOSSES, CLUSTERS[0]])
def test_what_was_learned_is_kept_by_pictures_settings_and_seed(name, tmp_path, monkeypatch):
    monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path))

    def kept():
        return len(list(cache.folder().rglob("*.npy")))

    def choose(dataset, seed=0, **settings):
        return initial.create(name, **{**QUICK, **settings}).choose(dataset, 5, np.random.default_rng(seed)).tolist()

    dataset = noise()
    first = choose(dataset)
    assert kept() == 1

    def forbidden(*args):
        raise AssertionError("trained again")

    with monkeypatch.context() as patch:
        patch.setattr("alviz.initial.deep.pretext.losses", forbidden)
        patch.setattr("alviz.initial.deep.deepcluster.clusters", forbidden)
        assert choose(dataset) == first
    choose(dataset, seed=1)
    assert kept() == 2
    choose(dataset, epochs=2)
    assert kept() == 3
    other = dataset.images.copy()
    other[0, 0, 0] ^= 1
    choose(made_up(other, dataset.targets))
    assert kept() == 4


@pytest.mark.parametrize("name", LOSSES + CLUSTERS)
def test_cancelling_leaves_nothing_behind(name, tmp_path, monkeypatch):
    monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path))
    reports = []

    def cancel(share):
        reports.append(share)
        if len(reports) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        initial.create(name, **{**QUICK, "epochs": 3}).choose(noise(200), 5, np.random.default_rng(0), cancel)
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize("name", LOSSES + CLUSTERS)
def test_progress_never_runs_back(name, tmp_path, monkeypatch):
    monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path))
    reports = []
    initial.create(name, **QUICK).choose(noise(2100, (9, 9)), 5, np.random.default_rng(0), reports.append)
    assert reports == sorted(reports)
    assert reports[-1] == 1.0
    assert len(reports) > 3


# ---- any pictures -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (5, 12), (9, 9, 3), (7, 40, 1)])
@pytest.mark.parametrize("name", LOSSES + CLUSTERS)
def test_pictures_of_any_size(name, shape):
    chosen = initial.create(name, **QUICK).choose(noise(9, shape), 4, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 4
    assert initial.create(name, **QUICK).choose(noise(1, shape), 1, np.random.default_rng(0)).tolist() == [0]


@pytest.mark.parametrize("name", LOSSES + CLUSTERS)
def test_equal_pictures(name):
    same = made_up(np.full((20, 8, 8), 255), np.arange(20) % 2)
    assert len(set(initial.create(name, **QUICK).choose(same, 7, np.random.default_rng(0)).tolist())) == 7


@pytest.mark.parametrize("name", LOSSES + CLUSTERS)
def test_data_without_pictures_are_refused_and_greyed_out(name):
    table = Dataset("table", ["a", "b"], None, np.zeros((2, 3), np.float32), np.zeros(2, np.int64), ("x",))
    assert initial.unmet(name, table) == "images"
    assert initial.unmet(name, noise()) == ""
    with pytest.raises(ValueError, match=f"initial pool '{name}' needs images, which dataset 'table' does not have"):
        initial.create(name).choose(table, 1, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "params"), [("vae-loss", {"bins": 0}), ("rotation-loss", {"epochs": 0}), ("deepcluster-equal", {"size": 2})]
)
def test_settings_are_checked(name, params):
    with pytest.raises(ValueError, match=f"{name}: {next(iter(params))} must be"):
        initial.create(name, **params)
