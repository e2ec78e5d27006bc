"""MEAformer: a transformer over an entity's modalities (Chen et al., ACM MM 2023). Every entity has weights of its own."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from pmf_minimal.baselines.eva import EVA
from pmf_minimal.baselines.system import System
from pmf_minimal.encoders import LinearEncoder
from pmf_minimal.fusion import fuse
from pmf_minimal.graphs import GraphPair
from pmf_minimal.losses import alignment_loss

TEMPERATURE, DROPOUT = 0.1, 0.1


def contrast(left: Tensor, right: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Mean contrastive loss of the pairs ``[P, d]``, each weighed by ``[P]`` or alike."""
    return (weight * alignment_loss(left, right, TEMPERATURE, "separate")).mean()


class ModalityAttention(nn.Module):
    """One transformer layer, one head, whose tokens are an entity's modalities; missing ones are not attended to.

    With queries Q, keys K, values V of the M tokens,

        A = softmax( Q K^T / sqrt(d) )                              attention of every modality to every other
        w_m = softmax over m of ( sum over k of A_km / sqrt(M) )    what modality m receives

    Source: Chen et al. (2023), dynamic cross-modal weighting.

    Args:
        dim: width of a token.
        generator: source of the initial values.
    """

    def __init__(self, dim: int, generator: torch.Generator):
        super().__init__()
        self.query, self.key, self.value, self.out = (LinearEncoder(dim, dim, generator) for _ in range(4))
        self.wide, self.narrow = LinearEncoder(dim, 2 * dim, generator), LinearEncoder(2 * dim, dim, generator)
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])

    def forward(self, tokens: Tensor, has: Tensor, dropout: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """tokens ``[n, M, d]``, has bool ``[n, M]`` -> the tokens' new vectors ``[n, M, d]`` and weights ``[n, M]``."""

        def drop(x: Tensor) -> Tensor:
            if not dropout:
                return x
            keep = torch.rand(x.shape, generator=generator).to(x.device) >= dropout
            return x * keep / (1 - dropout)

        score = self.query(tokens) @ self.key(tokens).transpose(1, 2) / math.sqrt(tokens.shape[2])  # [n, M, M]
        attention = score.masked_fill(~has[:, None], -torch.inf).softmax(dim=2)
        attention = drop(attention)
        first, second = self.norms
        hidden = first(tokens + drop(self.out(attention @ self.value(tokens))))
        hidden = second(hidden + drop(self.narrow(gelu(self.wide(hidden)))))
        # w_m = softmax over m of ( sum over k of A_km / sqrt(M) )
        received = (attention * has[:, :, None]).sum(dim=1) / math.sqrt(has.shape[1])
        return hidden, received.masked_fill(~has, -torch.inf).softmax(dim=1)


class MEAformer(System):
    """The joint embedding weighs each entity's modalities by the attention that they receive."""

    title = "MEAformer"
    ablated = "weights per entity (one weight per modality for all, as in EVA)"
    published = EVA.published | {"batch_size": 3500}

    def __init__(self, graphs: GraphPair, config):
        super().__init__(graphs, config)
        self.attention = ModalityAttention(config.dim, self.generator)
        self.raw_weight = nn.Parameter(torch.ones(len(self.modalities)), requires_grad=config.ablate)

    def attend(self, h: dict[str, Tensor], rows: Tensor | slice, dropout: float = 0.0) -> tuple[dict, dict]:
        """Modality -> what the transformer makes of its token, and modality -> its weights ``[n]``."""
        has = torch.stack([mask[rows] for mask in self.masks.values()], dim=1)
        hidden, weights = self.attention(torch.stack(list(h.values()), dim=1), has, dropout, self.generator)
        return dict(zip(h, hidden.unbind(dim=1), strict=True)), dict(zip(h, weights.unbind(dim=1), strict=True))

    def weights(self, embeddings: dict[str, Tensor], rows: Tensor | slice = slice(None)) -> dict[str, Tensor]:
        if not self.config.ablate:
            return self.attend(embeddings, rows)[1]
        return EVA.weights(self, embeddings, rows)

    def losses(self, pairs: Tensor, entities=None) -> dict[tuple[str, ...], Tensor]:
        """Contrastive losses of the joint embedding, of the tokens that go into the transformer and of what comes out."""
        h, rows, left, right = self.batch(pairs)
        hidden, weights = self.attend(h, rows, DROPOUT)
        joint = fuse(h, weights if not self.config.ablate else self.weights(h, rows))
        out = {("joint",): contrast(joint[left], joint[right])}
        for m, (i, j) in self.pairs_with_modality(rows, left, right).items():
            out[m,] = contrast(h[m][i], h[m][j])
            out[m, "after attention"] = contrast(hidden[m][i], hidden[m][j])
        return out
