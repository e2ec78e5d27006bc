"""What all models of this book share, and the register where they are found by name."""

from __future__ import annotations

import importlib
import pkgutil

import torch
from torch import Tensor, nn

from pmf_minimal.config import PRESETS, PMFConfig
from pmf_minimal.encoders import LinearEncoder, StructureEncoder
from pmf_minimal.errors import DataError
from pmf_minimal.fusion import fuse
from pmf_minimal.graphs import GraphPair

#: name -> model; every file under ``baselines/`` adds its own when it is imported.
MODELS: dict[str, type[Aligner]] = {}


class Aligner(nn.Module):
    """A model for one pair of graphs: an embedding of every entity in every modality, and a joint one.

    As it stands it has an encoder for each modality and counts all of them alike; a model adds its losses and, if it has them, weights,
    encoders and random draws of its own.

    Args:
        graphs: the pair; the model learns for its entities and serves no other graphs.
        config: every choice.

    Raises:
        DataError: the graphs have none of the modalities.

    Attributes:
        modalities: those of the configuration that the graphs have and the model can use.
        present: modality -> float ``[N]``, 1 where the feature takes part at all.
        relevance: modality -> float ``[N]``, score of a feature; presence where a model scores nothing.
        active: modality -> bool ``[N]``, False where a feature is frozen.
        temperatures: float ``[modalities]`` of :class:`evidence.Evidence`, if joint embeddings are to be compared by it, or None.
        generator: source of the initial values, then of an epoch's random draws; on the CPU.
    """

    #: How tables and figures call it.
    title = ""
    #: What ``config.ablate = True`` takes away.
    ablated = ""
    #: The modalities that it can use; None for all.
    uses: tuple[str, ...] | None = None
    #: What its authors' code sets, where our training has a field for it.
    published: dict = {}

    def __init__(self, graphs: GraphPair, config: PMFConfig):
        super().__init__()
        self.config = config
        self.modalities = tuple(
            m for m in config.modalities if m in graphs.modalities and (self.uses is None or m in self.uses)
        )
        if not self.modalities:
            raise DataError(
                f"{graphs.name} has none of {', '.join(config.modalities)}; it has {', '.join(graphs.modalities)}"
            )
        self.generator = torch.Generator().manual_seed(config.seed)
        self.encoders = nn.ModuleDict({m: self.encoder(m, graphs) for m in self.modalities})
        self.register_buffer("temperatures", None)
        self._start(graphs)

    def _start(self, graphs: GraphPair) -> None:
        """What is there, what it scores and what trains before the first scoring."""
        for m in self.modalities:
            here = graphs.presence(m).cpu()
            if self.config.missing == "noise" and not here.all():
                # A missing feature is drawn around the mean of those that are there.
                x = graphs.features[m].cpu()
                noise = torch.randn(x.shape, generator=self.generator) * x[here].std(dim=0) + x[here].mean(dim=0)
                self.register_buffer(f"noise_{m}", torch.where(here[:, None], 0, noise), persistent=False)
            if self.config.missing != "mask":  # what is put in the place of a missing feature passes for one
                here = torch.ones_like(here)
            self.register_buffer(f"present_{m}", here.float(), persistent=False)
            self.register_buffer(f"relevance_{m}", here.float())
            self.register_buffer(f"active_{m}", here.clone())

    def encoder(self, modality: str, graphs: GraphPair) -> nn.Module:
        """A new encoder, called with the features ``[N, d_m]`` and the rows asked for; gives ``[len(rows), d]``."""
        if modality == "structure":
            edges, n = graphs.edge_index.cpu(), graphs.num_nodes
            return StructureEncoder(edges, n, self.config.dim, self.generator, self.config.fanout)
        once = modality == "relation" and not self.config.relation_counts
        return LinearEncoder(graphs.features[modality].shape[1], self.config.dim, self.generator, binary=once)

    @classmethod
    def resolve_config(cls, config: PMFConfig) -> PMFConfig:
        """The configuration without what this model does not have."""
        return config.replace(scoring="off", freezing="off", fusion="none", cross_modality="off", loss_weights="fixed")

    def begin_epoch(self, epoch: int, generator: torch.Generator) -> None:
        """Called before each epoch with its number, from 1, and its source of randomness."""
        self.generator = generator
        if "structure" in self.encoders:
            self.encoders["structure"].generator = generator

    def steps(self, batches: int) -> int:
        """Steps of an epoch, of which the seeds make so many batches; more where it is a pass over something larger."""
        return batches

    def score(self, graphs: GraphPair, thresholds: dict[str, float], generator: torch.Generator) -> None:
        """Measure relevance anew; only some models do."""
        raise NotImplementedError

    def calibrate(self, graphs: GraphPair) -> None:
        """Learn from the validation pairs how far to trust what was learnt; only some models do."""

    @property
    def present(self) -> dict[str, Tensor]:
        return {m: self.get_buffer(f"present_{m}") for m in self.modalities}

    @property
    def relevance(self) -> dict[str, Tensor]:
        return {m: self.get_buffer(f"relevance_{m}") for m in self.modalities}

    @property
    def active(self) -> dict[str, Tensor]:
        return {m: self.get_buffer(f"active_{m}") for m in self.modalities}

    def encode(self, graphs: GraphPair, rows: Tensor | None = None) -> dict[str, Tensor]:
        """Eq. (1) for every modality: name -> float ``[N, d]``, or ``[len(rows), d]``."""
        out = {}
        for m, encoder in self.encoders.items():
            noise = getattr(self, f"noise_{m}", None)
            out[m] = encoder(graphs.features.get(m) if noise is None else graphs.features[m] + noise, rows)
        return out

    def weights(self, embeddings: dict[str, Tensor], rows: Tensor | slice = slice(None)) -> dict[str, Tensor]:
        """What each modality of the given rows counts in the joint embedding: name -> float ``[n]``, 0 if it is missing."""
        return {m: here[rows] for m, here in self.present.items()}

    def joint(self, embeddings: dict[str, Tensor], rows: Tensor | slice = slice(None)) -> Tensor:
        """Joint embedding of the given rows from their embeddings: float ``[n, d · modalities]``."""
        return fuse(embeddings, self.weights(embeddings, rows))

    def batch(self, graphs: GraphPair, pairs: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
        """Embeddings of the entities of some pairs, each encoded once.

        Returns:
            modality -> float ``[n, d]``; the rows ``[n]`` that they belong to; and where among them each pair has its left
            and its right entity, int64 ``[P]``.
        """
        rows, where = pairs.T.ravel().unique(return_inverse=True)
        return self.encode(graphs, rows), rows, *where.split(len(pairs))

    def pairs_with_modality(self, rows: Tensor, left: Tensor, right: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Modality -> where the left and the right entity stand, for those pairs of a batch of which both have it.

        Modalities of fewer than two such pairs are left out: there is nothing to tell apart.
        """
        out = {}
        for m, here in self.present.items():
            both = (here[rows[left]] * here[rows[right]]).bool()
            if both.sum() > 1:
                out[m] = left[both], right[both]
        return out

    def losses(
        self, graphs: GraphPair, pairs: Tensor | None, entities: tuple[Tensor, Tensor] | None
    ) -> dict[str, Tensor]:
        """Every part of the loss on one batch.

        Args:
            graphs: the pair.
            pairs: int64 ``[P, 2]``, seeds.
            entities: rows ``[B]`` of the left and ``[B']`` of the right graph for a cross-modality loss, where the model has one.

        Returns:
            name -> scalar.
        """
        raise NotImplementedError

    def total_loss(self, parts: dict[str, Tensor]) -> Tensor:
        """The loss as one number."""
        return sum(parts.values())

    @torch.no_grad()
    def embed(self, graphs: GraphPair) -> dict[str, Tensor]:
        """All embeddings for prediction: every modality, missing features as zero rows, and ``joint``."""
        h = self.encode(graphs)
        joint = self.joint(h)
        return {m: x * graphs.presence(m)[:, None] for m, x in h.items()} | {"joint": joint}


def register(name: str):
    """Enter a model under a name, by which ``PMFConfig(model=name)`` finds it."""

    def enter(model: type[Aligner]) -> type[Aligner]:
        MODELS[name] = model
        return model

    return enter


def find(name: str) -> type[Aligner]:
    """The model of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in MODELS:
        importlib.import_module("pmf_minimal.model")
        package = importlib.import_module("pmf_minimal.baselines")
        for file in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"pmf_minimal.baselines.{file.name}")
    if name not in MODELS:
        raise ValueError(f"model={name!r}: choose one of {', '.join(sorted(MODELS))}")
    return MODELS[name]


def build(graphs: GraphPair, config: PMFConfig) -> Aligner:
    """A new model as the configuration has it."""
    return find(config.model)(graphs, config)


def published(name: str) -> PMFConfig:
    """The settings of a system's own authors, where our training has a field for them; the paper's elsewhere."""
    model = find(name)
    return model.resolve_config(PRESETS["paper"].replace(model=name, **model.published))
