"""MMEA: one vector shared by all views (Chen et al., KSEM 2020)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, normalize, pad, softplus

from pmf_minimal.baselines.transe import TransEAligner, UnitEmbedding
from pmf_minimal.encoders import LinearEncoder
from pmf_minimal.graphs import GraphPair

CENTRES = 16  # of the radial basis functions
FACTS = 2000  # attributes with their values in a step


def radial_basis(values: Tensor, centres: Tensor, widths: Tensor) -> Tensor:
    """exp( -(v - c)^2 / delta^2 ): a number becomes one activation for each centre.

    Args:
        values: float ``[T]``.
        centres, widths: c and delta, float ``[T, C]``.

    Returns:
        float ``[T, C]``.
    """
    return torch.exp(-((values[:, None] - centres) ** 2) / widths**2)


class AttributeEncoder(nn.Module):
    """What one attribute with its value says of an entity: name and value, one above the other, through two convolutions.

    Source: Chen et al. (2020), numerical knowledge embedding.
    """

    def __init__(self, count: int, dim: int, generator: torch.Generator):
        super().__init__()
        self.names = UnitEmbedding(count, dim, generator)
        self.centres = nn.Parameter(torch.rand(count, CENTRES, generator=generator))
        self.widths = nn.Parameter(torch.full((count, CENTRES), 0.2))
        self.value = LinearEncoder(CENTRES, dim, generator)
        shapes = ((2, 1, 2, 4), (2, 2, 2, 4))
        self.kernels = nn.ParameterList(
            (torch.rand(s, generator=generator) * 2 - 1) / math.sqrt(math.prod(s[1:])) for s in shapes
        )
        self.out = LinearEncoder(4 * dim, dim, generator)

    def forward(self, k: Tensor, values: Tensor | None) -> Tensor:
        """Attributes int64 ``[T]`` and their values ``[T]`` -> ``[T, d]``; without values their row is zero."""
        name = self.names(rows=k)
        value = torch.zeros_like(name)
        if values is not None:
            value = self.value(radial_basis(values, self.centres[k], self.widths[k]))
        x = torch.stack([name, value], dim=1)[:, None]  # [T, 1, 2, d]
        for kernel in self.kernels:
            x = conv2d(pad(x, (1, 2, 0, 1)), kernel).tanh()  # as high and as wide as before
        return normalize(self.out(x.flatten(1)).tanh())


class MMEA(TransEAligner):
    """Each view has a vector for every entity; a shared one is pulled towards all of them, and seeds towards each other."""

    title = "MMEA"
    ablated = "the shared vector (seeds are aligned in every view, and the views stand in a row)"
    # Its authors' code states no numbers; TransEAligner's are those of MSNEA, by the same first author.

    def __init__(self, graphs: GraphPair, config):
        super().__init__(graphs, config)
        if "image" in self.modalities:
            self.image_encoder = LinearEncoder(graphs.features["image"].shape[1], config.dim, self.generator)
        if "attribute" in self.modalities:
            self.attributes = AttributeEncoder(graphs.features["attribute"].shape[1], config.dim, self.generator)
            self.register_buffer("attribute_triples", graphs.features["attribute"].cpu().nonzero(), persistent=False)
        if not config.ablate:
            self.common = UnitEmbedding(graphs.num_nodes, config.dim, self.generator)

    def encoder(self, modality: str) -> nn.Module:
        return UnitEmbedding(self.graphs.num_nodes, self.config.dim, self.generator)

    def joint(self, embeddings: dict[str, Tensor], rows: Tensor | slice = slice(None)) -> Tensor:
        return self.common()[rows] if not self.config.ablate else super().joint(embeddings, rows)

    def losses(self, pairs: Tensor, entities=None) -> dict[tuple[str, ...], Tensor]:
        """Each view's own loss, the pull of the shared vector towards the views, and the seeds' distance."""
        out, graphs = self.translation(), self.graphs
        if "image" in self.modalities:
            seen = self.masks["image"].nonzero().ravel()
            # log( 1 + exp |e - tanh(W x)|^2 )
            picture = normalize(self.image_encoder(graphs.features["image"], seen).tanh())
            out["pictures",] = softplus((self.encoders["image"](rows=seen) - picture).square().sum(dim=1)).mean()
        if "attribute" in self.modalities:
            chosen = torch.randperm(len(self.attribute_triples), generator=self.generator)[:FACTS].to(pairs.device)
            entity, k = self.attribute_triples[chosen].T
            values = graphs.get("numbers")
            said = self.attributes(k, None if values is None else values[entity, k])
            out["attributes",] = softplus((self.encoders["attribute"](rows=entity) - said).square().sum(dim=1)).mean()
        h, rows, left, right = self.batch(pairs)
        if self.config.ablate:
            return out | {
                (m,): (h[m][i] - h[m][j]).square().sum(dim=1).mean()
                for m, (i, j) in self.pairs_with_modality(rows, left, right).items()
            }
        shared = self.common()
        for m, view in self.encoders.items():
            pull = (shared - view()).square().sum(dim=1) * self.masks[m]
            out["shared to", m] = pull.sum() / self.masks[m].sum()
        out["joint",] = (shared[pairs[:, 0]] - shared[pairs[:, 1]]).square().sum(dim=1).mean()
        return out
