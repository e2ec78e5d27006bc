"""Matching on the best candidates of each entity, for graphs whose n x n' scores do not fit into memory.

Candidates are a SciPy sparse matrix ``[n, n']`` that stores a score where one entity is among the k best of the other. Its memory is at
most k (n + n') numbers. With k = n and n' every function here gives what its dense namesake in ``matching`` gives.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from pmf_minimal.metrics import TIE
from pmf_minimal.scale import approximate
from pmf_minimal.scale.blockwise import PairScores

#: Candidates of each entity that take part in Sinkhorn's plan.
CANDIDATES = 50


def k_best(scores: PairScores, k: int) -> csr_array:
    """The k best columns of each row and the k best rows of each column, found a block of rows at a time.

    Args:
        scores: of n by n' entities.
        k: how many; all if there are fewer.

    Returns:
        Sparse float ``[n, n']`` in the dtype of the scores, sorted by row and column; every row and every column stores k scores or more.

    Raises:
        ValueError: k is less than 1, or one side has no entity.
    """
    n, m = scores.shape
    if k < 1 or not n or not m:
        raise ValueError(
            f"there are no {k} best candidates among {n} x {m}; ask for at least 1, with at least one entity in each graph"
        )
    values, keys = [], []
    best = torch.empty(m, 0, dtype=scores.left.dtype, device=scores.left.device)
    where = torch.empty(m, 0, dtype=torch.long, device=best.device)
    for rows, block in scores:
        found, column = block.topk(min(k, m), dim=1)
        values.append(found.ravel())
        keys.append((torch.arange(rows.start, rows.stop, device=column.device)[:, None] * m + column).ravel())
        down, row = block.T.contiguous().topk(min(k, len(block)), dim=1)
        best, where = torch.cat([best, down], dim=1), torch.cat([where, row + rows.start], dim=1)
        best, kept = best.topk(min(k, best.shape[1]), dim=1)
        where = where.gather(1, kept)
    keys.append((where * m + torch.arange(m, device=where.device)[:, None]).ravel())
    values.append(best.ravel())
    key, first = np.unique(torch.cat(keys).cpu().numpy(), return_index=True)
    row = key // m
    return csr_array(
        (torch.cat(values).cpu().numpy()[first], key % m, np.searchsorted(row, np.arange(n + 1))), shape=scores.shape
    )


def csls(candidates: csr_array, k: int) -> csr_array:
    """Cross-domain similarity local scaling of the stored scores; the dense one is :func:`matching.csls`.

        csls(i, j) = 2 s(i, j) - mean of i's k best s(i, ·) - mean of j's k best s(·, j)

    Source: Conneau et al., Word translation without parallel data (ICLR 2018), section 2.3.

    Args:
        candidates: sparse float ``[n, n']`` of :func:`k_best`, with at least this k.
        k: neighbours, at most as many as there are.
    """
    rows, columns = (_mean_of_best(s, k) for s in (candidates, candidates.T.tocsr()))
    return _replaced(candidates, 2 * candidates.data - rows[_rows(candidates)] - columns[candidates.indices])


def sinkhorn(candidates: csr_array, temperature: float = 0.05, rounds: int = 20) -> csr_array:
    """Soft one-to-one matching of the stored scores; all others count as impossible. The dense one is :func:`matching.sinkhorn`.

    Source: Cuturi, Sinkhorn distances (NeurIPS 2013); on the best candidates as in Mao et al., LightEA (EMNLP 2022).

    Args:
        candidates: sparse float ``[n, n']`` of :func:`k_best`.
        temperature: the lower, the closer to the optimal assignment.
        rounds: how often rows and columns are scaled.

    Returns:
        Sparse float ``[n, n']`` with the same cells; all columns sum to one.
    """
    log_p = candidates.data / candidates.dtype.type(temperature)
    by_column = np.argsort(candidates.indices, kind="stable")
    row_starts = candidates.indptr
    column_starts = np.searchsorted(candidates.indices[by_column], np.arange(candidates.shape[1] + 1))
    for _ in range(rounds):
        log_p = log_p - _log_sums(log_p, row_starts)
        log_p[by_column] -= _log_sums(log_p[by_column], column_starts)
    return _replaced(candidates, np.exp(log_p))


def plan(scores: PairScores) -> csr_array:
    """:func:`sinkhorn` on the best candidates of each entity, at the temperature that belongs to this kind of score."""
    return sinkhorn(k_best(scores, CANDIDATES), scores.temperature)


def greedy(candidates: csr_array) -> Tensor:
    """One-to-one matching among the candidates, the highest score first.

    Returns:
        int64 ``[P, 2]``, row and column, sorted by row; an entity whose candidates are all taken stays without a match.
    """
    pairs = np.stack([_rows(candidates), candidates.indices], axis=1)
    return approximate.greedy(torch.from_numpy(pairs), torch.from_numpy(candidates.data))


def mutual(candidates: csr_array, least: float = -np.inf) -> Tensor:
    """Pairs that are each other's best candidate, with a score of at least ``least``; among equals the lower index is best.

    Returns:
        int64 ``[P, 2]``, row and column, sorted by row.
    """
    column, row = best_of_each_row(candidates), best_of_each_row(candidates.T.tocsr())
    rows = torch.arange(len(column))
    best = torch.from_numpy(np.maximum.reduceat(candidates.data, candidates.indptr[:-1]))
    both = (row[column] == rows) & (best >= least)
    return torch.stack([rows[both], column[both]], dim=1)


def best_of_each_row(candidates: csr_array) -> Tensor:
    """int64 ``[n]``: every row's best column, the lower among equals."""
    order = _best_first(candidates)
    return torch.from_numpy(candidates.indices[order[candidates.indptr[:-1]]].astype(np.int64))


def count_better_and_tied(candidates: csr_array, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """:func:`metrics.count_better_and_tied` of the given pairs, int64 ``[P]`` each.

    Scores are tied if they differ by less than a millionth of their size, since those of Sinkhorn can be small. A counterpart that is not
    among a row's candidates comes after all n' columns, so that no Hits@k counts it.
    """
    n_columns = candidates.shape[1]
    better, tied = torch.full_like(rows, n_columns), torch.ones_like(rows)
    for i, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        cells = slice(candidates.indptr[row], candidates.indptr[row + 1])
        values = candidates.data[cells]
        own = values[candidates.indices[cells] == column]
        if len(own):
            margin = TIE * np.abs(own)
            better[i] = int((values > own + margin).sum())
            tied[i] = int((values >= own - margin).sum()) - better[i]
    return better, tied


def _rows(candidates: csr_array) -> np.ndarray:
    """int64 ``[cells]``: the row of every stored cell."""
    return np.repeat(np.arange(candidates.shape[0]), np.diff(candidates.indptr))


def _best_first(candidates: csr_array) -> np.ndarray:
    """int64 ``[cells]``: an order of the cells by row, and within a row by falling score, then by column."""
    return np.lexsort([candidates.indices, -candidates.data, _rows(candidates)])


def _mean_of_best(candidates: csr_array, k: int) -> np.ndarray:
    """float ``[n]``: mean of each row's k best scores."""
    rank = np.arange(len(candidates.data)) - candidates.indptr[_rows(candidates)]
    best = np.where(rank < k, candidates.data[_best_first(candidates)], 0)
    counts = np.minimum(np.diff(candidates.indptr), k).astype(candidates.dtype)
    return np.add.reduceat(best, candidates.indptr[:-1]) / counts


def _log_sums(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """float ``[cells]``: for every cell the log of the sum of exp over its segment; no segment is empty."""
    lengths = np.diff(starts)
    top = np.maximum.reduceat(values, starts[:-1])
    sums = np.add.reduceat(np.exp(values - np.repeat(top, lengths)), starts[:-1])
    return np.repeat(top + np.log(sums), lengths)


def _replaced(candidates: csr_array, values: np.ndarray) -> csr_array:
    """The same cells with other scores."""
    return csr_array((values, candidates.indices, candidates.indptr), shape=candidates.shape)
