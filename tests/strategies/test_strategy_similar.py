"""SIMILAR against the set functions themselves, evaluated on explicit gradients."""

import numpy as np
import pytest

import alviz
from alviz.strategies import create, lazy

OBJECTIVES = ("FLQMI", "FLCG", "FLCMI", "GCMI")


def gradients(p, h, classes):
    """(n, K·d) last-layer gradients of the log loss under the given classes."""
    return ((p - np.eye(p.shape[1])[classes])[:, :, None] * h[:, None, :]).reshape(len(p), -1)


def similarity(x, y):
    size = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)
    return (1 + x @ y.T / size) / 2


def best(s):
    """Largest of each column, 0 where there are no rows."""
    return s.max(axis=0) if len(s) else np.zeros(s.shape[1])


def value(objective, s_uu, s_qu, s_pu, batch, eta, nu):
    """f(A) for A = batch (candidates); s_uu, s_qu, s_pu: similarities of candidates, Q and P to the candidates."""
    if not batch:
        return 0.0
    if objective == "GCMI":
        return s_qu[:, batch].sum()
    if objective == "FLQMI":
        return s_qu[:, batch].max(axis=1).sum() + eta * s_qu[:, batch].max(axis=0).sum()
    cover = s_uu[batch].max(axis=0)
    if objective == "FLCMI":
        cover = np.minimum(cover, eta * best(s_qu))
    return np.maximum(cover - nu * best(s_pu), 0).sum()


def reference(objective, p, h, labels, n_picks, eta=1.0, nu=1.0, unwanted=None):
    k = p.shape[1]
    free, done = np.flatnonzero(labels < 0), np.flatnonzero(labels >= 0)
    counts = np.array([(labels == c).sum() for c in range(k)])
    ok = [i for i in done if labels[i] != unwanted]
    rare = [i for i in ok if counts[labels[i]] < len(done) / k]
    query = rare or ok
    if unwanted is not None:
        private = [i for i in done if labels[i] == unwanted]
    else:
        private = [i for i in done if objective == "FLCG" or i not in query]
    g = gradients(p, h, np.where(labels >= 0, labels, p.argmax(axis=1)))
    s_uu = similarity(g[free], g[free])
    s_qu = similarity(g[query], g[free]) if query else s_uu
    s_pu = similarity(g[private], g[free])
    picks, gains = [], []
    for _ in range(n_picks):
        now = value(objective, s_uu, s_qu, s_pu, picks, eta, nu)
        gain = np.array(
            [-np.inf if i in picks else value(objective, s_uu, s_qu, s_pu, [*picks, i], eta, nu) - now for i in range(len(free))]
        )
        at = int(np.flatnonzero(gain >= gain.max() - 1e-11)[0])
        picks.append(at)
        gains.append(gain[at])
    return free[picks].tolist(), gains


def setting(seed, n=36, k=3, d=4, copies=False):
    rng = np.random.default_rng([seed, 13])
    p, h = rng.dirichlet(np.ones(k), size=n), rng.normal(size=(n, d))
    if copies:
        which = rng.integers(0, n // 3, n)
        p, h = p[which], h[which]
    return p, h, rng


def labelling(rng, n, how):
    labels = np.full(n, -1)
    classes = {"none": [], "one": [1], "one class": [2] * 5, "even": [0, 1, 2] * 3, "uneven": [0] * 6 + [1] * 2 + [2] * 4}[how]
    labels[rng.choice(n, len(classes), replace=False)] = classes
    return labels


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("how", ["none", "one", "one class", "even", "uneven"])
@pytest.mark.parametrize("copies", [False, True])
def test_picks_and_gains(monkeypatch, small, objective, how, copies):
    if small:
        for name, size in {"ROWS": 8, "COLUMNS": 8, "FIRST": 2, "PAIRS": 100}.items():
            monkeypatch.setattr(lazy, name, size)
    p, h, rng = setting(len(how), copies=copies)
    labels = labelling(rng, len(p), how)
    expected, gains = reference(objective, p, h, labels, 12)
    got, scores = alviz.query("similar", 12, labels=labels, probabilities=p, embeddings=h, objective=objective, return_scores=True)
    assert got.tolist() == expected
    np.testing.assert_allclose(scores[got[0]], gains[0], rtol=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("options", [{"eta": 0.0}, {"eta": 2.5, "nu": 0.5}, {"unwanted": 0}, {"unwanted": 2, "nu": 2.0}, {"unwanted": 9}])
def test_options(objective, options):
    p, h, rng = setting(3)
    labels = labelling(rng, len(p), "uneven")
    expected, _ = reference(objective, p, h, labels, 10, **options)
    assert alviz.query("similar", 10, labels=labels, probabilities=p, embeddings=h, objective=objective, **options).tolist() == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rare_class_is_found(dtype):
    """Three classes in separate directions, the third rare among the labels: the batch is of that class."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 90)
    h = (np.eye(3)[classes] * 5 + rng.normal(size=(90, 3)) * 0.3).astype(dtype)
    logits = np.eye(3)[classes] * 1.5
    p = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(dtype)
    labels = np.full(90, -1)
    for c, count in enumerate((8, 8, 2)):
        rows = np.flatnonzero(classes == c)[:count]
        labels[rows] = c
    # A right prediction's gradient under its true label is that under the predicted one.
    for objective in ("FLQMI", "GCMI"):
        picks = alviz.query("similar", 8, labels=labels, probabilities=p, embeddings=h, objective=objective)
        assert (classes[picks] == 2).all()


def test_copies_of_labelled_samples_come_last():
    p, h, _ = setting(1, n=30)
    labels = np.full(30, -1)
    labels[:5] = p[:5].argmax(axis=1)
    p[5:10], h[5:10] = p[:5], h[:5]
    picks = alviz.query("similar", 20, labels=labels, probabilities=p, embeddings=h, objective="FLCG")
    assert not set(picks.tolist()) & set(range(5, 10))


def test_bad_parameters():
    with pytest.raises(ValueError, match="objective must be one of FLQMI, FLCG, FLCMI, GCMI"):
        create("similar", objective="FL")
    with pytest.raises(ValueError, match="eta must be a number ≥ 0"):
        create("similar", eta=-1)
