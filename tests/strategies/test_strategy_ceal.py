"""CEAL: pseudo-labels enter the training set, leave it again, and are never labels."""

import numpy as np
import pytest

import alviz
from alviz import data, learners
from alviz.learners.base import ConstantModel, Learner, Samples
from alviz.loop import Run
from alviz.strategies import create
from alviz.strategies.ceal import BASES, PseudoLabels


def nats(p):
    return np.array([-sum(v * np.log(v) for v in row if v > 0) for row in p])


class Scripted:
    """A model whose predictions for x = [i] are row i of a table."""

    def __init__(self, table):
        self.table, self.n_classes = np.asarray(table, dtype=np.float64), len(table[0])

    def predict_proba(self, x):
        return self.table[x[:, 0].astype(int)]


class Notebook(Learner):
    """Writes down what it is trained on; its models follow a script."""

    def __init__(self, tables=(), base=None, wants_pool=False):
        self.tables, self.base, self.seen, self.trains_on_pool = list(tables), base, [], wants_pool
        if base is not None:
            self.takes = base.takes

    def fit(self, x, y, **options):
        self.seen.append((x, y, options))
        return Scripted(self.tables[len(self.seen) - 1]) if self.base is None else self.base.fit(x, y, **options)


def test_pseudo_labels_enter_and_leave():
    unsure, first, second = [0.5, 0.5], [1.0, 0.0], [1e-7, 1 - 1e-7]
    notebook = Notebook([[unsure, first, second, unsure, unsure], [unsure, unsure, second, second, unsure], [unsure] * 5, [unsure] * 5])
    learner = PseudoLabels(notebook, 1e-5, 0.0)
    x, rng = np.arange(5.0)[:, None], np.random.default_rng(0)

    def trained(labelled, previous):
        rest = np.setdiff1d(np.arange(5), labelled)
        model = learner.fit(x[labelled], np.zeros(len(labelled), dtype=int), n_classes=2, unlabelled=x[rest], previous=previous, rng=rng)
        fitted, y, options = notebook.seen[-1]
        assert options["unlabelled"] is None and options["previous"] is previous and options["n_classes"] == 2
        return model, list(zip(fitted[:, 0].astype(int).tolist(), y.tolist(), strict=True))

    model, seen = trained([0], None)
    assert seen == [(0, 0)]
    model, seen = trained([0], model)
    assert seen == [(0, 0), (1, 0), (2, 1)]  # a probability of exactly 0 is certainty too
    model, seen = trained([0, 2], model)
    assert seen == [(0, 0), (2, 0), (3, 1)]  # 1 has left, 3 has come, and 2 has a label, which counts
    _, seen = trained([0, 2], model)
    assert seen == [(0, 0), (2, 0)]


def test_samples_that_are_pictures_and_features():
    class Both(Scripted):
        def predict_proba(self, x):
            return super().predict_proba(x.features)

    class Pair(Notebook):
        takes = "both"

        def fit(self, x, y, **options):
            self.seen.append((x, y))
            return Both([[0.5, 0.5], [1.0, 0.0], [0.5, 0.5]])

    pair = Pair()
    learner = PseudoLabels(pair, 1e-5, 0.0)
    assert learner.takes == "both"
    every = Samples(np.arange(3, dtype=np.uint8)[:, None, None], np.arange(3, dtype=np.float32)[:, None])
    model = None
    for _ in range(2):
        model = learner.fit(every[:1], np.zeros(1, dtype=int), unlabelled=every[1:], previous=model, rng=np.random.default_rng(0))
    x, y = pair.seen[1]
    assert x.images.ravel().tolist() == x.features.ravel().tolist() == [0, 1] and y.tolist() == [0, 0]


def test_a_model_of_one_class_is_sure_of_nothing():
    notebook = Notebook([[[1.0, 0.0]] * 3])
    PseudoLabels(notebook, 1e-5, 0.0).fit(
        np.zeros((1, 1)), np.zeros(1, dtype=int), unlabelled=np.ones((2, 1)), previous=ConstantModel(0, 2), rng=np.random.default_rng(0)
    )
    assert len(notebook.seen[0][1]) == 1


def test_the_threshold_falls():
    # Entropy of (q, 1 − q): 0.0560 nats at q = 0.01, 0.0079 at 0.001; the threshold is 0.1, then 0.04, then −0.02.
    table = [[0.5, 0.5], [0.01, 0.99], [0.001, 0.999], [0.0, 1.0]]
    notebook = Notebook([table] * 4)
    learner, model, counts = PseudoLabels(notebook, 0.1, 0.06), None, []
    for _ in range(4):
        model = learner.fit(
            np.zeros((1, 1)), np.zeros(1, dtype=int), unlabelled=np.arange(1.0, 4)[:, None], previous=model, rng=np.random.default_rng(0)
        )
        counts.append(len(notebook.seen[-1][1]) - 1)
    assert counts == [0, 3, 2, 0]


def test_a_base_that_trains_on_the_pool_gets_the_others():
    notebook = Notebook([[[0.5, 0.5], [1.0, 0.0], [0.5, 0.5]]] * 2, wants_pool=True)
    learner = PseudoLabels(notebook, 1e-5, 0.0)
    settings = {"unlabelled": np.array([[1.0], [2.0]]), "rng": np.random.default_rng(0)}
    model = learner.fit(np.zeros((1, 1)), np.zeros(1, dtype=int), **settings)
    learner.fit(np.zeros((1, 1)), np.zeros(1, dtype=int), previous=model, **settings)
    assert notebook.seen[0][2]["unlabelled"].tolist() == [[1.0], [2.0]]
    assert notebook.seen[1][0].tolist() == [[0.0], [1.0]] and notebook.seen[1][2]["unlabelled"].tolist() == [[2.0]]


def shades(n, seed):
    """Dark and bright pictures."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return (rng.integers(0, 150, size=(n, 12, 12)) + 100 * y[:, None, None]).astype(np.uint8), y


@pytest.mark.parametrize(("learner", "delta", "settings"), [("mlp", 0.05, {}), ("logistic", 0.3, {}), ("lenet", 0.05, {"epochs": 60})])
def test_in_a_run(learner, delta, settings):
    if learner == "lenet":
        x, y = shades(120, 0)
        dataset = data.from_arrays(images=x, targets=y, test=shades(20, 1), name="dark and bright")
    else:
        dataset = data.create("gaussians", n=120, n_test=40)
        x = dataset.features
    notebook = Notebook(base=learners.create(learner, **settings))
    run = Run(dataset, learner=notebook, strategy=create("ceal", delta=delta), n_queries=6, n_initial=20, seed=1)
    run.run(38)
    assert len(notebook.seen) == len(run.rounds) == 4 and len(notebook.seen[0][1]) == 20
    entered = []
    for r in (1, 2, 3):
        labelled = np.concatenate([finished.queried for finished in run.rounds[: r + 1]])
        rest = np.setdiff1d(np.arange(len(dataset)), labelled)
        p = run.model(r - 1).predict_proba(x[rest])
        certain = nats(p) < delta
        fitted, y, _ = notebook.seen[r]
        assert np.array_equal(fitted, np.concatenate([x[np.sort(labelled)], x[rest[certain]]]))
        assert np.array_equal(y[len(labelled) :], p[certain].argmax(axis=1))
        assert run.rounds[r].note.startswith(f"{certain.sum()} of {len(rest)} other candidates")
        assert run.rounds[r].n_labelled == len(labelled) == run.rounds[r].class_counts.sum()  # they never count as labels
        entered.append(set(rest[certain].tolist()))
    assert any(entered) and entered[0] != entered[-1]
    assert np.array_equal(run.state.labelled, np.sort(labelled))
    run.undo()
    run.step()
    assert all(np.array_equal(notebook.seen[4][i], notebook.seen[3][i]) for i in (0, 1))


@pytest.mark.parametrize("base", BASES)
def test_the_base_is_the_one_that_is_named(base):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(5), size=80)
    labels = np.full(80, -1)
    labels[:10] = np.arange(10) % 5
    picks, scores = alviz.query("ceal", 20, labels=labels, probabilities=p, base=base, return_scores=True)
    expected, theirs = alviz.query(base, 20, labels=labels, probabilities=p, return_scores=True)
    assert np.array_equal(picks, expected)
    np.testing.assert_array_equal(scores, theirs)
    others = [alviz.query(other, 20, labels=labels, probabilities=p).tolist() for other in BASES if other != base]
    assert picks.tolist() not in others


def test_the_note_counts_those_that_are_not_asked():
    p = np.tile([[0.5, 0.5]], (10, 1))
    p[2:6] = [1.0, 0.0]
    labels = np.array([0, 1, *[-1] * 8])
    for n_queries, joining in ((3, 4), (8, 0), (6, 2)):
        note = alviz.query("ceal", n_queries, labels=labels, probabilities=p, return_selection=True).note
        assert note.startswith(f"{joining} of {8 - n_queries} other candidates are certain enough")
    assert alviz.query("ceal", 3, labels=labels, probabilities=p, decay=1e-6, return_selection=True).note.startswith("At most 4 of")


def test_settings_are_checked():
    with pytest.raises(ValueError, match="ceal: base must be one of entropy, margin, least-confidence, got 'random'"):
        create("ceal", base="random")
