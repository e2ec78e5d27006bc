"""Hits@n and MRR against every order that tied candidates can stand in."""

from itertools import permutations
from statistics import mean

import pytest
import torch
from toys import doubles, same

from pmf_minimal import metrics


def brute_force(similarity, right, score):
    """Mean of score(rank) over all orders of the candidates that agree with the similarities."""
    means = []
    for row, j in zip(similarity.tolist(), right.tolist(), strict=True):
        orders = [
            p for p in permutations(range(len(row))) if all(row[a] >= row[b] for a, b in zip(p, p[1:], strict=False))
        ]
        means.append(mean(score(order.index(j) + 1) for order in orders))
    return mean(means)


@pytest.mark.parametrize("seed", range(5))
def test_expectation_over_ties(seed):
    g = torch.Generator().manual_seed(seed)
    similarity = torch.randint(3, (8, 5), generator=g).double()
    right = torch.randint(5, (8,), generator=g)
    ranks = metrics.count_better_and_tied(similarity, right)
    for n in (1, 2, 4, 10):
        same(metrics.hits(*ranks, n).double(), brute_force(similarity, right, lambda rank, n=n: rank <= n), 1e-6)
    same(metrics.mrr(*ranks), brute_force(similarity, right, lambda rank: 1 / rank))
    found = metrics.evaluate(similarity, right)
    assert found["Hits@1"] == pytest.approx(brute_force(similarity, right, lambda rank: rank <= 1))
    assert found["Hits@10"] == 1 and found["MRR"] == pytest.approx(float(metrics.mrr(*ranks)))


def test_without_ties():
    similarity = torch.rand(30, 40, generator=torch.Generator().manual_seed(0))
    right = torch.arange(30)
    ranks = [1 + sum(x > row[j] for x in row) for j, row in enumerate(similarity.tolist())]
    better, equal = metrics.count_better_and_tied(similarity, right)
    assert (better + 1).tolist() == ranks and (equal == 1).all()
    same(metrics.hits(better, equal, 10), mean(r <= 10 for r in ranks), 1e-6)
    same(metrics.mrr(better, equal), mean(1 / r for r in ranks))


def test_rounding_makes_no_difference():
    """Equal vectors can differ by rounding from column to column; whoever says nothing must not gain by it."""
    row = doubles((0.5, 0.5 + 1e-8, 0.5 - 1e-8, 0.1))
    assert [x.tolist() for x in metrics.count_better_and_tied(row, torch.tensor([0]))] == [[0], [3]]
    assert [x.tolist() for x in metrics.count_better_and_tied(doubles((0.5, 0.501)), torch.tensor([0]))] == [[1], [1]]


def test_all_alike_is_a_guess():
    """A constant similarity finds one in n, not all, and its MRR is the mean of 1/1 … 1/n."""
    found = metrics.evaluate(torch.zeros(20, 20), torch.arange(20))
    assert found["Hits@1"] == pytest.approx(0.05) and found["Hits@10"] == pytest.approx(0.5)
    assert found["MRR"] == pytest.approx(mean(1 / r for r in range(1, 21)))
