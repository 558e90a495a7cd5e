"""`digits`: scikit-learn's 1,797 handwritten digits of 8 × 8 pixels."""

import numpy as np

from alviz.data.base import registry
from alviz.data.dataset import Dataset
from alviz.data.split import stratified
from alviz.registry import Card

TEST_PER_CLASS = 40


def digits() -> Dataset:
    """1,397 digits to label and 400 to test on (40 per class, always the same ones).

    images: uint8 (n, 8, 8), the original 0 … 16 stretched to 0 … 255. features: float32 (n, 64), the pixels with the pool's mean 0 and
    an average variance of 1. Ids are positions in scikit-learn's table.
    """
    from sklearn.datasets import load_digits

    table = load_digits()
    pixels = table.data.astype(np.float64)
    targets = table.target.astype(np.int64)
    test_rows = stratified(targets, TEST_PER_CLASS, np.random.default_rng(0))
    pool_rows = np.setdiff1d(np.arange(len(targets)), test_rows)
    mean = pixels[pool_rows].mean(axis=0)
    features = ((pixels - mean) / np.sqrt(pixels[pool_rows].var(axis=0).mean())).astype(np.float32)
    images = np.round(table.images * (255.0 / 16.0)).astype(np.uint8)
    class_names = tuple("0123456789")

    def part(name: str, rows: np.ndarray, test: Dataset | None) -> Dataset:
        ids = [f"{i:04d}" for i in rows]
        return Dataset(name, ids, images[rows], features[rows], targets[rows], class_names, test=test, extractor="pixels")

    return part("digits", pool_rows, part("digits (test)", test_rows, None))


registry.add(
    "digits",
    digits,
    Card(
        title="Digits",
        idea="1,797 handwritten digits of 8 × 8 pixels: small enough for everything to answer at once, real enough to look at.",
        needs="scikit-learn (nothing is downloaded)",
        reference="Alpaydin and Kaynak, UCI 1998, as shipped with scikit-learn (load_digits).",
        cites=("alpaydin1998digits",),
        shines="margin: two points and more over random all the way to 400 labels.",
        fails="k-center: good for the first hundred labels, then back to random, once it has every odd digit and goes on to the next oddest.",
    ),
)
