"""How precise all matches above a threshold are, and how far that can be relied upon."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.stats import betabinom

from pmf_minimal.own.mixture import Pairs
from pmf_minimal.own.posterior import Posterior

#: Known pairs that the posterior is worth for the estimate, and for its interval. With fewer than ``ENOUGH`` known ones it decides alone.
WORTH, CAUTIOUS, ENOUGH = 60, 20, 30
#: Thresholds that are tried.
STEPS = 200
COLUMNS = (
    "threshold", "matches", "correct", "wrong", "false_matches", "precision", "precision_low", "precision_high", "recall",
)  # fmt: skip


def thresholds(pairs: Pairs, posterior: Posterior) -> pd.DataFrame:
    """One row for each of ``STEPS`` thresholds on the score, the highest first, of all matches but the known ones.

    Each known pair is tried as if it were not known, and as if its counterpart did not exist: ``correct`` and ``wrong`` count what their
    entities get, ``false_matches`` those that get a match without a counterpart. Precision is the mean of two estimates. That of the
    probabilities counts like ``WORTH`` pairs. That of the known pairs, of which there must be ``ENOUGH``, gives false matches the weight that
    entities without counterpart have among all; known pairs tell of the others only, and count by the share of those. The interval
    holds with 95 % the share of correct ones among so many matches, if their chance has a beta distribution; its upper end allows that fewer
    entities lack a counterpart than it seems.
    """
    known = pairs.known[posterior.pair]
    made = posterior.mutual & ~known & (posterior.probability > 0)
    score, probability = posterior.score[made], posterior.probability[made]
    order = np.argsort(-score, kind="stable")
    score, right = score[order], np.cumsum(probability[order])
    hit = (posterior.tried_pair == posterior.pair)[known]
    tried, rival = posterior.tried[known], posterior.tried_rival[known]
    expected = probability.sum()
    rows = []
    for last in np.unique(np.linspace(0, len(score) - 1, STEPS).astype(int)) if len(score) else []:
        t, count = score[last], int((score >= score[last]).sum())
        counts = [int((hit & (tried >= t)).sum()), int((~hit & (tried >= t)).sum()), int((rival >= t).sum())]
        precision, weight = right[count - 1] / count, CAUTIOUS
        best = precision
        if known.sum() >= ENOUGH:
            share = np.array([1 - posterior.lonely, 1 - posterior.lonely, posterior.lonely]) * counts
            if share[:2].sum():  # known pairs tell nothing where all entities lack a counterpart
                trials = sum(counts[:2]) * (1 - posterior.lonely)
                precision = (WORTH * precision + trials * share[0] / share.sum()) / (WORTH + trials)
                weight += trials
                best = max(precision, counts[0] / sum(counts[:2]))  # if no entity lacks a counterpart
        low, high = interval(precision, weight, count)[0], interval(best, weight, count)[1]
        rows.append((t, count, *counts, precision, low, high, right[count - 1] / expected))
    return pd.DataFrame(rows, columns=COLUMNS)


def interval(precision: float, weight: float, count: int) -> tuple[float, float]:
    """95 % interval of the share of correct ones among ``count`` matches, rounded outwards to two digits.

    Args:
        precision: estimate.
        weight: how many tried pairs it is worth.
    """
    a, b = precision * weight + 0.5, (1 - precision) * weight + 0.5
    low, high = betabinom.ppf([0.025, 0.975], count, a, b) / count
    return math.floor(100 * min(low, precision)) / 100, math.ceil(100 * max(high, precision)) / 100
