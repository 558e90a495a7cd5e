"""What settings must be: every sentence names the setting, what was wanted and what came."""

from fractions import Fraction

import numpy as np
import pytest

from alviz.checks import choice, number, whole


def test_plain_values_come_back():
    assert [type(whole("n", value, 1)) for value in (3, np.int32(3))] == [int, int]
    assert [number("x", value, 0, 4) for value in (3, np.float32(0.5), Fraction(1, 4), 4)] == [3.0, 0.5, 0.25, 4.0]
    assert choice("kind", "b", ("a", "b")) == "b"
    assert whole("n", None, optional=True) is number("x", None, optional=True) is choice("kind", None, "ab", optional=True) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: whole("n", 0, 1), "n must be a whole number ≥ 1, got 0"),
        (lambda: whole("n", 11, 1, 10), "n must be a whole number in 1 … 10, got 11"),
        (lambda: whole("n", True), "n must be a whole number ≥ 0, got True"),
        (lambda: whole("n", 2.0), "n must be a whole number ≥ 0, got 2.0"),
        (lambda: whole("n", "2", optional=True), "n must be None or a whole number ≥ 0, got '2'"),
        (lambda: whole("n", None), "n must be a whole number ≥ 0, got None"),
        (lambda: number("x", float("nan"), 0), "x must be a number ≥ 0, got nan"),
        (lambda: number("x", float("inf"), 0), "x must be a number ≥ 0 and ≤ 1e+100, got inf"),
        (lambda: number("x", 10**400, 0, 1), f"x must be a number in 0 … 1, got {10**400}"),
        (lambda: number("x", 0, 0, above=True), "x must be a number > 0, got 0"),
        (lambda: number("x", 0, 0, 1, above=True), "x must be a number > 0 and ≤ 1, got 0"),
        (lambda: number("x", False, optional=True), "x must be None or a number ≥ -1e+100, got False"),
        (lambda: number("x", 1j), "x must be a number ≥ -1e+100, got 1j"),
        (lambda: choice("kind", 3, ("a", "b")), "kind must be one of a, b, got 3"),
        (lambda: choice("kind", "c", ("a", "b"), optional=True), "kind must be None or one of a, b, got 'c'"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message
