"""The failure gallery: every case holds over its seeds, and says what it shows."""

from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from scipy import stats

import alviz
from alviz.data import from_arrays
from alviz.studies import gallery
from alviz.studies.gallery import CASES, SEEDS, Claim, case


@pytest.mark.parametrize("shown", CASES, ids=lambda shown: shown.name)
def test_every_claim_holds_over_the_seeds(shown):
    """Student's interval of the paired differences lies above what the claim says; and so does the run that opens."""
    differences = shown.differences()
    assert differences.shape == (len(SEEDS), len(shown.claims)) == (20, len(shown.claims))
    for claim, column in zip(shown.claims, differences.T, strict=True):
        spread = column.std(ddof=1) / np.sqrt(len(column))
        low = column.mean() - stats.t.ppf(0.975, len(column) - 1) * spread
        assert low > claim.above, f"{claim.sentence} {column.mean():.2f}, from {low:.2f} on"
        assert column[SEEDS.index(shown.seed)] > claim.above, claim.sentence


def test_the_cases_are_those_promised_and_each_says_why_in_two_sentences():
    assert len({shown.name for shown in CASES}) == len(CASES) == 7
    for shown in CASES:
        assert shown.reason.count(". ") == 1
        assert shown.reason.endswith(".")
        assert shown.claims


@pytest.mark.parametrize("shown", CASES, ids=lambda shown: shown.name)
def test_the_address_says_the_whole_case(shown):
    parts = urlsplit(shown.address)
    said = {key: value[0] for key, value in parse_qs(parts.query, strict_parsing=True).items()}
    assert parts.path == shown.page
    assert said["strategies"].split(",") == list(shown.strategies)
    assert set(shown.strategies) <= set(alviz.strategies.available())
    for claim in shown.claims:
        assert {claim.of, claim.than} - {None} <= set(shown.strategies)
    assert (int(said["n_queries"]), int(said["steps"]), int(said["seed"])) == (shown.n_queries, shown.steps, shown.seed)
    for part in ("learner", "initial"):
        assert said[part] == getattr(shown, part)
    again = alviz.data.create(said["dataset"], **{key: float(said[key]) for key in shown.params})
    assert alviz.data.content_hash(again) == alviz.data.content_hash(shown.pool())


def test_an_unknown_case_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="no case 'late'; there are cold-start, outliers"):
        case("late")


def test_a_claim_is_a_difference_of_two_runs_or_one_run():
    runs = {"a": 5.0, "b": 2.0}
    assert Claim("", lambda run: run, "points", "a", "b").difference(runs) == 3.0
    assert Claim("", lambda run: run, "points", "a", above=4.0).difference(runs) == 5.0


def run_over(x, y, rounds, probabilities=None):
    """What the measures look at, as a hand-made run: rounds are lists of queried indices, round 0 first."""
    pool = from_arrays(np.asarray(x, dtype=np.float32), targets=np.asarray(y))
    made, labelled = [], []
    for k, queries in enumerate(rounds):
        labelled += queries
        counts = np.bincount(np.asarray(y)[labelled], minlength=2)
        made.append(
            SimpleNamespace(queried=np.array(queries), metrics={"accuracy": k / 10}, class_counts=counts, probabilities=probabilities)
        )
    return SimpleNamespace(dataset=pool, rounds=tuple(made))


def test_measures_of_accuracy():
    run = run_over(np.eye(4, 2), [0, 1, 0, 1], [[0], [1], [2], [3]])
    assert gallery.accuracy(1, 2)(run) == pytest.approx(15.0)
    assert gallery.lead_lost((2, 3), (0, 1))(run) == pytest.approx(25.0 - 5.0)


def test_measures_of_what_was_queried():
    run = run_over([[0, 0], [5, 0], [5, 0], [0, -6], [1, 1]], [0, 1, 1, 1, 0], [[1], [2, 3], [4]])
    assert gallery.queried(run).tolist() == [2, 3, 4]
    assert gallery.outliers_queried(run) == 2.0
    assert gallery.places_queried(run) == 3.0
    assert gallery.places_queried(run_over([[0, 0], [5, 0], [5, 0]], [0, 1, 1], [[0], [1, 2]])) == 1.0


def test_noise_is_a_label_against_its_neighbours():
    x = np.repeat([[0.0, 0.0], [9.0, 0.0]], 40, axis=0) + np.random.default_rng(0).normal(size=(80, 2))
    y = np.repeat([0, 1], 40)
    y[3] = 1  # one sample of the first group bears the other group's label
    run = run_over(x, y, [[0], [1, 3], [50, 60]])
    assert gallery.noise_queried(run) == pytest.approx(25.0)


def test_measures_of_the_rare_class_and_the_blob():
    blob = alviz.data.create("rare-blob", n=400)
    hidden = np.flatnonzero((blob.targets == 1) & (blob.features[:, 0] < -2.0))
    others = np.setdiff1d(np.arange(400), hidden)
    proba = np.zeros((400, 2))
    proba[hidden, 0] = 0.75
    run = run_over(blob.features, blob.targets, [[int(others[0])], [int(hidden[0]), int(others[1])]], proba)
    assert np.array_equal(np.flatnonzero(gallery.in_blob(run)), hidden)
    assert len(hidden) == 20
    assert gallery.blob_queried(run) == 1.0
    assert gallery.wrongly_sure(run) == pytest.approx(75.0)
    rare = run_over(np.eye(4, 2), [0, 0, 0, 1], [[0], [1]])
    assert (gallery.rare_labelled(rare), gallery.rare_missed(rare)) == (0.0, 100.0)
    met = run_over(np.eye(4, 2), [0, 0, 0, 1], [[0], [3]])
    assert (gallery.rare_labelled(met), gallery.rare_missed(met)) == (1.0, 0.0)
