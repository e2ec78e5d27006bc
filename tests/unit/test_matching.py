"""Similarity and matching against loops, with ties."""

from itertools import permutations

import pytest
import torch
from torch.nn.functional import cosine_similarity
from toys import doubles, random_doubles, same

from pmf_minimal.matching import csls, greedy, greedy_in_order, mutual, optimal, similarity, sinkhorn


def whole_numbers(n, m, seed, top=4):
    """Similarities with many ties."""
    return torch.randint(top, (n, m), generator=torch.Generator().manual_seed(seed)).double()


def loop_csls(s, k):
    def mean_of_best(values):
        best = sorted(values, reverse=True)[:k]
        return sum(best) / len(best)

    rows = [mean_of_best(row) for row in s.tolist()]
    columns = [mean_of_best(column) for column in s.T.tolist()]
    return [[2 * x - rows[i] - columns[j] for j, x in enumerate(row)] for i, row in enumerate(s.tolist())]


@pytest.mark.parametrize("size", [(6, 6), (5, 8), (2, 7), (1, 1)])
@pytest.mark.parametrize("k", [1, 3, 20])
def test_csls(size, k):
    for s in (random_doubles(*size), whole_numbers(*size, seed=3)):
        same(csls(s, k), loop_csls(s, k))


def test_similarity():
    left, right = random_doubles(4, 3, seed=1), random_doubles(5, 3, seed=2)
    left[2] = 0
    cosine = torch.stack([torch.stack([cosine_similarity(a, b, dim=0) for b in right]) for a in left])
    dot = torch.tensor([[sum(x * y for x, y in zip(a, b, strict=True)) for b in right.tolist()] for a in left.tolist()])
    same(similarity(left, right), cosine)
    same(similarity(left, right, "dot"), dot, 1e-6)
    once = torch.tensor(loop_csls(cosine, 2), dtype=torch.float64)
    same(similarity(left, right, csls_k=2, csls_rounds=1), once)
    same(similarity(left, right, csls_k=2, csls_rounds=2), loop_csls(once, 2))


def loop_greedy(s):
    """All pairs, the best first; among equals the lower row, then the lower column."""
    cells = sorted((-x, i, j) for i, row in enumerate(s.tolist()) for j, x in enumerate(row))
    taken, matches = (set(), set()), []
    for _, i, j in cells:
        if i not in taken[0] and j not in taken[1]:
            taken[0].add(i)
            taken[1].add(j)
            matches.append([i, j])
    return sorted(matches)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("size", [(8, 8), (5, 9), (9, 4)])
def test_greedy(seed, size):
    for s in (whole_numbers(*size, seed), random_doubles(*size, seed=seed)):
        before = s.clone()
        assert greedy(s).tolist() == loop_greedy(s)
        assert torch.equal(s, before)


def test_greedy_at_the_edges():
    assert greedy(torch.zeros(3, 3)).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert greedy(torch.zeros(0, 3)).shape == greedy(torch.zeros(3, 0)).shape == (0, 2)
    # A chain in which every round finds one pair only.
    chain = doubles((9, 8, 0), (0, 7, 6), (0, 0, 5))
    assert greedy(chain).tolist() == [[0, 0], [1, 1], [2, 2]]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("size", [(8, 8), (5, 9), (9, 4)])
def test_greedy_in_order_and_mutual(seed, size):
    for s in (whole_numbers(*size, seed), random_doubles(*size, seed=seed)):
        rows, free, in_order = s.tolist(), set(range(size[1])), []
        for i, row in enumerate(rows[: min(size)]):
            j = max(sorted(free), key=row.__getitem__)
            free.remove(j)
            in_order.append([i, j])
        assert greedy_in_order(s).tolist() == in_order
        columns = s.T.tolist()
        nearest = [[i, row.index(max(row))] for i, row in enumerate(rows)]
        assert mutual(s).tolist() == [[i, j] for i, j in nearest if columns[j].index(max(columns[j])) == i]
    assert greedy_in_order(torch.zeros(0, 3)).shape == (0, 2)


@pytest.mark.parametrize("seed", range(5))
def test_optimal(seed):
    """As good as the best of all one-to-one matchings, and never worse than greedy."""
    for s in (whole_numbers(5, 6, seed, top=9), random_doubles(5, 6, seed=seed)):
        found = optimal(s)
        assert found[:, 0].tolist() == list(range(5)) and len(set(found[:, 1].tolist())) == 5
        best = max(sum(s[i, j] for i, j in enumerate(columns)) for columns in permutations(range(6), 5))
        same(s[found[:, 0], found[:, 1]].sum(), best)
        row, column = greedy(s).T
        assert best >= s[row, column].sum() - 1e-9
    assert optimal(s.T)[:, 1].sort().values.tolist() == list(range(5))


def test_sinkhorn():
    """Rows and columns sum to one; the colder, the closer to the optimal assignment; no overflow."""
    s = random_doubles(6, 6)
    soft = sinkhorn(s, temperature=1.0, rounds=200)
    same(soft.sum(dim=0), torch.ones(6))
    same(soft.sum(dim=1), torch.ones(6), 1e-6)
    assert (soft > 0).all()
    # Scaling rows and columns leaves every cross ratio as it was.
    ratio = s[0, 0] + s[1, 1] - s[0, 1] - s[1, 0]
    same((soft[0, 0] * soft[1, 1] / soft[0, 1] / soft[1, 0]).log(), ratio)
    cold = sinkhorn(s, temperature=0.01, rounds=2000)
    assert [[i, int(j)] for i, j in enumerate(cold.argmax(dim=1))] == optimal(s).tolist()
    assert sinkhorn(100 * torch.randn(5, 7)).isfinite().all()
