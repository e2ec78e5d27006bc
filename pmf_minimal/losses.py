"""Contrastive losses: across graphs (L_CKG) and across modalities (L_CM) (paper, section 3.4).

All vectors have unit length, so every similarity is at most 1/tau and exp(similarity - 1/tau) at most 1: the sums below cannot
overflow. Losses are means per anchor, so that their proportion does not depend on the batch. A loss is named by a tuple: ``("image",)``, ``("joint",)``, ``("cross", "image", "relation")``.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from pmf_minimal.scale.kernels import sums_of_exp, sums_of_exp_among


def log_hits(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """a_i · b_i / tau - 1/tau, ``[n]``: the logarithm of the numerator, shifted like the sums of the denominator."""
    precise = torch.promote_types(a.dtype, torch.float32)
    return ((a.to(precise) * b.to(precise)).sum(dim=1) - 1) / temperature


def log_matches(left: Tensor, right: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """How well the two entities of each pair of a batch find each other.

    Eq. (12)  l_CKG(e_i, e_j) = exp(h_i·h_j / tau) / ( exp(h_i·h_j / tau) + sum over negatives k of exp(h_i·h_k / tau) )

    The negatives of e_i are the other entities of the batch: the other graph's but e_j, and its own graph's but e_i.

    Args:
        left, right: float ``[P, d]``; row p of both is one pair.

    Returns:
        log l_CKG from left to right and from right to left, float ``[P]`` each.
    """
    left, right = normalize(left), normalize(right)
    rows, columns = sums_of_exp(left, right, temperature)
    own_left, own_right = sums_of_exp_among(left, temperature), sums_of_exp_among(right, temperature)
    hit = log_hits(left, right, temperature)
    return hit - torch.log(rows + own_left), hit - torch.log(columns + own_right)


def _joint_log(forth: Tensor, back: Tensor) -> Tensor:
    return -0.5 * torch.logaddexp(forth, back)


def _separate_logs(forth: Tensor, back: Tensor) -> Tensor:
    return -0.5 * (forth + back)


#: ``PMFConfig.symmetric`` -> loss of a pair from log l_CKG of both directions: one log around their sum as printed, or half
#: of each direction's own -log (row 27).
SYMMETRIC = {"joint": _joint_log, "separate": _separate_logs}


def alignment_loss(left: Tensor, right: Tensor, temperature: float, symmetric: str = "joint") -> Tensor:
    """Loss of every pair in one modality, or in the joint embedding.

    Eq. (13)  L_CKG = sum over m in M+, sum over (e_i, e_j) in S of -1/2 log( l_CKG(e_i^m, e_j^m) + l_CKG(e_j^m, e_i^m) )

    Vectors as for :func:`log_matches`; float ``[P]``, of which the caller takes means and sums.
    """
    return SYMMETRIC[symmetric](*log_matches(left, right, temperature))


def _both_kinds(hit: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    # The positive stands in the row and in the column; it is counted once.
    agreement = hit - torch.log(rows + columns - hit.exp())
    return agreement, agreement


def _one_kind(hit: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    return hit - torch.log(rows), hit - torch.log(columns)


#: ``PMFConfig.cross_modality_negatives`` -> log l_CM of both directions; ``one`` is row 11.
NEGATIVES = {"both": _both_kinds, "one": _one_kind}


def log_agreement(p: Tensor, q: Tensor, temperature: float, negatives: str = "both") -> tuple[Tensor, Tensor]:
    """How well an entity's vector in one modality finds its own in another.

    Eq. (10)  l_CM(e_i^p, e_i^q) = exp(h_i^p·h_i^q / tau) / ( exp(h_i^p·h_i^q / tau) + sum over N^- of exp(h·h / tau) )

    N^- are the pairs (e_i^p, e_j^q) and (e_j^p, e_i^q), e_j another entity of the same graph in the batch.

    Args:
        p, q: float ``[B, d]``; row i of both is entity i, in modality p and in modality q.
        negatives: ``both`` kinds, or only the first ``one`` (row 11).

    Returns:
        log l_CM(e_i^p, e_i^q) and log l_CM(e_i^q, e_i^p), float ``[B]`` each; with both kinds of negatives the same.
    """
    p, q = normalize(p), normalize(q)
    rows, columns = sums_of_exp(p, q, temperature)
    return NEGATIVES[negatives](log_hits(p, q, temperature), rows, columns)


def modality_loss(
    p: Tensor, q: Tensor, beta_p: float, beta_q: float, temperature: float, negatives: str = "both"
) -> Tensor:
    """Loss of every entity for one unordered pair of modalities, both orders together.

    Eq. (11)  L_CM = sum over p != q, sum over e_i of beta_p beta_q ( -log l_CM(e_i^p, e_i^q) )

    Vectors as for :func:`log_agreement`; float ``[B]``, of which the caller takes means and sums.
    """
    forth, back = log_agreement(p, q, temperature, negatives)
    return -beta_p * beta_q * (forth + back)


def total_loss(cross_modality: Tensor, cross_graph: Tensor) -> Tensor:
    """Eq. (9)  L^t = L_CM^t + L_CKG^t"""
    return cross_modality + cross_graph


class CrossGraphLoss(nn.Module):
    """L_CKG of a batch: for every modality the mean over its pairs of :func:`alignment_loss`.

    A pair takes part in a modality that both of its entities have. With fewer than two such pairs there is nothing to tell
    apart, and the modality is left out. :meth:`joint` is the same for the joint embedding, which all entities have.

    Shape:
        h: modality -> float ``[n, d]``; left, right: int64 ``[P]``, positions in these; mask, counted: modality -> bool
        ``[n]``, which entities have the feature and whose own row counts. Returns name -> scalar.

    Example:
        >>> h, mask = {"image": torch.eye(4)}, {"image": torch.ones(4, dtype=torch.bool)}
        >>> left, right = torch.tensor([0, 1]), torch.tensor([2, 3])
        >>> list(CrossGraphLoss(0.05)(h, left, right, mask, mask))
        [('image',)]
    """

    def __init__(self, temperature: float, symmetric: str = "joint"):
        super().__init__()
        self.temperature, self.symmetric, self.pair_loss = temperature, symmetric, alignment_loss

    def forward(self, h, left: Tensor, right: Tensor, mask, counted) -> dict[tuple[str, ...], Tensor]:
        out = {}
        for m, x in h.items():
            both = mask[m][left] & mask[m][right]
            i, j = left[both], right[both]
            counts = counted[m][i] & counted[m][j]
            if len(i) > 1 and counts.any():
                out[m,] = self.pair_loss(x[i], x[j], self.temperature, self.symmetric)[counts].mean()
        return out

    def joint(self, x: Tensor, left: Tensor, right: Tensor) -> dict[tuple[str, ...], Tensor]:
        """The loss of joint embeddings ``[n, d']``."""
        return {("joint",): self.pair_loss(x[left], x[right], self.temperature, self.symmetric).mean()}


class CrossModalityLoss(nn.Module):
    """L_CM of a batch: for every pair of modalities the mean over entities of :func:`modality_loss`, both graphs added.

    Shape:
        h: modality -> float ``[n, d]``; sides: int64 ``[B]`` and ``[B']``, positions in these of the left and right graph's
        entities; mask, counted: as for :class:`CrossGraphLoss`. Returns name -> scalar.

    Example:
        >>> h = {"image": torch.eye(3), "name": torch.eye(3)}
        >>> mask = {m: torch.ones(3, dtype=torch.bool) for m in h}
        >>> list(CrossModalityLoss({"image": 1.0, "name": 0.1}, 0.05)(h, [torch.arange(3)], mask, mask))
        [('cross', 'image', 'name')]
    """

    def __init__(self, beta: dict[str, float], temperature: float, negatives: str = "both"):
        super().__init__()
        self.beta, self.temperature, self.negatives, self.entity_loss = beta, temperature, negatives, modality_loss

    def forward(self, h, sides, mask, counted) -> dict[tuple[str, ...], Tensor]:
        out = {}
        for side in sides:
            for p, q in combinations(h, 2):
                both = side[mask[p][side] & mask[q][side]]
                counts = counted[p][both] & counted[q][both]
                if len(both) > 1 and counts.any():
                    betas = self.beta[p], self.beta[q]
                    loss = self.entity_loss(h[p][both], h[q][both], *betas, self.temperature, self.negatives)
                    name = ("cross", p, q)
                    out[name] = out.get(name, 0) + loss[counts].mean()
        return out


#: ``PMFConfig.loss_weights`` -> how losses are weighed before they are added up.
LOSS_WEIGHTS = {"fixed": nn.Identity, "learned": "pmf_minimal.beyond.released:UncertaintyWeighting"}
