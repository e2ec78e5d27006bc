"""What the authors' released code does instead, where that is another computation; each has its switch in the configuration.

The rows are those of ``book/released_code.md``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

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
        return score_linked(h, graphs.train, unknown, threshold) * graphs.mask(modality)


class RowFreezing(NoFreezing):
    """Only a frozen feature's own row of a loss is dropped; it still is a negative for the others (row 7)."""

    def counted(self, active: Tensor, mask: Tensor) -> Tensor:
        return active


class UncertaintyWeighting(nn.Module):
    """exp(-s) L + s with a trained log-variance s for each loss (Kendall et al., 2018; row 12, and MCLEA)."""

    def __init__(self, names: list[tuple[str, ...]]):
        super().__init__()
        self.names = {name: k for k, name in enumerate(names)}
        self.log_variance = nn.ParameterList(nn.Parameter(torch.zeros(())) for _ in names)

    def forward(self, losses: dict[tuple[str, ...], Tensor]) -> dict[tuple[str, ...], Tensor]:
        """name -> scalar, the weighted losses."""
        s = {name: self.log_variance[self.names[name]] for name in losses}
        return {name: (-s[name]).exp() * x + s[name] for name, x in losses.items()}


LINKED_BEST_MATCH, ROW_FREEZING = LinkedBestMatch(), RowFreezing()
