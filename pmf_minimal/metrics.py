"""Hits@n and MRR, with ties counted honestly (paper, appendix A.3)."""

import torch
from torch import Tensor

#: Similarities closer than this are ties: the same vectors can differ by rounding from column to column.
TIE = 1e-6


def count_better_and_tied(similarity: Tensor, counterpart: Tensor) -> tuple[Tensor, Tensor]:
    """At which rank the correct counterpart stands among the candidates.

    Args:
        similarity: float ``[n, n']``, entities by candidates.
        counterpart: int64 ``[n]``, column of each entity's counterpart.

    Returns:
        int64 ``[n]`` each: how many candidates are better, and how many are as good, the counterpart included.
    """
    own = similarity.gather(1, counterpart[:, None])
    better = (similarity > own + TIE).sum(dim=1)
    equal = (similarity >= own - TIE).sum(dim=1) - better
    return better, equal


def hits(better: Tensor, equal: Tensor, n: int) -> Tensor:
    """Eq. (16)  Hits@n = share of test pairs whose counterpart ranks in the first n

    The counterpart's rank among its ties is a matter of luck: with b better candidates and t equal ones it is b + 1 to
    b + t, each as likely. So an entity counts the share of those ranks that are at most n.
    """
    return ((n - better).clamp(min=0).minimum(equal) / equal).mean()


def mrr(better: Tensor, equal: Tensor) -> Tensor:
    """Eq. (17)  MRR = mean of 1/rank, the expectation over the order of ties"""
    # mean of 1/(b + 1) … 1/(b + t) is a difference of two harmonic numbers, divided by t
    reciprocal = 1 / torch.arange(1, int((better + equal).max()) + 1, dtype=torch.float64, device=better.device)
    harmonic = torch.cat([reciprocal.new_zeros(1), reciprocal.cumsum(0)])
    return ((harmonic[better + equal] - harmonic[better]) / equal).mean()


def evaluate(similarity: Tensor, counterpart: Tensor) -> dict[str, float]:
    """Hits@1, Hits@10 and MRR of one direction; arguments as for :func:`count_better_and_tied`."""
    return hits_and_mrr(*count_better_and_tied(similarity, counterpart))


def hits_and_mrr(better: Tensor, equal: Tensor) -> dict[str, float]:
    """Hits@1, Hits@10 and MRR from what :func:`count_better_and_tied` gives."""
    return {
        "Hits@1": float(hits(better, equal, 1)),
        "Hits@10": float(hits(better, equal, 10)),
        "MRR": float(mrr(better, equal)),
    }
