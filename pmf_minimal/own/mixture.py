"""How much the similarities of two entities speak for their being the same, and what their rivals leave of it.

That is record linkage after Fellegi and Sunter (A theory for record linkage, 1969): a candidate pair is a match or it is not, each
comparison has one distribution for either kind, and the logarithm of their ratio is its evidence. As Winkler (Using the EM algorithm for
weight computation in the Fellegi-Sunter model, 1988) found them without known pairs, distributions and posterior are computed in turn.
Two things are added: evidence never falls where the similarity rises, and the pairs of one entity are rivals, since it has one
counterpart at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import isotonic_regression

#: Intervals of a similarity in which evidence is estimated, and pairs of each kind that are believed in before any is seen.
BINS, BELIEVED = 16, 2.0
#: Entities of one kind from which shares among them can be told.
LEAST = 150
#: Pairs from which curves are learnt, at most.
LEARNT = 2**21
#: Rounds of messages between rivals; evidence is bounded, so that odds can be summed.
MESSAGES, BOUND = 10, 20.0


@dataclass
class Curve:
    """Evidence, in nats, as a rising function of a similarity: straight lines between its knots."""

    knots: np.ndarray
    evidence: np.ndarray

    def __call__(self, similarity: np.ndarray) -> np.ndarray:
        """float of the same shape; 0 where the similarity is NaN, that is where there is nothing to compare."""
        return np.where(np.isnan(similarity), 0.0, np.interp(similarity, self.knots, self.evidence))


@dataclass
class Pairs:
    """Candidate pairs, each once, sorted by row and column; the rows are the entities of the smaller graph.

    Attributes:
        row, column: int64 ``[P]``.
        similarity: float32 ``[P, M]``, NaN where an entity lacks what is compared.
        known: bool ``[P]``: known to match.
        found: bool ``[P]``: a search found it, and it is not here because it is known alone.
        shared: several rows may have one column as their counterpart.
        kind: int64 ``[rows]``: of what kind the entity of each row that has any pair is; None: all are of one.
        rejected: bool ``[P]``: known not to match; None: not one is.
    """

    row: np.ndarray
    column: np.ndarray
    similarity: np.ndarray
    known: np.ndarray
    found: np.ndarray
    shared: bool = False
    kind: np.ndarray | None = None
    rejected: np.ndarray | None = None

    @cached_property
    def groups(self) -> list[np.ndarray]:
        """Numbers of rows, int64 each: those of one kind, if there are ``LEAST`` of it; the rest of them together."""
        rows = len(self.starts) - 1
        if self.kind is None:
            return [np.arange(rows)]
        often = np.bincount(self.kind)
        few = np.flatnonzero(often < LEAST)
        if 0 < often[few].sum() < LEAST and len(few) < len(often):  # too few together, too
            few = np.r_[few, np.argmin(np.where(often < LEAST, rows + 1, often))]
        kind = np.where(np.isin(self.kind, few), -1, self.kind)
        return [np.flatnonzero(kind == k) for k in np.unique(kind)]

    @cached_property
    def starts(self) -> np.ndarray:
        """int64 ``[rows + 1]``: where the pairs of each row that has any begin."""
        return np.r_[np.flatnonzero(np.r_[True, self.row[1:] != self.row[:-1]]), len(self.row)]

    @cached_property
    def place(self) -> np.ndarray:
        """int64 ``[P]``: the row's number among those that have any pair."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @cached_property
    def out(self) -> np.ndarray:
        """bool ``[P]``: pairs that cannot match: they are rejected, or one of their entities is known to match another."""
        taken = np.isin(self.row, self.row[self.known])
        if not self.shared:
            taken |= np.isin(self.column, self.column[self.known])
        return (taken if self.rejected is None else taken | self.rejected) & ~self.known

    @cached_property
    def ordered(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each comparison the pairs that have it, int64, by rising similarity, and these, float64; of many pairs those of some rows."""
        step = -(-len(self.row) // LEARNT)
        some = np.arange(len(self.row)) if step == 1 else np.flatnonzero(self.place % step == 0)
        found = []
        for column in self.similarity.T:
            here = some[~np.isnan(column[some])]
            order = here[np.argsort(column[here], kind="stable")]
            found.append((order, column[order].astype(float)))
        return found

    def best(self, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """int64 ``[rows]``, the best pair of each row, and bool ``[rows]``, whether it is its column's best, too."""
        highest = np.flatnonzero(score == np.maximum.reduceat(score, self.starts[:-1])[self.place])
        top = highest[np.r_[True, self.place[highest[1:]] != self.place[highest[:-1]]]]
        if self.shared:
            return top, np.ones(len(top), bool)
        highest = np.full(self.column.max() + 1, -np.inf)
        np.maximum.at(highest, self.column, score)
        mutual = score[top] >= highest[self.column[top]]
        # Among equals the first row has the column.
        first = np.full(len(highest), len(top))
        np.minimum.at(first, self.column[top[mutual]], np.flatnonzero(mutual))
        return top, mutual & (first[self.column[top]] == np.arange(len(top)))

    def total(self, curves: list[Curve], bias: float) -> np.ndarray:
        """float64 ``[P]``: log odds of each pair before its rivals are looked at."""
        return bias + sum(curve(column) for curve, column in zip(curves, self.similarity.T, strict=True))

    def odds(self, log_odds: np.ndarray, use_known: bool) -> np.ndarray:
        """Odds; with what is known a known pair is nearly sure and its rivals are out, else a pair that no search found is out."""
        odds = np.exp(np.clip(log_odds, -BOUND, BOUND))
        if not use_known:
            return np.where(self.found, odds, 0.0)
        return np.where(self.known, np.exp(BOUND), np.where(self.out, 0.0, odds))


def messages(odds: np.ndarray, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Posterior odds of pairs of which every entity may be in one at most, or every row if columns are shared.

        a_ij = o_ij / ( 1 + sum_{k != j} b_ik ),   b_ij = o_ij / ( 1 + sum_{k != i} a_kj ),   odds of the pair: a_ij b_ij / o_ij

    That is belief propagation on the bipartite graph of candidates. Several rounds let a rival count less that has a better counterpart
    itself.

    Returns:
        float64 ``[P]`` each: the odds, and b, what each column grants.
    """
    a = b = odds
    for _ in range(MESSAGES):
        b = odds if pairs.shared else odds / (1 + _others(a, pairs.column))
        a = odds / (1 + _others(b, pairs.row))
    return a * b / np.maximum(odds, 1e-300), b


def _others(x: np.ndarray, entity: np.ndarray) -> np.ndarray:
    """Sum of x over the other pairs of the same entity."""
    return np.maximum(np.bincount(entity, x)[entity] - x, 0)


def learn(pairs: Pairs, p: np.ndarray) -> tuple[list[Curve], float]:
    """The curve of each comparison and the bias, the log odds of any candidate.

    Args:
        p: float64 ``[P]``, posterior of the pairs.
    """
    share = (p.sum() + 0.5) / (len(p) + 1)
    return [_curve(s, p[order]) for order, s in pairs.ordered], float(np.log(share / (1 - share)))


def _curve(s: np.ndarray, match: np.ndarray) -> Curve:
    """From rising similarities and the posterior of their pairs."""
    other = 1 - match
    if not len(s) or match.sum() <= 0 or other.sum() <= 0 or s[0] == s[-1]:
        return Curve(np.zeros(1), np.zeros(1))
    both = match / match.sum() + other / other.sum()
    # As much of both kinds in each interval; equal similarities fall into one.
    cell = np.minimum((np.cumsum(both) / 2 * BINS).astype(int), BINS - 1)
    new = np.r_[True, s[1:] > s[:-1]]
    _, cell = np.unique(cell[np.flatnonzero(new)][np.cumsum(new) - 1], return_inverse=True)
    mass = np.bincount(cell, both) / 2
    matches, others = np.bincount(cell, match), np.bincount(cell, other)
    ratio = np.log((matches + BELIEVED * mass) / (match.sum() + BELIEVED))
    ratio -= np.log((others + BELIEVED * mass) / (other.sum() + BELIEVED))
    return Curve(np.bincount(cell, s * both) / (2 * mass), isotonic_regression(ratio, weights=mass).x)
