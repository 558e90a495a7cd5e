"""The cache under rough treatment: interrupted work, several processes, changed and damaged files; and the hashes it is named by."""

import multiprocessing
import threading

import numpy as np
import pytest

from alviz.data import cache, from_arrays, hashing, with_features
from alviz.data.extractors import Extractor
from alviz.progress import Cancelled, silent

N = 50


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(cache, "PART", 8)


def row(start, stop):
    """What the tests compute: row i is (i, i²)."""
    i = np.arange(start, stop, dtype=np.float32)
    return np.stack([i, i * i], axis=1)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_parts_make_the_whole(own_cache):
    asked = []
    for _ in range(2):
        array = cache.cached_rows("kind", "key", N, lambda a, b: (asked.append((a, b)), row(a, b))[1])
        assert np.array_equal(array, row(0, N))
    assert asked == [(a, min(a + 8, N)) for a in range(0, N, 8)]
    assert files(own_cache) == ["kind/key.npy"]
    assert np.array_equal(np.load(own_cache / "kind/key.npy"), row(0, N))


@pytest.mark.parametrize("stop", [Cancelled, KeyboardInterrupt, OSError])
def test_interrupted_work_goes_on_where_it_stopped(own_cache, stop):
    asked = []

    def compute(a, b):
        asked.append(a)
        if a == 24 and len(asked) == 4:
            raise stop
        return row(a, b)

    with pytest.raises(stop):
        cache.cached_rows("kind", "key", N, compute)
    assert not (own_cache / "kind/key.npy").exists()
    assert np.array_equal(cache.cached_rows("kind", "key", N, compute), row(0, N))
    assert asked == [0, 8, 16, 24, 24, 32, 40, 48]


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b[:60], lambda b: b"", lambda b: b"PK" + b[2:]])
@pytest.mark.parametrize("of", ["key.npy", "key/16.npy"])
def test_a_file_of_the_wrong_length_or_kind_is_not_read(own_cache, damage, of):
    def broken(a, b):
        if a == 40:
            raise Cancelled
        return row(a, b)

    if of == "key.npy":
        cache.cached_rows("kind", "key", N, row)
    else:
        with pytest.raises(Cancelled):
            cache.cached_rows("kind", "key", N, broken)
    path = own_cache / "kind" / of
    path.write_bytes(damage(path.read_bytes()))
    assert np.array_equal(cache.cached_rows("kind", "key", N, row), row(0, N))
    assert files(own_cache) == ["kind/key.npy"]


def test_an_array_of_another_length_is_not_read(own_cache):
    cache.cached_rows("kind", "key", N, row)
    assert np.array_equal(cache.cached_rows("kind", "key", N - 3, row), row(0, N - 3))


def test_nothing_pickled_is_read(own_cache):
    (own_cache / "kind").mkdir(parents=True)
    np.save(own_cache / "kind/key.npy", np.array([{"a": 1}] * N, dtype=object), allow_pickle=True)
    assert np.array_equal(cache.cached_rows("kind", "key", N, row), row(0, N))


def _work(folder, start, failures):
    import os

    os.environ["ALVIZ_CACHE"] = folder
    cache.PART = 8
    start.wait()
    for key in range(15):
        array = cache.cached_rows("kind", str(key), N, lambda a, b, key=key: row(a, b) + key)
        if not np.array_equal(array, row(0, N) + key):
            failures.put(key)


def test_several_processes_at_once_all_get_the_right_rows(own_cache):
    context = multiprocessing.get_context("fork")
    start, failures = context.Barrier(4), context.SimpleQueue()
    workers = [context.Process(target=_work, args=(str(own_cache), start, failures)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert failures.empty()
    left = [name for name in files(own_cache) if name.count("/") == 1]
    assert left == sorted(f"kind/{key}.npy" for key in range(15))
    for key in range(15):
        assert np.array_equal(np.load(own_cache / f"kind/{key}.npy"), row(0, N) + key)


def test_a_map_that_is_open_outlives_a_new_file(own_cache):
    first = cache.cached_rows("kind", "key", N, row)
    other = own_cache / "other.npy"
    np.save(other, np.zeros((N, 2), np.float32))
    other.replace(own_cache / "kind/key.npy")
    assert np.array_equal(first, row(0, N))


class Brightness(Extractor):
    def __init__(self):
        self.name, self.seen = "brightness", 0

    def extract(self, images, progress=silent):
        progress(0.0)
        self.seen += len(images)
        progress(1.0)
        return images.reshape(len(images), -1).mean(axis=1, dtype=np.float64)[:, None].astype(np.float32)


def test_extraction_in_parts_is_extraction_in_one(own_cache):
    images = np.random.default_rng(0).integers(0, 256, (N, 4, 5), dtype=np.uint8)
    dataset = from_arrays(images=images, targets=np.arange(N) % 2, test=(images[:20] ^ 3, np.arange(20) % 2))
    extractor, reports = Brightness(), []

    def stop_late(share):
        reports.append(share)
        if share > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        with_features(dataset, extractor, stop_late)
    before = extractor.seen
    assert 0 < before < N
    found = with_features(dataset, extractor, reports.append)
    assert np.allclose(found.features[:, 0], images.mean(axis=(1, 2)))
    assert np.allclose(found.test.features[:, 0], (images[:20] ^ 3).mean(axis=(1, 2)))
    assert extractor.seen == N + 20 + 8  # the part during which it was cancelled, twice
    assert reports[-1] == 1.0


def test_hashes_tell_arrays_apart_and_know_them_again(monkeypatch, tmp_path):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (200, 7, 9, 3), dtype=np.uint8)
    monkeypatch.setattr(hashing, "CHUNK", 1000)
    known = hashing.hash_arrays(images)
    path = tmp_path / "images.npy"
    np.save(path, images)
    assert hashing.hash_arrays(np.load(path, mmap_mode="r")) == known
    assert hashing.hash_arrays(np.asfortranarray(images)) == known
    assert hashing.hash_arrays(images[::-1][::-1]) == known
    wide = rng.normal(size=(30, 4))
    assert hashing.hash_arrays(wide.astype(">f8")) == hashing.hash_arrays(wide)
    swapped = images.copy()
    swapped[[3, 150]] = swapped[[150, 3]]
    one_bit = images.copy()
    one_bit[199, 6, 8, 2] ^= 1
    others = [swapped, one_bit, images[:-1], images.reshape(200, 9, 7, 3), images.view(np.int8), images[:0]]
    assert len({known, *map(hashing.hash_arrays, others)}) == 7
    assert hashing.hash_arrays(images, None) != hashing.hash_arrays(None, images)


def test_a_changed_file_has_another_hash(tmp_path, monkeypatch):
    monkeypatch.setattr(hashing, "CHUNK", 64)
    path = tmp_path / "weights"
    content = bytes(range(256)) * 3
    path.write_bytes(content)
    known = hashing.hash_file(path)
    changed = bytearray(content)
    changed[500] ^= 1
    other = tmp_path / "other"
    other.write_bytes(changed)
    assert hashing.hash_file(other) != known
    path.write_bytes(content + b"x")
    assert hashing.hash_file(path) != known
    copy = tmp_path / "copy"
    copy.write_bytes(content)
    assert hashing.hash_file(copy) == known


def test_threads_of_one_process_may_share_a_key(own_cache):
    results = []
    threads = [threading.Thread(target=lambda: results.append(cache.cached_rows("kind", "key", N, row))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert all(np.array_equal(result, row(0, N)) for result in results)
