"""Freezing: what is irrelevant no longer learns (paper, sections 3.3.2 and 3.3.4)."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class ThresholdSchedule:
    """Threshold of each modality at each scoring.

    Attributes:
        start, factor, maximum: as for :func:`threshold`.
        grows: modalities whose threshold grows, the others stay at ``start``; None for all (row 2).
    """

    start: float
    factor: float
    maximum: float
    grows: tuple[str, ...] | None = None

    def __call__(self, modality: str, scorings: int) -> float:
        """delta of a modality after so many scorings."""
        grows = self.grows is None or modality in self.grows
        return threshold(scorings if grows else 0, self.start, self.factor, self.maximum)


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


class NoFreezing:
    """Everything trains."""

    def embedding(self, h: Tensor, active: Tensor) -> Tensor:
        """What the losses see of the embeddings ``[n, d]``."""
        return h

    def counted(self, active: Tensor, mask: Tensor) -> Tensor:
        """bool ``[n]``: whose own row of a loss counts."""
        return mask


class GradientFreezing(NoFreezing):
    """Eq. (6): a frozen feature passes no gradient on."""

    def embedding(self, h: Tensor, active: Tensor) -> Tensor:
        return freeze(h, active)


#: ``PMFConfig.freezing`` -> policy.
FREEZING = {
    "gradient": GradientFreezing(),
    "row": "pmf_minimal.beyond.released:ROW_FREEZING",
    "off": NoFreezing(),
}
