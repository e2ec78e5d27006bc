"""Graphs of your own: read them, align them, know how far to rely on the result."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pmf_minimal.own.alignment import Alignment
from pmf_minimal.own.features import read_features
from pmf_minimal.own.frames import from_frames
from pmf_minimal.own.pairs import read_pairs
from pmf_minimal.own.read import read_graph
from pmf_minimal.own.setup import bootstrap_pairs, settings, split_for_application
from pmf_minimal.own.tables import Tables
from pmf_minimal.runs.run import fit
from pmf_minimal.scale.device import pick_device

__all__ = [
    "Alignment",
    "Tables",
    "align",
    "bootstrap_pairs",
    "from_frames",
    "read_features",
    "read_graph",
    "read_pairs",
    "settings",
    "split_for_application",
]


def align(
    left: Tables | pd.DataFrame | str | Path,
    right: Tables | pd.DataFrame | str | Path,
    seeds: pd.DataFrame | list | str | Path | None = None,
    *,
    start: str | None = None,
    precision: float = 0.9,
    device: str = "auto",
    progress: bool = True,
    checkpoint: Path | None = None,
    **changes,
) -> Alignment:
    """Align two graphs of your own.

    Args:
        left, right: file (.nt, .ttl) or folder of tables; or a DataFrame of triples (head, relation, tail); or
            ``own.Tables``, which can hold names, attributes and features too.
        seeds: known pairs: a file, a DataFrame of two columns, or a list of pairs of ids. None if ``start`` is given.
        start: without seeds, guess the first pairs by ``names`` or ``images``.
        precision: that the kept matches should have, by the estimate.
        device, progress, checkpoint: as for :func:`run.fit`.
        changes: fields of the configuration to change, such as ``epochs=30`` or ``seed=1``.

    Returns:
        ``matches`` (all), ``kept`` and ``thresholds``, DataFrames; ``run``; ``save(folder)``.

    Raises:
        DataError: a file or table that cannot be used; too few known pairs.
    """
    if (seeds is None) == (start is None):
        raise ValueError("give known pairs as seeds, or start='names' or 'images' without any; not both")
    both = [_tables(graph) for graph in (left, right)]
    pairs = [] if seeds is None else _pairs(seeds, *both)
    graphs = from_frames(*both, pairs, "your graphs", device=pick_device(device))
    if start:
        graphs.pairs = bootstrap_pairs(graphs, start)
    config = settings(graphs, **changes)
    graphs = split_for_application(graphs, config.seed, config.valid_share)
    return Alignment(fit(graphs, config, device, progress=progress, checkpoint=checkpoint), precision)


def _tables(graph: Tables | pd.DataFrame | str | Path) -> Tables:
    if isinstance(graph, Tables):
        return graph
    return Tables(graph) if isinstance(graph, pd.DataFrame) else read_graph(Path(graph))


def _pairs(seeds: pd.DataFrame | list | str | Path, left: Tables, right: Tables):
    return read_pairs(Path(seeds), left, right) if isinstance(seeds, str | Path) else seeds
