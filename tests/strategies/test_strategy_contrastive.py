"""CCAL: its scores pair by pair, its encoders' loss by hand, and pools with classes nobody asked for."""

import numpy as np
import pytest

import alviz
from alviz.loop import Run
from alviz.strategies import PoolView, contrastive, create
from alviz.strategies.arrays import Arrays
from alviz.strategies.contrastive import cosines, joint


def cosine(a, b):
    length = np.sqrt((a**2).sum() * (b**2).sum())
    return (a * b).sum() / length if length > 0 else 0.0


def plain(x, x_turned, known, known_turned, labels):
    """(semantic, distinctive, pseudo-class) with one loop for everything the paper's code does."""
    m, turns = len(x), x_turned.shape[1]
    best, pseudo = np.zeros(m), np.zeros(m, dtype=int)
    for i in range(m):
        similar = [cosine(x[i], other) for other in known]
        best[i], pseudo[i] = max(similar), labels[int(np.argmax(similar))]
    spread = best.max() - best.min()
    semantic = (best - best.min()) / (spread if spread > 0 else 1)
    distinctive = np.ones(m)
    for c in set(labels.tolist()):
        close = np.zeros(m)
        for i in range(m):
            for r in range(turns):
                theirs = known_turned[labels == c, r]
                similar = np.array([cosine(x_turned[i, r], other) for other in theirs])
                order = np.argsort(-similar, kind="stable")
                a, b = order[0], order[1] if len(order) > 1 else order[0]
                close[i] += (similar[a] - similar[b] + cosine(theirs[a], theirs[b]) + similar[a]) / turns
        span = close.max() - close.min()
        if span > 0:
            distinctive = np.where(pseudo == c, 1 - (close - close.min()) / span, distinctive)
    return semantic, distinctive, pseudo


@pytest.mark.parametrize("rows", [1024, 5])
@pytest.mark.parametrize("seed", range(4))
def test_scores_pair_by_pair(seed, rows, monkeypatch):
    monkeypatch.setattr(contrastive, "ROWS", rows)
    rng = np.random.default_rng(seed)
    x, turned = rng.normal(size=(17, 4)), rng.normal(size=(17, 3, 4))
    known, known_turned = rng.normal(size=(8, 4)), rng.normal(size=(8, 3, 4))
    labels = np.array([0, 0, 0, 3, 3, 1, 3, 0])  # class 2 has no label, class 1 one
    x[3] = turned[3] = 0
    got = cosines(x, turned, known, known_turned, labels, 4, lambda share: None)
    for mine, expected in zip(got, plain(x, turned, known, known_turned, labels), strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-9)


def test_equation_9_by_hand():
    # Semantic scores 1, 0.9 and 0 with the authors' slope 100 and threshold 0.9: (1 − e^−10)/(1 + e^−10), 0 and nearly −1.
    scores = joint(np.array([1.0, 0.9, 0.0]), np.array([0.25, 0.5, 1.0]), 50.0, 45.0)
    np.testing.assert_allclose(scores, [(1 - np.exp(-10)) / (1 + np.exp(-10)) + 0.25, 0.5, 0.0], atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_picks_are_the_best_of_each_class_in_turn(seed):
    rng = np.random.default_rng(seed)
    features, labels = rng.normal(size=(40, 3)), np.full(40, -1)
    labels[:9] = rng.integers(0, 3, size=9)
    free = np.arange(9, 40)
    s, d, pseudo = plain(features[9:], features[9:, None], features[:9], features[:9, None], labels[:9])
    score = np.tanh(50 * s - 45) + d
    lists = {c: sorted(np.flatnonzero(pseudo == c), key=lambda i: (-score[i], i)) for c in set(pseudo.tolist())}
    expected = []
    while len(expected) < 12:
        sweep = sorted((lists[c].pop(0) for c in lists if lists[c]), key=lambda i: (-score[i], i))
        expected += free[sweep].tolist()
    asked = alviz.query("ccal", 12, labels=labels, features=features, return_selection=True)
    assert asked.indices.tolist() == expected[:12]
    np.testing.assert_allclose(asked.scores[free], score, atol=1e-9)
    assert "stand in" in asked.note


def test_nothing_labelled_is_drawn_uniformly():
    features = np.random.default_rng(0).normal(size=(6, 2))
    draws = [alviz.query("ccal", 1, labels=np.full(6, -1), features=features, seed=s)[0] for s in range(300)]
    assert ((np.bincount(draws, minlength=6) - 50) ** 2 / 50).sum() < 20.5  # chi-square, 5 degrees of freedom, 1 in 1,000


def test_the_encoders_loss_by_hand():
    torch = pytest.importorskip("torch")
    from alviz.strategies.deep.contrast import TEMPERATURE, agreement

    code = np.random.default_rng(1).normal(size=(6, 4))
    terms = []
    for i in range(6):
        similar = np.array([np.exp(cosine(code[i], code[j]) / TEMPERATURE) for j in range(6)])
        terms.append(-np.log(similar[(i + 3) % 6] / (similar.sum() - similar[i])))
    np.testing.assert_allclose(float(agreement(torch.from_numpy(code))), np.mean(terms), rtol=1e-9)


def test_views_are_pictures_of_the_same_kind():
    torch = pytest.importorskip("torch")
    from alviz.strategies.deep.contrast import view

    x = torch.rand(20, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    seen = view(x, np.random.default_rng(0))
    assert seen.shape == x.shape and float(seen.min()) >= 0 and float(seen.max()) <= 1
    assert not any(torch.equal(a, b) for a, b in zip(x, seen, strict=True))
    flat = view(torch.full((5, 1, 8, 8), 0.5), np.random.default_rng(0))[:, 0, 2:-2, 2:-2]
    assert torch.allclose(flat, flat[:, :1, :1].expand_as(flat))  # a crop of one grey is one grey


def test_encoders_learn_what_is_the_same_picture_and_how_it_was_turned():
    torch = pytest.importorskip("torch")
    from alviz.learners.deep.device import device
    from alviz.strategies.deep import contrast
    from alviz.strategies.deep.form import Form

    images = alviz.data.create("digits").images
    seen, held_out = images[:300], images[300:400]
    form = Form(seen, device())
    turns = torch.arange(contrastive.TURNS).repeat_interleave(len(held_out)).to(form.where)

    def right(encoder):
        """(share of pictures that are found again after a crop, a flip and other light; share of turns that are named), both of unseen ones."""
        x = form.inward(held_out)
        turned = torch.cat([torch.rot90(x, k, (2, 3)) for k in range(contrastive.TURNS)])
        rng = np.random.default_rng(1)
        with torch.no_grad():
            one, two = (torch.nn.functional.normalize(encoder.eval()(contrast.view(x, rng))[0], dim=1) for _ in range(2))
            return float(((one @ two.T).argmax(1).cpu() == torch.arange(len(x))).float().mean()), float(
                (encoder(turned)[1].argmax(1) == turns).float().mean()
            )

    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = contrast.Encoder(form.shape[0], form.shape[1], contrastive.TURNS).to(form.where)
        before = right(encoder)
        contrast._train(encoder, seen, form, contrastive.TURNS, 30, np.random.default_rng(0), lambda share: None)
    after = right(encoder)
    print(before, after)
    assert after[0] > 2 * before[0] and after[1] > 0.6 > 0.4 > before[1]


def test_turned_codes_are_those_of_turned_pictures():
    contrast = pytest.importorskip("alviz.strategies.deep.contrast")
    x = alviz.data.create("digits").images[:9]
    every = np.concatenate([np.rot90(x, k, axes=(1, 2)) for k in range(4)])
    codes = contrast.codes(every, 4, 1, np.random.default_rng(0), lambda share: None)
    for k in range(4):
        np.testing.assert_allclose(codes[:9, k], codes[9 * k : 9 * k + 9, 0], atol=1e-5)
        assert k == 0 or np.abs(codes[:9, k] - codes[:9, 0]).max() > 1e-2


@pytest.fixture(scope="module")
def mismatched():
    """Handwritten digits of which only 0, 1 and 2 are asked for: the others have no label that anybody would give."""
    digits = alviz.data.create("digits")
    some = np.sort(np.random.default_rng(0).choice(len(digits), 600, replace=False))
    targets = digits.targets[some]
    return digits.take(some, targets=np.where(targets < 3, targets, -1), test=None)


@pytest.fixture(scope="module")
def shares(mismatched):
    """Share of the queries of two rounds that could be answered."""
    answered = {}
    for name, strategy in {
        "entropy": "entropy",
        "trained": create("ccal", epochs=3),
        "given": create("ccal", codes="given"),
    }.items():
        run = Run(mismatched, strategy=strategy, n_initial=60, n_queries=30, seed=1)
        run.goto(2)
        answered[name] = np.mean([(done.labels >= 0).mean() for done in run.rounds[1:]])
    return answered


@pytest.mark.parametrize("codes", ["trained", "given"])
def test_classes_nobody_asked_for_are_left_alone(mismatched, shares, codes):
    at_random = (mismatched.targets >= 0).mean()
    assert at_random < 0.35
    # 60 queries: three standard errors of a share around 0.3 are 0.18.
    assert shares[codes] > at_random + 0.18
    assert shares[codes] > shares["entropy"] + 0.18


def test_encoders_are_trained_once_in_a_run(mismatched, monkeypatch):
    from alviz.strategies.deep import contrast

    calls = []
    original = contrast.codes
    monkeypatch.setattr(contrast, "codes", lambda images, turns, *rest: calls.append(turns) or original(images, turns, *rest))
    cache: dict = {}
    source = Arrays({"images": mismatched.images[:40]})
    for labelled in (10, 15):
        candidates = np.arange(labelled, 40)
        pool = PoolView(source, candidates, np.arange(labelled), np.arange(labelled) % 3, 3, 40, run_cache=cache)
        create("ccal", epochs=1).select(pool, 3, np.random.default_rng(0))
    assert calls == [1, 4]


def test_bad_settings():
    with pytest.raises(ValueError, match="ccal: k must be a number > 0"):
        create("ccal", k=0)
    with pytest.raises(ValueError, match="ccal: codes must be one of trained, given"):
        create("ccal", codes="both")
