"""Controls for relevance: scores that carry no information, and scores that know the truth."""

from __future__ import annotations

import torch
from torch import Tensor

from pmf_minimal.graphs import GraphPair


def shuffle_scores(relevance: Tensor, mask: Tensor, n_left: int, generator: torch.Generator) -> Tensor:
    """Control: the same scores, given to random entities of the same graph that have the feature.

    As many features are frozen as by the true scores, but which ones carries no information.

    Args:
        relevance: float ``[N]``.
        mask: bool ``[N]``.
        n_left: where the right graph begins.
        generator: source of randomness, on the CPU.

    Returns:
        float ``[N]``.
    """
    shuffled = torch.zeros_like(relevance)
    for offset, side in ((0, mask[:n_left]), (n_left, mask[n_left:])):
        rows = torch.nonzero(side).ravel() + offset
        order = torch.randperm(len(rows), generator=generator).to(rows.device)
        shuffled[rows] = relevance[rows[order]]
    return shuffled


class Shuffled:
    """Control: another scorer's scores, shuffled."""

    def __init__(self, scorer):
        self.scorer = scorer

    def __call__(
        self, h: Tensor, modality: str, graphs: GraphPair, threshold: float, generator: torch.Generator
    ) -> Tensor:
        """As :meth:`BestMatch.__call__`."""
        w = self.scorer(h, modality, graphs, threshold, generator)
        return shuffle_scores(w, graphs.mask(modality), graphs.n_left, generator)


class Oracle:
    """Control: the known truth."""

    def __init__(self, scorer):
        pass

    def __call__(
        self, h: Tensor, modality: str, graphs: GraphPair, threshold: float, generator: torch.Generator
    ) -> Tensor:
        """As :meth:`BestMatch.__call__`."""
        return graphs.relevant[modality].float() * graphs.mask(modality)
