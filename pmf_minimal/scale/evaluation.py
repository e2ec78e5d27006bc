"""Hits@n and MRR of a model, by scores that may be too many for memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor

from pmf_minimal.errors import DataError
from pmf_minimal.metrics import count_better_and_tied, hits_and_mrr
from pmf_minimal.scale import sparse_matching
from pmf_minimal.scale.blockwise import PairScores, Similarities

if TYPE_CHECKING:
    from pmf_minimal.config import MatchingConfig
    from pmf_minimal.graphs import GraphPair
    from pmf_minimal.model import EntityAligner


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


def by_sinkhorn(scores: PairScores, rows: Tensor, columns: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """Hits@1, Hits@10 and MRR of pairs in both directions, where candidates are ranked by Sinkhorn's plan."""
    plan, rows, columns = sparse_matching.plan(scores), rows.cpu(), columns.cpu()
    forth = sparse_matching.count_better_and_tied(plan, rows, columns)
    return hits_and_mrr(*forth), hits_and_mrr(*sparse_matching.count_better_and_tied(plan.T.tocsr(), columns, rows))


def evaluate_model(
    model: EntityAligner, pairs: Tensor, matching: MatchingConfig, only: str | None = None
) -> pd.DataFrame:
    """Hits@1, Hits@10 and MRR of the joint embedding and of each modality alone, in both directions.

    Where pairs are matched by Sinkhorn, candidates are ranked by its plan.

    Args:
        model: a trained model.
        pairs: int64 ``[P, 2]``.
        matching: similarity, CSLS, candidates and matcher.
        only: one embedding, such as ``joint``; None for all.

    Returns:
        Rows (embedding, direction), columns Hits@1, Hits@10, MRR.

    Raises:
        DataError: there are no pairs.
    """
    if not len(pairs):
        raise DataError(f"{model.graphs.name}: no pairs to measure by; give some")
    table = {}
    left, right, rows, columns = candidate_rows(model.graphs, pairs, matching.candidates)
    for name, h in model.embed().items():
        if only not in (None, name):
            continue
        if name == "joint":
            s = model.pair_scores(h[left], h[right], matching)
        else:
            s = Similarities(h[left], h[right], matching.similarity, matching.csls_k, matching.csls_rounds)
        if matching.matching == "sinkhorn":
            both = by_sinkhorn(s, rows, columns)
        else:
            both = evaluate_scores(s, rows, columns), evaluate_scores(s.T, columns, rows)
        table |= {(name, way): row for way, row in zip(("left to right", "right to left"), both, strict=True)}
    return pd.DataFrame(table).T.rename_axis(["embedding", "direction"])
