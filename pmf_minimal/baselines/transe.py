"""TransE: relations as translations between entity vectors; what MSNEA and MMEA take a graph's structure for."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from pmf_minimal.baselines.system import System
from pmf_minimal.graphs import GraphPair

MARGIN = 1.0
BATCH = 5000  # triples of a step


class UnitEmbedding(nn.Module):
    """A trainable vector of unit length for each of n things."""

    def __init__(self, n: int, dim: int, generator: torch.Generator):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n, dim, generator=generator) * math.sqrt(2 / (n + dim)))

    def forward(self, features: None = None, rows: Tensor | None = None) -> Tensor:
        """-> ``[n, d]``, or ``[len(rows), d]`` for the rows asked for."""
        return normalize(self.weight if rows is None else self.weight[rows])


def corrupt(edges: Tensor, n_left: int, n: int, generator: torch.Generator) -> Tensor:
    """The same edges int64 ``[2, T]`` with one end, head or tail, replaced by a random entity of the same graph."""
    count = edges.shape[1]
    start = torch.where(edges[0] < n_left, 0, n_left)
    size = torch.where(edges[0] < n_left, n_left, n - n_left)
    other = start + (torch.rand(count, generator=generator).to(edges.device) * size).long()
    head = torch.rand(count, generator=generator).to(edges.device) < 0.5
    return torch.stack([torch.where(head, other, edges[0]), torch.where(head, edges[1], other)])


def translation_loss(relation: Tensor, head: Tensor, tail: Tensor, wrong_head: Tensor, wrong_tail: Tensor) -> Tensor:
    """What a true triple must be shorter by than one with a wrong end, where it is not.

        (1/T) sum over triples of ReLU( margin + |h + r - t|^2 - |h' + r - t'|^2 )

    Source: Bordes et al., Translating embeddings for modeling multi-relational data (NeurIPS 2013).

    Args:
        relation, head, tail: float ``[T, d]``, vectors of true triples.
        wrong_head, wrong_tail: the same with one end replaced.

    Returns:
        scalar.
    """
    right = (head + relation - tail).square().sum(dim=1)
    wrong = (wrong_head + relation - wrong_tail).square().sum(dim=1)
    return (MARGIN + right - wrong).relu().mean()


class TransEAligner(System):
    """A model that learns from triples: its epoch has as many steps as the triples make batches."""

    uses = ("structure", "attribute", "image")
    pictures: nn.Module | None = None  # for relations between images
    published = {"csls_rounds": 0, "epochs": 200, "batch_size": 5000, "lr": 1e-3, "weight_decay": 0.0, "dim": 100}

    def __init__(self, graphs: GraphPair, config):
        super().__init__(graphs, config)
        self.triples = graphs.edge_index.shape[1]
        self.relations = UnitEmbedding(int(graphs.edge_type.max()) + 1, config.dim, self.generator)

    def steps(self, batches: int) -> int:
        return max(batches, math.ceil(self.triples / BATCH))

    def translation(self) -> dict[tuple[str, ...], Tensor]:
        """TransE loss on random triples: ``triples`` of the entity vectors, ``triples of images`` of ``pictures``, if there are such."""
        graphs = self.graphs
        chosen = torch.randperm(self.triples, generator=self.generator)[:BATCH].to(graphs.edge_index.device)
        edges = graphs.edge_index[:, chosen]
        ends = torch.cat([edges, corrupt(edges, graphs.n_left, graphs.num_nodes, self.generator)])  # h, t, h', t'
        r, out = self.relations(rows=graphs.edge_type[chosen]), {}
        if "structure" in self.modalities:
            entities = self.encoders["structure"]()
            out["triples",] = translation_loss(r, *(entities[end] for end in ends))
        if self.pictures is not None:
            seen = self.masks["image"][ends].all(dim=0)
            if seen.any():
                images = normalize(self.pictures(graphs.features["image"]))
                out["triples of images",] = translation_loss(r[seen], *(images[end[seen]] for end in ends))
        return out
