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
#: Pairs that what is believed of others is worth beside the known ones, at most.
ENOUGH = 30
#: Deviations of a count of decoys that a count of matches must lie above it, which noise does at none of its similarities.
DEVIATIONS = 6
#: Pairs that have to stand out by a comparison, and the share of rows that have to.
LEAST_OUT, SHARE_OUT = 5, 0.01
#: Probabilities as log odds end there; of equal probabilities the higher score is before by so much of it.
NEVER, TIE = 1e-6, 0.01
#: Above this share of false scores their distribution is taken for exponential; the mean of that is at least so much.
TAIL, LEAST_MEAN = 0.75, 0.3


@dataclass
class Posterior:
    """What is known of the best pair of every row.

    Attributes:
        curves, bias: of the comparisons, see :func:`mixture.learn`.
        pair: int64 ``[rows]``, the row's best pair, known ones included.
        mutual: bool ``[rows]``: it is the column's best, too.
        score: float64 ``[rows]``: log odds of the best pair.
        probability: float64 ``[rows]``.
        tried, tried_pair: the same of score and pair if nothing were known.
        tried_rival: float64 ``[rows]``: log odds of the best that is left if the column of that pair is taken away.
        tried_probability: of the row's pair, if nothing were known.
        lonely: float64 ``[rows]``: share of the rows of its kind without a counterpart.
    """

    curves: list[Curve]
    bias: float
    pair: np.ndarray
    mutual: np.ndarray
    score: np.ndarray
    probability: np.ndarray
    tried: np.ndarray
    tried_pair: np.ndarray
    tried_rival: np.ndarray
    tried_probability: np.ndarray
    lonely: np.ndarray

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
    found = np.where(pairs.known, p, 0.0)
    for _ in range(ROUNDS):
        curves, bias = learn(pairs, _taught(pairs, p, found))
        posterior = _posterior(pairs, curves, bias, p)
        p, found = posterior.of_pairs(pairs), np.zeros(len(p))
        found[posterior.pair] = posterior.tried_probability
    return posterior


def _taught(pairs: Pairs, p: np.ndarray, found: np.ndarray) -> np.ndarray:
    """float64 ``[P]``: what the curves are learnt from, in which few known pairs do not outweigh what is believed of the others.

    Where the graphs say much, a handful of pairs that they say little of would spoil curves that hundreds of matches agree upon. So a
    known pair counts as what would be believed if it were not known, and the more pairs are known the more as certain.

    Args:
        p: probabilities. found: of known pairs, if they were not known.
    """
    count, others = pairs.known.sum(), np.where(pairs.known | pairs.out, 0.0, p)
    sure = count / max(count + min(others.sum(), ENOUGH), 1)
    return np.where(pairs.known, sure + (1 - sure) * found, others)


def start(pairs: Pairs, decoys: list[list | None], ratio: float) -> np.ndarray:
    """A first guess, float64 ``[P]``: pairs that are each other's most similar, and more similar than things ever are within one graph.

    An entity's most similar one in its own graph is no match of it. So no more of the best similarities between the graphs are false than
    there are within one (Elias and Gygi, Target-decoy search strategy, 2007, do so with spectra), the larger graph or the smaller one,
    whichever repeats itself less. What one comparison says another may add to; one by which hardly a pair stands out says nothing, since what
    follows would grow from those few, and among thousands some are always alike.

    Args:
        decoys: of each comparison, for the rows' graph and for the other one, ways to choose them: float ``[s]`` twice, the best
            similarities of some entities within their graph and what each counts for. None where there are no decoys.
        ratio: how much larger the other graph is, in which so many more chances are.
    """
    left_over = np.ones(len(pairs.row))
    for column, decoy in zip(pairs.similarity.T, decoys, strict=True):
        if decoy is None:
            continue
        similarity = np.nan_to_num(column, nan=-1.0)
        top, mutual = pairs.best(similarity)
        at = np.where(mutual, similarity[top], -1.0)
        falling = np.argsort(-at, kind="stable")
        false = np.min(
            [
                chances * len(at) / len(best) * _at_least(best, worth, at[falling])
                for chances, ways in zip((ratio, 1), decoy, strict=True)
                for best, worth in ways
            ],
            axis=0,
        )
        share = (false + DEVIATIONS * np.sqrt(false + 1)) / np.arange(1, len(at) + 1)
        share = np.minimum.accumulate(share[::-1])[::-1]
        p = np.zeros(len(at))
        p[falling] = np.clip(1 - share, 0, 1)
        p = np.where(at > 0, p, 0)
        if p.sum() >= max(LEAST_OUT, SHARE_OUT * len(p)):
            left_over[top] *= 1 - p
    return 1 - left_over if pairs.rejected is None else np.where(pairs.rejected, 0.0, 1 - left_over)


def _posterior(pairs: Pairs, curves: list[Curve], bias: float, p: np.ndarray) -> Posterior:
    total = pairs.total(curves, bias)
    pair, mutual, score, rival = _scores(pairs, pairs.odds(total, use_known=True))
    known = pairs.known[pair]
    tried_pair, made, tried, tried_rival = pair, mutual, score, rival
    if known.any():
        tried_pair, made, tried, tried_rival = _scores(pairs, pairs.odds(total, use_known=False))
    # A known entity counts as if it were not known, but tells for sure how one fares whose counterpart is taken away.
    before = np.where(known, 1.0, np.maximum.reduceat(p, pairs.starts[:-1]) * mutual)
    one = [np.where(known, x, y) for x, y in ((tried, score), (made, mutual), (tried_rival, rival))]
    unknown, lonely = np.zeros(len(pair)), np.ones(len(pair))
    for some in pairs.groups:
        unknown[some], lonely[some] = _probability(*(x[some] for x in one), before[some], known[some])
        at = one[0][some], one[1][some], unknown[some]
        for x in (score, tried, tried_rival) if tried is not score else (score, tried_rival):
            x[some] = _log_odds(x[some], *at)
    tried = np.where(made, tried, -np.inf)
    return Posterior(
        curves, bias, pair, mutual, score, np.where(known, 1.0, unknown), tried, tried_pair, tried_rival,
        unknown * (tried_pair == pair), lonely,
    )  # fmt: skip


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


def _probability(
    score: np.ndarray, made: np.ndarray, false: np.ndarray, p: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, float]:
    """float64 ``[rows]``: probability of each row's match, known ones as if they were not, and the share of rows without a counterpart.

    Args:
        score: of the best pairs. made: bool, those that are matches. false: what each row would get without its counterpart.
        p: probabilities as believed so far. known: rows whose match is known.
    """
    n, falling = len(score), np.argsort(np.where(made, -score, np.inf), kind="stable")[: made.sum()]
    if not made.any():
        return np.zeros(n), 1.0
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
        new = np.zeros(n)
        new[falling] = np.clip(1 - isotonic_regression(np.diff(expected, prepend=0)).x, 0, 1)
        unknown, new = new, np.where(known, 1.0, new)
        change, p = np.abs(new - p).sum(), new
        if change < 1e-3 * n:
            break
    return unknown, lonely


def _log_odds(score: np.ndarray, at: np.ndarray, made: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Scores of one kind of rows as log odds of their probability, in the same order, so that those of all kinds can be compared.

    Args:
        score: to be turned. at, made, p: scores of all rows, which of them are matches, and the probability of each.
    """
    order = np.flatnonzero(made)[np.argsort(at[made], kind="stable")]
    p = np.clip(p[order], NEVER, 1 - NEVER)
    odds = np.interp(score, at[order], np.log(p / (1 - p))) if len(order) else np.full(len(score), np.log(NEVER))
    return odds + TIE * score


def _at_least(values: np.ndarray, weight: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Weight of the values that are as large as each of some others, or larger."""
    order = np.argsort(values)
    above = np.r_[np.cumsum(weight[order][::-1])[::-1], 0]
    return above[np.searchsorted(values[order], at, "left")]


def _below(share: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Share of the values, sorted and with their cumulated share, that lie below each of some scores."""
    return np.r_[0, share][np.searchsorted(values, at, "left")]
