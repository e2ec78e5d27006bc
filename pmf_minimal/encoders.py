"""Encoders: what an entity says in one modality becomes a vector of d numbers (paper, section 3.2 and A.1).

Eq. (1)  h_i^m = ENC_m(Theta_m, e_i^m)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, leaky_relu
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import softmax as neighbour_softmax

from pmf_minimal.scale.kernels import WeightedSum
from pmf_minimal.scale.neighbours import Neighbours


class DiagonalGATConv(MessagePassing):
    """One layer of graph attention with one weight per dimension instead of a matrix.

    For each head, with weights theta and attention vectors u of the receiver and v of the sender (all per head),

        a_ij  = softmax over the neighbours j of i of  -LeakyReLU( u · (theta * x_i) + v · (theta * x_j) )
        out_i = mean over heads of  sum_j a_ij (theta * x_j)

    Source: the paper's code; graph attention as such: Veličković et al. (2018).
    """

    def __init__(self, dim: int, heads: int, generator: torch.Generator):
        super().__init__(aggr="add")
        self.weight = nn.Parameter(torch.ones(heads, dim))
        bound = 1 / math.sqrt(2 * dim)
        self.attention = nn.Parameter(torch.empty(heads, 2, dim).uniform_(-bound, bound, generator=generator))

    def forward(self, x: Tensor, neighbours: Neighbours) -> Tensor:
        """x ``[N, d]`` -> ``[N, d]``."""
        target, source = neighbours.edge_index
        # u · (theta * x_i) + v · (theta * x_j) = x_i · (u * theta) + x_j · (v * theta)
        at_target, at_source = torch.einsum("nd,hpd->phn", x, self.attention * self.weight[:, None])
        out = 0
        for head, weight in enumerate(self.weight):
            score = -leaky_relu(at_target[head, target] + at_source[head, source], 0.2)
            alpha = neighbour_softmax(score, target, num_nodes=len(x))
            # The diagonal weight does not depend on j, so it stands before the sum.
            out = out + weight * self.propagate(neighbours.adjacency, x=x, alpha=alpha, neighbours=neighbours)
        return out / len(self.weight)

    def message_and_aggregate(self, edge_index: Tensor, x: Tensor, alpha: Tensor, neighbours: Neighbours) -> Tensor:
        """Sum over j of a_ij x_j, ``[N, d]``, as one sparse product."""
        return WeightedSum.apply(alpha, x, neighbours.rowptr, neighbours.edge_index[1], neighbours.reverse)


class StructureEncoder(nn.Module):
    """Eq. (14): h_i^str = GAT(A, x_i), x_i a randomly initialised trainable vector; two layers of two heads.

    Args:
        edge_index: int64 ``[2, E]`` of both graphs, of n = N entities.
        dim: width d.
        generator: source of the initial values, and of draws of neighbours; x starts as N(0, 1/sqrt(N)).
        sampler: draws neighbours anew wherever only some rows are asked for, see ``scale.sampling``; None takes all of them.
    """

    def __init__(
        self, edge_index: Tensor, n: int, dim: int, generator: torch.Generator, sampler: Callable | None = None
    ):
        super().__init__()
        self.generator, self.sampler = generator, sampler
        self.neighbours = Neighbours(edge_index, n)
        self.entities = nn.Parameter(torch.randn(n, dim, generator=generator) / math.sqrt(n))
        self.layers = nn.ModuleList(DiagonalGATConv(dim, heads=2, generator=generator) for _ in range(2))

    def forward(self, features: None = None, rows: Tensor | None = None) -> Tensor:
        """-> ``[N, d]``, or ``[len(rows), d]`` for the rows asked for."""
        if rows is None or self.sampler is None:
            h = self._through(self.entities, self.neighbours)
            return h if rows is None else h[rows]
        rowptr, col = self.neighbours.rowptr, self.neighbours.edge_index[1]
        nodes, edges = self.sampler(rowptr, col, rows, hops=len(self.layers), generator=self.generator)
        return self._through(self.entities[nodes], Neighbours(edges, len(nodes)))[: len(rows)]

    def _through(self, x: Tensor, neighbours: Neighbours) -> Tensor:
        first, second = self.layers
        return second(elu(first(x, neighbours)), neighbours)


class LinearEncoder(nn.Module):
    """Eq. (15): h_i^m = W_m e_i^m + b_m, for bags of words, image features and surface text.

    Args:
        width, dim: widths d_m of the features and d of the embedding.
        generator: source of the initial values, uniform in ±1/sqrt(d_m) as PyTorch's own layer has it.
        binary: count a word once however often it occurs (row 23 of ``book/released_code.md``).
    """

    def __init__(self, width: int, dim: int, generator: torch.Generator, binary: bool = False):
        super().__init__()
        bound = 1 / math.sqrt(width)
        self.weight = nn.Parameter(torch.empty(dim, width).uniform_(-bound, bound, generator=generator))
        self.bias = nn.Parameter(torch.empty(dim).uniform_(-bound, bound, generator=generator))
        self.binary = binary

    def forward(self, features: Tensor, rows: Tensor | None = None) -> Tensor:
        """features ``[N, d_m]`` -> ``[N, d]``, or ``[len(rows), d]`` for the rows asked for."""
        e = features if rows is None else features[rows]
        e = e.clamp(max=1) if self.binary else e
        # h = e W^T + b
        return nn.functional.linear(e, self.weight, self.bias)


#: ``PMFConfig.missing`` -> what is done about missing features.
MISSING = {
    "mask": "pmf_minimal.scale.missing:MaskMissing",
    "bias": "pmf_minimal.scale.missing:BiasMissing",
    "noise": "pmf_minimal.scale.missing:NoiseMissing",
}
