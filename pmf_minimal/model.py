"""The model: encoders, relevance, freezing and fusion put together. It computes nothing of its own."""

from __future__ import annotations

from functools import cached_property
from itertools import combinations

import torch
from torch import Tensor, nn

from pmf_minimal import freezing, losses, relevance
from pmf_minimal.aligner import Aligner, register
from pmf_minimal.beyond import evidence
from pmf_minimal.config import RELEASED, PMFConfig
from pmf_minimal.errors import DataError
from pmf_minimal.fusion import fuse
from pmf_minimal.graphs import GraphPair


def _compiled(function, config: PMFConfig):
    # Batches differ in size, since not every entity has every modality: one code for all sizes.
    return torch.compile(function, dynamic=True) if config.compile else function


@register("pmf")
class PMF(Aligner):
    """Progressive modality freezing for one pair of graphs.

    Args:
        graphs: the pair; the model learns a vector for each of its entities and serves no other graphs.
        config: every choice.

    Raises:
        DataError: the graphs have none of the modalities, or scoring by an oracle has no truth to look at.

    Attributes:
        modalities: those of the configuration that the graphs have.
        present: modality -> float ``[N]``, 1 where the feature takes part at all.
        relevance: modality -> float ``[N]``, w of the last scoring; presence before the first.
        active: modality -> bool ``[N]``, F of Eq. (5).
    """

    title = "PMF"
    ablated = "scores, freezing, fusion by relevance and L_CM"
    published = RELEASED

    def __init__(self, graphs: GraphPair, config: PMFConfig):
        if config.scoring == "oracle" and "relevant" not in graphs:
            raise DataError(
                f"{graphs.name}: which features are relevant is not known here, so scoring='oracle' is impossible"
            )
        super().__init__(graphs, config)
        # Kendall et al. (2018): a log-variance for every loss, one per modality, the joint and each pair.
        names = [*self.modalities, "joint", *("-".join(pair) for pair in combinations(self.modalities, 2))]
        self.log_variance = nn.ParameterDict({n: nn.Parameter(torch.zeros(())) for n in names})
        self.log_variance.requires_grad_(config.loss_weights == "learned")
        if config.fusion == "evidence":
            self.temperatures = torch.full((len(self.modalities),), config.temperature)
            for w in self.relevance.values():
                w.mul_(evidence.PRIOR_RELIABILITY)
        self._zscores: dict[str, Tensor] = {}

    @classmethod
    def resolve_config(cls, config: PMFConfig) -> PMFConfig:
        return super().resolve_config(config) if config.ablate else config

    @cached_property
    def alignment_loss(self):
        """``losses.alignment_loss``, compiled if the configuration says so."""
        return _compiled(losses.alignment_loss, self.config)

    @cached_property
    def modality_loss(self):
        """``losses.modality_loss``, compiled if the configuration says so."""
        return _compiled(losses.modality_loss, self.config)

    def weights(self, embeddings: dict[str, Tensor], rows: Tensor | slice = slice(None)) -> dict[str, Tensor]:
        """w of Eq. (8) for the given rows: name -> float ``[n]``."""
        # Plain concatenation takes no notice of what was scored, only of what is there.
        scores = self.present if self.config.fusion == "none" else self.relevance
        return {m: w[rows] for m, w in scores.items()}

    def joint(self, embeddings: dict[str, Tensor], rows: Tensor | slice = slice(None)) -> Tensor:
        """Eq. (8) for the embeddings of the given rows: float ``[n, d · modalities]``."""
        mode = "weights" if self.config.fusion == "evidence" else self.config.fusion
        return fuse(embeddings, self.weights(embeddings, rows), mode)

    def calibrate(self, graphs: GraphPair) -> None:
        if self.temperatures is None:
            return
        if not self._zscores:  # of the given features, once for the whole training
            given = {m: graphs.features[m] for m in self.modalities if m in graphs.features}
            self._zscores = evidence.match_zscores(given, graphs)
        found = evidence.calibrate(self.encode(graphs), graphs, self.config.seed, self._zscores)
        self.temperatures.copy_(found[0])
        for m, w in found[1].items():
            self.relevance[m].copy_(w)

    @torch.no_grad()
    def score(self, graphs: GraphPair, thresholds: dict[str, float], generator: torch.Generator) -> None:
        """Eq. (2) to (6): measure relevance anew and decide what is frozen from now on.

        Args:
            graphs: the pair, with its split.
            thresholds: modality -> delta.
            generator: source of randomness for the control that deals the scores out at random.
        """
        config = self.config
        for m, h in self.encode(graphs).items():
            present = graphs.presence(m)
            if config.scoring == "oracle":
                w = graphs.relevant[m].float() * present
            elif config.candidates_in_scoring == "test":
                unknown = torch.cat([graphs.valid, graphs.test])
                has = h if config.missing == "bias" else h * present[:, None]
                w = relevance.score_linked(has, graphs.train, unknown, thresholds[m]) * present
            else:
                w = relevance.score(h, present, graphs.n_left, thresholds[m])
            if config.scoring == "random":
                w = freezing.shuffle_scores(w, present, graphs.n_left, generator)
            if not config.thaw:
                w = w * self.active[m]
            self.get_buffer(f"relevance_{m}").copy_(w)
            self.get_buffer(f"active_{m}").copy_(freezing.active(w))

    def losses(
        self, graphs: GraphPair, pairs: Tensor | None, entities: tuple[Tensor, Tensor] | None
    ) -> dict[str, Tensor]:
        """Every part of Eq. (9) on one batch.

        Args:
            graphs: the pair.
            pairs: int64 ``[P, 2]``, seeds for L_CKG, or None.
            entities: rows ``[B]`` of the left and ``[B']`` of the right graph for L_CM, or None.

        Returns:
            name -> scalar: a modality or ``joint`` for L_CKG, ``p-q`` for L_CM.
        """
        asked = ([] if pairs is None else [*pairs.T]) + ([] if entities is None else [*entities])
        # Only the rows of this batch are encoded, each once.
        rows, where = torch.cat(asked).unique(return_inverse=True)
        parts = where.split([len(a) for a in asked])
        h = self.encode(graphs, rows)
        active = {m: f[rows] for m, f in self.active.items()}
        if self.config.freezing == "gradient":
            h = {m: freezing.freeze(x, active[m]) for m, x in h.items()}
        has = {m: torch.ones_like(active[m]) for m in h}
        if self.config.missing == "mask":
            has = {m: graphs.presence(m)[rows] for m in h}
        if self.config.dtype == "bfloat16":
            h = {m: x.bfloat16() for m, x in h.items()}
        # Whose own row of a loss counts. With "row" a frozen feature still is a negative for the others (row 7).
        counts = active if self.config.freezing == "row" else has
        out = {}
        if pairs is not None:
            out |= self._cross_graph(h, has, counts, rows, *parts[:2])
        if entities is not None:
            for side in parts[-2:]:
                for name, loss in self._cross_modality(h, has, counts, side).items():
                    out[name] = out.get(name, 0) + loss
        return out

    def _cross_graph(self, h, has, counts, rows, left, right) -> dict[str, Tensor]:
        config, out = self.config, {}
        for m, x in h.items():
            both = has[m][left] & has[m][right]
            i, j = left[both], right[both]
            counted = counts[m][i] & counts[m][j]
            # With fewer than two pairs there is nothing to tell apart.
            if len(i) > 1 and counted.any():
                loss = self.alignment_loss(x[i], x[j], config.temperature, config.symmetric)
                out[m] = loss[counted].mean()
        joint = self.joint(h, rows)
        loss = self.alignment_loss(joint[left], joint[right], config.temperature, config.symmetric)
        out["joint"] = loss.mean()
        return out

    def _cross_modality(self, h, has, counts, side) -> dict[str, Tensor]:
        config, out = self.config, {}
        for p, q in combinations(self.modalities, 2):
            both = side[has[p][side] & has[q][side]]
            counted = counts[p][both] & counts[q][both]
            if len(both) > 1 and counted.any():
                loss = self.modality_loss(
                    h[p][both],
                    h[q][both],
                    config.beta[p],
                    config.beta[q],
                    config.temperature,
                    config.cross_modality_negatives,
                )
                out[f"{p}-{q}"] = loss[counted].mean()
        return out

    def total_loss(self, parts: dict[str, Tensor]) -> Tensor:
        """Sum of the losses; with learned weights sum of exp(-s) L + s, s the loss's log-variance (row 12)."""
        if self.config.loss_weights == "learned":
            parts = {n: (-self.log_variance[n]).exp() * x + self.log_variance[n] for n, x in parts.items()}
        cross_modality = [x for n, x in parts.items() if "-" in n]
        cross_graph = [x for n, x in parts.items() if "-" not in n]
        return losses.total_loss(sum(cross_modality), sum(cross_graph))
