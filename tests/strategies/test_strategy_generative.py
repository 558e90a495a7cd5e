"""GAAL's made-up queries lie at the boundary, BGADL's generated samples belong to their class."""

import numpy as np
import pytest

import alviz
from alviz.data.dataset import Dataset
from alviz.learners.base import Learner
from alviz.loop import Person, Run
from alviz.strategies import create, generative
from alviz.strategies.generative import nearest_each
from alviz.studies import Store
from alviz.testing.pools import random_arrays, random_scene

torch = pytest.importorskip("torch")

from alviz.learners.deep.device import device  # noqa: E402
from alviz.learners.deep.training import tensor_of  # noqa: E402
from alviz.strategies.deep.form import Form  # noqa: E402

CLASSES = ("upright", "lying", "slanting")


def bars(n, seed):
    """(pictures (n, 12, 12), classes): a bar that stands, lies or slants, somewhere in the middle, in some grey, with noise."""
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % 3
    images = rng.integers(0, 60, size=(n, 12, 12))
    for picture, c in zip(images, targets, strict=True):
        at, light = rng.integers(3, 8), rng.integers(140, 256)
        if c == 0:
            picture[1:11, at : at + 2] = light
        elif c == 1:
            picture[at : at + 2, 1:11] = light
        else:
            for i in range(1, 11):
                picture[i, np.clip([i + at - 6, i + at - 5], 0, 11)] = light
    return images.astype(np.uint8), targets


@pytest.fixture(scope="module")
def pictures():
    images, targets = bars(200, 0)
    held, theirs = bars(60, 1)
    names = [f"s{i}" for i in range(200)]
    test = Dataset("bars", names[:60], held, None, theirs, CLASSES)
    return Dataset("bars", names, images, None, targets, CLASSES, test)


@pytest.fixture(scope="module")
def synthesis(pictures):
    """A run with one query of gaal."""
    run = Run(
        pictures, learner=alviz.learners.create("lenet", batch_size=16), strategy=create("gaal", epochs=30), n_initial=60, n_queries=12
    )
    run.step()
    return run


def gaps(run, images):
    """Difference of the two largest logits of the model before the query, by the model's own account."""
    two = np.sort(run.model(0).logits(images), axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]


def test_made_up_pictures_lie_nearer_to_the_boundary_than_the_pool(synthesis, pictures):
    made = synthesis.rounds[1].synthetic
    assert made.shape == (12, 12, 12) and made.dtype == np.uint8
    ours, theirs = gaps(synthesis, made), gaps(synthesis, pictures.images)
    assert np.median(ours) < np.quantile(theirs, 0.1)
    assert ours.max() < np.median(theirs)


def test_the_generator_learns_what_pictures_of_the_pool_look_like(synthesis, pictures):
    from alviz.strategies.deep.generator import LATENT, Generator

    form, generator = next(value for key, value in synthesis._cache.items() if key[0] == "gaal")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        z, untrained = torch.randn(100, LATENT).to(form.where), Generator(form.shape).to(form.where)
    real = pictures.test.images.reshape(60, -1) / 255

    def away(generator):
        """Root mean square difference of made-up pictures from the real one, of those that it has not seen, that is most like each."""
        with torch.no_grad():
            made = form.stored(generator(z)).reshape(100, -1) / 255
        return np.sqrt(((made[:, None] - real[None]) ** 2).mean(axis=2)).min(axis=1)

    print(np.median(away(generator)), np.median(away(untrained)))
    assert np.median(away(generator)) < 0.6 * np.median(away(untrained))


def test_the_search_reaches_the_boundary(synthesis, pictures):
    from alviz.strategies.deep.gaal import at_boundary

    form, generator = next(value for key, value in synthesis._cache.items() if key[0] == "gaal")
    module, seen = synthesis.model(0).module, np.arange(3)
    found = {}
    for steps in (1, 60):
        made = at_boundary(form, generator, module, seen, 40, steps, np.random.default_rng(3), lambda share: None)
        two = module(form.outward(made)).topk(2, dim=1).values
        found[steps] = (two[:, 0] - two[:, 1]).numpy()
    assert (found[60] <= found[1] + 1e-5).all()  # the best point on the way counts
    assert np.median(found[60]) < 0.2 * np.median(found[1])


def test_the_nearest_real_samples_are_asked_for(synthesis, pictures):
    made = synthesis.rounds[1].synthetic.astype(np.float64)
    free = np.setdiff1d(np.arange(200), synthesis.rounds[0].queried)
    left, expected = free.tolist(), []
    for picture in made:
        distances = [((pictures.images[i] - picture) ** 2).sum() for i in left]
        expected.append(left.pop(int(np.argmin(distances))))
    asked = synthesis.rounds[1].queried.tolist()
    # Pixels are rounded to whole numbers in what is kept: a near-tie may go the other way.
    assert sum(a == b for a, b in zip(asked, expected, strict=True)) >= 10
    scores = synthesis.rounds[1].scores
    assert np.isnan(scores[synthesis.rounds[0].queried]).all() and np.isfinite(scores[free]).all()
    least = [min(np.sqrt((((pictures.images[i] - picture) / 255) ** 2).sum()) for picture in made) for i in free]
    np.testing.assert_allclose(-scores[free], least, atol=0.05)


@pytest.mark.parametrize("block", [2**26, 1])
def test_each_takes_its_nearest_that_is_left(block, monkeypatch):
    monkeypatch.setattr(generative, "BLOCK_BYTES", block)
    monkeypatch.setattr(generative, "ROWS", 7)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = np.round(rng.normal(size=(23, 2)))  # many copies
        wanted = np.round(rng.normal(size=(15, 2)))
        picks, least = nearest_each(wanted, lambda which, x=x: x[which], 23, lambda share: None)
        distance = np.sqrt(((wanted[:, None] - x[None]) ** 2).sum(axis=2))
        np.testing.assert_allclose(least, distance.min(axis=0), atol=1e-12)
        for i, pick in enumerate(picks):
            distance[i, picks[:i]] = np.inf
            assert pick == distance[i].argmin()


def test_made_up_pictures_are_kept_by_the_store(pictures, tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'runs.db'}")
    person = Person("ada")
    settings = {"learner": alviz.learners.create("lenet", epochs=2), "strategy": create("gaal", epochs=1, steps=2), "n_queries": 4}
    run = Run(pictures, **settings, n_initial=9, oracle=person, store=store)

    def answer():
        for i in run.pending.selection.indices:
            person.tell(i, pictures.targets[i])

    answer()
    run.step()
    assert run.rounds[0].synthetic is None
    assert run.step() is None  # round 1 waits for the person
    waiting = run.pending.selection.synthetic
    assert waiting.shape == (4, 12, 12)
    np.testing.assert_array_equal(store.load(run.id, pictures).pending.selection.synthetic, waiting)
    answer()
    finished = run.step()
    np.testing.assert_array_equal(finished.synthetic, waiting)
    np.testing.assert_array_equal(store.load(run.id, pictures).rounds[1].synthetic, waiting)


def test_features_are_made_up_too_and_one_class_has_no_boundary():
    scene = random_scene(random_arrays(), 12)
    asked = create("gaal").select(scene.pool(), 5, np.random.default_rng(0))
    assert asked.synthetic is None and np.isfinite(asked.scores).sum() == 30
    scene = random_scene(random_arrays(), 12, one_class=True)
    asked = create("gaal").select(scene.pool(), 5, np.random.default_rng(0))
    assert asked.synthetic is None and np.isnan(asked.scores).all() and "no boundary" in asked.note


@pytest.mark.parametrize("shape", [(28, 28), (8, 8, 3), (32, 32, 1), (20, 20)])
def test_small_pictures_come_back_as_they_were(shape):
    x = np.random.default_rng(0).integers(0, 256, size=(5, *shape), dtype=np.uint8)
    form = Form(x, device())
    assert form.shape == ((1, *shape) if len(shape) == 2 else (shape[2], *shape[:2]))
    np.testing.assert_array_equal(form.stored(form.inward(x)), x)
    np.testing.assert_array_equal(form.outward(form.inward(x)).cpu(), tensor_of(x, device()).cpu())


@pytest.mark.parametrize(("shape", "side"), [((50, 40, 3), 32), ((5, 7), 8), ((13, 13), 16)])
def test_other_pictures_are_resized_and_back(shape, side):
    x = np.full((3, *shape), 77, dtype=np.uint8)
    form = Form(x, device())
    assert form.shape[1:] == (side, side)
    np.testing.assert_array_equal(form.stored(form.inward(x)), x)


def test_features_are_standardized_and_back():
    x = np.random.default_rng(0).normal(3, 5, size=(40, 4)).astype(np.float32)
    x[:, 2] = 1
    form = Form(x, device())
    inside = form.inward(x).cpu().numpy()
    np.testing.assert_allclose(inside.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(inside.std(axis=0), [1, 1, 0, 1], atol=1e-5)
    np.testing.assert_allclose(form.stored(form.inward(x)), x, atol=1e-5)


class Spy(Learner):
    """Keeps what it is given to train on."""

    def fit(self, x, y, **options):
        self.given = x, y
        return alviz.learners.ConstantModel(0, options["n_classes"])


@pytest.fixture(scope="module")
def generated():
    """(labelled pictures, classes, what a learner under bgadl trains on)."""
    images, targets = bars(60, 2)
    spy = Spy()
    create("bgadl", copies=2, epochs=120).learner(spy).fit(images, targets, n_classes=3, rng=np.random.default_rng(0))
    return images, targets, *spy.given


def test_the_learner_trains_on_generated_samples_too(generated):
    images, targets, x, y = generated
    assert x.shape == (180, 12, 12) and x.dtype == np.uint8
    np.testing.assert_array_equal(x[:60], images)
    np.testing.assert_array_equal(y, np.tile(targets, 3))
    assert not (x[60:120] == images).all(axis=(1, 2)).any() and not (x[120:] == x[60:120]).all(axis=(1, 2)).any()


def test_generated_samples_belong_to_their_class(generated):
    _, _, x, y = generated
    held, theirs = bars(300, 5)

    def nearest(pictures):  # a classifier that has seen none of the samples that the generator learnt from
        square = ((pictures[:, None].astype(np.float64) - held[None]) ** 2).sum(axis=(2, 3))
        return theirs[square.argmin(axis=1)]

    assert (nearest(x[:60]) == y[:60]).mean() > 0.95
    assert (nearest(x[60:]) == y[60:]).mean() > 0.8  # chance: a third


def test_generated_samples_lie_around_the_labelled_ones(generated):
    images, targets, x, _ = generated
    made = x[60:120].astype(np.float64)
    square = ((made[:, None] - images[None].astype(np.float64)) ** 2).sum(axis=(2, 3))
    rank = (square < np.diag(square)[:, None]).sum(axis=1)
    others = [np.flatnonzero(targets == c) for c in targets]
    within = np.array([(square[i, other] < square[i, i]).sum() for i, other in enumerate(others)])
    assert np.median(rank) < 20 and np.median(within) < 5  # at random: 30, and 10 of the 20 of its class


def test_one_class_is_trained_on_as_it_is():
    images, _ = bars(9, 3)
    spy = Spy()
    create("bgadl").learner(spy).fit(images, np.zeros(9, dtype=np.int64), n_classes=3, rng=np.random.default_rng(0))
    assert spy.given[0] is images


def test_queries_are_those_of_bald_or_entropy():
    rng = np.random.default_rng(0)
    posterior, labels = rng.dirichlet(np.ones(3), size=(6, 30)), np.full(30, -1)
    picks = [alviz.query(name, 8, labels=labels, posterior=posterior).tolist() for name in ("bgadl", "bald")]
    assert picks[0] == picks[1]
    p = rng.dirichlet(np.ones(3), size=30)
    picks = [alviz.query(name, 8, labels=labels, probabilities=p).tolist() for name in ("bgadl", "entropy")]
    assert picks[0] == picks[1]


def test_bad_settings():
    with pytest.raises(ValueError, match="bgadl: copies must be a whole number ≥ 1, got 0"):
        create("bgadl", copies=0)
    with pytest.raises(ValueError, match="gaal: steps must be a whole number ≥ 1"):
        create("gaal", steps=0)
