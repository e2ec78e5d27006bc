"""The model: encoders, relevance, freezing and fusion put together. It computes nothing of its own."""

from __future__ import annotations

import copy
from functools import partial
from itertools import combinations
from pkgutil import resolve_name

import torch
from torch import Tensor, nn

from pmf_minimal.config import RELEASED, MatchingConfig, PMFConfig
from pmf_minimal.encoders import MISSING, LinearEncoder, StructureEncoder
from pmf_minimal.errors import DataError
from pmf_minimal.freezing import FREEZING, active
from pmf_minimal.fusion import FUSIONS, fuse
from pmf_minimal.graphs import GraphPair
from pmf_minimal.losses import LOSS_WEIGHTS, CrossGraphLoss, CrossModalityLoss, total_loss
from pmf_minimal.relevance import SCORERS, SCORING_CANDIDATES
from pmf_minimal.scale.blockwise import PairScores
from pmf_minimal.scale.sampling import sample_neighbourhood


def policy(choices: dict, name: str):
    """The policy of that name; one that is no part of the paper is registered by its import path and loaded here."""
    return resolve_name(choices[name]) if isinstance(choices[name], str) else choices[name]


class EntityAligner(nn.Module):
    """A model for one pair of graphs: an embedding of every entity in every modality, and a joint one.

    As it stands it counts all modalities alike; a model adds its losses and, if it has them, weights and encoders of its own.

    Args:
        graphs: the pair, with its split; the model learns a vector for each of its entities and serves no other graphs.
        config: every choice.

    Raises:
        DataError: the graphs have none of the modalities.

    Attributes:
        modalities: those of the configuration that the graphs have and the model can use.
        masks: modality -> bool ``[N]``, which features take part at all.
        relevance: modality -> float ``[N]``, w of the last scoring; the mask before the first, or where nothing is scored.
        active: modality -> bool ``[N]``, F of Eq. (5), False where a feature is frozen.
        generator: source of the initial values, then of an epoch's random draws; on the CPU.
    """

    #: How tables and figures call it; what ``config.ablate`` takes away; the modalities that it can use, None for all;
    #: and what its authors' code sets, where our training has a field for it.
    title, ablated, uses, published = "", "", None, {}

    def __init__(self, graphs: GraphPair, config: PMFConfig):
        super().__init__()
        self.graphs, self.config = graphs, config
        usable = [m for m in config.modalities if self.uses is None or m in self.uses]
        self.modalities = tuple(m for m in usable if m in graphs.modalities)
        if not self.modalities:
            raise DataError(f"{graphs.name} has none of {', '.join(usable)}; it has {', '.join(graphs.modalities)}")
        self.generator = torch.Generator().manual_seed(config.seed)
        # A list, since names of modalities are free and a module's are not.
        self._encoders = nn.ModuleList(self.encoder(m) for m in self.modalities)
        self.missing, self.fusion = policy(MISSING, config.missing)(), FUSIONS[config.fusion]
        here = torch.stack([graphs.mask(m).cpu() for m in self.modalities])
        given = {m: graphs.features[m].cpu() for m in self.modalities if m in graphs.features}
        self.fillings = self.missing.fillings(given, dict(zip(self.modalities, here, strict=True)), self.generator)
        here = here if self.missing.masks else torch.ones_like(here)
        self.register_buffer("_masks", here, persistent=False)
        self.register_buffer("_relevance", here.float())
        self.register_buffer("_active", here.clone())
        self.comparison = resolve_name(self.fusion.comparison)(self)

    def _apply(self, fn, recurse: bool = True):
        """The graphs move to another device with the model."""
        super()._apply(fn, recurse)
        self.graphs = copy.copy(self.graphs).apply(lambda x: x.to(self._masks.device))
        self.fillings = {m: x.to(self._masks.device) for m, x in self.fillings.items()}
        return self

    def _by_modality(self, rows) -> dict[str, Tensor]:
        return dict(zip(self.modalities, rows, strict=True))  # rows are views: writing into one writes the buffer

    encoders = property(lambda self: self._by_modality(self._encoders), doc="modality -> its encoder")
    masks = property(lambda self: self._by_modality(self._masks), doc="modality -> bool [N]")
    relevance = property(lambda self: self._by_modality(self._relevance), doc="modality -> float [N]")
    active = property(lambda self: self._by_modality(self._active), doc="modality -> bool [N]")

    def encoder(self, modality: str) -> nn.Module:
        """A new encoder, called with the features ``[N, d_m]`` and the rows asked for; gives ``[len(rows), d]``."""
        graphs, config = self.graphs, self.config
        if modality == "structure":
            sampler = partial(sample_neighbourhood, fanout=config.fanout) if config.fanout else None
            return StructureEncoder(graphs.edge_index.cpu(), graphs.num_nodes, config.dim, self.generator, sampler)
        once = modality == "relation" and not config.relation_counts
        return LinearEncoder(graphs.features[modality].shape[1], config.dim, self.generator, binary=once)

    @classmethod
    def resolve_config(cls, config: PMFConfig) -> PMFConfig:
        """The configuration without what this model does not have."""
        return config.replace(scoring="off", freezing="off", fusion="none", cross_modality="off", loss_weights="fixed")

    @classmethod
    def prepare(cls, graphs: GraphPair, config: PMFConfig) -> GraphPair:
        """The graphs as the model learns from them, from those with their split; called before training."""
        return graphs

    def begin_epoch(self, epoch: int, generator: torch.Generator) -> None:
        """Called before each epoch with its number, from 1, and its source of randomness."""
        self.generator = generator
        if "structure" in self.modalities:
            self.encoders["structure"].generator = generator

    def steps(self, batches: int) -> int:
        """Steps of an epoch whose seeds make so many batches; more if it is a pass over something larger."""
        return batches

    def encode(self, rows: Tensor | None = None) -> dict[str, Tensor]:
        """Eq. (1) for every modality: name -> float ``[N, d]``, or ``[len(rows), d]``."""
        out = {}
        for m, encoder in self.encoders.items():
            features = self.graphs.features.get(m)
            out[m] = encoder(features if m not in self.fillings else features + self.fillings[m], rows)
        return out

    def weights(self, embeddings: dict[str, Tensor], rows: Tensor | slice = slice(None)) -> dict[str, Tensor]:
        """What each modality of the given rows counts in the joint embedding: name -> ``[n]``, 0 if it is missing."""
        return {m: mask[rows] for m, mask in self.masks.items()}

    def joint(self, embeddings: dict[str, Tensor], rows: Tensor | slice = slice(None)) -> Tensor:
        """Eq. (8) for the embeddings of the given rows: float ``[n, d · modalities]``."""
        return fuse(embeddings, self.weights(embeddings, rows))

    @torch.no_grad()
    def embed(self) -> dict[str, Tensor]:
        """All embeddings for prediction: every modality, missing features as zero rows, and ``joint``."""
        h = self.encode()
        joint = self.joint(h)
        return {m: x * self.graphs.mask(m)[:, None] for m, x in h.items()} | {"joint": joint}

    def pair_scores(self, left: Tensor, right: Tensor, matching: MatchingConfig) -> PairScores:
        """Scores of joint embeddings, see :class:`scale.comparison.Comparison`."""
        return self.comparison.pair_scores(left, right, matching)

    def calibrate(self) -> None:
        """Learn reliabilities from the validation pairs, if the comparison does so."""
        self.comparison.calibrate(self)

    def losses(
        self, pairs: Tensor | None, entities: tuple[Tensor, Tensor] | None = None
    ) -> dict[tuple[str, ...], Tensor]:
        """Every part of the loss on one batch: name -> scalar, see ``losses``.

        Args:
            pairs: int64 ``[P, 2]``, seeds for L_CKG, or None.
            entities: rows ``[B]`` of the left and ``[B']`` of the right graph for L_CM, or None.
        """
        raise TypeError(f"{type(self).__name__} has no losses: it cannot be trained")

    def total_loss(self, parts: dict[tuple[str, ...], Tensor]) -> Tensor:
        """The loss as one number."""
        return sum(parts.values())

    def frozen_shares(self) -> dict[str, float]:
        """``frozen <modality>`` -> share of its features that are frozen, among the entities that have one."""
        here = {m: self.graphs.mask(m) for m in self.modalities}
        return {f"frozen {m}": float((x & ~self.active[m]).sum() / x.sum().clamp(min=1)) for m, x in here.items()}


class PMF(EntityAligner):
    """Progressive modality freezing for one pair of graphs.

    Raises a DataError if an oracle shall score and the truth is not known.

    Example:
        >>> from pmf_minimal.datasets import load
        >>> model = PMF(load("emoji/fr_en").split(0), PMFConfig(dim=8))
        >>> {name: tuple(h.shape) for name, h in model.embed().items()}["joint"]
        (3312, 32)
    """

    title, ablated, published = "PMF", "scores, freezing, fusion by relevance and L_CM", RELEASED

    def __init__(self, graphs: GraphPair, config: PMFConfig):
        if config.scoring != "off" and config.scorer == "oracle" and "relevant" not in graphs:
            raise DataError(
                f"{graphs.name}: which features are relevant is not known here, so scorer=oracle is impossible"
            )
        super().__init__(graphs, config)
        self.scorer = policy(SCORERS, config.scorer)(policy(SCORING_CANDIDATES, config.candidates_in_scoring))
        self.freezing = policy(FREEZING, config.freezing)
        self.cross_graph = CrossGraphLoss(config.temperature, config.symmetric)
        self.cross_modality = CrossModalityLoss(config.beta, config.temperature, config.cross_modality_negatives)
        names = [
            *((m,) for m in self.modalities),
            ("joint",),
            *(("cross", *pq) for pq in combinations(self.modalities, 2)),
        ]
        self.weighting = policy(LOSS_WEIGHTS, config.loss_weights)(names)
        if config.compile:  # batches differ in size, since not every entity has every modality: one code for all sizes
            self.cross_graph.pair_loss = torch.compile(self.cross_graph.pair_loss, dynamic=True)
            self.cross_modality.entity_loss = torch.compile(self.cross_modality.entity_loss, dynamic=True)

    @classmethod
    def resolve_config(cls, config: PMFConfig) -> PMFConfig:
        return super().resolve_config(config) if config.ablate else config

    def weights(self, embeddings: dict[str, Tensor], rows: Tensor | slice = slice(None)) -> dict[str, Tensor]:
        """w of Eq. (8) for the given rows: name -> ``[n]``."""
        return {m: self.fusion.weights(w[rows], self.masks[m][rows]) for m, w in self.relevance.items()}

    @torch.no_grad()
    def score(self, thresholds: dict[str, float], generator: torch.Generator) -> None:
        """Eq. (2) to (6): measure relevance anew, given delta of each modality, and decide what is frozen from now on."""
        for m, h in self.encode().items():
            h = self.missing.scored(h, self.graphs.mask(m))
            w = self.scorer(h, m, self.graphs, thresholds[m], generator)
            if not self.config.thaw:
                w = w * self.active[m]
            self.relevance[m].copy_(w)
            self.active[m].copy_(active(w))

    def losses(
        self, pairs: Tensor | None, entities: tuple[Tensor, Tensor] | None = None
    ) -> dict[tuple[str, ...], Tensor]:
        """Every part of Eq. (9) on one batch; see :meth:`EntityAligner.losses`."""
        asked = ([] if pairs is None else [*pairs.T]) + ([] if entities is None else [*entities])
        # Only the rows of this batch are encoded, each once.
        rows, where = torch.cat(asked).unique(return_inverse=True)
        parts = where.split([len(a) for a in asked])
        h = self.encode(rows)
        trains, mask = ({m: x[rows] for m, x in every.items()} for every in (self.active, self.masks))
        h = {m: self.freezing.embedding(x, trains[m]) for m, x in h.items()}
        if self.config.dtype == "bfloat16":
            h = {m: x.bfloat16() for m, x in h.items()}
        counted = {m: self.freezing.counted(trains[m], mask[m]) for m in h}
        out = {}
        if pairs is not None:
            out |= self.cross_graph(h, *parts[:2], mask, counted)
            out |= self.cross_graph.joint(self.joint(h, rows), *parts[:2])
        if entities is not None:
            out |= self.cross_modality(h, parts[-2:], mask, counted)
        return out

    def total_loss(self, parts: dict[tuple[str, ...], Tensor]) -> Tensor:
        """Eq. (9) from the parts, weighed as the configuration has it."""
        parts = self.weighting(parts)
        cross_modality = [x for name, x in parts.items() if name[0] == "cross"]
        cross_graph = [x for name, x in parts.items() if name[0] != "cross"]
        return total_loss(sum(cross_modality), sum(cross_graph))
