"""Iterative learning where confidence is known: probable pairs become seeds (beyond the paper)."""

from __future__ import annotations

import torch

from pmf_minimal.iterative import Probation, count_common
from pmf_minimal.model import EntityAligner
from pmf_minimal.scale.block_matching import match

#: How probable a pair must be to join the seeds.
MIN_CONFIDENCE = 0.9


class ConfidentPairs(Probation):
    """In each round the pairs that are each other's nearest and probable enough take the place of the last round's.

    Validation pairs are tried like unknown ones. The share of them that is found correctly is an estimate for all; once it
    falls below ``MIN_CONFIDENCE`` no pair is added any more.
    """

    anew = True

    def learn_reliability(self, model: EntityAligner) -> None:
        """Learn from the validation pairs how far to rely on each modality."""
        model.calibrate()

    @torch.no_grad()
    def collect(self, model: EntityAligner) -> dict[str, float]:
        """As :meth:`Probation.collect`, with ``valid precision``, the estimate."""
        graphs, known = self.graphs, self.graphs.valid
        self.learn_reliability(model)
        joint = model.embed()["joint"]
        free = torch.ones(graphs.num_nodes, dtype=torch.bool, device=joint.device)
        free[graphs.train.ravel()] = False
        rows = free.nonzero().ravel()
        left, right = rows[rows < graphs.n_left], rows[rows >= graphs.n_left]
        if not (len(left) and len(right)):
            return {"added": 0, "added correct": 0, "valid precision": 0.0}
        s = model.pair_scores(joint[left], joint[right], self.config.replace(csls_rounds=0))
        row, column = match(s, "mutual").T
        probable = s.confidence(row, column) >= MIN_CONFIDENCE
        pairs = torch.stack([left[row[probable]], right[column[probable]]], dim=1)
        tried = torch.isin(pairs[:, 0], known[:, 0]) | torch.isin(pairs[:, 1], known[:, 1])
        precision = count_common(pairs[tried], known, graphs.num_nodes) / max(1, int(tried.sum()))
        new = pairs[~tried] if precision >= MIN_CONFIDENCE else pairs[:0]
        if precision >= MIN_CONFIDENCE:
            self.train = torch.cat([graphs.train, new])
        correct = count_common(new, graphs.test, graphs.num_nodes)
        return {"added": len(new), "added correct": correct, "valid precision": precision}
