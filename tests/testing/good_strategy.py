"""A good strategy, and what its card must say: tests of the checks start from it."""

from alviz.registry import Card
from alviz.strategies import ScoringStrategy

FIELDS = {
    "title": "t",
    "idea": "One. Two, e.g. this.",
    "family": "uncertainty",
    "formula": "f",
    "needs": "n",
    "cost": "c",
    "reference": "R et al. (2020)",
    "shines": "s",
    "fails": "f",
}


class Good(ScoringStrategy):
    card = Card(**FIELDS)
    needs = ("probabilities",)

    def __init__(self):
        self.name = "made for this test"

    def score(self, pool):
        pool.progress(0.5)
        return 1 - pool.probabilities.max(axis=1)
