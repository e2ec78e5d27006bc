"""Matching through an approximate index: a few near neighbours of each entity instead of all similarities.

Needs the package faiss (``pip install "pmf-minimal[ann]"``). Time grows a little faster than with N, not with N x N.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pmf_minimal.errors import DataError
from pmf_minimal.scale.blockwise import PairScores
from pmf_minimal.scale.kernels import CELLS


def match(scores: PairScores) -> Tensor:
    """Greedy among the nearest neighbours that an index finds, int64 ``[P, 2]``; CSLS counts, but does not choose them.

    Raises:
        DataError: these scores are no products; faiss is not installed.
    """
    if not scores.products:
        raise DataError(
            "matching=approximate looks for large dot products, and these pairs are compared in another way: "
            "set similarity=cosine or dot, and fusion to anything but evidence"
        )
    pairs = candidates(scores.left, scores.right)
    values = torch.cat([scores.pairs(*some.T) for some in pairs.split(CELLS // scores.left.shape[1])])
    return greedy(pairs, values)


def near_neighbours(left: Tensor, right: Tensor, k: int = 10, probes: int = 32) -> Tensor:
    """The k right entities of largest dot product with each left one, most of them.

    The index puts the right entities into about 4 sqrt(n') cells around centres and looks into the ``probes`` nearest cells only.

    Args:
        left: float ``[n, d]``.
        right: float ``[n', d]``.
        k: how many, at most n'.
        probes: cells to look into; the more, the surer and the slower.

    Returns:
        int64 ``[n, k]``, -1 where fewer were found.

    Raises:
        DataError: faiss is not installed.
    """
    try:
        import faiss
    except ImportError:
        raise DataError('approximate matching needs faiss: pip install "pmf-minimal[ann]"') from None
    x, y = (v.detach().cpu().float().contiguous().numpy() for v in (left, right))
    # At least 39 vectors to a cell, or faiss warns that its centres mean little.
    cells = max(1, min(int(4 * math.sqrt(len(y))), len(y) // 39))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(y.shape[1]), y.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
    index.train(y)
    index.add(y)
    index.nprobe = probes
    return torch.from_numpy(index.search(x, min(k, len(y)))[1]).to(left.device)


def candidates(left: Tensor, right: Tensor, k: int = 10, probes: int = 32) -> Tensor:
    """int64 ``[P, 2]``: pairs of which one is among the k nearest of the other, each once, sorted."""
    pairs = []
    for a, b, order in ((left, right, (0, 1)), (right, left, (1, 0))):
        near = near_neighbours(a, b, k, probes)
        mine = torch.arange(len(a), device=near.device).repeat_interleave(near.shape[1])
        pairs.append(torch.stack([mine, near.ravel()])[list(order)].T[near.ravel() >= 0])
    return torch.cat(pairs).unique(dim=0)


def greedy(pairs: Tensor, values: Tensor) -> Tensor:
    """One-to-one matching among the given pairs, the most similar first.

    Args:
        pairs: int64 ``[P, 2]``, sorted.
        values: float ``[P]``, similarities.

    Returns:
        int64 ``[P', 2]``, sorted by row; an entity that finds all its neighbours taken stays without.
    """
    taken: tuple[set[int], set[int]] = (set(), set())
    matches = []
    for row, column in pairs[values.argsort(descending=True, stable=True)].tolist():
        if row not in taken[0] and column not in taken[1]:
            taken[0].add(row)
            taken[1].add(column)
            matches.append([row, column])
    return torch.tensor(sorted(matches), dtype=torch.long, device=pairs.device).reshape(-1, 2)
