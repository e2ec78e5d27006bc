"""Relevance against loops over all pairs of entities."""

import subprocess
import sys

import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize
from toys import doubles, random_doubles, same

from pmf_minimal import relevance
from pmf_minimal.beyond.released import score_linked
from pmf_minimal.scale import kernels


def loop(left, right):
    """Best cosines, pair by pair."""
    cosine = [[float(cosine_similarity(a, b, dim=0)) for b in right] for a in left]
    return [max(row) for row in cosine], [max(column) for column in zip(*cosine, strict=True)]


@pytest.mark.parametrize("sizes", [(7, 5), (1, 4), (6, 1), (4, 9)])
@pytest.mark.parametrize("block", [1, 12, 100])
def test_best_match(monkeypatch, sizes, block):
    monkeypatch.setattr(kernels, "CELLS", block)
    left, right = random_doubles(sizes[0], 3, seed=1), random_doubles(sizes[1], 3, seed=2)
    right[0] = 2 * left[-1]  # a perfect match, and a tie where there is only one
    for found, expected in zip(relevance.best_match(left, right), loop(left, right), strict=True):
        same(found, expected)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
def test_in_blocks_as_dense(monkeypatch, dtype, tolerance):
    left, right = random_doubles(300, 64, seed=1).to(dtype), random_doubles(250, 64, seed=2).to(dtype)
    dense = normalize(left.double()) @ normalize(right.double()).T
    monkeypatch.setattr(kernels, "CELLS", 7 * 250)
    alpha_left, alpha_right = relevance.best_match(left, right)
    assert alpha_left.dtype == dtype
    same(alpha_left.double(), dense.amax(dim=1), tolerance)
    same(alpha_right.double(), dense.amax(dim=0), tolerance)


@pytest.mark.parametrize(
    ("sizes", "expected"), [((0, 3), ([], [-1] * 3)), ((2, 0), ([-1] * 2, [])), ((0, 0), ([], []))]
)
def test_an_empty_side(sizes, expected):
    found = relevance.best_match(*(torch.ones(n, 4) for n in sizes))
    assert tuple(a.tolist() for a in found) == expected
    assert relevance.relevance(found[0], 0.1).tolist() == [0] * sizes[0]


@pytest.mark.parametrize("alpha", [(0.3, 0.2), (0.3, 0.5), (0.5, 0.5), (-1, -1), (0.5 - 1e-9, 0.0)])
def test_nobody_above_the_threshold(alpha):
    """Row 5: below delta both signs would flip and the worst come out best; at delta the quotient is 0/0."""
    assert relevance.relevance(doubles(*alpha), 0.5).tolist() == [0, 0]
    assert relevance.relevance(doubles(*alpha).float(), 0.5).tolist() == [0, 0]


def test_barely_above_the_threshold():
    w = relevance.relevance(doubles(0.5 + 1e-12, 0.5, 0.4), 0.5)
    assert w.tolist() == [1, 0, 0]


def test_everybody_alike():
    assert relevance.relevance(doubles(0.7, 0.7), 0.5).tolist() == [1, 1]


def test_score_with_missing_features():
    """Each graph is measured by its own best; who lacks the feature is compared with nobody."""
    h, n_left, delta = random_doubles(11, 3), 5, 0.2
    mask = torch.tensor([1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0]).bool()
    sides = [[i for i in side if mask[i]] for side in (range(5), range(5, 11))]
    expected = [0.0] * 11
    for rows, alphas in zip(sides, loop(h[sides[0]], h[sides[1]]), strict=True):
        for i, alpha in zip(rows, alphas, strict=True):
            expected[i] = max(0.0, (alpha - delta) / (max(alphas) - delta))
    same(relevance.score(h, mask, n_left, delta), expected)
    assert not relevance.score(h, torch.arange(11) < 5, n_left, delta).any()  # one side has no feature at all
    assert not relevance.score(h, torch.zeros(11).bool(), n_left, delta).any()


def test_no_gradient():
    h = random_doubles(4, 2).requires_grad_()
    pairs = torch.tensor([[0, 2], [1, 3]])
    assert not relevance.score(h, torch.ones(4).bool(), 2, 0.1).requires_grad
    assert not score_linked(h, pairs[:1], pairs[1:], 0.1).requires_grad


def test_score_linked():
    """Row 4: seeds by their partner's cosine, test entities among themselves, whoever has no pair keeps 1."""
    h, delta = random_doubles(9, 3), 0.1
    train, test = torch.tensor([[0, 5], [1, 6]]), torch.tensor([[2, 8], [3, 7]])  # 4 has no pair
    gold = [float(cosine_similarity(h[i], h[j], dim=0)) for i, j in train]
    alpha_left, alpha_right = loop(h[[2, 3]], h[[8, 7]])
    expected = [1.0] * 9
    for rows, alphas in (([0, 1, 2, 3], gold + alpha_left), ([5, 6, 8, 7], gold + alpha_right)):
        for i, alpha in zip(rows, alphas, strict=True):
            expected[i] = max(0.0, (alpha - delta) / (max(alphas) - delta))
    same(score_linked(h, train, test, delta), expected)


LIMITED = """
import resource
from pathlib import Path
import torch
from pmf_minimal import relevance
torch.set_num_threads(1)  # each thread would reserve address space of its own
h = torch.randn(40_000, 2)
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (1 << 29),) * 2)
w = relevance.score(h, torch.ones(40_000).bool(), 20_000, 0.5)
assert w.min() > 0.9  # two dimensions, so everybody has a near twin
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_memory_grows_with_n():
    """20,000 against 20,000 entities: all cosines at once would take 1.6 GB. In a process that nothing ran in before."""
    subprocess.run([sys.executable, "-c", LIMITED], check=True)
