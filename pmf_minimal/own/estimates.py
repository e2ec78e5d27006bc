"""How precise all matches above a threshold are, and how far that can be relied upon."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.stats import beta, betabinom

from pmf_minimal.own.mixture import Pairs
from pmf_minimal.own.posterior import Posterior

#: Known pairs that the posterior is worth for the estimate, and for its interval. With fewer than ``ENOUGH`` known ones it decides alone.
WORTH, CAUTIOUS, ENOUGH = 60, 20, 30
#: Matches from which the share of correct ones counts as their chance; the distribution of their number takes a time that grows with it.
MANY = 5000
#: Thresholds that are tried.
STEPS = 200
COLUMNS = (
    "threshold", "matches", "correct", "wrong", "false_matches", "precision", "precision_low", "precision_high", "recall",
)  # fmt: skip


def thresholds(pairs: Pairs, posterior: Posterior) -> pd.DataFrame:
    """One row for each of ``STEPS`` thresholds on the score, the highest first, of all matches but the known ones.

    Each known pair is tried as if it were not known, and as if its counterpart did not exist: ``correct`` and ``wrong`` count what their
    entities get, ``false_matches`` those that get a match without a counterpart. Precision is the mean of two estimates. That of the
    probabilities counts like ``WORTH`` pairs, and no higher than the known pairs allow. That of the known pairs, of which
    there must be ``ENOUGH``, gives false matches the weight that entities without counterpart have among those of their kind; known pairs
    tell of the others only, and count by the share of those. Of kinds without any known pair the probabilities tell alone. Where not one
    known pair is found again, precision is zero, whatever the probabilities say: the known pairs are wrong or the graphs say nothing of them.
    The interval
    holds with 95 % the share of correct ones among so many matches, if their chance has a beta distribution; its upper end allows that fewer
    entities lack a counterpart than it seems.
    """
    known = pairs.known[posterior.pair]
    made = posterior.mutual & ~known & (posterior.probability > 0)
    group = np.zeros(len(known), int)
    for k, some in enumerate(pairs.groups):
        group[some] = k
    spoken = np.isin(group, group[known])[made]  # of whose kind there are known pairs
    score, probability = posterior.score[made], posterior.probability[made]
    order = np.argsort(-score, kind="stable")
    score, right, right_spoken = score[order], np.cumsum(probability[order]), np.cumsum((probability * spoken)[order])
    spoken = np.cumsum(spoken[order])
    lost = known.sum() >= ENOUGH and not _tried(posterior, known, score.min(initial=np.inf))[0][0]
    rows = []
    for last in np.unique(np.linspace(0, len(score) - 1, STEPS).astype(int)) if len(score) else []:
        t, count = score[last], int((score >= score[last]).sum())
        counts, shares = _tried(posterior, known, t)
        precision = best = right[count - 1] / count
        weight = CAUTIOUS
        if lost:
            precision = 0.0
        elif known.sum() >= ENOUGH and spoken[count - 1] and shares[:2].sum():
            # Known pairs tell nothing where all entities lack a counterpart.
            part, trials = spoken[count - 1] / count, shares[:2].sum()
            theirs, others = right_spoken[count - 1] / spoken[count - 1], (right - right_spoken)[count - 1] / count
            heldout = shares[0] / shares.sum()
            mean = (WORTH * min(theirs, _highest(heldout, trials)) + trials * heldout) / (WORTH + trials)
            precision, weight = others + part * mean, CAUTIOUS + part * trials
            best = max(precision, others + part * counts[0] / sum(counts[:2]))  # if no entity lacks a counterpart
        low, high = interval(precision, weight, count)[0], interval(best, weight, count)[1]
        rows.append((t, count, *counts, precision, low, high, right[count - 1] / right[-1]))
    return pd.DataFrame(rows, columns=COLUMNS)


def _tried(posterior: Posterior, known: np.ndarray, least: float) -> tuple[list[int], np.ndarray]:
    """How many known pairs of at least such a score are correct, wrong, and falsely matched; and these weighted by the share of their kind.

    Args:
        known: bool ``[rows]``. least: score.
    """
    hit, lonely = (posterior.tried_pair == posterior.pair)[known], posterior.lonely[known]
    tried, rival = posterior.tried[known] >= least, posterior.tried_rival[known] >= least
    kinds = (hit & tried, 1 - lonely), (~hit & tried, 1 - lonely), (rival, lonely)
    return [int(some.sum()) for some, _ in kinds], np.array([(some * share).sum() for some, share in kinds])


def _highest(share: float, trials: float) -> float:
    """The chance that so many trials allow, with 97.5 %, a share of which was correct."""
    return float(beta.ppf(0.975, share * trials + 0.5, (1 - share) * trials + 0.5))


def interval(precision: float, weight: float, count: int) -> tuple[float, float]:
    """95 % interval of the share of correct ones among ``count`` matches, rounded outwards to two digits.

    Args:
        precision: estimate.
        weight: how many tried pairs it is worth.
    """
    a, b = precision * weight + 0.5, (1 - precision) * weight + 0.5
    ends = [0.025, 0.975]  # of many matches the share is as their chance
    low, high = betabinom.ppf(ends, count, a, b) / count if count < MANY else beta.ppf(ends, a, b)
    return math.floor(100 * min(low, precision)) / 100, math.ceil(100 * max(high, precision)) / 100
