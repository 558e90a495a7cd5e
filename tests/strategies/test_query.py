"""alviz.query: what it accepts, what it refuses and in which words."""

import numpy as np
import pytest

import alviz
import alviz.strategies
from alviz.strategies import QueryStrategy, Selection, available, create, missing_needs

N, K, D, T = 30, 3, 4, 5


def arguments(seed=0):
    rng = np.random.default_rng(seed)
    labels = np.full(N, -1)
    labels[::3] = rng.integers(0, K, size=10)
    return {
        "labels": labels,
        "features": rng.normal(size=(N, D)),
        "embeddings": rng.normal(size=(N, 2)),
        "probabilities": rng.dirichlet(np.ones(K), size=N),
        "previous_probabilities": rng.dirichlet(np.ones(K), size=N),
        "posterior": rng.dirichlet(np.ones(K), size=(T, N)),
    }


def model(x):
    """Probabilities for any features or embeddings."""
    logits = np.asarray(x, dtype=np.float64) @ np.random.default_rng(x.shape[1]).normal(size=(x.shape[1], K))
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


PROVIDED = frozenset({"features", "embeddings", "probabilities", "previous_probabilities", "dropout_posterior", "predict"})
ANSWERED = [name for name in available() if not missing_needs(create(name), PROVIDED | {"target_posterior"})]


def only(*names):
    return {name: value for name, value in arguments().items() if name in ("labels", *names)}


@pytest.mark.parametrize("name", ANSWERED)
def test_every_strategy_answers(name):
    given = arguments() | {"predict": model}
    picks = alviz.query(name, 7, **given)
    assert picks.dtype == np.int64 and picks.shape == (7,) and len(set(picks.tolist())) == 7
    assert (given["labels"][picks] == -1).all()
    again, scores = alviz.query(name, 7, **given, return_scores=True)
    np.testing.assert_array_equal(again, picks)
    assert scores.dtype == np.float64 and scores.shape == (N,) and np.isnan(scores[given["labels"] >= 0]).all()


@pytest.mark.parametrize("name", ANSWERED)
def test_signals_that_are_not_needed_change_nothing(name):
    lean, strategy, every = {"labels": arguments()["labels"]}, create(name), arguments() | {"predict": model}
    for need in (*strategy.needs, *strategy.wants):
        for signal in (need,) if isinstance(need, str) else need:
            arguments_of = {"gradients": ("probabilities", "embeddings")}.get(signal, (signal,))
            lean |= {"posterior" if each.endswith("posterior") else each: None for each in arguments_of}
    lean = {argument: every[argument] for argument in lean if argument in every}
    np.testing.assert_array_equal(alviz.query(name, 6, **lean), alviz.query(name, 6, **every))


def test_lists_pandas_and_small_types_are_fine():
    import pandas as pd

    given = only("probabilities")
    expected = alviz.query("margin", 4, **given).tolist()
    assert alviz.query("margin", 4, labels=given["labels"].tolist(), probabilities=given["probabilities"].tolist()).tolist() == expected
    assert (
        alviz.query("margin", 4, labels=pd.Series(given["labels"]), probabilities=pd.DataFrame(given["probabilities"])).tolist() == expected
    )
    assert (
        alviz.query("margin", np.int32(4), labels=given["labels"].astype(np.int8), probabilities=given["probabilities"]).tolist()
        == expected
    )
    half = given["probabilities"].astype(np.float16)
    assert alviz.query("margin", 1, labels=given["labels"], probabilities=half).shape == (1,)


def test_features_stand_in_for_embeddings():
    given = only("features")
    expected = alviz.query("k-center", 5, labels=given["labels"], embeddings=given["features"])
    np.testing.assert_array_equal(alviz.query("k-center", 5, **given), expected)
    both = only("features", "embeddings")
    np.testing.assert_array_equal(alviz.query("k-center", 5, **both), alviz.query("k-center", 5, **only("embeddings")))


def test_parameters_and_objects():
    given = only("probabilities", "previous_probabilities")
    by_name = alviz.query("alamp", 5, base="entropy", **given)
    np.testing.assert_array_equal(alviz.query(create("alamp", base="entropy"), 5, **given), by_name)
    assert by_name.tolist() != alviz.query("alamp", 5, **given).tolist()


def test_seeds():
    labels = arguments()["labels"]
    first = alviz.query("random", 10, labels=labels).tolist()
    assert first == alviz.query("random", 10, labels=labels, seed=0).tolist() != alviz.query("random", 10, labels=labels, seed=1).tolist()


@pytest.mark.parametrize("form", ["indices", "shuffled", "mask", "list"])
def test_candidates(form):
    given = only("probabilities")
    allowed = np.array([1, 5, 8, 10, 20])
    assert (given["labels"][allowed] == -1).all()
    mask = np.isin(np.arange(N), allowed)
    candidates = {"indices": allowed, "shuffled": allowed[::-1], "mask": mask, "list": allowed.tolist()}[form]
    picks, scores = alviz.query("margin", 3, candidates=candidates, return_scores=True, **given)
    top = np.sort(given["probabilities"], axis=1)
    gap = top[:, -1] - top[:, -2]
    assert picks.tolist() == sorted(allowed.tolist(), key=lambda i: gap[i])[:3]
    assert np.flatnonzero(~np.isnan(scores)).tolist() == allowed.tolist()


def test_large_float32_arrays_are_not_copied_or_changed():
    class Spy(QueryStrategy):
        def select(self, pool, n_queries, rng):
            self.seen = pool.table("embeddings")
            return Selection(pool.candidates[:n_queries], np.full(pool.n, np.nan))

    spy, x = Spy(), np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    x.flags.writeable = False
    alviz.query(spy, 1, labels=np.full(100, -1), features=x)
    assert np.shares_memory(spy.seen, x)


def test_number_of_classes():
    class Spy(QueryStrategy):
        def select(self, pool, n_queries, rng):
            self.k = pool.n_classes
            return Selection(pool.candidates[:n_queries], np.full(pool.n, np.nan))

    spy = Spy()
    for given, k in [({}, 6), ({"probabilities": np.full((3, 9), 1 / 9)}, 9), ({"posterior": np.full((2, 3, 8), 1 / 8)}, 8)]:
        alviz.query(spy, 1, labels=[5, 0, -1], **given)
        assert spy.k == k


def broken(name, value):
    def change(given):
        given[name] = value(given[name].copy()) if name in given else value(None)

    return change


def put(array, where, value):
    array[where] = value
    return array


REFUSED = [
    ("margin", broken("labels", lambda y: y.astype(float)), r"labels must be a one-dimensional array of integers .* got float64 \(30,\)"),
    ("margin", broken("labels", lambda y: y.reshape(5, 6)), r"labels must be .* got int64 \(5, 6\)"),
    ("margin", broken("labels", lambda y: y >= 0), r"labels must be .* got bool"),
    ("margin", broken("labels", lambda y: put(y, 4, -2)), r"labels must be −1 \(unlabelled\) or a class 0, 1, …, got -2 at index 4"),
    ("margin", broken("labels", lambda y: put(y, 0, 3)), r"labels hold class 3, but probabilities has 3 columns"),
    ("margin", broken("labels", lambda y: y[:0]), r"labels must be"),
    ("margin", broken("probabilities", lambda p: p[:-1]), r"probabilities must have the shape \(30, K\), got \(29, 3\)"),
    ("margin", broken("probabilities", lambda p: p[:, 0]), r"probabilities must have the shape \(30, K\), got \(30,\)"),
    ("margin", broken("probabilities", lambda p: p[:, :0]), r"probabilities must have the shape"),
    ("margin", broken("probabilities", lambda p: put(p, (0, 0), np.nan)), r"probabilities holds NaN or infinity"),
    ("margin", broken("probabilities", lambda p: p * 1.002), r"probabilities: every row must add up to 1 .* but row \d+ adds up to 1\.002"),
    ("margin", broken("probabilities", lambda p: put(p, 12, [0.5, 0.5, 0.1])), r"but row 12 adds up to 1\.1"),
    ("margin", broken("probabilities", lambda p: put(p, 12, [1.2, -0.2, 0.0])), r"probabilities must lie in \[0, 1\], got -0\.2"),
    ("margin", broken("probabilities", lambda p: p.astype(str)), r"probabilities must hold real numbers, got <U"),
    ("margin", broken("probabilities", lambda p: p + 0j), r"probabilities must hold real numbers, got complex128"),
    (
        "margin",
        broken("previous_probabilities", lambda p: p[:, :2] / p[:, :2].sum(axis=1, keepdims=True)),
        r"previous_probabilities has 2 classes",
    ),
    ("margin", broken("features", lambda x: x[:, 0]), r"features must have the shape \(30, d\), got \(30,\)"),
    ("margin", broken("features", lambda x: put(x, (3, 1), np.inf)), r"features holds NaN or infinity"),
    ("margin", broken("features", lambda x: put(x, (3, 1), -1e101)), r"features must lie within ±1e\+100, .* got ±1e\+101"),
    ("margin", broken("embeddings", lambda x: put(x, (3, 1), 1.7e308)), r"embeddings must lie within ±1e\+100"),
    ("margin", broken("embeddings", lambda x: x[:10]), r"embeddings must have the shape \(30, d\), got \(10, 2\)"),
    ("margin", broken("posterior", lambda p: p[0]), r"posterior must have the shape \(T, 30, K\), got \(30, 3\)"),
    ("margin", broken("posterior", lambda p: p.transpose(1, 0, 2)), r"posterior must have the shape \(T, 30, K\), got \(30, 5, 3\)"),
    ("margin", broken("posterior", lambda p: put(p, (2, 5, 0), np.nan)), r"posterior\[2\] holds NaN or infinity"),
    ("margin", broken("posterior", lambda p: put(p, (4, 7), 0.5)), r"posterior\[4\]: every row must add up to 1 .* but row 7"),
    ("margin", broken("predict", lambda _: "model"), r"predict must be a function .* got str"),
    ("margin", broken("candidates", lambda _: [0]), r"candidates must be unlabelled, but sample 0 has a label"),
    ("margin", broken("candidates", lambda _: [1, 2, 1]), r"candidates must be distinct, got 1 twice"),
    ("margin", broken("candidates", lambda _: [1, 30]), r"candidates must lie in 0 … 29, got 30"),
    ("margin", broken("candidates", lambda _: [-1, 2]), r"candidates must lie in 0 … 29, got -1"),
    (
        "margin",
        broken("candidates", lambda _: [1.0, 2.0]),
        r"candidates must be one-dimensional integer indices or a boolean mask, got float64",
    ),
    ("margin", broken("candidates", lambda _: [[1, 2]]), r"candidates must be one-dimensional"),
    (
        "margin",
        broken("candidates", lambda _: np.ones(29, dtype=bool)),
        r"candidates, as a boolean mask, must have the shape of labels \(30,\), got \(29,\)",
    ),
    ("margin", broken("candidates", lambda _: np.ones(30, dtype=bool)), r"candidates must be unlabelled, but sample 0"),
    ("margin", broken("candidates", lambda _: []), r"n_queries \(of 0 candidates\) must be a whole number in 1 … 0, got 5"),
    ("margin", broken("seed", lambda _: -1), r"seed must be a whole number ≥ 0, got -1"),
    ("margin", broken("seed", lambda _: 0.5), r"seed must be a whole number ≥ 0, got 0\.5"),
    ("margin", broken("base", lambda _: "entropy"), r"query strategy 'margin' has no parameter 'base'"),
    ("k-center", broken("probabilites", lambda _: 1), r"query strategy 'k-center' has no parameter 'probabilites'; its parameters: pca"),
    (create("margin"), broken("base", lambda _: "entropy"), r"query has no argument 'base'"),
    ("margn", broken("seed", lambda _: 0), r"unknown query strategy 'margn'; did you mean 'margin'"),
    (None, broken("seed", lambda _: 0), r"unknown query strategy None"),
]


@pytest.mark.parametrize(("strategy", "change", "message"), REFUSED, ids=[message[:60] for _, _, message in REFUSED])
def test_refused(strategy, change, message):
    given = arguments()
    change(given)
    with pytest.raises(ValueError, match=message):
        alviz.query(strategy, 5, **given)


@pytest.mark.parametrize("count", [0, -1, 21])
def test_number_of_queries(count):
    assert len(alviz.query("margin", 20, **arguments())) == 20
    with pytest.raises(ValueError, match=rf"n_queries \(of 20 candidates\) must be a whole number in 1 … 20, got {count}"):
        alviz.query("margin", count, **arguments())


@pytest.mark.parametrize("count", [True, 5.0, "5", None])
def test_number_of_queries_is_a_whole_number(count):
    with pytest.raises(ValueError, match=r"n_queries \(of 20 candidates\) must be a whole number"):
        alviz.query("margin", count, **arguments())


@pytest.mark.parametrize(
    ("strategy", "argument"),
    [
        ("margin", "probabilities"),
        ("alamp", "previous_probabilities"),
        ("alamp-div", "previous_probabilities"),
        ("bald", "posterior"),
        ("entropy-dropout", "posterior"),
        ("ensemble-margin", "posterior"),
        ("k-center", r"embeddings \(or features\)"),
        ("dmcs-random", r"embeddings \(or features\)"),
        ("badge", r"probabilities and embeddings \(or features\)"),
    ],
)
def test_missing_signal(strategy, argument):
    given = only() if strategy in ("margin", "badge") else only("probabilities")
    with pytest.raises(ValueError, match=f"query strategy '{strategy}' needs the argument {argument}; given: labels"):
        alviz.query(strategy, 2, **given)


def test_needs_that_arrays_cannot_meet():
    class Network(QueryStrategy):
        needs = ("module",)

    strategy = Network()
    strategy.name = "network"
    with pytest.raises(ValueError, match="query strategy 'network' needs a torch network, which arrays cannot give: use it in a Run"):
        alviz.query(strategy, 1, **arguments())


def test_predict_is_asked_and_checked():
    class Changed(QueryStrategy):
        needs = ("predict", "features")

        def select(self, pool, n_queries, rng):
            p = pool.predict(pool.features * 2)
            return Selection(pool.candidates[np.argsort(p[:, 0])[:n_queries]], np.full(pool.n, np.nan))

    def model(x):
        first = 1 / (1 + np.exp(x[:, 0]))
        return np.column_stack([first, 1 - first])

    given = {"labels": np.full(N, -1), "features": arguments()["features"]}
    picks = alviz.query(Changed(), 5, predict=model, **given)
    assert picks.tolist() == np.argsort(-given["features"][:, 0])[:5].tolist()
    with pytest.raises(ValueError, match=r"predict\(features\): every row must add up to 1"):
        alviz.query(Changed(), 5, predict=lambda x: model(x) * 2, **given)


def test_a_strategy_that_scores_nan_is_refused():
    class Nan(alviz.strategies.ScoringStrategy):
        def score(self, pool):
            return np.where(np.arange(len(pool)) == 3, np.nan, 1.0)

    with pytest.raises(ValueError, match="gave 1 scores that are NaN or infinite"):
        alviz.query(Nan(), 1, **arguments())


def test_the_whole_selection():
    given = only("features")
    selection = alviz.query("k-center", 4, **given, return_selection=True)
    picks, scores = alviz.query("k-center", 4, **given, return_scores=True)
    assert isinstance(selection, Selection) and selection.indices.tolist() == picks.tolist() and selection.gains.shape == (4,)
    np.testing.assert_array_equal(selection.scores, scores)


def tensors(given, device, dtype=None):
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    out = {name: torch.as_tensor(np.array(array)) for name, array in given.items()}
    return {name: (x.to(dtype) if dtype is not None and x.dtype.is_floating_point else x).to(device) for name, x in out.items()}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("name", ANSWERED)
def test_torch_tensors(name, device):
    given = tensors(arguments(), device)
    kept = {each: x.clone() for each, x in given.items()}
    try:
        picks, scores = alviz.query(name, 7, **given, predict=model, return_scores=True)
    finally:
        assert all((given[each] == kept[each]).all() for each in kept)
    expected, expected_scores = alviz.query(name, 7, **arguments(), predict=model, return_scores=True)
    assert isinstance(picks, np.ndarray) and picks.tolist() == expected.tolist()
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_tensors_stay_where_they_are(device):
    class Spy(QueryStrategy):
        def select(self, pool, n_queries, rng):
            self.seen = {name: pool.resident(name) for name in ("embeddings", "features", "probabilities", "dropout_posterior")}
            self.part, self.host = pool.resident_labelled("features"), pool.features
            return Selection(pool.candidates[:n_queries], np.full(pool.n, np.nan))

    given = tensors(arguments(), device)
    del given["embeddings"]
    given["features"].requires_grad_(True)
    spy = Spy()
    alviz.query(spy, 1, **given | {"labels": np.full(N, -1)})
    names = {"embeddings": "features", "dropout_posterior": "posterior"}
    for name, x in spy.seen.items():
        assert x.device.type == device and not x.requires_grad
        assert x.data_ptr() == given[names.get(name, name)].data_ptr()
    assert spy.seen["embeddings"] is spy.seen["features"]
    assert spy.part.device.type == device and isinstance(spy.host, np.ndarray)
    assert given["features"].requires_grad and given["features"].grad is None


def test_tensor_types():
    import torch

    given = only("features")
    half = tensors({"features": given["features"]}, "cpu", torch.bfloat16)["features"]
    for x, same in (
        (half, half.float().numpy()),
        (half.half(), half.half().numpy()),
        ((half * 10).to(torch.int8), (half * 10).to(torch.int8).numpy()),
        (half > 0, (half > 0).numpy()),
    ):
        expected = alviz.query("k-center", 6, labels=given["labels"], features=same.astype(np.float64))
        assert alviz.query("k-center", 6, labels=given["labels"], features=x).tolist() == expected.tolist()
    labels, candidates = torch.as_tensor(given["labels"]), torch.as_tensor(given["labels"]) < 0
    assert alviz.query("k-center", 6, labels=labels, candidates=candidates, features=same).tolist() == expected.tolist()


TENSORS_REFUSED = [
    ("features", lambda x: x[:, 0], r"features must have the shape \(30, d\), got \(30,\)"),
    ("features", lambda x: x * float("nan"), r"features holds NaN or infinity"),
    ("features", lambda x: x + 0j, r"features must hold real numbers, got torch\.complex128"),
    ("features", lambda x: x.to_sparse(), r"features must be a dense tensor, got one with the layout torch\.sparse_coo"),
    ("probabilities", lambda x: x * 1.002, r"probabilities: every row must add up to 1 .* but row \d+ adds up to 1\.002"),
    ("probabilities", lambda x: x * 4 - 1, r"probabilities must lie in \[0, 1\], got -0\."),
    ("posterior", lambda x: x[0], r"posterior must have the shape \(T, 30, K\), got \(30, 3\)"),
    ("labels", lambda x: x.float(), r"labels must be a one-dimensional array of integers .* got float32"),
]


@pytest.mark.parametrize(("name", "change", "message"), TENSORS_REFUSED, ids=[message[:50] for _, _, message in TENSORS_REFUSED])
def test_tensors_refused(name, change, message):
    given = tensors(arguments(), "cpu")
    given[name] = change(given[name])
    with pytest.raises(ValueError, match=message):
        alviz.query("margin", 5, **given)


def test_a_cap_is_said():
    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.full(60, -1)
    with pytest.warns(UserWarning, match="'max-herding': 20 of 60 candidates were looked at"):
        picks = alviz.query("max-herding", 5, labels=y, features=x, cap=20)
    selection = alviz.query("max-herding", 5, labels=y, features=x, cap=20, return_selection=True)
    assert selection.note.startswith("20 of 60 candidates") and np.array_equal(selection.indices, picks)
    assert np.isfinite(selection.scores).sum() == 20


def test_predict_must_know_the_same_classes():
    x, y = np.random.default_rng(0).normal(size=(30, 3)), np.full(30, -1)
    y[:4] = [0, 1, 0, 1]
    p = np.full((30, 2), 0.5)
    with pytest.raises(ValueError, match=r"predict\(features\) has 3 classes, probabilities has 2; they must agree"):
        alviz.query("drop-query", 5, labels=y, features=x, probabilities=p, predict=lambda rows: np.full((len(rows), 3), 1 / 3))
