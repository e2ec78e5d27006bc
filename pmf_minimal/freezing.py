"""Freezing: a feature that is irrelevant no longer learns (paper, sections 3.3.2 and 3.3.4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def threshold(scorings: int, start: float = 0.1, factor: float = 1.2, maximum: float = 0.9) -> float:
    """Threshold delta after ``scorings`` scorings, min(maximum, start · factor ** scorings): it starts low and grows (A.4)."""
    return min(maximum, start * factor**scorings)


@dataclass(frozen=True)
class ThresholdSchedule:
    """Threshold of each modality at each scoring."""

    start: float
    factor: float
    maximum: float
    grows: tuple[str, ...] | None = None  #: modalities whose threshold grows; the others stay at ``start`` (row 2)

    def __call__(self, modality: str, scorings: int) -> float:
        """delta of a modality after so many scorings."""
        grows = self.grows is None or modality in self.grows
        return threshold(scorings if grows else 0, self.start, self.factor, self.maximum)


def active(relevance: Tensor) -> Tensor:
    """Which features train.

    Eq. (6)  FREEZE(e_i^m) = 0 (stop gradient) if w_i^m = 0, else 1

    From scores float ``[N]`` of one modality: bool ``[N]``, F of Eq. (5). Before the first scoring nothing is frozen.
    """
    return relevance > 0


def freeze(embedding: Tensor, active: Tensor) -> Tensor:
    """Cut the gradient of frozen features, whatever loss they enter and in whatever part.

    Eq. (5)  F_m^t = FREEZE(W_m^t, G_m^t)

    The values float ``[N, d]`` stay; the gradient reaches the rows that are active (bool ``[N]``) only. Values can still
    change, because other entities train the weights that compute them.
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
    """The effect of Eq. (6): a frozen feature passes no gradient on."""

    def embedding(self, h: Tensor, active: Tensor) -> Tensor:
        return freeze(h, active)


#: ``PMFConfig.freezing`` -> what happens to a frozen feature. Which features are frozen is for :func:`active` to say.
FREEZING = {"gradient": GradientFreezing(), "row": "pmf_minimal.beyond.released:ROW_FREEZING", "off": NoFreezing()}
