"""A person labels: what they say, what they take back, and that none of it is ever lost."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alviz
from alviz.data.dataset import Dataset
from alviz.loop import Event, LabelState, Run
from alviz.loop.labelling import Labelling
from alviz.progress import Cancelled
from alviz.studies import Store

NAMES = ("a", "b", "c")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'runs.db'}")


def begun(dataset: Dataset, store: Store | None = None, **settings: Any) -> Labelling:
    return Labelling.start(hidden(dataset), NAMES, annotator="ada", store=store, **{"n_queries": 4, "seed": 1, **settings})


def hidden(dataset: Dataset) -> Dataset:
    """The pool as a person gets it; the tests answer with the targets it had."""
    return replace(dataset, targets=np.full(len(dataset), -1), class_names=())


def again(session: Labelling, dataset: Dataset) -> Labelling:
    """The session as another process finds it in the store."""
    store = session.run.store
    assert isinstance(store, Store) and session.run.id is not None
    return Labelling.resume(Store(store.url), session.run.id, hidden(dataset))


def answer_all(session: Labelling, dataset: Dataset) -> list[int]:
    asked = session.waiting.tolist()
    for i in asked:
        session.label(i, int(dataset.targets[i]))
    return asked


def told(session: Labelling) -> dict[int, tuple[str, int]]:
    state = session.now
    return {
        i: ("ignored" if state.ignored[i] else "label", int(state.labels[i]))
        for i in range(state.n)
        if state.ignored[i] or state.labels[i] >= 0
    }


def test_queries_come_one_by_one_and_a_round_is_trained_when_all_are_answered(untested: Dataset) -> None:
    session = begun(untested)
    asked = session.waiting.tolist()
    assert len(asked) == 4 and session.standing().answered == 0
    session.label(asked[0], 2)
    assert session.waiting.tolist() == asked[1:]
    session.proceed()  # nothing is due yet
    assert session.run.position == -1 and session.waiting.tolist() == asked[1:]
    session.skip(asked[1])
    session.ignore(asked[2])
    session.label(asked[3], 0)
    session.proceed()
    stands = session.standing()
    assert (session.run.position, stands.round, stands.labelled, stands.skipped, stands.left_out, stands.remaining) == (0, 1, 2, 1, 1, 86)
    assert session.class_counts.tolist() == [1, 0, 1]
    assert not set(session.waiting.tolist()) & set(asked)


def test_no_sample_is_ever_asked_twice(untested: Dataset) -> None:
    session = begun(untested, n_queries=17)
    seen: list[int] = []
    say: list[Callable[[int], None]] = [lambda i: session.label(i, int(untested.targets[i])), session.skip, session.ignore]
    while not session.exhausted:
        for k, i in enumerate(session.waiting.tolist()):
            seen.append(i)
            say[k % 3](i)
        session.proceed()
    assert sorted(seen) == list(range(90))
    assert session.waiting.tolist() == [] and session.standing().remaining == 0


def test_every_answer_is_in_the_store_before_the_next(untested: Dataset, store: Store) -> None:
    session = begun(untested, store)
    expected: dict[int, tuple[str, int]] = {}
    for k, i in enumerate(session.waiting.tolist()):
        if k == 2:
            session.skip(i)
        else:
            session.label(i, k % 3)
        expected[i] = ("ignored", -1) if k == 2 else ("label", k % 3)
        found = again(session, untested)
        assert told(found) == expected == told(session)
        assert found.waiting.tolist() == session.waiting.tolist()
    kept = store.load(str(session.run.id), hidden(untested).with_classes(NAMES))
    assert kept.pending is not None
    assert [(event.kind, event.annotator, event.round) for event in kept.pending.events] == [
        ("label", "ada", 0),
        ("label", "ada", 0),
        ("skip", "ada", 0),
        ("label", "ada", 0),
    ]


def test_a_resumed_session_goes_on_as_if_it_had_never_stopped(untested: Dataset, store: Store) -> None:
    undisturbed = begun(untested)
    for _ in range(3):
        answer_all(undisturbed, untested)
        undisturbed.proceed()
    session = begun(untested, store)
    for _ in range(3):
        session = again(session, untested)
        session.label(int(session.waiting[0]), int(untested.targets[session.waiting[0]]))
        session = again(session, untested)
        answer_all(session, untested)
        session = again(session, untested)  # everything answered, nothing trained yet
        session.proceed()
    assert [r.queried.tolist() for r in session.run.rounds] == [r.queried.tolist() for r in undisturbed.run.rounds]
    assert session.waiting.tolist() == undisturbed.waiting.tolist()
    assert np.array_equal(session.run.rounds[-1].probabilities, undisturbed.run.rounds[-1].probabilities)


def test_undo_takes_back_one_answer_after_the_other_across_rounds(untested: Dataset, store: Store) -> None:
    session = begun(untested, store)
    said: list[int] = []
    snapshots = [told(session)]
    for _ in range(2):
        for i in session.waiting.tolist():
            session.label(i, int(untested.targets[i]))
            said.append(i)
            snapshots.append(told(session))
        session.proceed()
    picks = session.waiting.tolist()
    while said:
        snapshots.pop()
        assert session.undo() == said.pop()
        assert told(session) == snapshots[-1] == told(again(session, untested))
    assert session.undo() is None
    assert session.run.position == -1
    for _ in range(2):  # the same answers lead to the same next query
        answer_all(session, untested)
        session.proceed()
    assert session.waiting.tolist() == picks


def test_undo_after_training_opens_the_round_with_its_other_answers(untested: Dataset, store: Store) -> None:
    session = begun(untested, store)
    asked = answer_all(session, untested)
    session.proceed()
    assert session.undo() == asked[-1]
    for found in (session, again(session, untested)):
        assert found.run.position == -1 and found.waiting.tolist() == [asked[-1]]
        assert sorted(told(found)) == sorted(asked[:-1])
    session.ignore(asked[-1])
    session.proceed()
    assert session.run.rounds[0].labels.tolist() == [*untested.targets[asked[:-1]], -1]
    assert told(again(session, untested)) == told(session)


def test_a_second_thought_changes_a_label_and_can_be_undone(untested: Dataset, store: Store) -> None:
    session = begun(untested, store)
    asked = answer_all(session, untested)
    session.proceed()
    first, right = asked[0], int(untested.targets[asked[0]])
    session.label(first, (right + 1) % 3)
    for found in (session, again(session, untested)):
        event = found.said(first)
        assert event is not None and (event.kind, event.label) == ("relabel", (right + 1) % 3)
        assert found.run.position == 0
    session.undo()
    assert told(session)[first] == ("label", right) == told(again(session, untested))[first]
    session.label(first, (right + 1) % 3)
    answer_all(session, untested)
    session.proceed()
    assert session.run.state.labels[first] == (right + 1) % 3
    assert session.run.rounds[1].class_counts.sum() == 8


def test_a_skipped_picture_can_get_its_label_later(untested: Dataset) -> None:
    session = begun(untested)
    first = int(session.waiting[0])
    session.skip(first)
    session.label(first, 1)
    assert told(session) == {first: ("label", 1)}
    session.undo()
    assert told(session) == {first: ("ignored", -1)}


def test_a_second_thought_when_everything_is_labelled_is_trained_on(untested: Dataset) -> None:
    session = begun(untested, n_queries=45)
    for _ in range(2):
        answer_all(session, untested)
        session.proceed()
    assert session.exhausted and session.run.position == 1
    before = session.run.rounds[-1].class_counts
    sample = int(session.run.rounds[0].queried[0])
    session.label(sample, (int(untested.targets[sample]) + 1) % 3)
    assert not session.exhausted
    session.proceed()
    assert session.exhausted and session.run.position == 1
    assert np.abs(session.run.rounds[-1].class_counts - before).sum() == 2


def test_what_was_not_asked_cannot_be_answered(untested: Dataset) -> None:
    session = begun(untested)
    other = next(i for i in range(90) if i not in session.waiting)
    with pytest.raises(ValueError, match=f"sample {other} does not wait"):
        session.label(other, 0)
    with pytest.raises(ValueError, match="label must lie in 0 … 2, got 3"):
        session.label(int(session.waiting[0]), 3)
    assert told(session) == {}


def test_a_class_added_on_the_way_is_known_to_store_model_and_old_rounds(untested: Dataset, store: Store) -> None:
    session = begun(untested, store, strategy="alamp")  # asks for last round's probabilities
    answer_all(session, untested)
    session.proceed()
    added = session.add_class(" weird ")
    assert added == 3 and session.run.dataset.class_names == (*NAMES, "weird")
    first, *rest = session.waiting.tolist()
    session.label(first, added)
    found = again(session, untested)
    assert found.run.dataset.class_names == (*NAMES, "weird")
    assert told(found)[first] == ("label", 3)
    for one in (session, found):
        assert one.run.rounds[0].probabilities.shape == (90, 4)
        assert (one.run.rounds[0].probabilities[:, 3] == 0).all()
        assert one.run.model(0).predict_proba(one.run.dataset.features[:2]).shape == (2, 4)
    for i in rest:
        session.label(i, int(untested.targets[i]))
    session.proceed()
    assert session.run.rounds[1].probabilities.shape == (90, 4)
    assert (session.run.rounds[1].probabilities[:, 3] > 0).any()
    assert session.run.rounds[1].class_counts[3] == 1
    assert again(session, untested).waiting.tolist() == session.waiting.tolist()
    for name in ("weird", "", "  "):
        with pytest.raises(ValueError, match="not taken"):
            session.add_class(name)


def test_a_warm_started_network_goes_on_when_a_class_is_added() -> None:
    small = alviz.data.create("fashion-mini").take(np.arange(60), features=None, test=None, spec=None)
    session = Labelling.start(hidden(small), NAMES, learner=alviz.learners.create("lenet", epochs=1, warm_start=True), n_queries=6)
    for _ in range(2):
        for k, i in enumerate(session.waiting.tolist()):
            session.label(i, k % 3)
        session.proceed()
        session.add_class(f"class {session.run.position}")
    assert session.run.model().n_classes == 5
    assert session.run.rounds[-1].probabilities.shape == (60, 5)


def test_new_files_join_the_pool_and_move_no_label(untested: Dataset, store: Store) -> None:
    session = begun(untested, store)
    answer_all(session, untested)
    session.proceed()
    half = session.waiting.tolist()[:2]
    for i in half:
        session.label(i, 1)
    order = np.random.default_rng(0).permutation(95)
    assert untested.features is not None
    grown = replace(
        untested,
        ids=[[*untested.ids, *(f"new{k}" for k in range(5))][i] for i in order],
        features=np.concatenate([untested.features, untested.features[:5] + 0.1])[order],
        targets=np.concatenate([untested.targets, untested.targets[:5]])[order],
    )
    expected = {untested.ids[i]: what for i, what in told(session).items()}
    found = again(session, grown)
    assert {grown.ids[i]: what for i, what in told(found).items()} == expected
    assert [grown.ids[i] for i in found.waiting] == [untested.ids[i] for i in session.waiting]
    answer_all(found, grown)
    expected = {grown.ids[i]: what for i, what in told(found).items()}
    found.proceed()
    third = again(found, grown)  # and what was said since is kept under the right names too
    assert {grown.ids[i]: what for i, what in told(third).items()} == expected
    assert third.waiting.tolist() == found.waiting.tolist()
    assert np.array_equal(third.run.rounds[0].probabilities, found.run.rounds[0].probabilities)
    assert third.standing().remaining == 95 - 8


def test_pictures_that_were_skipped_or_wait_may_go_and_what_was_said_of_them_comes_back_with_them(untested: Dataset, store: Store) -> None:
    session = begun(untested, store)
    answer_all(session, untested)
    session.proceed()
    skipped, labelled, *waiting = session.waiting.tolist()
    session.skip(skipped)
    session.label(labelled, 1)
    lost = [skipped, waiting[0]]
    rest = untested.take(np.setdiff1d(np.arange(len(untested)), lost))
    found = again(session, rest)
    assert (found.joined, found.gone) == (0, 2)
    assert [rest.ids[i] for i in found.waiting] == [untested.ids[i] for i in waiting[1:]]
    assert {rest.ids[i] for i in found.now.labelled} == {untested.ids[i] for i in session.now.labelled}
    assert found.standing().skipped == 0
    answer_all(found, rest)
    found.proceed()
    back = again(found, untested)
    assert (back.joined, back.gone) == (2, 0)
    assert {untested.ids[i] for i in back.now.labelled} == {rest.ids[i] for i in found.now.labelled}
    assert back.standing().skipped == 1 and skipped not in back.now.candidates
    assert waiting[0] in back.now.candidates


def test_of_two_tabs_on_one_session_the_second_gets_a_sentence_and_changes_nothing(untested: Dataset, store: Store) -> None:
    one = begun(untested, store)
    other = again(one, untested)
    one.label(int(one.waiting[0]), 0)
    kept = told(one)
    with pytest.raises(ValueError, match="changed in another tab or process since it was opened here: reload it"):
        other.label(int(other.waiting[0]), 1)
    with pytest.raises(ValueError, match="changed in another tab"):
        other.label(int(other.waiting[1]), 1)
    assert told(other) == {}
    assert told(again(one, untested)) == kept
    one.label(int(one.waiting[0]), 2)  # the first goes on undisturbed
    third, fourth = again(one, untested), again(one, untested)
    third.add_class("new")
    with pytest.raises(ValueError, match="changed in another tab"):
        fourth.add_class("other")


def test_cancelled_training_loses_no_answer_and_can_be_undone(untested: Dataset, store: Store) -> None:
    class Now:
        def is_set(self) -> bool:
            return True

    session = begun(untested, store)
    asked = answer_all(session, untested)
    with pytest.raises(Cancelled):
        session.proceed(cancel=Now())
    assert session.run.position == -1 and len(told(session)) == 4 == len(told(again(session, untested)))
    assert session.undo() == asked[-1]
    session.label(asked[-1], 0)
    session.proceed()
    assert session.run.position == 0


def test_skipping_everything_leaves_a_model_without_opinion_and_goes_on(untested: Dataset) -> None:
    session = begun(untested)
    for i in session.waiting.tolist():
        session.skip(i)
    session.proceed()
    assert np.allclose(session.run.rounds[0].probabilities, 1 / 3)
    assert len(session.waiting) == 4


@pytest.mark.parametrize("names", [(), ("one",), ("a", "a"), ("a", " ")])
def test_class_names_that_cannot_work_are_refused(untested: Dataset, names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="class_names must be two different names or more"):
        Labelling.start(hidden(untested), names, n_queries=4)


def test_a_programs_run_is_no_session(untested: Dataset, store: Store) -> None:
    run = Run(untested, n_queries=4, store=store)
    with pytest.raises(ValueError, match="labels come from a program"):
        Labelling(run)
    assert run.id is not None
    with pytest.raises(ValueError, match="was not labelled by a person"):
        Labelling.resume(store, run.id, untested)
    with pytest.raises(ValueError, match="no round that a person has answered"):
        run.reopen()


def test_a_persons_run_waits_for_a_person_whoever_resumes_it(untested: Dataset, store: Store) -> None:
    session = begun(untested, store)
    assert session.run.id is not None
    resumed = Run.resume(store.load(session.run.id, hidden(untested)), hidden(untested), store=store)
    assert resumed.step() is None and resumed.oracle.annotator == "ada"


def test_undo_of_one_sample_takes_back_the_last_thing_said_about_it() -> None:
    log = [Event(0, 1, "label", 0), Event(0, 2, "label", 0), Event(1, 1, "relabel", 2), Event(1, 3, "skip")]
    state = LabelState(5, log)
    state.append([Event(1, 1, "undo")])
    assert state.labels.tolist() == [-1, 0, 0, -1, -1] and state.ignored.tolist() == [False, False, False, True, False]
    state.append([Event(1, 1, "undo"), Event(1, 3, "undo")])
    assert state.labels.tolist() == [-1, -1, 0, -1, -1] and not state.ignored.any()


def test_a_new_class_does_not_train_the_past_again(untested: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    session = begun(untested)
    for _ in range(3):
        answer_all(session, untested)
        session.proceed()
    session.add_class("new")
    answer_all(session, untested)
    sizes: list[int] = []
    fit = session.run.learner.fit

    def counting(x: Any, y: Any, **more: Any) -> Any:
        sizes.append(len(y))
        return fit(x, y, **more)

    monkeypatch.setattr(session.run.learner, "fit", counting)
    session.proceed()
    assert sorted(sizes) == [12, 13, 13, 13, 13, 16]  # five folds and the round itself; round 0 had 4 labels, round 1 had 8
