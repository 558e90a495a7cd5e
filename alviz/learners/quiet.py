"""Warnings of scikit-learn that say nothing to someone who labels samples."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Silences two warnings while a classifier is trained.

    "The number of unique classes is greater than 50% of the number of samples": how active learning begins. ConvergenceWarning: comes with
    a very large C only; the borders then are as good as the solver's step limit makes them.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
        yield
