"""Encoders: what an entity says in one modality becomes a vector of d numbers (paper, section 3.2 and A.1).

Eq. (1)  h_i^m = ENC_m(Theta_m, e_i^m)
"""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, leaky_relu
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import add_self_loops, coalesce, to_undirected
from torch_geometric.utils import softmax as neighbour_softmax


class _WeightedSum(torch.autograd.Function):
    """out_i = sum over j of alpha_ij x_j as a product of sparse and dense, in both passes.

    Autograd's own backward of that product would form the dense N x N gradient of the sparse factor. Here the
    gradient of alpha is taken at the edges only, and the sum's transpose is a sparse product again.
    """

    @staticmethod
    def forward(ctx, alpha, x, rowptr, col, reverse):
        ctx.save_for_backward(alpha, x, rowptr, col, reverse)
        return _csr(rowptr, col, alpha, len(x)) @ x

    @staticmethod
    def backward(ctx, grad):
        alpha, x, rowptr, col, reverse = ctx.saved_tensors
        # d alpha_ij = grad_i . x_j at the edges
        pattern = _csr(rowptr, col, torch.zeros_like(alpha), len(x))
        d_alpha = torch.sparse.sampled_addmm(pattern, grad, x.T, beta=0.0).values()
        # d x_j = sum over i of alpha_ij grad_i; edge (j, i) stands at position reverse[(i, j)]
        d_x = _csr(rowptr, col, alpha[reverse], len(x)) @ grad
        return d_alpha, d_x, None, None, None


# PyTorch calls its sparse CSR tensors a beta feature, once per process; the two products used here are tested.
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")


def _csr(rowptr: Tensor, col: Tensor, values: Tensor, n: int) -> Tensor:
    return torch.sparse_csr_tensor(rowptr, col, values, (n, n), check_invariants=False)


class DiagonalGATConv(MessagePassing):
    """One layer of graph attention with one weight per dimension instead of a matrix.

    For each head, with weights w and attention vector a (both per head),

        alpha_ij = softmax over the neighbours j of i of  -LeakyReLU( a · [w * x_i, w * x_j] )
        out_i    = mean over heads of  sum_j alpha_ij (w * x_j)

    Source: the recipe of the paper's code for Eq. (14); graph attention as such: Veličković et al. (2018).
    """

    def __init__(self, dim: int, heads: int, generator: torch.Generator):
        super().__init__(aggr="add")
        self.weight = nn.Parameter(torch.ones(heads, dim))
        bound = 1 / math.sqrt(2 * dim)
        self.attention = nn.Parameter(torch.empty(heads, 2, dim).uniform_(-bound, bound, generator=generator))

    def forward(self, x: Tensor, neighbours: Neighbours) -> Tensor:
        """x ``[N, d]`` -> ``[N, d]``."""
        target, source = neighbours.edge_index
        # a · [w * x_i, w * x_j] = x_i · (a_1 * w) + x_j · (a_2 * w)
        at_target, at_source = torch.einsum("nd,hpd->phn", x, self.attention * self.weight[:, None])
        out = 0
        for head, weight in enumerate(self.weight):
            score = -leaky_relu(at_target[head, target] + at_source[head, source], 0.2)
            alpha = neighbour_softmax(score, target, num_nodes=len(x))
            # The diagonal weight does not depend on j, so it stands before the sum.
            out = out + weight * self.propagate(neighbours.adjacency, x=x, alpha=alpha, neighbours=neighbours)
        return out / len(self.weight)

    def message_and_aggregate(self, edge_index: Tensor, x: Tensor, alpha: Tensor, neighbours: Neighbours) -> Tensor:
        return _WeightedSum.apply(alpha, x, neighbours.rowptr, neighbours.edge_index[1], neighbours.reverse)


class Neighbours(nn.Module):
    """Who hears whom: every triple in both directions, every entity itself, each pair once, sorted by hearer.

    Args:
        edge_index: int64 ``[2, E]``, triples' heads and tails.
        n: number of entities N.
    """

    def __init__(self, edge_index: Tensor, n: int):
        super().__init__()
        both = add_self_loops(to_undirected(edge_index, num_nodes=n), num_nodes=n)[0]
        target, source = coalesce(both, num_nodes=n)
        rowptr = torch._convert_indices_from_coo_to_csr(target, n)
        # Sorted by (target, source); sorting the same edges by (source, target) gives each edge's mirror image.
        reverse = torch.argsort(source * n + target)
        for name, tensor in (("edge_index", torch.stack([target, source])), ("rowptr", rowptr), ("reverse", reverse)):
            self.register_buffer(name, tensor, persistent=False)

    def around(self, rows: Tensor, fanout: int, hops: int, generator: torch.Generator) -> tuple[Tensor, Neighbours]:
        """The graph among some entities, some of their neighbours, some of theirs, and so on.

        Of an entity's neighbours at most ``fanout`` draws are taken, and all of them where there are no more than that.

        Args:
            rows: int64 ``[B]``, each once.
            fanout, hops: draws per entity, and how often.
            generator: source of randomness, on the CPU.

        Returns:
            int64 ``[n]``: the entities, ``rows`` first; and who hears whom among these, by their place in that list.
        """
        col, nodes = self.edge_index[1], rows
        place = rows.new_full((len(self.rowptr) - 1,), -1)
        edge = rows
        for _ in range(hops):
            first, degree = self.rowptr[edge], self.rowptr[edge + 1] - self.rowptr[edge]
            drawn = (torch.rand(len(edge), fanout, generator=generator).to(rows.device) * degree[:, None]).long()
            each = torch.arange(fanout, device=rows.device).expand_as(drawn)
            few = (degree <= fanout)[:, None]
            chosen = first[:, None] + torch.where(few, each, drawn)
            chosen = chosen[~few | (each < degree[:, None])]
            place[nodes] = 0
            new = col[chosen].unique()
            edge = new[place[new] < 0]
            nodes = torch.cat([nodes, edge])
        place[nodes] = torch.arange(len(nodes), device=rows.device)
        # All edges between them, whatever was drawn: the graph stays one of mutual hearing.
        degree = self.rowptr[nodes + 1] - self.rowptr[nodes]
        target = torch.arange(len(nodes), device=rows.device).repeat_interleave(degree)
        offset = torch.arange(len(target), device=rows.device) - (degree.cumsum(0) - degree)[target]
        source = place[col[self.rowptr[nodes][target] + offset]]
        inside = source >= 0
        return nodes, Neighbours(torch.stack([target[inside], source[inside]]), len(nodes))

    @property
    def adjacency(self) -> Tensor:
        """The pattern as a sparse ``[N, N]`` matrix: the form by which PyG takes the fused way."""
        ones = torch.ones(1, device=self.rowptr.device).expand(self.edge_index.shape[1])
        return _csr(self.rowptr, self.edge_index[1], ones, len(self.rowptr) - 1)


class StructureEncoder(nn.Module):
    """Eq. (14): h_i^str = GAT(A, x_i), x_i a randomly initialised trainable vector; two layers of two heads.

    Args:
        edge_index: int64 ``[2, E]`` of both graphs.
        n: number of entities N.
        dim: width d.
        generator: source of the initial values, and of draws of neighbours; x starts as N(0, 1/sqrt(N)).
        fanout: where only some rows are asked for, hear so many neighbours of each entity, drawn anew each time; 0 for all.
    """

    def __init__(self, edge_index: Tensor, n: int, dim: int, generator: torch.Generator, fanout: int = 0):
        super().__init__()
        self.generator, self.fanout = generator, fanout
        self.neighbours = Neighbours(edge_index, n)
        self.entities = nn.Parameter(torch.randn(n, dim, generator=generator) / math.sqrt(n))
        self.layers = nn.ModuleList(DiagonalGATConv(dim, heads=2, generator=generator) for _ in range(2))

    def forward(self, features: None = None, rows: Tensor | None = None) -> Tensor:
        """-> ``[N, d]``, or ``[len(rows), d]`` for the rows asked for."""
        if rows is None or not self.fanout:
            h = self._through(self.entities, self.neighbours)
            return h if rows is None else h[rows]
        nodes, among = self.neighbours.around(rows, self.fanout, len(self.layers), self.generator)
        return self._through(self.entities[nodes], among)[: len(rows)]

    def _through(self, x: Tensor, neighbours: Neighbours) -> Tensor:
        first, second = self.layers
        return second(elu(first(x, neighbours)), neighbours)


class LinearEncoder(nn.Module):
    """Eq. (15): h_i^m = W_m e_i^m + b_m, for bags of words, image features and surface text.

    Args:
        width: width d_m of the features.
        dim: width d of the embedding.
        generator: source of the initial values, uniform in ±1/sqrt(d_m) as PyTorch's own layer has it.
        binary: count a word once however often it occurs.
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
