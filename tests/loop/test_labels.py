import numpy as np

from alviz.loop.labels import Event, LabelState, said_by_people, standing


def test_the_state_follows_the_log() -> None:
    state = LabelState(5, [Event(0, 2, "label", 1), Event(1, 4, "label", 0), Event(1, 0, "skip")])
    assert state.labels.tolist() == [-1, -1, 1, -1, 0]
    assert state.labelled_in_round.tolist() == [-1, -1, 0, -1, 1]
    assert state.ignored.tolist() == [True, False, False, False, False]
    assert state.labelled.tolist() == [2, 4]
    assert state.candidates.tolist() == [1, 3]


def test_a_relabel_keeps_the_round_and_changes_the_label() -> None:
    state = LabelState(3, [Event(0, 1, "label", 0), Event(2, 1, "relabel", 2)])
    assert state.labels[1] == 2
    assert state.labelled_in_round[1] == 0


def test_undo_takes_back_labels_relabels_and_ignores_but_keeps_the_log() -> None:
    log = [Event(0, 1, "label", 0), Event(1, 2, "label", 1), Event(2, 1, "relabel", 2), Event(2, 0, "ignore")]
    state = LabelState(4, log)
    state.append([Event(1, -1, "undo")])
    assert state.labels.tolist() == [-1, 0, 1, -1]
    assert not state.ignored.any()
    assert [event.kind for event in state.events] == ["label", "label", "relabel", "ignore", "undo"]


def test_what_comes_after_an_undo_counts() -> None:
    events = [Event(0, 0, "label", 0), Event(1, 1, "label", 0), Event(0, -1, "undo"), Event(1, 2, "label", 1)]
    assert [event.sample for event in standing(events)] == [0, 2]
    assert LabelState(3, events).labels.tolist() == [0, -1, 1]


def test_a_sample_that_was_left_out_and_is_labelled_later_is_labelled() -> None:
    state = LabelState(2, [Event(0, 0, "skip"), Event(1, 0, "label", 1)])
    assert state.labelled.tolist() == [0]
    assert np.array_equal(state.candidates, [1])


def test_what_people_said_survives_an_undo() -> None:
    events = [Event(0, 0, "label", 0), Event(1, 1, "label", 1, "ada"), Event(0, -1, "undo"), Event(1, 1, "label", 0, "ada")]
    assert {i: e.label for i, e in said_by_people(events).items()} == {1: 0}


def test_events_one_by_one_or_all_at_once_make_the_same_state() -> None:
    rng = np.random.default_rng(0)
    events = []
    for _ in range(300):
        kind = ("label", "relabel", "skip", "ignore", "undo")[int(rng.integers(5))]
        events.append(Event(int(rng.integers(4)), int(rng.integers(-1 if kind == "undo" else 0, 12)), kind, int(rng.integers(3))))
    at_once, one_by_one = LabelState(12, events), LabelState(12)
    for event in events:
        one_by_one.append([event])
    for name in ("labelled_in_round", "labels", "ignored"):
        assert np.array_equal(getattr(at_once, name), getattr(one_by_one, name))
