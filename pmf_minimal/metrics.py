"""Hits@n and MRR, with ties counted honestly (paper, appendix A.3), and the table of both for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor

from pmf_minimal.scale.blockwise import PairScores, Similarities

if TYPE_CHECKING:
    from pmf_minimal.config import MatchingConfig
    from pmf_minimal.graphs import GraphPair
    from pmf_minimal.model import EntityAligner

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

    Args:
        better, equal: int64 ``[P]`` from :func:`count_better_and_tied`.
        n: how many ranks count.

    Returns:
        scalar in [0, 1].
    """
    return ((n - better).clamp(min=0).minimum(equal) / equal).mean()


def mrr(better: Tensor, equal: Tensor) -> Tensor:
    """Eq. (17)  MRR = mean of 1/rank, the expectation over the order of ties

    Args:
        better, equal: int64 ``[P]`` from :func:`count_better_and_tied`.

    Returns:
        scalar in (0, 1].
    """
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


def evaluate_scores(scores: PairScores, rows: Tensor, columns: Tensor) -> dict[str, float]:
    """Hits@1, Hits@10 and MRR of pairs, from left to right, by scores that may be too many for memory.

    Args:
        scores: of n by n' candidates.
        rows, columns: int64 ``[P]`` each, where the pairs stand in them.
    """
    better, tied = torch.empty_like(rows), torch.empty_like(rows)
    for part, block in scores.subset(rows, slice(None)):
        better[part], tied[part] = count_better_and_tied(block, columns[part])
    return hits_and_mrr(better, tied)


def candidate_rows(graphs: GraphPair, pairs: Tensor, candidates: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Which entities are compared, and where the given pairs stand among them.

    Args:
        graphs: the pair of graphs.
        pairs: int64 ``[P, 2]``.
        candidates: ``all`` entities, or ``test``: those of the given pairs only.

    Returns:
        int64: left ``[n]`` and right ``[n']`` entities; row ``[P]`` and column ``[P]`` of each pair.
    """
    if candidates == "test":
        order = torch.arange(len(pairs), device=pairs.device)
        return pairs[:, 0], pairs[:, 1], order, order
    every = torch.arange(graphs.num_nodes, device=pairs.device)
    return every[: graphs.n_left], every[graphs.n_left :], pairs[:, 0], pairs[:, 1] - graphs.n_left


def evaluate_model(
    model: EntityAligner, pairs: Tensor, matching: MatchingConfig, only: str | None = None
) -> pd.DataFrame:
    """Hits@1, Hits@10 and MRR of the joint embedding and of each modality alone, in both directions.

    Args:
        model: a trained model.
        pairs: int64 ``[P, 2]``.
        matching: similarity, CSLS and candidates.
        only: one embedding, such as ``joint``; None for all.

    Returns:
        Rows (embedding, direction), columns Hits@1, Hits@10, MRR.
    """
    table = {}
    left, right, rows, columns = candidate_rows(model.graphs, pairs, matching.candidates)
    for name, h in model.embed().items():
        if only not in (None, name):
            continue
        if name == "joint":
            s = model.pair_scores(h[left], h[right], matching)
        else:
            s = Similarities(h[left], h[right], matching.similarity, matching.csls_k, matching.csls_rounds)
        table[name, "left to right"] = evaluate_scores(s, rows, columns)
        table[name, "right to left"] = evaluate_scores(s.T, columns, rows)
    return pd.DataFrame(table).T.rename_axis(["embedding", "direction"])
