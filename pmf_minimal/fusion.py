"""Fusion: the modalities of an entity become one vector (paper, section 3.3.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize


def fuse(embeddings: dict[str, Tensor], weights: dict[str, Tensor]) -> Tensor:
    """Joint embedding of every entity.

    Eq. (7)  H_joint^t = CONCAT(W_m^t, G_m^t)
    Eq. (8)  h_i^joint = concat over m of [ w_i^m · h_i^m ]

    Each part has unit length before it is weighted, so the dot product of two joint vectors is a weighted sum of
    cosines, sum over m of w_i^m w_j^m cos(h_i^m, h_j^m), and w alone decides what a modality counts.

    Args:
        embeddings: modality -> float ``[n, d]``.
        weights: modality -> ``[n]``, w, or a mask; 0 for a missing feature, which leaves zeros in its part.

    Returns:
        float ``[n, d · number of modalities]``; not normalised.
    """
    parts = []
    for m, h in embeddings.items():
        # w_i^m · h_i^m
        parts.append(weights[m].to(h.dtype)[:, None] * normalize(h))
    return torch.cat(parts, dim=1)


def by_relevance(relevance: Tensor, mask: Tensor) -> Tensor:
    """Weights of Eq. (8) as printed: the scores, float ``[n]``."""
    return relevance


def keep_or_drop(relevance: Tensor, mask: Tensor) -> Tensor:
    """Every relevant part counts alike: what Eq. (8) comes to if parts are normalised after they are weighted (row 1)."""
    return relevance > 0


def concatenate(relevance: Tensor, mask: Tensor) -> Tensor:
    """Scores are ignored; only what is missing is left out."""
    return mask


@dataclass(frozen=True)
class Fusion:
    """One value of ``PMFConfig.fusion``: which weights enter Eq. (8), and by import path how joint embeddings are compared."""

    weights: Callable[[Tensor, Tensor], Tensor]  #: of scores and mask ``[n]``
    comparison: str = "pmf_minimal.scale.comparison:Comparison"
    collector: str = "pmf_minimal.iterative:Probation"  #: what finds new pairs in iterative learning


FUSIONS = {
    "weights": Fusion(by_relevance),
    "keep": Fusion(keep_or_drop),
    "none": Fusion(concatenate),
    "evidence": Fusion(
        by_relevance,
        *("pmf_minimal.beyond.evidence:EvidenceComparison", "pmf_minimal.beyond.self_training:ConfidentPairs"),
    ),
}
