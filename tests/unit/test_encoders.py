"""Graph attention against a loop over neighbours, forward and backward; and that it stays sparse."""

import math
import sys

import pytest
import torch
from toys import random_doubles, same

from pmf_minimal.encoders import DiagonalGATConv, LinearEncoder, Neighbours, StructureEncoder

EDGES = torch.tensor([[0, 1, 1, 2, 3, 0, 4], [1, 2, 0, 3, 1, 1, 4]])  # 0-1 both ways and twice, a loop at 4, 5 alone
N = 6


def layer(dim=3, heads=2, seed=0):
    return DiagonalGATConv(dim, heads, torch.Generator().manual_seed(seed)).double()


def randomise(module, seed=1):
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(random_doubles(*parameter.shape, seed=seed + i))
    return module


def leaky(x):
    return torch.where(x > 0, x, 0.2 * x)


def heard_by(i):
    return sorted({i} | {int(t) for h, t in EDGES.T if h == i} | {int(h) for h, t in EDGES.T if t == i})


def loop(conv, x):
    """The layer as its docstring says it, entity by entity and neighbour by neighbour."""
    rows = []
    for i in range(len(x)):
        heads = []
        for w, (a_1, a_2) in zip(conv.weight, conv.attention, strict=True):
            raw = [torch.exp(-leaky(a_1 @ (w * x[i]) + a_2 @ (w * x[j]))) for j in heard_by(i)]
            heads.append(sum(r / sum(raw) * (w * x[j]) for r, j in zip(raw, heard_by(i), strict=True)))
        rows.append(sum(heads) / len(heads))
    return torch.stack(rows)


def dense(conv, x):
    """The same with N x N matrices, which is what the layer must not form."""
    mask = torch.eye(len(x), dtype=torch.bool)
    mask[EDGES[0], EDGES[1]] = mask[EDGES[1], EDGES[0]] = True
    out = 0
    for w, (a_1, a_2) in zip(conv.weight, conv.attention, strict=True):
        score = -leaky((w * x @ a_1)[:, None] + (w * x @ a_2)[None, :])
        out = out + score.masked_fill(~mask, -torch.inf).softmax(dim=1) @ (w * x)
    return out / len(conv.weight)


@pytest.mark.parametrize("reference", [loop, dense])
def test_layer_forward_and_gradients(reference):
    conv, x = randomise(layer()), random_doubles(N, 3).requires_grad_()
    inputs = [x, *conv.parameters()]
    found, expected = conv(x, Neighbours(EDGES, N)), reference(conv, x)
    same(found, expected)
    direction = random_doubles(N, 3, seed=9)
    for a, b in zip(
        torch.autograd.grad(found, inputs, direction), torch.autograd.grad(expected, inputs, direction), strict=True
    ):
        same(a, b)


def test_gradcheck():
    near = Neighbours(EDGES, N)
    conv, x = randomise(layer(2)), random_doubles(N, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: conv(x, near), (x, *conv.parameters()))


def test_neighbours():
    near = Neighbours(EDGES, N)
    heard = [[int(j) for i, j in near.edge_index.T if i == entity] for entity in range(N)]
    assert heard == [heard_by(i) for i in range(N)]  # sorted, each once, both directions, itself included
    assert torch.equal(near.edge_index[:, near.reverse], near.edge_index.flip(0))
    assert near.adjacency.to_dense().sum() == near.edge_index.shape[1]


def test_two_layers_with_elu():
    encoder = randomise(StructureEncoder(EDGES, N, 3, torch.Generator()).double())
    first, second = encoder.layers
    h = loop(first, encoder.entities)
    h = loop(second, torch.where(h > 0, h, h.exp() - 1))
    same(encoder(), h)
    same(encoder(rows=torch.tensor([5, 0])), h[[5, 0]])


def test_isolated_entity_hears_itself():
    conv, x = randomise(layer()), random_doubles(N, 3)
    same(conv(x, Neighbours(EDGES, N))[5], x[5] * conv.weight.mean(dim=0))
    no_triples = torch.zeros(2, 0, dtype=torch.long)
    same(conv(x, Neighbours(no_triples, N)), x * conv.weight.mean(dim=0))


def test_initial_values():
    encoder = StructureEncoder(EDGES, 1000, 8, torch.Generator().manual_seed(3))
    assert abs(float(encoder.entities.detach().std()) * math.sqrt(1000) - 1) < 0.05
    again = StructureEncoder(EDGES, 1000, 8, torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(encoder.parameters(), again.parameters(), strict=True))
    linear = LinearEncoder(400, 8, torch.Generator().manual_seed(3))
    assert (
        linear.weight.abs().max() <= 1 / 20 and abs(float(linear.weight.detach().std()) * 20 * math.sqrt(3) - 1) < 0.05
    )


def test_linear():
    encoder = LinearEncoder(4, 3, torch.Generator().manual_seed(0)).double()
    e = random_doubles(5, 4)
    weight, bias = encoder.weight.tolist(), encoder.bias.tolist()
    expected = [
        [sum(w * x for w, x in zip(row, e_i, strict=True)) + b for row, b in zip(weight, bias, strict=True)]
        for e_i in e.tolist()
    ]
    same(encoder(e), expected)
    same(encoder(e, torch.tensor([4, 1])), [expected[4], expected[1]])


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_no_dense_matrix(memory):
    """60,000 entities: one N x N matrix of float32 would take 14.4 GB."""
    n = 60_000
    edges = torch.randint(n, (2, 90_000), generator=torch.Generator().manual_seed(0))
    encoder = StructureEncoder(edges, n, 4, torch.Generator())
    with memory(1 << 30):
        encoder().square().sum().backward()
    assert encoder.entities.grad.abs().sum() > 0
