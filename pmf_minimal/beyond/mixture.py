"""Trained modalities and what propagation knows, compared by evidence (beyond the paper)."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from pmf_minimal.beyond.calibration import PRIOR, learn, match_zscores, reliabilities
from pmf_minimal.beyond.evidence import EvidenceComparison
from pmf_minimal.beyond.propagation import propagate
from pmf_minimal.beyond.self_training import CautiousPairs
from pmf_minimal.beyond.wrong_seeds import drop_wrong_seeds
from pmf_minimal.config import PMFConfig
from pmf_minimal.graphs import GraphPair
from pmf_minimal.model import PMF

#: Name of the modality.
NEIGHBOURS = "neighbours"
#: Width of its features, and how many columns of them tell how well an entity's best match fits: that needs less than a ranking of thousands.
DIM, MATCH_DIM = 1024, 512


class GivenEncoder(nn.Module):
    """Features that are given and not trained, as they are.

    Attributes:
        partner: int64 ``[N]``, the other entity of each pair that the features were propagated from, -1 for all others. It is all that a
            saved model needs.
    """

    def __init__(self, n: int):
        super().__init__()
        self.register_buffer("partner", torch.full((n,), -1))

    def forward(self, features: Tensor, rows: Tensor | None = None) -> Tensor:
        """-> ``[N, d]``, or ``[len(rows), d]`` for the rows asked for."""
        return features if rows is None else features[rows]


class Mixture(PMF):
    """Evidence of the modalities, of which one more is given: ``neighbours``, the features of :func:`propagation.propagate`.

    They are propagated from the seeds and from the pairs that self-training adds, and no loss sees them. While reliability is
    learnt, no validation pair is among these seeds, so that validation pairs are like unknown ones. Afterwards the
    validation pairs join them for prediction. So figures on validation pairs after training flatter, those in the history do not.

    Example:
        >>> from pmf_minimal import fit, load
        >>> run = fit(load("emoji/fr_en"), model="mixture", epochs=1, iterative_epochs=0, progress=False)
        >>> run.embeddings()["neighbours"].shape
        torch.Size([6120, 1024])
    """

    title, ablated = "Mixture", "the neighbours by propagation"

    def __init__(self, graphs: GraphPair, config: PMFConfig):
        graphs = copy.copy(graphs)
        shape = (graphs.num_nodes, DIM)
        graphs.features = graphs.features | {NEIGHBOURS: torch.zeros(()).expand(shape)}
        graphs.masks = graphs.masks | {NEIGHBOURS: torch.zeros(graphs.num_nodes, dtype=torch.bool)}
        super().__init__(graphs, config)
        self.computed_from, self.learning = None, False
        if NEIGHBOURS in self.modalities:
            self.fillings.pop(NEIGHBOURS, None)
            self.fusion = replace(self.fusion, collector="pmf_minimal.beyond.mixture:PairsForMixture")
            self._relevance.copy_(self._masks)  # the other comparison had begun to weigh them
            self.comparison = MixtureComparison(self)
            self.use(graphs.train)

    @classmethod
    def resolve_config(cls, config: PMFConfig) -> PMFConfig:
        """Evidence, nothing frozen, and the modality ``neighbours`` where structure counts, unless it is to be taken away."""
        others = [m for m in config.modalities if m != NEIGHBOURS]
        with_neighbours = not config.ablate and {"structure", NEIGHBOURS} & set(config.modalities)
        config = config.with_modalities([*others, NEIGHBOURS] if with_neighbours else others)
        return config.replace(scoring="off", freezing="off", fusion="evidence", cross_modality="off")

    @classmethod
    def prepare(cls, graphs: GraphPair, config: PMFConfig) -> GraphPair:
        """Without the seeds that are probably wrong; see :func:`wrong_seeds.drop_wrong_seeds`.

        Relations do not count: by them an entity's neighbours are told apart already.
        """
        if NEIGHBOURS not in config.modalities:
            return graphs
        given = tuple(m for m in config.modalities if m in graphs.features and m != "relation")
        return drop_wrong_seeds(graphs, given, config.seed)

    def encoder(self, modality: str) -> nn.Module:
        return GivenEncoder(self.graphs.num_nodes) if modality == NEIGHBOURS else super().encoder(modality)

    def use(self, pairs: Tensor) -> None:
        """Propagate from these pairs, int64 ``[P, 2]``, from the next :meth:`encode` on."""
        partner = self.encoders[NEIGHBOURS].partner
        left, right = pairs.to(partner.device).T
        partner.fill_(-1)
        partner[left], partner[right] = right, left

    def refresh(self) -> None:
        """Compute the features anew if the pairs have changed since."""
        if NEIGHBOURS not in self.modalities:
            return
        partner, graphs = self.encoders[NEIGHBOURS].partner.cpu(), self.graphs
        if self.computed_from is not None and self.computed_from.equal(partner):
            return
        left = (partner[: graphs.n_left] >= 0).nonzero().ravel()
        pairs = torch.stack([left, partner[left]], dim=1)
        graphs.features[NEIGHBOURS] = None  # the old ones, which are large, go first
        x = propagate(graphs, pairs, dim=DIM, seed=self.config.seed, returning=False)
        graphs.features[NEIGHBOURS], graphs.masks[NEIGHBOURS] = x, (x != 0).any(dim=1)
        self.masks[NEIGHBOURS].copy_(graphs.masks[NEIGHBOURS])
        self.active[NEIGHBOURS].copy_(graphs.masks[NEIGHBOURS])
        self.comparison.features_changed(self)
        self.computed_from = partner.clone()

    def encode(self, rows: Tensor | None = None) -> dict[str, Tensor]:
        """As :meth:`EntityAligner.encode`; where losses are computed, without what is given."""
        self.refresh()
        h = super().encode(rows)
        if self.learning:
            h.pop(NEIGHBOURS, None)
        return h

    def losses(
        self, pairs: Tensor | None, entities: tuple[Tensor, Tensor] | None = None
    ) -> dict[tuple[str, ...], Tensor]:
        """As :meth:`PMF.losses`; nothing is to be learnt where the neighbours are all there is."""
        self.learning = True
        try:
            return super().losses(pairs, entities)
        finally:
            self.learning = False

    def steps(self, batches: int) -> int:
        return batches if set(self.modalities) - {NEIGHBOURS} else 0

    def calibrate(self) -> None:
        """Learn reliabilities from the validation pairs as if they were unknown; then they join the seeds."""
        super().calibrate()
        if NEIGHBOURS in self.modalities:
            partner = self.encoders[NEIGHBOURS].partner
            left = (partner[: self.graphs.n_left] >= 0).nonzero().ravel()
            self.use(torch.cat([torch.stack([left, partner[left]], dim=1), self.graphs.valid]))


class MixtureComparison(EvidenceComparison):
    """Evidence of modalities of which one has features that change between rounds, and another width.

    Attributes:
        learnt: float ``[modalities, 3]``, what :func:`calibration.learn` gives; at first what is believed before any pair is seen.
    """

    def __init__(self, model: Mixture):
        super().__init__(model)
        self.widths = [DIM if m == NEIGHBOURS else model.config.dim for m in model.modalities]
        self.register_buffer("learnt", PRIOR[0].repeat(len(model.modalities), 1))

    @torch.no_grad()
    def calibrate(self, model: Mixture) -> None:
        h, graphs = model.encode(), model.graphs
        changing = {m: x for m, x in h.items() if m not in graphs.features}
        fixed = {m: graphs.features[m] for m in h if m in graphs.features and m not in self.zscores}
        self.zscores |= match_zscores(fixed, graphs)
        z = self.zscores | match_zscores(changing, graphs)
        self.learnt.copy_(learn(h, graphs, model.config.seed, z))
        self.temperatures.copy_(self.learnt[:, 0].exp())
        for m, w in reliabilities(self.learnt, {m: z[m] for m in h}, graphs).items():
            model.relevance[m].copy_(w)

    def features_changed(self, model: Mixture) -> None:
        """Apply what was learnt to the new features."""
        graphs, k = model.graphs, model.modalities.index(NEIGHBOURS)
        self.zscores |= match_zscores({NEIGHBOURS: graphs.features[NEIGHBOURS][:, :MATCH_DIM]}, graphs)
        w = reliabilities(self.learnt[k : k + 1], {NEIGHBOURS: self.zscores[NEIGHBOURS]}, graphs)
        model.relevance[NEIGHBOURS].copy_(w[NEIGHBOURS])


class PairsForMixture(CautiousPairs):
    """Cautious pairs, from which the neighbours are propagated anew."""

    def learn_reliability(self, model: Mixture) -> None:
        model.comparison.calibrate(model)  # the validation pairs do not join the seeds yet

    def collect(self, model: Mixture) -> dict[str, float]:
        row = super().collect(model)
        model.use(self.train)
        return row
