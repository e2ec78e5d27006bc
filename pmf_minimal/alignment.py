"""From embeddings to matches (paper, section 3.5)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize


def similarity(left: Tensor, right: Tensor, kind: str = "cosine", csls_k: int = 3, csls_rounds: int = 0) -> Tensor:
    """How similar every left entity is to every right one.

    Args:
        left: float ``[n, d]``.
        right: float ``[n', d]``.
        kind: ``cosine``, or ``dot`` for the unnormalised product.
        csls_k, csls_rounds: neighbours of :func:`csls` and how often it is applied.

    Returns:
        float ``[n, n']``; a zero vector has similarity 0 to everything.
    """
    if kind == "cosine":
        left, right = normalize(left), normalize(right)
    s = left @ right.T
    for _ in range(csls_rounds):
        s = csls(s, csls_k)
    return s


def csls(similarity: Tensor, k: int) -> Tensor:
    """Cross-domain similarity local scaling: hubs, close to everybody, lose their advantage.

        csls(i, j) = 2 s(i, j) - mean of i's k best s(i, ·) - mean of j's k best s(·, j)

    Source: Conneau et al., Word translation without parallel data (ICLR 2018), section 2.3.

    Args:
        similarity: float ``[n, n']``.
        k: neighbours, at most as many as there are.

    Returns:
        float ``[n, n']``.
    """
    rows = similarity.topk(min(k, similarity.shape[1]), dim=1).values.mean(dim=1)
    columns = similarity.topk(min(k, similarity.shape[0]), dim=0).values.mean(dim=0)
    return 2 * similarity - rows[:, None] - columns[None, :]


def greedy(similarity: Tensor) -> Tensor:
    """One-to-one matching, the most similar pair first (one reading of section 3.5).

    Of all free pairs the most similar one is the best of its row and the best of its column. So every round takes all
    pairs that are each other's best, which gives the same result as sorting all n · n' pairs.

    Args:
        similarity: float ``[n, n']``; among equals the lower row, then the lower column goes first.

    Returns:
        int64 ``[min(n, n'), 2]``, row and column, sorted by row.
    """
    s = similarity.clone()
    found = []
    rows = torch.arange(len(s), device=s.device)
    columns = torch.arange(s.shape[1], device=s.device)
    while len(rows) and len(columns):
        best_column, best_row = s.argmax(dim=1), s.argmax(dim=0)
        mutual = best_row[best_column] == torch.arange(len(rows), device=s.device)
        found.append(torch.stack([rows[mutual], columns[best_column[mutual]]], dim=1))
        free = torch.ones_like(columns, dtype=torch.bool)
        free[best_column[mutual]] = False
        rows, columns, s = rows[~mutual], columns[free], s[~mutual][:, free]
    matches = torch.cat(found) if found else torch.zeros(0, 2, dtype=torch.long)
    return matches[matches[:, 0].argsort()]
