"""EVA: visual pivoting (Liu et al., AAAI 2021). One global weight for each modality."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch_geometric.nn import GCNConv

from pmf_minimal.baselines.system import System
from pmf_minimal.encoders import Neighbours
from pmf_minimal.graphs import GraphPair


def nca_loss(left: Tensor, right: Tensor, alpha: float, beta: float = 10.0) -> Tensor:
    """Neighbourhood component analysis with margins, of the rows of a batch of pairs.

        s = cosines;  (1/P) sum over i of [ log(1 + sum over j != i of exp(alpha s_ij)) / alpha
                                          + log(1 + sum over j != i of exp(alpha s_ji)) / alpha  - log(1 + beta ReLU(s_ii)) ]

    Source: Liu et al. (2021), section on alignment learning; the constants are those of their code.

    Args:
        left, right: float ``[P, d]``.
        alpha: how much the hardest negatives count.
        beta: how much a pair's own cosine counts.

    Returns:
        scalar.
    """
    s = normalize(left) @ normalize(right).T
    others = (alpha * s).fill_diagonal_(-torch.inf)
    none = s.new_zeros(len(s), 1)  # the 1 of log(1 + ...)
    rows = torch.cat([others, none], dim=1).logsumexp(dim=1) / alpha
    columns = torch.cat([others.T, none], dim=1).logsumexp(dim=1) / alpha
    return (rows + columns - torch.log1p(beta * s.diagonal().relu())).mean()


class GCN(nn.Module):
    """Two layers of graph convolution over trainable vectors, wide, wide, narrow (theirs: 400, 400, 200)."""

    def __init__(self, edge_index: Tensor, n: int, dim: int, generator: torch.Generator):
        super().__init__()
        self.neighbours = Neighbours(edge_index, n)
        self.entities = nn.Parameter(torch.randn(n, 2 * dim, generator=generator) / math.sqrt(n))
        self.layers = nn.ModuleList(
            GCNConv(2 * dim, width, add_self_loops=False, cached=True) for width in (2 * dim, dim)
        )
        for layer in self.layers:
            bound = math.sqrt(6 / (2 * dim + layer.out_channels))
            with torch.no_grad():
                layer.lin.weight.uniform_(-bound, bound, generator=generator)

    def forward(self, features: None = None, rows: Tensor | None = None) -> Tensor:
        """-> ``[N, d]``, or ``[len(rows), d]`` for the rows asked for."""
        first, second = self.layers
        h = second(first(self.entities, self.neighbours.edge_index).relu(), self.neighbours.edge_index)
        return h if rows is None else h[rows]


class EVA(System):
    """The joint embedding is the concatenation of softmax(a)_m · h_m with one trainable a for each modality."""

    title = "EVA"
    ablated = "trained weights of the modalities (all count alike)"
    published = {
        "missing": "noise", "similarity": "euclidean", "csls_rounds": 1, "valid_share": 0.0, "selection": "last",
        "relation_counts": True, "epochs": 500, "batch_size": 7500, "lr": 5e-4, "weight_decay": 1e-2,
    }  # fmt: skip

    def __init__(self, graphs: GraphPair, config):
        super().__init__(graphs, config)
        self.raw_weight = nn.Parameter(torch.ones(len(self.modalities)), requires_grad=not config.ablate)

    def encoder(self, modality: str) -> nn.Module:
        if modality == "structure":
            return GCN(self.graphs.edge_index.cpu(), self.graphs.num_nodes, self.config.dim, self.generator)
        return super().encoder(modality)

    def weights(self, embeddings: dict[str, Tensor], rows: Tensor | slice = slice(None)) -> dict[str, Tensor]:
        """The same for all entities, 0 where a feature is missing."""
        shares = self.raw_weight.softmax(dim=0)
        return {m: w * here[rows] for w, (m, here) in zip(shares, self.masks.items(), strict=True)}

    def losses(self, pairs: Tensor, entities=None) -> dict[tuple[str, ...], Tensor]:
        """NCA loss of each modality and of the joint embedding."""
        h, rows, left, right = self.batch(pairs)
        out = {}
        for m, (i, j) in self.pairs_with_modality(rows, left, right).items():
            out[m,] = nca_loss(h[m][i], h[m][j], alpha=5.0 if m == "structure" else 15.0)
        # The joint loss trains the weights alone.
        joint = self.joint({m: x.detach() for m, x in h.items()}, rows)
        return out | {("joint",): nca_loss(joint[left], joint[right], alpha=15.0)}
