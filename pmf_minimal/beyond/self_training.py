"""Iterative learning where confidence is known: probable pairs become seeds (beyond the paper)."""

from __future__ import annotations

import torch
from torch import Tensor

from pmf_minimal.iterative import Probation, count_common
from pmf_minimal.model import EntityAligner

#: How probable a pair must be to join the seeds; cautious pairs the first of these at which they are estimated to be precise enough.
CONFIDENCES = (0.9, 0.95, 0.99, 0.999)
#: Share of correct ones that the pairs of a round must have by an estimate, or none joins.
MIN_PRECISION = 0.9


class ConfidentPairs(Probation):
    """In each round the pairs that are each other's nearest and probable enough take the place of the last round's.

    Validation pairs are tried like unknown ones. Where too few of what their entities find is correct, no pair joins. They are also tried
    as if their partner did not exist; :func:`estimate` tells from both how many of all pairs are correct. Here that is for the
    record only; :class:`CautiousPairs` decide by it.
    """

    anew, confidences = True, CONFIDENCES[:1]

    def precision(self, row: dict[str, float]) -> float:
        """By which of the figures of a round it is decided whether its pairs join."""
        return row["valid precision"]

    def learn_reliability(self, model: EntityAligner) -> None:
        """Learn from the validation pairs how far to rely on each modality."""
        model.calibrate()

    @torch.no_grad()
    def collect(self, model: EntityAligner) -> dict[str, float]:
        """As :meth:`Probation.collect`, with what is estimated from the validation pairs.

        Returns:
            Also ``judged``, how many of them have an entity of a test pair, so that the truth is known; ``valid precision``, the share of
            validation pairs among the pairs of their entities; ``false matches``, the share of their entities that find a pair if
            their partner does not exist; ``estimate``, the share of correct ones among the pairs that join, or would at the
            highest confidence, the lower one of both graphs.
        """
        graphs = self.graphs
        self.learn_reliability(model)
        joint = model.embed()["joint"]
        free = torch.ones(graphs.num_nodes, dtype=torch.bool, device=joint.device)
        free[graphs.train.ravel()] = False
        known = graphs.valid[free[graphs.valid].all(dim=1)]
        rows = free.nonzero().ravel()
        left, right = rows[rows < graphs.n_left], rows[rows >= graphs.n_left]
        pairs, confidence = self._sure(model, joint, left, right)
        tried = torch.isin(pairs[:, 0], known[:, 0]) | torch.isin(pairs[:, 1], known[:, 1])
        # Half of them lose their right entity, the others their left one, so that both graphs have some without counterpart.
        lonely = known[::2, 0], known[1::2, 1]
        rest = left[~torch.isin(left, known[1::2, 0])], right[~torch.isin(right, known[::2, 1])]
        rivals, rival_confidence = self._sure(model, joint, *rest)

        # A validation pair that is wrong cannot be found, whatever the model knows.
        wrong = graphs.get("wrong_left", 0.0)

        def shares(least: float, side: int) -> tuple[float, float, float, float]:
            """found, correct, false and share of :func:`estimate`, of one graph, for pairs that are so probable."""
            sure, n = confidence >= least, max(1, len(known))
            found = int(torch.isin(pairs[sure, side], known[:, side]).sum())
            correct = count_common(pairs[sure & tried], known, graphs.num_nodes)
            false = int(torch.isin(rivals[rival_confidence >= least, side], lonely[side]).sum())
            unknown = len((left, right)[side]) - len(known)
            others = int((sure & ~tried).sum()) / max(1, unknown)
            return found / n, min(found, correct / (1 - wrong)) / n, false / max(1, len(lonely[side])), others

        without = [lonely_share([shares(least, side) for least in (0.5, *CONFIDENCES)]) for side in (0, 1)]
        for least in self.confidences:
            sure, told = confidence >= least, [shares(least, side) for side in (0, 1)]
            correct = count_common(pairs[sure & tried], known, graphs.num_nodes)
            row = {
                "valid precision": correct / max(1, int((sure & tried).sum())),
                "false matches": sum(each[2] for each in told) / 2,
                "estimate": min(estimate(*each[:3], without[side]) for side, each in enumerate(told)),
            }
            enough = self.precision(row) >= MIN_PRECISION
            if enough:
                break
        new = pairs[sure & ~tried] if enough else pairs[:0]
        if enough:
            self.train = torch.cat([graphs.train, new])
        judged = torch.isin(new[:, 0], graphs.test[:, 0]) | torch.isin(new[:, 1], graphs.test[:, 1])
        correct = count_common(new, graphs.test, graphs.num_nodes)
        return {"added": len(new), "added correct": correct, "judged": int(judged.sum())} | row

    def _sure(self, model: EntityAligner, joint: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """int64 ``[P, 2]``, pairs of these entities that are each other's best, and how probable each is, float ``[P]``."""
        if not (len(left) and len(right)):
            return self.graphs.train[:0], joint.new_zeros(0)
        pairs, confidence = model.pair_scores(joint[left], joint[right], self.config.replace(csls_rounds=0)).mutual()
        return torch.stack([left[pairs[:, 0]], right[pairs[:, 1]]], dim=1), confidence


class CautiousPairs(ConfidentPairs):
    """Confident pairs where false matches of entities without counterpart count.

    Pairs join if by the estimate enough of them are correct; where too few are, pairs must be more probable.
    """

    confidences = CONFIDENCES

    def precision(self, row: dict[str, float]) -> float:
        return row["estimate"]


def lonely_share(shares: list[tuple[float, float, float, float]]) -> float:
    """Share L of the unknown entities that have no counterpart.

    An entity that has a counterpart finds a pair with probability p, one that has none with q. So a share s = (1 - L) p + L q of the
    unknown ones finds a pair, and L = (p - s) / (p - q), within 0 and 1.

    Args:
        shares: p, c, q and s for several confidences that a pair must have, c as for :func:`estimate`. That with the largest
            p - q decides, since its error is the smallest.
    """
    found, _, false, share = max(shares, key=lambda each: each[0] - each[2])
    # Where nothing tells the two kinds apart, all may lack a counterpart.
    return min(1.0, max(0.0, (found - share) / (found - false))) if found > false else 1.0


def estimate(found: float, correct: float, false: float, lonely: float) -> float:
    """Share of correct ones among the pairs that a model finds, told by known pairs that were tried as if they were unknown.

        precision = (1 - L) c / ( (1 - L) p + L q )

    Args:
        found, correct: p and c, the shares of the tried entities that find any pair, and the right one.
        false: q, the share that finds a pair while its counterpart is not among the candidates.
        lonely: L, the share of the unknown entities that have no counterpart.

    Returns:
        A number between 0 and 1; 0 where nothing is found.
    """
    pairs = (1 - lonely) * found + lonely * false
    return (1 - lonely) * correct / pairs if pairs > 0 else 0.0
