"""What the systems that PMF is compared with share: one batch of seeds, each entity encoded once."""

from __future__ import annotations

from torch import Tensor

from pmf_minimal.model import EntityAligner


class System(EntityAligner):
    """A model that learns from seeds alone; a system adds its losses."""

    def batch(self, pairs: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
        """Embeddings of the entities of some pairs, each encoded once.

        Args:
            pairs: int64 ``[P, 2]``.

        Returns:
            modality -> float ``[n, d]``; the rows ``[n]`` that they belong to; and where among them each pair has its left
            and its right entity, int64 ``[P]``.
        """
        rows, where = pairs.T.ravel().unique(return_inverse=True)
        return self.encode(rows), rows, *where.split(len(pairs))

    def pairs_with_modality(self, rows: Tensor, left: Tensor, right: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Modality -> where the left and the right entity stand, for those pairs of a batch of which both have it.

        Modalities of fewer than two such pairs are left out: there is nothing to tell apart.
        """
        out = {}
        for m, mask in self.masks.items():
            both = mask[rows[left]] & mask[rows[right]]
            if both.sum() > 1:
                out[m] = left[both], right[both]
        return out
