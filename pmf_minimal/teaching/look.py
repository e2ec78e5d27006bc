"""What several chapters do with a pair of graphs: show entities, look up counterparts, count hits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pmf_minimal import metrics
from pmf_minimal.datasets.emoji import pictures
from pmf_minimal.datasets.extras import extra
from pmf_minimal.graphs import GraphPair

with extra("book"):
    from PIL import Image


def faces(graphs: GraphPair) -> Callable[[int], tuple[Image.Image | None, str]]:
    """A function from an entity's row to its picture, as it is in these graphs (None if it has none), and its name."""
    picture = pictures(graphs)
    return lambda row: (picture.get(graphs.uris[row]), graphs.entity_names[row])


def counterparts(graphs: GraphPair) -> Tensor:
    """Row of each entity's counterpart in the other graph, int64 [N]; -1 where none is on record."""
    partner = torch.full((graphs.num_nodes,), -1)
    partner[graphs.pairs] = graphs.pairs.flip(1)
    return partner


def hits_at_1(s: Tensor) -> float:
    """Hits@1 of a square matrix of similarities whose row p and column p are a pair; mean of both directions."""
    order = torch.arange(len(s))
    return sum(metrics.evaluate(t, order)["Hits@1"] for t in (s, s.T)) / 2


def chance_higher(high: Tensor, low: Tensor) -> float:
    """The AUC: how often one of high [n] exceeds one of low [n'], where equal ones count half."""
    high, low = high[:, None], low[None]
    return float((high > low).double().mean() + (high == low).double().mean() / 2)
