"""The systems by name. A system of your own is one more entry: a class, or its import path as a string."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING

from pmf_minimal.scale.settings import short

if TYPE_CHECKING:
    from pmf_minimal.config import PMFConfig
    from pmf_minimal.graphs import GraphPair
    from pmf_minimal.model import EntityAligner

#: ``PMFConfig.model`` -> class or import path.
SYSTEMS: dict[str, type[EntityAligner] | str] = {
    "pmf": "pmf_minimal.model:PMF",
    "eva": "pmf_minimal.baselines.eva:EVA",
    "mclea": "pmf_minimal.baselines.mclea:MCLEA",
    "meaformer": "pmf_minimal.baselines.meaformer:MEAformer",
    "umaea": "pmf_minimal.baselines.umaea:UMAEA",
    "msnea": "pmf_minimal.baselines.msnea:MSNEA",
    "mmea": "pmf_minimal.baselines.mmea:MMEA",
    "propagation": "pmf_minimal.beyond.neighbours:Propagation",
    "mixture": "pmf_minimal.beyond.mixture:Mixture",
}


def find(name: str) -> type[EntityAligner]:
    """The class of the system of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in SYSTEMS:
        raise ValueError(f"model={short(name)}: choose one of {', '.join(sorted(SYSTEMS))}")
    system = SYSTEMS[name]
    return resolve_name(system) if isinstance(system, str) else system


def build(graphs: GraphPair, config: PMFConfig) -> EntityAligner:
    """A new model as the configuration has it."""
    return find(config.model)(graphs, config)


def published(name: str) -> PMFConfig:
    """The settings of a system's own authors, where our training has a field for them; the paper's elsewhere."""
    from pmf_minimal.config import PRESETS  # the registry itself needs nothing, so that anything can name a system

    model = find(name)
    return model.resolve_config(PRESETS["paper"].replace(model=name, **model.published))
