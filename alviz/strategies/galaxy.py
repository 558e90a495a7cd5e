"""GALAXY: bisection on the graphs that a network's scores string the pool along, one per class."""

import numpy as np
from numpy.typing import NDArray

from alviz.registry import Card
from alviz.strategies.base import QueryStrategy, Selection, spread
from alviz.strategies.device import Array, Indices
from alviz.strategies.pool import PoolView
from alviz.strategies.uncertainty import BLOCK, margin

FAR = np.iinfo(np.int64).max // 4


class Galaxy(QueryStrategy):
    name = "galaxy"
    card = Card(
        title="GALAXY",
        family="hybrid",
        idea="String the pool along a line for every class, from surely not to surely this class, and search each line by bisection for the cut between "
        "labels that are and labels that are not this class. The cut may lie far from where the model believes it to be, as it does when a class is rare.",
        formula="line of class c: ascending p_c − max p, then p_c where c is predicted; links between samples at most m places apart, except between labels "
        "of both kinds; query the middle of the shortest path between labels of both kinds; where no line's turn finds one, m grows",
        needs="probabilities, of the labelled samples too",
        cost="O(K n log n) time to sort the lines, then O((L + b) log(L + b)) per pick: the links are never formed. O(K n) memory",
        reference="Zhang, Katz-Samuels and Nowak, GALAXY: graph-based active learning at the extreme (2022), Algorithms 1 and 2",
        cites=("zhang2022galaxy",),
        shines="Very unequal classes: it labels rare ones more often than margin does, whose band around the boundary is mostly the frequent class.",
        fails="Balanced classes, where it is margin with detours; many classes with few labels, where most turns are random draws.",
        deviation="The authors' code asks for labels one by one inside a batch. Here a batch is answered as a whole, so until then a pick counts as labelled "
        "as the model predicts it; with one query per round both are the same. Of shortest paths of one length, the one that spans the fewest "
        "places is halved, in places rather than in links. m grows as far as needed, not by one per turn, and turns go on from round to round. A class with labels of one kind only "
        "(all of them when nothing is labelled) takes its turn at random, as in the authors' code.",
    )
    needs = ("probabilities",)
    symmetries = frozenset()

    def select(self, pool: PoolView, n_queries: int, rng: np.random.Generator) -> Selection:
        """The lines take turns, in the order of the classes, from where the last round ended. scores: minus the margin."""
        p, n_labelled = pool.probabilities, len(pool.labelled)
        every = np.concatenate([p, pool.labelled_signal("probabilities")]) if n_labelled else p
        lines = Lines(every, np.concatenate([pool.candidates, pool.labelled]), pool)
        nodes = np.concatenate([np.arange(len(pool), len(every)), np.empty(n_queries, dtype=np.int64)])
        labels = np.concatenate([pool.labels, np.empty(n_queries, dtype=np.int64)])
        fallback = iter(rng.permutation(len(pool)).tolist())
        free = np.ones(len(pool), dtype=bool)
        reach = 1
        for t in range(n_queries):
            pool.progress(0.5 + 0.5 * t / n_queries)
            known = n_labelled + t
            node, reach = lines.next(known % pool.n_classes, nodes[:known], labels[:known], reach)
            if node < 0:
                node = next(row for row in fallback if free[row])
            free[node] = False
            nodes[known], labels[known] = node, np.asarray(p[node]).argmax()
        picks = nodes[n_labelled:]
        return Selection(pool.candidates[picks], spread(pool, -margin(p)))


class Lines:
    """The samples of p (n, K) in the order of each class. indices: (n,) their dataset indices, which decide ties."""

    def __init__(self, p: Array, indices: Indices, pool: PoolView):
        n, k = p.shape
        self.indices = indices
        self.nodes = np.empty((k, n), dtype=np.int32)
        self.places = np.empty((k, n), dtype=np.int32)
        by_index = np.argsort(indices)
        score = np.empty(n)
        for c in range(k):
            pool.progress(0.5 * c / k)
            for a in range(0, n, BLOCK):
                rows = np.asarray(p[a : a + BLOCK], dtype=np.float64)
                own, largest = rows[:, c], rows.max(axis=1)
                score[a : a + BLOCK] = np.where(own < largest, own - largest, largest)
            self.nodes[c] = by_index[np.argsort(score[by_index], kind="stable")]
            self.places[c, self.nodes[c]] = np.arange(n)

    def next(self, c: int, nodes: Indices, labels: Indices, reach: int) -> tuple[int, int]:
        """(the node that class c queries, or −1, and the reach of links from now on), with these nodes labelled so, and no others."""
        places = self.places[c, nodes].astype(np.int64)
        order = np.argsort(places)
        found, reach = query(places[order], labels[order] == c, self.places.shape[1], reach)
        equal = self.nodes[c, found]
        return (int(equal[self.indices[equal].argmin()]), reach) if len(equal) else (-1, reach)


def query(places: Indices, positive: NDArray[np.bool_], n: int, reach: int) -> tuple[Indices, int]:
    """(the unlabelled places of 0 … n − 1 that are equally right to ask about, the reach of links after that), for one line.

    places: labelled, ascending; positive: (l,) their kind. Links join places at most `reach` apart, but not labels of both kinds.

    A shortest path between labels of both kinds has only unlabelled places between them. Two links suffice where an unlabelled place is
    within reach of both kinds; of those, the one whose farther label is nearest is asked about, then the one nearer to a positive label. Else the
    path runs along a stretch of unlabelled places with both kinds at its ends: the shortest stretch is halved (an odd one nearer to the
    positive end). Where there is neither, reach grows to what the first kind of path needs. No places when all labels are of one kind.
    """
    one = np.array([FAR])
    before = np.concatenate([[-1], places])  # the label before each stretch, −1 for the first
    after = np.concatenate([places, [n]])
    open_ = np.flatnonzero(after - before > 1)
    low, high = before[open_] + 1, after[open_] - 1

    def nearest(kind: NDArray[np.bool_]) -> tuple[Indices, Indices]:
        """The last label of a kind before each open stretch and the first after it, ∓FAR where there is none."""
        last = np.maximum.accumulate(np.concatenate([-one, np.where(kind, places, -FAR)]))
        first = np.minimum.accumulate(np.concatenate([np.where(kind, places, FAR), one])[::-1])[::-1]
        return last[open_], first[open_]

    (left, right), (other_left, other_right) = nearest(positive), nearest(~positive)
    middles = ((left + other_right) // 2, (left + other_right + 1) // 2, (other_left + right) // 2, (other_left + right + 1) // 2)
    spots = np.stack([low, high, *(middle.clip(low, high) for middle in middles)])
    to_positive = np.minimum(spots - left, right - spots)
    needed = np.maximum(to_positive, np.minimum(spots - other_left, other_right - spots))
    least = int(needed.min(initial=FAR))
    if least > reach:
        ends = np.flatnonzero((positive[1:] != positive[:-1]) & (np.diff(places) > 1))
        if len(ends):
            gaps = places[ends + 1] - places[ends]
            ends, half = ends[gaps == gaps.min()], (int(gaps.min()) + 1) // 2
            return np.where(positive[ends], places[ends + 1] - half, places[ends] + half), reach
    if least >= FAR // 2:
        return places[:0], reach
    best = (needed == least) & (to_positive == to_positive[needed == least].min())
    return np.unique(spots[best]), max(reach, least)
