"""Public conformance checks for plug-ins: `check_strategy(factory)` raises AssertionError with a sentence that says what is wrong."""

from alviz.testing.strategies import check_selection, check_strategy, random_arrays, random_pool

__all__ = ["check_selection", "check_strategy", "random_arrays", "random_pool"]
