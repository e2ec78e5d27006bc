"""What is done about missing features (row 24 of ``book/released_code.md``)."""

from __future__ import annotations

import torch
from torch import Tensor


class MaskMissing:
    """A missing feature takes part in nothing: no score, no loss, no fusion.

    Attributes:
        masks: whether missing features are masked; else something takes their place and passes for a feature.
    """

    masks = True

    def fillings(self, features: dict[str, Tensor], masks: dict[str, Tensor], generator: torch.Generator) -> dict:
        """Modality -> what is added to its features ``[N, d_m]``; modalities to which nothing is added are absent."""
        return {}

    def scored(self, h: Tensor, mask: Tensor) -> Tensor:
        """The embeddings ``[N, d]`` as the scorer sees them."""
        return h * mask[:, None]


class BiasMissing(MaskMissing):
    """A missing feature is a zero vector sent through its layer: the bias, the same for all (row 24)."""

    masks = False

    def scored(self, h: Tensor, mask: Tensor) -> Tensor:
        return h


class NoiseMissing(MaskMissing):
    """A missing feature is drawn around the mean of those that are there, as most baselines' code does."""

    masks = False

    def fillings(self, features: dict[str, Tensor], masks: dict[str, Tensor], generator: torch.Generator) -> dict:
        out = {}
        for m, every in features.items():
            if not masks[m].all():
                x = every[masks[m]]
                noise = torch.randn(every.shape, generator=generator) * x.std(dim=0) + x.mean(dim=0)
                out[m] = torch.where(masks[m][:, None], 0, noise)
        return out
