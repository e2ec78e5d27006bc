"""Freezing: what is irrelevant no longer learns (paper, sections 3.3.2 and 3.3.4)."""

from __future__ import annotations

import torch
from torch import Tensor


def threshold(scorings: int, start: float = 0.1, factor: float = 1.2, maximum: float = 0.9) -> float:
    """Threshold delta of the next scoring: it starts low and is multiplied at every scoring (A.4).

    Args:
        scorings: how many scorings there were before.
        start, factor, maximum: first value, growth, and where growth ends.

    Returns:
        min(maximum, start · factor ** scorings)
    """
    return min(maximum, start * factor**scorings)


def active(relevance: Tensor) -> Tensor:
    """Which features train.

    Eq. (6)  FREEZE(e_i^m) = 0 (stop gradient) if w_i^m = 0, else 1

    Args:
        relevance: float ``[N]``, scores of one modality.

    Returns:
        bool ``[N]``: F of Eq. (5); before the first scoring F is True for every entity.
    """
    return relevance > 0


def freeze(embedding: Tensor, active: Tensor) -> Tensor:
    """Cut the gradient of frozen features, whatever loss they enter and in whatever part.

    Eq. (5)  F_m^t = FREEZE(W_m^t, G_m^t)

    The values stay. They can still change, because other entities train the weights that compute them.

    Args:
        embedding: float ``[N, d]``, output of an encoder.
        active: bool ``[N]``.

    Returns:
        float ``[N, d]``, equal to ``embedding``; its gradient reaches active rows only.
    """
    return torch.where(active[:, None], embedding, embedding.detach())


def shuffle_scores(relevance: Tensor, present: Tensor, n_left: int, generator: torch.Generator) -> Tensor:
    """Control: the same scores, given to random entities of the same graph that have the feature.

    As many features are frozen as by the true scores, but which ones carries no information.

    Args:
        relevance: float ``[N]``.
        present: bool ``[N]``.
        n_left: where the right graph begins.
        generator: source of randomness, on the CPU.

    Returns:
        float ``[N]``.
    """
    dealt = torch.zeros_like(relevance)
    for offset, side in ((0, present[:n_left]), (n_left, present[n_left:])):
        rows = torch.nonzero(side).ravel() + offset
        order = torch.randperm(len(rows), generator=generator).to(rows.device)
        dealt[rows] = relevance[rows[order]]
    return dealt
