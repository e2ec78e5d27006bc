"""MSNEA: images guide the other modalities (Chen et al., KDD 2022). TransE, attention over attributes, no weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch_geometric.utils import softmax

from pmf_minimal.baselines.transe import TransEAligner, UnitEmbedding
from pmf_minimal.encoders import LinearEncoder
from pmf_minimal.graphs import GraphPair


def contrastive_loss(left: Tensor, right: Tensor, margin: float = 2.0) -> Tensor:
    """(1/P) sum over i of [ max(0, margin - s_ii)^2 + sum over j != i of s_ij^2 ], s the cosines.

    Source: Chen et al. (2022), (1-y) s^2 + y max(0, 2-s)^2 with y = 1 for a pair; theirs is a mean over all P^2 cosines, this one over pairs.

    Args:
        left, right: float ``[P, d]``.

    Returns:
        scalar.
    """
    s = normalize(left) @ normalize(right).T
    own = s.diagonal()
    return ((margin - own).relu().square() + s.square().sum(dim=1) - own.square()).mean()


class AttributeEncoder(nn.Module):
    """The attributes of an entity, each as its name and value say, in proportion to how well they go with its image.

        e_k = a_k + v_k u,   h = sum over k of softmax over k of (e_k · image) · e_k

    Where a graph has no values, v_k u is left out. The names a_k are trained vectors here, theirs come from a text encoder and
    are mixed with the value by one more layer; our values lie in 0 to 1 already, theirs are brought there by a sigmoid.
    Source: Chen et al. (2022), vision-guided attribute encoding.

    Args:
        count: attributes.
        dim: width d.
        generator: source of the initial values.
    """

    def __init__(self, count: int, dim: int, generator: torch.Generator):
        super().__init__()
        self.names = UnitEmbedding(count, dim, generator)
        self.value = nn.Parameter(torch.randn(dim, generator=generator) / math.sqrt(dim))

    def forward(self, held: Tensor, values: Tensor | None, image: Tensor | None) -> Tensor:
        """held ``[n, A]`` (0 where an attribute is not held), values ``[n, A]``, image ``[n, d]`` -> ``[n, d]``."""
        entity, k = held.nonzero().T
        e = self.names(rows=k)
        if values is not None:
            e = e + values[entity, k, None] * self.value
        score = torch.zeros_like(e[:, 0]) if image is None else (e * image[entity]).sum(dim=1)
        share = softmax(score, entity, num_nodes=len(held))
        return torch.zeros(len(held), e.shape[1], device=e.device).index_add(0, entity, share[:, None] * e)


class MSNEA(TransEAligner):
    """Entity vectors by TransE, images, and attributes by image-guided attention, in a row."""

    title = "MSNEA"
    ablated = "images as a guide (attributes count alike, and TransE sees no image)"
    uses = (*TransEAligner.uses, "name", "char")  # for the paper's Table 2 it was given surface text as well

    def __init__(self, graphs: GraphPair, config):
        super().__init__(graphs, config)
        self.guides = (not config.ablate) and "image" in self.modalities
        if self.guides:
            self.pictures = LinearEncoder(graphs.features["image"].shape[1], config.dim, self.generator)

    def encoder(self, modality: str) -> nn.Module:
        if modality == "structure":
            return UnitEmbedding(self.graphs.num_nodes, self.config.dim, self.generator)
        if modality == "attribute":
            return AttributeEncoder(self.graphs.features["attribute"].shape[1], self.config.dim, self.generator)
        return super().encoder(modality)

    def encode(self, rows: Tensor | None = None) -> dict[str, Tensor]:
        graphs = self.graphs
        rows = torch.arange(graphs.num_nodes, device=graphs.edge_index.device) if rows is None else rows
        h = {m: self.encoders[m](graphs.features.get(m), rows) for m in self.modalities if m != "attribute"}
        if "attribute" in self.modalities:
            values = graphs.get("numbers")
            # Without an image to go by all attributes count alike.
            image = normalize(h["image"]) * self.masks["image"][rows, None] if self.guides else None
            held = graphs.features["attribute"][rows]
            h["attribute"] = self.encoders["attribute"](held, None if values is None else values[rows], image)
        return {m: h[m] for m in self.modalities}

    def losses(self, pairs: Tensor, entities=None) -> dict[tuple[str, ...], Tensor]:
        """Contrastive losses of each modality and of the joint embedding; TransE on entity vectors and on images."""
        h, rows, left, right = self.batch(pairs)
        out = {
            (m,): contrastive_loss(h[m][i], h[m][j])
            for m, (i, j) in self.pairs_with_modality(rows, left, right).items()
        }
        joint = self.joint(h, rows)
        out["joint",] = contrastive_loss(joint[left], joint[right])
        return out | self.translation()
