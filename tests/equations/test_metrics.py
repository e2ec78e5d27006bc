"""Eq. (16) and (17): how good is an alignment?"""

import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import doubles, same

from pmf_minimal import metrics

# Four entities, six candidates, the right one always the first; ranks 1, 3, and a tie for 2 to 4, and a tie of all six.
SIMILARITY = doubles(
    (0.9, 0.1, 0.2, 0.3, 0.4, 0.5),
    (0.5, 0.9, 0.6, 0.4, 0.1, 0.0),
    (0.5, 0.9, 0.5, 0.5, 0.1, 0.0),
    (0.2, 0.2, 0.2, 0.2, 0.2, 0.2),
)
FIRST = torch.zeros(4, dtype=torch.long)
# Whole numbers, so that ties are common.
tables = st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=6).map(
    lambda t: doubles(*t)
)


def test_hits_by_hand():
    """Eq. (16): of a tie counts the share that is within reach.

    n = 1: 1 + 0 + 0 + 1/6;  n = 2: 1 + 0 + 1/3 + 2/6;  n = 3: 1 + 1 + 2/3 + 3/6;  n = 6: all four.
    """
    better, equal = metrics.count_better_and_tied(SIMILARITY, FIRST)
    assert better.tolist() == [0, 2, 1, 0] and equal.tolist() == [1, 1, 3, 6]
    for n, total in ((1, 7 / 6), (2, 5 / 3), (3, 19 / 6), (6, 4)):
        same(metrics.hits(better, equal, n), total / 4, 1e-6)


@given(tables, st.data())
def test_hits_grow(similarity, data):
    """Eq. (16): monotone in n, from at least 0 to 1; a monotone change of all similarities changes nothing."""
    right = torch.tensor(data.draw(st.lists(st.integers(0, 4), min_size=len(similarity), max_size=len(similarity))))
    ranks = metrics.count_better_and_tied(similarity, right)
    found = torch.stack([metrics.hits(*ranks, n) for n in range(6)])
    assert found[0] == 0 and (found.diff() >= -1e-6).all()
    same(found[5], 1, 1e-6)
    same(metrics.hits(*metrics.count_better_and_tied(similarity.exp(), right), 2), found[2])


def test_mrr_by_hand():
    """Eq. (17): 1, 1/3, mean of 1/2, 1/3, 1/4 = 13/36, mean of 1/1 … 1/6 = 49/120; their mean is 757/1440."""
    same(metrics.mrr(*metrics.count_better_and_tied(SIMILARITY, FIRST)), 757 / 1440)


@given(tables, st.data())
def test_mrr_and_hits(similarity, data):
    """Eq. (17): MRR lies between Hits@1 and (1 + Hits@1) / 2, since 1/rank is 1 for a hit and at most 1/2 otherwise."""
    right = torch.tensor(data.draw(st.lists(st.integers(0, 4), min_size=len(similarity), max_size=len(similarity))))
    ranks = metrics.count_better_and_tied(similarity, right)
    mrr, first = float(metrics.mrr(*ranks)), float(metrics.hits(*ranks, 1))
    assert first - 1e-6 <= mrr <= (1 + first) / 2 + 1e-6
    assert mrr >= 1 / 5
