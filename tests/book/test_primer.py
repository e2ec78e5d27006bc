"""The numbers of the primer, computed again; each is looked for in the page's own words."""

import math

import pytest
import torch
from bookfiles import ROOT
from torch.nn.functional import cosine_similarity

from pmf_minimal import metrics

PAGE = (ROOT / "book" / "primer.md").read_text(encoding="utf-8")


def test_bags_of_words():
    edge_index, edge_type = torch.tensor([[0, 1], [1, 2]]), torch.tensor([0, 1])
    bags = torch.zeros(3, 2, dtype=torch.int64)
    for (h, t), r in zip(edge_index.T, edge_type, strict=True):
        bags[h, r] += 1
        bags[t, r] += 1
    curie, warsaw, poland = bags.tolist()
    assert f"Curie's bag is `{curie}`, Warsaw's is `{warsaw}` and Poland's is `{poland}`" in PAGE


def test_cosines():
    a, b, c = torch.tensor([[3.0, 4.0], [4.0, 3.0], [-4.0, 3.0]])
    assert f"dot product is {int(a @ b)}, so" in PAGE and f"dot product is {int(a @ (10 * b))}, the cosine" in PAGE
    assert a.norm() == b.norm() == 5 and "Both have length 5" in PAGE
    for other, value in ((b, 0.96), (10 * b, 0.96), (c, 0), (-a, -1)):
        assert float(cosine_similarity(a, other, dim=0)) == pytest.approx(value, abs=1e-6)
    for words in ("24/25 = 0.96", "to $a$, the cosine is 0,", "$-a$ it is $-1$", "cos(a, c) = 0<", "cos(a, b) = 0.96<"):
        assert words in PAGE


def test_attention():
    weights = torch.tensor([0, math.log(2), math.log(5)]).softmax(dim=0)
    assert weights.tolist() == pytest.approx([1 / 8, 1 / 4, 5 / 8])
    parts = weights * torch.tensor([8.0, 4.0, 16.0])
    text = f"${' + '.join(f'{x:.0f}' for x in parts)} = {parts.sum():.0f}$"
    assert text == "$1 + 1 + 10 = 12$" and text in PAGE and "$(1/8, 1/4, 5/8)$" in PAGE


@pytest.mark.parametrize("temperature", [1, 0.2, 0.05])
def test_contrastive_loss(temperature):
    p = (torch.tensor([0.8, 0.6, 0.0], dtype=torch.float64) / temperature).softmax(dim=0)
    shares = ", ".join(f"{x:.2f}" for x in p)
    assert f"| {temperature} | {shares} | {-p[0].log():.2f} |" in PAGE


def test_least_loss_at_temperature_one():
    best = -torch.tensor([1.0, -1.0, -1.0]).log_softmax(dim=0)[0]
    assert f"still cost {best:.2f}" in PAGE.replace("\n", " ")


def test_measures():
    better = torch.tensor([1, 2, 1, 10]) - 1
    alone = torch.ones_like(better)
    hits1, hits10 = (float(metrics.hits(better, alone, n)) for n in (1, 10))
    mrr = float(metrics.mrr(better, alone))
    assert f"Hits@1 = {hits1:.2f}, Hits@10 = {hits10:.2f}, MRR = (1 + 0.5 + 1 + 0.1)/4 = {mrr:.2f}" in PAGE


def test_ties():
    better, equal = torch.tensor([0]), torch.tensor([3])
    assert float(metrics.hits(better, equal, 1)) == pytest.approx(1 / 3)
    assert "counts 1/3 for Hits@1" in PAGE
    assert f"(1 + 1/2 + 1/3)/3 ≈ {float(metrics.mrr(better, equal)):.2f}" in PAGE


@pytest.mark.parametrize("candidates, share", [(1000, "0.001"), (10, "0.1")])
def test_guessing(candidates, share):
    s, right = torch.zeros(1, candidates), torch.tensor([0])
    assert metrics.evaluate(s, right)["Hits@1"] == pytest.approx(float(share))
    assert f"{candidates:,} " in PAGE and share in PAGE
