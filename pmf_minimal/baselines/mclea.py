"""MCLEA: multi-modal contrastive learning (Lin et al., COLING 2022). The joint embedding teaches each modality."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, normalize

from pmf_minimal.baselines.eva import EVA
from pmf_minimal.baselines.system import System
from pmf_minimal.beyond.released import UncertaintyWeighting
from pmf_minimal.graphs import GraphPair
from pmf_minimal.losses import alignment_loss

TEMPERATURE = 0.1  # of the contrastive losses
SOFT, SCALE = 4.0, 0.1  # temperature and weight of the distillation


def log_distribution(left: Tensor, right: Tensor, temperature: float) -> Tensor:
    """log of how probable each other member of the batch is as the left entity's counterpart.

    Args:
        left, right: float ``[P, d]``.
        temperature: of the softmax.

    Returns:
        float ``[P, 2 P]``: the right entities, then the left ones without the entity itself.
    """
    left, right = normalize(left), normalize(right)
    itself = torch.eye(len(left), dtype=torch.bool, device=left.device)
    # A finite number: 0 · log 0 in the divergence below would have no value.
    own = (left @ left.T / temperature).masked_fill(itself, -1e4)
    return torch.cat([left @ right.T / temperature, own], dim=1).log_softmax(dim=1)


def distillation_loss(pupil: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor], temperature: float) -> Tensor:
    """L_IAL: mean of both directions of KL( teacher's distribution || pupil's ); the teacher does not learn from it.

    Source: Lin et al. (2022), intra-modal and inter-modal alignment losses.

    Args:
        pupil, teacher: left and right vectors, float ``[P, d]``; here a modality's and the joint ones.
        temperature: of both distributions.

    Returns:
        scalar.
    """
    total = 0
    for (a, b), (c, d) in ((pupil, teacher), (pupil[::-1], teacher[::-1])):
        target = log_distribution(c, d, temperature).detach()
        total = total + kl_div(log_distribution(a, b, temperature), target, reduction="batchmean", log_target=True)
    return total / 2


class MCLEA(System):
    """Global weights as EVA has them; contrastive losses, and distillation of the joint embedding into each modality."""

    title = "MCLEA"
    ablated = "distillation of the joint embedding into each modality"
    published = EVA.published | {"batch_size": 512}

    def __init__(self, graphs: GraphPair, config):
        super().__init__(graphs, config)
        self.raw_weight = nn.Parameter(torch.ones(len(self.modalities)))
        names = [*((m,) for m in self.modalities), ("joint",), *(("joint to", m) for m in self.modalities)]
        self.weighting = UncertaintyWeighting(names)

    weights = EVA.weights

    def losses(self, pairs: Tensor, entities=None) -> dict[tuple[str, ...], Tensor]:
        """L_ICL of each modality and of the joint embedding, L_IAL of each modality."""
        h, rows, left, right = self.batch(pairs)
        joint, out = self.joint(h, rows), {}
        for m, (i, j) in self.pairs_with_modality(rows, left, right).items():
            out[m,] = alignment_loss(h[m][i], h[m][j], TEMPERATURE, "separate").mean()
            if not self.config.ablate:
                out["joint to", m] = SCALE * distillation_loss((h[m][i], h[m][j]), (joint[i], joint[j]), SOFT)
        out["joint",] = alignment_loss(joint[left], joint[right], TEMPERATURE, "separate").mean()
        return out

    def total_loss(self, parts: dict[tuple[str, ...], Tensor]) -> Tensor:
        """Sum with a trained log-variance for each loss."""
        return sum(self.weighting(parts).values())
