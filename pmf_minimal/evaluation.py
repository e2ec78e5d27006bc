"""How good a model is on given pairs."""

from __future__ import annotations

import pandas as pd
import torch
from torch import Tensor

from pmf_minimal import metrics
from pmf_minimal.aligner import Aligner
from pmf_minimal.beyond.evidence import pair_scores
from pmf_minimal.config import PMFConfig
from pmf_minimal.graphs import GraphPair
from pmf_minimal.scale import blockwise
from pmf_minimal.scale.blockwise import Similarities


def evaluate(
    model: Aligner, graphs: GraphPair, pairs: Tensor, config: PMFConfig, only: str | None = None
) -> pd.DataFrame:
    """Hits@1, Hits@10 and MRR of the joint embedding and of each modality alone, in both directions.

    Args:
        model: a trained model.
        graphs: its graphs.
        pairs: int64 ``[P, 2]``.
        config: says similarity, CSLS and candidates.
        only: one embedding, such as ``joint``; None for all.

    Returns:
        Rows (embedding, direction), columns Hits@1, Hits@10, MRR.
    """
    table = {}
    for name, h in model.embed(graphs).items():
        if only in (None, name):
            s, rows, columns = candidates(h, graphs, pairs, config, model.temperatures if name == "joint" else None)
            table[name, "left to right"] = metrics.hits_and_mrr(*blockwise.count_better_and_tied(s, rows, columns))
            table[name, "right to left"] = metrics.hits_and_mrr(*blockwise.count_better_and_tied(s.T, columns, rows))
    return pd.DataFrame(table).T.rename_axis(["embedding", "direction"])


def candidates(
    h: Tensor, graphs: GraphPair, pairs: Tensor, config: PMFConfig, temperatures: Tensor | None = None
) -> tuple[Similarities, Tensor, Tensor]:
    """Similarities of the candidates of both graphs, and where the given pairs stand in them.

    Candidates are all entities, or with ``config.candidates == "test"`` those of the given pairs only.

    Args:
        h: float ``[N, d]``.
        graphs, pairs, config: as for :func:`evaluate`.
        temperatures: as for :func:`evidence.pair_scores`.

    Returns:
        n by n' similarities, not yet computed; row ``[P]`` and column ``[P]`` of each pair.
    """
    left, right = h[: graphs.n_left], h[graphs.n_left :]
    rows, columns = pairs[:, 0], pairs[:, 1] - graphs.n_left
    if config.candidates == "test":
        left, right = left[rows], right[columns]
        rows = columns = torch.arange(len(pairs), device=h.device)
    return pair_scores(left, right, config, temperatures), rows, columns


def candidate_similarity(
    h: Tensor, graphs: GraphPair, pairs: Tensor, config: PMFConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """What :func:`candidates` gives, the similarities as one float ``[n, n']``, where that fits into memory."""
    s, rows, columns = candidates(h, graphs, pairs, config)
    return s.dense, rows, columns


def frozen_shares(model: Aligner, graphs: GraphPair) -> dict[str, float]:
    """``frozen <modality>`` -> share of its features that are frozen, among the entities that have one."""
    shares = {}
    for m, active in model.active.items():
        present = graphs.presence(m)
        shares[f"frozen {m}"] = float((present & ~active).sum() / present.sum().clamp(min=1))
    return shares
