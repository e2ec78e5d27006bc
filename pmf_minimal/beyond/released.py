"""What the authors' released code does instead, where that is another computation; each has its switch in the configuration.

The rows are those of ``book/released_code.md``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pmf_minimal.encoders import MaskMissing
from pmf_minimal.freezing import NoFreezing
from pmf_minimal.graphs import GraphPair
from pmf_minimal.relevance import best_match, relevance


def score_linked(embedding: Tensor, train: Tensor, test: Tensor, threshold: float) -> Tensor:
    """Relevance as the released code takes it (row 4): transductive, it knows which entities take part in the test.

    A test entity is compared with the other side's test entities only; a seed with its gold partner, whose cosine
    serves both; an entity without a pair is never scored and keeps 1.

    Args:
        embedding: float ``[N, d]``; zero rows where a feature is missing.
        train, test: int64 ``[*, 2]``.
        threshold: delta.

    Returns:
        float ``[N]`` in [0, 1], without gradient.
    """
    h = normalize(embedding.detach())
    w = h.new_ones(len(h))
    gold = (h[train[:, 0]] * h[train[:, 1]]).sum(dim=1)
    for side, alpha in enumerate(best_match(h[test[:, 0]], h[test[:, 1]])):
        w[torch.cat([train[:, side], test[:, side]])] = relevance(torch.cat([gold, alpha]), threshold)
    return w


class LinkedBestMatch:
    """Among the test counterparts, and for seeds their gold partner (row 4)."""

    def __call__(
        self, h: Tensor, modality: str, graphs: GraphPair, threshold: float, generator: torch.Generator
    ) -> Tensor:
        """As :meth:`BestMatch.__call__`."""
        unknown = torch.cat([graphs.valid, graphs.test])
        return score_linked(h, graphs.train, unknown, threshold) * graphs.presence(modality)


class RowFreezing(NoFreezing):
    """Only a frozen feature's own row of a loss is dropped; it still is a negative for the others (row 7)."""

    def counted(self, active: Tensor, mask: Tensor) -> Tensor:
        return active


class BiasMissing(MaskMissing):
    """A missing feature is a zero vector sent through its layer: the bias, the same for all (row 24)."""

    masks = False

    def scored(self, h: Tensor, mask: Tensor) -> Tensor:
        return h


class NoiseMissing(MaskMissing):
    """A missing feature is drawn around the mean of those that are there, as most baselines' code does."""

    masks = False

    def filling(self, features: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor | None:
        if mask.all():
            return None
        x = features[mask]
        noise = torch.randn(features.shape, generator=generator) * x.std(dim=0) + x.mean(dim=0)
        return torch.where(mask[:, None], 0, noise)


LINKED_BEST_MATCH, ROW_FREEZING = LinkedBestMatch(), RowFreezing()
BIAS_MISSING, NOISE_MISSING = BiasMissing(), NoiseMissing()
