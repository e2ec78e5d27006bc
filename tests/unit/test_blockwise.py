"""By blocks the same as whole: similarities, ranks, matches; and with memory that grows with the number of entities only."""

import subprocess
import sys

import pytest
import torch
from toys import random_pair, same, tiny

from pmf_minimal import matching
from pmf_minimal.errors import DataError
from pmf_minimal.metrics import evaluate
from pmf_minimal.model import PMF
from pmf_minimal.scale import block_matching, kernels, memory
from pmf_minimal.scale.blockwise import Similarities
from pmf_minimal.scale.evaluation import evaluate_model, evaluate_scores

HOW = ["greedy", "greedy_in_order", "mutual", "row", "optimal"]


def sides(seed, ties, n=23, m=31):
    """Vectors whose dot products are exact in float64; with ``ties`` many of these are equal."""
    g = torch.Generator().manual_seed(seed)
    return [torch.randint(-2 if ties else -999, 3 if ties else 999, (k, 3), generator=g).double() for k in (n, m)]


@pytest.fixture(params=[1, 70, 200])
def small(request, monkeypatch):
    """Blocks of one, two, six rows of 31."""
    monkeypatch.setattr(kernels, "CELLS", request.param)


@pytest.mark.parametrize("kind", ["cosine", "dot", "euclidean"])
@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_similarities(small, kind, rounds):
    left, right = sides(0, ties=False)
    whole = matching.similarity(left, right, kind, 2, rounds)
    s = Similarities(left, right, kind, 2, rounds)
    assert not s.fits_in_block and s.shape == whole.shape and len(list(s)) > 3
    tolerance = {"cosine": 1e-9, "dot": 1e-4, "euclidean": 1e-6}[kind]
    same(torch.cat([block.clone() for _, block in s]), whole, tolerance)
    same(torch.cat([block.clone() for _, block in s.T]), whole.T, tolerance)
    rows, columns = torch.tensor([3, 0, 22]), torch.tensor([30, 7])
    same(s.block(rows, columns), whole[rows][:, columns], tolerance)
    same(s.subset(rows, columns).dense, whole[rows][:, columns], tolerance)
    same(s.pairs(rows[:2], columns), whole[rows[:2], columns], tolerance)


@pytest.mark.parametrize("rounds", [0, 2])
def test_what_fits_is_the_same_to_the_last_bit(rounds):
    left, right = (torch.randn(50, 20, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    s, whole = Similarities(left, right, csls_rounds=rounds), matching.similarity(left, right, csls_rounds=rounds)
    assert s.fits_in_block and torch.equal(s.dense, whole) and torch.equal(s.T.dense, whole.T)
    assert torch.equal(s.block(slice(3, 9)), whole[3:9])
    for how in HOW:
        assert torch.equal(block_matching.match(s, how), matching.match(whole, how))


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_matches(small, how, ties, seed):
    for n, m in ((23, 31), (31, 23)):
        left, right = sides(seed, ties, n, m)
        expected = matching.match(left @ right.T, how)
        assert block_matching.match(Similarities(left, right, "dot"), how).tolist() == expected.tolist()


def test_greedy_ends_although_rounding_depends_on_the_block(small, monkeypatch):
    """Noise of rounding turns exact ties into a chase; it must end, with pairs that are as good."""
    one = torch.ones(23, 3, dtype=torch.float64)
    s, honest, g = Similarities(one, one, "dot"), Similarities._compute, torch.Generator().manual_seed(0)
    noise = lambda x: x + 1e-7 * torch.rand(x.shape, generator=g, dtype=x.dtype)  # noqa: E731
    monkeypatch.setattr(Similarities, "_compute", lambda self, *where: noise(honest(self, *where)))
    found = block_matching.greedy(s)
    assert len(found) == 23 == len(found[:, 1].unique()) and found[:, 0].tolist() == list(range(23))


@pytest.mark.parametrize("ties", [True, False])
def test_figures(small, ties):
    left, right = sides(5, ties)
    rows, columns = torch.randperm(23)[:17], torch.randperm(31)[:17]
    s, whole = Similarities(left, right, "dot"), left @ right.T
    assert evaluate_scores(s, rows, columns) == evaluate(whole[rows], columns)
    assert evaluate_scores(s.T, columns, rows) == evaluate(whole.T[columns], rows)


@pytest.mark.parametrize("candidates", ["test", "all"])
@pytest.mark.parametrize("rounds", [0, 2])
def test_evaluation(monkeypatch, candidates, rounds):
    graphs = random_pair().split(0)
    pmf, config = PMF(graphs, tiny()), tiny(candidates=candidates, csls_rounds=rounds)
    whole = evaluate_model(pmf, graphs.test, config)
    monkeypatch.setattr(kernels, "CELLS", 50)
    assert (evaluate_model(pmf, graphs.test, config) - whole).abs().to_numpy().max() < 1e-6


LIMITED = """
import resource
from pathlib import Path
import torch
from pmf_minimal.scale import block_matching, kernels
from pmf_minimal.scale.blockwise import Similarities
from pmf_minimal.scale.evaluation import evaluate_scores
torch.set_num_threads(1)  # each thread would reserve address space of its own
kernels.CELLS = 2**20
x = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
pairs = torch.arange(10_000)
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 96 * 2**20,) * 2)
s = Similarities(x[:10_000], x[10_000:], csls_rounds=1)
greedy, mutual = block_matching.match(s), block_matching.match(s, "mutual")
assert len(greedy) == 10_000 > len(mutual) > 100
for side in (s, s.T):
    assert 0 < evaluate_scores(side, pairs, pairs)["Hits@1"] < 0.1
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_memory_grows_with_n():
    """10,000 a side within 96 MB: the similarities at once would take 400 MB. In a process that nothing ran in before."""
    subprocess.run([sys.executable, "-c", LIMITED], check=True)


def test_optimal_says_up_to_which_size_it_fits(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device="cpu": 20 * 40.0**2)
    fits, larger = (Similarities(*torch.rand(2, n, 3)) for n in (40, 41))
    assert len(block_matching.match(fits, "optimal")) == 40
    with pytest.raises(DataError, match="optimal .* enough for 40 a side; set matching=greedy"):
        block_matching.match(larger, "optimal")
    assert len(block_matching.match(larger, "sinkhorn")) == 41  # its plan holds the best candidates only
    with pytest.raises(DataError, match="20000 to 20000 entities takes 8 GB"):
        block_matching.match(Similarities(torch.rand(20000, 1), torch.rand(20000, 1)), "optimal")


def test_free_memory_is_some():
    assert 1e6 < memory.free_bytes() <= float("inf")
