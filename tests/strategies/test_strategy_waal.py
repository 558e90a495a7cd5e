"""WAAL: a critic that measures a distance, training that makes it smaller, picks where it stays large."""

from math import log, sqrt

import numpy as np
import pytest
import torch
from torch import nn

import alviz
from alviz import learners
from alviz.data import from_arrays
from alviz.learners.base import ConstantModel
from alviz.progress import Cancelled
from alviz.strategies import create
from alviz.strategies.deep import wasserstein
from alviz.strategies.deep.wasserstein import Adversary, Critic
from alviz.testing import random_arrays, random_pool, state_hash


class Plain(nn.Module):
    """A network whose embedding is its input."""

    heavy = False

    def __init__(self, d):
        super().__init__()
        self.head = nn.Linear(d, 2)

    def embed(self, x):
        return x

    def forward(self, x):
        return self.head(self.embed(x))


def adversary(unlabelled, labelled, **options):
    settings = {"mu": 1.0, "steps": 1, "size": 64, "rng": np.random.default_rng(0), **options}
    return Adversary(Plain(unlabelled.shape[1]), unlabelled, labelled, **settings)


def test_the_score_is_the_critic_less_the_bounds():
    for seed in range(4):
        pool = random_pool(random_arrays(seed=seed), 12, seed=seed)
        critic, p = pool.signal("critic"), pool.probabilities
        seen = sorted(set(pool.labels.tolist()))
        expected = []
        for g, row in zip(critic, p, strict=True):
            losses = [-log(row[c]) for c in seen]
            expected.append(3 * g - 0.5 * sum(losses) - 0.5 * sqrt(sum(loss * loss for loss in losses)))
        selection = create("waal", weight=3).select(pool, 10, np.random.default_rng(0))
        np.testing.assert_allclose(selection.scores[pool.candidates], expected)
        assert selection.indices.tolist() == pool.candidates[np.argsort(-np.array(expected))[:10]].tolist()


def test_a_flat_prediction_comes_before_a_certain_one():
    arrays = random_arrays(seed=0)
    arrays["critic"][:] = 0
    arrays["probabilities"][:] = [0.97, 0.01, 0.01, 0.01]
    arrays["probabilities"][50] = 0.25
    arrays["probabilities"][51] = [1, 0, 0, 0]
    selection = create("waal").select(random_pool(arrays, 12), 30, np.random.default_rng(0))
    assert selection.indices[0] == 50 and selection.indices[-1] == 51


def test_the_penalty_of_a_linear_critic():
    critic = Critic(3)
    critic.layers = nn.Linear(3, 1)
    with torch.no_grad():
        critic.layers.weight.copy_(torch.tensor([[2.0, 3.0, 6.0]]))  # a slope of 7
    assert float(critic.penalty(torch.randn(5, 3), torch.randn(5, 3)).detach()) == pytest.approx(36.0, rel=1e-5)


@pytest.mark.parametrize("gap", [0.5, 3.0])
def test_the_critic_measures_a_known_distance(gap):
    # One cloud moved by `gap`: the Wasserstein distance is the gap.
    rng = np.random.default_rng(0)
    mine = torch.from_numpy(rng.normal(size=(64, 2)).astype(np.float32))
    theirs = mine[torch.randperm(64, generator=torch.Generator().manual_seed(0))] + torch.tensor([gap, 0.0])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        one = adversary(theirs, 64)
        for _ in range(300):
            one.step(mine, theirs)
    assert float(one.distance(mine, theirs).detach()) / one.ratio == pytest.approx(gap, rel=0.2)


def test_the_distance_is_to_the_whole_pool():
    mine, theirs = torch.randn(20, 4), torch.randn(60, 4) + 1
    one = adversary(theirs, 20)
    with torch.no_grad():
        to_the_pool = one.critic(torch.cat([mine, theirs])).mean() - one.critic(mine).mean()
        assert float(one.distance(mine, theirs)) == pytest.approx(float(to_the_pool), abs=1e-6)


def groups(seed, n=400, d=6, away=10.0):
    """(features, class 0 or 1, whether a sample is in the group far off, which is never labelled)."""
    rng = np.random.default_rng(seed)
    y, far = rng.integers(0, 2, size=n), rng.random(n) < 0.25
    x = rng.normal(size=(n, d))
    x[:, 0] += np.where(y == 1, 2, -2)
    x[:, 1] += away * far
    return x.astype(np.float32), y, far


def pictures(seed, n=240, side=14):
    """The same in pictures: a bar along or across, and bright noise in the group far off."""
    rng = np.random.default_rng(seed)
    y, far = rng.integers(0, 2, size=n), rng.random(n) < 0.25
    images = rng.integers(0, 60, size=(n, side, side))
    images[far] += 110
    for image, across, a in zip(images, y, rng.integers(0, side - 3, size=n), strict=True):
        (image if across else image.T)[a : a + 3] += 80
    return images.astype(np.uint8), y, far


def fitted(base, x, y, far, seed=0, n_labelled=40, **options):
    """(model of waal's learner, the unlabelled samples)."""
    known = np.flatnonzero(~far)[:n_labelled]
    free = np.setdiff1d(np.arange(len(x)), known)
    learner = create("waal", **options).learner(base)
    return learner.fit(x[known], y[known], n_classes=2, unlabelled=x[free], rng=np.random.default_rng(seed)), known, free


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("made", "base", "epochs", "n", "n_labelled"),
    [(groups, "mlp", 40, 400, 40), (groups, "mlp-dropout", 40, 400, 40), (pictures, "lenet", 8, 600, 200)],
)
def test_the_critic_ranks_a_group_without_labels_highest(made, base, epochs, n, n_labelled, seed):
    x, y, far = made(seed, n)
    model, _, free = fitted(learners.create(base, epochs=epochs), x, y, far, seed, n_labelled)
    critic = model.critic(x[free])
    assert (critic[far[free]][:, None] > critic[~far[free]][None, :]).mean() > (0.75 if base == "lenet" else 0.9)
    assert far[free][np.argsort(-critic)[:10]].all()
    assert (model.predict_proba(x[free])[~far[free]].argmax(axis=1) == y[free][~far[free]]).mean() > 0.7


@pytest.mark.parametrize("seed", range(3))
def test_training_makes_labelled_and_unlabelled_alike(monkeypatch, seed):
    distances = []

    def watched(self, losses, share, loss=Adversary.loss):
        distances.append((share, float((result := loss(self, losses, share)).detach())))
        return result

    monkeypatch.setattr(wasserstein.Adversary, "loss", watched)
    x, y, far = groups(seed, away=3.0)

    def gap(mu):
        """Measured without the critic: how far apart the mean embeddings are, in units of the spread around them."""
        model, known, free = fitted(learners.create("mlp", epochs=80), x, y, far, seed, mu=mu)
        mine, theirs = model.embed(x[known]), model.embed(x[free])
        return np.linalg.norm(mine.mean(axis=0) - theirs.mean(axis=0)) / np.sqrt(mine.var(axis=0).sum() + theirs.var(axis=0).sum())

    without = gap(0.0)
    distances.clear()
    assert gap(0.2) < 0.7 * without
    tenths = [np.mean([value for share, value in distances if a <= 10 * share < a + 1]) for a in range(10)]
    assert np.argmax(tenths) < 7 and tenths[-1] < 0.9 * max(tenths)  # it rises while the critic finds it, and falls from then on


def test_models_stay_as_they_are():
    x, y, far = pictures(0, n=60)
    model, _, free = fitted(learners.create("lenet", epochs=1), x, y, far, n_labelled=10)
    before = state_hash(model)
    whole = model.critic(x[free])
    assert np.array_equal(model.critic(x[free[5:]]), whole[5:]) and whole.shape == (len(free),)
    assert state_hash(model) == before
    assert not model.module.head._forward_pre_hooks
    same, _, _ = fitted(learners.create("lenet", epochs=1), x, y, far, n_labelled=10)
    assert np.array_equal(same.critic(x[free]), whole)


@pytest.mark.parametrize(("made", "base"), [(groups, "mlp"), (pictures, "lenet")])
def test_little_to_train_on(made, base):
    x, *_ = made(0, n=20)
    learner = create("waal").learner(learners.create(base, epochs=2))
    assert learner.trains_on_pool and learner.name == base and "critic" in learner.provides
    for others in (None, x[:0], x[5:6]):
        model = learner.fit(x[:2], np.array([0, 1]), n_classes=3, unlabelled=others, rng=np.random.default_rng(0))
        assert np.isfinite(model.critic(x)).all() and (model.predict_proba(x)[:, 2] == 0).all()
    assert isinstance(learner.fit(x[:2], np.array([1, 1]), n_classes=3, unlabelled=x, rng=np.random.default_rng(0)), ConstantModel)


def test_cancelling_comes_through():
    x, y, _ = groups(0)

    def stop(share):
        if share > 0.3:
            raise Cancelled

    learner = create("waal").learner(learners.create("mlp", epochs=5))
    with pytest.raises(Cancelled):
        learner.fit(x[:40], y[:40], unlabelled=x[40:], rng=np.random.default_rng(0), progress=stop)


def test_in_a_run():
    x, y, _ = pictures(0, n=80)
    data = from_arrays(images=x, targets=y, class_names=("along", "across"), name="bars")
    run = alviz.Run(data, learner=learners.create("lenet", epochs=2), strategy="waal", n_queries=5, n_initial=10)
    run.step()
    view = run.view()
    assert np.array_equal(view.signal("critic"), run.model().critic(x[view.candidates]))
    assert len(set(run.rounds[1].queried)) == 5

    one_class = from_arrays(images=x, targets=np.zeros(80, int), class_names=("along", "across"), name="one class")
    run = alviz.Run(one_class, learner=learners.create("lenet", epochs=2), strategy="waal", n_queries=5, n_initial=10)
    assert "fewer than two classes" in run.step().note


def test_learners_without_a_critic_are_refused():
    x, y, _ = groups(0, n=40)
    with pytest.raises(
        ValueError, match=r"strategy 'waal' needs critic, which learner 'linear-svm' does not give; learners that do: .*mlp"
    ):
        alviz.Run(from_arrays(features=x, targets=y), learner="linear-svm", strategy="waal")
    with pytest.raises(ValueError, match="use it in a Run"):
        alviz.query("waal", 2, labels=np.r_[y[:20], np.full(20, -1)], features=x, probabilities=np.full((40, 2), 0.5))


def test_settings():
    for option, value in (("weight", -1), ("mu", float("nan")), ("critic_steps", 0)):
        with pytest.raises(ValueError, match=f"waal: {option} must be"):
            create("waal", **{option: value})
