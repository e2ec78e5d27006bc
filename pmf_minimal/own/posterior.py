"""How probable each match is, without known pairs: from how entities fare whose counterpart is taken away.

A match is false if its entity has no counterpart, or another one. What such an entity gets all the same is seen where a match is taken
away: the best that is left for its row is a false match. Their scores give the distribution of false ones; how many of those there are
follows from how many scores lie where only false ones do (Storey, A direct approach to false discovery rates, 2002), and the ratio of
both densities is the probability (Efron, Large-scale simultaneous hypothesis testing, 2004).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from pmf_minimal.own.mixture import Curve, Pairs, learn, messages

#: Rounds of curves and posterior in turn, rounds of the probabilities in each.
ROUNDS, INNER = 5, 30
#: Above this share of false scores their distribution is taken for exponential; the mean of that is at least so much.
TAIL, LEAST_MEAN = 0.75, 0.3
#: Similarities of a row that tell how much its best one stands out.
SPACINGS = 10


@dataclass
class Posterior:
    """What is known of the best pair of every row.

    Attributes:
        curves, bias: of the comparisons, see :func:`mixture.learn`.
        pair: int64 ``[rows]``, the row's best pair, known ones included.
        mutual: bool ``[rows]``: it is the column's best, too.
        score, rival: float64 ``[rows]``, log odds of the best pair, and of the best that is left if its column is taken away.
        probability: float64 ``[rows]``.
        tried, tried_pair, tried_rival: the same of score, pair and rival if nothing were known.
        lonely: share of rows without a counterpart.
    """

    curves: list[Curve]
    bias: float
    pair: np.ndarray
    mutual: np.ndarray
    score: np.ndarray
    rival: np.ndarray
    probability: np.ndarray
    tried: np.ndarray
    tried_pair: np.ndarray
    tried_rival: np.ndarray
    lonely: float

    def of_pairs(self, pairs: Pairs) -> np.ndarray:
        """float64 ``[P]``: the probability of every pair; 0 unless it is its row's best."""
        p = np.zeros(len(pairs.row))
        p[self.pair] = self.probability
        return p


def fit(pairs: Pairs, p: np.ndarray) -> Posterior:
    """Curves and posterior in turn.

    Args:
        p: float64 ``[P]``, a first guess of the posterior, see :func:`start`.
    """
    for _ in range(ROUNDS):
        curves, bias = learn(pairs, np.where(pairs.known, 1.0, np.where(pairs.out, 0.0, p)))
        posterior = _posterior(pairs, curves, bias, p)
        p = posterior.of_pairs(pairs)
    return posterior


def start(pairs: Pairs) -> np.ndarray:
    """A first guess, float64 ``[P]``: pairs that are each other's most similar, and stand out from what else is near.

    Spacings of the largest of many independent numbers, times their rank, are distributed alike (Rényi, On the theory of order
    statistics, 1953). So the best similarity of a row stands out by chance with probability (1 + D / (K - 1))^-(K - 1), D its distance to
    the second in terms of the mean of K - 1 others. Storey's share of rows without counterpart and the rule of Benjamini and Hochberg
    (1995) turn these into probabilities. What one comparison says another may add to.
    """
    left_over = np.ones(len(pairs.row))
    for column in pairs.similarity.T:
        similarity = np.nan_to_num(column, nan=-1.0)
        top, mutual = pairs.best(similarity)
        by_chance = np.where(mutual & (similarity[top] > 0), _by_chance(similarity, pairs), 1.0)
        n = len(by_chance)
        lonely = min(1.0, 2 * (by_chance > 0.5).mean() + 1 / n)
        order = np.argsort(by_chance, kind="stable")
        false = np.empty(n)
        false[order] = np.minimum.accumulate((lonely * n * by_chance[order] / np.arange(1, n + 1))[::-1])[::-1]
        left_over[top] *= np.minimum(false, 1)
    return 1 - left_over


def _by_chance(similarity: np.ndarray, pairs: Pairs) -> np.ndarray:
    """float64 ``[rows]``: how probably noise would stand out as much."""
    order = np.lexsort([-similarity, pairs.place])
    rank = np.arange(len(order)) - pairs.starts[:-1][pairs.place]
    table = np.zeros((len(pairs.starts) - 1, SPACINGS + 1))
    near = rank <= SPACINGS
    table[pairs.place[near], rank[near]] = np.maximum(similarity[order][near], 0)
    gaps = table[:, :-1] - table[:, 1:]
    scale = (gaps[:, 1:] * np.arange(2, SPACINGS + 1)).mean(axis=1)
    return (1 + gaps[:, 0] / np.maximum(scale, 1e-9) / (SPACINGS - 1)) ** (1.0 - SPACINGS)


def _posterior(pairs: Pairs, curves: list[Curve], bias: float, p: np.ndarray) -> Posterior:
    total = pairs.total(curves, bias)
    pair, mutual, score, rival = _scores(pairs, pairs.odds(total, use_known=True))
    known = pairs.known[pair]
    tried_pair, tried, tried_rival = pair, np.where(mutual, score, -np.inf), rival
    if known.any():
        tried_pair, tried_mutual, tried, tried_rival = _scores(pairs, pairs.odds(total, use_known=False))
        tried = np.where(tried_mutual, tried, -np.inf)
    # A known entity counts as if it were not known, but tells for sure how one fares whose counterpart is taken away.
    before = np.where(known, 1.0, np.maximum.reduceat(p, pairs.starts[:-1]) * mutual)
    found = np.where(known, tried, np.where(mutual, score, -np.inf))
    probability, lonely = _probability(found, np.where(known, tried_rival, rival), before, known)
    return Posterior(curves, bias, pair, mutual, score, rival, probability, tried, tried_pair, tried_rival, lonely)


def _scores(pairs: Pairs, odds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Best pair of each row, whether it is mutual, its log odds, and those of the best that is left without its column."""
    posterior, granted = messages(odds, pairs)
    top, mutual = pairs.best(posterior)
    granted_row = np.add.reduceat(granted, pairs.starts[:-1])
    others = np.maximum((granted_row - granted[top])[pairs.place] - granted, 0)
    without = granted / (1 + others)
    without[top] = 0
    best_left = np.maximum.reduceat(without, pairs.starts[:-1])
    return top, mutual & (posterior[top] > 0), *(np.log(np.maximum(x, 1e-300)) for x in (posterior[top], best_left))


def _probability(score: np.ndarray, false: np.ndarray, p: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, float]:
    """float64 ``[rows]``: probability of each row's match, and the share of rows without a counterpart.

    Args:
        score: of the matches, -inf where there is none. false: what each row would get without its counterpart.
        p: probabilities as believed so far. known: rows whose match is known.
    """
    n, falling, finite = len(score), np.argsort(-score, kind="stable"), np.isfinite(score)
    score = np.where(finite, score, min(score[finite].min(initial=0), false.min()) - 1)
    values = np.r_[false, score]
    order = np.argsort(values, kind="stable")
    values, at = values[order], score[falling]
    for _ in range(INNER):
        # A row that has a counterpart tells by what it gets without it, one that has none by what it gets.
        weight = np.r_[p, 1 - p][order]
        share = np.cumsum(weight) / weight.sum()
        knot, middle = (values[np.searchsorted(share, q)] for q in (TAIL, 0.5))
        above = values > knot
        mean = max((weight * (values - knot))[above].sum() / max(weight[above].sum(), 1e-9), LEAST_MEAN)
        lonely = float(np.clip(2 * (score <= middle).mean(), 1 / n, 1))
        tail = np.where(at > knot, (1 - TAIL) * np.exp(-np.maximum(at - knot, 0) / mean), 1 - _below(share, values, at))
        alone = np.cumsum(np.r_[p, np.zeros(n)][order])
        if alone[-1] > 0:
            tail = np.maximum(tail, 1 - _below(alone / alone[-1], values, at))
        expected = lonely * n * np.maximum.accumulate(tail)  # false matches down to each score
        new = np.empty(n)
        new[falling] = np.clip(1 - isotonic_regression(np.diff(expected, prepend=0)).x, 0, 1)
        new = np.where(known, 1.0, new * finite)
        change, p = np.abs(new - p).sum(), new
        if change < 1e-3 * n:
            break
    return p, lonely


def _below(share: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Share of the values, sorted and with their cumulated share, that lie below each of some scores."""
    return np.r_[0, share][np.searchsorted(values, at, "left")]
