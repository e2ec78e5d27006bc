"""Two multi-modal knowledge graphs in one index space (paper, section 3.1).

The left graph's entities are the rows ``0 … n_left - 1``, the right graph's the rows ``n_left … N - 1``. Every tensor of the
package that speaks of entities has N rows in that order, so a row number names an entity.
"""

from __future__ import annotations

import pandas as pd
import torch
from torch import Tensor
from torch_geometric.data import Data

from pmf_minimal.errors import DataError


class GraphPair(Data):
    """Two graphs to be aligned: a PyG ``Data`` with features and masks per modality.

    Attributes:
        name: name of the data set, such as ``emoji/fr_en``.
        n_left: number of entities of the left graph; ``num_nodes`` is N, that of both.
        edge_index: int64 ``[2, E]``, head and tail of every triple of both graphs.
        edge_type: int64 ``[E]``, its relation, an index into ``relation_names``.
        features: modality -> float32 ``[N, d_m]``; a modality that the data lack is absent.
        masks: modality -> bool ``[N]``; False where an entity has no such feature (its row is zero).
        numbers: float32 ``[N, d_attribute]``, the number that belongs to an attribute of an entity; only in synthetic data.
        relevant: modality -> bool ``[N]``; only where the truth about features is known (synthetic or corrupted data).
        faults, donor, outside: what is wrong with corrupted features and what takes their place, see ``datasets.faults``.
        pairs: int64 ``[P, 2]``, every known pair (left row, right row): S in the paper.
        train, valid, test: int64 ``[*, 2]``, a partition of ``pairs``; set by :meth:`split`.
        source_ids: int64 ``[N]``, the ids that the files use.
        entity_names, uris: N strings, what people see and what the files say.
        seed_share: share of the pairs that is customarily known in advance.
        notes: sentences on what the data lack, such as images.
    """

    @property
    def n_right(self) -> int:
        return self.num_nodes - self.n_left

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities that these graphs offer; structure is always there."""
        return ("structure", *self.features)

    def split(self, seed: int, train_share: float | None = None, valid_share: float = 0.2) -> GraphPair:
        """A shallow copy whose known pairs are split into seeds, validation and test pairs.

        One permutation per random seed: the first ``train_share`` of it (None: the data set's custom) are the seeds, the last
        ``valid_share`` of those become validation pairs, the rest is for testing.

        Raises:
            DataError: a share leaves no seed pair or no test pair.
        """
        share = self.seed_share if train_share is None else train_share
        order = torch.randperm(len(self.pairs), generator=torch.Generator().manual_seed(seed))
        known = round(share * len(order))
        kept = known - round(valid_share * known)
        if not 0 < kept <= known < len(order):
            raise DataError(
                f"{self.name}: {share:.0%} of {len(order)} pairs, {valid_share:.0%} of them for validation, leave "
                f"{kept} seeds and {len(order) - known} test pairs; choose shares that leave at least one of each"
            )
        return self.with_split(*(self.pairs[i] for i in order.tensor_split([kept, known])))

    def with_split(self, train: Tensor, valid: Tensor, test: Tensor) -> GraphPair:
        """A shallow copy with the given int64 ``[*, 2]`` row pairs as its split."""
        graphs = type(self)()
        for key, value in self._store.items():
            graphs[key] = value
        graphs.train, graphs.valid, graphs.test = train, valid, test
        return graphs

    def side(self, modality: str) -> tuple[Tensor, Tensor]:
        """Presence mask of a modality, left ``[n_left]`` and right ``[n_right]``; structure is never missing."""
        return self.mask(modality)[: self.n_left], self.mask(modality)[self.n_left :]

    def mask(self, modality: str) -> Tensor:
        """bool ``[N]``: which entities have the modality."""
        if modality == "structure":
            return torch.ones(self.num_nodes, dtype=torch.bool, device=self.edge_index.device)
        return self.masks[modality]

    def summary(self) -> pd.DataFrame:
        """Counts of both graphs, one column each: entities, relations, triples, and who has which feature."""
        columns = {}
        left = self.edge_index[0] < self.n_left
        for column, size, edges in (("left", self.n_left, left), ("right", self.n_right, ~left)):
            columns[column] = {
                "entities": size,
                "with a known counterpart": len(self.pairs[:, int(column == "right")].unique()),
                "relations": len(self.edge_type[edges].unique()),
                "triples": int(edges.sum()),
            } | {f"with {m}": int(self.side(m)[column == "right"].sum()) for m in self.features}
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        return (
            f"GraphPair({self.name}: {self.n_left} + {self.n_right} entities, {self.edge_index.shape[1]} triples, "
            f"{len(self.pairs)} pairs; {', '.join(self.modalities)})"
        )
