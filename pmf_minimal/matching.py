"""From embeddings to matches (paper, section 3.5)."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import normalize

#: ``PMFConfig.similarity`` -> float ``[n, n']`` of float ``[n, d]`` and ``[n', d]``.
SIMILARITIES = {
    "cosine": lambda left, right: normalize(left) @ normalize(right).T,
    "dot": lambda left, right: left @ right.T,
    "euclidean": lambda left, right: -torch.cdist(left, right),
}


def similarity(left: Tensor, right: Tensor, kind: str = "cosine", csls_k: int = 3, csls_rounds: int = 0) -> Tensor:
    """How similar every left entity is to every right one.

    From float ``[n, d]`` and ``[n', d]`` by a kind of ``SIMILARITIES``, then so many rounds of :func:`csls`: ``[n, n']``. By
    cosine and dot product a zero vector has similarity 0 to everything.
    """
    s = SIMILARITIES[kind](left, right)
    for _ in range(csls_rounds):
        s = csls(s, csls_k)
    return s


def csls(similarity: Tensor, k: int) -> Tensor:
    """Cross-domain similarity local scaling: hubs, close to very many, lose their advantage.

        csls(i, j) = 2 s(i, j) - mean of i's k best s(i, ·) - mean of j's k best s(·, j)

    Float ``[n, n']`` to ``[n, n']``. Source: Conneau et al., Word translation without parallel data (ICLR 2018), section 2.3.
    """
    rows = similarity.topk(min(k, similarity.shape[1]), dim=1).values.mean(dim=1)
    columns = similarity.topk(min(k, similarity.shape[0]), dim=0).values.mean(dim=0)
    return 2 * similarity - rows[:, None] - columns[None, :]


def greedy(similarity: Tensor) -> Tensor:
    """One-to-one matching, the most similar pair first (one reading of section 3.5).

    Of all free pairs the most similar one is the best of its row and the best of its column. So every round takes all
    pairs that are each other's best, which gives the same result as sorting all n · n' pairs. From similarities float
    ``[n, n']``, of which among equals the lower row, then the lower column goes first: int64 ``[min(n, n'), 2]``.
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


def greedy_in_order(similarity: Tensor) -> Tensor:
    """One-to-one matching, row after row in the given order (the other reading of section 3.5).

    Each row takes its most similar column that is still free, among equals the lower; int64 ``[min(n, n'), 2]``.
    """
    s = similarity.clone()
    count = min(s.shape)
    columns = []
    for row in s[:count]:
        columns.append(row.argmax())
        s[:, columns[-1]] = -torch.inf
    if not columns:
        return torch.zeros(0, 2, dtype=torch.long)
    return torch.stack([torch.arange(count, device=s.device), torch.stack(columns)], dim=1)


def mutual(similarity: Tensor) -> Tensor:
    """Pairs that are each other's most similar, int64 ``[P, 2]``; among equals the lower index is the most similar."""
    column = similarity.argmax(dim=1)
    rows = torch.arange(len(similarity), device=similarity.device)
    both = similarity.argmax(dim=0)[column] == rows
    return torch.stack([rows[both], column[both]], dim=1)


def optimal(similarity: Tensor) -> Tensor:
    """One-to-one matching with the highest total similarity (SciPy's assignment; time grows with n cubed)."""
    rows, columns = linear_sum_assignment(similarity.cpu().numpy(), maximize=True)
    return torch.as_tensor(np.stack([rows, columns], axis=1), device=similarity.device)


def sinkhorn(similarity: Tensor, temperature: float = 0.05, rounds: int = 20) -> Tensor:
    """Soft one-to-one matching: rows and columns of exp(s / temperature) are scaled in turn until all sum to one.

    Source: Cuturi, Sinkhorn distances (NeurIPS 2013).

    The lower the temperature, the closer to the optimal assignment. Float ``[n, n']``, to be ranked or matched like a
    similarity. Of a square matrix all columns sum to one, and all rows nearly so; else the rows cannot.
    """
    log_p = similarity / temperature
    for _ in range(rounds):
        log_p = log_p - log_p.logsumexp(dim=1, keepdim=True)
        log_p = log_p - log_p.logsumexp(dim=0, keepdim=True)
    return log_p.exp()


def best_of_each_row(similarity: Tensor) -> Tensor:
    """Every row with its most similar column, which several may share (row 15), int64 ``[n, 2]``."""
    return torch.stack([torch.arange(len(similarity), device=similarity.device), similarity.argmax(dim=1)], dim=1)


#: ``PMFConfig.matching`` -> function of the similarities ``[n, n']`` that gives the matches, int64 ``[P, 2]``, sorted by row.
#: A matcher of your own is one more entry. ``approximate`` is greedy where all similarities are at hand.
MATCHERS = {
    "greedy": greedy,
    "greedy_in_order": greedy_in_order,
    "mutual": mutual,
    "optimal": optimal,
    "sinkhorn": lambda similarity: greedy(sinkhorn(similarity)),
    "row": best_of_each_row,
    "approximate": greedy,
}


def match(similarity: Tensor, how: str = "greedy") -> Tensor:
    """Matches of dense similarities ``[n, n']`` by the matcher of that name, int64 ``[P, 2]``."""
    return MATCHERS[how](similarity)
