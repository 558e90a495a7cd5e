"""What more labels are likely to bring, and which labels deserve a second look."""

from dataclasses import replace

import numpy as np
import pytest

import alviz
from alviz.data.dataset import Dataset
from alviz.loop import Run
from alviz.loop.evaluate import FOLDS
from alviz.loop.labelling import Labelling
from alviz.loop.outlook import FEWEST, WORTH, gains, outlook
from alviz.loop.second_look import contradicted, doubts
from alviz.progress import Cancelled


def clouds(n: int, overlap: float, seed: int = 0) -> Dataset:
    """Two Gaussian clouds, without a test set; overlap: the share that the best classifier gets wrong, 0 … 0.5."""
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % 2
    features = rng.normal(size=(n, 2)) * 0.3 + np.where(targets, 2.0, -2.0)[:, None]
    flipped = rng.random(n) < overlap
    return Dataset(
        "clouds", [str(i) for i in range(n)], None, features.astype(np.float32), np.where(flipped, 1 - targets, targets), ("a", "b")
    )


@pytest.mark.parametrize(("top", "factor", "rate"), [(0.95, 0.8, 0.5), (0.8, 0.5, 0.3), (0.99, 2.0, 0.9)])
def test_the_interval_covers_what_a_power_law_really_brings(top: float, factor: float, rate: float) -> None:
    rng = np.random.default_rng(3)
    sizes = np.array([20, 40, 80, 120, 160])
    truth = top - factor * sizes**-rate
    more = np.array([40, 160])
    real = (top - factor * (160.0 + more) ** -rate) - truth[-1]
    hits = np.zeros(2)
    repeats = 40
    for _ in range(repeats):
        measured = rng.binomial(500, truth) / 500
        for k, gain in enumerate(gains(sizes, measured, np.full(5, 500), 160, (40, 160))):
            assert gain.low <= gain.expected <= gain.high
            hits[k] += gain.low <= real[k] <= gain.high
    # 90 % intervals: fewer than 30 of 40 hits would happen to one honest method in 300
    assert (hits >= 30).all()


def test_with_much_data_the_expected_gain_is_the_real_one() -> None:
    sizes = np.array([25, 50, 100, 200, 400])
    law = lambda n: 0.9 - 0.9 * np.asarray(n, dtype=float) ** -0.5  # noqa: E731
    (gain,) = gains(sizes, law(sizes), np.full(5, 1_000_000), 400, (400,))
    real = float(law(800) - law(400))
    assert gain.expected == pytest.approx(real, abs=0.002)
    assert gain.high - gain.low < 0.01


def test_too_few_labels_say_that_nothing_can_be_told() -> None:
    run = Run(clouds(200, 0.0), n_queries=10)
    seen = outlook(run)
    assert seen.verdict == "cannot tell yet" and seen.next is None
    assert f"10 labels of 2 classes are too few (wanted {FEWEST}" in seen.reading
    one_class = replace(clouds(200, 0.0), targets=np.zeros(200, dtype=np.int64))
    assert "of one class" in outlook(Run(one_class, n_queries=50)).reading


def test_a_solved_problem_hardly_pays_and_an_unsolved_one_does() -> None:
    solved = outlook(Run(clouds(2000, 0.0), n_queries=400))
    assert solved.verdict == "hardly pays" and solved.doubled is not None and solved.doubled.high < WORTH
    run = Run(alviz.data.create("fashion-mini"), n_queries=20)
    run.goto(5)
    hard = outlook(run)
    assert hard.verdict == "pays" and hard.doubled is not None and hard.doubled.low >= WORTH
    assert hard.sizes.tolist() == [20, 40, 60, 80, 100, 120]
    assert hard.accuracy.tolist() == [r.metrics["accuracy"] for r in run.rounds]
    assert hard.next is not None and hard.next.labels == 20 and hard.doubled.labels == 120


def test_without_a_test_set_no_label_is_measured_by_a_model_that_has_seen_it() -> None:
    noise = replace(clouds(300, 0.0), features=np.random.default_rng(1).normal(size=(300, 20)).astype(np.float32))
    seen = outlook(Run(noise, learner="knn", n_queries=150))
    assert seen.sizes.tolist() == [15, 30, 60, 120]  # an eighth … all of four fifths
    assert (np.abs(seen.accuracy - 0.5) < 0.15).all()  # nothing can be learnt: a model that had seen them would be right


def test_an_estimate_can_be_cancelled() -> None:
    def stop(fraction: float) -> None:
        raise Cancelled

    run = Run(clouds(200, 0.1), n_queries=FEWEST)
    for work in (outlook, doubts):
        with pytest.raises(Cancelled):
            work(run, stop)


def test_confident_contradictions_by_hand() -> None:
    given = np.array([0, 0, 0, 1, 1, 1])
    proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.2, 0.8], [0.45, 0.55]])
    # thresholds: class 0: (0.9 + 0.8 + 0.1) / 3 = 0.6; class 1: (0.7 + 0.8 + 0.55) / 3 = 0.683
    # sample 2 reaches class 1's threshold against its label 0; sample 5 reaches none; the rest confirm their labels
    assert contradicted(given, proba).tolist() == [-1, -1, 1, -1, -1, -1]


def labelled_with_slips(slips: list[int]) -> tuple[Labelling, Dataset]:
    """A session with 60 labels of two clear clouds, of which the `slips`-th answers are wrong."""
    dataset = clouds(300, 0.0)
    session = Labelling.start(replace(dataset, targets=np.full(300, -1)), ("a", "b"), n_queries=60)
    for k, i in enumerate(session.waiting.tolist()):
        right = int(dataset.targets[i])
        session.label(i, 1 - right if k in slips else right)
    session.proceed()
    return session, dataset


def test_slips_of_the_finger_are_found_and_what_was_confirmed_is_not_offered_again() -> None:
    session, dataset = labelled_with_slips([5, 17, 40])
    asked = session.run.rounds[0].queried
    found = doubts(session.run)
    assert {doubt.sample for doubt in found} == {int(asked[k]) for k in (5, 17, 40)}
    for doubt in found:
        assert doubt.predicted == dataset.targets[doubt.sample] != doubt.given and doubt.probability > 0.5
    session.label(found[0].sample, found[0].predicted)  # changed
    session.label(found[1].sample, found[1].given)  # confirmed
    assert [doubt.sample for doubt in doubts(session.run)] == [found[2].sample]
    assert doubts(session.run) == doubts(session.run)


def test_right_labels_of_samples_that_lie_between_the_classes_are_not_offered() -> None:
    """What a query strategy picks is what models are unsure of: the thresholds of confident learning alone doubt a good part of it."""
    rng = np.random.default_rng(0)
    targets = np.arange(600) % 2
    features = rng.normal(size=(600, 2)) + np.stack([3.0 * targets - 1.5, 0 * targets], axis=1)
    pool = Dataset("near", [str(i) for i in range(600)], None, features.astype(np.float32), targets, ("a", "b"))
    session = Labelling.start(replace(pool, targets=np.full(600, -1)), ("a", "b"), n_queries=30, learner="logistic")
    slips: set[int] = set()
    for _ in range(4):
        for i in session.waiting.tolist():
            clear = (features[i, 0] > 1.8) == targets[i] and abs(features[i, 0]) > 1.8
            if clear and len(slips) < 3:
                slips.add(i)
            session.label(i, int(targets[i]) ^ (i in slips))
        session.proceed()
    assert {doubt.sample for doubt in doubts(session.run)[:3]} == slips
    assert len(doubts(session.run)) <= 6


def test_classes_of_a_few_labels_are_not_doubted() -> None:
    session, _ = labelled_with_slips([])
    session.add_class("rare")
    for i in session.waiting[: FOLDS - 1].tolist():
        session.label(i, 2)
    for i in session.waiting.tolist():
        session.skip(i)
    session.proceed()
    assert session.class_counts[2] == FOLDS - 1
    assert all(doubt.given != 2 for doubt in doubts(session.run))


def test_one_class_is_beyond_doubt() -> None:
    run = Run(replace(clouds(60, 0.0), targets=np.zeros(60, dtype=np.int64)), n_queries=20)
    assert doubts(run) == []
