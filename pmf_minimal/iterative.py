"""Iterative learning by probation: what stays each other's nearest long enough becomes a seed (section 4.1, A.4).

Where pairs are compared by evidence there are probabilities to go by (beyond the paper, chapter 19).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pmf_minimal.aligner import Aligner
from pmf_minimal.beyond.evidence import Evidence
from pmf_minimal.config import PMFConfig
from pmf_minimal.graphs import GraphPair
from pmf_minimal.scale.blockwise import Similarities, match

#: How probable a pair must be to join the seeds, where the model knows probabilities.
SURE = 0.9


class Probation:
    """Pairs of mutual nearest neighbours and for how many rounds in a row they have been so.

    Attributes:
        train: int64 ``[P, 2]``, the seeds and what has been added to them.
    """

    def __init__(self, graphs: GraphPair, config: PMFConfig):
        self.graphs, self.config = graphs, config
        self.train = graphs.train
        self.candidates = torch.zeros(0, 2, dtype=torch.long, device=graphs.train.device)
        self.rounds = torch.zeros(0, dtype=torch.long, device=graphs.train.device)

    def collect(self, model: Aligner) -> dict[str, float]:
        """One round: look for mutual nearest neighbours, add those that have passed.

        Args:
            model: its joint embedding is compared.

        Returns:
            ``added``: pairs added now; ``added right``: how many of them are true test pairs, for the record only.
        """
        if self.config.fusion == "evidence":
            return self._collect_sure(model)
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
        truth = self.graphs.test[:, 0] * self.graphs.num_nodes + self.graphs.test[:, 1]
        return {"added": len(added), "added right": int(torch.isin(key[passed], truth).sum())}

    @torch.no_grad()
    def _collect_sure(self, model: Aligner) -> dict[str, float]:
        """One round where confidence is known: the pairs that are each other's nearest and at least ``SURE`` take the place of the last ones.

        Validation pairs are tried like unknown ones; what share of those that are sure is right is an estimate for all. Once it
        falls below ``SURE`` nothing is added any more.
        """
        graphs, known = self.graphs, self.graphs.valid
        model.calibrate(graphs)
        joint = model.embed(graphs)["joint"]
        free = torch.ones(graphs.num_nodes, dtype=torch.bool, device=joint.device)
        free[graphs.train.ravel()] = False
        rows = free.nonzero().ravel()
        left, right = rows[rows < graphs.n_left], rows[rows >= graphs.n_left]
        s = Evidence(joint[left], joint[right], model.temperatures)
        row, column = match(s, "mutual").T
        sure = s.confidence(row, column) >= SURE
        pairs = torch.stack([left[row[sure]], right[column[sure]]], dim=1)
        tried = torch.isin(pairs[:, 0], known[:, 0]) | torch.isin(pairs[:, 1], known[:, 1])
        right_ones = self._among(pairs[tried], known)
        precision = right_ones / max(1, int(tried.sum()))
        new = pairs[~tried] if precision >= SURE else pairs[:0]
        if precision >= SURE:
            self.train = torch.cat([graphs.train, new])
        return {"added": len(new), "added right": self._among(new, graphs.test), "valid precision": precision}

    def _among(self, pairs: Tensor, known: Tensor) -> int:
        n = self.graphs.num_nodes
        return int(torch.isin(pairs[:, 0] * n + pairs[:, 1], known[:, 0] * n + known[:, 1]).sum())

    @torch.no_grad()
    def _mutual(self, model: Aligner) -> Tensor:
        """int64 ``[P, 2]``: pairs of still unaligned entities that are each other's nearest."""
        graphs, config = self.graphs, self.config
        joint = model.embed(graphs)["joint"]
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

    def state(self) -> dict[str, Tensor]:
        return {"train": self.train, "candidates": self.candidates, "rounds": self.rounds}

    def restore(self, state: dict[str, Tensor]) -> None:
        device = self.train.device
        self.train, self.candidates, self.rounds = (state[k].to(device) for k in ("train", "candidates", "rounds"))
