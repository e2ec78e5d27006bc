"""Iterative learning by probation: pairs that stay each other's nearest long enough become seeds (section 4.1, A.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pmf_minimal.graphs import GraphPair
from pmf_minimal.scale.block_matching import match
from pmf_minimal.scale.blockwise import Similarities

if TYPE_CHECKING:
    from pmf_minimal.config import PMFConfig
    from pmf_minimal.model import EntityAligner


class Probation:
    """Pairs of mutual nearest neighbours and for how many rounds in a row they have been so.

    Attributes:
        train: int64 ``[P, 2]``, the seeds and what has been added to them.
        anew: whether each round replaces the pairs of the last one.
    """

    anew = False

    def __init__(self, graphs: GraphPair, config: PMFConfig):
        self.graphs, self.config = graphs, config
        self.train = graphs.train
        self.candidates = torch.zeros(0, 2, dtype=torch.long, device=graphs.train.device)
        self.rounds = torch.zeros(0, dtype=torch.long, device=graphs.train.device)

    def collect(self, model: EntityAligner) -> dict[str, float]:
        """One round: look for mutual nearest neighbours by the joint embedding, add those that have passed.

        Returns:
            ``added``: pairs added now; ``added correct``: how many of them are test pairs, for the record only.
        """
        nearest = self._mutual(model)
        key = nearest[:, 0] * self.graphs.num_nodes + nearest[:, 1]
        known = self.candidates[:, 0] * self.graphs.num_nodes + self.candidates[:, 1]
        # A pair that was missing in one round starts anew.
        before = torch.zeros_like(key)
        if len(known):
            known, order = known.sort()
            place = torch.searchsorted(known, key).clamp(max=len(known) - 1)
            before = torch.where(known[place] == key, self.rounds[order][place], before)
        rounds = before + 1
        passed = rounds >= self.config.probation
        added = nearest[passed]
        self.candidates, self.rounds = nearest[~passed], rounds[~passed]
        self.train = torch.cat([self.train, added])
        return {"added": len(added), "added correct": count_common(added, self.graphs.test, self.graphs.num_nodes)}

    @torch.no_grad()
    def _mutual(self, model: EntityAligner) -> Tensor:
        """int64 ``[P, 2]``: pairs of still unaligned entities that are each other's nearest."""
        graphs, config = self.graphs, self.config
        joint = model.embed()["joint"]
        free = torch.ones(graphs.num_nodes, dtype=torch.bool, device=joint.device)
        if config.candidates_in_scoring == "test":
            free[:] = False
            free[graphs.test.ravel()] = True
        free[self.train.ravel()] = False
        free[graphs.valid.ravel()] = False
        rows = free.nonzero().ravel()
        left, right = rows[rows < graphs.n_left], rows[rows >= graphs.n_left]
        if not (len(left) and len(right)):
            return graphs.train[:0]
        s = Similarities(joint[left], joint[right], config.similarity, config.csls_k, config.csls_rounds)
        row, column = match(s, "mutual").T
        return torch.stack([left[row], right[column]], dim=1)


def count_common(pairs: Tensor, known: Tensor, n: int) -> int:
    """How many pairs ``[P, 2]`` of n entities are among the known ones ``[P', 2]``."""
    return int(torch.isin(pairs[:, 0] * n + pairs[:, 1], known[:, 0] * n + known[:, 1]).sum())
