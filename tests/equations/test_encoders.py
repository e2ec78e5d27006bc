"""Eq. (14) and (15): graph attention for the structure, a linear layer for everything else."""

from math import exp, log

import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import doubles, random_doubles, same, vectors

from pmf_minimal import encoders

N = 5
edge_lists = st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)), max_size=8)


def generator():
    return torch.Generator().manual_seed(0)


def layer(weight, attention):
    """A layer with the given weights ``[heads, d]`` and attention vectors ``[heads, 2, d]``."""
    conv = encoders.DiagonalGATConv(len(weight[0]), len(weight), generator()).double()
    with torch.no_grad():
        conv.weight.copy_(doubles(*weight))
        conv.attention.copy_(doubles(*attention))
    return conv


def neighbours(edges, n=N):
    return encoders.Neighbours(torch.tensor(edges, dtype=torch.long).reshape(-1, 2).T, n)


def test_attention_by_hand():
    """Eq. (14): two neighbours x = 1 and 3, a = (-2 ln 2, ln 2), weights 2^-LeakyReLU(-2 x_i + x_j).

    0: hears itself with 2^-LeakyReLU(-1) = 2^.2 and 1 with 2^-1;  1: hears 0 with 2^-LeakyReLU(-5) = 2^1 and itself with 2^.6.
    """
    conv = layer([[1]], [[[-2 * log(2)], [log(2)]]])
    out = conv(doubles((1,), (3,)), neighbours([(0, 1)], 2))
    same(out, [[(2**0.2 + 0.5 * 3) / (2**0.2 + 0.5)], [(2 * 1 + 2**0.6 * 3) / (2 + 2**0.6)]])


def test_two_layers_by_hand():
    """Eq. (14): the chain 0 - 1 - 2 and 3 alone, with x = 0, 1, -5, 4.

    First layer, head A (weight 1, no attention: plain means): 1/2, -4/3, -2, 4. Head B (weight 2, a = (0, ln 2 / 2)) hears j with
    2^-LeakyReLU(x_j), that is 1, 1/2, 2 for j = 0, 1, 2: twice 1/3, -19/7, -19/5, 4. Mean of both: 7/12, -71/21, -4.8, 6.
    ELU leaves 7/12 and 6 and makes A = e^(-71/21) - 1, B = e^-4.8 - 1 of the others. Second layer: plain means.
    """
    encoder = encoders.StructureEncoder(torch.tensor([[0, 1], [1, 2]]), 4, 1, generator()).double()
    with torch.no_grad():
        encoder.entities.copy_(doubles((0,), (1,), (-5,), (4,)))
    encoder.layers[0] = layer([[1], [2]], [[[0], [0]], [[0], [log(2) / 2]]])
    encoder.layers[1] = layer([[1], [1]], [[[0], [0]], [[0], [0]]])
    a, b = exp(-71 / 21) - 1, exp(-4.8) - 1
    same(encoder(), [[(7 / 12 + a) / 2], [(7 / 12 + a + b) / 3], [(a + b) / 2], [6]])


@given(edge_lists, st.permutations(range(N)))
def test_names_and_directions_do_not_matter(edges, order):
    """Eq. (14): renaming entities renames the output; turning a triple round or repeating it changes nothing."""
    conv = layer([[1, 2], [3, -1]], [[[1, 0], [0, 1]], [[-1, 1], [2, 0]]])
    x = random_doubles(N, 2)
    out = conv(x, neighbours(edges))
    same(conv(x, neighbours([(t, h) for h, t in edges] + edges[:2])), out)
    place = torch.tensor(order)
    renamed = torch.empty_like(x).index_copy_(0, place, x)
    again = conv(renamed, neighbours([(order[h], order[t]) for h, t in edges]))
    same(again[place], out)


@given(edge_lists, vectors(N, 2))
def test_mean_of_neighbours(edges, x):
    """Eq. (14): with weight 1 an output lies among the values of the entity and its neighbours: attention shares out 1."""
    out = layer([[1, 1]], [[[1, -1], [2, 0.5]]])(x, neighbours(edges))
    for i in range(N):
        heard = x[sorted({i} | {h for h, t in edges if t == i} | {t for h, t in edges if h == i})]
        assert (out[i] >= heard.min(dim=0).values - 1e-9).all() and (out[i] <= heard.max(dim=0).values + 1e-9).all()


@given(edge_lists, vectors(N, 2))
def test_gradient(edges, x):
    """Eq. (14): the gradient, written by hand to stay sparse, is the derivative."""
    near = neighbours(edges)
    conv = layer([[1, 2], [3, -1]], [[[1, 0], [0, 1]], [[-1, 1], [2, 0]]])
    x = (x + 0.1 * random_doubles(N, 2)).requires_grad_()  # off the kink of LeakyReLU
    assert torch.autograd.gradcheck(lambda x: conv(x, near), x, raise_exception=False)


def test_linear_by_hand():
    """Eq. (15): W = [[1, 2, 3], [0, -1, 0]], b = (10, -1): (1, 1, 1) -> (16, -2) and (0, 0, 0) -> b."""
    encoder = encoders.LinearEncoder(3, 2, generator()).double()
    with torch.no_grad():
        encoder.weight.copy_(doubles((1, 2, 3), (0, -1, 0)))
        encoder.bias.copy_(doubles(10, -1))
    same(encoder(doubles((1, 1, 1), (0, 0, 0), (2, 0, -1))), [[16, -2], [10, -1], [9, -1]])
    encoder.binary = True  # a bag of words that says whether, not how often
    same(encoder(doubles((5, 0, 1))), [[14, -1]])


@given(vectors(4, 3), vectors(4, 3), st.sampled_from([-1.0, 0.25, 2.0]))
def test_linear_keeps_straight_lines(a, b, share):
    """Eq. (15): a point on the line between two features lands on the line between their embeddings."""
    encoder = encoders.LinearEncoder(3, 2, generator()).double()
    same(encoder(share * a + (1 - share) * b), (share * encoder(a) + (1 - share) * encoder(b)).detach())
    same(encoder(torch.zeros(1, 3, dtype=torch.float64))[0], encoder.bias.detach())
