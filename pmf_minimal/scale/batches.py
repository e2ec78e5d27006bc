"""Which pairs and which entities make the steps of an epoch (rows 9 and 10 of ``book/released_code.md``)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pmf_minimal.graphs import GraphPair

if TYPE_CHECKING:
    from pmf_minimal.config import PMFConfig

#: One step: pairs ``[P, 2]`` for L_CKG or None; left and right entities for L_CM or None.
Step = tuple[Tensor | None, tuple[Tensor, Tensor] | None]


def all_entities(graphs: GraphPair, side: int) -> Tensor:
    """int64: all rows of the left (0) or right (1) graph."""
    start, stop = ((0, graphs.n_left), (graphs.n_left, graphs.num_nodes))[side]
    return torch.arange(start, stop, device=graphs.edge_index.device)


def linked_entities(graphs: GraphPair, side: int) -> Tensor:
    """int64: the rows of a graph that occur in any pair, test pairs included (row 10)."""
    return torch.cat([graphs.train, graphs.valid, graphs.test])[:, side].unique()


#: ``PMFConfig.cross_modality_over`` -> entities of a side.
ENTITIES = {"all": all_entities, "linked": linked_entities}


class BatchPlan:
    """Steps for L_CKG alone; its subclasses add L_CM."""

    def __init__(self, graphs: GraphPair, config: PMFConfig):
        self.graphs, self.config = graphs, config

    def phases(self) -> list[int]:
        """First epochs of phases that begin with a new optimiser, besides the first and iterative learning."""
        return []

    def steps(self, epoch: int, pairs: list[Tensor], generator: torch.Generator) -> list[Step]:
        """The steps of an epoch, given its batches of seeds ``[P, 2]``."""
        return [(batch, None) for batch in pairs]

    def extra_steps(self, done: int) -> int:
        """Steps of an epoch beyond those of the seeds, once ``done`` epochs are over."""
        return 0

    def entity_batches(self, generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
        """Batches of entities, left and right, that together hold each once."""
        sides = []
        for side in (0, 1):
            rows = ENTITIES[self.config.cross_modality_over](self.graphs, side)
            sides.append(rows[torch.randperm(len(rows), generator=generator).to(rows.device)])
        count = math.ceil(max(map(len, sides)) / self.config.batch_size)
        return list(zip(*(side.tensor_split(count) for side in sides), strict=True))


class JointPlan(BatchPlan):
    """Eq. (9): every step takes seeds and entities."""

    def steps(self, epoch: int, pairs: list[Tensor], generator: torch.Generator) -> list[Step]:
        return [(batch, self.entity_batches(generator)[0]) for batch in pairs]


class StagedPlan(BatchPlan):
    """L_CM has steps of its own, after the last scoring and before iterative learning (row 9)."""

    def phases(self) -> list[int]:
        return [self.config.scoring_end + 1]

    def steps(self, epoch: int, pairs: list[Tensor], generator: torch.Generator) -> list[Step]:
        steps = super().steps(epoch, pairs, generator)
        if self.config.scoring_end < epoch <= self.config.epochs:
            steps += [(None, batch) for batch in self.entity_batches(generator)]
        return steps

    def extra_steps(self, done: int) -> int:
        if self.config.scoring_end <= done < self.config.epochs:
            return len(self.entity_batches(torch.Generator()))
        return 0


#: ``PMFConfig.cross_modality`` -> plan.
BATCH_PLANS = {"joint": JointPlan, "stages": StagedPlan, "off": BatchPlan}
