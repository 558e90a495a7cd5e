"""VAAL: the discriminator tells what the labelled set lacks; the losses are the paper's."""

import numpy as np
import pytest
import torch

import alviz
from alviz.data import from_arrays
from alviz.progress import silent
from alviz.strategies import create
from alviz.strategies.arrays import Arrays
from alviz.strategies.deep.vae import NOISE, WIDTH, Settings, Vae, _shrunk, unlabelled_logits
from alviz.strategies.pool import PoolView

QUICK = Settings(epochs=40, steps=120, latent=8, beta=1.0, lr=1e-3, batch_size=64)


def auc(scores, positive):
    """Share of pairs (positive, negative) that are in the right order."""
    return (scores[positive][:, None] > scores[~positive][None, :]).mean()


def shifted_features(seed, n=600, d=12):
    """(features, whether a sample is of the shifted half)."""
    rng = np.random.default_rng(seed)
    shifted = rng.random(n) < 0.5
    x = rng.normal(size=(n, d)) * np.linspace(2, 0.3, d)
    return (x + 3 * shifted[:, None] * (np.arange(d) < 2)).astype(np.float32), shifted


def shifted_pictures(seed, n=300, side=12):
    """(grey pictures with a bright bar on noise, whether the bar lies across)."""
    rng = np.random.default_rng(seed)
    shifted = rng.random(n) < 0.5
    images = rng.integers(0, 60, size=(n, side, side))
    where = rng.integers(0, side - 2, size=n)
    for image, across, a in zip(images, shifted, where, strict=True):
        (image if across else image.T)[a : a + 3] += 150
    return images.astype(np.uint8), shifted


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("made", [shifted_features, shifted_pictures])
def test_the_discriminator_tells_labelled_from_unlabelled(made, seed):
    x, shifted = made(seed)
    known = np.flatnonzero(~shifted)[:60]
    free = np.setdiff1d(np.arange(len(x)), known)
    logits = unlabelled_logits(x[known], x[free], QUICK, np.random.default_rng(seed), silent)
    assert auc(logits, shifted[free]) > 0.85  # 0.5 for a discriminator that was told 1 of both sides
    # What looks labelled is as often unlabelled as not, and what is shifted is never labelled.
    probability = 1 / (1 + np.exp(-logits))
    assert np.median(probability[shifted[free]]) > 0.6 > np.median(probability[~shifted[free]])


def test_picks_are_what_the_labelled_set_lacks():
    x, shifted = shifted_features(0)
    labels = np.full(len(x), -1)
    labels[np.flatnonzero(~shifted)[:60]] = 0
    picks, scores = alviz.query("vaal", 20, labels=labels, features=x, steps=120, return_scores=True)
    assert shifted[picks].mean() > 0.9
    assert (np.diff(scores[picks]) <= 0).all() and scores[picks].min() >= np.nanmax(np.delete(scores, picks))
    assert ((scores[labels < 0] >= 0) & (scores[labels < 0] <= 1)).all() and np.isnan(scores[labels == 0]).all()


def test_the_bound_is_the_sum_of_error_and_divergence():
    rng = np.random.default_rng(0)
    x, mean = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    vae = Vae(torch.nn.Identity(), torch.nn.Linear(2, 3))
    weight, bias = (p.detach().numpy().astype(float) for p in vae.decoder.parameters())
    sure = -60.0 * np.ones((5, 2))  # z is the mean then
    given = [torch.from_numpy(a.astype(np.float32)) for a in (x, mean, sure)]
    expected = 0.0
    for row, m in zip(x, mean, strict=True):
        expected += ((weight @ m + bias - row) ** 2).sum() / (2 * NOISE) / 5
    assert float(vae.loss(*given, beta=0.0).detach()) == pytest.approx(expected, rel=1e-4)

    spread = rng.normal(size=(5, 2))
    blind = Vae(torch.nn.Identity(), torch.nn.Linear(2, 3).requires_grad_(False))
    for p in blind.decoder.parameters():
        p.zero_()
    given = [torch.from_numpy(a.astype(np.float32)) for a in (np.zeros((5, 3)), mean, spread)]
    ours = torch.distributions.Normal(given[1], (given[2] / 2).exp())
    divergence = torch.distributions.kl_divergence(ours, torch.distributions.Normal(0.0, 1.0)).sum(dim=1).mean()
    assert float(blind.loss(*given, beta=2.0)) == pytest.approx(2 * float(divergence), rel=1e-5)


def test_the_encoder_wants_labelled_of_both_sides_and_the_discriminator_the_truth(monkeypatch):
    asked = []

    def watched(logits, target, ask=torch.nn.functional.binary_cross_entropy_with_logits):
        loss = ask(logits, target)
        asked.append((target.tolist(), leaves(loss.grad_fn)))
        return loss

    def leaves(node):
        """Shapes of all weights that a loss has gradients for."""
        found, left = set(), [node]
        while left:
            node = left.pop()
            if hasattr(node, "variable"):
                found.add(tuple(node.variable.shape))
            left += [after for after, _ in node.next_functions if after is not None]
        return found

    monkeypatch.setattr(torch.nn.functional, "binary_cross_entropy_with_logits", watched)
    x, _ = shifted_features(0, n=40, d=5)
    unlabelled_logits(x[:10], x[10:], Settings(9, 2, 3, 1.0, 1e-3, 4), np.random.default_rng(0), silent)
    encoder = {(WIDTH, 5), (2 * 3, WIDTH)}
    assert [target for target, _ in asked] == 2 * [[1.0] * 8, [1.0] * 4 + [0.0] * 4]
    assert [encoder <= reached for _, reached in asked] == 2 * [True, False]


@pytest.mark.parametrize(
    ("shape", "wanted"), [((28, 28), (1, 28, 28)), ((9, 50, 3), (3, 12, 32)), ((64, 40, 3), (3, 32, 32)), ((1, 1), (1, 4, 4))]
)
def test_pictures_are_brought_to_a_small_size(shape, wanted):
    images = np.random.default_rng(0).integers(0, 256, size=(3, *shape), dtype=np.uint8)
    small = _shrunk(images, torch.device("cpu"))
    assert small.shape == (3, *wanted) and small.dtype == torch.uint8
    if shape == (28, 28):
        assert np.array_equal(small[:, 0].numpy(), images)
    flat = _shrunk(np.full((2, *shape), 77, np.uint8), torch.device("cpu"))
    assert (flat == 77).all()


def pool_of(images, labels):
    known = np.flatnonzero(labels >= 0)
    return PoolView(Arrays({"inputs": images}), np.flatnonzero(labels < 0), known, labels[known], 2, len(labels))


@pytest.mark.parametrize("shape", [(28, 28), (9, 14, 3), (1, 40), (2, 2, 1)])
def test_any_pictures(shape):
    images = np.random.default_rng(1).integers(0, 256, size=(9, *shape), dtype=np.uint8)
    labels = np.array([0, -1, -1, -1, -1, -1, -1, -1, -1])
    selection = create("vaal", epochs=2).select(pool_of(images, labels), 8, np.random.default_rng(0))
    assert sorted(selection.indices) == list(range(1, 9)) and np.isfinite(selection.scores[1:]).all()


def test_nothing_labelled_and_all_alike():
    images = np.full((12, 8, 8), 9, np.uint8)
    nothing = [create("vaal").select(pool_of(images, np.full(12, -1)), 4, np.random.default_rng(seed)) for seed in range(6)]
    assert all("at random" in selection.note and len(set(selection.indices)) == 4 for selection in nothing)
    assert len({tuple(selection.indices) for selection in nothing}) > 1
    labels = np.full(12, -1)
    labels[2] = 1
    alike = create("vaal", epochs=3).select(pool_of(images, labels), 4, np.random.default_rng(0))
    assert np.ptp(alike.scores[labels < 0]) < 1e-6


def test_progress_and_divergence():
    x, _ = shifted_features(0, n=200)
    shares = []
    create("vaal", steps=7).select(PoolView(Arrays({"inputs": x}), np.arange(50, 200), np.arange(50), np.zeros(50, int), 1, 200, progress=shares.append), 3, np.random.default_rng(0))  # fmt: skip
    assert sum(share < 1 for share in shares) == 7 and shares == sorted(shares)
    with pytest.raises(ValueError, match="diverged; lr = 1e"):
        alviz.query("vaal", 3, labels=np.r_[np.zeros(50, int), np.full(150, -1)], features=x, lr=1e30)


def test_in_a_run_of_a_network():
    images, shifted = shifted_pictures(0, n=120)
    data = from_arrays(images=images, targets=shifted.astype(int), class_names=("along", "across"), name="bars")
    run = alviz.Run(data, learner=alviz.learners.create("lenet", epochs=2), strategy=create("vaal", epochs=2), n_queries=5, n_initial=10)
    run.step()
    assert len(run.rounds[1].queried) == 5
