"""Sampling of neighbours: a layer of attention on a part of a graph that is too large for all of it."""

from __future__ import annotations

import torch
from torch import Tensor


def sample_neighbourhood(
    rowptr: Tensor, col: Tensor, rows: Tensor, *, fanout: int, hops: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The graph among some entities, some of their neighbours, some of theirs, and so on.

    Of an entity's neighbours at most ``fanout`` draws are taken, and all of them if it has no more than that.

    Args:
        rowptr, col: the graph's edges by target, int64 ``[N + 1]`` and ``[E]``.
        rows: int64 ``[B]``, each once.
        fanout, hops: draws per entity, and how often.
        generator: source of randomness, on the CPU.

    Returns:
        int64 ``[n]``, the entities, ``rows`` first; and int64 ``[2, E']``, the edges (target, source) among them, as
        positions in that list.
    """
    nodes = rows
    position = rows.new_full((len(rowptr) - 1,), -1)
    frontier = rows
    for _ in range(hops):
        first, degree = rowptr[frontier], rowptr[frontier + 1] - rowptr[frontier]
        if not len(frontier):
            break
        width = min(fanout, int(degree.max()))  # however many are asked for, memory is taken for those that there are
        drawn = (torch.rand(len(frontier), width, generator=generator).to(rows.device) * degree[:, None]).long()
        each = torch.arange(width, device=rows.device).expand_as(drawn)
        few = (degree <= fanout)[:, None]
        chosen = first[:, None] + torch.where(few, each, drawn)
        chosen = chosen[~few | (each < degree[:, None])]
        position[nodes] = 0
        new = col[chosen].unique()
        frontier = new[position[new] < 0]
        nodes = torch.cat([nodes, frontier])
    position[nodes] = torch.arange(len(nodes), device=rows.device)
    # All edges between them, whatever was drawn: attention stays mutual.
    degree = rowptr[nodes + 1] - rowptr[nodes]
    target = torch.arange(len(nodes), device=rows.device).repeat_interleave(degree)
    offset = torch.arange(len(target), device=rows.device) - (degree.cumsum(0) - degree)[target]
    source = position[col[rowptr[nodes][target] + offset]]
    inside = source >= 0
    return nodes, torch.stack([target[inside], source[inside]])
