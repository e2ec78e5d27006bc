"""The graph as attention needs it: who receives messages from whom, sorted, and each edge's mirror image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.utils import add_self_loops, coalesce, to_undirected

from pmf_minimal.scale.kernels import csr


class Neighbours(nn.Module):
    """Who receives messages from whom: every triple in both directions, every entity from itself, each pair once.

    Args:
        edge_index: int64 ``[2, E]``, triples' heads and tails.
        n: number of entities N.

    Attributes:
        edge_index, rowptr: int64 ``[2, E']``, receiver and sender of each message, by receiver; where each receiver's begin.
        reverse: int64 ``[E']``, the position of the same pair the other way round.
    """

    def __init__(self, edge_index: Tensor, n: int):
        super().__init__()
        both = add_self_loops(to_undirected(edge_index, num_nodes=n), num_nodes=n)[0]
        target, source = coalesce(both, num_nodes=n)
        rowptr = torch._convert_indices_from_coo_to_csr(target, n)
        # Sorted by (target, source); sorting the same edges by (source, target) gives each edge's mirror image.
        reverse = torch.argsort(source * n + target)
        for name, tensor in (("edge_index", torch.stack([target, source])), ("rowptr", rowptr), ("reverse", reverse)):
            self.register_buffer(name, tensor, persistent=False)

    @property
    def adjacency(self) -> Tensor:
        """The pattern as a sparse ``[N, N]`` matrix: the form by which PyG takes the fused way."""
        ones = torch.ones(1, device=self.rowptr.device).expand(self.edge_index.shape[1])
        return csr(self.rowptr, self.edge_index[1], ones)
