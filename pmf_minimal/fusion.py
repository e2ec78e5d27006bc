"""Fusion: the modalities of an entity become one vector (paper, section 3.3.3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize


def fuse(embeddings: dict[str, Tensor], relevance: dict[str, Tensor], mode: str = "weights") -> Tensor:
    """Joint embedding of every entity.

    Eq. (7)  H_joint^t = CONCAT(W_m^t, G_m^t)
    Eq. (8)  h_i^joint = concat over m of [ w_i^m · h_i^m ]

    Each part has unit length before it is weighted, so the dot product of two joint vectors is a weighted sum of
    cosines, sum over m of w_i^m w_j^m cos(h_i^m, h_j^m), and w alone decides what a modality counts.

    Args:
        embeddings: modality -> float ``[n, d]``.
        relevance: modality -> float ``[n]``; 0 for a missing feature, which leaves zeros in its part.
        mode: ``weights`` as in Eq. (8); ``keep`` counts every relevant part alike, which is what Eq. (8) comes to when parts are
            normalised after they are weighted (row 1); ``none`` ignores the scores and leaves out only what is missing,
            so there ``relevance`` holds presence.

    Returns:
        float ``[n, d · number of modalities]``; not normalised.
    """
    parts = []
    for m, h in embeddings.items():
        w = (relevance[m] if mode == "weights" else relevance[m] > 0).to(h.dtype)
        # w_i^m · h_i^m
        parts.append(w[:, None] * normalize(h))
    return torch.cat(parts, dim=1)
