"""Queries over row shards against the same query on the whole pool, in process, in threads, in processes and on a cluster."""

import os
import pickle
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import alviz
from alviz.strategies import ScoringStrategy, Selection, arrays, available, create, missing_needs, registry
from alviz.strategies.mapped import Piece, mapped
from alviz.strategies.needs import argument_of

N, K, D, T = 150, 4, 5, 3


def arguments(seed=0, dtype=np.float32, ties=False, n_labelled=20):
    rng = np.random.default_rng(seed)
    labels = np.full(N, -1)
    labels[rng.choice(N, n_labelled, replace=False)] = rng.integers(0, K, size=n_labelled)
    rows = rng.integers(0, 12, size=N) if ties else np.arange(N)
    given = {
        "features": rng.normal(size=(N, D)),
        "embeddings": rng.normal(size=(N, 3)),
        "probabilities": rng.dirichlet(np.ones(K), size=N),
        "previous_probabilities": rng.dirichlet(np.ones(K), size=N),
        "posterior": rng.dirichlet(np.ones(K), size=(T, N)),
    }
    given = {name: array[:, rows] if name == "posterior" else array[rows] for name, array in given.items()}
    return {"labels": labels} | {name: array.astype(dtype) for name, array in given.items()}


def in_files(given, folder, dtype=None):
    """The same arguments as memory maps."""
    out = dict(given)
    for name in set(given) - {"labels"}:
        np.save(folder / f"{name}.npy", given[name] if dtype is None else given[name].astype(dtype))
        out[name] = np.load(folder / f"{name}.npy", mmap_mode="r")
    return out


def sharding(name):
    return getattr(registry.factory(name), "sharding", None)


ANSWERED = [name for name in available() if not missing_needs(create(name), frozenset({"features", "embeddings", "probabilities"}))]
SCORING = [name for name in available() if sharding(name) == "scores" and all(argument_of(need) for need in create(name).needs)]
TWO_ROUNDS = [name for name in available() if sharding(name) == "two-rounds"]
NEITHER = [name for name in ANSWERED if sharding(name) is None]


def test_who_can():
    assert {"margin", "bald", "alamp", "variation-ratio"} <= set(SCORING)
    assert "k-center" in TWO_ROUNDS and {"random", "kmeans"} <= set(NEITHER)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("name", SCORING)
def test_scores_are_those_of_the_whole_pool(name, ties):
    for seed, n_labelled in ((0, 20), (1, 1), (2, 0)):
        given = arguments(seed, np.float64, ties, n_labelled)
        whole = alviz.query(name, 30, **given, return_selection=True)
        for shards in (2, 7, N, N + 9):
            parts = alviz.query(name, 30, **given, shards=shards, return_selection=True)
            assert parts.indices.tolist() == whole.indices.tolist() and parts.indices.dtype == np.int64
            np.testing.assert_array_equal(np.isnan(parts.scores), np.isnan(whole.scores))
            np.testing.assert_allclose(parts.scores, whole.scores, rtol=1e-12, atol=1e-15)
            assert "shards; the picks are those of the whole pool" in parts.note


@pytest.mark.parametrize("name", TWO_ROUNDS)
@pytest.mark.parametrize("n_labelled", [0, 20])
def test_two_rounds(name, n_labelled):
    given = arguments(3, n_labelled=n_labelled)
    for shards, b in ((2, 10), (6, 12), (6, N - n_labelled), (40, 5)):
        got = alviz.query(name, b, **given, shards=shards, return_selection=True)
        assert got.indices.shape == (b,) and len(set(got.indices.tolist())) == b and (given["labels"][got.indices] == -1).all()
        assert got.scores.shape == (N,) and np.isnan(got.scores[given["labels"] >= 0]).all()
        assert got.note.startswith("Picked in two rounds: ") and f"candidates from {shards} shards, then {b} of those" in got.note
        assert alviz.query(name, b, **given, shards=shards).tolist() == got.indices.tolist()
    few = np.flatnonzero(given["labels"] == -1)[:11]
    assert set(alviz.query(name, 11, **given, candidates=few, shards=5).tolist()) == set(few.tolist())


def test_what_belongs_to_the_whole_table_is_the_same_in_all_shards():
    class Prepared(Fails):
        sharding = "two-rounds"

        def prepare(self, pool):
            pool.run_cache["mean"] = pool.table("features").mean()

        def select(self, pool, n_queries, rng):
            means.append(pool.run_cache["mean"])
            return Selection(pool.candidates[:n_queries], np.full(pool.n, np.nan))

    means, given = [], arguments()
    alviz.query(Prepared("not at all"), 2, **given, shards=3)
    assert means == [given["features"].mean()] * 4


def radius(x, labels, picks):
    centres = np.concatenate([np.flatnonzero(labels >= 0), picks])
    return np.sqrt(((x[:, None] - x[centres]) ** 2).sum(axis=2)).min(axis=1).max()


@pytest.mark.parametrize("n_labelled", [0, 3, 60])
@pytest.mark.parametrize("seed", range(4))
def test_k_center_in_two_rounds_covers(seed, n_labelled):
    # Twice greedy is a 4-approximation of the best cover (Malkomes et al. 2015), and greedy on the whole is not better than the best.
    given = arguments(seed, np.float64, n_labelled=n_labelled)
    x, labels = given["features"], given["labels"]
    for b in (4, 25):
        one = radius(x, labels, alviz.query("k-center", b, labels=labels, features=x))
        for shards in (2, 9):
            assert radius(x, labels, alviz.query("k-center", b, labels=labels, features=x, shards=shards)) <= 4 * one


def test_k_center_sees_the_labelled_samples_of_other_shards():
    # Two groups; the labelled sample in the first shard covers the group that fills the second: both picks must lie elsewhere.
    x = np.concatenate([[[0.0]], 100 + np.arange(4)[:, None], np.linspace(0, 1, 5)[:, None]])
    labels = np.full(10, -1)
    labels[0] = 0
    assert set(alviz.query("k-center", 2, labels=labels, features=x, shards=2).tolist()) <= {1, 2, 3, 4}


@pytest.mark.parametrize("name", NEITHER)
def test_others_are_refused(name):
    with pytest.raises(
        ValueError, match=rf"shards: query strategy '{name}' looks at the pool as a whole and cannot work on shards .* k-center, "
    ):
        alviz.query(name, 3, **arguments(), shards=2)


@pytest.mark.parametrize("shards", [0, -1, 2.0, True, None, "2"])
def test_number_of_shards(shards):
    with pytest.raises(ValueError, match="shards must be a whole number ≥ 1"):
        alviz.query("margin", 3, **arguments(), shards=shards)


def test_executor_is_one():
    with pytest.raises(ValueError, match=r"executor must be a concurrent\.futures\.Executor, got int"):
        alviz.query("margin", 3, **arguments(), executor=4)


NAMES = ["margin", "bald", "k-center"]


def test_threads_and_processes_and_memory_maps(tmp_path):
    given = arguments()
    files = in_files(given, tmp_path)
    expected = [alviz.query(name, 9, **given, shards=4).tolist() for name in NAMES]
    assert [alviz.query(name, 9, **files).tolist() for name in NAMES[:2]] == expected[:2]
    assert [alviz.query(name, 9, **files, shards=4).tolist() for name in NAMES] == expected
    with ThreadPoolExecutor(2) as threads:
        assert [alviz.query(name, 9, **files, shards=4, executor=threads).tolist() for name in NAMES] == expected
        assert alviz.query("margin", 9, **files, executor=threads).tolist() == expected[0]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        for form in (given, files):
            assert [alviz.query(name, 9, **form, shards=4, executor=processes).tolist() for name in NAMES] == expected


def test_half_precision_and_whole_numbers_in_files(tmp_path):
    given = arguments()
    half = in_files({"labels": given["labels"], "features": given["features"]}, tmp_path, np.float16)
    widened = {"labels": given["labels"], "features": np.asarray(half["features"], dtype=np.float32)}
    assert alviz.query("k-center", 8, **half, shards=3).tolist() == alviz.query("k-center", 8, **widened, shards=3).tolist()
    assert alviz.query("k-center", 8, **half).tolist() == alviz.query("k-center", 8, **widened).tolist()


class Recorder(Executor):
    """Pickles as a process pool does, runs at once, and keeps the sizes."""

    def __init__(self):
        self.sizes = []

    def submit(self, work, /, *args, **kwargs):
        data = pickle.dumps((work, args))
        self.sizes.append(len(data))
        work, args = pickle.loads(data)
        future = Future()
        try:
            future.set_result(work(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def test_memory_maps_are_sent_by_name(tmp_path):
    x = np.random.default_rng(0).normal(size=(20_000, 8)).astype(np.float32)
    labels = np.full(20_000, -1)
    labels[::40] = 0
    files = in_files({"labels": labels, "features": x}, tmp_path)
    by_name, by_value = Recorder(), Recorder()
    picks = alviz.query("k-center", 5, **files, shards=4, executor=by_name)
    assert picks.tolist() == alviz.query("k-center", 5, labels=labels, features=x, shards=4, executor=by_value).tolist()
    candidates = 20_000 * 8 // 4
    assert max(by_name.sizes) < candidates + 20_000 < x.nbytes // 4 < min(by_value.sizes)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a,
        lambda a: a[700:],
        lambda a: a[3:900:7, 1::2],
        lambda a: a[::-1],
        lambda a: a.T,
        lambda a: np.asarray(a)[5:9],
        lambda a: a[:0],
    ],
)
@pytest.mark.parametrize("kind", ["npy", "raw with an offset"])
def test_views_of_files_travel(tmp_path, view, kind):
    x = np.random.default_rng(0).normal(size=(1000, 6)).astype(np.float32)
    if kind == "npy":
        np.save(tmp_path / "x.npy", x)
        array = np.load(tmp_path / "x.npy", mmap_mode="r")
    else:  # beyond a page
        (tmp_path / "x.raw").write_bytes(b"." * 5000 + x.tobytes())
        array = np.memmap(tmp_path / "x.raw", np.float32, "r+", offset=5000, shape=x.shape)
    data = pickle.dumps(Piece(view(array)))
    assert len(data) < 500
    back = pickle.loads(data).array
    np.testing.assert_array_equal(back, view(x))
    assert not (len(back) and back.flags.writeable)


def test_what_is_no_shared_file_travels_by_value(tmp_path):
    x = np.arange(12.0).reshape(4, 3)
    np.save(tmp_path / "x.npy", x)
    private = np.load(tmp_path / "x.npy", mmap_mode="c")
    private[0] = -1
    assert mapped(x) is None and mapped(private) is None
    for array in (x[1:], private):
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(Piece(array))).array, array)


class Fails(ScoringStrategy):
    """Breaks where a row says so."""

    needs = ("features",)

    def __init__(self, how):
        self.name, self.how = "made for this test", how

    def score(self, pool):
        if (pool.features == 7).any():
            if self.how == "dies":
                os._exit(3)
            raise (MemoryError if self.how == "memory" else ValueError)("out of luck")
        return np.zeros(len(pool))


def broken_pool():
    features = np.zeros((40, 1))
    features[25] = 7
    return {"labels": np.full(40, -1), "features": features}


@pytest.mark.parametrize(("how", "error"), [("memory", RuntimeError), ("value", ValueError)])
def test_a_worker_that_raises(how, error):
    said = r"shard 3 of 4 \(rows 20 … 29\) failed: \w+Error: out of luck"
    with pytest.raises(error, match=said) as caught:
        alviz.query(Fails(how), 3, **broken_pool(), shards=4)
    assert "out of luck" in str(caught.value.__cause__)
    with pytest.raises(error, match=said):
        alviz.query(Fails(how), 3, **broken_pool(), shards=4, executor=Recorder())


def test_a_worker_that_dies():
    processes = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with processes, pytest.raises(RuntimeError, match=r"shard \d of 4 \(rows .*\) failed: its worker died"):
        alviz.query(Fails("dies"), 3, **broken_pool(), shards=4, executor=processes)


def test_what_was_not_started_is_called_off():
    class Slow(Executor):
        def __init__(self):
            self.futures = []

        def submit(self, work, /, *args, **kwargs):
            self.futures.append(Future())
            if len(self.futures) == 1:
                self.futures[0].set_exception(OSError("no such file"))
            return self.futures[-1]

    slow = Slow()
    with pytest.raises(RuntimeError, match=r"shard 1 of 4 .* failed: OSError: no such file"):
        alviz.query("margin", 3, **arguments(), shards=4, executor=slow)
    assert [future.cancelled() for future in slow.futures] == [False, True, True, True]


def test_validation_reads_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "_BLOCK", 16)
    files = in_files(arguments(), tmp_path)
    array = np.load(tmp_path / "probabilities.npy", mmap_mode="r+")
    array[100] = 0.5
    array.flush()
    with pytest.raises(ValueError, match=r"probabilities: every row must add up to 1 .* but row 100 adds up to 2"):
        alviz.query("margin", 3, **files, shards=3)


def test_a_dask_cluster(tmp_path):
    distributed = pytest.importorskip("distributed")
    given = arguments()
    files = in_files(given, tmp_path)
    expected = [alviz.query(name, 9, **given, shards=4).tolist() for name in NAMES]
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None, "local_directory": str(tmp_path)}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        executor = client.get_executor()
        assert [alviz.query(name, 9, **files, shards=4, executor=executor).tolist() for name in NAMES] == expected
        with pytest.raises(ValueError, match=r"shard 3 of 4 \(rows 20 … 29\) failed: ValueError: out of luck"):
            alviz.query(Fails("value"), 3, **broken_pool(), shards=4, executor=executor)
