"""Projections: PCA against closed forms, UMAP and t-SNE as processes, trustworthiness against scikit-learn, the cache."""

import math
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness as reference_trustworthiness
from sklearn.neighbors import NearestNeighbors

from alviz import projections
from alviz.data.dataset import Dataset
from alviz.progress import Cancelled
from alviz.projections import pca as pca_module
from alviz.projections import project, remote, trustworthiness
from alviz.projections.neighbors import nearest
from alviz.projections.pca import principal_components

METHODS = ("pca", "tsne", "umap")


def blobs(n=120, d=6, seed=0):
    """Three far-apart blobs: (n, d) float32 and the blob of every row."""
    rng = np.random.default_rng(seed)
    which = np.arange(n) % 3
    return (20 * np.eye(3, d)[which] + rng.normal(size=(n, d))).astype(np.float32), which


def separated(points, which):
    """Share of points whose nearest other point is of the same blob."""
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return np.mean(which[distances.argmin(axis=1)] == which)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The cache folder of this module."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(folder, monkeypatch):
    monkeypatch.setenv("ALVIZ_CACHE", str(folder))


@pytest.fixture(scope="module")
def runs(folder):
    """One real run of every method, with what it reported: method -> (projection, fractions)."""
    x, _ = blobs()
    before = os.environ.get("ALVIZ_CACHE")
    os.environ["ALVIZ_CACHE"] = str(folder)
    try:
        found = {}
        for method in METHODS:
            fractions = []
            found[method] = project(x, method, seed=3, progress=fractions.append), fractions
        return found
    finally:
        os.environ.pop("ALVIZ_CACHE")
        if before is not None:
            os.environ["ALVIZ_CACHE"] = before


@pytest.mark.parametrize("method", METHODS)
def test_a_projection(runs, method):
    x, which = blobs()
    found, fractions = runs[method]
    assert found.method == method
    assert found.points.shape == (120, 2)
    assert found.points.dtype == np.float32
    assert separated(found.points, which) > 0.95
    assert found.trustworthiness == pytest.approx(reference_trustworthiness(x, found.points, n_neighbors=15), abs=1e-6)
    assert found.seconds > 0
    assert not found.cached
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert "%" in found.caption()


@pytest.mark.parametrize("method", METHODS)
def test_the_second_time_it_comes_from_disk(runs, method, monkeypatch):
    x, _ = blobs()
    first, _ = runs[method]
    monkeypatch.setattr(projections, "_computed", lambda *_: pytest.fail("computed again"))
    again = project(x, method, seed=3)
    assert again.cached
    np.testing.assert_array_equal(again.points, first.points)
    assert (again.trustworthiness, again.seconds, again.extra) == (first.trustworthiness, first.seconds, first.extra)


def test_the_same_seed_gives_the_same_picture(runs):
    x, _ = blobs()
    np.testing.assert_array_equal(project(x, "tsne", seed=3, keep=False).points, runs["tsne"][0].points)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_umap(runs):
    x, _ = blobs()
    np.testing.assert_array_equal(project(x, "umap", seed=3, keep=False).points, runs["umap"][0].points)


def test_five_samples_are_enough_for_tsne():
    x, _ = blobs(5)
    found = project(x, "tsne", keep=False)
    assert np.isfinite(found.points).all()
    assert len(np.unique(found.points, axis=0)) == 5


def test_what_makes_another_picture_makes_another_key():
    x, _ = blobs()
    made = project(x, "pca", seed=11)
    assert project(x, "pca", seed=11).cached
    assert not project(x + np.eye(120, 6, dtype=np.float32) * 1e-3, "pca", seed=11).cached
    assert not project(x, "pca", seed=12).cached
    assert not project(x, "pca", seed=11, keep=False).cached
    assert not made.cached


def test_a_damaged_file_is_never_read(folder):
    x, _ = blobs(seed=21)
    first = project(x, "pca")
    newest = max((folder / "projections").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:-40])
    again = project(x, "pca")
    assert not again.cached
    np.testing.assert_array_equal(again.points, first.points)
    assert project(x, "pca").cached


def test_pca_as_scikit_learn(monkeypatch):
    monkeypatch.setattr(pca_module, "BLOCK", 50)
    rng = np.random.default_rng(2)
    x = (rng.normal(size=(333, 8)) @ rng.normal(size=(8, 8)) + 5).astype(np.float32)
    scores, shares = principal_components(x, 5)
    fitted = PCA(5, svd_solver="full").fit(x.astype(np.float64))
    expected = fitted.transform(x.astype(np.float64))
    signs = np.sign((scores * expected).sum(axis=0))
    np.testing.assert_allclose(scores * signs, expected, atol=1e-4)
    np.testing.assert_allclose(shares, fitted.explained_variance_ratio_, rtol=1e-6)


def test_pca_directions_point_to_their_largest_weight():
    line = np.linspace(-1, 1, 30, dtype=np.float32)
    for weights in ([3.0, 1.0], [-3.0, 1.0], [1.0, -3.0]):
        x = np.outer(line, weights).astype(np.float32)
        largest = x[:, np.abs(weights).argmax()]
        scores, shares = principal_components(x, 2)
        np.testing.assert_allclose(scores[:, 0], largest * math.sqrt(10) / 3, atol=1e-5)
        np.testing.assert_allclose(shares, [1.0, 0.0], atol=1e-9)


def wide(n):
    """Four directions of falling variance among 30 features, and little noise."""
    rng = np.random.default_rng(8)
    hidden = rng.normal(size=(n, 4)) * [40, 20, 10, 5]
    return (hidden @ np.linalg.qr(rng.normal(size=(30, 4)))[0].T + 0.01 * rng.normal(size=(n, 30))).astype(np.float32)


@pytest.mark.parametrize("n", [20, 300])
def test_pca_of_wide_features_by_rows(n, monkeypatch):
    """Above the limit directions come from rows: all of them (n = 20, exact) or a sample (n = 300, near)."""
    x = wide(n)
    expected, expected_shares = principal_components(x, 6)
    monkeypatch.setattr(pca_module, "WIDEST", 29)
    scores, shares = principal_components(x, 6, seed=1)
    np.testing.assert_array_equal(scores, principal_components(x, 6, seed=1)[0])
    if n == 20:
        np.testing.assert_allclose(scores, expected, atol=1e-3)
        np.testing.assert_allclose(shares, expected_shares, rtol=1e-4)
    else:
        # The sample's plane of four directions is the same, whatever its axes in there.
        np.testing.assert_allclose(np.linalg.norm(scores, axis=1), np.linalg.norm(expected, axis=1), rtol=1e-3)
        assert shares.sum() == pytest.approx(1.0, abs=1e-4)


def test_pca_figures(runs):
    x, _ = blobs()
    fitted = PCA(2).fit(x)
    assert runs["pca"][0].extra == pytest.approx(
        dict(zip(("axis_1", "axis_2"), fitted.explained_variance_ratio_.tolist(), strict=True)), rel=1e-4
    )
    assert runs["umap"][0].extra == pytest.approx({"components": 6, "kept": 1.0})


def test_one_feature_lies_on_a_line():
    x = np.arange(9, dtype=np.float32)[:, None]
    np.testing.assert_allclose(project(x, "pca").points, np.column_stack([np.arange(9) - 4, np.zeros(9)]), atol=1e-6)


def test_nearest_neighbors_are_exact():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(1500, 7)).astype(np.float32)
    for k in (1, 10, 100):
        indices, distances = nearest(x, k)
        expected, rows = NearestNeighbors(n_neighbors=k).fit(x.astype(np.float64)).kneighbors()
        np.testing.assert_array_equal(indices, rows)
        np.testing.assert_allclose(distances, expected, rtol=1e-5)


def test_nearest_neighbors_of_equal_rows():
    x = np.repeat(np.arange(3, dtype=np.float32), 40)[:, None] * 10
    indices, distances = nearest(x, 5)
    assert (x[indices, 0] == x).all()
    assert (indices != np.arange(120)[:, None]).all()
    assert (distances == 0).all()
    np.testing.assert_array_equal(indices[0], [1, 2, 3, 4, 5])


def test_trustworthiness_as_scikit_learn():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(200, 10)).astype(np.float32)
    for points in (x[:, :2], rng.normal(size=(200, 2)).astype(np.float32)):
        assert trustworthiness(x, points) == pytest.approx(reference_trustworthiness(x, points, n_neighbors=15))
    assert trustworthiness(x[:, :2], x[:, :2]) == 1.0
    assert trustworthiness(x[:9], x[:9, :2]) == pytest.approx(reference_trustworthiness(x[:9], x[:9, :2], n_neighbors=4))


def test_trustworthiness_of_many_samples_is_that_of_a_seeded_subsample():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(1500, 5)).astype(np.float32)
    first = trustworthiness(x, x[:, :2], seed=1)
    assert first == trustworthiness(x, x[:, :2], seed=1)
    assert first != trustworthiness(x, x[:, :2], seed=2)
    assert first == pytest.approx(reference_trustworthiness(x, x[:, :2], n_neighbors=15), abs=0.03)


def dataset(features=None, images=None):
    n = len(features if features is not None else images)
    return Dataset("d", [str(i) for i in range(n)], images, features, np.zeros(n, np.int64), ("a",))


def test_the_plane_is_offered_first_for_two_features_only():
    x, _ = blobs(10)
    assert projections.available(x[:, :2])[0] == "plane"
    assert projections.available(dataset(x[:, :2])) == projections.available(x[:, :2])
    assert "plane" not in projections.available(x)
    assert projections.available() == projections.available(dataset(x)) == ["pca", "umap", "tsne"]
    found = project(dataset(x[:, :2]), "plane")
    np.testing.assert_array_equal(found.points, x[:, :2])
    assert found.trustworthiness == 1.0
    with pytest.raises(ValueError, match="exactly 2 features, these data have 6"):
        project(x, "plane")


def test_menus_have_words_for_every_method():
    for method in ["plane", *projections.available()]:
        assert projections.label(method)
        assert projections.card(method).idea


def test_images_are_projected_by_their_pixels():
    images = np.random.default_rng(0).integers(0, 256, size=(30, 4, 4, 3), dtype=np.uint8)
    found = project(dataset(images=images), "pca")
    flat = images.reshape(30, -1) / 255
    assert found.trustworthiness == pytest.approx(reference_trustworthiness(flat, found.points, n_neighbors=14), abs=1e-3)
    np.testing.assert_array_equal(found.points, project(flat.astype(np.float32), "pca").points)


@pytest.mark.parametrize("method", METHODS)
def test_equal_samples_stay_on_one_point(method):
    found = project(np.full((10, 3), 0.1, dtype=np.float32), method)
    np.testing.assert_allclose(found.points, 0, atol=1e-6)
    assert math.isnan(found.trustworthiness)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_few_samples(n):
    x, _ = blobs(n)
    found = project(x, "pca")
    assert found.points.shape == (n, 2)
    assert math.isnan(found.trustworthiness) == (n < 3)
    for method in ("umap", "tsne"):
        with pytest.raises(ValueError, match=f"needs at least 5 samples, these data have {n}"):
            project(x, method)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (np.array([[1.0, np.nan], [0.0, np.inf]]), "2 values that are NaN or infinite"),
        (np.zeros((0, 3)), "not empty"),
        (np.zeros(5), r"array \(n, d\)"),
    ],
)
def test_bad_features_are_refused(features, words):
    with pytest.raises(ValueError, match=words):
        project(features, "pca")


def test_an_unknown_method_is_refused():
    x, _ = blobs(10)
    with pytest.raises(ValueError, match="unknown projection 'isomap'; available: plane, pca, umap, tsne"):
        project(x, "isomap")


def test_cancelling_kills_the_process(monkeypatch):
    started = []
    start = remote._start
    monkeypatch.setattr(remote, "_start", lambda *args: started.append(start(*args)) or started[0])

    def cancel(fraction):
        if started:
            raise Cancelled

    x, _ = blobs()
    with pytest.raises(Cancelled):
        project(x, "umap", seed=99, progress=cancel)
    assert started[0].returncode not in (None, 0)
    assert not [thread for thread in threading.enumerate() if thread.name == "alviz-worker-output" and thread.is_alive()]
    assert not project(x, "pca", seed=99).cached


def test_a_failing_process_is_an_error_with_its_last_words():
    with pytest.raises(RuntimeError, match="nonsense failed: KeyError: 'nonsense'"):
        remote.embed("nonsense", np.zeros((9, 2), np.float32), 0, lambda _: None)


def test_an_orphan_ends(tmp_path):
    """The worker is given an input that nobody will ever finish writing; only the end of its standard input can stop it."""
    os.mkfifo(tmp_path / "components.npy")
    command = [sys.executable, "-m", "alviz.projections.worker", "umap", "0", str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=60) == 1


def test_nothing_heavy_is_imported():
    code = "import sys, alviz.projections as p; import numpy as np; p.project(np.eye(9, dtype='f4'), 'pca'); "
    code += "print([m for m in ('umap', 'numba', 'openTSNE', 'sklearn', 'scipy', 'torch') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
