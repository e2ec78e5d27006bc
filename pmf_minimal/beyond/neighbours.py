"""A system that trains nothing: entities are described by the seeds around them, round after round (beyond the paper)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pmf_minimal.beyond.propagation import propagate
from pmf_minimal.beyond.wrong_seeds import drop_wrong_seeds
from pmf_minimal.config import PMFConfig
from pmf_minimal.fusion import Fusion, concatenate
from pmf_minimal.graphs import GraphPair
from pmf_minimal.iterative import Probation, count_common
from pmf_minimal.model import EntityAligner
from pmf_minimal.scale import sparse_matching

#: Width of the features. What is random needs width: the error of a cosine is about one by its square root.
DIM = 2048
#: Rounds with pairs of its own that follow the first, at most; the figures hardly change after the third.
ROUNDS = 4
#: How probable a pair of its own must be, by Sinkhorn's plan.
MIN_PROBABILITY = 0.5


class PropagationEncoder(nn.Module):
    """Features of :func:`propagation.propagate` in the place of a trained encoder.

    Args:
        graphs: the pair, with its split.
        dim: width of the features.
        seed: random seed.

    Attributes:
        partner: int64 ``[N]``, the other entity of each known pair, -1 for all others: all that a saved model needs.
    """

    def __init__(self, graphs: GraphPair, dim: int, seed: int):
        super().__init__()
        self.graphs, self.dim, self.seed = graphs, dim, seed
        self.register_buffer("partner", torch.full((graphs.num_nodes,), -1))
        self.features, self.computed_from = None, None

    def use(self, pairs: Tensor) -> None:
        """Take int64 ``[P, 2]``, rows of pairs, as those that are known."""
        left, right = pairs.to(self.partner.device).T
        self.partner.fill_(-1)
        self.partner[left], self.partner[right] = right, left

    def forward(self, features: None = None, rows: Tensor | None = None) -> Tensor:
        """-> float ``[N, dim]``, or ``[len(rows), dim]`` for the rows asked for."""
        partner = self.partner.cpu()
        if self.computed_from is None or not self.computed_from.equal(partner):
            self.features = None  # the old ones, which are large, go first
            left = (partner[: self.graphs.n_left] >= 0).nonzero().ravel()
            pairs = torch.stack([left, partner[left]], dim=1)
            self.features = propagate(self.graphs, pairs, dim=self.dim, seed=self.seed)
            self.computed_from = partner.clone()
        self.features = self.features.to(self.partner.device)
        return self.features if rows is None else self.features[rows]


class Propagation(EntityAligner):
    """Alignment by propagation alone. An epoch is a round, and all known pairs are seeds, since nothing is chosen by validation.

    The first round knows the seeds. Where the configuration asks for iterative learning, further rounds follow, each with
    the pairs that the round before found (:class:`OwnPairs`).

    Example:
        >>> from pmf_minimal import fit, load
        >>> run = fit(load("emoji/fr_en"), model="propagation", iterative_epochs=0, progress=False)
        >>> run.embeddings()["structure"].shape
        torch.Size([6120, 2048])
    """

    title, ablated, uses, published = "Propagation", "the pairs that it finds by itself", ("structure",), {}

    def __init__(self, graphs: GraphPair, config: PMFConfig):
        super().__init__(graphs, config)
        self.fusion = Fusion(concatenate, collector="pmf_minimal.beyond.neighbours:OwnPairs")
        self.encoders["structure"].use(torch.cat([graphs.train, graphs.valid]))

    @classmethod
    def prepare(cls, graphs: GraphPair, config: PMFConfig) -> GraphPair:
        """Without the seeds that are probably wrong; see :func:`wrong_seeds.drop_wrong_seeds`."""
        return drop_wrong_seeds(graphs, (), config.seed)

    def encoder(self, modality: str) -> PropagationEncoder:
        return PropagationEncoder(self.graphs, self.config.dim, self.config.seed)

    @classmethod
    def resolve_config(cls, config: PMFConfig) -> PMFConfig:
        """With one round, the number of further ones, and all that is trained left out."""
        further = 0 if config.ablate else min(config.iterative_epochs, ROUNDS)
        rounds = {"epochs": 1, "iterative_epochs": further, "iterative_every": 1, "evaluate_every": 1}
        return super().resolve_config(config).replace(**rounds, dim=DIM, selection="last", modalities=("structure",))

    def steps(self, batches: int) -> int:
        """None: there is nothing to train."""
        return 0

    @torch.no_grad()
    def embed(self) -> dict[str, Tensor]:
        """The features, of length 1 already, are the joint embedding too; they are large, and not copied."""
        h = self.encode()
        return h | {"joint": h["structure"]}


class OwnPairs(Probation):
    """After each round but the last: pairs that are each other's best by Sinkhorn's plan, and probable.

    Each round looks for them afresh, so that a wrong pair can be dropped again. Entities without counterpart are matched like
    all others.
    """

    anew = True

    def __init__(self, graphs: GraphPair, config: PMFConfig):
        super().__init__(graphs, config)
        self.seeds = self.train = torch.cat([graphs.train, graphs.valid])

    @torch.no_grad()
    def collect(self, model: Propagation) -> dict[str, float]:
        """As :meth:`Probation.collect`; ``judged`` is how many of the pairs have an entity of a test pair, so that the truth is known."""
        graphs, features = self.graphs, model.embed()["joint"]
        free = (features != 0).any(dim=1)
        free[self.seeds.ravel()] = False
        rows = free.nonzero().ravel()
        left, right = rows[rows < graphs.n_left], rows[rows >= graphs.n_left]
        if not (len(left) and len(right)):
            return {"added": 0, "added correct": 0, "judged": 0}
        plan = sparse_matching.plan(model.pair_scores(features[left], features[right], self.config))
        found = sparse_matching.mutual(plan, MIN_PROBABILITY).to(rows.device)
        pairs = torch.stack([left[found[:, 0]], right[found[:, 1]]], dim=1)
        self.train = torch.cat([self.seeds, pairs])
        model.encoders["structure"].use(self.train)
        judged = torch.isin(pairs[:, 0], graphs.test[:, 0]) | torch.isin(pairs[:, 1], graphs.test[:, 1])
        correct = count_common(pairs, graphs.test, graphs.num_nodes)
        return {"added": len(pairs), "added correct": correct, "judged": int(judged.sum())}
