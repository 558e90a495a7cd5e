from alviz.panels.pulse import Pulse


def test_without_a_page_there_is_nothing_to_wait_for() -> None:
    pulse = Pulse()
    pulse.beat()
    pulse.beat()
    assert pulse.keeps_up()


def test_a_page_keeps_up_once_it_has_answered_the_last_beat() -> None:
    pulse = Pulse()
    pulse.seen = pulse.sent  # what a page says when it opens
    assert pulse.keeps_up()
    pulse.beat()
    first = pulse.sent
    pulse.beat()
    assert not pulse.keeps_up()
    pulse.seen = first
    assert not pulse.keeps_up()
    pulse.seen = pulse.sent
    assert pulse.keeps_up()
